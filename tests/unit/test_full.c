/* AA_CHECKS=full: redzones, and what they must not change. Junk: test_full_junk.c; the guard ring: test_guard.c. */
#include "full.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

/* ---- redzones: when they are verified ------------------------------------------------------------------ */

START_TEST(a_reset_reports_a_write_past_the_end_and_resets)
{
    aa_allocator *const a = full_create(_i);
    char *const p = aa_alloc(a, 100);
    if (under_a_memory_checker()) {
        return;
    }
    poke(p, 100);
    record_violations();
    aa_last_clear();
    assert_status(aa_reset(a), AA_OK);
    assert_corruption("aa_reset");
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "100 bytes"));
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "byte 100 "));
    ck_assert_uint_eq(stats_of(a).used, 0);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    assert_no_reports();
}
END_TEST

START_TEST(a_rewind_reports_a_write_past_the_end_and_rewinds)
{
    aa_allocator *const a = full_create(_i);
    char *const before = aa_alloc(a, 100);
    pattern_fill(before, 100, 1);
    const size_t used = stats_of(a).used;
    const aa_mark mark = aa_mark_take(a);
    char *const p = aa_alloc(a, 100);
    if (under_a_memory_checker()) {
        return;
    }
    poke(p, 100);
    record_violations();
    aa_last_clear();
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_corruption("aa_mark_rewind");
    ck_assert_uint_eq(stats_of(a).used, used);
    ck_assert(pattern_holds(before, 100, 1));
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_end_of_a_scratch_reports_a_write_past_the_end)
{
    aa_allocator *const a = full_create(_i);
    record_violations();
    aa_last_clear();
    if (under_a_memory_checker()) {
        return;
    }
    AA_SCRATCH(a) {
        poke(aa_alloc(a, 100), 100);
    }
    assert_corruption("AA_SCRATCH");
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(freeing_the_newest_reports_a_write_past_its_end_and_gives_it_back)
{
    aa_allocator *const a = full_create(_i);
    char *const p = aa_alloc(a, 100);
    if (under_a_memory_checker()) {
        return;
    }
    poke(p, 100);
    record_violations();
    aa_last_clear();
    aa_free(a, p, 100);
    assert_corruption("aa_free");
    ck_assert_uint_eq(stats_of(a).used, 0);
    ck_assert_ptr_eq(aa_alloc(a, 100), p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(destroying_reports_a_write_past_the_end_and_destroys)
{
    aa_allocator *const a = full_create(_i);
    const aa_array x = aa_zeros(a, AA_F64, 1, (const int64_t[]){3});
    if (under_a_memory_checker()) {
        return;
    }
    poke(x.data, 24);
    record_violations();
    aa_last_clear();
    assert_status(aa_destroy(a), AA_OK);
    assert_corruption("aa_destroy");
    ck_assert(!aa_is_valid(&x));
}
END_TEST

START_TEST(dropping_a_mark_verifies_nothing_and_the_reset_still_does)
{
    aa_allocator *const a = full_create(_i);
    const aa_mark mark = aa_mark_take(a);
    if (under_a_memory_checker()) {
        return;
    }
    poke(aa_alloc(a, 100), 100);
    record_violations();
    assert_status(aa_mark_drop(mark), AA_OK);
    assert_no_reports();
    assert_status(aa_reset(a), AA_OK);
    assert_corruption("aa_reset");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- redzones: what they see --------------------------------------------------------------------------- */

START_TEST(the_first_and_the_last_byte_of_the_redzone_are_watched_at_every_size)
{
    if (under_a_memory_checker()) {
        return;
    }
    for (size_t i = 0; i < SIZES; ++i) {
        const size_t past[] = {0, 1, 63};
        for (size_t k = 0; k < sizeof past / sizeof past[0]; ++k) {
            aa_allocator *const a = full_create(_i);
            char *const p = aa_alloc(a, sizes[i]);
            (void)aa_alloc(a, 10);
            poke(p, (ptrdiff_t)(sizes[i] + past[k]));
            record_violations();
            assert_status(aa_reset(a), AA_OK);
            ck_assert_msg(violations_of(AA_CORRUPTION) == 1, "%zu bytes, %zu past the end",
                          sizes[i], past[k]);
            assert_status(aa_destroy(a), AA_OK);
        }
    }
}
END_TEST

START_TEST(a_write_before_the_start_hits_the_redzone_of_the_block_before)
{
    aa_allocator *const a = full_create(_i);
    (void)aa_alloc(a, 64);
    char *const p = aa_alloc(a, 64);
    if (under_a_memory_checker()) {
        return;
    }
    poke(p, -1);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_corruption("aa_reset");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(every_byte_of_a_zero_byte_block_is_redzone)
{
    aa_allocator *const a = full_create(_i);
    char *const p = aa_alloc(a, 0);
    ck_assert_ptr_nonnull(p);
    if (under_a_memory_checker()) {
        return;
    }
    poke(p, 0);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_corruption("aa_reset");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(many_broken_blocks_are_one_report_that_counts_them)
{
    aa_allocator *const a = full_create(_i);
    char *blocks[5];
    for (size_t i = 0; i < 5; ++i) {
        blocks[i] = aa_alloc(a, 100);
    }
    if (under_a_memory_checker()) {
        return;
    }
    poke(blocks[1], 100);
    poke(blocks[2], 110);
    poke(blocks[4], 120);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_corruption("aa_reset");
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "3 block(s)"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(writing_all_that_was_asked_for_is_no_violation)
{
    record_violations();
    for (size_t alignment = 1; alignment <= 4096; alignment *= 4) {
        aa_allocator *const a =
            bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL, .alignment = alignment});
        for (int round = 0; round < 3; ++round) {
            const aa_mark mark = aa_mark_take(a);
            for (size_t i = 0; i < SIZES; ++i) {
                char *const p = aa_alloc(a, sizes[i]);
                ck_assert(is_aligned(p, alignment));
                pattern_fill(p, sizes[i], (unsigned)i);
                if (i % 3 == 2) {
                    aa_free(a, p, sizes[i]);
                }
            }
            char *const over = aa_alloc_aligned(a, 100, 8192);
            ck_assert(is_aligned(over, 8192));
            pattern_fill(over, 100, 1);
            assert_status(round == 1 ? aa_mark_rewind(mark) : aa_mark_drop(mark), AA_OK);
            assert_status(aa_reset(a), AA_OK);
        }
        assert_status(aa_destroy(a), AA_OK);
    }
    assert_no_reports();
}
END_TEST

static void *write_past_the_end(void *a)
{
    poke(aa_alloc(a, 100), 100);
    return NULL;
}

START_TEST(a_reset_verifies_what_threads_that_have_ended_were_given)
{
    if (_i == ARENA || under_a_memory_checker()) {
        return;
    }
    aa_allocator *const a = full_create(_i);
    (void)on_thread(write_past_the_end, a);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_corruption("aa_reset");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Of a private allocator each arena makes its own report, for each is a reset of its own. */
START_TEST(a_reset_verifies_what_all_threads_of_a_region_were_given)
{
    enum { THREADS = 3 };
    if (_i == ARENA || under_a_memory_checker()) {
        return;
    }
    aa_allocator *const a = full_create(_i);
#pragma omp parallel num_threads(THREADS)
    {
        (void)aa_alloc(a, 10);
        poke(aa_alloc(a, 100), 100);
    }
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    ck_assert_int_eq(violations_of(AA_CORRUPTION), THREADS);
    ck_assert_int_eq(violations_count(), THREADS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- what redzones must not change ----------------------------------------------------------------------- */

static aa_stats stats_after_use(int kind, aa_checks checks)
{
    aa_allocator *const a = bump_create(kind, &(aa_options){.checks = checks});
    for (size_t i = 0; i < SIZES; ++i) {
        (void)aa_alloc(a, sizes[i]);
    }
    void *const newest = aa_alloc(a, 1000);
    aa_free(a, newest, 1000);
    AA_SCRATCH(a) {
        (void)aa_alloc(a, 500);
    }
    const aa_stats stats = stats_of(a);
    assert_status(aa_destroy(a), AA_OK);
    return stats;
}

START_TEST(redzones_count_in_no_statistic_of_use)
{
    const aa_stats plain = stats_after_use(_i, AA_CHECKS_API);
    const aa_stats full = stats_after_use(_i, AA_CHECKS_FULL);
    ck_assert_uint_eq(full.used, plain.used);
    ck_assert_uint_eq(full.peak, plain.peak);
    ck_assert_uint_eq(full.allocations, plain.allocations);
    ck_assert_uint_eq(full.live_frees, plain.live_frees);
}
END_TEST

START_TEST(redzones_do_not_count_against_the_capacity)
{
    enum { BLOCKS = 100, EACH = 128 };
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL, .capacity = (size_t)BLOCKS * EACH});
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < BLOCKS; ++i) {
            void *const p = aa_alloc(a, EACH);
            ck_assert_msg(p != NULL, "block %d of %d: %s", i, BLOCKS, aa_last_message());
        }
        ck_assert_uint_eq(stats_of(a).used, (size_t)BLOCKS * EACH);
        assert_fails(aa_alloc(a, 1), AA_NOMEM);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static bool refuses;

static void *alloc_or_refuse(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    (void)least;
    return refuses ? NULL
                   : aligned_alloc(alignment, (*bytes + alignment - 1) / alignment * alignment);
}

static void give_back(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

START_TEST(what_the_upstream_refused_does_not_count_against_the_capacity)
{
    static const aa_upstream_ops ops = {sizeof ops, alloc_or_refuse, give_back, NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, NULL);
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL,
                                                          .capacity = 1 << 20,
                                                          .initial = 4096,
                                                          .upstream = upstream});
    refuses = true;
    assert_fails(aa_alloc(a, 600000), AA_NOMEM);
    assert_fails(aa_alloc(a, 600000), AA_NOMEM);
    refuses = false;
    ck_assert_ptr_nonnull(aa_alloc(a, 600000));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(what_a_rewind_or_free_gives_back_counts_against_the_capacity_no_more)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL, .capacity = 65536});
    for (int i = 0; i < 10; ++i) {
        AA_SCRATCH(a) {
            ck_assert_ptr_nonnull(aa_alloc(a, 65536));
        }
        void *const p = aa_alloc(a, 65536);
        ck_assert_ptr_nonnull(p);
        aa_free(a, p, 65536);
    }
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_size_that_overflows_with_its_redzone_is_refused)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL});
    assert_fails(aa_alloc(a, PTRDIFF_MAX), AA_OVERFLOW);
    assert_fails(aa_alloc(a, PTRDIFF_MAX - 10), AA_OVERFLOW);
    assert_fails(aa_alloc(a, SIZE_MAX), AA_OVERFLOW);
    ck_assert_ptr_nonnull(aa_alloc(a, 10));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("full", AA_TEST_BUMP(a_reset_reports_a_write_past_the_end_and_resets),
             AA_TEST_BUMP(a_rewind_reports_a_write_past_the_end_and_rewinds),
             AA_TEST_BUMP(the_end_of_a_scratch_reports_a_write_past_the_end),
             AA_TEST_BUMP(freeing_the_newest_reports_a_write_past_its_end_and_gives_it_back),
             AA_TEST_BUMP(destroying_reports_a_write_past_the_end_and_destroys),
             AA_TEST_BUMP(dropping_a_mark_verifies_nothing_and_the_reset_still_does),
             AA_TEST_BUMP(the_first_and_the_last_byte_of_the_redzone_are_watched_at_every_size),
             AA_TEST_BUMP(a_write_before_the_start_hits_the_redzone_of_the_block_before),
             AA_TEST_BUMP(every_byte_of_a_zero_byte_block_is_redzone),
             AA_TEST_BUMP(many_broken_blocks_are_one_report_that_counts_them),
             AA_TEST_BUMP(writing_all_that_was_asked_for_is_no_violation),
             AA_TEST_BUMP(a_reset_verifies_what_threads_that_have_ended_were_given),
             AA_TEST_BUMP(a_reset_verifies_what_all_threads_of_a_region_were_given),
             AA_TEST_BUMP(redzones_count_in_no_statistic_of_use),
             AA_TEST_BUMP(redzones_do_not_count_against_the_capacity),
             AA_TEST_BUMP(what_the_upstream_refused_does_not_count_against_the_capacity),
             AA_TEST_BUMP(what_a_rewind_or_free_gives_back_counts_against_the_capacity_no_more),
             AA_TEST_BUMP(a_size_that_overflows_with_its_redzone_is_refused))
