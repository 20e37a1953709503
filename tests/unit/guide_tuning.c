/* The examples of doc/tuning.md, and what its table says of the numbers. tools/check-doc-code proves that the page
 * quotes them. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>

static void one_iteration(int i)
{
    double *const x = AA_NEW(AA_CURRENT, double, 100 + i);
    if (x != NULL) {
        x[99] = i;
    }
}

/* After the first rounds a repeated workload asks nobody: what a steady state is. */
static uint64_t calls_of_a_steady_round(aa_allocator *bump)
{
    aa_stats warm = {0}, later = {0};
    for (int round = 0; round < 20; ++round) {
        AA_WITH(bump) {
#pragma omp parallel for schedule(static)
            for (int i = 0; i < 100; ++i) {
                one_iteration(i);
            }
        }
        if (aa_reset(bump) != AA_OK || (round == 9 && aa_stats_get(bump, &warm) != AA_OK)) {
            return UINT64_MAX;
        }
    }
    return aa_stats_get(bump, &later) == AA_OK ? later.upstream_calls - warm.upstream_calls
                                               : UINT64_MAX;
}

START_TEST(a_steady_round_asks_nobody)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    omp_set_num_threads(2);
    ck_assert_uint_eq(calls_of_a_steady_round(bump), 0);
    ck_assert_uint_ge(stats_of(bump).upstream_calls, 1);
    ck_assert_uint_eq(stats_of(bump).allocations, 2000);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* The thread's arena, found once: the loop is an arena's. */
static double hoisted(aa_allocator *each, int n)
{
    aa_allocator *const mine = aa_private_arena(each);
    double sum = 0;
    for (int i = 0; i < n; ++i) {
        AA_SCRATCH(mine) {
            double *const x = AA_NEW(mine, double, 4);
            sum += x != NULL ? (x[3] = i) : 0;
        }
    }
    return sum;
}

START_TEST(a_hoisted_arena_serves_the_loop)
{
    aa_allocator *const each = aa_private_create(NULL);
    ck_assert(hoisted(each, 100) == 4950);
    ck_assert_uint_eq(stats_of(each).allocations, 100);
    ck_assert_uint_eq(stats_of(each).used, 0);
    assert_status(aa_destroy(each), AA_OK);
}
END_TEST

/* Blocks taken beyond the first, in a first round of a known size. */
static uint64_t growths_of_a_first_round(size_t initial)
{
    aa_stats stats = {.growths = UINT64_MAX};
    aa_allocator *const arena = aa_arena_create(&(aa_options){.initial = initial});
    for (int i = 0; arena != NULL && i < 1000; ++i) {
        (void)aa_alloc(arena, 1000);
    }
    (void)aa_stats_get(arena, &stats);
    (void)aa_destroy(arena);
    return stats.growths; /* 0 with initial = 1 MiB; several without */
}

START_TEST(an_initial_size_saves_the_growths)
{
    ck_assert_uint_eq(growths_of_a_first_round((size_t)1 << 20), 0);
    ck_assert_uint_ge(growths_of_a_first_round(0), 2);
    ck_assert_uint_lt(growths_of_a_first_round(0), 100);
}
END_TEST

/* Times that a thread took the lock for 10,000 small allocations. */
static uint64_t locks_taken(size_t lease)
{
    aa_stats stats = {0};
    aa_allocator *const shared = aa_shared_create(&(aa_options){.lease = lease});
    for (int i = 0; shared != NULL && i < 10000; ++i) {
        (void)aa_alloc(shared, 64);
    }
    (void)aa_stats_get(shared, &stats);
    (void)aa_destroy(shared);
    return stats.lease_misses; /* 10,000 with lease = 1; a few with 0 */
}

START_TEST(a_lease_saves_locks)
{
    ck_assert_uint_eq(locks_taken(1), 10000);
    ck_assert_uint_ge(locks_taken(0), 1);
    ck_assert_uint_lt(locks_taken(0), 100);
}
END_TEST

START_TEST(flags_that_the_system_may_not_follow_do_not_fail)
{
    const aa_options options = {
        .name = "fields", .initial = (size_t)8 << 20, .flags = AA_HUGEPAGES | AA_FIRST_TOUCH};
    aa_allocator *const a = bump_create(_i, &options);
    double *const x = AA_NEW(a, double, 500000);
    ck_assert_ptr_nonnull(x);
    x[499999] = 1;
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_alignment_of_16_packs_small_objects_four_times_as_densely)
{
    aa_allocator *const dense = bump_create(_i, &(aa_options){.alignment = 16});
    aa_allocator *const lines = bump_create(_i, NULL);
    for (int i = 0; i < 100; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(dense, 16));
        ck_assert_ptr_nonnull(aa_alloc(lines, 16));
    }
    ck_assert_uint_eq(stats_of(dense).used, 1600);
    ck_assert_uint_eq(stats_of(lines).used, 6400);
    assert_status(aa_destroy(dense), AA_OK);
    assert_status(aa_destroy(lines), AA_OK);
}
END_TEST

/* The table's rows that a program can make happen. */
START_TEST(frees_in_the_wrong_order_are_counted_and_in_the_right_order_are_not)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *const first = aa_alloc(a, 64), *const second = aa_alloc(a, 64);
    aa_free(a, first, 64);
    ck_assert_uint_eq(stats_of(a).live_frees, 1);
    aa_free(a, second, 64);
    ck_assert_uint_eq(stats_of(a).live_frees, 1);
    ck_assert_uint_eq(stats_of(a).used, 64);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

enum { WIDTH = 512 };

/* restrict says what the caller's compiler cannot see: half is fresh memory. */
static void halve(float *restrict half, const float *restrict x)
{
    for (int i = 0; i < WIDTH; ++i) {
        half[i] = x[i] / 2;
    }
}

START_TEST(a_function_with_restrict_parameters_works_on_scratch_memory)
{
    static float x[WIDTH];
    x[WIDTH - 1] = 3;
    aa_allocator *const bump = bump_create(_i, NULL);
    AA_SCRATCH(bump) {
        float *const half = AA_NEW(bump, float, WIDTH);
        ck_assert_ptr_nonnull(half);
        halve(half, x);
        ck_assert(half[0] == 0 && half[WIDTH - 1] == 1.5F);
    }
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

AA_TEST_MAIN("guide: tuning", AA_TEST_LOOP(a_steady_round_asks_nobody, SHARED, BUMP_KINDS),
             AA_TEST(a_hoisted_arena_serves_the_loop), AA_TEST(an_initial_size_saves_the_growths),
             AA_TEST(a_lease_saves_locks),
             AA_TEST_BUMP(flags_that_the_system_may_not_follow_do_not_fail),
             AA_TEST_BUMP(an_alignment_of_16_packs_small_objects_four_times_as_densely),
             AA_TEST_BUMP(frees_in_the_wrong_order_are_counted_and_in_the_right_order_are_not),
             AA_TEST_BUMP(a_function_with_restrict_parameters_works_on_scratch_memory))
