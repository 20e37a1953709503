/* AA_TRACE: the file: names that cannot be, forks, ends of the process of every kind. */
#include "run.h"
#include "runner.h"

#include <allocarrays.h>
#include <omp.h>
#include <signal.h>
#include <sys/resource.h>

static void one_round(void)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "one"});
    AA_WITH(a) {
        must(aa_alloc(AA_CURRENT, 64) != NULL);
    }
    must(aa_reset(a) == AA_OK && aa_destroy(a) == AA_OK);
}

START_TEST(a_bad_path_gives_one_sentence_and_the_program_runs_on)
{
    static char too_long[6000];
    memset(too_long, 'x', sizeof too_long - 1);
    const char *const bad[] = {"", "/tmp", "/dev/null/trace", "/nonexistent/folder/trace",
                               too_long};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        child_result result;
        run_with(&result, one_round, bad[i]);
        assert_exited_well(&result);
        ck_assert_msg(occurrences(result.text, "allocarrays: AA_TRACE=") == 1 &&
                          occurrences(result.text, SAYS) == 1,
                      "%.100s: %s", bad[i], result.text);
    }
}
END_TEST

START_TEST(a_full_disk_ends_the_recording_with_one_sentence)
{
    if (access("/dev/full", W_OK) != 0) {
        return; /* no such device here */
    }
    child_result result;
    run_with(&result, overflow_two_buffers, "/dev/full");
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, "AA_TRACE: the file cannot be written") == 1 &&
                      occurrences(result.text, SAYS) == 1,
                  "%s", result.text);
}
END_TEST

static void lose_the_reader(void)
{
    (void)signal(SIGPIPE, SIG_DFL);
    const int reader = open(getenv("AA_TRACE"), O_RDONLY | O_NONBLOCK);
    must(reader >= 0);
    one_round();
    must(close(reader) == 0);
    overflow_two_buffers();
}

static void reach_the_limit(void)
{
    const struct rlimit few = {100000, 100000};
    (void)signal(SIGXFSZ, SIG_DFL);
    must(setrlimit(RLIMIT_FSIZE, &few) == 0);
    overflow_two_buffers();
}

START_TEST(a_write_that_would_kill_the_process_ends_the_recording_with_one_sentence)
{
    trace t;
    child_result result;
    trace_name(&t);
    ck_assert(_i != 0 || mkfifo(t.path, 0600) == 0);
    run_with(&result, _i == 0 ? lose_the_reader : reach_the_limit, t.path);
    ck_assert_int_eq(unlink(t.path), 0);
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, "AA_TRACE: the file cannot be written") == 1 &&
                      occurrences(result.text, SAYS) == 1,
                  "%s", result.text);
}
END_TEST

static void wait_with_a_signal(void)
{
    sigset_t pipes, waiting;
    (void)signal(SIGPIPE, SIG_DFL);
    must(sigemptyset(&pipes) == 0 && sigaddset(&pipes, SIGPIPE) == 0);
    must(pthread_sigmask(SIG_BLOCK, &pipes, NULL) == 0 && raise(SIGPIPE) == 0);
    lose_the_reader();
    must(sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1);
}

START_TEST(a_signal_that_the_program_holds_back_is_left_to_it)
{
    trace t;
    child_result result;
    trace_name(&t);
    ck_assert_int_eq(mkfifo(t.path, 0600), 0);
    run_with(&result, wait_with_a_signal, t.path);
    ck_assert_int_eq(unlink(t.path), 0);
    assert_exited_well(&result);
}
END_TEST

/* And no other letter after a percent sign is anything. */
START_TEST(a_percent_p_in_the_path_is_the_number_of_the_process)
{
    trace t;
    char pattern[80], expanded[192];
    child_result result;
    trace_name(&t);
    (void)snprintf(pattern, sizeof pattern, "%s.%%d.%%p", t.path);
    run_with(&result, one_round, pattern);
    assert_exited_well(&result);
    (void)snprintf(expanded, sizeof expanded, "cp %s.%%d.[0-9]* %s", t.path, t.path);
    ck_assert_int_eq(system(expanded), 0);
    trace_read(&t);
    trace_assert_rules(&t);
    (void)snprintf(expanded, sizeof expanded, "%s.%%d.%ld", t.path, t.at[0].pid);
    ck_assert_msg(unlink(expanded) == 0, "no %s", expanded);
    trace_end(&t);
}
END_TEST

static void fork_amid(void)
{
    aa_allocator *const a = aa_shared_create(&(aa_options){.name = "before"});
    const aa_scope open = aa_scope_enter(a);
    const pid_t child = fork();
    if (child == 0) {
        must(aa_scope_leave(open) == AA_OK);
        aa_allocator *const b = aa_arena_create(&(aa_options){.name = "child"});
        AA_WITH(b) {
            must(aa_alloc(AA_CURRENT, 64) != NULL);
        }
        (void)enter_many("child");
        exit(0);
    }
    int status = -1;
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    must(aa_scope_leave(open) == AA_OK);
    one_round();
    must(aa_destroy(a) == AA_OK);
}

START_TEST(a_forked_child_writes_nothing_into_its_parents_file)
{
    trace t;
    record(&t, fork_amid); /* one process, by the rules */
    ck_assert_int_eq(trace_count(&t, 'B', "before", NULL, NULL), 1);
    ck_assert_int_eq(trace_count(&t, 'i', "create", "allocator", "before #"), 1);
    ck_assert_int_eq(trace_count(&t, 'i', "create", "allocator", "child #"), 0);
    ck_assert_int_eq(trace_count(&t, 'B', "one", NULL, NULL), 1);
    trace_end(&t);
}
END_TEST

/* With an OpenMP runtime. Without one each scope asks the loader for it, and the loader's lock, which the other thread may
 * hold, is not put right in a child by glibc. */
static void fork_beside_a_recorder(void)
{
    pthread_t other;
    must(omp_get_level() == 0);
    AA_WITH(aa_heap()) { /* the recording has begun */
    }
    must(pthread_create(&other, NULL, enter_many, "there") == 0);
    for (int i = 0; i < 50; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            one_round();
            _exit(0); /* not exit: LeakSanitizer would miss the other thread's stack */
        }
        int status = -1;
        must(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    must(pthread_join(other, NULL) == 0);
}

START_TEST(a_fork_beside_a_thread_that_records_loses_and_doubles_nothing)
{
    trace t;
    record(&t, fork_beside_a_recorder);
    ck_assert_int_eq(trace_count(&t, 'B', "there", NULL, NULL), MANY);
    ck_assert_int_eq(trace_count(&t, 'B', "one", NULL, NULL), 0);
    trace_end(&t);
}
END_TEST

static void fork_before_the_first_use(void)
{
    int ends[2];
    char byte = 0;
    must(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        must(read(ends[0], &byte, 1) == 1);
        (void)enter_many("child");
        exit(0);
    }
    AA_WITH(aa_heap()) {
    }
    must(write(ends[1], &byte, 1) == 1);
    int status = -1;
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

START_TEST(a_process_that_finds_another_recording_in_its_file_says_so_and_leaves_it_alone)
{
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, fork_before_the_first_use, t.path);
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, "another process records in it") == 1 &&
                      occurrences(result.text, SAYS) == 1,
                  "%s", result.text);
    trace_read(&t);
    trace_assert_rules(&t);
    ck_assert_int_eq(trace_count(&t, 'B', "heap", NULL, NULL), 1);
    ck_assert_int_eq(trace_count(&t, 'B', "child", NULL, NULL), 0);
    trace_end(&t);
}
END_TEST

static void break_a_rule(void)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "broken"});
    const int64_t extent = 10;
    const aa_array x = aa_empty(a, AA_F64, 1, &extent);
    must(aa_pin(&x) == AA_OK);
    (void)aa_reset(a);
}

START_TEST(a_violation_that_aborts_completes_the_file_first)
{
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, break_a_rule, t.path);
    ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
    trace_read(&t);
    const event *const last = &t.at[t.count - 1];
    ck_assert_str_eq(last->name, "AA_RESET_IN_USE");
    ck_assert_ptr_nonnull(strstr(event_text(last, "message"), "1 pin(s)"));
    ck_assert_ptr_nonnull(strstr(event_text(last, "allocator"), "broken"));
    trace_end(&t);
}
END_TEST

static void die(void)
{
    (void)enter_many("dies");
    (void)raise(SIGKILL);
}

START_TEST(a_process_that_is_killed_leaves_whole_events)
{
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, die, t.path);
    ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL);
    trace_read_unfinished(&t);
    ck_assert_int_gt(trace_count(&t, 'B', "dies", NULL, NULL), MANY / 2);
    trace_end(&t);
}
END_TEST

static aa_allocator *late;

static void work_late(void)
{
    AA_WITH(late) {
    }
    must(aa_destroy(late) == AA_OK);
}

static void work_in_an_exit_handler(void)
{
    must(atexit(work_late) == 0);
    late = aa_arena_create(&(aa_options){.name = "late"});
}

START_TEST(what_exit_handlers_do_is_recorded)
{
    trace t;
    record(&t, work_in_an_exit_handler);
    ck_assert_int_eq(trace_count(&t, 'E', "late", NULL, NULL), 1);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_destroy", "status", "AA_OK"), 1);
    trace_end(&t);
}
END_TEST

AA_TEST_MAIN(
    "trace files", AA_TEST(a_bad_path_gives_one_sentence_and_the_program_runs_on),
    AA_TEST(a_full_disk_ends_the_recording_with_one_sentence),
    AA_TEST_LOOP(a_write_that_would_kill_the_process_ends_the_recording_with_one_sentence, 0, 2),
    AA_TEST(a_signal_that_the_program_holds_back_is_left_to_it),
    AA_TEST(a_percent_p_in_the_path_is_the_number_of_the_process),
    AA_TEST(a_forked_child_writes_nothing_into_its_parents_file),
    AA_TEST(a_fork_beside_a_thread_that_records_loses_and_doubles_nothing),
    AA_TEST(a_process_that_finds_another_recording_in_its_file_says_so_and_leaves_it_alone),
    AA_TEST(a_violation_that_aborts_completes_the_file_first),
    AA_TEST(a_process_that_is_killed_leaves_whole_events),
    AA_TEST(what_exit_handlers_do_is_recorded))
