/* The OMPT tool is linked, but the runtime has no OMPT (libgomp) or is told not to use it: nothing is
 * different from a program without the tool. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

enum { THREADS = 4, TASKS = 32 };

START_TEST(the_mode_is_that_of_the_runtime_alone)
{
    ck_assert_str_eq(aa_scope_mode(), "regions");
}
END_TEST

START_TEST(regions_inherit_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int wrong = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
        wrong += aa_current() != a;
    }
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_token_takes_the_scope_to_tasks)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(THREADS)
#pragma omp single
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task firstprivate(token) shared(seen)
            AA_TASK(token) {
                const int right = aa_current() == a;
#pragma omp atomic
                seen += right;
            }
        }
    }
    ck_assert_int_eq(seen, TASKS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void stay_in_a_region(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
#pragma omp parallel num_threads(2)
        {
#pragma omp master
            guest_stay(g);
        }
    }
}

START_TEST(another_host_threads_region_refuses_by_its_open_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    guest g;
    guest_invite(&g, stay_in_a_region, a);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&g);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Set here, for the runtime may start at the head of a test. */
int main(void)
{
    setenv("OMP_TOOL", "disabled", 1);
    const aa_test tests[] = {AA_TEST(the_mode_is_that_of_the_runtime_alone),
                             AA_TEST(regions_inherit_the_scope),
                             AA_TEST(a_token_takes_the_scope_to_tasks),
                             AA_TEST(another_host_threads_region_refuses_by_its_open_scope)};
    return aa_test_run("ompt: absent", sizeof tests / sizeof tests[0], tests);
}
