/* Mistake: a raw pointer is written after its allocator was destroyed
 * Cure: destroy last */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("steps");
    volatile double *const x = AA_NEW(a, double, 100);
    x[0] = 1;
    (void)aa_destroy(a);
    x[0] = 2;
    return BUG_UNNOTICED;
}
