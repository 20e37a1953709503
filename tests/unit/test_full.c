/* AA_CHECKS=full: redzones, junk, and what they must not change. The guard ring has test_guard.c. */
#include "child.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "sanitizers.h"
#include "threads.h"
#include "violations.h"

#include <math.h>

/* The tests below break rules that AddressSanitizer and Valgrind punish at once, where ours waits. */
static bool under_a_memory_checker(void)
{
    const char *const preloaded = getenv("LD_PRELOAD");
    return UNDER_ASAN || (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL);
}

/* The C heap as upstream: a reset leaves the memory where it is, so that it can be looked at. */
static aa_allocator *full_create(int kind)
{
    return bump_create(
        kind,
        &(aa_options){.name = "watched", .checks = AA_CHECKS_FULL, .upstream = aa_upstream_heap()});
}

/* Write one byte at an offset from a block, where the compiler does not see that it is outside. */
static void poke(void *block, ptrdiff_t offset)
{
    volatile char *const p = block;
    p[offset] = (char)(p[offset] + 1);
}

static bool all_nan(const void *memory, size_t bytes)
{
    for (size_t i = 0; i + sizeof(float) <= bytes; i += sizeof(float)) {
        float x;
        memcpy(&x, (const char *)memory + i, sizeof x);
        if (!isnan(x)) {
            return false;
        }
    }
    for (size_t i = 0; i + sizeof(double) <= bytes; i += sizeof(double)) {
        double x;
        memcpy(&x, (const char *)memory + i, sizeof x);
        if (!isnan(x)) {
            return false;
        }
    }
    return true;
}

/* ---- redzones: when they are verified ------------------------------------------------------------------ */

/* One finding that names the allocator and the call; the finding is no failure of the call. */
static void assert_corruption(const char *function)
{
    assert_one_report(function, AA_CORRUPTION);
    ck_assert_str_eq(last_violation()->function, function);
    ck_assert_str_eq(last_violation()->allocator_name, "watched");
    assert_status(aa_last_status(), AA_OK);
}

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

static const size_t sizes[] = {1, 7, 63, 64, 65, 127, 128, 4095, 4096, 100000, 3000000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

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

/* ---- junk -------------------------------------------------------------------------------------------------- */

START_TEST(new_memory_is_nan_as_float_and_as_double)
{
    aa_allocator *const a = full_create(_i);
    for (int round = 0; round < 2; ++round) {
        for (size_t i = 0; i < SIZES; ++i) {
            void *const p = aa_alloc(a, sizes[i]);
            if (!under_a_memory_checker()) {
                ck_assert_msg(all_nan(p, sizes[i]), "%zu bytes", sizes[i]);
            }
            memset(p, 0, sizes[i]);
        }
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(memory_is_nan_after_its_reset)
{
    aa_allocator *const a = full_create(_i);
    void *const p = aa_alloc(a, 1000);
    memset(p, 0, 1000);
    assert_status(aa_reset(a), AA_OK);
    if (!under_a_memory_checker()) {
        ck_assert(all_nan(p, 1000));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(memory_is_nan_after_its_rewind_and_what_was_before_the_mark_is_not)
{
    aa_allocator *const a = full_create(_i);
    void *const before = aa_alloc(a, 1000), *p = NULL;
    pattern_fill(before, 1000, 1);
    AA_SCRATCH(a) {
        p = aa_alloc(a, 1000);
        memset(p, 0, 1000);
    }
    if (!under_a_memory_checker()) {
        ck_assert(all_nan(p, 1000));
    }
    ck_assert(pattern_holds(before, 1000, 1));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(memory_is_nan_after_it_was_freed_as_the_newest)
{
    aa_allocator *const a = full_create(_i);
    void *const before = aa_alloc(a, 1000), *const p = aa_alloc(a, 1000);
    pattern_fill(before, 1000, 1);
    memset(p, 0, 1000);
    aa_free(a, p, 1000);
    if (!under_a_memory_checker()) {
        ck_assert(all_nan(p, 1000));
    }
    ck_assert(pattern_holds(before, 1000, 1));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(cleared_memory_is_zero)
{
    aa_allocator *const a = full_create(_i);
    for (int round = 0; round < 2; ++round) {
        void *const p = aa_calloc(a, 10, 100);
        ck_assert(is_zero(p, 1000));
        memset(p, 1, 1000);
        const aa_array x = aa_zeros(a, AA_F64, 1, (const int64_t[]){125});
        ck_assert(is_zero(x.data, 1000));
        memset(x.data, 1, 1000);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_zeroing_allocator_gives_zeros_at_this_tier_too)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL, .flags = AA_ZEROED});
    for (int round = 0; round < 3; ++round) {
        char *p = aa_alloc(a, 1000);
        ck_assert(is_zero(p, 1000));
        memset(p, 1, 1000);
        p = aa_realloc(a, p, 1000, 3000);
        ck_assert_int_eq(p[999], 1);
        ck_assert(is_zero(p + 1000, 2000));
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_resized_block_keeps_its_contents_and_has_a_redzone_of_its_own)
{
    aa_allocator *const a = full_create(_i);
    char *p = aa_alloc(a, 100);
    pattern_fill(p, 100, 1);
    p = aa_realloc(a, p, 100, 1000);
    ck_assert(pattern_holds(p, 100, 1));
    pattern_fill(p, 1000, 2);
    p = aa_realloc(a, p, 1000, 50);
    ck_assert(pattern_holds(p, 50, 2));
    if (under_a_memory_checker()) {
        return;
    }
    poke(p, 50);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_corruption("aa_reset");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------------------------- */

static void *try_to_allocate(void *a)
{
    return aa_alloc(a, 10);
}

START_TEST(an_arena_refuses_another_thread)
{
    aa_allocator *const a = full_create(ARENA);
    record_violations();
    ck_assert_ptr_null(on_thread(try_to_allocate, a));
    assert_one_report("aa_alloc", AA_FOREIGN_THREAD);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(threads_of_a_region_keep_their_contents)
{
    enum { THREADS = 4, ROUNDS = 20, EACH = 50 };
    if (_i == ARENA) {
        return;
    }
    aa_allocator *const a = full_create(_i);
    int wrong = 0;
    record_violations();
    for (int round = 0; round < ROUNDS; ++round) {
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
        {
            void *blocks[EACH];
            for (unsigned i = 0; i < EACH; ++i) {
                blocks[i] = aa_alloc(a, 10 + 100 * (size_t)i);
                pattern_fill(blocks[i], 10 + 100 * (size_t)i, i);
            }
#pragma omp barrier
            for (unsigned i = 0; i < EACH; ++i) {
                wrong += !pattern_holds(blocks[i], 10 + 100 * (size_t)i, i);
            }
        }
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_int_eq(wrong, 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- the environment ------------------------------------------------------------------------------------------ */

static void overflow_by_one(void *unused)
{
    (void)unused;
    (void)setenv("AA_CHECKS", "full", 1);
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "from outside"});
    poke(aa_alloc(a, 100), 100);
    (void)aa_reset(a);
}

START_TEST(the_environment_turns_it_on_for_allocators_that_ask_for_nothing)
{
    if (under_a_memory_checker()) {
        return;
    }
    child_result result;
    child_run(&result, overflow_by_one, NULL);
    ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.text, "AA_CORRUPTION in aa_reset"));
    ck_assert_ptr_nonnull(strstr(result.text, "'from outside'"));
}
END_TEST

static void overflow_of_one_that_asked_for_none(void *unused)
{
    (void)unused;
    (void)setenv("AA_CHECKS", "full", 1);
    aa_allocator *const a = aa_arena_create(&(aa_options){.checks = AA_CHECKS_NONE});
    (void)aa_alloc(a, 200);
    poke(aa_alloc(a, 100), 100);
    (void)aa_reset(a);
}

START_TEST(the_environment_leaves_allocators_alone_that_ask_for_less)
{
    child_result result;
    child_run(&result, overflow_of_one_that_asked_for_none, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

/* Each request is as large as all that is held, so that each takes a block. */
static void grow_by_blocks(aa_allocator *a, size_t blocks)
{
    while (stats_of(a).blocks < blocks) {
        (void)aa_alloc(a, stats_of(a).committed + 1);
    }
}

static void forget_to_reset(void *unused)
{
    (void)unused;
    aa_allocator *const a =
        aa_arena_create(&(aa_options){.name = "growing", .checks = AA_CHECKS_FULL, .initial = 64});
    grow_by_blocks(a, 13);
}

START_TEST(an_allocator_that_only_grows_is_told_of_once_with_its_growth)
{
    child_result result;
    child_run(&result, forget_to_reset, NULL);
    assert_exited_well(&result);
    ck_assert_int_eq(occurrences(result.text, "was never reset"), 1);
    ck_assert_int_eq(occurrences(result.text, "'growing'"), 1);
}
END_TEST

static void reset_once(void *unused)
{
    (void)unused;
    aa_allocator *const a = aa_arena_create(&(aa_options){.checks = AA_CHECKS_FULL, .initial = 64});
    (void)aa_alloc(a, 10);
    (void)aa_reset(a);
    grow_by_blocks(a, 13);
}

START_TEST(an_allocator_that_was_reset_may_grow)
{
    child_result result;
    child_run(&result, reset_once, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
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
             AA_TEST_BUMP(what_a_rewind_or_free_gives_back_counts_against_the_capacity_no_more),
             AA_TEST_BUMP(a_size_that_overflows_with_its_redzone_is_refused),
             AA_TEST_BUMP(new_memory_is_nan_as_float_and_as_double),
             AA_TEST_BUMP(memory_is_nan_after_its_reset),
             AA_TEST_BUMP(memory_is_nan_after_its_rewind_and_what_was_before_the_mark_is_not),
             AA_TEST_BUMP(memory_is_nan_after_it_was_freed_as_the_newest),
             AA_TEST_BUMP(cleared_memory_is_zero),
             AA_TEST_BUMP(a_zeroing_allocator_gives_zeros_at_this_tier_too),
             AA_TEST_BUMP(a_resized_block_keeps_its_contents_and_has_a_redzone_of_its_own),
             AA_TEST(an_arena_refuses_another_thread),
             AA_TEST_BUMP(threads_of_a_region_keep_their_contents),
             AA_TEST(the_environment_turns_it_on_for_allocators_that_ask_for_nothing),
             AA_TEST(the_environment_leaves_allocators_alone_that_ask_for_less),
             AA_TEST(an_allocator_that_only_grows_is_told_of_once_with_its_growth),
             AA_TEST(an_allocator_that_was_reset_may_grow))
