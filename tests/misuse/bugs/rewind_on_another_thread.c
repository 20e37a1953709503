/* Mistake: a mark is rewound by another thread than the one that took it
 * Cure: a mark is its thread's; rewind it there */
#include "bug.h"

static void *rewinds(void *mark)
{
    (void)aa_mark_rewind(*(const aa_mark *)mark);
    return NULL;
}

int main(void)
{
    aa_allocator *const a = bug_shared("solver");
    aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    bug_on_thread(rewinds, &mark);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
