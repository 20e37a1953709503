/* Resets that must pass. Those that must be refused: tests/misuse/test_barrier.c. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4 };

static const int64_t shape[] = {100};

START_TEST(a_reset_takes_everything_back)
{
    aa_allocator *const a = bump_create(_i, NULL);
    for (int i = 0; i < 100; ++i) {
        (void)aa_alloc(a, 10000);
    }
    assert_status(aa_reset(a), AA_OK);
    const aa_stats stats = stats_of(a);
    ck_assert_uint_eq(stats.used, 0);
    ck_assert_uint_eq(stats.wasted, 0);
    ck_assert_uint_eq(stats.resets, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_unused_allocator_can_be_reset)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_uint_eq(stats_of(a).resets, 2);
    ck_assert_uint_eq(upstream_calls(&count), 0);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_reset_leaves_other_allocators_alone)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = bump_create(_i, NULL);
    char *const p = aa_alloc(b, 1000);
    pattern_fill(p, 1000, 1);
    const aa_array array = aa_empty(b, AA_F64, 1, shape);
    (void)aa_alloc(a, 1000);
    assert_status(aa_reset(a), AA_OK);
    memset(aa_alloc(a, 5000), 0xee, 5000);
    ck_assert(pattern_holds(p, 1000, 1));
    ck_assert(aa_is_valid(&array));
    ck_assert_uint_eq(stats_of(b).resets, 0);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert(aa_is_valid(&array));
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(every_array_is_stale_after_a_reset_and_none_before)
{
    enum { COUNT = 1000 };
    static aa_array arrays[COUNT];
    aa_allocator *const a = bump_create(_i, NULL);
    for (int i = 0; i < COUNT; ++i) {
        arrays[i] = aa_empty(a, AA_F64, 1, shape);
        ck_assert(aa_is_valid(&arrays[i]));
    }
    assert_status(aa_reset(a), AA_OK);
    const aa_array newer = aa_empty(a, AA_F64, 1, shape);
    ck_assert(aa_is_valid(&newer));
    for (int i = 0; i < COUNT; ++i) {
        ck_assert(!aa_is_valid(&arrays[i]));
    }
    assert_status(aa_destroy(a), AA_OK);
    ck_assert(!aa_is_valid(&newer));
}
END_TEST

START_TEST(the_callers_own_scopes_do_not_refuse_a_reset)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    record_violations();
    AA_WITH(a) {
        AA_WITH(a) {
            (void)aa_alloc(a, 100);
            assert_status(aa_reset(a), AA_OK);
            ck_assert_ptr_eq(aa_current(), a);
        }
    }
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_callers_own_marks_do_not_refuse_a_reset)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    record_violations();
    ck_assert(!aa_mark_is_null(aa_mark_take(a)));
    (void)aa_alloc(a, 100);
    ck_assert(!aa_mark_is_null(aa_mark_take(a)));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_after_regions_that_used_the_allocator_passes)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    omp_set_max_active_levels(2);
    record_violations();
    int broken = 0;
    for (int round = 0; round < 20; ++round) {
        AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
            {
                broken += aa_alloc(AA_CURRENT, 1000) == NULL;
                AA_SCRATCH(AA_CURRENT) {
                    broken += aa_alloc(AA_CURRENT, 1000) == NULL;
                }
#pragma omp parallel num_threads(2) reduction(+ : broken)
                broken += aa_alloc(AA_CURRENT, 1000) == NULL;
            }
        }
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_eq(stats_of(a).used, 0);
    }
    ck_assert_int_eq(broken, 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_after_a_cancelled_region_passes)
{
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    for (int round = 0; round < 5; ++round) {
#pragma omp parallel num_threads(THREADS)
        {
            (void)aa_alloc(a, 1000);
#pragma omp cancel parallel
            (void)aa_alloc(a, 1000);
        }
        assert_status(aa_reset(a), AA_OK);
    }
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(in_parallel_is_true_in_every_region_and_only_there)
{
    int wrong = 0;
    ck_assert(!aa_in_parallel());
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    wrong += !aa_in_parallel();
#pragma omp parallel num_threads(1) reduction(+ : wrong)
    wrong += !aa_in_parallel();
#pragma omp parallel if (0) reduction(+ : wrong)
    wrong += !aa_in_parallel();
    ck_assert_int_eq(wrong, 0);
    ck_assert(!aa_in_parallel());
}
END_TEST

START_TEST(what_was_created_inside_a_region_can_be_reset_there_by_its_creator)
{
    record_violations();
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        aa_allocator *const a = bump_try_create(_i, NULL);
        broken += aa_alloc(a, 1000) == NULL;
        broken += aa_reset(a) != AA_OK;
        broken += aa_alloc(a, 1000) == NULL;
        broken += aa_destroy(a) != AA_OK;
    }
    ck_assert_int_eq(broken, 0);
    assert_no_reports();
}
END_TEST

START_TEST(what_was_created_inside_a_region_can_be_reset_after_it)
{
    record_violations();
    aa_allocator *a = NULL;
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        a = bump_try_create(_i, NULL);
    }
    ck_assert_ptr_nonnull(aa_alloc(a, 1000));
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    assert_no_reports();
}
END_TEST

/* Inside a region, with a scope, a mark and memory of another allocator. */
static void use_another(guest *g)
{
    aa_allocator *const b = g->argument;
#pragma omp parallel num_threads(2)
    {
        AA_WITH(b) {
            AA_SCRATCH(b) {
                (void)aa_alloc(AA_CURRENT, 100);
#pragma omp master
                guest_stay(g);
            }
        }
    }
}

START_TEST(another_allocators_users_do_not_refuse_a_reset)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    record_violations();
    guest g;
    guest_invite(&g, use_another, b);
    (void)aa_alloc(a, 100);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    assert_no_reports();
    guest_dismiss(&g);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* ---- the team's reset ---- */

START_TEST(a_team_can_reset_inside_its_region)
{
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    for (unsigned round = 0; round < 10; ++round) {
        const unsigned seed = 100 * round + (unsigned)omp_get_thread_num();
        char *const p = aa_alloc(a, 5000);
        pattern_fill(p, 5000, seed);
#pragma omp barrier
        broken += !pattern_holds(p, 5000, seed);
        broken += aa_reset_team(a) != AA_OK;
    }
    ck_assert_int_eq(broken, 0);
    const aa_stats stats = stats_of(a);
    ck_assert_uint_eq(stats.resets, 10);
    ck_assert_uint_eq(stats.used, 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_team_of_one_can_reset)
{
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    aa_status status = AA_IO;
    (void)aa_alloc(a, 100);
#pragma omp parallel num_threads(1)
    status = aa_reset_team(a);
    ck_assert_int_eq(status, AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_reset_team(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_team_can_reset_the_arenas_of_a_private_allocator)
{
    aa_allocator *const a = aa_private_create(NULL);
    record_violations();
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        const aa_array array = aa_empty(a, AA_F64, 1, shape);
        broken += !aa_is_valid(&array);
        broken += aa_reset_team(a) != AA_OK;
        broken += aa_is_valid(&array);
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_team_reset_keeps_the_scope_that_the_region_came_with)
{
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    int broken = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
        {
            broken += aa_alloc(AA_CURRENT, 100) == NULL;
            broken += aa_reset_team(AA_CURRENT) != AA_OK;
            broken += aa_current() != a;
        }
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- destroy ---- */

START_TEST(destroying_null_is_fine)
{
    assert_status(aa_destroy(NULL), AA_OK);
}
END_TEST

START_TEST(destroy_returns_every_byte)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    for (int round = 0; round < 3; ++round) {
        for (size_t bytes = 1; bytes < 5000000; bytes *= 3) {
            (void)aa_alloc(a, bytes);
            (void)aa_alloc_aligned(a, bytes, 4096);
        }
        (void)aa_mark_take(a);
        if (round == 0) {
            assert_status(aa_reset(a), AA_OK);
        }
    }
    ck_assert_uint_gt(count.out, 0);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

AA_TEST_MAIN("reset", AA_TEST_BUMP(a_reset_takes_everything_back),
             AA_TEST_BUMP(an_unused_allocator_can_be_reset),
             AA_TEST_BUMP(a_reset_leaves_other_allocators_alone),
             AA_TEST_BUMP(every_array_is_stale_after_a_reset_and_none_before),
             AA_TEST_BUMP(the_callers_own_scopes_do_not_refuse_a_reset),
             AA_TEST_BUMP(the_callers_own_marks_do_not_refuse_a_reset),
             AA_TEST_LOOP(a_reset_after_regions_that_used_the_allocator_passes, SHARED,
                          PRIVATE + 1),
             AA_TEST(a_reset_after_a_cancelled_region_passes),
             AA_TEST(in_parallel_is_true_in_every_region_and_only_there),
             AA_TEST_BUMP(what_was_created_inside_a_region_can_be_reset_there_by_its_creator),
             AA_TEST_BUMP(what_was_created_inside_a_region_can_be_reset_after_it),
             AA_TEST_BUMP(another_allocators_users_do_not_refuse_a_reset),
             AA_TEST(a_team_can_reset_inside_its_region), AA_TEST(a_team_of_one_can_reset),
             AA_TEST(a_team_can_reset_the_arenas_of_a_private_allocator),
             AA_TEST(a_team_reset_keeps_the_scope_that_the_region_came_with),
             AA_TEST(destroying_null_is_fine), AA_TEST_BUMP(destroy_returns_every_byte))
