/* The test runner itself: what every other test relies on. */
#include "runner.h"

#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>

static int tests_seen_by_this_process;

START_TEST(each_test_has_a_process_of_its_own)
{
    ck_assert_int_lt(_i, 3);
    ++tests_seen_by_this_process;
    ck_assert_int_eq(tests_seen_by_this_process, 1);
}
END_TEST

/* Several times: under libgomp the second would hang if the first region ran in the parent. */
START_TEST(a_region_works_in_every_test)
{
    int threads = 0;
#pragma omp parallel num_threads(3) reduction(+ : threads)
    threads += 1;
    ck_assert_int_eq(threads, 3);
}
END_TEST

START_TEST(a_test_can_require_a_signal)
{
    ck_assert(true);
    abort();
}
END_TEST

START_TEST(a_test_can_require_an_exit_status)
{
    ck_assert(true);
    exit(3);
}
END_TEST

AA_TEST_MAIN("runner", AA_TEST_LOOP(each_test_has_a_process_of_its_own, 0, 3),
             AA_TEST_LOOP(a_region_works_in_every_test, 0, 4),
             AA_TEST_SIGNAL(a_test_can_require_a_signal, SIGABRT),
             AA_TEST_EXIT(a_test_can_require_an_exit_status, 3))
