/* Mistake: memory of an arena is freed twice
 * Cure: free once; a reset or scratch frees all of a round anyway */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("temporaries");
    void *const p = aa_alloc(a, 100);
    aa_free(a, p, 100);
    aa_free(a, p, 100);
    const int ending = bug_refused();
    (void)aa_destroy(a);
    return ending;
}
