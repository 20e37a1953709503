/* Mistake: one mark is rewound twice, as by an error path that falls through to the normal one
 * Cure: rewind once; AA_SCRATCH does it on every way out */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("solver");
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    (void)aa_mark_rewind(mark);
    (void)aa_alloc(a, 1000);
    (void)aa_mark_rewind(mark);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
