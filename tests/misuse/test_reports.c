/* What a refused reset says: which rule, which threads, which nesting level, since when, what to do. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

static uint64_t guests_id; /* the thread id that the library gave the guest */

static void note_id(const aa_violation *violation, void *context)
{
    (void)context;
    guests_id = violation->thread_id;
}

/* A thread learns its id from a report of its own. */
static void learn_id(aa_allocator *a)
{
    void *context;
    aa_violation_handler *const before = aa_get_violation_handler(&context);
    (void)aa_set_violation_handler(note_id, NULL);
    const aa_mark mark = aa_mark_take(a);
    (void)aa_mark_drop(mark);
    (void)aa_mark_drop(mark); /* AA_REWIND_ORDER */
    (void)aa_set_violation_handler(before, context);
}

static void assert_says(const char *words)
{
    ck_assert_msg(strstr(last_violation()->message, words) != NULL, "'%s' lacks '%s'",
                  last_violation()->message, words);
}

static void assert_names_guest(void)
{
    char words[40];
    (void)snprintf(words, sizeof words, "thread %llu", (unsigned long long)guests_id);
    assert_says(words);
}

static void refused_while(aa_allocator *a, void (*body)(guest *))
{
    guest g;
    record_violations();
    guest_invite(&g, body, a);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&g);
    assert_says("then reset");
}

static void stay_in_scope(guest *g)
{
    learn_id(g->argument);
#pragma omp parallel num_threads(1)
    AA_WITH((aa_allocator *)g->argument) {
        guest_stay(g);
    }
}

START_TEST(a_scope_is_named_by_thread_place_level_and_reset)
{
    aa_allocator *const a = bump_create(SHARED + _i, &(aa_options){.name = "data"});
    assert_status(aa_reset(a), AA_OK);
    refused_while(a, stay_in_scope);
    assert_names_guest();
    assert_says("1 scope(s) or token(s)");
    assert_says("AA_WITH at ");
    assert_says("test_reports.c:");
    assert_says("level 1, since reset 1");
    assert_says("'data'");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_callers_own_scope_is_not_among_those_that_refuse)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    AA_WITH(a) {
        refused_while(a, stay_in_scope);
    }
    assert_says("1 scope(s) or token(s) of other threads are open");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Of the scopes of a thread, the first few can be read by others. */
enum { TOO_DEEP = 40 };

static void stay_deep(guest *g, int depth)
{
    AA_WITH(depth < TOO_DEEP ? aa_heap() : (aa_allocator *)g->argument) {
        if (depth < TOO_DEEP) {
            stay_deep(g, depth + 1);
        } else {
            guest_stay(g);
        }
    }
}

static void stay_in_a_deep_scope(guest *g)
{
    stay_deep(g, 0);
}

START_TEST(a_scope_below_many_others_is_counted_and_not_named)
{
    aa_allocator *const a = bump_create(SHARED + _i, &(aa_options){.name = "data"});
    refused_while(a, stay_in_a_deep_scope);
    assert_says(
        "1 scope(s) or token(s) of other threads are open for 'data': end them, then reset");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static aa_token token;

static void stay_in_token(guest *g)
{
    learn_id(g->argument);
    AA_TASK(token) {
        guest_stay(g);
    }
}

START_TEST(the_epochs_of_a_refusal_are_its_own_allocators)
{
    for (int i = 0; i < 40; ++i) { /* what these used is used again */
        aa_allocator *const before = bump_create(SHARED, NULL);
        assert_status(aa_reset(before), AA_OK);
        assert_status(aa_destroy(before), AA_OK);
    }
    aa_allocator *const a = bump_create(SHARED, NULL);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_reset(a), AA_OK);
    refused_while(a, stay_in_scope);
    ck_assert_uint_eq(last_violation()->epoch_now, 2);
    ck_assert_uint_eq(last_violation()->epoch_seen, 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_token_is_named_as_one)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    refused_while(a, stay_in_token);
    assert_names_guest();
    assert_says("AA_TASK at ");
    assert_says("level 0, since reset 0");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void stay_with_marks(guest *g)
{
    aa_allocator *const a = g->argument;
    learn_id(a);
    (void)aa_alloc(a, 10);
    (void)aa_alloc(a, 10);
    const aa_mark first = aa_mark_take(a);
    (void)aa_alloc(a, 10);
    AA_SCRATCH(a) {
        guest_stay(g);
    }
    g->wrong += aa_mark_rewind(first) != AA_OK;
}

START_TEST(marks_are_named_by_thread_number_and_the_oldest)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    refused_while(a, stay_with_marks);
    assert_names_guest();
    assert_says("2 open mark(s)");
    assert_says("since its allocation 2");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static aa_array pinned;

static void stay_with_pin(guest *g)
{
    learn_id(g->argument);
    g->wrong += aa_pin(&pinned) != AA_OK;
    guest_stay(g);
    g->wrong += aa_unpin(&pinned) != AA_OK;
}

START_TEST(a_pin_is_named_by_who_pinned_and_which_array)
{
    static const int64_t shape[] = {10};
    aa_allocator *const a = bump_create(_i, NULL);
    (void)aa_alloc(a, 10);
    pinned = aa_empty(a, AA_F64, 1, shape);
    refused_while(a, stay_with_pin);
    assert_names_guest();
    assert_says("1 pin(s)");
    assert_says("pinned allocation 1 of its thread");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_region_is_named_by_level_and_place_in_the_team)
{
    aa_allocator *const a = bump_create(_i, NULL);
    record_violations();
#pragma omp parallel num_threads(3)
    {
        if (omp_get_thread_num() == 2) {
            (void)aa_reset(a);
        }
    }
    assert_one_report("aa_reset", AA_RESET_IN_PARALLEL);
    ck_assert_int_eq(last_violation()->level, 1);
    ck_assert_int_eq(last_violation()->thread_num, 2);
    assert_says("nesting level 1, here thread 2 of 3");
    assert_says("created at level 0");
    assert_says("reset after the region, or with aa_reset_team");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_a_region_made_is_named_by_creator_and_takers)
{
    aa_allocator *a = NULL;
    record_violations();
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        a = bump_create(SHARED, NULL);
#pragma omp barrier
        (void)aa_alloc(a, 10);
#pragma omp barrier
#pragma omp master
        (void)aa_reset(a);
    }
    assert_one_report("aa_reset", AA_RESET_IN_PARALLEL);
    assert_says("created at level 1");
    assert_says("threads beside its creator took memory since reset 0");
    assert_says("aa_reset_team");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_team_is_told_who_is_missing)
{
    setenv("AA_TEAM_TIMEOUT", "1", 1);
    aa_allocator *const a = bump_create(SHARED, NULL);
    record_violations();
#pragma omp parallel num_threads(4)
    {
        if (omp_get_thread_num() % 2 == 0) {
            (void)aa_reset_team(a);
        }
    }
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    assert_says("only 2 of 4 threads arrived within 1 s, OpenMP thread(s) 1, 3 did not");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("misuse: reports",
             AA_TEST_LOOP(a_scope_is_named_by_thread_place_level_and_reset, 0, 2),
             AA_TEST_LOOP(the_callers_own_scope_is_not_among_those_that_refuse, 0, 2),
             AA_TEST_LOOP(a_scope_below_many_others_is_counted_and_not_named, 0, 2),
             AA_TEST(the_epochs_of_a_refusal_are_its_own_allocators),
             AA_TEST_LOOP(a_token_is_named_as_one, 0, 2),
             AA_TEST_LOOP(marks_are_named_by_thread_number_and_the_oldest, 0, 2),
             AA_TEST_BUMP(a_pin_is_named_by_who_pinned_and_which_array),
             AA_TEST_BUMP(a_region_is_named_by_level_and_place_in_the_team),
             AA_TEST(what_a_region_made_is_named_by_creator_and_takers),
             AA_TEST(a_team_is_told_who_is_missing))
