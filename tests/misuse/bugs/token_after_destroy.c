/* Mistake: a thread opens a captured scope when its allocator is gone
 * Cure: join what holds tokens before the allocator is destroyed */
#include "bug.h"

static void *works(void *token)
{
    AA_TASK(*(const aa_token *)token) {
        aa_array x = bug_vector(AA_CURRENT, 100, 1);
        (void)aa_array_free(&x);
    }
    return NULL;
}

int main(void)
{
    aa_allocator *const a = bug_shared("work");
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    (void)aa_destroy(a);
    bug_on_thread(works, &token);
    return BUG_UNNOTICED;
}
