/* Mistake: a task allocates by AA_CURRENT without the scope of its creator: it finds an outer one
 * Cure: aa_scope_capture() before, firstprivate(token), AA_TASK(token) inside the task */
#include "bug.h"

int main(void)
{
    aa_allocator *const outer = bug_arena("of main");
    aa_allocator *const inner = bug_shared("of the tasks");
    int ran = 0;
    AA_WITH(outer) {
#pragma omp parallel num_threads(2)
#pragma omp master
        AA_WITH(inner) {
#pragma omp task shared(ran)
            {
                aa_array x = bug_vector(AA_CURRENT, 100, 1);
                (void)aa_array_free(&x);
                bug_step(&ran);
            }
            bug_await(&ran, 1); /* the other thread runs it */
        }
    }
    (void)aa_destroy(inner);
    (void)aa_destroy(outer);
    return BUG_UNNOTICED;
}
