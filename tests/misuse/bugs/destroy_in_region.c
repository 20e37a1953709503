/* Mistake: the first thread that is done destroys the allocator of all
 * Cure: destroy after the region */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("work");
#pragma omp parallel num_threads(2)
    {
        double *const x = AA_NEW(a, double, 100);
        x[0] = 1;
#pragma omp single nowait
        (void)aa_destroy(a);
    }
    return BUG_UNNOTICED;
}
