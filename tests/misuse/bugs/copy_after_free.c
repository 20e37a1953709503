/* Mistake: an array is read through a copy of its variable after it was freed
 * Cure: free when nobody uses it; aa_array_free nulls one variable, not its copies */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("temporaries");
    const aa_array plain = bug_vector(a, 100, 1);
    aa_array x = aa_checked(&plain);
    aa_array y = x;
    (void)aa_array_free(&x);
    const double first = AA_AT(double, &y, 0);
    (void)aa_destroy(a);
    printf("%g\n", first);
    return BUG_UNNOTICED;
}
