/* Mistake: memory of one arena is given to the aa_free of another
 * Cure: aa_array_free, which knows where the memory came from */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("first"), *const b = bug_arena("second");
    void *const p = aa_alloc(a, 100);
    (void)aa_alloc(b, 100);
    aa_free(b, p, 100);
    const int ending = bug_refused();
    (void)aa_destroy(b);
    (void)aa_destroy(a);
    return ending;
}
