/* Shared allocators in rare places: the last bytes of a capacity, what an ended thread left, arrays of other threads, calls
 * that meet a reset. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <stdlib.h>

/* ---- the last of a capacity --------------------------------------------------------------------------------- */

/* A lease of 1 KiB does not fit at the end: what is asked is cut out of the rest. */
START_TEST(the_last_bytes_of_a_capacity_are_served_before_the_fallback)
{
    enum { CAPACITY = 1 << 16, WHOLE = 320 };
    aa_allocator *const a =
        aa_shared_create(&(aa_options){.capacity = CAPACITY, .fallback = aa_upstream_heap()});
    ck_assert_ptr_nonnull(aa_alloc(a, WHOLE));
    for (int i = 0; i < (CAPACITY - WHOLE) / 64; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, 64));
    }
    ck_assert_uint_eq(stats_of(a).used, CAPACITY);
    ck_assert_uint_eq(stats_of(a).committed, CAPACITY);
    ck_assert_ptr_nonnull(aa_alloc(a, 64));
    ck_assert_uint_gt(stats_of(a).committed, CAPACITY);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A lease that is larger than what is left asks for no more than that. */
START_TEST(no_more_than_the_capacity_is_asked_of_the_upstream)
{
    for (size_t capacity = 12288; capacity < 40000; capacity += 64) {
        upstream_count count;
        aa_upstream *const upstream = counted_create(&count);
        aa_allocator *const a = aa_shared_create(
            &(aa_options){.upstream = upstream, .capacity = capacity, .initial = 4096});
        while (aa_alloc(a, 64) != NULL) {
        }
        ck_assert_uint_le(count.most, capacity);
        ck_assert_uint_gt(stats_of(a).used, capacity - 4096);
        assert_status(aa_destroy(a), AA_OK);
        assert_status(aa_upstream_destroy(upstream), AA_OK);
    }
}
END_TEST

/* ---- what ended threads left ------------------------------------------------------------------------------------ */

static void *take_a_little(void *allocator)
{
    return aa_alloc(allocator, 64);
}

/* All but 192 bytes of a lease of 1 KiB: less than is looked for before the capacity is full. */
static void *take_much(void *allocator)
{
    for (int i = 0; i < 13; ++i) {
        if (aa_alloc(allocator, 64) == NULL) {
            return NULL;
        }
    }
    return allocator;
}

START_TEST(a_full_capacity_serves_what_ended_threads_left)
{
    enum { CAPACITY = 1 << 16, THREADS = 3 };
    aa_allocator *const a = aa_shared_create(&(aa_options){.capacity = CAPACITY});
    ck_assert_ptr_nonnull(aa_alloc(a, 64)); /* this thread's own place: it adopts none */
    for (int i = 0; i < THREADS; ++i) {
        ck_assert_ptr_nonnull(on_thread(take_much, a));
    }
    while (aa_alloc(a, 64) != NULL) {
    }
    assert_status(aa_last_status(), AA_NOMEM);
    ck_assert_uint_eq(stats_of(a).used, CAPACITY);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* The rest of its lease begins 64 bytes below a page, wherever the block lies: not where a page is asked for. */
START_TEST(a_tail_that_is_not_aligned_is_left_for_others)
{
    enum { LEASE = 1 << 16 };
    aa_allocator *const a = aa_shared_create(&(aa_options){.lease = LEASE});
    char *const mine = aa_alloc(a, LEASE - 128);
    pattern_fill(mine, LEASE - 128, 1);
    char *const left = on_thread(take_a_little, a);
    char *const page = aa_alloc_aligned(a, LEASE / 4, 1 << 16);
    ck_assert_ptr_nonnull(page);
    ck_assert_uint_eq((uintptr_t)page % (1 << 16), 0);
    pattern_fill(page, LEASE / 4, 2);
    char *const tail = on_thread(take_a_little, a);
    ck_assert_ptr_nonnull(tail);
    ck_assert(tail < page || tail >= page + LEASE / 4);
    ck_assert_ptr_ne(tail, left);
    pattern_fill(tail, 64, 3);
    ck_assert(pattern_holds(mine, LEASE - 128, 1) && pattern_holds(page, LEASE / 4, 2));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- arrays of other threads -------------------------------------------------------------------------------- */

static void *make_array(void *allocator)
{
    static aa_array made;
    made = aa_zeros(allocator, AA_F64, 1, (const int64_t[]){4});
    return &made;
}

START_TEST(an_array_of_another_thread_is_freed_by_name_only)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *const mine = aa_alloc(a, 32);
    aa_array array = *(aa_array *)on_thread(make_array, a);
    const aa_stats before = stats_of(a);
    const aa_array copy = array;
    assert_status(aa_array_free(&array), AA_OK);
    ck_assert(aa_is_null(&array));
    ck_assert_uint_eq(stats_of(a).live_frees, before.live_frees + 1);
    ck_assert_uint_eq(stats_of(a).used, before.used); /* forgotten until the reset */
    ck_assert(aa_is_valid(&copy));
    aa_free(a, mine, 32); /* this thread's newest is what it was */
    ck_assert_uint_eq(stats_of(a).used, before.used - 64);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- calls that meet a reset ---------------------------------------------------------------------------------- */

/* An upstream that has another thread do something while it takes a block back. */
typedef struct meeting {
    aa_allocator *allocator;
    void *(*what)(void *);
    void *result;
    int calls;
} meeting;

static void *plain_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    (void)least;
    void *memory = NULL;
    return posix_memalign(&memory, alignment, *bytes) != 0 ? NULL : memory;
}

static void free_in_company(void *state, void *pointer, size_t bytes)
{
    meeting *const m = state;
    (void)bytes;
    if (m->what != NULL) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, m->what, m) == 0) {
            (void)pthread_join(thread, &m->result);
            ++m->calls;
        }
    }
    free(pointer);
}

static aa_upstream *meet(meeting *m)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = plain_alloc, .free = free_in_company};
    *m = (meeting){0};
    aa_upstream *const upstream = aa_upstream_custom(&ops, m);
    ck_assert_ptr_nonnull(upstream);
    return upstream;
}

static aa_allocator *of_several_blocks(aa_upstream *upstream, meeting *m)
{
    m->allocator = aa_shared_create(&(aa_options){.upstream = upstream, .initial = 1 << 16});
    for (int i = 0; i < 2000; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(m->allocator, 1000));
    }
    ck_assert_uint_ge(stats_of(m->allocator).blocks, 2);
    return m->allocator;
}

static void *allocate(void *argument)
{
    const meeting *const m = argument;
    void *const p = aa_alloc(m->allocator, 100);
    const bool said = p == NULL && aa_last_status() == AA_BUSY &&
                      strstr(aa_last_message(), "is being reset") != NULL;
    return said ? argument : NULL;
}

static void *reset(void *argument)
{
    const meeting *const m = argument;
    return aa_reset(m->allocator) == AA_BUSY ? argument : NULL;
}

static void *(*const beside[])(void *) = {allocate, reset};
enum { BESIDE = sizeof beside / sizeof beside[0] };

START_TEST(another_threads_call_during_a_reset_is_refused_and_the_reset_ends_well)
{
    meeting m;
    aa_upstream *const upstream = meet(&m);
    aa_allocator *const a = of_several_blocks(upstream, &m);
    record_violations();
    m.what = beside[_i];
    assert_status(aa_reset(a), AA_OK);
    m.what = NULL;
    ck_assert_int_ge(m.calls, 1);
    ck_assert_ptr_eq(m.result, &m);
    ck_assert_uint_eq(stats_of(a).used, 0);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

AA_TEST_MAIN("shared: corners",
             AA_TEST(the_last_bytes_of_a_capacity_are_served_before_the_fallback),
             AA_TEST(no_more_than_the_capacity_is_asked_of_the_upstream),
             AA_TEST(a_full_capacity_serves_what_ended_threads_left),
             AA_TEST(a_tail_that_is_not_aligned_is_left_for_others),
             AA_TEST_LOOP(an_array_of_another_thread_is_freed_by_name_only, SHARED, BUMP_KINDS),
             AA_TEST_LOOP(another_threads_call_during_a_reset_is_refused_and_the_reset_ends_well, 0,
                          BESIDE))
