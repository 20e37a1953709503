/* Kernels: sum, mean, max and min along one axis or all.
 *
 * It cannot reduce a choice of axes at once; all of them is: flat if the elements lie evenly, else
 * the last axis first, then the (contiguous) rest.
 *
 * Invariant: the order in which elements are combined = f(shape, strides). A long axis with few
 * results is cut in chunks of CHUNK, whose partial results are reduced in a second pass:
 *
 *     axis   |--CHUNK--|--CHUNK--|--CHUNK--|-tail-|
 *     parts      [0]       [1]       [2]     [3]      one row of results each
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK = 8192,       /* elements of a chunk: 64 KiB of doubles, a block's worth of work */
    FEW_RESULTS = 2048, /* more results than this keep every thread busy without chunks */
    MIN_ROW = 8,        /* results side by side that make a row worth folding as one */
    ROW_PIECE = 512     /* results folded together: they stay in L1 while rows stream by */
};

/* What a body is told of the axis it reduces. */
typedef struct reach {
    int64_t count, step; /* elements; bytes from one to the next */
} reach;

static int64_t magnitude(int64_t x)
{
    return x < 0 ? -x : x;
}

/* Whether results `step` bytes apart are better folded row by row than one by one. */
static bool folds_rows(int64_t step, const reach *axis)
{
    return magnitude(step) < magnitude(axis->step);
}

/* name, identity, how y is folded into x: single elements; vectors of them */
#define AAI_REDUCE_LIST(X)                                                                         \
    X(sum, 0, x + y, x + y)                                                                        \
    X(max, -(REAL)INFINITY, y != y ? y : y > x ? y : x, AAI_CHOOSE((y > x) | (y != y), y, x))      \
    X(min, (REAL)INFINITY, y != y ? y : y < x ? y : x, AAI_CHOOSE((y < x) | (y != y), y, x))

/* Per element, y where the mask is all ones, x where it is zero. */
#define AAI_CHOOSE(mask, y, x)                                                                     \
    ((NAME(vector))((~(mask) & (NAME(bits))(x)) | ((mask) & (NAME(bits))(y))))

#include "as_f32.h"
#include "reduce.inc"

#include "as_f64.h"
#include "reduce.inc"

typedef enum empty_axis { EMPTY_IS_ZERO, EMPTY_IS_REFUSED } empty_axis;
typedef enum scaling { AS_IT_IS, DIVIDED_BY_COUNT } scaling;

typedef struct reduction {
    const char *name, *name_into;
    aai_kernel_body *body[2];
    empty_axis empty;
    scaling scale;
} reduction;

static const reduction sum_reduction = {
    "aa_sum", "aa_sum_into", {sum_f32, sum_f64}, EMPTY_IS_ZERO, AS_IT_IS};
static const reduction mean_reduction = {
    "aa_mean", "aa_mean_into", {sum_f32, sum_f64}, EMPTY_IS_REFUSED, DIVIDED_BY_COUNT};
static const reduction max_reduction = {
    "aa_max", "aa_max_into", {max_f32, max_f64}, EMPTY_IS_REFUSED, AS_IT_IS};
static const reduction min_reduction = {
    "aa_min", "aa_min_into", {min_f32, min_f64}, EMPTY_IS_REFUSED, AS_IT_IS};

/* One axis to reduce and the view of the others. The views here are descriptions: they are never
 * handed to the core, so they need no validity of their own. */
typedef struct task {
    aa_array rest;
    reach axis;
} task;

static task split_axis(const aa_array *a, int axis)
{
    const int64_t size = (int64_t)aa_dtype_size(a->dtype);
    task t = {*a, {a->shape[axis], a->strides[axis] * size}};
    for (int i = axis; i + 1 < a->ndim; ++i) {
        t.rest.shape[i] = a->shape[i + 1];
        t.rest.strides[i] = a->strides[i + 1];
    }
    t.rest.ndim -= 1;
    return t;
}

/* All elements as one axis; only where they lie evenly. */
static task split_flat(const aa_array *a)
{
    task t = {*a, {aa_count(a), (int64_t)aa_dtype_size(a->dtype)}};
    t.rest.ndim = 0;
    return t;
}

static void reduce_plain(const reduction *r, const aa_array *out, const task *t)
{
    const int64_t size = (int64_t)aa_dtype_size(out->dtype);
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, out->ndim, out->shape, t->axis.count);
    const int last = t->rest.ndim - 1;
    if (last >= 0 && folds_rows(t->rest.strides[last] * size, &t->axis)) {
        loop.least = ROW_PIECE;
    }
    aai_kernel_loop_add(&loop, out, out->data);
    aai_kernel_loop_add(&loop, &t->rest, t->rest.data);
    aai_kernel_loop_run(&loop, r->body[aai_kernel_index(out->dtype)], &t->axis);
}

/* Add a leading axis to a view. */
static aa_array with_leading(const aa_array *view, int64_t extent, int64_t stride)
{
    aa_array led = *view;
    led.ndim += 1;
    for (int i = led.ndim - 1; i > 0; --i) {
        led.shape[i] = view->shape[i - 1];
        led.strides[i] = view->strides[i - 1];
    }
    led.shape[0] = extent;
    led.strides[0] = stride;
    return led;
}

/* Fill rows [first, first + count) of parts from as many chunks of the axis, each of `length`
 * elements. */
static void reduce_chunks(const reduction *r, const aa_array *parts, const task *t, int64_t first,
                          int64_t count, int64_t length)
{
    const int64_t size = (int64_t)aa_dtype_size(parts->dtype);
    task chunks = {with_leading(&t->rest, count, CHUNK * (t->axis.step / size)),
                   {length, t->axis.step}};
    aa_array rows = *parts;
    rows.shape[0] = count;
    rows.data = (char *)parts->data + first * parts->strides[0] * size;
    chunks.rest.data = (char *)t->rest.data + first * CHUNK * t->axis.step;
    reduce_plain(r, &rows, &chunks);
}

/* The partial results come from like's handle. */
static aa_status reduce_in_parts(const reduction *r, const aa_array *like, const aa_array *out,
                                 const task *t)
{
    const int64_t whole = t->axis.count / CHUNK, tail = t->axis.count % CHUNK;
    const aa_array shape = with_leading(&t->rest, whole + (tail > 0 ? 1 : 0), 0);
    aa_array parts = aa_similar_as(like, like->dtype, shape.ndim, shape.shape);
    if (aa_is_null(&parts)) {
        return aa_last_status();
    }
    reduce_chunks(r, &parts, t, 0, whole, CHUNK);
    if (tail > 0) {
        reduce_chunks(r, &parts, t, whole, 1, tail);
    }
    const task last = split_axis(&parts, 0);
    reduce_plain(r, out, &last);
    aai_kernel_drop(&parts);
    return AA_OK;
}

static aa_status reduce_task(const reduction *r, const aa_array *like, const aa_array *out,
                             const task *t)
{
    const int64_t results = aa_count(out);
    if (t->axis.count >= 2 * CHUNK && results > 0 && results <= FEW_RESULTS) {
        return reduce_in_parts(r, like, out, t);
    }
    reduce_plain(r, out, t);
    return AA_OK;
}

static aa_status reduce_all(const reduction *r, const aa_array *a, const aa_array *out)
{
    if (aa_is_contiguous(a)) {
        const task flat = split_flat(a);
        return reduce_task(r, a, out, &flat);
    }
    const task last = split_axis(a, a->ndim - 1);
    if (a->ndim == 1) {
        return reduce_task(r, a, out, &last);
    }
    aa_array rows = aa_similar_as(a, a->dtype, last.rest.ndim, last.rest.shape);
    if (aa_is_null(&rows)) {
        return aa_last_status();
    }
    aa_status status = reduce_task(r, a, &rows, &last);
    if (status == AA_OK) {
        const task flat = split_flat(&rows);
        status = reduce_task(r, a, out, &flat);
    }
    aai_kernel_drop(&rows);
    return status;
}

/* Reduce argument 1 to argument 0, which does not overlap it. axis: verified, or AA_ALL_AXES. */
static aa_status reduce_apart(const reduction *r, const aa_array *out, const aa_array *a, int axis)
{
    aa_status status;
    int64_t count = aa_count(a);
    if (axis == AA_ALL_AXES) {
        status = reduce_all(r, a, out);
    } else {
        const task t = split_axis(a, axis);
        count = t.axis.count;
        status = reduce_task(r, a, out, &t);
    }
    if (status == AA_OK && r->scale == DIVIDED_BY_COUNT) {
        const aai_kernel_use use = {r->name, 1, {out}, {out->data}};
        aai_kernel_apply(&use, out->dtype == AA_F64 ? divide_f64 : divide_f32, 2, &count);
    }
    return status;
}

/* What a call is to do: the resolved axis (or AA_ALL_AXES) and the result's shape. */
typedef struct plan {
    int axis, ndim;
    int64_t shape[AA_MAX_NDIM];
} plan;

static aa_status plan_call(const reduction *r, const char *function, const aa_array *a, int axis,
                           plan *p)
{
    const bool all = axis == AA_ALL_AXES;
    if (!all && (axis < -a->ndim || axis >= a->ndim)) {
        return aai_fail(AA_INVALID, "%s: there is no axis %d in shape %s", function, axis,
                        aai_kernel_shape(a).text);
    }
    int64_t results = 1;
    p->axis = !all && axis < 0 ? axis + a->ndim : axis;
    p->ndim = 0;
    for (int i = 0; !all && i < a->ndim; ++i) {
        if (i != p->axis) {
            p->shape[p->ndim++] = a->shape[i];
            results *= a->shape[i];
        }
    }
    if (r->empty == EMPTY_IS_REFUSED && aa_count(a) == 0 && results > 0) {
        return aai_fail(AA_INVALID, "%s: shape %s has no elements to take it of", function,
                        aai_kernel_shape(a).text);
    }
    return AA_OK;
}

static aa_array reduce(const reduction *r, const aa_array *a, int axis)
{
    aai_kernel_use use;
    plan p;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, r->name, 1, (const aa_array *const[]){a}) != AA_OK) {
        return out;
    }
    if (plan_call(r, r->name, a, axis, &p) == AA_OK) {
        out = aa_similar_as(a, a->dtype, p.ndim, p.shape);
    }
    if (!aa_is_null(&out) && reduce_apart(r, &out, a, p.axis) != AA_OK) {
        aai_kernel_drop(&out);
    }
    aai_kernel_return(&use);
    return out;
}

static aa_status reduce_into_borrowed(const reduction *r, const aai_kernel_use *use, const plan *p)
{
    const aa_array *const out = use->array[0], *const a = use->array[1];
    if (!aai_kernel_same_shape(out, p->ndim, p->shape)) {
        return aai_kernel_mismatch(use, a, out, "do not go together: the second lacks the axis");
    }
    aa_status status = aai_kernel_writable(use);
    if (status != AA_OK || !aai_kernel_overlaps(use)) {
        return status != AA_OK ? status : reduce_apart(r, out, a, p->axis);
    }
    aa_array apart = aa_similar(out);
    if (aa_is_null(&apart)) {
        return aa_last_status();
    }
    status = reduce_apart(r, &apart, a, p->axis);
    if (status == AA_OK) {
        aa_array to = *out;
        status = aa_copy_into(&to, &apart);
    }
    aai_kernel_drop(&apart);
    return status;
}

static aa_status reduce_into(const reduction *r, aa_array *out, const aa_array *a, int axis)
{
    aai_kernel_use use;
    aa_status status = aai_kernel_borrow(&use, r->name_into, 2, (const aa_array *const[]){out, a});
    if (status != AA_OK) {
        return status;
    }
    plan p;
    status = plan_call(r, r->name_into, a, axis, &p);
    if (status == AA_OK) {
        status = reduce_into_borrowed(r, &use, &p);
    }
    aai_kernel_return(&use);
    return status;
}

#define AAI_REDUCTION_FUNCTIONS(name)                                                              \
    aa_array aa_##name(const aa_array *a, int axis)                                                \
    {                                                                                              \
        return reduce(&name##_reduction, a, axis);                                                 \
    }                                                                                              \
    aa_status aa_##name##_into(aa_array *out, const aa_array *a, int axis)                         \
    {                                                                                              \
        return reduce_into(&name##_reduction, out, a, axis);                                       \
    }
AAI_REDUCTION_FUNCTIONS(sum)
AAI_REDUCTION_FUNCTIONS(mean)
AAI_REDUCTION_FUNCTIONS(max)
AAI_REDUCTION_FUNCTIONS(min)
