/* Floor 7, array: views: the same memory under another shape, part of it, or with its axes reordered.
 *
 * It cannot copy, and it does not look at the memory: a view of a stale array is a stale view.
 * Invariant: a view's elements are elements of what it views, so its reach is no longer; an empty view keeps
 * the data pointer, which is not followed. No locks. */
#include "array/array.h"

#include <inttypes.h>

static aa_array view_of(const aa_array *array, const void *made_at)
{
    aa_array view = *array;
    view.flags &= (unsigned)AAI_ARRAY_CHECKED;
    view.made_at = made_at;
    return view;
}

/* ---- reshape ---------------------------------------------------------------------------------------- */

/* Copy the wanted shape with the one -1 replaced by what is left of count. AA_OK, or recorded. */
static aa_status infer_extent(int64_t count, int ndim, const int64_t *shape, int64_t *inferred)
{
    int open = -1;
    int64_t known = 1;
    for (int axis = 0; axis < ndim; ++axis) {
        inferred[axis] = shape[axis];
        if (shape[axis] == -1 && open >= 0) {
            return aai_fail(AA_INVALID, "aa_reshape: axes %d and %d are both -1; one may be", open,
                            axis);
        }
        if (shape[axis] == -1) {
            open = axis;
        } else if (shape[axis] < -1) {
            return aai_fail(AA_INVALID, "aa_reshape: the extent of axis %d is %" PRId64, axis,
                            shape[axis]);
        } else if (__builtin_mul_overflow(known, shape[axis], &known)) {
            return aai_fail(AA_OVERFLOW, "aa_reshape: the product of extents overflows at axis %d",
                            axis);
        }
    }
    if (open < 0) {
        return AA_OK;
    }
    if (known == 0 || count % known != 0) {
        return aai_fail(AA_INVALID,
                        "aa_reshape: no extent of axis %d makes %s hold %" PRId64 " elements", open,
                        aai_shape_describe(ndim, shape).text, count);
    }
    inferred[open] = count / known;
    return AA_OK;
}

/* Verify a wanted shape and write it with its extents known. AA_OK, or recorded. */
static aa_status plan_reshape(const aa_array *array, int ndim, const int64_t *shape,
                              int64_t *wanted)
{
    if (ndim < 0 || ndim > AA_MAX_NDIM) {
        return aai_fail(AA_INVALID, "aa_reshape: ndim %d is outside 0 to %d (AA_MAX_NDIM)", ndim,
                        AA_MAX_NDIM);
    }
    if (ndim > 0 && shape == NULL) {
        return aai_fail(AA_INVALID, "aa_reshape: shape is NULL, but ndim is %d", ndim);
    }
    const int64_t count = aa_count(array);
    const aa_status status = infer_extent(count, ndim, shape, wanted);
    size_t bytes;
    if (status != AA_OK) {
        return status;
    }
    if (!aai_shape_bytes("aa_reshape", array->dtype, ndim, wanted, &bytes)) {
        return aa_last_status();
    }
    if (bytes != (size_t)count * aa_dtype_size(array->dtype)) {
        return aai_fail(AA_INVALID,
                        "aa_reshape: shapes %s and %s differ in their number of elements",
                        aai_shape_describe(array->ndim, array->shape).text,
                        aai_shape_describe(ndim, wanted).text);
    }
    if (!aa_is_contiguous(array)) {
        return aai_fail(
            AA_UNSUPPORTED,
            "aa_reshape: the view of shape %s is not contiguous; reshape an aa_copy of it",
            aai_shape_describe(array->ndim, array->shape).text);
    }
    return AA_OK;
}

aa_array aa_reshape(const aa_array *array, int ndim, const int64_t *shape)
{
    int64_t wanted[AA_MAX_NDIM] = {0};
    if (!aai_array_given("aa_reshape", array) ||
        plan_reshape(array, ndim, shape, wanted) != AA_OK) {
        return aai_array_null();
    }
    aa_array view = view_of(array, __builtin_return_address(0));
    aai_array_set_shape(&view, ndim, wanted);
    view.flags |= AAI_ARRAY_DENSE;
    return view;
}

/* ---- slice ------------------------------------------------------------------------------------------ */

/* An end that counts from the end of the axis, resolved; false beyond the axis. */
static bool place_end(int64_t extent, int64_t given, int64_t *placed)
{
    *placed = given < 0 ? given + extent : given; /* cannot wrap: extent >= 0 */
    return *placed >= 0 && *placed <= extent;
}

/* The first index and the number of indices of a range over an axis. False beyond it. As Python, but for
 * ends beyond the axis, which Python clamps. */
static bool place_range(int64_t extent, const aa_range *range, int64_t *first, int64_t *count)
{
    const bool up = range->step > 0;
    int64_t start = up ? 0 : extent - 1;
    int64_t stop = up ? extent : -1;
    if ((range->start != AA_OPEN && !place_end(extent, range->start, &start)) ||
        (range->stop != AA_OPEN && !place_end(extent, range->stop, &stop))) {
        return false;
    }
    if (!up && start == extent) { /* a walk backwards begins at the last element */
        start = extent - 1;
    }
    const int64_t distance = up ? stop - start : start - stop;
    const uint64_t step = up ? (uint64_t)range->step : 0 - (uint64_t)range->step;
    *first = start;
    *count = distance <= 0 ? 0 : (int64_t)(((uint64_t)distance - 1) / step) + 1;
    return true;
}

static AAI_COLD void refuse_range(int axis, int64_t extent, const aa_range *range)
{
    if (range->step == 0) {
        (void)aai_fail(AA_INVALID, "aa_slice: the step of axis %d is 0", axis);
        return;
    }
    const bool start_is_wrong =
        range->start != AA_OPEN && (range->start > extent || range->start < -extent);
    (void)aai_fail(AA_BOUNDS,
                   "aa_slice: %s %" PRId64 " of axis %d is outside %" PRId64 " to %" PRId64,
                   start_is_wrong ? "start" : "stop", start_is_wrong ? range->start : range->stop,
                   axis, -extent, extent);
}

aa_array aa_slice(const aa_array *array, const aa_range *per_axis)
{
    if (!aai_array_given("aa_slice", array)) {
        return aai_array_null();
    }
    if (per_axis == NULL && array->ndim > 0) {
        (void)aai_fail(AA_INVALID, "aa_slice: the ranges are NULL");
        return aai_array_null();
    }
    aa_array view = view_of(array, __builtin_return_address(0));
    int64_t first[AA_MAX_NDIM];
    for (int axis = 0; axis < array->ndim; ++axis) {
        const aa_range *const range = &per_axis[axis];
        if (range->step == 0 ||
            !place_range(array->shape[axis], range, &first[axis], &view.shape[axis])) {
            refuse_range(axis, array->shape[axis], range);
            return aai_array_null();
        }
        /* It can wrap only where it is never used: over fewer than two elements. */
        (void)__builtin_mul_overflow(array->strides[axis], range->step, &view.strides[axis]);
    }
    if (aa_count(&view) != 0) {
        int64_t offset = 0;
        for (int axis = 0; axis < array->ndim; ++axis) {
            offset += first[axis] * array->strides[axis];
        }
        view.data = (char *)array->data + offset * (int64_t)aa_dtype_size(array->dtype);
    }
    return view;
}

/* ---- permute ---------------------------------------------------------------------------------------- */

static bool is_permutation(int ndim, const int *axes)
{
    unsigned seen = 0;
    for (int axis = 0; axis < ndim; ++axis) {
        if (axes[axis] < 0 || axes[axis] >= ndim || (seen & (1U << axes[axis])) != 0) {
            return false;
        }
        seen |= 1U << axes[axis];
    }
    return true;
}

aa_array aa_permute(const aa_array *array, const int *axes)
{
    if (!aai_array_given("aa_permute", array)) {
        return aai_array_null();
    }
    if (array->ndim > 0 && (axes == NULL || !is_permutation(array->ndim, axes))) {
        (void)aai_fail(AA_INVALID, "aa_permute: the axes are no permutation of 0 to %d",
                       array->ndim - 1);
        return aai_array_null();
    }
    aa_array view = view_of(array, __builtin_return_address(0));
    for (int axis = 0; axis < array->ndim; ++axis) {
        view.shape[axis] = array->shape[axes[axis]];
        view.strides[axis] = array->strides[axes[axis]];
    }
    return view;
}
