/* Mistake: index -1 of a checked array, as Python would allow
 * Cure: the last element is shape[0] - 1 */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("sums");
    const aa_array plain = bug_vector(a, 8, 1);
    aa_array x = aa_checked(&plain);
    AA_AT(double, &x, -1) = 2;
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
