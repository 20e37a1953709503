/* Validity of arrays through reset, rewind, free and destroy; pins; checked arrays and AA_AT on sound use. */
#include "kinds.h"
#include "runner.h"
#include <allocarrays.h>

#include <complex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})
#define RANGES(...) ((const aa_range[]){__VA_ARGS__})

static aa_array ten(aa_allocator *allocator)
{
    const aa_array a = aa_full(allocator, AA_F64, 1, SHAPE(10), &(double){1});
    ck_assert(!aa_is_null(&a));
    return a;
}

/* ---- validity --------------------------------------------------------------------------------------- */

START_TEST(a_reset_ends_every_array_made_before_it_and_none_made_after)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    aa_array before[100];
    for (int i = 0; i < 100; ++i) {
        before[i] = ten(bump);
        ck_assert(aa_is_valid(&before[i]));
    }
    ck_assert_int_eq(aa_reset(bump), AA_OK);
    const aa_array after = ten(bump);
    for (int i = 0; i < 100; ++i) {
        ck_assert(!aa_is_valid(&before[i]));
    }
    ck_assert(aa_is_valid(&after));
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
    ck_assert(!aa_is_valid(&after));
}
END_TEST

START_TEST(a_rewind_ends_what_was_made_since_its_mark_and_nothing_older)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array outer = ten(bump);
    aa_array middle = outer, inner = outer, later = outer;
    const aa_mark first = aa_mark_take(bump);
    middle = ten(bump);
    const aa_mark second = aa_mark_take(bump);
    inner = ten(bump);
    ck_assert_int_eq(aa_mark_rewind(second), AA_OK);
    later = ten(bump);
    ck_assert(aa_is_valid(&outer));
    ck_assert(aa_is_valid(&middle));
    ck_assert(!aa_is_valid(&inner));
    ck_assert(aa_is_valid(&later));
    ck_assert_int_eq(aa_mark_rewind(first), AA_OK);
    ck_assert(aa_is_valid(&outer));
    ck_assert(!aa_is_valid(&middle));
    ck_assert(!aa_is_valid(&later));
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

/* Arrays and marks at random, against a list of what must be valid. */
START_TEST(any_order_of_arrays_marks_and_rewinds_agrees_with_a_list)
{
    enum { ROUNDS = 4000, DEPTH = 16 };
    static aa_array all[ROUNDS];
    static bool valid[ROUNDS];
    aa_allocator *const bump = bump_create(_i, NULL);
    aa_mark marks[DEPTH];
    int since[DEPTH], count = 0, depth = 0;
    uint64_t random = 12345;
    for (int round = 0; round < ROUNDS; ++round) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        const int choice = (int)(random >> 60);
        if (choice < 3 && depth < DEPTH) {
            since[depth] = count;
            marks[depth++] = aa_mark_take(bump);
        } else if (choice < 6 && depth > 0) {
            ck_assert_int_eq(aa_mark_rewind(marks[--depth]), AA_OK);
            for (int i = since[depth]; i < count; ++i) {
                valid[i] = false;
            }
        } else {
            all[count] = aa_empty(bump, AA_U8, 1, SHAPE(1 + (int64_t)(random >> 40) % 5000));
            valid[count++] = true;
        }
        for (int i = count - 1; i >= 0 && i > count - 40; --i) {
            ck_assert_int_eq(aa_is_valid(&all[i]), valid[i]);
        }
    }
    for (int i = 0; i < count; ++i) {
        ck_assert_int_eq(aa_is_valid(&all[i]), valid[i]);
    }
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_scratch_ends_what_was_made_in_it)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array outside = ten(bump);
    aa_array inside = outside;
    AA_SCRATCH(bump) {
        inside = ten(bump);
        ck_assert(aa_is_valid(&inside));
    }
    ck_assert(!aa_is_valid(&inside));
    ck_assert(aa_is_valid(&outside));
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_view_is_valid_as_long_as_what_it_views)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = aa_zeros(bump, AA_F64, 2, SHAPE(4, 6));
    const aa_array views[] = {aa_slice(&a, RANGES(AA_ALL, {0, 3, 1})),
                              aa_permute(&a, (const int[]){1, 0}), aa_reshape(&a, 1, SHAPE(24)),
                              aa_bind(&a, AA_CURRENT), aa_checked(&a)};
    const aa_array late = aa_slice(&a, RANGES({0, 0, 1}, AA_ALL));
    for (int i = 0; i < 5; ++i) {
        ck_assert(aa_is_valid(&views[i]));
    }
    ck_assert_int_eq(aa_reset(bump), AA_OK);
    for (int i = 0; i < 5; ++i) {
        ck_assert(!aa_is_valid(&views[i]));
    }
    ck_assert(!aa_is_valid(&late));
    const aa_array stale = aa_permute(&a, (const int[]){1, 0});
    ck_assert(!aa_is_null(&stale));
    ck_assert(!aa_is_valid(&stale));
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(arrays_of_an_allocator_are_stale_after_it_and_stay_so_when_another_is_born)
{
    aa_array old[8];
    for (int i = 0; i < 8; ++i) {
        aa_allocator *const bump = bump_create(_i, NULL);
        old[i] = ten(bump);
        ck_assert_int_eq(aa_destroy(bump), AA_OK);
    }
    aa_allocator *const young = bump_create(_i, NULL);
    const aa_array a = ten(young);
    for (int i = 0; i < 8; ++i) {
        ck_assert(!aa_is_valid(&old[i]));
    }
    ck_assert(aa_is_valid(&a));
    ck_assert_int_eq(aa_destroy(young), AA_OK);
}
END_TEST

START_TEST(a_freed_heap_array_is_stale_even_when_its_address_is_used_again)
{
    aa_array a = ten(aa_heap());
    const aa_array copy = a;
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    for (int i = 0; i < 100; ++i) {
        aa_array b = ten(aa_heap());
        ck_assert(aa_is_valid(&b));
        ck_assert(!aa_is_valid(&copy));
        ck_assert_int_eq(aa_array_free(&b), AA_OK);
    }
}
END_TEST

START_TEST(an_empty_array_goes_stale_like_any_other)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = aa_empty(bump, AA_F64, 1, SHAPE(0));
    ck_assert(aa_is_valid(&a));
    ck_assert_int_eq(aa_reset(bump), AA_OK);
    ck_assert(!aa_is_valid(&a));
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(every_thread_sees_the_validity_of_every_array)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    static aa_array all[4][100];
    int wrong = 0;
#pragma omp parallel for num_threads(4) schedule(static, 1) reduction(+ : wrong)
    for (int t = 0; t < 4; ++t) {
        for (int i = 0; i < 100; ++i) {
            all[t][i] = aa_empty(shared, AA_F64, 1, SHAPE(i));
            wrong += !aa_is_valid(&all[t][i]);
        }
    }
#pragma omp parallel for num_threads(4) schedule(static, 1) reduction(+ : wrong)
    for (int t = 0; t < 4; ++t) {
        for (int i = 0; i < 100; ++i) {
            wrong += aa_data(&all[(t + 1) % 4][i]) == NULL;
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(aa_reset(shared), AA_OK);
    for (int t = 0; t < 4; ++t) {
        for (int i = 0; i < 100; ++i) {
            ck_assert(!aa_is_valid(&all[t][i]));
        }
    }
    ck_assert_int_eq(aa_destroy(shared), AA_OK);
}
END_TEST

/* ---- pins ------------------------------------------------------------------------------------------- */

START_TEST(pins_nest_and_are_shared_by_views)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = ten(bump);
    const aa_array view = aa_slice(&a, RANGES({2, 5, 1}));
    ck_assert_int_eq(aa_pin(&a), AA_OK);
    ck_assert_int_eq(aa_pin(&view), AA_OK);
    ck_assert_int_eq(aa_unpin(&a), AA_OK);
    ck_assert_int_eq(aa_unpin(&a), AA_OK);
    ck_assert_int_eq(aa_unpin(&view), AA_ORDER);
    ck_assert_int_eq(aa_reset(bump), AA_OK);
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_pin_of_an_older_array_lets_a_rewind_pass)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array older = ten(bump);
    const aa_mark mark = aa_mark_take(bump);
    const aa_array newer = ten(bump);
    ck_assert_int_eq(aa_pin(&older), AA_OK);
    ck_assert_int_eq(aa_mark_rewind(mark), AA_OK);
    ck_assert(aa_is_valid(&older));
    ck_assert(!aa_is_valid(&newer));
    ck_assert_int_eq(aa_unpin(&older), AA_OK);
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_pin_of_a_newer_array_does_not_keep_an_older_one_from_being_freed)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    aa_array older = ten(bump);
    const aa_array newer = ten(bump);
    ck_assert_int_eq(aa_pin(&newer), AA_OK);
    ck_assert_int_eq(aa_array_free(&older), AA_OK);
    ck_assert(aa_is_null(&older));
    ck_assert_int_eq(aa_unpin(&newer), AA_OK);
    ck_assert_int_eq(aa_unpin(&newer), AA_ORDER);
    ck_assert_int_eq(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(threads_pin_and_unpin_one_array_at_once)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    const aa_array a = ten(shared);
    int failures = 0;
#pragma omp parallel num_threads(4) reduction(+ : failures)
    for (int i = 0; i < 10000; ++i) {
        failures += aa_pin(&a) != AA_OK;
        failures += aa_unpin(&a) != AA_OK;
    }
    ck_assert_int_eq(failures, 0);
    ck_assert_int_eq(aa_unpin(&a), AA_ORDER);
    ck_assert_int_eq(aa_destroy(shared), AA_OK);
}
END_TEST

/* ---- checked arrays ----------------------------------------------------------------------------------- */

START_TEST(the_checked_property_is_inherited_by_all_that_is_made_from_an_array)
{
    const aa_array plain = aa_zeros(AA_CURRENT, AA_F64, 2, SHAPE(3, 4));
    const aa_array a = aa_checked(&plain);
    const aa_array made[] = {aa_similar(&a),
                             aa_similar_as(&a, AA_I8, 0, NULL),
                             aa_copy(&a),
                             aa_materialize(&a),
                             aa_bind(&a, aa_heap()),
                             aa_reshape(&a, 1, SHAPE(12)),
                             aa_slice(&a, RANGES(AA_ALL, AA_ALL)),
                             aa_permute(&a, (const int[]){1, 0}),
                             aa_checked(&a)};
    ck_assert(!aa_is_checked(&plain));
    ck_assert(aa_is_checked(&a));
    ck_assert_ptr_eq(a.data, plain.data);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; ++i) {
        ck_assert(!aa_is_null(&made[i]));
        ck_assert(aa_is_checked(&made[i]));
    }
}
END_TEST

START_TEST(freeing_a_checked_array_stales_its_copies_and_views)
{
    aa_allocator *const owners[] = {aa_heap(), aa_arena_create(NULL), aa_shared_create(NULL),
                                    aa_private_create(NULL)};
    const aa_array plain = ten(owners[_i]);
    aa_array a = aa_checked(&plain);
    const aa_array copy = a, view = aa_slice(&a, RANGES({0, 2, 1}));
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    ck_assert(aa_is_null(&a));
    ck_assert(!aa_is_valid(&copy));
    ck_assert(!aa_is_valid(&view));
    ck_assert(!aa_is_valid(&plain));
}
END_TEST

#define ASSERT_AT_KEEPS(type, dtype, value)                                                        \
    do {                                                                                           \
        aa_array plain_ = aa_zeros(AA_CURRENT, dtype, 2, SHAPE(3, 4));                             \
        const aa_array a_ = aa_checked(&plain_);                                                   \
        ck_assert(AA_AT(type, &a_, 2, 3) == (type)0);                                              \
        AA_AT(type, &a_, 2, 3) = (value);                                                          \
        ck_assert(AA_AT(type, &a_, 2, 3) == (value));                                              \
        ck_assert(((type *)plain_.data)[11] == (value));                                           \
        ck_assert(((type *)plain_.data)[10] == (type)0);                                           \
        ck_assert_int_eq(aa_array_free(&plain_), AA_OK);                                           \
    } while (0)

START_TEST(an_element_of_each_dtype_is_an_lvalue_of_its_c_type)
{
    ASSERT_AT_KEEPS(bool, AA_BOOL, true);
    ASSERT_AT_KEEPS(int8_t, AA_I8, -7);
    ASSERT_AT_KEEPS(int16_t, AA_I16, -700);
    ASSERT_AT_KEEPS(int32_t, AA_I32, -70000);
    ASSERT_AT_KEEPS(int64_t, AA_I64, INT64_MIN);
    ASSERT_AT_KEEPS(uint8_t, AA_U8, 200);
    ASSERT_AT_KEEPS(uint16_t, AA_U16, 60000);
    ASSERT_AT_KEEPS(uint32_t, AA_U32, UINT32_MAX);
    ASSERT_AT_KEEPS(uint64_t, AA_U64, UINT64_MAX);
    ASSERT_AT_KEEPS(float, AA_F32, 1.5F);
    ASSERT_AT_KEEPS(double, AA_F64, 1.25);
    ASSERT_AT_KEEPS(float _Complex, AA_C64, 1 - 2 * (float _Complex)_Complex_I);
    ASSERT_AT_KEEPS(double _Complex, AA_C128, 1 - 2 * (double _Complex)_Complex_I);
    ASSERT_AT_KEEPS(long long, AA_I64, -1);
}
END_TEST

typedef struct pair {
    float real, imaginary;
} pair;

START_TEST(a_type_without_a_dtype_of_its_own_needs_only_the_size)
{
    const aa_array plain = aa_zeros(AA_CURRENT, AA_C64, 1, SHAPE(3));
    const aa_array a = aa_checked(&plain);
    AA_AT(pair, &a, 1).imaginary = 4;
    ck_assert_float_eq(((float *)plain.data)[3], 4);
}
END_TEST

static int evaluations;

static const aa_array *count_evaluation(const aa_array *a)
{
    ++evaluations;
    return a;
}

START_TEST(at_evaluates_its_array_and_indices_once)
{
    const aa_array plain = aa_zeros(AA_CURRENT, AA_F64, 1, SHAPE(3));
    const aa_array a = aa_checked(&plain);
    int i = 0;
    AA_AT(double, count_evaluation(&a), i++) += 1;
    ck_assert_int_eq(evaluations, 1);
    ck_assert_int_eq(i, 1);
    ck_assert_double_eq(((double *)plain.data)[0], 1);
}
END_TEST

START_TEST(at_takes_up_to_eight_indices_and_follows_strides)
{
    const aa_array plain = aa_zeros(AA_CURRENT, AA_I32, 8, SHAPE(2, 2, 2, 2, 2, 2, 2, 2));
    const aa_array a = aa_checked(&plain);
    AA_AT(int, &a, 1, 0, 1, 0, 1, 0, 1, 0) = 5;
    ck_assert_int_eq(((int *)plain.data)[0xaa], 5);
    const aa_array flat = aa_reshape(&a, 1, SHAPE(256));
    const aa_array back = aa_slice(&flat, RANGES({AA_OPEN, AA_OPEN, -2}));
    ck_assert_int_eq(AA_AT(int, &back, 127 - 0x55), 0);
    AA_AT(int, &back, 0) = 6;
    ck_assert_int_eq(((int *)plain.data)[255], 6);
}
END_TEST

AA_TEST_MAIN(
    "array validity", AA_TEST_BUMP(a_reset_ends_every_array_made_before_it_and_none_made_after),
    AA_TEST_BUMP(a_rewind_ends_what_was_made_since_its_mark_and_nothing_older),
    AA_TEST_BUMP(any_order_of_arrays_marks_and_rewinds_agrees_with_a_list),
    AA_TEST_BUMP(a_scratch_ends_what_was_made_in_it),
    AA_TEST_BUMP(a_view_is_valid_as_long_as_what_it_views),
    AA_TEST_BUMP(arrays_of_an_allocator_are_stale_after_it_and_stay_so_when_another_is_born),
    AA_TEST(a_freed_heap_array_is_stale_even_when_its_address_is_used_again),
    AA_TEST_BUMP(an_empty_array_goes_stale_like_any_other),
    AA_TEST(every_thread_sees_the_validity_of_every_array),
    AA_TEST_BUMP(pins_nest_and_are_shared_by_views),
    AA_TEST_BUMP(a_pin_of_an_older_array_lets_a_rewind_pass),
    AA_TEST_BUMP(a_pin_of_a_newer_array_does_not_keep_an_older_one_from_being_freed),
    AA_TEST(threads_pin_and_unpin_one_array_at_once),
    AA_TEST(the_checked_property_is_inherited_by_all_that_is_made_from_an_array),
    AA_TEST_LOOP(freeing_a_checked_array_stales_its_copies_and_views, 0, BUMP_KINDS + 1),
    AA_TEST(an_element_of_each_dtype_is_an_lvalue_of_its_c_type),
    AA_TEST(a_type_without_a_dtype_of_its_own_needs_only_the_size),
    AA_TEST(at_evaluates_its_array_and_indices_once),
    AA_TEST(at_takes_up_to_eight_indices_and_follows_strides))
