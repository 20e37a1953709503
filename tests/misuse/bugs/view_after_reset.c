/* Mistake: a view outlives the memory of the array it was cut from
 * Cure: aa_materialize the view, or cut it anew from an array of this round */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("steps");
    const aa_array all = bug_vector(a, 100, 1);
    const aa_array half = aa_slice(&all, &(aa_range){0, 50, 1});
    (void)aa_reset(a);
    const double *const x = aa_data(&half);
    printf("%g\n", x[0]);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
