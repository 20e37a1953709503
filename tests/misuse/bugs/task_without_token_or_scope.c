/* Mistake: a task allocates by AA_CURRENT without the scope of its creator, and no outer one is open
 * Cure: aa_scope_capture() before, firstprivate(token), AA_TASK(token) inside the task */
#include "bug.h"

int main(void)
{
    aa_allocator *const inner = bug_shared("of the tasks");
    int ran = 0;
#pragma omp parallel num_threads(2)
#pragma omp master
    AA_WITH(inner) {
#pragma omp task shared(ran)
        {
            const aa_array x = bug_vector(AA_CURRENT, 100, 1);
            (void)x; /* the reset below is to take it back */
            bug_step(&ran);
        }
        bug_await(&ran, 1); /* the other thread runs it */
    }
    (void)aa_reset(inner);
    (void)aa_destroy(inner);
    return BUG_UNNOTICED;
}
