/* Mistake: memory of the C library is given to aa_free
 * Cure: free() for malloc(), aa_free with the allocator that gave the memory */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("temporaries");
    (void)aa_alloc(a, 100);
    void *const p = malloc(100);
    aa_free(a, p, 100);
    const int ending = bug_refused();
    free(p);
    (void)aa_destroy(a);
    return ending;
}
