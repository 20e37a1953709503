/* The end of the 64-bit counter of epochs: refused, never wrapped. Looks inside: links the core's objects. */
#include "memory/memory.h"

#include "held.h"
#include "runner.h"
#include "violations.h"

START_TEST(at_the_end_of_the_counter_a_reset_is_refused_and_nothing_changes)
{
    aa_allocator *const a = bump_create(_i, NULL);
    (void)aa_alloc(a, 100);
    assert_status(aa_reset(a), AA_OK);
    const held h = hold(a);
    aai_unique_continue_at(UINT64_MAX);
    while (aai_unique_draw() != 0) { /* the last ones */
    }
    for (int i = 0; i < 3; ++i) {
        assert_status(aa_reset(a), AA_OVERFLOW);
        ck_assert_uint_gt(strlen(aa_last_message()), 10);
    }
    assert_unharmed(&h);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(at_the_end_of_the_counter_nothing_new_is_created)
{
    aai_unique_continue_at(UINT64_MAX);
    while (aai_unique_draw() != 0) {
    }
    assert_fails(bump_try_create(_i, NULL), AA_OVERFLOW);
    assert_fails(bump_try_create(_i, NULL), AA_OVERFLOW);
}
END_TEST

START_TEST(the_counter_never_wraps)
{
    aai_unique_continue_at(UINT64_MAX - 2);
    uint64_t last = 0;
    for (int i = 0; i < 10; ++i) {
        const uint64_t now = aai_unique_draw();
        ck_assert(now == 0 || now > last);
        last = now == 0 ? UINT64_MAX : now;
    }
    ck_assert_uint_eq(aai_unique_draw(), 0);
}
END_TEST

START_TEST(every_reset_up_to_the_end_works)
{
    static const int64_t shape[] = {10};
    aa_allocator *const a = bump_create(_i, NULL);
    (void)aa_alloc(a, 100);
    aai_unique_continue_at(UINT64_MAX - 20);
    int passed = 0;
    aa_status status = AA_OK;
    while (passed < 30) {
        const aa_array array = aa_empty(a, AA_F64, 1, shape);
        ck_assert(aa_is_valid(&array));
        status = aa_reset(a);
        if (status != AA_OK) {
            ck_assert(aa_is_valid(&array));
            break;
        }
        ck_assert(!aa_is_valid(&array));
        ++passed;
    }
    ck_assert_int_eq(status, AA_OVERFLOW);
    ck_assert_int_gt(passed, 5);
    ck_assert_int_lt(passed, 25);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* The heap's key must not be one that the counter can give: its window would be another's. */
START_TEST(the_last_key_does_not_give_the_heap_anothers_memory)
{
    aa_allocator *a = bump_create(_i, NULL);
    while (a->slot != aa_heap()->slot) { /* allocators share the slots of aa_tls in turn */
        a = bump_create(_i, NULL);
    }
    (void)aa_alloc(a, 100);
    aai_unique_continue_at(UINT64_MAX - 1);
    assert_status(aa_reset(a),
                  _i == PRIVATE ? AA_OVERFLOW : AA_OK); /* private: a number per arena */
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    void *const p = aa_alloc(aa_heap(), 100);
    ck_assert(!aa_owns(a, p));
    ck_assert(aa_owns(aa_heap(), p));
    aa_free(aa_heap(), p, 100);
}
END_TEST

AA_TEST_MAIN("misuse: counter",
             AA_TEST_BUMP(at_the_end_of_the_counter_a_reset_is_refused_and_nothing_changes),
             AA_TEST_BUMP(at_the_end_of_the_counter_nothing_new_is_created),
             AA_TEST(the_counter_never_wraps), AA_TEST_BUMP(every_reset_up_to_the_end_works),
             AA_TEST_BUMP(the_last_key_does_not_give_the_heap_anothers_memory))
