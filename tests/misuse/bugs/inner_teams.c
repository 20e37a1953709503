/* Mistake: the inner teams of a nested region reset the allocator of the outer one
 * Cure: an allocator for each inner team, made inside the outer region; or the reset after it */
#include "bug.h"

#include <omp.h>

int main(void)
{
    aa_allocator *const a = bug_shared("rounds");
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
#pragma omp parallel num_threads(2)
    {
        (void)aa_alloc(a, 100);
        (void)aa_reset_team(a);
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
