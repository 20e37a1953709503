/* Mistake: memory is asked of an allocator that was destroyed
 * Cure: destroy last, and set the variable to NULL */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("steps");
    (void)aa_alloc(a, 100);
    (void)aa_destroy(a);
    (void)aa_alloc(a, 100);
    return BUG_UNNOTICED;
}
