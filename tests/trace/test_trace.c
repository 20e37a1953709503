/* AA_TRACE: each test runs a program in a child, reads its file strictly, and asks what is in it. */
#include "kinds.h"
#include "run.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <errno.h>
#include <omp.h>
#include <setjmp.h>

/* ---- a program of all that is recorded ---- */

enum { TEAM = 4, TASKS = 8, ROUNDS = 3, ROW = 64 * 100 };

static void tasks_of(aa_token token)
{
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task firstprivate(token)
        AA_TASK(token) {
            must(aa_alloc(AA_CURRENT, 64) != NULL);
        }
    }
}

static void a_round(aa_allocator *rows, aa_allocator *each)
{
    AA_WITH(rows) {
#pragma omp parallel num_threads(TEAM)
        {
            AA_WITH(each) {
                must(aa_alloc(AA_CURRENT, 64) != NULL);
                AA_WITH(rows) {
                    must(aa_alloc(AA_CURRENT, ROW) != NULL);
                }
            }
#pragma omp barrier
#pragma omp single
            {
                tasks_of(aa_scope_capture());
                must(aa_reset(rows) == AA_BUSY);
            }
        }
    }
    must(aa_reset(rows) == AA_OK && aa_reset(each) == AA_OK);
}

static void the_whole_program(void)
{
    record_violations();
    omp_set_dynamic(0);
    aa_allocator *const rows = aa_shared_create(&(aa_options){.name = "rows", .initial = 1 << 20});
    aa_allocator *const each = aa_private_create(&(aa_options){.name = "each"});
    must(rows != NULL && each != NULL);
    for (int round = 0; round < ROUNDS; ++round) {
        a_round(rows, each);
    }
    must(aa_destroy(rows) == AA_OK && aa_destroy(each) == AA_OK);
}

START_TEST(scopes_and_tasks_are_spans_on_the_thread_that_runs_them)
{
    trace t;
    record(&t, the_whole_program);
    ck_assert_int_eq(trace_count(&t, 'B', "each", "by", "AA_WITH"), ROUNDS * TEAM);
    ck_assert_int_eq(trace_count(&t, 'B', "rows", "by", "AA_WITH"), ROUNDS * (TEAM + 1));
    ck_assert_int_eq(trace_count(&t, 'B', "rows", "by", "AA_TASK"), ROUNDS * TASKS);
    ck_assert_int_eq(trace_count(&t, 'E', "each", NULL, NULL), ROUNDS * TEAM);
    ck_assert_int_eq(trace_count(&t, 'E', "rows", NULL, NULL), ROUNDS * (TEAM + 1 + TASKS));
    const event *const inner = trace_find(&t, 'B', "each", NULL, NULL);
    ck_assert_int_eq(event_number(inner, "level"), 1);
    ck_assert_ptr_nonnull(strstr(event_text(inner, "at"), "test_trace.c:"));
    ck_assert_ptr_nonnull(strstr(event_text(inner, "allocator"), "each #"));
    int threads = 0;
    for (long tid = 1; tid <= t.last_tid; ++tid) {
        bool scopes = false;
        for (size_t i = 0; i < t.count; ++i) {
            scopes = scopes || (t.at[i].tid == tid && t.at[i].phase == 'B' &&
                                strcmp(t.at[i].name, "each") == 0);
        }
        threads += scopes;
    }
    ck_assert_int_ge(threads, TEAM);
    trace_end(&t);
}
END_TEST

START_TEST(allocators_are_created_grow_and_end)
{
    trace t;
    record(&t, the_whole_program);
    ck_assert_int_eq(trace_count(&t, 'i', "create", NULL, NULL), 2);
    const event *const created = trace_find(&t, 'i', "create", "allocator", "rows #");
    ck_assert_str_eq(event_text(created, "kind"), "shared");
    ck_assert_int_eq(event_number(created, "initial"), 1 << 20);
    const event *const block = trace_find(&t, 'i', "new block", "allocator", "rows #");
    ck_assert_int_ge(event_number(block, "bytes"), 1 << 20);
    ck_assert_int_eq(trace_count(&t, 'i', "new block", "allocator", "each #"), TEAM);
    const event *const after = block + 1; /* its counters */
    ck_assert_int_eq(after->phase, 'C');
    ck_assert_ptr_nonnull(strstr(after->name, "rows #"));
    ck_assert_int_ge(event_number(after, "committed"), 1 << 20);
    ck_assert_int_eq(trace_count(&t, 'B', "aa_destroy", NULL, NULL), 2);
    const event *const end = trace_find(&t, 'E', "aa_destroy", "allocator", "rows #");
    ck_assert_str_eq(event_text(end, "status"), "AA_OK");
    ck_assert_int_ge(event_number(end, "given back"), 1 << 20);
    ck_assert_int_eq(event_number(end, "blocks after"), 0);
    trace_end(&t);
}
END_TEST

START_TEST(a_reset_says_what_it_took_back_and_a_refused_one_why)
{
    trace t;
    record(&t, the_whole_program);
    ck_assert_int_eq(trace_count(&t, 'B', "aa_reset", NULL, NULL), 3 * ROUNDS);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset", "status", "AA_OK"), 2 * ROUNDS);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset", "status", "AA_BUSY"), ROUNDS);
    ck_assert_int_eq(
        trace_count(&t, 'E', "aa_reset", "refused", "aa_reset: a parallel region is active"),
        ROUNDS);
    ck_assert_int_eq(trace_count(&t, 'i', "AA_RESET_IN_PARALLEL", "message",
                                 "a parallel region is active: nesting level 1"),
                     ROUNDS);
    const event *const done = trace_find(&t, 'E', "aa_reset", "taken back", "2");
    ck_assert_int_eq(event_number(done, "taken back"), TEAM * ROW + TASKS * 64);
    const event *const counters = done + 1;
    ck_assert_int_eq(counters->phase, 'C');
    ck_assert_int_eq(event_number(counters, "used"), 0);
    const event *begun = done;
    while (begun->phase != 'B' || strcmp(begun->name, "aa_reset") != 0) {
        --begun;
    }
    ck_assert_int_eq(begun[-1].phase, 'C'); /* what there was up to the reset */
    ck_assert_int_eq(event_number(&begun[-1], "used"), TEAM * ROW + TASKS * 64);
    trace_end(&t);
}
END_TEST

static void shrink(void)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "shrinks", .history = 1});
    for (int i = 0; i < 1000; ++i) {
        must(aa_alloc(a, 10000) != NULL);
    }
    must(aa_reset(a) == AA_OK && aa_alloc(a, 1) != NULL && aa_reset(a) == AA_OK);
    must(aa_destroy(a) == AA_OK);
}

START_TEST(a_reset_that_shrinks_says_what_it_gave_back)
{
    trace t;
    record(&t, shrink);
    const event *const folded = trace_find(&t, 'E', "aa_reset", "taken back", "10048000");
    ck_assert_int_gt(event_number(folded, "blocks before"), 3);
    ck_assert_int_eq(event_number(folded, "blocks after"), 1);
    const event *const shrunk = trace_find(&t, 'E', "aa_reset", "taken back", "64");
    ck_assert_int_gt(event_number(shrunk, "given back"), 9000000);
    trace_end(&t);
}
END_TEST

static void reset_as_a_team(void)
{
    aa_allocator *const a = aa_shared_create(&(aa_options){.name = "ours"});
    int refused = 0;
#pragma omp parallel num_threads(TEAM) reduction(+ : refused)
    {
        must(aa_alloc(a, 64) != NULL);
        refused += aa_reset_team(a) != AA_OK;
    }
    must(refused == 0 && aa_destroy(a) == AA_OK);
}

START_TEST(a_team_reset_shows_who_arrived_when_and_one_reset)
{
    trace t;
    record(&t, reset_as_a_team);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset_team: arrive", "status", "AA_OK"), TEAM);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset_team", "taken back", "256"), 1);
    trace_end(&t);
}
END_TEST

/* ---- buffers, threads ---- */

START_TEST(nothing_is_lost_when_buffers_fill)
{
    trace t;
    record(&t, overflow_two_buffers);
    ck_assert_int_eq(trace_count(&t, 'B', "here", NULL, NULL), MANY);
    ck_assert_int_eq(trace_count(&t, 'B', "there", NULL, NULL), MANY);
    trace_end(&t);
}
END_TEST

enum { CROWD = 1000 };

static pthread_barrier_t crowded;

static void *in_a_crowd(void *allocator)
{
    AA_WITH((aa_allocator *)allocator) {
        must(aa_alloc(AA_CURRENT, 64) != NULL);
    }
    (void)pthread_barrier_wait(&crowded);
    return NULL;
}

static void crowd(void)
{
    pthread_t threads[CROWD];
    pthread_attr_t small;
    must(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 256 << 10) == 0);
    must(pthread_barrier_init(&crowded, NULL, CROWD) == 0);
    aa_allocator *const a = aa_shared_create(&(aa_options){.name = "crowd"});
    for (int i = 0; i < CROWD; ++i) {
        must(pthread_create(&threads[i], &small, in_a_crowd, a) == 0);
    }
    for (int i = 0; i < CROWD; ++i) {
        must(pthread_join(threads[i], NULL) == 0);
    }
    must(aa_destroy(a) == AA_OK);
}

START_TEST(a_thousand_threads_at_once_are_recorded_each)
{
    trace t;
    record(&t, crowd);
    ck_assert_int_eq(trace_count(&t, 'B', "crowd", NULL, NULL), CROWD);
    ck_assert_int_eq(trace_count(&t, 'M', "thread_name", NULL, NULL), CROWD + 1);
    trace_end(&t);
}
END_TEST

static void *record_and_stay(void *allocator)
{
    AA_WITH((aa_allocator *)allocator) {
    }
    (void)pthread_barrier_wait(&crowded);
    for (;;) {
        (void)pause();
    }
    return NULL;
}

static void exit_with_a_guest(void)
{
    pthread_t guest_thread;
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "guest"});
    must(pthread_barrier_init(&crowded, NULL, 2) == 0);
    must(pthread_create(&guest_thread, NULL, record_and_stay, a) == 0);
    (void)pthread_barrier_wait(&crowded);
}

START_TEST(threads_that_live_at_exit_are_written)
{
    trace t;
    record(&t, exit_with_a_guest);
    ck_assert_int_eq(trace_count(&t, 'B', "guest", NULL, NULL), 1);
    ck_assert_int_eq(trace_count(&t, 'E', "guest", NULL, NULL), 1);
    trace_end(&t);
}
END_TEST

static void *end_inside(void *allocator)
{
    (void)aa_scope_enter(allocator);
    (void)aa_scope_enter(aa_heap());
    return NULL;
}

static void end_threads_inside_scopes(void)
{
    pthread_t thread;
    aa_allocator *const a = aa_shared_create(&(aa_options){.name = "left open"});
    must(pthread_create(&thread, NULL, end_inside, a) == 0 && pthread_join(thread, NULL) == 0);
    const aa_scope outer = aa_scope_enter(a);
    (void)aa_scope_enter(aa_heap());
    must(aa_scope_leave(outer) == AA_ORDER && aa_destroy(a) == AA_OK);
}

START_TEST(scopes_end_with_their_thread_and_with_an_outer_scope)
{
    trace t;
    record(&t, end_threads_inside_scopes);
    ck_assert_int_eq(trace_count(&t, 'E', "left open", NULL, NULL), 2);
    ck_assert_int_eq(trace_count(&t, 'E', "heap", NULL, NULL), 2);
    ck_assert_int_eq(trace_count(&t, 'B', "heap", "by", "aa_scope_enter"), 2);
    trace_end(&t);
}
END_TEST

static void destroy_inside(void)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "short-lived"});
    AA_WITH(a) {
        must(aa_destroy(a) == AA_OK);
    }
}

START_TEST(a_scope_whose_allocator_was_destroyed_says_so_at_its_end)
{
    trace t;
    record(&t, destroy_inside);
    ck_assert_int_eq(trace_count(&t, 'B', "short-lived", "by", "AA_WITH"), 1);
    ck_assert_int_eq(trace_count(&t, 'E', "short-lived", NULL, NULL), 0);
    ck_assert_int_eq(trace_count(&t, 'E', "destroyed", NULL, NULL), 1);
    trace_end(&t);
}
END_TEST

static jmp_buf out_of_handler;

static void jump(const aa_violation *violation, void *context)
{
    (void)violation;
    (void)context;
    longjmp(out_of_handler, 1);
}

static void reset_under_pin(aa_allocator *a)
{
    if (setjmp(out_of_handler) == 0) {
        (void)aa_reset(a);
        must(false);
    }
}

static void jump_out_of_resets(void)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "pinned"});
    const int64_t extent = 10;
    const aa_array x = aa_empty(a, AA_F64, 1, &extent);
    must(aa_pin(&x) == AA_OK);
    (void)aa_set_violation_handler(jump, NULL);
    reset_under_pin(a);
    reset_under_pin(a);
    must(aa_unpin(&x) == AA_OK && aa_reset(a) == AA_OK && aa_destroy(a) == AA_OK);
}

START_TEST(a_reset_that_a_handler_left_by_a_jump_ends_too)
{
    trace t;
    record(&t, jump_out_of_resets);
    ck_assert_int_eq(trace_count(&t, 'B', "aa_reset", NULL, NULL), 3);
    ck_assert_int_eq(trace_count(&t, 'E', "left by a jump", NULL, NULL), 2);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset", "status", "AA_OK"), 1);
    trace_end(&t);
}
END_TEST

static jmp_buf out_of_scope;

static __attribute__((noinline)) void jump_out_of_a_scope(aa_allocator *a)
{
    AA_WITH(a) {
        longjmp(out_of_scope, 1);
    }
}

static void jump_over_a_scope(void)
{
    aa_allocator *const left = aa_arena_create(&(aa_options){.name = "left"}),
                        *const next = aa_arena_create(&(aa_options){.name = "next"});
    if (setjmp(out_of_scope) == 0) {
        jump_out_of_a_scope(left);
    }
    AA_WITH(next) {
        must(aa_last_status() == AA_ORDER && aa_current() == next);
    }
    must(aa_destroy(next) == AA_OK && aa_destroy(left) == AA_OK);
}

/* Its span ends where the next scope found out, and before that one's begins. */
START_TEST(a_scope_that_was_jumped_over_ends_too)
{
    trace t;
    record(&t, jump_over_a_scope);
    ck_assert_int_eq(trace_count(&t, 'B', "left", "by", "AA_WITH"), 1);
    ck_assert_int_eq(trace_count(&t, 'E', "left", NULL, NULL), 1);
    ck_assert(trace_find(&t, 'E', "left", NULL, NULL) < trace_find(&t, 'B', "next", NULL, NULL));
    trace_end(&t);
}
END_TEST

/* ---- names ---- */

static void odd_names(void)
{
    static const char *const names[] = {"a \"b\" \\ c\nd\te\x01\x7f", "gr\xc3\xb6\xc3\x9f\x65",
                                        "\xff\xc3(\xc0\x80\xed\xa0\x80.\xf5\x80\x80\x80\xe2\x82",
                                        NULL};
    static char longest[5000];
    memset(longest, '"', sizeof longest - 1);
    for (int i = 0; i < 4; ++i) {
        aa_allocator *const a =
            aa_arena_create(&(aa_options){.name = names[i] != NULL ? names[i] : longest});
        AA_WITH(a) {
        }
        must(aa_destroy(a) == AA_OK);
    }
}

START_TEST(any_name_gives_valid_json)
{
    trace t;
    record(&t, odd_names);
    ck_assert_int_eq(trace_count(&t, 'B', "a \"b\" \\ c\nd\te\x01\x7f", NULL, NULL), 1);
    ck_assert_int_eq(trace_count(&t, 'B', "gr\xc3\xb6\xc3\x9f\x65", NULL, NULL), 1);
    static const char replaced[] = "\?\?(\?\?\?\?\?.\?\?\?\?\?\?";
    ck_assert_int_eq(trace_count(&t, 'B', replaced, NULL, NULL), 1);
    ck_assert_int_eq(trace_count(&t, 'i', "create", "allocator", "\"\"\"\""), 1);
    ck_assert_ptr_null(strstr(t.text, "\\u0020")); /* a blank needs no escape */
    trace_end(&t);
}
END_TEST

/* The table of well-formed sequences of the Unicode standard, at both ends of each row, and just outside. */
static const struct {
    const char *name, *shown;
} forms[] = {{"2 \xc2\x80\xdf\xbf", "2 \xc2\x80\xdf\xbf"},
             {"3 \xe0\xa0\x80\xe0\xbf\xbf", "3 \xe0\xa0\x80\xe0\xbf\xbf"},
             {"3 \xe1\x80\x80\xec\xbf\xbf", "3 \xe1\x80\x80\xec\xbf\xbf"},
             {"3 \xed\x80\x80\xed\x9f\xbf", "3 \xed\x80\x80\xed\x9f\xbf"},
             {"3 \xee\x80\x80\xef\xbf\xbf", "3 \xee\x80\x80\xef\xbf\xbf"},
             {"4 \xf0\x90\x80\x80\xf0\xbf\xbf\xbf", "4 \xf0\x90\x80\x80\xf0\xbf\xbf\xbf"},
             {"4 \xf1\x80\x80\x80\xf3\xbf\xbf\xbf", "4 \xf1\x80\x80\x80\xf3\xbf\xbf\xbf"},
             {"4 \xf4\x80\x80\x80\xf4\x8f\xbf\xbf", "4 \xf4\x80\x80\x80\xf4\x8f\xbf\xbf"},
             {"long \xe0\x9f\xbf", "long \?\?\?"},
             {"long \xf0\x8f\xbf\xbf", "long \?\?\?\?"},
             {"surrogate \xed\xa0\x80", "surrogate \?\?\?"},
             {"beyond \xf4\x90\x80\x80", "beyond \?\?\?\?"},
             {"cut \xf1\x80\x80", "cut \?\?\?"}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static void each_form(void)
{
    for (int i = 0; i < FORMS; ++i) {
        aa_allocator *const a = aa_arena_create(&(aa_options){.name = forms[i].name});
        AA_WITH(a) {
        }
        must(aa_destroy(a) == AA_OK);
    }
}

START_TEST(well_formed_utf8_is_kept_and_each_other_byte_is_a_question_mark)
{
    trace t;
    record(&t, each_form);
    for (int i = 0; i < FORMS; ++i) {
        ck_assert_msg(trace_count(&t, 'B', forms[i].shown, NULL, NULL) == 1, "%d: %s", i,
                      forms[i].shown);
    }
    trace_end(&t);
}
END_TEST

static void the_whole_program_checked(void)
{
    (void)setenv("AA_CHECKS", "full", 1);
    the_whole_program();
}

START_TEST(full_checks_and_a_recording_go_together)
{
    trace t;
    record(&t, the_whole_program_checked);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset", "status", "AA_OK"), 2 * ROUNDS);
    trace_end(&t);
}
END_TEST

AA_TEST_MAIN("trace", AA_TEST(scopes_and_tasks_are_spans_on_the_thread_that_runs_them),
             AA_TEST(allocators_are_created_grow_and_end),
             AA_TEST(a_reset_says_what_it_took_back_and_a_refused_one_why),
             AA_TEST(a_reset_that_shrinks_says_what_it_gave_back),
             AA_TEST(a_team_reset_shows_who_arrived_when_and_one_reset),
             AA_TEST(nothing_is_lost_when_buffers_fill),
             AA_TEST(a_thousand_threads_at_once_are_recorded_each),
             AA_TEST(threads_that_live_at_exit_are_written),
             AA_TEST(scopes_end_with_their_thread_and_with_an_outer_scope),
             AA_TEST(a_scope_whose_allocator_was_destroyed_says_so_at_its_end),
             AA_TEST(a_reset_that_a_handler_left_by_a_jump_ends_too),
             AA_TEST(a_scope_that_was_jumped_over_ends_too), AA_TEST(any_name_gives_valid_json),
             AA_TEST(well_formed_utf8_is_kept_and_each_other_byte_is_a_question_mark),
             AA_TEST(full_checks_and_a_recording_go_together))
