/* Scopes left out of order, twice, elsewhere, by longjmp, by threads that end inside one. */
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <setjmp.h>

/* Nothing of ours is left in OpenMP's default allocator. */
static void assert_restored(void)
{
    ck_assert_ptr_eq(aa_current(), aa_heap());
    ck_assert(omp_get_default_allocator() == omp_default_mem_alloc);
}

START_TEST(leaving_an_outer_scope_ends_the_inner_ones_and_says_so)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    const aa_scope outer = aa_scope_enter(a);
    const aa_scope inner = aa_scope_enter(b);
    assert_status(aa_scope_leave(outer), AA_ORDER);
    assert_restored();
    assert_status(aa_scope_leave(inner), AA_ORDER);
    assert_restored();
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(a_scope_left_twice_changes_nothing_the_second_time)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    const aa_scope outer = aa_scope_enter(a);
    const aa_scope inner = aa_scope_enter(b);
    assert_status(aa_scope_leave(inner), AA_OK);
    assert_status(aa_scope_leave(inner), AA_ORDER);
    ck_assert_ptr_eq(aa_current(), a);
    assert_status(aa_scope_leave(outer), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(an_ended_scope_does_not_end_a_later_one_in_its_place)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const aa_scope old = aa_scope_enter(a);
    assert_status(aa_scope_leave(old), AA_OK);
    const aa_scope now = aa_scope_enter(a);
    assert_status(aa_scope_leave(old), AA_ORDER);
    ck_assert_ptr_eq(aa_current(), a);
    assert_status(aa_scope_leave(now), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *leave_here(void *scope)
{
    static aa_status status;
    status = aa_scope_leave(*(const aa_scope *)scope);
    return &status;
}

START_TEST(a_scope_left_on_another_thread_stays_open)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_scope scope = aa_scope_enter(a);
    ck_assert_int_eq(*(aa_status *)on_thread(leave_here, &scope), AA_ORDER);
    ck_assert_ptr_eq(aa_current(), a);
    assert_status(aa_scope_leave(scope), AA_OK);
    assert_restored();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_scope_left_out_of_order_does_not_refuse_a_reset)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_scope outer = aa_scope_enter(a);
    (void)aa_scope_enter(a);
    (void)aa_scope_enter(a);
    (void)aa_alloc(a, 100);
    assert_status(aa_scope_leave(outer), AA_ORDER);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- longjmp: the next enter or leave repairs ---- */

static jmp_buf start;

static __attribute__((noinline)) void jump_out_of(aa_allocator *a)
{
    AA_WITH(a) {
        longjmp(start, 1);
    }
}

static __attribute__((noinline)) void jump_out_of_both(aa_allocator *a, aa_allocator *b)
{
    AA_WITH(a) {
        jump_out_of(b);
    }
}

START_TEST(the_next_scope_repairs_one_that_was_jumped_over)
{
    static aa_allocator *a, *b, *seen;
    a = aa_shared_create(NULL);
    b = aa_shared_create(NULL);
    if (setjmp(start) == 0) {
        jump_out_of(a);
    }
    aa_last_clear();
    AA_WITH(b) {
        ck_assert_int_eq(aa_last_status(), AA_ORDER);
        seen = aa_current();
    }
    ck_assert_ptr_eq(seen, b);
    assert_restored();
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(leaving_repairs_scopes_that_were_jumped_over)
{
    static aa_allocator *a, *b;
    static aa_scope outer;
    a = aa_shared_create(NULL);
    b = aa_shared_create(NULL);
    outer = aa_scope_enter(a);
    if (setjmp(start) == 0) {
        jump_out_of_both(b, a);
    }
    assert_status(aa_scope_leave(outer), AA_ORDER);
    assert_restored();
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(a_scope_around_the_jump_is_kept)
{
    static aa_allocator *a, *b, *inside, *after;
    a = aa_shared_create(NULL);
    b = aa_shared_create(NULL);
    AA_WITH(a) {
        if (setjmp(start) == 0) {
            jump_out_of_both(b, b);
        }
        AA_WITH(b) {
            inside = aa_current();
        }
        after = aa_current();
    }
    ck_assert_ptr_eq(inside, b);
    ck_assert_ptr_eq(after, a);
    assert_restored();
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(a_scope_that_was_jumped_over_does_not_refuse_its_own_threads_reset)
{
    static aa_allocator *a;
    a = aa_shared_create(NULL);
    (void)aa_alloc(a, 100);
    if (setjmp(start) == 0) {
        jump_out_of(a);
    }
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static __attribute__((noinline)) void jump_out_of_scratch(aa_allocator *a)
{
    AA_SCRATCH(a) {
        (void)aa_alloc(a, 1000);
        longjmp(start, 1);
    }
}

START_TEST(an_outer_mark_ends_a_scratch_that_was_jumped_over)
{
    static aa_allocator *a;
    static aa_mark outer;
    a = bump_create(_i, NULL);
    outer = aa_mark_take(a);
    if (setjmp(start) == 0) {
        jump_out_of_scratch(a);
    }
    record_violations();
    assert_status(aa_mark_rewind(outer), AA_OK);
    assert_no_reports();
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- threads that end inside ---- */

static void *end_inside(void *argument)
{
    aa_allocator *const a = argument;
    (void)aa_scope_enter(a);
    (void)aa_scope_enter(a);
    (void)aa_mark_take(a);
    (void)aa_alloc(a, 100);
    return NULL;
}

START_TEST(a_thread_that_ended_inside_scopes_and_marks_refuses_nothing)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    record_violations();
    for (int i = 0; i < 3; ++i) {
        on_thread(end_inside, a);
        ck_assert_uint_eq(stats_of(a).used, 128);
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_eq(stats_of(a).used, 0);
    }
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void wait_for_ever(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
        AA_SCRATCH((aa_allocator *)g->argument) {
            (void)aa_alloc(AA_CURRENT, 100);
            guest_stay(g); /* a cancellation point */
        }
    }
}

START_TEST(a_thread_cancelled_inside_a_scope_refuses_nothing)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    guest *const g = aa_alloc(aa_heap(), sizeof *g); /* its lock may stay held */
    guest_invite(g, wait_for_ever, a);
    ck_assert_int_eq(pthread_cancel(g->thread), 0);
    void *result = NULL;
    ck_assert_int_eq(pthread_join(g->thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
    aa_free(aa_heap(), g, sizeof *g);
}
END_TEST

AA_TEST_MAIN("misuse: scopes", AA_TEST(leaving_an_outer_scope_ends_the_inner_ones_and_says_so),
             AA_TEST(a_scope_left_twice_changes_nothing_the_second_time),
             AA_TEST(an_ended_scope_does_not_end_a_later_one_in_its_place),
             AA_TEST(a_scope_left_on_another_thread_stays_open),
             AA_TEST_BUMP(a_scope_left_out_of_order_does_not_refuse_a_reset),
             AA_TEST(the_next_scope_repairs_one_that_was_jumped_over),
             AA_TEST(leaving_repairs_scopes_that_were_jumped_over),
             AA_TEST(a_scope_around_the_jump_is_kept),
             AA_TEST(a_scope_that_was_jumped_over_does_not_refuse_its_own_threads_reset),
             AA_TEST_BUMP(an_outer_mark_ends_a_scratch_that_was_jumped_over),
             AA_TEST_LOOP(a_thread_that_ended_inside_scopes_and_marks_refuses_nothing, SHARED,
                          PRIVATE + 1),
             AA_TEST_LOOP(a_thread_cancelled_inside_a_scope_refuses_nothing, SHARED, PRIVATE + 1))
