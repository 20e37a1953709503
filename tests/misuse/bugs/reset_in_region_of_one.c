/* Mistake: reset inside a region that has one thread today: with more it would be a disaster
 * Cure: reset after the region; OpenMP's omp_in_parallel() does not see such a region */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("rounds");
#pragma omp parallel num_threads(1)
    {
        double *const x = AA_NEW(a, double, 100);
        x[0] = 1;
        (void)aa_reset(a);
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
