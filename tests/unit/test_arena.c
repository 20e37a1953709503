/* Allocation from an arena, and whatever else every bump allocator does alike for one thread. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

START_TEST(allocations_do_not_overlap)
{
    enum { COUNT = 500 };
    static void *at[COUNT];
    aa_allocator *const a = bump_create(_i, NULL);
    for (unsigned i = 0; i < COUNT; ++i) {
        at[i] = aa_alloc(a, 37 * i);
        ck_assert_ptr_nonnull(at[i]);
        pattern_fill(at[i], 37 * i, i);
    }
    for (unsigned i = 0; i < COUNT; ++i) {
        ck_assert_msg(pattern_holds(at[i], 37 * i, i), "block %u of %u bytes", i, 37 * i);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(zero_bytes_give_a_unique_aligned_pointer)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *const p = aa_alloc(a, 0);
    void *const q = aa_alloc(a, 0);
    void *const r = aa_alloc(a, 1);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_ne(p, q);
    ck_assert_ptr_ne(q, r);
    ck_assert(is_aligned(p, 64) && is_aligned(q, 64));
    ck_assert(aa_owns(a, p) && aa_owns(a, q));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(consecutive_small_allocations_lie_side_by_side)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_NONE});
    char *const p = aa_alloc(a, 1);
    ck_assert_ptr_eq(aa_alloc(a, 64), p + 64);
    ck_assert_ptr_eq(aa_alloc(a, 65), p + 128);
    ck_assert_ptr_eq(aa_alloc(a, 1), p + 256);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_request_can_have_its_own_alignment)
{
    aa_allocator *const a = bump_create(_i, NULL);
    for (size_t alignment = 1; alignment <= (size_t)1 << 22; alignment *= 2) {
        char *const p = aa_alloc_aligned(a, 100, alignment);
        ck_assert_ptr_nonnull(p);
        ck_assert(is_aligned(p, alignment) && is_aligned(p, 64));
        pattern_fill(p, 100, 1);
        char *const q = aa_alloc(a, 10);
        ck_assert(is_aligned(q, 64));
        pattern_fill(q, 10, 2);
        ck_assert(pattern_holds(p, 100, 1));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(alignment_zero_is_the_allocators)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.alignment = 256});
    ck_assert_ptr_nonnull(aa_alloc(a, 1));
    ck_assert(is_aligned(aa_alloc_aligned(a, 1, 0), 256));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(calloc_clears_memory_that_was_used)
{
    aa_allocator *const a = bump_create(_i, NULL);
    memset(aa_alloc(a, 5000), 0xee, 5000);
    assert_status(aa_reset(a), AA_OK);
    char *const p = aa_calloc(a, 50, 100);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_zero(p, 5000));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(calloc_of_nothing_is_a_valid_pointer)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *const p = aa_calloc(a, 0, 100);
    void *const q = aa_calloc(a, 100, 0);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_ne(p, q);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(new_gives_room_for_a_count_of_a_type)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.alignment = 1});
    (void)aa_alloc(a, 1);
    double *const numbers = AA_NEW(a, double, 10);
    ck_assert_ptr_nonnull(numbers);
    ck_assert(is_aligned(numbers, _Alignof(double)));
    const char *const next = aa_alloc(a, 1);
    ck_assert_uint_ge((size_t)(next - (char *)numbers), 10 * sizeof(double));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(freeing_the_newest_block_gives_it_back)
{
    aa_allocator *const a = bump_create(_i, NULL);
    (void)aa_alloc(a, 10);
    const size_t used = stats_of(a).used;
    void *const p = aa_alloc(a, 100);
    aa_free(a, p, 100);
    ck_assert_uint_eq(stats_of(a).used, used);
    ck_assert_ptr_eq(aa_alloc(a, 100), p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(freeing_an_older_block_is_forgotten_and_counted)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *const p = aa_alloc(a, 100);
    void *const q = aa_alloc(a, 100);
    const aa_stats before = stats_of(a);
    aa_free(a, p, 100);
    const aa_stats after = stats_of(a);
    ck_assert_uint_eq(after.used, before.used);
    ck_assert_uint_eq(after.live_frees, before.live_frees + 1);
    ck_assert_ptr_ne(aa_alloc(a, 100), p);
    ck_assert_ptr_ne(q, p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(freeing_null_does_nothing)
{
    aa_allocator *const a = bump_create(_i, NULL);
    (void)aa_alloc(a, 100);
    const aa_stats before = stats_of(a);
    aa_last_clear();
    aa_free(a, NULL, 100);
    ck_assert_int_eq(aa_last_status(), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, before.used);
    ck_assert_uint_eq(stats_of(a).live_frees, before.live_frees);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(realloc_of_null_allocates)
{
    aa_allocator *const a = bump_create(_i, NULL);
    char *const p = aa_realloc(a, NULL, 0, 100);
    ck_assert_ptr_nonnull(p);
    pattern_fill(p, 100, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(realloc_of_the_newest_block_grows_and_shrinks_in_place)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.initial = 1 << 20, .checks = AA_CHECKS_NONE});
    char *const p = aa_alloc(a, 100);
    pattern_fill(p, 100, 3);
    ck_assert_ptr_eq(aa_realloc(a, p, 100, 5000), p);
    ck_assert(pattern_holds(p, 100, 3));
    ck_assert_uint_eq(stats_of(a).used, rounded_64(5000));
    ck_assert_ptr_eq(aa_realloc(a, p, 5000, 10), p);
    ck_assert_uint_eq(stats_of(a).used, 64);
    ck_assert_ptr_eq(aa_alloc(a, 1), p + 64);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(realloc_of_an_older_block_moves_its_contents)
{
    aa_allocator *const a = bump_create(_i, NULL);
    char *const p = aa_alloc(a, 1000);
    pattern_fill(p, 1000, 3);
    char *const q = aa_alloc(a, 10);
    pattern_fill(q, 10, 4);
    char *const r = aa_realloc(a, p, 1000, 2000);
    ck_assert_ptr_nonnull(r);
    ck_assert_ptr_ne(r, p);
    ck_assert(pattern_holds(r, 1000, 3));
    pattern_fill(r, 2000, 5);
    ck_assert(pattern_holds(q, 10, 4));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(realloc_across_a_full_block_moves_its_contents)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.initial = 8192});
    char *p = aa_alloc(a, 1);
    for (size_t bytes = 2; bytes < (size_t)4 << 20; bytes *= 2) {
        pattern_fill(p, bytes / 2, 6);
        p = aa_realloc(a, p, bytes / 2, bytes);
        ck_assert_ptr_nonnull(p);
        ck_assert(pattern_holds(p, bytes / 2, 6));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_refused_realloc_leaves_the_old_memory)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.capacity = 1 << 16, .checks = AA_CHECKS_NONE});
    char *const p = aa_alloc(a, 1000);
    pattern_fill(p, 1000, 3);
    const aa_stats before = stats_of(a);
    assert_fails(aa_realloc(a, p, 1000, 1 << 17), AA_NOMEM);
    assert_fails(aa_realloc(a, p, 1000, SIZE_MAX), AA_OVERFLOW);
    ck_assert(pattern_holds(p, 1000, 3));
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
    ck_assert_ptr_eq(aa_realloc(a, p, 1000, 900), p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(owns_tells_its_own_memory_from_others)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = bump_create(_i, NULL);
    char *const p = aa_alloc(a, 1000);
    char *const q = aa_alloc(b, 1000);
    char *const large = aa_alloc(a, 3 << 20);
    ck_assert(aa_owns(a, p) && aa_owns(a, p + 999));
    ck_assert(aa_owns(a, large) && aa_owns(a, large + (3 << 20) - 1));
    ck_assert(aa_owns(b, q));
    ck_assert(!aa_owns(a, q) && !aa_owns(b, p) && !aa_owns(b, large));
    ck_assert(!aa_owns(a, &a) && !aa_owns(a, NULL) && !aa_owns(aa_heap(), p));
    assert_status(aa_destroy(b), AA_OK);
    ck_assert(!aa_owns(a, q));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

typedef struct question {
    const aa_allocator *allocator;
    const void *pointer;
} question;

static void *ask_owns(void *argument)
{
    const question *const q = argument;
    return aa_owns(q->allocator, q->pointer) ? argument : NULL;
}

START_TEST(owns_works_from_any_thread)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = bump_create(_i, NULL);
    (void)aa_alloc(b, 1);
    question q = {a, aa_alloc(a, 1000)};
    ck_assert_ptr_nonnull(on_thread(ask_owns, &q));
    q.allocator = b;
    ck_assert_ptr_null(on_thread(ask_owns, &q));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* ---- capacity ---- */

static const size_t capacities[] = {1,    63,   64,    65,      1000,         4095,
                                    4096, 4097, 65537, 1000003, (3 << 20) + 7};
enum { CAPACITIES = sizeof capacities / sizeof capacities[0] };

START_TEST(a_capacity_is_never_exceeded_and_used_to_its_end)
{
    const size_t capacity = capacities[_i / BUMP_KINDS];
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(
        _i % BUMP_KINDS,
        &(aa_options){.capacity = capacity, .upstream = upstream, .checks = AA_CHECKS_NONE});
    for (int round = 0; round < 3; ++round) {
        size_t served = 0;
        char *p;
        while ((p = aa_alloc(a, 64)) != NULL) {
            pattern_fill(p, 64, 1);
            served += 64;
            ck_assert_uint_le(served, capacity);
        }
        ck_assert_int_eq(aa_last_status(), AA_NOMEM);
        const aa_stats stats = stats_of(a);
        ck_assert_uint_le(stats.committed, capacity);
        ck_assert_uint_eq(stats.used, served);
        ck_assert_uint_ge(served + 64 * (stats.blocks + 1), capacity);
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_le(stats_of(a).committed, capacity);
    }
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_le(count.most, capacity);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(one_request_may_take_the_whole_capacity)
{
    const size_t capacity = (size_t)1 << 20;
    aa_allocator *const a = bump_create(_i, &(aa_options){.capacity = capacity});
    for (int round = 0; round < 3; ++round) {
        char *const p = aa_alloc(a, capacity);
        ck_assert_ptr_nonnull(p);
        pattern_fill(p, capacity, 1);
        assert_fails(aa_alloc(a, 1), AA_NOMEM);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_refused_request_consumes_nothing_and_a_smaller_one_succeeds)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.capacity = 100000});
    char *const p = aa_alloc(a, 50000);
    pattern_fill(p, 50000, 1);
    const aa_stats before = stats_of(a);
    assert_fails(aa_alloc(a, 60000), AA_NOMEM);
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
    char *const q = aa_alloc(a, 20000);
    ck_assert_ptr_nonnull(q);
    pattern_fill(q, 20000, 2);
    ck_assert(pattern_holds(p, 50000, 1));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_refusal_names_bytes_asked_held_and_limit)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.capacity = 65536, .initial = 65536});
    (void)aa_alloc(a, 64);
    assert_fails(aa_alloc(a, 77824), AA_NOMEM);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "77824"));
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "65536"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- the owner of an arena ---- */

static void *adopt_and_allocate(void *arena)
{
    return aa_arena_adopt(arena) == AA_OK ? aa_alloc(arena, 100) : NULL;
}

START_TEST(an_adopted_arena_keeps_its_contents)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    record_violations();
    char *const p = aa_alloc(arena, 100);
    pattern_fill(p, 100, 1);
    char *const q = on_thread(adopt_and_allocate, arena);
    ck_assert_ptr_nonnull(q);
    pattern_fill(q, 100, 2);
    ck_assert(pattern_holds(p, 100, 1));
    assert_status(aa_arena_adopt(arena), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(arena, 100));
    ck_assert(pattern_holds(q, 100, 2));
    assert_no_reports();
    assert_status(aa_reset(arena), AA_OK);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

static void *adopt_result(void *arena)
{
    static aa_status status;
    status = aa_arena_adopt(arena);
    return &status;
}

START_TEST(an_arena_with_open_marks_cannot_be_adopted)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_mark mark = aa_mark_take(arena);
    (void)aa_alloc(arena, 100);
    ck_assert_int_eq(*(aa_status *)on_thread(adopt_result, arena), AA_BUSY);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_int_eq(*(aa_status *)on_thread(adopt_result, arena), AA_OK);
    assert_status(aa_arena_adopt(arena), AA_OK);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(only_an_arena_can_be_adopted)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    assert_status(aa_arena_adopt(shared), AA_INVALID);
    assert_status(aa_arena_adopt(aa_heap()), AA_INVALID);
    assert_status(aa_arena_adopt(NULL), AA_INVALID);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

AA_TEST_MAIN(
    "arena", AA_TEST_BUMP(allocations_do_not_overlap),
    AA_TEST_BUMP(zero_bytes_give_a_unique_aligned_pointer),
    AA_TEST_BUMP(consecutive_small_allocations_lie_side_by_side),
    AA_TEST_BUMP(a_request_can_have_its_own_alignment),
    AA_TEST_BUMP(alignment_zero_is_the_allocators),
    AA_TEST_BUMP(calloc_clears_memory_that_was_used),
    AA_TEST_BUMP(calloc_of_nothing_is_a_valid_pointer),
    AA_TEST_BUMP(new_gives_room_for_a_count_of_a_type),
    AA_TEST_BUMP(freeing_the_newest_block_gives_it_back),
    AA_TEST_BUMP(freeing_an_older_block_is_forgotten_and_counted),
    AA_TEST_BUMP(freeing_null_does_nothing), AA_TEST_BUMP(realloc_of_null_allocates),
    AA_TEST_BUMP(realloc_of_the_newest_block_grows_and_shrinks_in_place),
    AA_TEST_BUMP(realloc_of_an_older_block_moves_its_contents),
    AA_TEST_BUMP(realloc_across_a_full_block_moves_its_contents),
    AA_TEST_BUMP(a_refused_realloc_leaves_the_old_memory),
    AA_TEST_BUMP(owns_tells_its_own_memory_from_others), AA_TEST_BUMP(owns_works_from_any_thread),
    AA_TEST_LOOP(a_capacity_is_never_exceeded_and_used_to_its_end, 0, CAPACITIES *BUMP_KINDS),
    AA_TEST_BUMP(one_request_may_take_the_whole_capacity),
    AA_TEST_BUMP(a_refused_request_consumes_nothing_and_a_smaller_one_succeeds),
    AA_TEST_BUMP(a_refusal_names_bytes_asked_held_and_limit),
    AA_TEST(an_adopted_arena_keeps_its_contents),
    AA_TEST(an_arena_with_open_marks_cannot_be_adopted), AA_TEST(only_an_arena_can_be_adopted))
