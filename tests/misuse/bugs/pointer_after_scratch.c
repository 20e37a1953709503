/* Mistake: a raw pointer into a scratch is read after it
 * Cure: allocate before the scratch what it leaves behind */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("solver");
    double *x = NULL;
    AA_SCRATCH(a) {
        x = AA_NEW(a, double, 100);
        x[3] = 1;
    }
    const double result = x[3];
    (void)aa_destroy(a);
    return bug_result(result);
}
