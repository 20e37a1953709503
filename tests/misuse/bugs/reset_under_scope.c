/* Mistake: reset while another host thread works inside a scope of the allocator
 * Cure: reset when that thread has left its scope */
#include "bug.h"

static int step;

static void *works(void *a)
{
    AA_WITH(a) {
        aa_array x = bug_vector(AA_CURRENT, 100, 1);
        bug_step(&step);
        bug_await(&step, 2);
        (void)aa_array_free(&x);
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
