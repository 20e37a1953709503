/* Mistake: one index for an array of two axes
 * Cure: one index per axis, or aa_reshape to one axis first */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("sums");
    const aa_array plain = aa_zeros(a, AA_F64, 2, (const int64_t[]){3, 4});
    aa_array x = aa_checked(&plain);
    AA_AT(double, &x, 7) = 2;
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
