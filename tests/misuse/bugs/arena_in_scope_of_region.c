/* Mistake: an arena is made current for a region of many threads
 * Cure: a shared or a private allocator in that scope */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("of main");
    AA_WITH(a) {
#pragma omp parallel num_threads(2)
        {
            aa_array x = bug_vector(AA_CURRENT, 100, 1);
            (void)aa_array_free(&x);
        }
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
