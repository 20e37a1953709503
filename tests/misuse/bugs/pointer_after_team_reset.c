/* Mistake: a pointer into the last round is kept over aa_reset_team, because the reset is another thread's
 * Cure: allocate anew after each aa_reset_team, in every thread */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("rounds");
    double sum = 0;
#pragma omp parallel num_threads(2) reduction(+ : sum)
    {
        double *const x = AA_NEW(a, double, 100);
        x[0] = 1;
        (void)aa_reset_team(a);
        sum += x[0];
    }
    printf("%g\n", sum);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
