/* Mistake: fresh pages are zero, so the first round works; after a reset the memory holds old numbers
 * Cure: aa_zeros or aa_calloc each round; AA_ZEROED for all of an allocator */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("rounds");
    double result = 0;
    for (int round = 0; round < 2; ++round) {
        double *const x = AA_NEW(a, double, 8);
        for (int i = 0; i < 8; ++i) {
            x[i] += i;
        }
        result = x[7];
        (void)aa_reset(a);
    }
    (void)aa_destroy(a);
    return bug_result(result);
}
