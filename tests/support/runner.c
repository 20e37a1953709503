/* Runs the tests of one program under check. Calls neither OpenMP nor the library: see runner.h. */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>

/* A case for each test, so that CK_RUN_CASE can name it and it can have a limit of its own. */
static void add_test(Suite *suite, const aa_test *test)
{
    TCase *const tcase = tcase_create(test->test->name);
    if (test->seconds > 0) {
        tcase_set_timeout(tcase, test->seconds);
    }
    _tcase_add_test(tcase, test->test, test->signal, test->exit_status, test->first, test->end);
    suite_add_tcase(suite, tcase);
}

/* check reads its default limit (4 s, too short on a busy machine) when a case is made. */
static void set_default_timeout(void)
{
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", AA_TEST_SECONDS);
    setenv("CK_DEFAULT_TIMEOUT", seconds, 0);
}

int aa_test_run(const char *name, size_t count, const aa_test *tests)
{
    set_default_timeout();
    Suite *const suite = suite_create(name);
    for (size_t i = 0; i < count; ++i) {
        add_test(suite, &tests[i]);
    }
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int run = srunner_ntests_run(runner);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (run == 0) {
        fprintf(stderr, "%s: no test was run (is CK_RUN_CASE right?)\n", name);
    }
    return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
