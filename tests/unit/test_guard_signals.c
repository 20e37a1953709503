/* The guard ring and the rest of the process: handlers of SIGSEGV, faults that are not its own, forks, threads. */
#include "child.h"
#include "guard.h"
#include "kinds.h"
#include "patterns.h"
#include "sanitizers.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- other handlers --------------------------------------------------------------------------------------- */

static const void *seen;

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        _exit(1);
    }
}

static void on_fault_with_info(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    seen = info->si_addr;
    say("the program's own handler\n");
    _exit(42);
}

static void on_fault_plain(int number)
{
    (void)number;
    say("the program's own handler\n");
    _exit(42);
}

/* argument: whether the handler takes the info. */
static void install_own_handler(const bool *with_info)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    if (*with_info) {
        action.sa_flags = SA_SIGINFO;
        action.sa_sigaction = on_fault_with_info;
    } else {
        action.sa_handler = on_fault_plain;
    }
    if (sigaction(SIGSEGV, &action, NULL) != 0) {
        exit(1);
    }
}

static void use_stale_under_a_handler(void *with_info)
{
    install_own_handler(with_info);
    use_stale(&(stale_use){.kind = ARENA, .how = READ, .resets = 1});
}

/* _i: whether the handler takes the info. */
START_TEST(a_handler_installed_before_is_called_after_the_report)
{
    bool with_info = _i != 0;
    child_result result;
    child_run(&result, use_stale_under_a_handler, &with_info);
    ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 42, "%s: %s",
                  died_of(&result), result.text);
    const char *const report = strstr(result.text, "AA_USE_AFTER_RESET");
    const char *const own = strstr(result.text, "the program's own handler");
    ck_assert_ptr_nonnull(report);
    ck_assert_ptr_nonnull(own);
    ck_assert(report < own);
}
END_TEST

static void fault_elsewhere(void)
{
    aa_allocator *const a = guarded(ARENA);
    (void)aa_alloc(a, 100);
    (void)aa_reset(a);
    const void *const forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    read_byte(forbidden);
}

static void fault_elsewhere_under_a_handler(void *with_info)
{
    install_own_handler(with_info);
    fault_elsewhere();
}

START_TEST(a_fault_outside_the_ring_reaches_that_handler_without_a_report)
{
    bool with_info = _i != 0;
    child_result result;
    child_run(&result, fault_elsewhere_under_a_handler, &with_info);
    ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 42, "%s: %s",
                  died_of(&result), result.text);
    ck_assert_ptr_null(strstr(result.text, "allocarrays"));
}
END_TEST

static void fault_elsewhere_without_a_handler(void *unused)
{
    (void)unused;
    fault_elsewhere();
}

START_TEST(a_fault_outside_the_ring_without_a_handler_ends_the_process)
{
    child_result result;
    child_run(&result, fault_elsewhere_without_a_handler, NULL);
    assert_died_of_a_fault(&result);
    ck_assert_ptr_null(strstr(result.text, "allocarrays: "));
}
END_TEST

static void fault_elsewhere_ignored(void *unused)
{
    (void)unused;
    (void)signal(SIGSEGV, SIG_IGN);
    fault_elsewhere();
}

START_TEST(an_ignored_fault_ends_the_process_and_does_not_loop)
{
    child_result result;
    child_run(&result, fault_elsewhere_ignored, NULL);
    assert_died_of_a_fault(&result);
}
END_TEST

static void send_the_signal(void *unused)
{
    (void)unused;
    (void)aa_alloc(guarded(ARENA), 100);
    (void)kill(getpid(), SIGSEGV);
}

START_TEST(the_signal_sent_by_kill_ends_the_process_as_without_the_ring)
{
    child_result result;
    child_run(&result, send_the_signal, NULL);
    assert_died_of_a_fault(&result);
    ck_assert_ptr_null(strstr(result.text, "allocarrays: "));
}
END_TEST

static void ignore_the_signal_sent(void *unused)
{
    (void)signal(SIGSEGV, SIG_IGN);
    send_the_signal(unused);
    send_the_signal(unused);
}

START_TEST(the_signal_sent_by_kill_stays_ignored_where_it_was)
{
    child_result result;
    child_run(&result, ignore_the_signal_sent, NULL);
    assert_exited_well(&result);
}
END_TEST

/* ---- fork -------------------------------------------------------------------------------------------------- */

typedef struct forked {
    aa_allocator *allocator;
    char *memory;
} forked;

static void go_on_in_the_child(void *argument)
{
    const forked *const f = argument;
    if (!pattern_holds(f->memory, 5000, 1)) {
        exit(1);
    }
    pattern_fill(f->memory, 5000, 2);
    for (int i = 0; i < 10; ++i) {
        if (aa_reset(f->allocator) != AA_OK) {
            exit(1);
        }
        pattern_fill(aa_alloc(f->allocator, 5000), 5000, 3);
    }
    read_byte(f->memory);
}

START_TEST(a_forked_child_goes_on_and_its_stale_pointers_fault_there_alone)
{
    aa_allocator *const a = guarded(_i);
    (void)aa_alloc(a, 100);
    assert_status(aa_reset(a), AA_OK);
    forked f = {a, aa_alloc(a, 5000)};
    pattern_fill(f.memory, 5000, 1);
    child_result result;
    child_run(&result, go_on_in_the_child, &f);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded', epoch 1 has ended");
    ck_assert(pattern_holds(f.memory, 5000, 1));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(a, 5000));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------------------------ */

/* Each thread resets an arena of its own, at once; the ring is one. */
START_TEST(threads_that_reset_at_once_do_not_take_each_others_memory)
{
    enum { THREADS = 4, RESETS = 500 };
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        aa_allocator *const a = aa_arena_create(&(aa_options){.flags = AA_GUARD});
        for (unsigned i = 0; i < RESETS; ++i) {
            char *const p = aa_alloc(a, 30000);
            pattern_fill(p, 30000, i);
            wrong += !pattern_holds(p, 30000, i);
            wrong += aa_reset(a) != AA_OK;
        }
        wrong += aa_destroy(a) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

GUARD_TEST_MAIN("guard: signals",
                AA_TEST_LOOP(a_handler_installed_before_is_called_after_the_report, 0, 2),
                AA_TEST_LOOP(a_fault_outside_the_ring_reaches_that_handler_without_a_report, 0, 2),
                AA_TEST(a_fault_outside_the_ring_without_a_handler_ends_the_process),
                AA_TEST(an_ignored_fault_ends_the_process_and_does_not_loop),
                AA_TEST(the_signal_sent_by_kill_ends_the_process_as_without_the_ring),
                AA_TEST(the_signal_sent_by_kill_stays_ignored_where_it_was),
                AA_TEST_BUMP(a_forked_child_goes_on_and_its_stale_pointers_fault_there_alone),
                AA_TEST(threads_that_reset_at_once_do_not_take_each_others_memory))
