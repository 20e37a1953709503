/* Kernels: elements put to other places, of any dtype: concatenation, nearest upsampling.
 *
 * It cannot change an element: all is done by the copy body of elementwise.c.
 *
 * Invariant: results are fresh and in C order, so they never overlap an argument.
 */
#include "kernel.h"

static void copy_all(const aa_array *to, const aa_array *from, char *at)
{
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, to->ndim, to->shape, 1);
    aai_kernel_loop_add(&loop, to, to->data);
    aai_kernel_loop_add(&loop, from, at);
    aai_kernel_loop_run(&loop, aai_kernel_copy_body(to->dtype), NULL);
}

/* Verify that argument `next` can be joined to `first` along the axis, and add up its extent. */
static aa_status join_shape(const aa_array *first, const aa_array *next, int axis, int64_t *extent)
{
    const char *const function = "aa_concat";
    bool goes = next->ndim == first->ndim;
    for (int i = 0; goes && i < first->ndim; ++i) {
        goes = i == axis || next->shape[i] == first->shape[i];
    }
    if (!goes) {
        return aai_fail(AA_MISMATCH, "%s: shapes %s and %s do not join along axis %d", function,
                        aai_kernel_shape(first).text, aai_kernel_shape(next).text, axis);
    }
    if (next->dtype != first->dtype) {
        return aai_fail(AA_MISMATCH, "%s: dtypes %s and %s differ", function,
                        aa_dtype_name(first->dtype), aa_dtype_name(next->dtype));
    }
    if (*extent > INT64_MAX - next->shape[axis]) {
        return aai_fail(AA_OVERFLOW, "%s: the extents of axis %d add up to more than an int64_t",
                        function, axis);
    }
    *extent += next->shape[axis];
    return AA_OK;
}

/* Validate all arguments and find the axis and the result's extent along it. */
static aa_status plan_join(int count, const aa_array *const *arrays, int number, int *axis,
                           int64_t *extent)
{
    if (count < 1 || arrays == NULL) {
        return aai_fail(AA_INVALID, "aa_concat: %d arrays are given, 1 or more are wanted", count);
    }
    *extent = 0;
    for (int i = 0; i < count; ++i) {
        aai_kernel_use use;
        if (aa_is_null(arrays[i])) {
            return aai_fail(AA_INVALID, "aa_concat: array %d of %d is null", i + 1, count);
        }
        aa_status status = aai_kernel_borrow_mixed(&use, "aa_concat", 1, &arrays[i]);
        if (status != AA_OK) {
            return status;
        }
        status = i > 0 ? AA_OK : aai_kernel_axis(use.function, arrays[0], number, axis);
        if (status == AA_OK) {
            status = join_shape(arrays[0], arrays[i], *axis, extent);
        }
        aai_kernel_return(&use);
        if (status != AA_OK) {
            return status;
        }
    }
    return AA_OK;
}

/* Copy the arguments to their places, each borrowed while it is read: one more than an
 * aai_kernel_use holds is no matter. */
static aa_status join(const aa_array *out, int count, const aa_array *const *arrays, int axis)
{
    aa_array part = *out;
    char *at = out->data;
    for (int i = 0; i < count; ++i) {
        aai_kernel_use use;
        const aa_status status = aai_kernel_borrow_mixed(&use, "aa_concat", 1, &arrays[i]);
        if (status != AA_OK) {
            return status;
        }
        part.data = at;
        part.shape[axis] = arrays[i]->shape[axis];
        copy_all(&part, arrays[i], use.at[0]);
        at += part.shape[axis] * out->strides[axis] * (int64_t)aa_dtype_size(out->dtype);
        aai_kernel_return(&use);
    }
    return AA_OK;
}

aa_array aa_concat(int count, const aa_array *const *arrays, int axis)
{
    int64_t shape[AA_MAX_NDIM], extent = 0;
    int number = 0;
    aa_array out = aai_kernel_null();
    if (plan_join(count, arrays, axis, &number, &extent) != AA_OK) {
        return out;
    }
    const aa_array *const first = arrays[0];
    for (int i = 0; i < first->ndim; ++i) {
        shape[i] = i == number ? extent : first->shape[i];
    }
    out = aa_similar_as(first, first->dtype, first->ndim, shape);
    if (!aa_is_null(&out) && join(&out, count, arrays, number) != AA_OK) {
        aai_kernel_drop(&out);
    }
    return out;
}

static aa_status check_factors(const aai_kernel_use *use, int64_t up_h, int64_t up_w)
{
    const aa_array *const x = use->array[0];
    if (x->ndim != 4) {
        return aai_fail(AA_MISMATCH, "%s: shape %s: (N, C, H, W) is wanted", use->function,
                        aai_kernel_shape(x).text);
    }
    if (up_h < 1 || up_w < 1) {
        return aai_fail(AA_INVALID, "%s: factors %lld and %lld of shape %s: 1 or more are wanted",
                        use->function, (long long)up_h, (long long)up_w, aai_kernel_shape(x).text);
    }
    if (x->shape[2] > INT64_MAX / up_h || x->shape[3] > INT64_MAX / up_w) {
        return aai_fail(AA_OVERFLOW, "%s: factors %lld and %lld of shape %s: more than an int64_t",
                        use->function, (long long)up_h, (long long)up_w, aai_kernel_shape(x).text);
    }
    return AA_OK;
}

/* Copy x to out, seen as (N, C, H, up_h, up_w, W): the innermost axis is the long one. */
static void repeat(const aa_array *out, const aa_array *x, char *at, int64_t up_h, int64_t up_w)
{
    aa_array to = *out, from = *x;
    to.ndim = from.ndim = 6;
    const int64_t shape[] = {x->shape[0], x->shape[1], x->shape[2], up_h, up_w, x->shape[3]};
    const int64_t *const so = out->strides, *const sx = x->strides;
    const int64_t to_strides[] = {so[0], so[1], so[2] * up_h, so[2], so[3], so[3] * up_w};
    const int64_t from_strides[] = {sx[0], sx[1], sx[2], 0, 0, sx[3]};
    for (int axis = 0; axis < 6; ++axis) {
        to.shape[axis] = from.shape[axis] = shape[axis];
        to.strides[axis] = to_strides[axis];
        from.strides[axis] = from_strides[axis];
    }
    copy_all(&to, &from, at);
}

aa_array aa_upsample2d(const aa_array *x, int64_t up_h, int64_t up_w)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow_mixed(&use, "aa_upsample2d", 1, (const aa_array *const[]){x}) != AA_OK) {
        return out;
    }
    if (check_factors(&use, up_h, up_w) == AA_OK) {
        const int64_t shape[] = {x->shape[0], x->shape[1], x->shape[2] * up_h, x->shape[3] * up_w};
        out = aa_similar_as(x, x->dtype, 4, shape);
    }
    if (!aa_is_null(&out)) {
        repeat(&out, x, use.at[0], up_h, up_w);
    }
    aai_kernel_return(&use);
    return out;
}
