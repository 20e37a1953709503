/* Mistake: a mark of the last round is rewound after a reset
 * Cure: take a new mark after each reset */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("solver");
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    (void)aa_reset(a);
    (void)aa_alloc(a, 1000);
    (void)aa_mark_rewind(mark);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
