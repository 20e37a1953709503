/* Mistake: reset inside a parallel region, while other threads use what it takes back
 * Cure: reset after the region, or call aa_reset_team by every thread of it */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("rounds");
#pragma omp parallel num_threads(2)
    {
        double *const x = AA_NEW(a, double, 100);
        x[0] = 1;
#pragma omp barrier
#pragma omp master
        (void)aa_reset(a);
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
