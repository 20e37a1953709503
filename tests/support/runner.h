/* The main of a test program: lists check's tests and runs each in a process of its own.
 *
 *     #include <allocarrays.h>
 *     #include "runner.h"
 *
 *     START_TEST(zero_bytes_give_a_unique_pointer)
 *     {
 *         ...
 *         ck_assert_ptr_ne(first, second);
 *     }
 *     END_TEST
 *
 *     AA_TEST_MAIN("arena", AA_TEST(zero_bytes_give_a_unique_pointer),
 *                  AA_TEST_SIGNAL(a_reset_in_a_region_aborts, SIGABRT))
 *
 * CK_RUN_CASE=NAME runs the test of that name alone; CK_FORK=no keeps it in one process, for a
 * debugger; CK_DEFAULT_TIMEOUT=SECONDS replaces AA_TEST_SECONDS; CK_VERBOSITY=verbose lists all.
 *
 * What it cannot do: anything of OpenMP or of the library before the tests run. check forks for
 * each test, and a process that forks after a region hangs in the child's first region with libgomp.
 * So main calls neither, there are no fixtures, and a test prepares what it needs inside itself.
 */
#ifndef AA_TESTS_SUPPORT_RUNNER_H
#define AA_TESTS_SUPPORT_RUNNER_H

#include <check.h>
#include <signal.h>
#include <stddef.h>

/* Seconds a test may take: far above its need, so that on a busy machine only a hang reaches it. */
enum { AA_TEST_SECONDS = 60 };

typedef struct aa_test {
    const TTest *test;
    int first, end;  /* runs once for each _i in [first, end) */
    int signal;      /* the signal it must die of, 0: none */
    int exit_status; /* the status it must exit with */
    int seconds;     /* its own limit, 0: AA_TEST_SECONDS */
} aa_test;

#define AA_TEST(name) ((aa_test){name, 0, 1, 0, 0, 0})
#define AA_TEST_LOOP(name, first, end) ((aa_test){name, (first), (end), 0, 0, 0})
#define AA_TEST_SIGNAL(name, signal) ((aa_test){name, 0, 1, (signal), 0, 0})
#define AA_TEST_EXIT(name, status) ((aa_test){name, 0, 1, 0, (status), 0})
#define AA_TEST_SLOW(name, seconds) ((aa_test){name, 0, 1, 0, 0, (seconds)})

/* Run the tests and return main's result: EXIT_SUCCESS if all pass and there is at least one. */
int aa_test_run(const char *suite, size_t count, const aa_test *tests);

/* The list lives in main, because check's test names are variables, not constants. */
#define AA_TEST_MAIN(suite, ...)                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const aa_test tests[] = {__VA_ARGS__};                                                     \
        return aa_test_run((suite), sizeof tests / sizeof tests[0], tests);                        \
    }

#endif
