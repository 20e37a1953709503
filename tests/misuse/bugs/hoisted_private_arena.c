/* Mistake: aa_private_arena is hoisted out of the region, so all threads share the first one's arena
 * Cure: call it inside the region, once in each thread */
#include "bug.h"

int main(void)
{
    aa_allocator *const p = bug_private("temporaries");
    aa_allocator *const mine = aa_private_arena(p);
    int arrived = 0;
#pragma omp parallel num_threads(2)
    {
        bug_step(&arrived);
        bug_await(&arrived, 2);
        double *const x = AA_NEW(mine, double, 10);
        x[0] = 1;
    }
    (void)aa_destroy(p);
    return BUG_UNNOTICED;
}
