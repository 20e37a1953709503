/* Mistake: a host thread resets an allocator that another's region uses by its handle, without a scope
 * Cure: open AA_WITH(allocator) around the region: a reset then finds it in use. Or join before resetting */
#include "bug.h"

static aa_allocator *work;
static int step;

static void *resets(void *unused)
{
    (void)unused;
    bug_await(&step, 2);
    (void)aa_reset(work);
    bug_step(&step);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    work = bug_shared("work");
    if (pthread_create(&thread, NULL, resets, NULL) != 0) {
        return 1;
    }
    double sum = 0;
#pragma omp parallel num_threads(2) reduction(+ : sum)
    {
        double *const x = AA_NEW(work, double, 1000);
        x[0] = 1;
        bug_step(&step);
        bug_await(&step, 3);
#pragma omp single
        sum += x[0];
    }
    (void)pthread_join(thread, NULL);
    (void)aa_destroy(work);
    printf("%g\n", sum);
    return BUG_UNNOTICED;
}
