/* Mistake: the threads of a region allocate from one arena at once: it has no lock
 * Cure: a shared or a private allocator */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("of all");
    int arrived = 0;
#pragma omp parallel num_threads(2)
    {
        bug_step(&arrived);
        bug_await(&arrived, 2);
        double *const x = AA_NEW(a, double, 10);
        x[0] = 1;
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
