/* Mistake: an error handler's longjmp leaves a scope open; its allocator is destroyed and still current
 * Cure: return out of the scope; no longjmp over AA_WITH */
#include "bug.h"

#include <setjmp.h>

static jmp_buf handler;

static void fails(aa_allocator *a)
{
    AA_WITH(a) {
        (void)bug_vector(AA_CURRENT, 100, 1);
        longjmp(handler, 1);
    }
}

int main(void)
{
    aa_allocator *const a = bug_arena("attempt");
    if (setjmp(handler) == 0) {
        fails(a);
    }
    (void)aa_destroy(a);
    aa_array x = bug_vector(AA_CURRENT, 100, 1);
    (void)aa_array_free(&x);
    return BUG_UNNOTICED;
}
