/* Mistake: an allocator is destroyed twice
 * Cure: one owner destroys it, and sets the variable to NULL: aa_destroy(NULL) is fine */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("steps");
    (void)aa_alloc(a, 100);
    (void)aa_destroy(a);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
