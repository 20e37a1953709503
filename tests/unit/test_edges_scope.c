/* Ways through scopes and resets that no other test takes (doc/coverage.md): who is in the way without a place to name, marks
 * ended out of an upstream, allocators of inner regions, scopes on other stacks. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>
#include <ucontext.h>

/* ---- holders ---------------------------------------------------------------------------------------------------- */

static void hold_by_a_call(guest *g)
{
    const aa_scope scope = aa_scope_enter(g->argument);
    guest_stay(g);
    g->wrong += aa_scope_leave(scope) != AA_OK;
}

START_TEST(another_threads_scope_without_a_place_is_named_by_its_call)
{
    aa_allocator *const a = bump_create(_i, NULL);
    guest g;
    guest_invite(&g, hold_by_a_call, a);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "(aa_scope_enter, level 0, "));
    guest_dismiss(&g);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

typedef struct ending {
    upstream_count count;
    aa_mark mark;
    aa_status (*end)(aa_mark);
    aa_status said;
} ending;

static void *alloc_and_end(void *state, size_t least, size_t *bytes, size_t alignment)
{
    ending *const e = state;
    if (!aa_mark_is_null(e->mark)) {
        e->said = e->end(e->mark);
    }
    return counted_alloc(&e->count, least, bytes, alignment);
}

static void free_only(void *state, void *pointer, size_t bytes)
{
    ending *const e = state;
    counted_free(&e->count, pointer, bytes);
}

START_TEST(a_mark_that_an_upstream_ends_stays_open)
{
    static const aa_upstream_ops ops = {sizeof ops, alloc_and_end, free_only, NULL};
    ending e = {.end = _i < BUMP_KINDS ? aa_mark_rewind : aa_mark_drop, .said = AA_IO};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &e);
    aa_allocator *const a = bump_create(_i % BUMP_KINDS, &(aa_options){.upstream = upstream});
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    const size_t used = stats_of(a).used;
    const aa_mark mark = aa_mark_take(a);
    e.mark = mark;
    ck_assert_ptr_nonnull(aa_alloc(a, 1 << 22));
    ck_assert_int_eq(e.said, AA_BUSY);
    ck_assert_uint_gt(stats_of(a).used, used);
    e.mark = (aa_mark){0};
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, used);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_scratch_that_ends_over_a_pin_leaves_the_pins_of_older_arrays)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_array old = aa_empty(a, AA_F64, 1, (const int64_t[]){10});
    assert_status(aa_pin(&old), AA_OK);
    record_violations();
    AA_SCRATCH(a) {
        const aa_array young = aa_empty(a, AA_F64, 1, (const int64_t[]){10});
        assert_status(aa_pin(&young), AA_OK);
    }
    assert_one_report("AA_SCRATCH", AA_ESCAPE);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "1 pin(s)"));
    assert_status(aa_unpin(&old), AA_OK);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- allocators of inner regions ------------------------------------------------------------------------------- */

/* Made by thread 0 inside a region of its own, which has ended. */
static aa_allocator *made_further_in(int kind)
{
    aa_allocator *a = NULL;
#pragma omp parallel num_threads(1) shared(a)
    a = bump_try_create(kind, &(aa_options){.name = "inner"});
    return a;
}

START_TEST(another_thread_may_not_reset_what_an_inner_region_made)
{
    aa_allocator *a = NULL;
    aa_status beside = AA_OK, own = AA_IO;
    record_violations();
#pragma omp parallel num_threads(2) shared(a, beside, own)
    {
        if (omp_get_thread_num() == 0) {
            a = made_further_in(_i);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            beside = aa_reset(a);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            own = aa_reset(a);
        }
    }
    ck_assert_int_eq(beside, AA_BUSY);
    ck_assert_int_eq(own, AA_OK);
    assert_one_report("aa_reset", AA_RESET_IN_PARALLEL);
    ck_assert_ptr_nonnull(
        strstr(last_violation()->message, "threads that are not here may have it"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_team_resets_what_an_inner_region_made)
{
    aa_allocator *a = NULL;
    int wrong = 0;
    record_violations();
#pragma omp parallel num_threads(2) shared(a) reduction(+ : wrong)
    {
        if (omp_get_thread_num() == 0) {
            a = made_further_in(_i);
            wrong += aa_alloc(a, 1000) == NULL;
        }
#pragma omp barrier
        wrong += aa_reset_team(a) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
    assert_no_reports();
    ck_assert_uint_eq(stats_of(a).used, 0);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A thread of an inner team makes it; some runtimes lend that thread to the next inner team, where it stands elsewhere. */
static _Thread_local bool made_it;

START_TEST(a_creator_that_took_memory_in_another_place_refuses_the_reset)
{
    aa_allocator *a = NULL;
    bool lent = false;
    aa_status status = AA_IO;
    omp_set_max_active_levels(3);
    record_violations();
#pragma omp parallel num_threads(1) shared(a, lent, status)
    {
#pragma omp parallel num_threads(2) shared(a)
        if (omp_get_thread_num() == omp_get_num_threads() - 1) {
            a = bump_try_create(_i, NULL);
            made_it = omp_get_thread_num() == 1;
        }
#pragma omp parallel num_threads(1) shared(a, lent)
        {
#pragma omp parallel num_threads(2) shared(a, lent)
            if (omp_get_thread_num() == omp_get_num_threads() - 1) {
                (void)aa_alloc(a, 100);
                lent = made_it;
            }
        }
        status = aa_reset(a);
    }
    ck_assert_int_eq(status, lent ? AA_BUSY : AA_OK);
    ck_assert_int_eq(violations_count(), lent);
    ck_assert(!lent || strstr(last_violation()->message,
                              "its creator took memory in another thread's region") != NULL);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Levels 1 with two threads, 2 with one, 3 with two. */
START_TEST(a_team_two_levels_inside_another_does_not_reset)
{
    aa_allocator *const a = bump_create(_i, NULL);
    int refused = 0, others = 0;
    omp_set_max_active_levels(3);
    record_violations();
#pragma omp parallel num_threads(2) reduction(+ : refused, others)
    if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(1) reduction(+ : refused, others)
        {
#pragma omp parallel num_threads(2) reduction(+ : refused, others)
            {
                const aa_status status = aa_reset_team(a);
                refused += status == AA_BUSY;
                others += status != AA_BUSY;
            }
        }
    }
    ck_assert_int_ge(refused, 1); /* one where the runtime gave fewer threads */
    ck_assert_int_eq(others, 0);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    ck_assert_uint_eq(stats_of(a).resets, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- other stacks -------------------------------------------------------------------------------------------------- */

enum { STACK_BYTES = 1 << 17 };
static char stacks[2][STACK_BYTES];
static ucontext_t host, coroutines[2];
static aa_allocator *on_stack[2];
static int wrong_there;

/* Pauses inside its scope. */
static void pause_in_a_scope(int me)
{
    AA_WITH(on_stack[me]) {
        wrong_there += aa_current() != on_stack[me];
        (void)swapcontext(&coroutines[me], &host);
        wrong_there += aa_current() != on_stack[me];
    }
}

static void start(int me)
{
    ck_assert_int_eq(getcontext(&coroutines[me]), 0);
    coroutines[me].uc_stack.ss_sp = stacks[me];
    coroutines[me].uc_stack.ss_size = STACK_BYTES;
    coroutines[me].uc_link = &host;
    makecontext(&coroutines[me], (void (*)(void))pause_in_a_scope, 1, me);
    ck_assert_int_eq(swapcontext(&host, &coroutines[me]), 0);
}

/* A function further up on another stack was not left. */
START_TEST(a_scope_on_another_stack_is_not_taken_for_one_that_was_jumped_out_of)
{
    aa_allocator *const a = bump_create(_i, NULL), *const outer = bump_create(_i, NULL);
    on_stack[0] = outer;
    on_stack[1] = bump_create(_i, NULL);
    aa_last_clear();
    start(0);
    start(1); /* its stack lies above the first's */
    ck_assert_ptr_eq(aa_current(), on_stack[1]);
    AA_WITH(a) {
        ck_assert_ptr_eq(aa_current(), a);
    }
    ck_assert_ptr_eq(aa_current(), on_stack[1]);
    ck_assert_int_eq(swapcontext(&host, &coroutines[1]), 0);
    ck_assert_ptr_eq(aa_current(), outer);
    ck_assert_int_eq(swapcontext(&host, &coroutines[0]), 0);
    ck_assert_int_eq(aa_last_status(), AA_OK);
    ck_assert_int_eq(wrong_there, 0);
    assert_status(aa_destroy(on_stack[1]), AA_OK);
    assert_status(aa_destroy(outer), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("edges of scopes",
             AA_TEST_BUMP(another_threads_scope_without_a_place_is_named_by_its_call),
             AA_TEST_LOOP(a_mark_that_an_upstream_ends_stays_open, 0, 2 * BUMP_KINDS),
             AA_TEST_BUMP(a_scratch_that_ends_over_a_pin_leaves_the_pins_of_older_arrays),
             AA_TEST_BUMP(another_thread_may_not_reset_what_an_inner_region_made),
             AA_TEST_BUMP(a_team_resets_what_an_inner_region_made),
             AA_TEST_LOOP(a_creator_that_took_memory_in_another_place_refuses_the_reset, SHARED,
                          BUMP_KINDS),
             AA_TEST_BUMP(a_team_two_levels_inside_another_does_not_reset),
             AA_TEST_BUMP(a_scope_on_another_stack_is_not_taken_for_one_that_was_jumped_out_of))
