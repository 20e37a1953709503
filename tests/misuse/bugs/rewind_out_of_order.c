/* Mistake: the outer of two marks is rewound first, then the inner
 * Cure: rewind in reverse order, or let AA_SCRATCH do it */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("solver");
    const aa_mark outer = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    const aa_mark inner = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    (void)aa_mark_rewind(outer);
    (void)aa_alloc(a, 1000);
    (void)aa_mark_rewind(inner);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
