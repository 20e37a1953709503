/* Mistake: reset while another host thread is inside a scratch of the allocator
 * Cure: reset when that thread has left its scratch */
#include "bug.h"

static int step;

static void *works(void *a)
{
    AA_SCRATCH(a) {
        double *const x = AA_NEW(a, double, 100);
        x[0] = 1;
        bug_step(&step);
        bug_await(&step, 2);
    }
    return NULL;
}

int main(void)
{
    pthread_t thread;
    aa_allocator *const a = bug_shared("work");
    if (pthread_create(&thread, NULL, works, a) != 0) {
        return 1;
    }
    bug_await(&step, 1);
    (void)aa_reset(a);
    bug_step(&step);
    (void)pthread_join(thread, NULL);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
