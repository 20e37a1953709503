/* Mistake: no room for the end of a string; it lands in the bytes that rounding added
 * Cure: strlen + 1 */
#include "bug.h"

int main(void)
{
    const char *const from = "ten chars.";
    aa_allocator *const a = bug_arena("names");
    char *const to = aa_alloc(a, strlen(from));
    for (size_t i = 0; i <= strlen(from); ++i) {
        to[i] = from[i];
    }
    (void)aa_reset(a);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
