/* The heap: the C heap behind the library's handle. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <stdlib.h>

START_TEST(there_is_one_heap)
{
    ck_assert_ptr_nonnull(aa_heap());
    ck_assert_ptr_eq(aa_heap(), aa_heap());
    ck_assert_str_ne(aa_name(aa_heap()), "");
}
END_TEST

START_TEST(the_heap_cannot_be_destroyed)
{
    void *const p = aa_alloc(aa_heap(), 100);
    pattern_fill(p, 100, 1);
    assert_status(aa_destroy(aa_heap()), AA_UNSUPPORTED);
    ck_assert(pattern_holds(p, 100, 1));
    aa_free(aa_heap(), p, 100);
}
END_TEST

START_TEST(the_heap_cannot_be_reset)
{
    void *const p = aa_alloc(aa_heap(), 100);
    pattern_fill(p, 100, 1);
    assert_status(aa_reset(aa_heap()), AA_UNSUPPORTED);
    ck_assert(pattern_holds(p, 100, 1));
    aa_free(aa_heap(), p, 100);
}
END_TEST

START_TEST(heap_memory_is_aligned_to_a_cache_line)
{
    for (size_t bytes = 0; bytes < 300; ++bytes) {
        void *const p = aa_alloc(aa_heap(), bytes);
        ck_assert_ptr_nonnull(p);
        ck_assert(is_aligned(p, 64));
        pattern_fill(p, bytes, 1);
        aa_free(aa_heap(), p, bytes);
    }
}
END_TEST

START_TEST(heap_memory_can_have_any_alignment)
{
    for (size_t alignment = 1; alignment <= (size_t)1 << 22; alignment *= 2) {
        void *const p = aa_alloc_aligned(aa_heap(), 100, alignment);
        ck_assert_ptr_nonnull(p);
        ck_assert(is_aligned(p, alignment));
        pattern_fill(p, 100, 1);
        aa_free(aa_heap(), p, 100);
    }
}
END_TEST

START_TEST(zero_bytes_from_the_heap_are_unique)
{
    void *const p = aa_alloc(aa_heap(), 0);
    void *const q = aa_alloc(aa_heap(), 0);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_ne(p, q);
    aa_free(aa_heap(), p, 0);
    aa_free(aa_heap(), q, 0);
}
END_TEST

START_TEST(calloc_from_the_heap_clears)
{
    for (int i = 0; i < 10; ++i) {
        char *const p = aa_calloc(aa_heap(), 100, 10);
        ck_assert(is_zero(p, 1000));
        memset(p, 0xee, 1000);
        aa_free(aa_heap(), p, 1000);
    }
}
END_TEST

START_TEST(realloc_from_the_heap_keeps_what_fits)
{
    char *p = aa_realloc(aa_heap(), NULL, 0, 100);
    ck_assert_ptr_nonnull(p);
    pattern_fill(p, 100, 5);
    p = aa_realloc(aa_heap(), p, 100, 100000);
    ck_assert(pattern_holds(p, 100, 5));
    ck_assert(is_aligned(p, 64));
    pattern_fill(p, 100000, 6);
    p = aa_realloc(aa_heap(), p, 100000, 50);
    ck_assert(pattern_holds(p, 50, 6));
    aa_free(aa_heap(), p, 50);
}
END_TEST

START_TEST(a_refused_realloc_from_the_heap_keeps_the_old_memory)
{
    char *const p = aa_alloc(aa_heap(), 100);
    pattern_fill(p, 100, 5);
    assert_fails(aa_realloc(aa_heap(), p, 100, SIZE_MAX - 10), AA_OVERFLOW);
    ck_assert(pattern_holds(p, 100, 5));
    ck_assert(aa_owns(aa_heap(), p));
    aa_free(aa_heap(), p, 100);
}
END_TEST

START_TEST(the_heap_owns_what_it_gave_and_nothing_else)
{
    char *const p = aa_alloc(aa_heap(), 100);
    char other;
    ck_assert(aa_owns(aa_heap(), p));
    ck_assert(!aa_owns(aa_heap(), p + 1));
    ck_assert(!aa_owns(aa_heap(), &other));
    ck_assert(!aa_owns(aa_heap(), NULL));
    void *const foreign = malloc(100);
    ck_assert(!aa_owns(aa_heap(), foreign));
    free(foreign);
    aa_free(aa_heap(), p, 100);
    ck_assert(!aa_owns(aa_heap(), p));
}
END_TEST

static void *free_it(void *pointer)
{
    aa_last_clear();
    aa_free(aa_heap(), pointer, 100);
    return aa_last_status() == AA_OK ? pointer : NULL;
}

START_TEST(heap_memory_may_be_freed_by_another_thread)
{
    char *const p = aa_alloc(aa_heap(), 100);
    ck_assert_ptr_eq(on_thread(free_it, p), p);
    ck_assert(!aa_owns(aa_heap(), p));
}
END_TEST

static void *allocate_it(void *unused)
{
    (void)unused;
    char *const p = aa_alloc(aa_heap(), 100);
    pattern_fill(p, 100, 9);
    return p;
}

START_TEST(heap_memory_outlives_its_thread)
{
    char *const p = on_thread(allocate_it, NULL);
    ck_assert(pattern_holds(p, 100, 9));
    ck_assert(aa_owns(aa_heap(), p));
    aa_free(aa_heap(), p, 100);
}
END_TEST

START_TEST(heap_stats_follow_allocations_and_frees)
{
    const aa_stats before = stats_of(aa_heap());
    void *const p = aa_alloc(aa_heap(), 1000);
    void *const q = aa_alloc(aa_heap(), 500);
    const aa_stats during = stats_of(aa_heap());
    ck_assert_uint_eq(during.allocations, before.allocations + 2);
    ck_assert_uint_ge(during.used, before.used + 1500);
    ck_assert_uint_ge(during.peak, during.used);
    aa_free(aa_heap(), q, 500);
    aa_free(aa_heap(), p, 1000);
    const aa_stats after = stats_of(aa_heap());
    ck_assert_uint_eq(after.used, before.used);
    ck_assert_uint_eq(after.allocations, before.allocations + 2);
    ck_assert_uint_eq(after.live_frees, 0);
}
END_TEST

/* ---- scratch ---- */

START_TEST(scratch_frees_what_the_thread_took_from_the_heap)
{
    const size_t used = stats_of(aa_heap()).used;
    char *inside = NULL;
    AA_SCRATCH(aa_heap()) {
        inside = aa_alloc(aa_heap(), 100);
        ck_assert_ptr_nonnull(aa_alloc(aa_heap(), 0));
        ck_assert_ptr_nonnull(aa_calloc(aa_heap(), 10, 10));
        ck_assert_ptr_nonnull(aa_alloc_aligned(aa_heap(), 100, 4096));
    }
    ck_assert(!aa_owns(aa_heap(), inside));
    ck_assert_uint_eq(stats_of(aa_heap()).used, used);
}
END_TEST

START_TEST(scratch_keeps_what_was_taken_before)
{
    char *const p = aa_alloc(aa_heap(), 100);
    pattern_fill(p, 100, 2);
    AA_SCRATCH(aa_heap()) {
        ck_assert_ptr_nonnull(aa_alloc(aa_heap(), 100));
    }
    ck_assert(aa_owns(aa_heap(), p));
    ck_assert(pattern_holds(p, 100, 2));
    aa_free(aa_heap(), p, 100);
}
END_TEST

START_TEST(what_is_freed_inside_scratch_is_not_freed_again)
{
    const size_t used = stats_of(aa_heap()).used;
    char *const older = aa_alloc(aa_heap(), 100);
    AA_SCRATCH(aa_heap()) {
        void *const first = aa_alloc(aa_heap(), 100);
        void *const second = aa_alloc(aa_heap(), 100);
        ck_assert_ptr_nonnull(aa_alloc(aa_heap(), 100));
        aa_free(aa_heap(), first, 100);
        aa_free(aa_heap(), second, 100);
        aa_free(aa_heap(), older, 100);
    }
    ck_assert_uint_eq(stats_of(aa_heap()).used, used);
}
END_TEST

START_TEST(scratch_frees_what_realloc_moved)
{
    const size_t used = stats_of(aa_heap()).used;
    AA_SCRATCH(aa_heap()) {
        char *p = aa_alloc(aa_heap(), 100);
        for (size_t bytes = 200; bytes < 2000000; bytes *= 2) {
            p = aa_realloc(aa_heap(), p, bytes / 2, bytes);
            ck_assert_ptr_nonnull(p);
        }
    }
    ck_assert_uint_eq(stats_of(aa_heap()).used, used);
}
END_TEST

START_TEST(nested_scratches_on_the_heap_free_their_own)
{
    AA_SCRATCH(aa_heap()) {
        char *const outer = aa_alloc(aa_heap(), 100);
        char *inner = NULL;
        AA_SCRATCH(aa_heap()) {
            inner = aa_alloc(aa_heap(), 100);
        }
        ck_assert(!aa_owns(aa_heap(), inner));
        ck_assert(aa_owns(aa_heap(), outer));
    }
}
END_TEST

START_TEST(scratch_leaves_another_threads_memory_alone)
{
    char *theirs = NULL;
    AA_SCRATCH(aa_heap()) {
        theirs = on_thread(allocate_it, NULL);
    }
    ck_assert(aa_owns(aa_heap(), theirs));
    ck_assert(pattern_holds(theirs, 100, 9));
    aa_free(aa_heap(), theirs, 100);
}
END_TEST

START_TEST(another_thread_may_free_what_this_ones_scratch_would)
{
    const size_t used = stats_of(aa_heap()).used;
    AA_SCRATCH(aa_heap()) {
        char *const p = aa_alloc(aa_heap(), 100);
        ck_assert_ptr_nonnull(aa_alloc(aa_heap(), 100));
        ck_assert_ptr_eq(on_thread(free_it, p), p);
    }
    ck_assert_uint_eq(stats_of(aa_heap()).used, used);
}
END_TEST

static const int64_t shape[] = {10, 10};

START_TEST(scratch_frees_arrays_that_follow_the_scope_to_the_heap)
{
    const size_t used = stats_of(aa_heap()).used;
    aa_array array;
    AA_SCRATCH(aa_heap()) {
        array = aa_empty(AA_CURRENT, AA_F64, 2, shape);
        ck_assert(!aa_is_null(&array));
    }
    ck_assert_uint_eq(stats_of(aa_heap()).used, used);
    ck_assert(!aa_is_valid(&array));
}
END_TEST

START_TEST(scratch_keeps_arrays_that_name_the_heap)
{
    aa_array array;
    AA_SCRATCH(aa_heap()) {
        array = aa_zeros(aa_heap(), AA_F64, 2, shape);
    }
    ck_assert(aa_is_valid(&array));
    ck_assert(is_zero(aa_data(&array), 800));
    assert_status(aa_array_free(&array), AA_OK);
}
END_TEST

START_TEST(scratch_keeps_what_was_materialised)
{
    double three = 3;
    aa_array kept;
    AA_SCRATCH(aa_heap()) {
        const aa_array array = aa_full(AA_CURRENT, AA_F64, 2, shape, &three);
        kept = aa_materialize(&array);
    }
    ck_assert(aa_is_valid(&kept));
    const double *const data = aa_data(&kept);
    ck_assert(data[0] == 3 && data[99] == 3);
    assert_status(aa_array_free(&kept), AA_OK);
}
END_TEST

AA_TEST_MAIN(
    "heap", AA_TEST(there_is_one_heap), AA_TEST(the_heap_cannot_be_destroyed),
    AA_TEST(the_heap_cannot_be_reset), AA_TEST(heap_memory_is_aligned_to_a_cache_line),
    AA_TEST(heap_memory_can_have_any_alignment), AA_TEST(zero_bytes_from_the_heap_are_unique),
    AA_TEST(calloc_from_the_heap_clears), AA_TEST(realloc_from_the_heap_keeps_what_fits),
    AA_TEST(a_refused_realloc_from_the_heap_keeps_the_old_memory),
    AA_TEST(the_heap_owns_what_it_gave_and_nothing_else),
    AA_TEST(heap_memory_may_be_freed_by_another_thread), AA_TEST(heap_memory_outlives_its_thread),
    AA_TEST(heap_stats_follow_allocations_and_frees),
    AA_TEST(scratch_frees_what_the_thread_took_from_the_heap),
    AA_TEST(scratch_keeps_what_was_taken_before),
    AA_TEST(what_is_freed_inside_scratch_is_not_freed_again),
    AA_TEST(scratch_frees_what_realloc_moved), AA_TEST(nested_scratches_on_the_heap_free_their_own),
    AA_TEST(scratch_leaves_another_threads_memory_alone),
    AA_TEST(another_thread_may_free_what_this_ones_scratch_would),
    AA_TEST(scratch_frees_arrays_that_follow_the_scope_to_the_heap),
    AA_TEST(scratch_keeps_arrays_that_name_the_heap), AA_TEST(scratch_keeps_what_was_materialised))
