/* Autoscaling: geometric growth, one block after reset, shrinking; no upstream call in a steady state.
 * The first three carry over, in meaning, what AllocArrays.jl tests of its autoscaling buffer. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "upstreams.h"
#include "violations.h"

enum { FIRST = 16 << 10, LARGE = 80 * FIRST };

static aa_allocator *grown(int kind)
{
    aa_allocator *const a = bump_create(kind, &(aa_options){.initial = FIRST, .lease = FIRST / 4});
    ck_assert_ptr_nonnull(aa_alloc(a, 1));
    ck_assert_uint_le(stats_of(a).committed, 2 * FIRST);
    for (int i = 0; i < 200; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, LARGE));
    }
    return a;
}

START_TEST(two_hundred_requests_of_80_first_blocks_make_fewer_than_10_blocks)
{
    aa_allocator *const a = grown(_i);
    const aa_stats stats = stats_of(a);
    ck_assert_uint_ge(stats.used, (size_t)200 * LARGE);
    ck_assert_uint_ge(stats.committed, stats.used);
    ck_assert_uint_lt(stats.blocks, 10);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_folds_the_chain_into_one_larger_block)
{
    aa_allocator *const a = grown(_i);
    const size_t used = stats_of(a).used;
    assert_status(aa_reset(a), AA_OK);
    const aa_stats stats = stats_of(a);
    ck_assert_uint_eq(stats.blocks, 1);
    ck_assert_uint_gt(stats.committed, used);
    ck_assert_uint_le(stats.committed, used + used / 5);
    ck_assert_uint_eq(stats.used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(six_small_rounds_shrink_it)
{
    aa_allocator *const a = grown(_i);
    assert_status(aa_reset(a), AA_OK);
    for (int i = 0; i < 6; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, LARGE));
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_lt(stats_of(a).committed, 2 * LARGE);
    ck_assert_uint_ge(stats_of(a).committed, LARGE);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(five_rounds_are_remembered_and_no_more)
{
    aa_allocator *const a = grown(_i);
    assert_status(aa_reset(a), AA_OK);
    for (int i = 0; i < 5; ++i) {
        ck_assert_uint_ge(stats_of(a).committed, (size_t)200 * LARGE);
        ck_assert_ptr_nonnull(aa_alloc(a, LARGE));
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_lt(stats_of(a).committed, 2 * LARGE);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(it_does_not_shrink_while_a_large_round_is_remembered)
{
    aa_allocator *const a = grown(_i);
    assert_status(aa_reset(a), AA_OK);
    const size_t committed = stats_of(a).committed;
    for (int i = 0; i < 4; ++i) { /* with the large one, five rounds */
        ck_assert_ptr_nonnull(aa_alloc(a, LARGE));
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_eq(stats_of(a).committed, committed);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(history_says_how_many_rounds_are_remembered)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.history = 2});
    ck_assert_ptr_nonnull(aa_alloc(a, 100 * LARGE));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(a, LARGE));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_uint_ge(stats_of(a).committed, 100 * (size_t)LARGE);
    ck_assert_ptr_nonnull(aa_alloc(a, LARGE));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_uint_lt(stats_of(a).committed, 2 * LARGE);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(rounds_between_half_and_all_give_nothing_back)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.history = 1});
    uint64_t calls = 0;
    for (int i = 0; i < 20; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, (size_t)(i % 2 == 0 ? 20 : 12) * LARGE));
        assert_status(aa_reset(a), AA_OK);
        calls = i == 0 ? stats_of(a).upstream_calls : calls;
    }
    ck_assert_uint_eq(stats_of(a).upstream_calls, calls);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_round_of_less_than_half_gives_the_rest_back)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.history = 1});
    ck_assert_ptr_nonnull(aa_alloc(a, 50 * (size_t)LARGE));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(a, 20 * (size_t)LARGE));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_uint_lt(stats_of(a).committed, 25 * (size_t)LARGE);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_growing_allocator_grows_by_a_factor_with_small_requests_too)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.initial = 4096});
    for (int i = 0; i < 100000; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, 256));
    }
    const aa_stats stats = stats_of(a);
    ck_assert_uint_lt(stats.blocks, 20);
    ck_assert_uint_le(stats.committed, 4 * stats.used);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A round that uses every way to take memory. */
static void workload(aa_allocator *a)
{
    for (unsigned i = 0; i < 200; ++i) {
        const size_t bytes = i % 40 == 0 ? 200000 + i : i * 13;
        char *const p = aa_alloc(a, bytes);
        ck_assert_ptr_nonnull(p);
        pattern_fill(p, bytes, i);
        AA_SCRATCH(a) {
            ck_assert_ptr_nonnull(aa_alloc(a, 1000));
            ck_assert_ptr_nonnull(aa_alloc(a, 90000));
        }
        ck_assert_ptr_nonnull(aa_alloc_aligned(a, 10, (size_t)1 << (i % 14)));
        char *const q = aa_alloc(a, 100);
        aa_free(a, aa_realloc(a, q, 100, 5000), 5000);
        ck_assert(pattern_holds(p, bytes, i));
    }
}

START_TEST(a_repeated_workload_makes_no_upstream_call_after_one_round)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    workload(a);
    assert_status(aa_reset(a), AA_OK);
    const uint64_t calls = upstream_calls(&count);
    const size_t committed = stats_of(a).committed;
    for (int round = 0; round < 20; ++round) {
        workload(a);
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_eq(upstream_calls(&count), calls);
    ck_assert_uint_eq(stats_of(a).upstream_calls, calls);
    ck_assert_uint_eq(stats_of(a).committed, committed);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_repeated_workload_inside_a_scratch_makes_no_upstream_call_after_one_round)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    AA_SCRATCH(a) {
        workload(a);
    }
    const uint64_t calls = upstream_calls(&count);
    for (int round = 0; round < 20; ++round) {
        AA_SCRATCH(a) {
            workload(a);
        }
    }
    ck_assert_uint_eq(upstream_calls(&count), calls);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_repeated_workload_from_a_buffer_needs_no_more_than_the_first)
{
    static char memory[64 << 20];
    aa_upstream *const upstream = aa_upstream_buffer(memory, sizeof memory);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    for (int round = 0; round < 10; ++round) {
        workload(a);
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_le(stats_of(a).committed, sizeof memory);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

AA_TEST_MAIN(
    "autoscale", AA_TEST_BUMP(two_hundred_requests_of_80_first_blocks_make_fewer_than_10_blocks),
    AA_TEST_BUMP(a_reset_folds_the_chain_into_one_larger_block),
    AA_TEST_BUMP(six_small_rounds_shrink_it), AA_TEST_BUMP(five_rounds_are_remembered_and_no_more),
    AA_TEST_BUMP(it_does_not_shrink_while_a_large_round_is_remembered),
    AA_TEST_BUMP(history_says_how_many_rounds_are_remembered),
    AA_TEST_BUMP(rounds_between_half_and_all_give_nothing_back),
    AA_TEST_BUMP(a_round_of_less_than_half_gives_the_rest_back),
    AA_TEST_BUMP(a_growing_allocator_grows_by_a_factor_with_small_requests_too),
    AA_TEST_BUMP(a_repeated_workload_makes_no_upstream_call_after_one_round),
    AA_TEST_BUMP(a_repeated_workload_inside_a_scratch_makes_no_upstream_call_after_one_round),
    AA_TEST_BUMP(a_repeated_workload_from_a_buffer_needs_no_more_than_the_first))
