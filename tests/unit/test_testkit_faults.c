/* The test kit: all that it checks is seen to fail where a fault is planted (test_testkit_planted*.c). */
#include "child.h"
#include "runner.h"
#include "test_testkit_planted.h"

#include <allocarrays/check.h>

typedef struct fault {
    const char *name, *says[4];
    const char *variable, *value; /* of the environment */
} fault;

#define FAULT(test, ...)                                                                           \
    {                                                                                              \
        .name = #test, .says = { __VA_ARGS__ }                                                     \
    }
#define FAULT_UNDER(set, to, test, ...)                                                            \
    {                                                                                              \
        .name = #test, .says = {__VA_ARGS__}, .variable = (set), .value = (to)                     \
    }

static const fault faults[] = {
    FAULT(status_differs,
          "aa_destroy(aa_heap()) is AA_UNSUPPORTED, not AA_BUSY; aa_last_message: aa_destroy"),
    FAULT(status_is_not_ok, "is AA_INVALID, not AA_OK"),
    FAULT(fails_but_succeeds, "aa_alloc(aa_heap(), 8) succeeded instead of failing with AA_NOMEM"),
    FAULT(fails_for_another_reason, "failed with AA_INVALID, not AA_NOMEM; aa_last_message: "),
    FAULT(valid_but_stale, "&array is stale: the memory of this array f64 (8, 100)"),
    FAULT(valid_but_stale_and_overwritten,
          "the memory of this array f64 (8, 100, 0, 0, 0, 0, 0, 0) was"),
    FAULT(valid_but_null, "&array is a null array, not a valid one; aa_last_message: aa_empty"),
    FAULT(stale_but_valid, "&array is valid, not stale: ", "f64 (8, 100)"),
    FAULT(stale_but_null, "&array is a null array, not a stale one"),
    FAULT(stale_but_wrapped, "(wrapped memory is always valid)"),
    FAULT(violation_missing, "0 violation(s) reported, not 1 of AA_USE_AFTER_RESET"),
    FAULT(violation_twice,
          "2 violation(s) reported, not 1 of AA_USE_AFTER_RESET; 2 AA_USE_AFTER_RESET",
          "the last: AA_USE_AFTER_RESET in aa_data: array f64 (8, 100)"),
    FAULT(violation_of_another_kind,
          "1 violation(s) reported, not 1 of AA_RESET_IN_USE; 1 AA_USE_AFTER_RESET"),
    FAULT(violation_beside_the_right_one, "2 violation(s) reported, not 1 of AA_USE_AFTER_RESET; 1 "
                                          "AA_USE_AFTER_RESET; 1 AA_REWIND_ORDER"),
    FAULT(violations_too_few, "2 violation(s) reported, not 3 of AA_USE_AFTER_RESET"),
    FAULT(some_violations_missing, "0 violation(s) reported, not at least 1 of AA_USE_AFTER_RESET"),
    FAULT(some_violations_of_two_kinds,
          "2 violation(s) reported, not at least 1 of AA_USE_AFTER_RESET"),
    FAULT(no_violation_but_one, "1 violation(s) reported, not 0; 1 AA_USE_AFTER_RESET"),
    FAULT(violation_missing_at_break, "0 violation(s) reported"),
    FAULT(violation_missing_at_continue, "0 violation(s) reported"),
    FAULT(violation_missing_at_return, "0 violation(s) reported"),
    FAULT(violation_missing_at_goto, "0 violation(s) reported"),
    FAULT(blocks_too_deep, "more than 32 blocks are open"),
    FAULT(escape_blocks_too_deep, "more than 32 blocks are open"),
    FAULT(a_region_block_too_deep, "more than 32 blocks are open"),
    FAULT(region_blocks_nested, "they do not nest"),
    FAULT(status_without_a_failure, "is AA_BUSY, not AA_OK",
          "(no failure was recorded on this thread)"),
    FAULT(status_of_a_call_that_is_cut_off, "refused_for(", "a long reason that goes on"),
    FAULT(escape_of_one_that_is_destroyed, "was destroyed"),
    FAULT(upstream_calls_of_one_that_is_destroyed, "was destroyed"),
    FAULT(escape_of_an_allocation, "AA_ESCAPE: 'temporary' has 128 bytes more in use"),
    FAULT(escape_of_a_block_freed_in_the_wrong_order, "AA_ESCAPE: ", "(1 free(s) were forgotten"),
    FAULT(escape_of_a_heap_array, "AA_ESCAPE: 'heap' has "),
    FAULT(escape_of_older_memory,
          "had 128 bytes in use at the start of the block and has 0 at its end"),
    FAULT(escape_by_return, "AA_ESCAPE: "),
    FAULT(escape_by_a_pin, "AA_ESCAPE: 1 pin(s) on arrays of 'arena"),
    FAULT(escape_by_a_pin_in_a_private_one, "AA_ESCAPE: 1 pin(s) on arrays of 'private"),
    FAULT(escape_of_nothing_known, "NULL allocator"),
    FAULT(upstream_called,
          "'growing' called its upstream 1 time(s) in the block: it held 0 bytes in 0 block(s)"),
    FAULT(upstream_of_nothing_known, "NULL allocator"),
    FAULT(one_thread_of_a_team_is_wrong,
          "1 condition(s) did not hold in round 1 of 10, seed 1000; AA_CHECK_SEED=1000 gives",
          "thread 2 at ", "test_testkit_planted_teams.c:", ": thread_num != 2"),
    FAULT(a_team_is_wrong_in_one_round, "in round 4 of 10, seed 1003", "thread 1 at ",
          "thread 2 at "),
    FAULT_UNDER("AA_CHECK_SEED", "55", a_team_is_wrong_in_one_round,
                "in round 4 of 10, seed 55; AA_CHECK_SEED=55"),
    FAULT_UNDER("AA_CHECK_SEED", "5five", a_team_is_wrong_in_one_round,
                "AA_CHECK_SEED=5five is not understood", "in round 4 of 10, seed 1003"),
    FAULT_UNDER("AA_CHECK_SEED", "", a_team_is_wrong_in_one_round, "in round 4 of 10, seed 1003"),
    FAULT_UNDER("AA_CHECK_SEED", "0", a_team_is_wrong_in_one_round,
                "AA_CHECK_SEED=0 is not understood", "in round 4 of 10, seed 1003"),
    FAULT_UNDER("AA_CHECK_SEED", "-5", a_team_is_wrong_in_one_round,
                "AA_CHECK_SEED=-5 is not understood", "in round 4 of 10, seed 1003"),
    FAULT_UNDER("AA_CHECK_SEED", "99999999999999999999", a_team_is_wrong_in_one_round,
                "AA_CHECK_SEED=99999999999999999999 is not understood"),
    FAULT(a_team_is_wrong_with_a_new_seed, "in round 4 of 10, seed ", "AA_CHECK_SEED="),
    FAULT(a_team_gets_no_memory, "2 condition(s) did not hold", "its last failure: AA_NOMEM, "),
    FAULT(a_task_of_a_team_is_wrong, "1 condition(s) did not hold", ": aa_heap() == "),
    FAULT_UNDER("OMP_THREAD_LIMIT", "2", a_team_is_too_small,
                "asked for 4 threads, the OpenMP runtime gave 2: is OMP_THREAD_LIMIT set?"),
    FAULT(a_team_of_no_threads, "aa_check_team: 0 threads (1 to 4096)"),
    FAULT(a_team_of_no_rounds, "0 repeats (1 or more)"),
    FAULT(a_team_of_too_many_threads, "aa_check_team: 4097 threads (1 to 4096)"),
    FAULT(a_team_with_unknown_flags, "flags 0x80"),
    FAULT(many_threads_of_a_team_are_wrong_twice, "40 condition(s) did not hold"),
    FAULT(a_team_whose_seeds_come_round_is_wrong, "in round 2 of 2, seed 1;"),
    FAULT(a_team_in_a_region_block, "they do not nest"),
    FAULT(a_statement_in_a_team,
          "test_testkit_planted_teams.c:", "this belongs outside parallel regions", "signal 6"),
    FAULT(a_block_in_a_region,
          "test_testkit_planted_teams.c:", "this belongs outside parallel regions", "signal 6"),
    FAULT(a_note_without_a_team,
          "AA_CHECK_IN_TEAM(aa_heap() == ", "no aa_check_team or AA_CHECK_REGION", "signal 6"),
    FAULT(a_team_that_crashes, "test_testkit_planted_teams.c (AA_CHECK_SEED=1005):", "signal 6"),
    FAULT(a_region_is_wrong, "2 condition(s) did not hold, seed 77; AA_CHECK_SEED=77",
          "thread 2 at", "thread 3 at"),
    FAULT(a_function_keeps_memory,
          "with no request to the upstream refused: ", "bytes of the upstream are not given back"),
    FAULT(a_function_keeps_memory_after_a_failure, "to the upstream refused ",
          "bytes of the upstream are not given back"),
    FAULT(a_function_says_nothing,
          "with every request to the upstream refused the function returned AA_OK"),
    FAULT(a_function_says_another_thing,
          "with request 1 to the upstream refused once: the function returned AA_INVALID"),
    FAULT(a_function_says_another_thing_in_the_end,
          "with request 1 to the upstream refused for ever: the function returned AA_BOUNDS"),
    FAULT(a_function_always_fails,
          "with no request to the upstream refused: the function returned AA_NOMEM"),
    FAULT(a_function_asks_for_nothing, "made no request to the upstream, so nothing was tried"),
    FAULT(a_function_asks_for_ever, "still makes requests to the upstream at the 1000th"),
};

enum { FAULTS = sizeof faults / sizeof faults[0] };

/* A new process, for it runs tests of its own; all it says goes to stderr, which child_run reads. */
static void run_planted(void *argument)
{
    (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    (void)execl("/proc/self/exe", "test_testkit_faults", argument, (char *)NULL);
    _exit(99);
}

START_TEST(a_planted_fault_fails_its_test)
{
    const fault *const f = &faults[_i];
    child_result result;
    ck_assert_int_eq(setenv("CK_RUN_CASE", f->name, 1), 0);
    ck_assert_int_eq(unsetenv("CK_FORK"), 0);
    ck_assert_int_eq(unsetenv("AA_CHECK_SEED"), 0);
    if (f->variable != NULL) {
        ck_assert_int_eq(setenv(f->variable, f->value, 1), 0);
    }
    child_run(&result, run_planted, "planted");
    ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 1,
                  "%s: status 0x%x: %s", f->name, (unsigned)result.status, result.text);
    ck_assert_msg(strstr(result.text, "0%: Checks: 1") != NULL, "%s: %s", f->name, result.text);
    for (int i = 0; i < 4 && f->says[i] != NULL; ++i) {
        ck_assert_msg(strstr(result.text, f->says[i]) != NULL, "%s does not say '%s': %s", f->name,
                      f->says[i], result.text);
    }
}
END_TEST

START_TEST(a_test_that_is_given_up_without_forks_leaves_nothing_behind)
{
    child_result result;
    ck_assert_int_eq(setenv("CK_FORK", "no", 1), 0);
    ck_assert_int_eq(unsetenv("CK_RUN_CASE"), 0);
    child_run(&result, run_planted, "given-up");
    ck_assert_msg(strstr(result.text, "50%: Checks: 2, Failures: 1, Errors: 0") != NULL, "%s",
                  result.text);
    ck_assert_msg(strstr(result.text, "given up") != NULL, "%s", result.text);
}
END_TEST

START_TEST(a_main_that_finds_no_test_fails)
{
    child_result result;
    ck_assert_int_eq(setenv("CK_RUN_CASE", "no_such_test", 1), 0);
    child_run(&result, run_planted, "planted");
    ck_assert(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 1);
    ck_assert_msg(strstr(result.text, "no test was run") != NULL, "%s", result.text);
}
END_TEST

START_TEST(a_block_that_a_teardown_has_closed_is_judged_no_more)
{
    int body = 0;
    AA_CHECK_VIOLATIONS(AA_USE_AFTER_RESET, 1) { /* none comes */
        aa_check_teardown();
        ++body;
    }
    ck_assert_int_eq(body, 1);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 2) {
        return planted_main(argv[1]);
    }
    const aa_test tests[] = {AA_TEST_LOOP(a_planted_fault_fails_its_test, 0, FAULTS),
                             AA_TEST(a_test_that_is_given_up_without_forks_leaves_nothing_behind),
                             AA_TEST(a_main_that_finds_no_test_fails),
                             AA_TEST(a_block_that_a_teardown_has_closed_is_judged_no_more)};
    return aa_test_run("testkit: planted faults", sizeof tests / sizeof tests[0], tests);
}
