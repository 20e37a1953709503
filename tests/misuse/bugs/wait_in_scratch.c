/* Mistake: a scratch waits for a task: the same thread runs it, and rewinds what it made
 * Cure: no taskwait inside a scratch; let the task make its result before, or on the heap */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("tasks");
    aa_array result = {0};
#pragma omp parallel num_threads(1)
    AA_SCRATCH(a) {
#pragma omp task shared(result)
        result = bug_vector(a, 100, 1);
#pragma omp taskwait
    }
    const double *const x = aa_data(&result);
    printf("%g\n", x[0]);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
