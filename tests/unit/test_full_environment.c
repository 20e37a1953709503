/* AA_CHECKS=full in the environment: allocators that ask for nothing, the heap, allocators that only grow. */
#include "child.h"
#include "full.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

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

/* ---- the heap, which has no options -------------------------------------------------------------------------- */

typedef struct heap_use {
    size_t bytes;
    int how; /* 0: written within, else past the end: aa_free, scratch, aa_array_free find it */
} heap_use;

static void write_to_the_heap(void *argument)
{
    const heap_use *const use = argument;
    (void)setenv("AA_CHECKS", "full", 1);
    const ptrdiff_t at = use->how == 0 ? (ptrdiff_t)use->bytes - 1 : (ptrdiff_t)use->bytes;
    if (use->how == 2) {
        AA_SCRATCH(aa_heap()) {
            poke(aa_alloc(aa_heap(), use->bytes), at);
        }
    } else if (use->how == 3) {
        aa_array x = aa_empty(aa_heap(), AA_U8, 1, (const int64_t[]){(int64_t)use->bytes});
        poke(x.data, at);
        (void)aa_array_free(&x);
    } else {
        void *const p = aa_alloc(aa_heap(), use->bytes);
        poke(p, at);
        aa_free(aa_heap(), p, use->bytes);
    }
}

START_TEST(a_write_past_the_end_of_heap_memory_is_found_when_it_is_freed)
{
    if (under_a_memory_checker()) {
        return;
    }
    static const size_t requests[] = {1, 63, 64, 65, 1000};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; ++i) {
        heap_use use = {requests[i], _i};
        child_result result;
        child_run(&result, write_to_the_heap, &use);
        if (_i == 0) {
            assert_exited_well(&result);
            ck_assert_str_eq(result.text, "");
        } else {
            ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
            ck_assert_ptr_nonnull(strstr(result.text, _i == 2 ? "AA_CORRUPTION in AA_SCRATCH at "
                                                              : "AA_CORRUPTION in aa_free"));
            ck_assert_ptr_nonnull(strstr(result.text, "'heap'"));
        }
    }
}
END_TEST

static void look_at_the_heap(void *unused)
{
    (void)unused;
    (void)setenv("AA_CHECKS", "full", 1);
    double *const x = aa_alloc(aa_heap(), 8 * sizeof *x);
    const bool new_is_nan = isnan(x[0]) && isnan(x[7]);
    for (int i = 0; i < 8; ++i) {
        x[i] = i;
    }
    double *const more = aa_realloc(aa_heap(), x, 8 * sizeof *x, 9 * sizeof *x);
    const bool kept = more[0] == 0 && more[7] == 7 && isnan(more[8]);
    more[8] = 8;
    aa_stats stats;
    (void)aa_stats_get(aa_heap(), &stats);
    aa_free(aa_heap(), more, 9 * sizeof *x);
    exit(new_is_nan && kept && stats.used == 128 ? 0 : 1);
}

START_TEST(heap_memory_is_junk_at_first_and_keeps_its_contents_and_count)
{
    child_result result;
    child_run(&result, look_at_the_heap, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

static void stray(void *argument)
{
    const int *const how = argument;
    (void)setenv("AA_CHECKS", "full", 1);
    aa_allocator *const a = aa_arena_create(NULL);
    aa_array outside = aa_empty(AA_CURRENT, AA_F64, 1, (const int64_t[]){8});
#pragma omp parallel num_threads(1)
    {
        aa_array x = aa_empty(*how == 2 ? aa_heap() : AA_CURRENT, AA_F64, 1, (const int64_t[]){8});
        if (*how == 1) {
            (void)aa_array_free(&x);
        }
    }
    (void)outside;
    (void)aa_destroy(a);
    exit(0);
}

/* 0: left by a region; 1: freed; 2: asked of the heap by name, which is nobody's mistake. */
START_TEST(arrays_of_the_current_allocator_that_regions_leave_on_the_heap_are_told_of_at_exit)
{
    child_result result;
    child_run(&result, stray, &_i);
    assert_exited_well(&result);
    ck_assert_int_eq(occurrences(result.text, "allocarrays: 1 array(s) made through AA_CURRENT"),
                     _i == 0);
}
END_TEST

AA_TEST_MAIN(
    "full: environment", AA_TEST(the_environment_turns_it_on_for_allocators_that_ask_for_nothing),
    AA_TEST(the_environment_leaves_allocators_alone_that_ask_for_less),
    AA_TEST(an_allocator_that_only_grows_is_told_of_once_with_its_growth),
    AA_TEST(an_allocator_that_was_reset_may_grow),
    AA_TEST_LOOP(a_write_past_the_end_of_heap_memory_is_found_when_it_is_freed, 0, 4),
    AA_TEST(heap_memory_is_junk_at_first_and_keeps_its_contents_and_count),
    AA_TEST_LOOP(arrays_of_the_current_allocator_that_regions_leave_on_the_heap_are_told_of_at_exit,
                 0, 3))
