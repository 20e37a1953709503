/* Mistake: two teams, inner regions of an outer one, reset one allocator at the same time
 * Cure: an allocator for each team, or the reset after the outer region */
#include "bug.h"

#include <omp.h>

int main(void)
{
    aa_allocator *const a = bug_shared("rounds");
    omp_set_max_active_levels(2);
    int arrived = 0;
#pragma omp parallel num_threads(2)
#pragma omp parallel num_threads(2)
    {
        (void)aa_alloc(a, 100);
        if (omp_get_thread_num() == 1) { /* when one thread of each team is in the call */
            bug_await(&arrived, 2);
            (void)usleep(50000);
        }
        bug_step(&arrived);
        (void)aa_reset_team(a);
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
