/* AA_CHECKS=full: junk in new memory and in what was taken back; owners, threads. */
#include "child.h"
#include "full.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

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

/* ---- memory that was freed, but not being the newest stays ------------------------------------------------- */

static void free_refused(aa_allocator *a, void *p, size_t bytes)
{
    aa_last_clear();
    aa_free(a, p, bytes);
    assert_status(aa_last_status(), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "given back already"));
}

START_TEST(memory_that_is_not_the_newest_is_nan_after_it_was_freed)
{
    aa_allocator *const a = full_create(_i);
    char *const p = aa_alloc(a, 100);
    char *const newest = aa_alloc(a, 100);
    memset(p, 1, 100);
    memset(newest, 2, 100);
    aa_free(a, p, 100);
    if (!under_a_memory_checker()) {
        ck_assert(all_nan(p, 100));
    }
    ck_assert_int_eq(newest[0], 2);
    ck_assert_int_eq(newest[99], 2);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_second_free_of_what_stays_is_refused_until_the_reset)
{
    aa_allocator *const a = full_create(_i);
    char *const first = aa_alloc(a, 100), *const second = aa_alloc(a, 200);
    (void)aa_alloc(a, 300);
    aa_free(a, first, 100);
    free_refused(a, first, 100);
    ck_assert_uint_eq(stats_of(a).live_frees, 1);
    ck_assert_ptr_null(aa_realloc(a, first, 100, 50));
    aa_last_clear();
    aa_free(a, second, 200);
    assert_status(aa_last_status(), AA_OK);
    free_refused(a, second, 200);
    assert_status(aa_reset(a), AA_OK);
    for (int i = 0; i < 3; ++i) { /* the same memory, perhaps, but not the same allocations */
        aa_last_clear();
        aa_free(a, aa_alloc(a, 100), 100);
        assert_status(aa_last_status(), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(memory_that_a_realloc_left_is_nan_and_freeing_it_is_refused)
{
    aa_allocator *const a = full_create(_i);
    char *const p = aa_alloc(a, 100);
    memset(p, 1, 100);
    (void)aa_alloc(a, 100);
    char *const moved = aa_realloc(a, p, 100, 5000);
    ck_assert_ptr_ne(moved, p);
    ck_assert_int_eq(moved[99], 1);
    if (!under_a_memory_checker()) {
        ck_assert(all_nan(p, 100));
    }
    free_refused(a, p, 100);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* What aa_array_free forgets stays valid for copies and views. */
START_TEST(an_array_that_is_not_the_newest_keeps_its_contents_for_its_views)
{
    aa_allocator *const a = full_create(_i);
    aa_array x = aa_full(a, AA_F64, 1, (const int64_t[]){8}, &(double){3});
    const aa_array view = aa_reshape(&x, 2, (const int64_t[]){2, 4});
    (void)aa_alloc(a, 100);
    assert_status(aa_array_free(&x), AA_OK);
    ck_assert_double_eq(AA_AT(double, &view, 1, 3), 3);
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

AA_TEST_MAIN("full: junk", AA_TEST_BUMP(new_memory_is_nan_as_float_and_as_double),
             AA_TEST_BUMP(memory_is_nan_after_its_reset),
             AA_TEST_BUMP(memory_is_nan_after_its_rewind_and_what_was_before_the_mark_is_not),
             AA_TEST_BUMP(memory_is_nan_after_it_was_freed_as_the_newest),
             AA_TEST_BUMP(cleared_memory_is_zero),
             AA_TEST_BUMP(a_zeroing_allocator_gives_zeros_at_this_tier_too),
             AA_TEST_BUMP(a_resized_block_keeps_its_contents_and_has_a_redzone_of_its_own),
             AA_TEST_BUMP(memory_that_is_not_the_newest_is_nan_after_it_was_freed),
             AA_TEST_BUMP(a_second_free_of_what_stays_is_refused_until_the_reset),
             AA_TEST_BUMP(memory_that_a_realloc_left_is_nan_and_freeing_it_is_refused),
             AA_TEST_BUMP(an_array_that_is_not_the_newest_keeps_its_contents_for_its_views),
             AA_TEST(an_arena_refuses_another_thread),
             AA_TEST_BUMP(threads_of_a_region_keep_their_contents))
