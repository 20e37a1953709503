/* Mistake: a loop downwards writes element -1
 * Cure: i >= 0; or AA_AT on a checked array, which verifies every index */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("sums");
    double *const x = AA_NEW(a, double, 8);
    double *const y = AA_NEW(a, double, 8);
    x[7] = 1;
    for (int i = 7; i >= -1; --i) {
        y[i] = 0;
    }
    (void)aa_reset(a);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
