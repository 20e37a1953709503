/* Mistake: an array is read after the reset of its allocator
 * Cure: aa_materialize what must outlive the reset */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("steps");
    const aa_array best = bug_vector(a, 100, 1);
    (void)aa_reset(a);
    const double *const x = aa_data(&best);
    printf("%g\n", x[0]);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
