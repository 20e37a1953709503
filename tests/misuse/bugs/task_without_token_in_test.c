/* Mistake: a task of a test with the kit allocates by AA_CURRENT without the scope of its creator and falls to the heap
 * Cure: aa_scope_capture() before, firstprivate(token), AA_TASK(token) inside the task */
#include "bug.h"

#include <allocarrays/check.h>

START_TEST(tasks_take_their_temporaries_from_the_scope)
{
    aa_allocator *const a = bug_shared("temporaries");
    int ran = 0;
#pragma omp parallel num_threads(2)
#pragma omp master
    AA_WITH(a) {
#pragma omp task shared(ran)
        {
            aa_array x = bug_vector(AA_CURRENT, 100, 1);
            (void)aa_array_free(&x);
            bug_step(&ran);
        }
        bug_await(&ran, 1); /* the other thread runs it */
    }
    ck_assert_int_eq(ran, 1);
    (void)aa_destroy(a);
}
END_TEST

AA_CHECK_MAIN("task without token", tasks_take_their_temporaries_from_the_scope)
