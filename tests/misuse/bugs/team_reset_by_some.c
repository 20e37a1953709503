/* Mistake: aa_reset_team is called by one thread of the team only
 * Cure: every thread of the team calls it */
#include "bug.h"

#include <omp.h>

int main(void)
{
    (void)setenv("AA_TEAM_TIMEOUT", "1",
                 1); /* seconds: how long the test may wait for the report */
    aa_allocator *const a = bug_shared("rounds");
#pragma omp parallel num_threads(2)
    {
        (void)aa_alloc(a, 100);
        if (omp_get_thread_num() == 0) {
            (void)aa_reset_team(a);
        }
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
