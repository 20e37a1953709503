/* Mistake: a raw pointer is read after the reset of its allocator
 * Cure: borrow with aa_data at each use, or copy what must outlive the reset */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("steps");
    const aa_array best = bug_vector(a, 100, 1);
    const double *const x = best.data;
    (void)aa_reset(a);
    printf("%g\n", x[3]);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
