/* Mistake: a binding leaves the outer of two scopes first
 * Cure: leave in reverse order, or AA_WITH */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("outer"), *const b = bug_shared("inner");
    const aa_scope outer = aa_scope_enter(a);
    const aa_scope inner = aa_scope_enter(b);
    (void)aa_scope_leave(outer);
    const aa_status status = aa_scope_leave(inner);
    (void)aa_destroy(b);
    (void)aa_destroy(a);
    return status == AA_OK ? BUG_UNNOTICED : bug_refused();
}
