/* Arrays to and from other libraries (NumPy, PyTorch, TVM, ...) without a copy, as DLPack tensors. In this header alone:
 * the library needs no DLPack. Wants <dlpack/dlpack.h>, version 0.6 or later, and is included by name.
 *
 * Cannot: devices other than the host's memory, vector types (lanes), bfloat and half precision, read-only arrays (the
 * tensor of DLPack 0.6 has no such flag), the versioned tensor of DLPack 1.0. */
#ifndef ALLOCARRAYS_DLPACK_H
#define ALLOCARRAYS_DLPACK_H

#include <allocarrays/array.h>
#include <allocarrays/impl/fail.h>

#include <dlpack/dlpack.h>
#include <stdlib.h>

AAI_BEGIN_DECLS

enum { AAI_DLPACK_BOOL = 6 }; /* kDLBool, which headers before DLPack 0.8 lack */

/* A tensor that is out, and the array it keeps in use. shape and strides point to the array's. */
typedef struct aai_dlpack {
    DLManagedTensor tensor;
    aa_array array;
} aai_dlpack;

static inline __attribute__((unused)) void aai_dlpack_delete(DLManagedTensor *tensor)
{
    aai_dlpack *const out = (aai_dlpack *)tensor->manager_ctx;
    (void)aa_unpin(&out->array);
    free(out);
}

/* Code of a dtype; bits and lanes follow from its size. */
AAI_INLINE uint8_t aai_dlpack_code(aa_dtype dtype)
{
    switch (dtype) {
    case AA_BOOL:
        return AAI_DLPACK_BOOL;
    case AA_I8:
    case AA_I16:
    case AA_I32:
    case AA_I64:
        return kDLInt;
    case AA_U8:
    case AA_U16:
    case AA_U32:
    case AA_U64:
        return kDLUInt;
    case AA_F32:
    case AA_F64:
        return kDLFloat;
    case AA_C64:
    case AA_C128:
        return kDLComplex;
    }
    return kDLOpaqueHandle;
}

/**
 * Export an array as a tensor over the same memory. It pins the array: until the tensor's deleter runs, on whatever
 * thread, a reset, rewind or free of the memory is refused with AA_RESET_IN_USE. Wrapped memory has no pin: it must
 * outlive the tensor. Whoever takes the tensor calls tensor->deleter(tensor) once.
 * array: any but null; views keep their strides. Returns NULL with AA_INVALID (a null array), AA_STALE after
 * AA_USE_AFTER_RESET, AA_NOMEM.
 * Cost: a small allocation of the C heap and aa_pin. Threads: any. Source: DLPack.
 */
static inline __attribute__((unused)) DLManagedTensor *aa_to_dlpack(const aa_array *array)
{
    if (aa_pin(array) != AA_OK) { /* a null one too */
        return NULL;
    }
    aai_dlpack *const out = (aai_dlpack *)calloc(1, sizeof *out);
    if (out == NULL) {
        (void)aa_unpin(array);
        (void)aai_fail(AA_NOMEM, "aa_to_dlpack: no memory for the tensor");
        return NULL;
    }
    out->array = *array;
    DLTensor *const tensor = &out->tensor.dl_tensor;
    tensor->data = array->data;
    tensor->device.device_type = kDLCPU;
    tensor->ndim = array->ndim;
    tensor->dtype.code = aai_dlpack_code(array->dtype);
    tensor->dtype.bits = (uint8_t)(8 * aa_dtype_size(array->dtype));
    tensor->dtype.lanes = 1;
    tensor->shape = out->array.shape;
    tensor->strides = out->array.strides;
    out->tensor.manager_ctx = out;
    out->tensor.deleter = aai_dlpack_delete;
    return &out->tensor;
}

/* The dtype of a tensor's elements; -1: there is none. */
AAI_INLINE int aai_dlpack_dtype(DLDataType type)
{
    for (int dtype = AA_BOOL; type.lanes == 1 && dtype <= AA_C128; ++dtype) {
        if (aai_dlpack_code((aa_dtype)dtype) == type.code &&
            aa_dtype_size((aa_dtype)dtype) * 8 == type.bits) {
            return dtype;
        }
    }
    return -1;
}

/* Why a tensor cannot be an array; AA_OK: it can. */
static inline __attribute__((unused)) aa_status aai_dlpack_verify(const DLTensor *tensor)
{
    if (tensor->device.device_type != kDLCPU && tensor->device.device_type != kDLCUDAHost &&
        tensor->device.device_type != kDLROCMHost) {
        return aai_fail(AA_UNSUPPORTED,
                        "aa_from_dlpack: memory of device type %d is not the host's",
                        (int)tensor->device.device_type);
    }
    const int dtype = aai_dlpack_dtype(tensor->dtype);
    if (dtype < 0) {
        return aai_fail(AA_UNSUPPORTED, "aa_from_dlpack: no dtype for code %d, %d bits, %d lanes",
                        tensor->dtype.code, tensor->dtype.bits, tensor->dtype.lanes);
    }
    if (tensor->ndim < 0 || tensor->ndim > AA_MAX_NDIM) {
        return aai_fail(AA_UNSUPPORTED, "aa_from_dlpack: %d axes; an array has at most %d",
                        tensor->ndim, (int)AA_MAX_NDIM);
    }
    const bool is_complex = dtype == AA_C64 || dtype == AA_C128;
    const size_t alignment = aa_dtype_size((aa_dtype)dtype) / (is_complex ? 2 : 1);
    if (((uintptr_t)tensor->data + tensor->byte_offset) % alignment != 0) {
        return aai_fail(AA_UNSUPPORTED, "aa_from_dlpack: the elements are not aligned to %zu bytes",
                        alignment);
    }
    return AA_OK;
}

/**
 * Look at a tensor as an array: no copy, wrapped memory. Does not take the tensor: whoever holds it calls its deleter,
 * after the last use of the array and its views. Its handle is AA_CURRENT, so what aa_similar makes of it comes from
 * what is in scope.
 * Returns a null array with AA_INVALID (NULL, a negative extent, no data), AA_UNSUPPORTED (a device that is not the
 * host's memory, an element type without a dtype, more than AA_MAX_NDIM axes, elements that are not aligned),
 * AA_OVERFLOW. Cost: some ns. Threads: any. Source: DLPack.
 */
static inline __attribute__((unused)) aa_array aa_from_dlpack(const DLManagedTensor *managed)
{
    aa_array null;
    __builtin_memset(&null, 0, sizeof null);
    if (managed == NULL) {
        (void)aai_fail(AA_INVALID, "aa_from_dlpack: no tensor");
        return null;
    }
    const DLTensor *const tensor = &managed->dl_tensor;
    if (aai_dlpack_verify(tensor) != AA_OK) {
        return null;
    }
    char *data = (char *)tensor->data;
    if (data != NULL) {
        data += tensor->byte_offset;
    }
    for (int axis = 0; data == NULL && tensor->shape != NULL && axis < tensor->ndim; ++axis) {
        if (tensor->shape[axis] == 0) { /* no element: never read */
            data = (char *)(uintptr_t)tensor->shape;
        }
    }
    return aa_wrap(data, (aa_dtype)aai_dlpack_dtype(tensor->dtype), tensor->ndim, tensor->shape,
                   tensor->strides);
}

AAI_END_DECLS

#endif
