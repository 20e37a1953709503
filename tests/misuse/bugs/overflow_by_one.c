/* Mistake: a loop writes one element past the end
 * Cure: i < count; or AA_AT on a checked array, which verifies every index */
#include "bug.h"

int main(void)
{
    enum { COUNT = 8 };
    aa_allocator *const a = bug_arena("sums");
    double *const x = AA_NEW(a, double, COUNT);
    double *const y = AA_NEW(a, double, COUNT);
    y[0] = 1;
    for (int i = 0; i <= COUNT; ++i) {
        x[i] = 0;
    }
    (void)aa_reset(a);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
