/* Mistake: a thread allocates from an arena that another thread owns
 * Cure: a shared or private allocator, or aa_arena_adopt by the new owner */
#include "bug.h"

static void *allocates(void *a)
{
    double *const x = AA_NEW(a, double, 100);
    x[0] = 1;
    return NULL;
}

int main(void)
{
    aa_allocator *const a = bug_arena("of main");
    bug_on_thread(allocates, a);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
