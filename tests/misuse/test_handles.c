/* Destroyed allocators. A raw pointer to one is caught under checks while it is quarantined; arrays, tokens and
 * OpenMP handles know for ever (marks: test_marks.c). */
#include "held.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

enum { PAST_QUARANTINE = 5000 };

static aa_allocator *destroyed(int kind)
{
    aa_allocator *const a =
        bump_create(kind, &(aa_options){.checks = AA_CHECKS_API, .name = "gone"});
    (void)aa_alloc(a, 100);
    assert_status(aa_destroy(a), AA_OK);
    return a;
}

START_TEST(a_destroyed_allocator_is_refused_by_alloc)
{
    aa_allocator *const a = destroyed(_i);
    assert_refused_null(aa_alloc(a, 8), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_null(aa_alloc(a, 0), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_by_alloc_aligned)
{
    aa_allocator *const a = destroyed(_i);
    assert_refused_null(aa_alloc_aligned(a, 8, 4096), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_by_calloc_and_new)
{
    aa_allocator *const a = destroyed(_i);
    assert_refused_null(aa_calloc(a, 8, 8), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_null(AA_NEW(a, double, 8), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_by_realloc)
{
    aa_allocator *const a = destroyed(_i);
    char memory[100];
    pattern_fill(memory, 100, 1);
    assert_refused_null(aa_realloc(a, NULL, 0, 100), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_null(aa_realloc(a, memory, 100, 200), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert(pattern_holds(memory, 100, 1));
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_by_free)
{
    aa_allocator *const a = destroyed(_i);
    char memory[100];
    record_violations();
    aa_last_clear();
    aa_free(a, memory, 100);
    ck_assert_int_eq(aa_last_status(), AA_STALE);
    assert_one_report("aa_free", AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_destroyed_allocator_owns_nothing)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    void *const p = aa_alloc(a, 100);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert(!aa_owns(a, p));
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_by_reset)
{
    aa_allocator *const a = destroyed(_i);
    assert_refused(aa_reset(a), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_by_a_team_reset)
{
    aa_allocator *const a = destroyed(_i);
    int wrong = 0;
    record_violations();
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    wrong += aa_reset_team(a) != AA_STALE;
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_ge(violations_of(AA_USE_AFTER_RESET), 1);
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), violations_count());
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_by_destroy)
{
    aa_allocator *const a = destroyed(_i);
    assert_refused(aa_destroy(a), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused(aa_destroy(a), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_destroyed_allocator_gives_a_null_mark)
{
    aa_allocator *const a = destroyed(_i);
    record_violations();
    aa_last_clear();
    ck_assert(aa_mark_is_null(aa_mark_take(a)));
    ck_assert_int_eq(aa_last_status(), AA_STALE);
    assert_one_report("aa_mark_take", AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_scratch_of_a_destroyed_allocator_is_reported_and_its_body_runs)
{
    aa_allocator *const a = destroyed(_i);
    int bodies = 0;
    record_violations();
    AA_SCRATCH(a) {
        ++bodies;
    }
    ck_assert_int_eq(bodies, 1);
    assert_one_report("the scratch", AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_scope_of_a_destroyed_allocator_is_reported_and_its_body_runs_unchanged)
{
    aa_allocator *const outer = aa_arena_create(NULL);
    aa_allocator *const a = destroyed(_i);
    int bodies = 0;
    record_violations();
    AA_WITH(outer) {
        AA_WITH(a) {
            ck_assert_ptr_eq(aa_current(), outer);
            ++bodies;
        }
        ck_assert_ptr_eq(aa_current(), outer);
    }
    ck_assert_int_eq(bodies, 1);
    assert_one_report("the scope", AA_USE_AFTER_RESET);
    ck_assert_str_eq(last_violation()->allocator_name, "gone");
    assert_status(aa_destroy(outer), AA_OK);
}
END_TEST

START_TEST(a_destroyed_allocator_has_no_stats_and_no_report)
{
    aa_allocator *const a = destroyed(_i);
    aa_stats stats = {.used = 4321};
    record_violations();
    assert_status(aa_stats_get(a, &stats), AA_STALE);
    ck_assert_uint_eq(stats.used, 4321);
    assert_status(aa_report(stdout, a), AA_STALE);
}
END_TEST

START_TEST(a_destroyed_allocator_has_no_openmp_handle)
{
    aa_allocator *const a = destroyed(_i);
    record_violations();
    assert_fails(aa_omp_handle(a), AA_STALE);
}
END_TEST

START_TEST(a_destroyed_arena_cannot_be_adopted)
{
    aa_allocator *const a = destroyed(ARENA);
    record_violations();
    assert_status(aa_arena_adopt(a), AA_STALE);
}
END_TEST

START_TEST(a_destroyed_private_allocator_has_no_arenas)
{
    aa_allocator *const a = destroyed(PRIVATE);
    record_violations();
    assert_fails(aa_private_arena(a), AA_STALE);
}
END_TEST

START_TEST(an_arena_of_a_destroyed_private_allocator_is_destroyed_too)
{
    aa_allocator *const a = aa_private_create(&(aa_options){.checks = AA_CHECKS_API});
    aa_allocator *const arena = aa_private_arena(a);
    (void)aa_alloc(arena, 100);
    assert_status(aa_destroy(a), AA_OK);
    assert_refused_null(aa_alloc(arena, 100), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

/* ---- for ever ---- */

/* Creates and destroys more than the quarantine holds, so that addresses are used again. */
static void churn(int kind)
{
    for (int i = 0; i < PAST_QUARANTINE; ++i) {
        aa_allocator *const a = bump_create(kind, NULL);
        (void)aa_alloc(a, 100);
        assert_status(aa_destroy(a), AA_OK);
    }
}

START_TEST(an_array_knows_for_ever_that_its_allocator_is_gone)
{
    static const int64_t shape[] = {10};
    aa_allocator *const gone = bump_create(_i, NULL);
    aa_array array = aa_empty(gone, AA_F64, 1, shape);
    assert_status(aa_destroy(gone), AA_OK);
    assert_refused_null(aa_data(&array), AA_STALE, AA_USE_AFTER_RESET);
    churn(_i);
    aa_allocator *const later = bump_create(_i, NULL);
    const held h = hold(later);
    ck_assert(!aa_is_valid(&array));
    assert_refused_null(aa_data(&array), AA_STALE, AA_USE_AFTER_RESET);
    record_violations();
    const aa_array similar = aa_similar(&array);
    ck_assert(aa_is_null(&similar));
    ck_assert_int_eq(aa_last_status(), AA_STALE);
    assert_status(aa_array_free(&array), AA_STALE);
    assert_unharmed(&h);
    assert_status(aa_destroy(later), AA_OK);
}
END_TEST

START_TEST(a_token_knows_for_ever_that_its_allocator_is_gone)
{
    aa_allocator *const outer = aa_arena_create(NULL);
    aa_allocator *const gone = bump_create(_i, NULL);
    aa_token token;
    AA_WITH(gone) {
        token = aa_scope_capture();
    }
    assert_status(aa_destroy(gone), AA_OK);
    for (int round = 0; round < 2; ++round) {
        int bodies = 0;
        record_violations();
        aa_last_clear();
        AA_WITH(outer) {
            AA_TASK(token) {
                ck_assert_ptr_eq(aa_current(), outer);
                ++bodies;
            }
            ck_assert_ptr_eq(aa_current(), outer);
        }
        ck_assert_int_eq(bodies, 1);
        ck_assert_int_eq(aa_last_status(), AA_STALE);
        assert_one_report("the token", AA_USE_AFTER_RESET);
        if (round == 0) {
            churn(_i);
        }
    }
    assert_status(aa_destroy(outer), AA_OK);
}
END_TEST

START_TEST(an_openmp_handle_knows_for_ever_that_its_allocator_is_gone)
{
    aa_allocator *const gone = bump_create(_i, NULL);
    const uintptr_t handle = aa_omp_handle(gone);
    assert_status(aa_destroy(gone), AA_OK);
    ck_assert_ptr_null(aa_from_omp_handle(handle));
    churn(_i);
    aa_allocator *const later = bump_create(_i, NULL);
    ck_assert_uint_ne(aa_omp_handle(later), handle);
    ck_assert_ptr_null(aa_from_omp_handle(handle));
    assert_status(aa_destroy(later), AA_OK);
}
END_TEST

START_TEST(under_a_gone_handle_the_heap_is_current_after_a_report)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t before = omp_get_default_allocator();
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(a));
    assert_status(aa_destroy(a), AA_OK);
    record_violations();
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_one_report("aa_current", AA_USE_AFTER_RESET);
    omp_set_default_allocator(before);
    record_violations();
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_no_reports();
}
END_TEST

START_TEST(an_allocator_destroyed_inside_its_own_scope_leaves_the_heap)
{
    aa_allocator *const a = bump_create(_i, NULL);
    AA_WITH(a) {
        assert_status(aa_destroy(a), AA_OK);
        record_violations();
        ck_assert_ptr_eq(aa_current(), aa_heap());
        assert_one_report("aa_current", AA_USE_AFTER_RESET);
        record_violations();
        void *const p = aa_alloc(AA_CURRENT, 100);
        ck_assert(aa_owns(aa_heap(), p));
        aa_free(aa_heap(), p, 100);
    }
    record_violations();
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_no_reports();
}
END_TEST

START_TEST(a_new_allocator_never_has_the_identity_of_a_gone_one)
{
    static const int64_t shape[] = {10};
    aa_array old = aa_empty(AA_CURRENT, AA_F64, 1, shape);
    (void)aa_array_free(&old);
    for (int i = 0; i < PAST_QUARANTINE; ++i) {
        aa_allocator *const a = bump_create(_i, NULL);
        aa_array array = aa_empty(a, AA_F64, 1, shape);
        ck_assert(aa_is_valid(&array));
        ck_assert(!aa_is_valid(&old));
        assert_status(aa_destroy(a), AA_OK);
        old = array;
        ck_assert(!aa_is_valid(&old));
    }
}
END_TEST

AA_TEST_MAIN("misuse: handles", AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_alloc),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_alloc_aligned),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_calloc_and_new),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_realloc),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_free),
             AA_TEST_BUMP(a_destroyed_allocator_owns_nothing),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_reset),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_a_team_reset),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_by_destroy),
             AA_TEST_BUMP(a_destroyed_allocator_gives_a_null_mark),
             AA_TEST_BUMP(a_scratch_of_a_destroyed_allocator_is_reported_and_its_body_runs),
             AA_TEST_BUMP(a_scope_of_a_destroyed_allocator_is_reported_and_its_body_runs_unchanged),
             AA_TEST_BUMP(a_destroyed_allocator_has_no_stats_and_no_report),
             AA_TEST_BUMP(a_destroyed_allocator_has_no_openmp_handle),
             AA_TEST(a_destroyed_arena_cannot_be_adopted),
             AA_TEST(a_destroyed_private_allocator_has_no_arenas),
             AA_TEST(an_arena_of_a_destroyed_private_allocator_is_destroyed_too),
             AA_TEST_BUMP(an_array_knows_for_ever_that_its_allocator_is_gone),
             AA_TEST_BUMP(a_token_knows_for_ever_that_its_allocator_is_gone),
             AA_TEST_BUMP(an_openmp_handle_knows_for_ever_that_its_allocator_is_gone),
             AA_TEST_BUMP(under_a_gone_handle_the_heap_is_current_after_a_report),
             AA_TEST_BUMP(an_allocator_destroyed_inside_its_own_scope_leaves_the_heap),
             AA_TEST_BUMP(a_new_allocator_never_has_the_identity_of_a_gone_one))
