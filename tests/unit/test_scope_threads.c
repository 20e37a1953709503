/* Scopes in a program without an OpenMP runtime: each thread has its own. This program calls nothing of
 * OpenMP, and so the linker leaves the runtime out. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

START_TEST(the_mode_says_that_scopes_are_per_thread)
{
    ck_assert_str_eq(aa_scope_mode(), "threads");
}
END_TEST

START_TEST(scopes_nest_and_restore)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = bump_create(_i, NULL);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    AA_WITH(a) {
        AA_WITH(b) {
            ck_assert_ptr_eq(aa_current(), b);
            AA_WITH(aa_heap()) {
                ck_assert_ptr_eq(aa_current(), aa_heap());
            }
        }
        ck_assert_ptr_eq(aa_current(), a);
        ck_assert(aa_owns(a, aa_alloc(AA_CURRENT, 100)));
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

static void *current_here(void *unused)
{
    (void)unused;
    return aa_current();
}

static void *current_under(void *token)
{
    aa_allocator *seen = NULL;
    AA_TASK(*(const aa_token *)token) {
        seen = aa_current();
    }
    return aa_current() == aa_heap() ? seen : NULL;
}

START_TEST(a_scope_is_its_threads_alone_and_a_token_carries_it)
{
    aa_allocator *const a = aa_shared_create(NULL);
    AA_WITH(a) {
        aa_token token = aa_scope_capture();
        ck_assert_ptr_eq(on_thread(current_here, NULL), aa_heap());
        ck_assert_ptr_eq(on_thread(current_under, &token), a);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void stay_in_a_scope(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
        guest_stay(g);
    }
}

START_TEST(another_threads_scope_refuses_a_reset)
{
    aa_allocator *const a = bump_create(_i, NULL);
    guest g;
    guest_invite(&g, stay_in_a_scope, a);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&g);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_allocator_destroyed_inside_its_own_scope_leaves_the_heap)
{
    aa_allocator *const a = aa_arena_create(NULL);
    AA_WITH(a) {
        assert_status(aa_destroy(a), AA_OK);
        record_violations();
        ck_assert_ptr_eq(aa_current(), aa_heap());
        assert_one_report("aa_current", AA_USE_AFTER_RESET);
    }
}
END_TEST

START_TEST(there_are_no_openmp_handles)
{
    aa_allocator *const a = aa_arena_create(NULL);
    assert_fails(aa_omp_handle(a), AA_UNSUPPORTED);
    ck_assert_ptr_null(aa_from_omp_handle(1));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_scope_left_out_of_order_ends_the_inner_ones)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_scope outer = aa_scope_enter(a);
    const aa_scope inner = aa_scope_enter(aa_heap());
    assert_status(aa_scope_leave(outer), AA_ORDER);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_scope_leave(inner), AA_ORDER);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(outside_regions_nothing_is_in_parallel)
{
    ck_assert(!aa_in_parallel());
}
END_TEST

AA_TEST_MAIN("scope without OpenMP", AA_TEST(the_mode_says_that_scopes_are_per_thread),
             AA_TEST_BUMP(scopes_nest_and_restore),
             AA_TEST(a_scope_is_its_threads_alone_and_a_token_carries_it),
             AA_TEST_BUMP(another_threads_scope_refuses_a_reset),
             AA_TEST(an_allocator_destroyed_inside_its_own_scope_leaves_the_heap),
             AA_TEST(there_are_no_openmp_handles),
             AA_TEST(a_scope_left_out_of_order_ends_the_inner_ones),
             AA_TEST(outside_regions_nothing_is_in_parallel))
