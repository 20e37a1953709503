/* As test_mutants.c, for what the library does not export: the counter's end, and what lock points say. */
#include "memory/memory.h"

#include "kinds.h"
#include "runner.h"
#include "sync/lock.h"
#include "violations.h"

#include <allocarrays/impl/inject.h>

START_TEST(at_the_end_of_the_counter_an_array_on_the_heap_is_an_overflow)
{
    aai_unique_continue_at(UINT64_MAX);
    while (aai_unique_draw() != 0) {
    }
    const aa_array a = aa_empty(aa_heap(), AA_F64, 1, (const int64_t[]){10});
    ck_assert(aa_is_null(&a));
    assert_status(aa_last_status(), AA_OVERFLOW);
}
END_TEST

static void *give_nothing(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    (void)bytes;
    (void)alignment;
    return NULL;
}

static aa_status count_reset(void *state)
{
    ++*(int *)state;
    return AA_OK;
}

START_TEST(at_the_end_of_the_counter_a_custom_reset_is_refused_before_its_method)
{
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = give_nothing, .reset = count_reset};
    int resets = 0;
    aa_allocator *const a = aa_custom_create(&ops, &resets, NULL);
    aai_unique_continue_at(UINT64_MAX);
    while (aai_unique_draw() != 0) {
    }
    assert_status(aa_reset(a), AA_OVERFLOW);
    ck_assert_int_eq(resets, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_last_number_alone_creates_nothing)
{
    aai_unique_continue_at(UINT64_MAX - 1);
    int left = 0;
    while (aai_unique_draw() != 0) {
        ++left;
    }
    aai_unique_continue_at(UINT64_MAX - 1);
    for (; left > 1; --left) {
        (void)aai_unique_draw();
    }
    assert_fails(bump_try_create(_i, NULL), AA_OVERFLOW); /* one for the id, none for the key */
}
END_TEST

/* ---- points: one thread, so without atomics ---- */

enum { MOST_POINTS = 16 };

static unsigned points[MOST_POINTS];
static int point_count;

static void note_point(unsigned where)
{
    if (point_count < MOST_POINTS) {
        points[point_count++] = where;
    }
}

START_TEST(a_point_says_the_rank_of_its_lock_and_whether_it_was_let_go)
{
    for (int rank = AAI_RANK_REGISTRY; rank <= AAI_RANK_POOL; ++rank) {
        aai_lock lock;
        aai_lock_init(&lock, (aai_rank)rank);
        point_count = 0;
        aai_injection_set(note_point);
        aai_lock_acquire(&lock);
        aai_lock_release(&lock);
        aai_injection_set(NULL);
        ck_assert_int_eq(point_count, 2);
        ck_assert_uint_eq(points[0], 2U * (unsigned)rank);
        ck_assert_uint_eq(points[1], 2U * (unsigned)rank + AAI_POINT_RELEASED);
        aai_lock_fini(&lock);
    }
}
END_TEST

AA_TEST_MAIN("mutants, inside",
             AA_TEST(at_the_end_of_the_counter_an_array_on_the_heap_is_an_overflow),
             AA_TEST(at_the_end_of_the_counter_a_custom_reset_is_refused_before_its_method),
             AA_TEST_BUMP(the_last_number_alone_creates_nothing),
             AA_TEST(a_point_says_the_rank_of_its_lock_and_whether_it_was_let_go))
