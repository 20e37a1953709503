/* Mistake: an array is used when its allocator is gone
 * Cure: destroy last, or aa_materialize what must outlive the allocator */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("steps");
    const aa_array x = bug_vector(a, 100, 1);
    (void)aa_destroy(a);
    const double *const data = aa_data(&x);
    printf("%g\n", data[0]);
    return BUG_UNNOTICED;
}
