/* Mistake: elements of type double are read as float
 * Cure: the type that the array's dtype says */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("sums");
    const aa_array plain = bug_vector(a, 8, 1);
    aa_array x = aa_checked(&plain);
    const float first = AA_AT(float, &x, 0);
    (void)aa_destroy(a);
    printf("%g\n", (double)first);
    return BUG_UNNOTICED;
}
