/* What liballocarrays-omp asks for, where a thread's memory of its latest allocations must not be believed. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <allocarrays/impl/serve.h>
#include <omp.h>
#include <stdlib.h>

static void *adopt(void *arena)
{
    return aa_arena_adopt(arena) == AA_OK && aa_alloc(arena, 64) != NULL ? arena : NULL;
}

START_TEST(what_an_arena_served_is_not_taken_back_when_another_thread_has_the_arena)
{
    aa_allocator *const a = aa_arena_create(NULL);
    char *const p = aai_serve_alloc(a, 100, 0);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_eq(on_thread(adopt, a), a);
    const aa_stats before = stats_of(a);
    ck_assert(aai_serve_free(p));
    ck_assert_uint_eq(stats_of(a).used, before.used);
    assert_status(aa_arena_adopt(a), AA_OK);
    ck_assert_ptr_ne(aa_alloc(a, 100), p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Who takes memory of an allocator of a region must be told to it, each time. */
START_TEST(an_allocator_of_a_region_serves_and_knows_who_took)
{
    int wrong = 0;
    aa_allocator *a = NULL;
    record_violations();
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
        if (omp_get_thread_num() == 0) {
            a = bump_try_create(_i, NULL);
        }
#pragma omp barrier
        for (int i = 0; i < 3; ++i) {
            if (omp_get_thread_num() == 0) {
                void *const p = aai_serve_alloc(a, 100, 0), *const q = aai_serve_alloc(a, 50, 0);
                wrong += p == NULL || !aai_serve_free(q) || aai_serve_alloc(a, 50, 0) != q;
                wrong += aa_reset(a) != (i == 2 ? AA_BUSY : AA_OK); /* the other thread took some */
            }
#pragma omp barrier
            if (omp_get_thread_num() == 1 && i == 1) {
                wrong += aai_serve_alloc(a, 100, 0) == NULL;
            }
#pragma omp barrier
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(violations_of(AA_RESET_IN_PARALLEL), 1);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *serve(void *allocator)
{
    return aai_serve_alloc(allocator, 100, 0);
}

/* This thread's place is still that of the round before, in the same block. */
START_TEST(what_another_thread_was_served_after_a_reset_is_not_measured_by_the_round_before)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.initial = 1 << 20, .lease = 1 << 16});
    char *const before = aa_alloc(a, 60000);
    assert_status(aa_reset(a), AA_OK);
    char *const p = on_thread(serve, a);
    ck_assert_ptr_nonnull(p);
    const aai_held held = aai_serve_held(p);
    ck_assert(!held.is_exact);
    ck_assert_uint_ge(held.bytes, 100);
    ck_assert(aa_owns(a, p + held.bytes - 1)); /* as far as its block goes */
    ck_assert(_i == PRIVATE || p != before || held.bytes > 60000);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* It may be handed on between two calls, which the inline path would not see. */
START_TEST(an_arena_is_never_served_inline)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_NONE});
    const uintptr_t handle = aa_omp_handle(a);
    void *p = NULL;
    ck_assert_ptr_nonnull(aai_serve_alloc(a, 100, 0));
    ck_assert_int_eq(aai_serve_inline(handle, 100, &p), _i != ARENA);
    ck_assert_int_eq(p != NULL, _i != ARENA);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Addresses are looked up by 2 MiB: of the last 2 MiB of this block one byte is used. */
START_TEST(a_block_that_ends_one_byte_into_a_granule_is_known_to_its_last_byte)
{
    enum { GRANULE = 2 << 20 };
    char *const memory = aligned_alloc(GRANULE, 2 * (size_t)GRANULE);
    ck_assert_ptr_nonnull(memory);
    aa_upstream *const upstream = aa_upstream_buffer(memory, GRANULE + 1);
    aa_allocator *const a = bump_create(
        _i, &(aa_options){.upstream = upstream, .alignment = 1, .initial = GRANULE + 1});
    ck_assert_ptr_eq(aa_alloc(a, GRANULE), memory);
    char *const last = aa_alloc(a, 1);
    ck_assert_ptr_eq(last, memory + GRANULE);
    ck_assert(aa_owns(a, last));
    ck_assert(aai_serve_may_own(last));
    ck_assert_ptr_eq(aai_serve_owner(last), a);
    ck_assert(!aa_owns(a, last + 1));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
    free(memory);
}
END_TEST

START_TEST(a_predefined_handle_is_none_of_ours)
{
    aa_allocator *const a = bump_create(_i, NULL);
    ck_assert(aai_serve_knows(aa_omp_handle(a)));
    for (uintptr_t handle = 0; handle <= (uintptr_t)omp_thread_mem_alloc; ++handle) {
        ck_assert(!aai_serve_knows(handle));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- inside a method of an upstream --------------------------------------------------------------------------- */

typedef struct inside {
    const aa_allocator *other;
    char *freed, *resized;
    bool was_freed, was_resized;
} inside;

static void *alloc_and_free_others(void *state, size_t least, size_t *bytes, size_t alignment)
{
    inside *const in = state;
    (void)least;
    if (in->freed != NULL) {
        in->was_resized = aai_serve_resize(in->other, in->resized, 200);
        in->was_freed = aai_serve_free(in->freed);
        in->freed = NULL;
    }
    void *memory = NULL;
    return posix_memalign(&memory, alignment, *bytes) != 0 ? NULL : memory;
}

static void plain_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

START_TEST(inside_a_call_nothing_is_taken_back_at_once)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = alloc_and_free_others, .free = plain_free};
    inside in = {0};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &in);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream}), *const other =
                                                                                      bump_create(
                                                                                          _i, NULL);
    in.other = other;
    in.resized = in.freed = aai_serve_alloc(other, 100, 0);
    pattern_fill(in.freed, 100, 1);
    char *const p = in.freed;
    const size_t used = stats_of(other).used;
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert(in.was_freed && !in.was_resized);
    ck_assert_uint_eq(stats_of(other).used, used);
    ck_assert(pattern_holds(p, 100, 1));
    void *const q = aai_serve_alloc(other, 100, 0);
    ck_assert(aai_serve_free(q)); /* and what waited behind it */
    ck_assert_uint_eq(stats_of(other).used, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

AA_TEST_MAIN(
    "edges: served",
    AA_TEST(what_an_arena_served_is_not_taken_back_when_another_thread_has_the_arena),
    AA_TEST_LOOP(an_allocator_of_a_region_serves_and_knows_who_took, SHARED, BUMP_KINDS),
    AA_TEST_LOOP(what_another_thread_was_served_after_a_reset_is_not_measured_by_the_round_before,
                 SHARED, BUMP_KINDS),
    AA_TEST_BUMP(an_arena_is_never_served_inline),
    AA_TEST_BUMP(a_block_that_ends_one_byte_into_a_granule_is_known_to_its_last_byte),
    AA_TEST_BUMP(a_predefined_handle_is_none_of_ours),
    AA_TEST_BUMP(inside_a_call_nothing_is_taken_back_at_once))
