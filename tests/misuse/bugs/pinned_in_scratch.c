/* Mistake: an array made in a scratch is still pinned when the scratch ends
 * Cure: aa_unpin before, or make the array outside */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("solver");
    AA_SCRATCH(a) {
        const aa_array x = bug_vector(a, 100, 1);
        (void)aa_pin(&x);
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
