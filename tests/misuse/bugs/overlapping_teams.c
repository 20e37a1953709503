/* Mistake: two host threads, each with a team of its own, reset one allocator at the same time
 * Cure: an allocator for each host thread, or one of them resets while the other waits */
#include "bug.h"

#include <omp.h>

static int arrived;

static void *run_team(void *allocator)
{
    aa_allocator *const a = allocator;
#pragma omp parallel num_threads(2)
    {
        (void)aa_alloc(a, 100);
        if (omp_get_thread_num() == 1) { /* when one thread of each team is in the call */
            bug_await(&arrived, 2);
            (void)usleep(400000);
        }
        bug_step(&arrived);
        (void)aa_reset_team(a);
    }
    return NULL;
}

int main(void)
{
    aa_allocator *const a = bug_shared("rounds");
    pthread_t other;
    if (pthread_create(&other, NULL, run_team, a) != 0) {
        abort();
    }
    (void)run_team(a);
    (void)pthread_join(other, NULL);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
