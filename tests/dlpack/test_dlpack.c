/* Arrays to and from DLPack tensors: nothing is copied, what is out is pinned, what does not fit is refused. */
#include "runner.h"
#include "violations.h"

#include <allocarrays.h>
#include <allocarrays/dlpack.h>
#include <string.h>

START_TEST(a_tensor_shows_the_memory_type_extents_and_strides_of_its_array)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_array array = aa_zeros(arena, AA_F32, 2, (const int64_t[]){3, 4});
    aa_array view = aa_slice(&array, (const aa_range[]){{AA_OPEN, AA_OPEN, -1}, {1, AA_OPEN, 2}});
    DLManagedTensor *const tensor = aa_to_dlpack(&view);
    ck_assert_ptr_nonnull(tensor);
    ck_assert_ptr_eq(tensor->dl_tensor.data, aa_data(&view));
    ck_assert_int_eq(tensor->dl_tensor.device.device_type, kDLCPU);
    ck_assert_int_eq(tensor->dl_tensor.ndim, 2);
    ck_assert(tensor->dl_tensor.shape[0] == 3 && tensor->dl_tensor.shape[1] == 2);
    ck_assert(tensor->dl_tensor.strides[0] == -4 && tensor->dl_tensor.strides[1] == 2);
    ck_assert(tensor->dl_tensor.dtype.code == kDLFloat && tensor->dl_tensor.dtype.bits == 32 &&
              tensor->dl_tensor.dtype.lanes == 1);
    ck_assert_uint_eq(tensor->dl_tensor.byte_offset, 0);
    tensor->deleter(tensor);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(every_dtype_comes_back_as_it_went)
{
    for (int dtype = AA_BOOL; dtype <= AA_C128; ++dtype) {
        aa_array array = aa_zeros(aa_heap(), (aa_dtype)dtype, 1, (const int64_t[]){5});
        DLManagedTensor *const tensor = aa_to_dlpack(&array);
        ck_assert_ptr_nonnull(tensor);
        ck_assert_uint_eq(tensor->dl_tensor.dtype.bits, 8 * aa_dtype_size((aa_dtype)dtype));
        const aa_array back = aa_from_dlpack(tensor);
        ck_assert_int_eq((int)back.dtype, dtype);
        ck_assert_ptr_eq(back.data, array.data);
        tensor->deleter(tensor);
        ck_assert_int_eq(aa_array_free(&array), AA_OK);
    }
}
END_TEST

START_TEST(a_reset_is_refused_while_a_tensor_is_out)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    aa_array array = aa_zeros(shared, AA_F64, 1, (const int64_t[]){5});
    DLManagedTensor *const first = aa_to_dlpack(&array);
    DLManagedTensor *const second = aa_to_dlpack(&array);
    record_violations();
    assert_refused(aa_reset(shared), AA_BUSY, AA_RESET_IN_USE);
    first->deleter(first);
    assert_refused(aa_reset(shared), AA_BUSY, AA_RESET_IN_USE);
    second->deleter(second);
    ck_assert_int_eq(aa_reset(shared), AA_OK);
    ck_assert(!aa_is_valid(&array));
    record_violations();
    ck_assert_ptr_null(aa_to_dlpack(&array));
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 1);
    ck_assert_int_eq(aa_last_status(), AA_STALE);
    ck_assert_int_eq(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(a_null_array_and_no_tensor_are_invalid)
{
    const aa_array null = {0};
    ck_assert_ptr_null(aa_to_dlpack(&null));
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
    aa_last_clear();
    ck_assert_ptr_null(aa_to_dlpack(NULL));
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
    aa_last_clear();
    const aa_array back = aa_from_dlpack(NULL);
    ck_assert(aa_is_null(&back));
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
}
END_TEST

/* Somebody else's tensor: ints 0 to 11, 3 x 4. */
static int32_t numbers[12];
static int64_t shape[] = {3, 4};

static DLManagedTensor foreign(void)
{
    for (int i = 0; i < 12; ++i) {
        numbers[i] = i;
    }
    return (DLManagedTensor){.dl_tensor = {.data = numbers,
                                           .device = {.device_type = kDLCPU},
                                           .ndim = 2,
                                           .dtype = {.code = kDLInt, .bits = 32, .lanes = 1},
                                           .shape = shape}};
}

START_TEST(a_foreign_tensor_is_an_array_over_its_memory)
{
    DLManagedTensor tensor = foreign();
    aa_array array = aa_from_dlpack(&tensor);
    ck_assert(!aa_is_null(&array));
    ck_assert_int_eq(AA_AT(int32_t, &array, 2, 1), 9);
    AA_AT(int32_t, &array, 0, 0) = 77;
    ck_assert_int_eq(numbers[0], 77);

    tensor.dl_tensor.byte_offset = sizeof(int32_t);
    tensor.dl_tensor.strides = (int64_t[]){1, 3};
    array = aa_from_dlpack(&tensor);
    ck_assert_int_eq(AA_AT(int32_t, &array, 1, 2), 8);
}
END_TEST

START_TEST(what_a_similar_of_a_tensor_takes_comes_from_what_is_in_scope)
{
    const DLManagedTensor tensor = foreign();
    const aa_array array = aa_from_dlpack(&tensor);
    aa_allocator *const arena = aa_arena_create(NULL);
    AA_WITH(arena) {
        const aa_array similar = aa_similar(&array);
        ck_assert(aa_owns(arena, similar.data));
    }
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_tensor_without_elements_may_have_no_data)
{
    DLManagedTensor tensor = foreign();
    tensor.dl_tensor.data = NULL;
    const aa_array refused = aa_from_dlpack(&tensor);
    ck_assert(aa_is_null(&refused));
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
    tensor.dl_tensor.shape = (int64_t[]){3, 0};
    const aa_array array = aa_from_dlpack(&tensor);
    ck_assert(!aa_is_null(&array));
    ck_assert_int_eq(aa_count(&array), 0);
}
END_TEST

static void assert_unsupported(const DLManagedTensor *tensor, const char *word)
{
    aa_last_clear();
    const aa_array array = aa_from_dlpack(tensor);
    ck_assert(aa_is_null(&array));
    ck_assert_int_eq(aa_last_status(), AA_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), word));
}

START_TEST(a_tensor_without_data_and_extents_is_invalid)
{
    DLManagedTensor tensor = foreign();
    tensor.dl_tensor.data = NULL;
    tensor.dl_tensor.shape = NULL;
    const aa_array array = aa_from_dlpack(&tensor);
    ck_assert(aa_is_null(&array));
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
}
END_TEST

START_TEST(what_an_array_cannot_be_is_refused_with_a_reason)
{
    DLManagedTensor tensor = foreign();
    tensor.dl_tensor.device.device_type = kDLCUDA;
    assert_unsupported(&tensor, "device");
    tensor = foreign();
    tensor.dl_tensor.dtype.lanes = 4;
    assert_unsupported(&tensor, "lanes");
    tensor = foreign();
    tensor.dl_tensor.dtype.code = kDLBfloat;
    assert_unsupported(&tensor, "dtype");
    tensor = foreign();
    tensor.dl_tensor.dtype.bits = 24;
    assert_unsupported(&tensor, "24 bits");
    tensor = foreign();
    tensor.dl_tensor.ndim = AA_MAX_NDIM + 1;
    assert_unsupported(&tensor, "axes");
    tensor = foreign();
    tensor.dl_tensor.byte_offset = 2;
    assert_unsupported(&tensor, "aligned");
}
END_TEST

AA_TEST_MAIN("dlpack", AA_TEST(a_tensor_shows_the_memory_type_extents_and_strides_of_its_array),
             AA_TEST(every_dtype_comes_back_as_it_went),
             AA_TEST(a_reset_is_refused_while_a_tensor_is_out),
             AA_TEST(a_null_array_and_no_tensor_are_invalid),
             AA_TEST(a_foreign_tensor_is_an_array_over_its_memory),
             AA_TEST(what_a_similar_of_a_tensor_takes_comes_from_what_is_in_scope),
             AA_TEST(a_tensor_without_elements_may_have_no_data),
             AA_TEST(a_tensor_without_data_and_extents_is_invalid),
             AA_TEST(what_an_array_cannot_be_is_refused_with_a_reason))
