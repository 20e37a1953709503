/* Arrays: making them, their handle, ending them. */
#include "runner.h"
#include <allocarrays.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static const size_t dtype_bytes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 8, 16};
static const char *const dtype_names[] = {"bool", "i8",  "i16", "i32", "i64", "u8",  "u16",
                                          "u32",  "u64", "f32", "f64", "c64", "c128"};
enum { DTYPES = sizeof dtype_bytes / sizeof dtype_bytes[0] };

static aa_allocator *arena_aligned_to(size_t alignment)
{
    aa_options options = AA_OPTIONS_INIT;
    options.alignment = alignment;
    aa_allocator *const arena = aa_arena_create(&options);
    ck_assert_ptr_nonnull(arena);
    return arena;
}

static void assert_form(const aa_array *array, aa_dtype dtype, int ndim, const int64_t *shape)
{
    ck_assert(!aa_is_null(array));
    ck_assert_int_eq(array->dtype, dtype);
    ck_assert_int_eq(array->ndim, ndim);
    for (int axis = 0; axis < AA_MAX_NDIM; ++axis) {
        ck_assert_int_eq(array->shape[axis], axis < ndim ? shape[axis] : 0);
    }
}

/* ---- dtypes ----------------------------------------------------------------------------------------- */

START_TEST(each_dtype_has_its_size_and_name)
{
    ck_assert_uint_eq(aa_dtype_size((aa_dtype)_i), dtype_bytes[_i]);
    ck_assert_str_eq(aa_dtype_name((aa_dtype)_i), dtype_names[_i]);
}
END_TEST

START_TEST(an_unknown_dtype_has_no_size_and_no_name)
{
    ck_assert_uint_eq(aa_dtype_size((aa_dtype)DTYPES), 0);
    ck_assert_str_eq(aa_dtype_name((aa_dtype)DTYPES), "?");
    ck_assert_uint_eq(aa_dtype_size((aa_dtype)-1), 0);
    ck_assert_str_eq(aa_dtype_name((aa_dtype)-1), "?");
}
END_TEST

/* ---- empty, zeros, full --------------------------------------------------------------------------------- */

START_TEST(an_array_is_in_c_order)
{
    const aa_array a = aa_empty(AA_CURRENT, AA_F64, 3, SHAPE(4, 5, 6));
    assert_form(&a, AA_F64, 3, SHAPE(4, 5, 6));
    ck_assert_int_eq(a.strides[0], 30);
    ck_assert_int_eq(a.strides[1], 6);
    ck_assert_int_eq(a.strides[2], 1);
    for (int axis = 3; axis < AA_MAX_NDIM; ++axis) {
        ck_assert_int_eq(a.strides[axis], 0);
    }
    ck_assert(aa_is_contiguous(&a));
    ck_assert_int_eq(aa_count(&a), 120);
    ck_assert(aa_is_valid(&a));
    ck_assert_ptr_eq(aa_data(&a), a.data);
    ck_assert_ptr_eq(a.dispatch, AA_CURRENT);
    ck_assert_ptr_eq(a.owner, aa_heap());
    memset(a.data, 0xff, 120 * sizeof(double));
}
END_TEST

START_TEST(memory_is_aligned_to_the_allocator_and_at_least_to_an_element)
{
    aa_allocator *const arena = arena_aligned_to(1);
    void *const odd = aa_alloc(arena, 1);
    ck_assert_ptr_nonnull(odd);
    const aa_array a = aa_empty(arena, (aa_dtype)_i, 1, SHAPE(3));
    ck_assert_uint_eq((uintptr_t)a.data % dtype_bytes[_i], 0);
    const aa_array b = aa_empty(AA_CURRENT, (aa_dtype)_i, 1, SHAPE(3));
    ck_assert_uint_eq((uintptr_t)b.data % 64, 0);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_scalar_has_one_element_and_needs_no_shape)
{
    const aa_array a = aa_empty(AA_CURRENT, AA_I16, 0, NULL);
    assert_form(&a, AA_I16, 0, NULL);
    ck_assert_int_eq(aa_count(&a), 1);
    ck_assert(aa_is_contiguous(&a));
    AA_AT(short, &a) = 7;
    ck_assert_int_eq(AA_AT(short, &a), 7);
}
END_TEST

START_TEST(eight_axes_work)
{
    const int64_t *const shape = SHAPE(2, 1, 3, 1, 2, 2, 1, 5);
    const aa_array a = aa_zeros(AA_CURRENT, AA_U8, AA_MAX_NDIM, shape);
    assert_form(&a, AA_U8, AA_MAX_NDIM, shape);
    ck_assert_int_eq(aa_count(&a), 120);
    ck_assert_int_eq(a.strides[0], 60);
    ck_assert(aa_is_contiguous(&a));
    AA_AT(unsigned char, &a, 1, 0, 2, 0, 1, 1, 0, 4) = 9;
    ck_assert_uint_eq(((unsigned char *)a.data)[119], 9);
}
END_TEST

START_TEST(an_extent_of_zero_gives_a_valid_empty_array)
{
    aa_allocator *const arena = arena_aligned_to(0);
    const aa_array a = aa_empty(arena, AA_F32, 3, SHAPE(3, 0, 5));
    const aa_array b = aa_zeros(arena, AA_F32, 1, SHAPE(0));
    const aa_array c = aa_full(arena, AA_F32, 1, SHAPE(0), &(float){1});
    assert_form(&a, AA_F32, 3, SHAPE(3, 0, 5));
    ck_assert_int_eq(aa_count(&a), 0);
    ck_assert(aa_is_contiguous(&a));
    ck_assert(aa_is_valid(&a));
    ck_assert_ptr_nonnull(aa_data(&a));
    ck_assert_ptr_ne(a.data, b.data);
    ck_assert_ptr_ne(b.data, c.data);
    ck_assert_int_eq(a.strides[0], 5);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(zeros_are_zero_in_memory_used_before)
{
    aa_allocator *const arena = arena_aligned_to(0);
    const aa_array dirty = aa_empty(arena, AA_U8, 1, SHAPE(1000));
    memset(dirty.data, 0xa5, 1000);
    ck_assert_int_eq(aa_reset(arena), AA_OK);
    const aa_array a = aa_zeros(arena, AA_C128, 1, SHAPE(50));
    for (int64_t i = 0; i < 800; ++i) {
        ck_assert_uint_eq(((unsigned char *)a.data)[i], 0);
    }
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(full_repeats_its_value)
{
    const size_t size = dtype_bytes[_i];
    const unsigned char value[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    static const int64_t counts[] = {0, 1, 2, 3, 7, 64, 1000};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; ++k) {
        aa_array a = aa_full(AA_CURRENT, (aa_dtype)_i, 1, &counts[k], value);
        ck_assert(!aa_is_null(&a));
        for (size_t i = 0; i < (size_t)counts[k]; ++i) {
            ck_assert_mem_eq((char *)a.data + i * size, value, size);
        }
        ck_assert_int_eq(aa_array_free(&a), AA_OK);
    }
}
END_TEST

START_TEST(memory_comes_from_the_allocator_given)
{
    aa_allocator *const kinds[] = {aa_heap(), aa_arena_create(NULL), aa_shared_create(NULL),
                                   aa_private_create(NULL)};
    for (int i = 0; i < 4; ++i) {
        const aa_array a = aa_empty(kinds[i], AA_F64, 1, SHAPE(10));
        ck_assert(!aa_is_null(&a));
        ck_assert(aa_owns(kinds[i], a.data));
        ck_assert_ptr_eq(a.owner, kinds[i]);
        ck_assert_ptr_eq(a.dispatch, kinds[i]);
        ck_assert(aa_is_valid(&a));
    }
    for (int i = 3; i > 0; --i) {
        ck_assert_int_eq(aa_destroy(kinds[i]), AA_OK);
    }
}
END_TEST

/* ---- wrap ------------------------------------------------------------------------------------------- */

START_TEST(a_wrapped_array_is_the_callers_memory)
{
    double data[6] = {0, 1, 2, 3, 4, 5};
    aa_array a = aa_wrap(data, AA_F64, 2, SHAPE(2, 3), NULL);
    assert_form(&a, AA_F64, 2, SHAPE(2, 3));
    ck_assert_ptr_eq(a.data, data);
    ck_assert_ptr_null(a.owner);
    ck_assert_ptr_eq(a.dispatch, AA_CURRENT);
    ck_assert(aa_is_contiguous(&a));
    ck_assert(aa_is_valid(&a));
    ck_assert_double_eq(AA_AT(double, &a, 1, 2), 5);
    ck_assert_int_eq(aa_pin(&a), AA_OK);
    ck_assert_int_eq(aa_unpin(&a), AA_OK);
    ck_assert_int_eq(aa_unpin(&a), AA_OK);
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    ck_assert(aa_is_null(&a));
    ck_assert_double_eq(data[5], 5);
}
END_TEST

START_TEST(wrapped_strides_may_be_negative_zero_or_have_gaps)
{
    int data[12];
    for (int i = 0; i < 12; ++i) {
        data[i] = i;
    }
    const aa_array back = aa_wrap(&data[11], AA_I32, 1, SHAPE(6), SHAPE(-2));
    ck_assert_int_eq(AA_AT(int, &back, 5), 1);
    ck_assert(!aa_is_contiguous(&back));
    const aa_array same = aa_wrap(data, AA_I32, 2, SHAPE(1000, 3), SHAPE(0, 1));
    ck_assert_int_eq(AA_AT(int, &same, 999, 2), 2);
    const aa_array column = aa_wrap(&data[1], AA_I32, 2, SHAPE(4, 1), SHAPE(3, 99));
    ck_assert_int_eq(AA_AT(int, &column, 3, 0), 10);
    const aa_array one = aa_wrap(data, AA_I32, 2, SHAPE(1, 1), SHAPE(INT64_MAX, INT64_MIN));
    ck_assert(!aa_is_null(&one));
    ck_assert(aa_is_contiguous(&one));
    const aa_array none = aa_wrap(data, AA_I32, 2, SHAPE(0, 9), SHAPE(INT64_MAX, INT64_MIN));
    ck_assert(!aa_is_null(&none));
}
END_TEST

START_TEST(a_wrapped_scalar_ignores_shape_and_strides)
{
    float x = 3;
    const aa_array a = aa_wrap(&x, AA_F32, 0, SHAPE(7), SHAPE(7));
    assert_form(&a, AA_F32, 0, NULL);
    ck_assert_int_eq(a.strides[0], 0);
    ck_assert_float_eq(AA_AT(float, &a), 3);
}
END_TEST

/* ---- similar, bind -------------------------------------------------------------------------------------- */

START_TEST(similar_has_the_dtype_and_shape_in_c_order)
{
    const aa_array a = aa_zeros(AA_CURRENT, AA_C64, 3, SHAPE(2, 3, 4));
    const aa_array view = aa_permute(&a, (const int[]){2, 0, 1});
    const aa_array b = aa_similar(&view);
    assert_form(&b, AA_C64, 3, SHAPE(4, 2, 3));
    ck_assert(aa_is_contiguous(&b));
    ck_assert_int_eq(b.strides[0], 6);
    ck_assert_ptr_ne(b.data, a.data);
    const aa_array c = aa_similar_as(&view, AA_I8, 2, SHAPE(7, 0));
    assert_form(&c, AA_I8, 2, SHAPE(7, 0));
}
END_TEST

START_TEST(similar_of_a_current_array_follows_the_scope)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_allocator *const shared = aa_shared_create(NULL);
    double data[3] = {0};
    const aa_array a = aa_wrap(data, AA_F64, 1, SHAPE(3), NULL);
    aa_array in_arena, in_shared, outside;
    AA_WITH(arena) {
        in_arena = aa_similar(&a);
        AA_WITH(shared) {
            in_shared = aa_similar(&in_arena);
        }
        ck_assert_ptr_eq(aa_similar_as(&a, AA_I8, 0, NULL).owner, arena);
    }
    outside = aa_similar(&in_shared);
    ck_assert_ptr_eq(in_arena.owner, arena);
    ck_assert_ptr_eq(in_shared.owner, shared);
    ck_assert_ptr_eq(outside.owner, aa_heap());
    ck_assert_ptr_eq(outside.dispatch, AA_CURRENT);
    ck_assert_int_eq(aa_array_free(&outside), AA_OK);
    ck_assert_int_eq(aa_destroy(shared), AA_OK);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(similar_of_a_bound_array_ignores_the_scope)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_allocator *const shared = aa_shared_create(NULL);
    const aa_array a = aa_empty(arena, AA_F64, 1, SHAPE(3));
    AA_WITH(shared) {
        const aa_array b = aa_similar(&a);
        ck_assert_ptr_eq(b.owner, arena);
        ck_assert_ptr_eq(b.dispatch, arena);
        ck_assert_ptr_eq(aa_similar(&b).owner, arena);
        ck_assert_ptr_eq(aa_copy(&b).owner, arena);
    }
    ck_assert_int_eq(aa_destroy(shared), AA_OK);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(similar_in_a_region_uses_the_scope_around_it)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    double data[8] = {0};
    const aa_array a = aa_wrap(data, AA_F64, 1, SHAPE(8), NULL);
    int wrong = 0;
    AA_WITH(shared) {
#pragma omp parallel num_threads(4) reduction(+ : wrong)
        for (int i = 0; i < 100; ++i) {
            const aa_array b = aa_similar(&a);
            wrong += aa_is_null(&b) || b.owner != shared || !aa_is_valid(&b);
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(similar_of_a_stale_array_needs_no_memory_of_it)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = aa_empty(arena, AA_F64, 2, SHAPE(3, 4));
    ck_assert_int_eq(aa_reset(arena), AA_OK);
    ck_assert(!aa_is_valid(&a));
    const aa_array b = aa_similar(&a);
    assert_form(&b, AA_F64, 2, SHAPE(3, 4));
    ck_assert(aa_is_valid(&b));
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(bind_changes_the_handle_and_nothing_else)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_array a = aa_full(AA_CURRENT, AA_F64, 1, SHAPE(3), &(double){4});
    const aa_array bound = aa_bind(&a, arena);
    ck_assert_ptr_eq(bound.data, a.data);
    ck_assert_ptr_eq(bound.owner, aa_heap());
    ck_assert_ptr_eq(bound.dispatch, arena);
    ck_assert_ptr_eq(aa_similar(&bound).owner, arena);
    const aa_array freed = aa_bind(&bound, AA_CURRENT);
    ck_assert_ptr_eq(freed.dispatch, AA_CURRENT);
    ck_assert_mem_eq(&freed, &a, sizeof a);
    const aa_array heap = aa_bind(&bound, aa_heap());
    AA_WITH(arena) {
        aa_array b = aa_similar(&heap);
        ck_assert_ptr_eq(b.owner, aa_heap());
        ck_assert_int_eq(aa_array_free(&b), AA_OK);
    }
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    ck_assert(!aa_is_valid(&bound));
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_scratch_takes_back_what_current_gave_but_not_what_the_heap_was_asked_for)
{
    double data[3] = {0};
    const aa_array a = aa_wrap(data, AA_F64, 1, SHAPE(3), NULL);
    const aa_array on_heap = aa_bind(&a, aa_heap());
    aa_array temporary = a, explicitly = a, similar = a;
    AA_SCRATCH(AA_CURRENT) {
        temporary = aa_similar(&a);
        explicitly = aa_empty(aa_heap(), AA_F64, 1, SHAPE(3));
        similar = aa_similar(&on_heap);
    }
    ck_assert(!aa_is_valid(&temporary));
    ck_assert(aa_is_valid(&explicitly));
    ck_assert(aa_is_valid(&similar));
    ck_assert_int_eq(aa_array_free(&explicitly), AA_OK);
    ck_assert_int_eq(aa_array_free(&similar), AA_OK);
}
END_TEST

/* ---- free ------------------------------------------------------------------------------------------- */

START_TEST(freeing_a_heap_array_gives_its_memory_back)
{
    aa_array a = aa_empty(AA_CURRENT, AA_F64, 1, SHAPE(100));
    void *const data = a.data;
    ck_assert(aa_owns(aa_heap(), data));
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    ck_assert(!aa_owns(aa_heap(), data));
    ck_assert(aa_is_null(&a));
    ck_assert_ptr_null(a.owner);
    ck_assert_int_eq(a.ndim, 0);
}
END_TEST

START_TEST(freeing_the_newest_array_of_an_arena_gives_its_memory_back)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_array a = aa_empty(arena, AA_F64, 1, SHAPE(100));
    aa_array b = aa_empty(arena, AA_F64, 1, SHAPE(100));
    void *const first = a.data;
    const aa_array copy = b, view = aa_slice(&b, &AA_ALL);
    ck_assert_int_eq(aa_array_free(&b), AA_OK);
    ck_assert(!aa_is_valid(&copy));
    ck_assert(!aa_is_valid(&view));
    ck_assert(aa_is_valid(&a));
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    const aa_array again = aa_empty(arena, AA_F64, 1, SHAPE(100));
    ck_assert_ptr_eq(again.data, first);
    ck_assert(aa_is_valid(&again));
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(freeing_an_older_array_of_an_arena_only_forgets_the_variable)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_array a = aa_full(arena, AA_F64, 1, SHAPE(100), &(double){1});
    const aa_array copy = a;
    const aa_array b = aa_full(arena, AA_F64, 1, SHAPE(100), &(double){2});
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    ck_assert(aa_is_null(&a));
    ck_assert(aa_is_valid(&copy));
    ck_assert(aa_is_valid(&b));
    ck_assert_double_eq(AA_AT(double, &copy, 99), 1);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(freeing_a_view_only_forgets_it)
{
    aa_array a = aa_full(AA_CURRENT, AA_F64, 2, SHAPE(2, 3), &(double){1});
    aa_array views[] = {aa_slice(&a, (const aa_range[]){AA_ALL, AA_ALL}),
                        aa_reshape(&a, 1, SHAPE(6)), aa_permute(&a, (const int[]){1, 0})};
    for (int i = 0; i < 3; ++i) {
        ck_assert_int_eq(aa_array_free(&views[i]), AA_OK);
        ck_assert(aa_is_null(&views[i]));
    }
    ck_assert(aa_is_valid(&a));
    ck_assert_double_eq(AA_AT(double, &a, 1, 2), 1);
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
}
END_TEST

START_TEST(freeing_a_null_array_is_fine_any_number_of_times)
{
    aa_array a = {0};
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    a = aa_empty(AA_CURRENT, AA_F64, 0, NULL);
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
}
END_TEST

START_TEST(a_heap_array_may_be_freed_by_another_thread)
{
    aa_array a[4];
    int failures = 0;
    for (int i = 0; i < 4; ++i) {
        a[i] = aa_empty(AA_CURRENT, AA_F64, 1, SHAPE(100));
    }
#pragma omp parallel for num_threads(4) schedule(static, 1) reduction(+ : failures)
    for (int i = 0; i < 4; ++i) {
        failures += aa_array_free(&a[i]) != AA_OK;
    }
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(temporaries_freed_in_reverse_order_never_grow_an_arena)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    double data[100] = {0};
    const aa_array a = aa_bind(&(aa_array){0}, AA_CURRENT);
    ck_assert(aa_is_null(&a));
    const aa_array wrapped = aa_wrap(data, AA_F64, 1, SHAPE(100), NULL);
    AA_WITH(arena) {
        for (int i = 0; i < 100000; ++i) {
            aa_array b = aa_similar(&wrapped), c = aa_similar(&b);
            ck_assert_int_eq(aa_array_free(&c), AA_OK);
            ck_assert_int_eq(aa_array_free(&b), AA_OK);
        }
    }
    aa_stats stats;
    ck_assert_int_eq(aa_stats_get(arena, &stats), AA_OK);
    ck_assert_uint_eq(stats.used, 0);
    ck_assert_uint_eq(stats.blocks, 1);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_null_array_has_no_elements)
{
    const aa_array a = {0};
    ck_assert(aa_is_null(&a));
    ck_assert(aa_is_null(NULL));
    ck_assert_int_eq(aa_count(&a), 0);
    ck_assert_int_eq(aa_count(NULL), 0);
    ck_assert(!aa_is_contiguous(&a));
    ck_assert(!aa_is_contiguous(NULL));
    ck_assert(!aa_is_valid(&a));
    ck_assert(!aa_is_valid(NULL));
    ck_assert(!aa_is_checked(NULL));
}
END_TEST

AA_TEST_MAIN("array", AA_TEST_LOOP(each_dtype_has_its_size_and_name, 0, DTYPES),
             AA_TEST(an_unknown_dtype_has_no_size_and_no_name), AA_TEST(an_array_is_in_c_order),
             AA_TEST_LOOP(memory_is_aligned_to_the_allocator_and_at_least_to_an_element, 0, DTYPES),
             AA_TEST(a_scalar_has_one_element_and_needs_no_shape), AA_TEST(eight_axes_work),
             AA_TEST(an_extent_of_zero_gives_a_valid_empty_array),
             AA_TEST(zeros_are_zero_in_memory_used_before),
             AA_TEST_LOOP(full_repeats_its_value, 0, DTYPES),
             AA_TEST(memory_comes_from_the_allocator_given),
             AA_TEST(a_wrapped_array_is_the_callers_memory),
             AA_TEST(wrapped_strides_may_be_negative_zero_or_have_gaps),
             AA_TEST(a_wrapped_scalar_ignores_shape_and_strides),
             AA_TEST(similar_has_the_dtype_and_shape_in_c_order),
             AA_TEST(similar_of_a_current_array_follows_the_scope),
             AA_TEST(similar_of_a_bound_array_ignores_the_scope),
             AA_TEST(similar_in_a_region_uses_the_scope_around_it),
             AA_TEST(similar_of_a_stale_array_needs_no_memory_of_it),
             AA_TEST(bind_changes_the_handle_and_nothing_else),
             AA_TEST(a_scratch_takes_back_what_current_gave_but_not_what_the_heap_was_asked_for),
             AA_TEST(freeing_a_heap_array_gives_its_memory_back),
             AA_TEST(freeing_the_newest_array_of_an_arena_gives_its_memory_back),
             AA_TEST(freeing_an_older_array_of_an_arena_only_forgets_the_variable),
             AA_TEST(freeing_a_view_only_forgets_it),
             AA_TEST(freeing_a_null_array_is_fine_any_number_of_times),
             AA_TEST(a_heap_array_may_be_freed_by_another_thread),
             AA_TEST(temporaries_freed_in_reverse_order_never_grow_an_arena),
             AA_TEST(a_null_array_has_no_elements))
