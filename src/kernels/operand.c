/* Kernels: the arguments of a call: borrowed once, verified, described in messages.
 *
 * It cannot know a kernel's rules about shapes; it words the sentence that names them.
 *
 * Invariant: between borrow and return, use->array[0 .. count) are valid, and pinned where checked.
 */
#include "kernel.h"

#include <inttypes.h>

static aa_status borrow_one(aai_kernel_use *use, const aa_array *array)
{
    if (aa_is_null(array)) {
        return aai_fail(AA_INVALID, "%s: array argument %d is null", use->function, use->count + 1);
    }
    const bool pins = aa_is_checked(array);
    if (pins ? aa_pin(array) != AA_OK : aa_data(array) == NULL) {
        return aa_last_status();
    }
    use->array[use->count] = array;
    use->at[use->count] = array->data;
    use->count += 1;
    return AA_OK;
}

aa_status aai_kernel_borrow_mixed(aai_kernel_use *use, const char *function, int count,
                                  const aa_array *const *arrays)
{
    use->function = function;
    use->count = 0;
    for (int i = 0; i < count; ++i) {
        const aa_status status = borrow_one(use, arrays[i]);
        if (status != AA_OK) {
            aai_kernel_return(use);
            return status;
        }
    }
    return AA_OK;
}

aa_status aai_kernel_borrow_any(aai_kernel_use *use, const char *function, int count,
                                const aa_array *const *arrays)
{
    const aa_status status = aai_kernel_borrow_mixed(use, function, count, arrays);
    if (status != AA_OK) {
        return status;
    }
    for (int i = 1; i < count; ++i) {
        if (arrays[i]->dtype != arrays[0]->dtype) {
            aai_kernel_return(use);
            return aai_fail(AA_MISMATCH, "%s: dtypes %s and %s differ", function,
                            aa_dtype_name(arrays[0]->dtype), aa_dtype_name(arrays[i]->dtype));
        }
    }
    return AA_OK;
}

aa_status aai_kernel_check_real(const char *function, aa_dtype dtype)
{
    if (dtype != AA_F32 && dtype != AA_F64) {
        return aai_fail(AA_UNSUPPORTED, "%s: dtype %s is neither f32 nor f64", function,
                        aa_dtype_name(dtype));
    }
    return AA_OK;
}

aa_status aai_kernel_borrow(aai_kernel_use *use, const char *function, int count,
                            const aa_array *const *arrays)
{
    aa_status status = aai_kernel_borrow_any(use, function, count, arrays);
    if (status != AA_OK) {
        return status;
    }
    status = aai_kernel_check_real(function, arrays[0]->dtype);
    if (status != AA_OK) {
        aai_kernel_return(use);
    }
    return status;
}

void aai_kernel_return(const aai_kernel_use *use)
{
    for (int i = use->count - 1; i >= 0; --i) {
        if (aa_is_checked(use->array[i])) {
            (void)aa_unpin(use->array[i]);
        }
    }
}

aai_kernel_text aai_kernel_shape(const aa_array *array)
{
    aai_kernel_text shape = {"("};
    size_t used = 1;
    for (int axis = 0; axis < array->ndim; ++axis) {
        const int more = snprintf(shape.text + used, sizeof shape.text - used, "%s%" PRId64,
                                  axis > 0 ? ", " : "", array->shape[axis]);
        used += (size_t)more;
    }
    shape.text[used] = ')';
    return shape;
}

aa_status aai_kernel_mismatch(const aai_kernel_use *use, const aa_array *a, const aa_array *b,
                              const char *what)
{
    return aai_fail(AA_MISMATCH, "%s: shapes %s and %s %s", use->function, aai_kernel_shape(a).text,
                    aai_kernel_shape(b).text, what);
}

aa_status aai_kernel_axis(const char *function, const aa_array *array, int number, int *axis)
{
    if (number < -array->ndim || number >= array->ndim) {
        return aai_fail(AA_INVALID, "%s: there is no axis %d in shape %s", function, number,
                        aai_kernel_shape(array).text);
    }
    *axis = number < 0 ? number + array->ndim : number;
    return AA_OK;
}

int aai_kernel_broadcast(const aa_array *a, const aa_array *b, int64_t *shape)
{
    const int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    for (int axis = 0; axis < ndim; ++axis) {
        const int in_a = axis - (ndim - a->ndim), in_b = axis - (ndim - b->ndim);
        const int64_t from_a = in_a < 0 ? 1 : a->shape[in_a];
        const int64_t from_b = in_b < 0 ? 1 : b->shape[in_b];
        if (from_a != from_b && from_a != 1 && from_b != 1) {
            return -1;
        }
        shape[axis] = from_a == 1 ? from_b : from_a;
    }
    return ndim;
}

/* The bytes from the lowest to past the highest element: [low, high). */
typedef struct span {
    uintptr_t low, high;
} span;

static span span_of(const aa_array *array, const char *at)
{
    const int64_t size = (int64_t)aa_dtype_size(array->dtype);
    span bytes = {(uintptr_t)at, (uintptr_t)at};
    for (int axis = 0; axis < array->ndim; ++axis) {
        if (array->shape[axis] == 0) {
            return (span){0, 0};
        }
        const int64_t reach = (array->shape[axis] - 1) * array->strides[axis] * size;
        if (reach < 0) {
            bytes.low -= (uintptr_t)-reach;
        } else {
            bytes.high += (uintptr_t)reach;
        }
    }
    bytes.high += (uintptr_t)size;
    return bytes;
}

static bool same_elements(const aa_array *a, const aa_array *b)
{
    if (a->data != b->data || !aai_kernel_same_shape(a, b->ndim, b->shape)) {
        return false;
    }
    for (int axis = 0; axis < a->ndim; ++axis) {
        if (a->shape[axis] > 1 && a->strides[axis] != b->strides[axis]) {
            return false;
        }
    }
    return true;
}

bool aai_kernel_overlaps(const aai_kernel_use *use)
{
    const span out = span_of(use->array[0], use->at[0]);
    for (int i = 1; i < use->count; ++i) {
        const span in = span_of(use->array[i], use->at[i]);
        if (in.low < out.high && out.low < in.high &&
            !same_elements(use->array[0], use->array[i])) {
            return true;
        }
    }
    return false;
}

aa_status aai_kernel_writable(const aai_kernel_use *use)
{
    const aa_array *const out = use->array[0];
    for (int axis = 0; axis < out->ndim; ++axis) {
        if (out->shape[axis] > 1 && out->strides[axis] == 0) {
            return aai_fail(AA_INVALID,
                            "%s: the output's axis %d has stride 0: its elements overlap",
                            use->function, axis);
        }
    }
    return AA_OK;
}
