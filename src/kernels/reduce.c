/* Kernels: sum, product, mean, max and min along any set of axes: one, some, all or none.
 *
 * It cannot walk two axes at once: neighbours that step evenly are merged into one; where several are
 * left, the last is reduced to rows in C order, in which the others are one.
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
    X(prod, 1, x *y, x *y)                                                                         \
    X(max, -(REAL)INFINITY, y != y ? y : y > x ? y : x, AAI_CHOOSE((y > x) | (y != y), y, x))      \
    X(min, (REAL)INFINITY, y != y ? y : y < x ? y : x, AAI_CHOOSE((y < x) | (y != y), y, x))

/* Per element, y where the mask is all ones, x where it is zero. */
#define AAI_CHOOSE(mask, y, x)                                                                     \
    ((NAME(vector))((~(mask) & (NAME(bits))(x)) | ((mask) & (NAME(bits))(y))))

#include "as_f32.h"
#include "reduce.inc"

#include "as_f64.h"
#include "reduce.inc"

typedef enum empty_axis { EMPTY_IS_IDENTITY, EMPTY_IS_REFUSED } empty_axis;
typedef enum scaling { AS_IT_IS, DIVIDED_BY_COUNT } scaling;

typedef struct reduction {
    const char *name, *name_into, *name_axes;
    aai_kernel_body *body[2];
    empty_axis empty;
    scaling scale;
} reduction;

#define AAI_REDUCTION(name, body, empty, scale)                                                    \
    static const reduction name##_reduction = {                                                    \
        "aa_" #name, "aa_" #name "_into", "aa_" #name "_axes", {body##_f32, body##_f64}, empty,    \
        scale};
AAI_REDUCTION(sum, sum, EMPTY_IS_IDENTITY, AS_IT_IS)
AAI_REDUCTION(prod, prod, EMPTY_IS_IDENTITY, AS_IT_IS)
AAI_REDUCTION(mean, sum, EMPTY_IS_REFUSED, DIVIDED_BY_COUNT)
AAI_REDUCTION(max, max, EMPTY_IS_REFUSED, AS_IT_IS)
AAI_REDUCTION(min, min, EMPTY_IS_REFUSED, AS_IT_IS)

/* One axis to reduce and the view of the others. The views here are descriptions: they are never
 * handed to the core, so they need no validity of their own. */
typedef struct task {
    aa_array rest;
    reach axis;
} task;

/* The axes to reduce, merged where they step evenly, at least one; and the view of the others. */
typedef struct division {
    aa_array rest;
    int count;
    reach axis[AA_MAX_NDIM];
} division;

static void divide_off(division *d, reach next)
{
    reach *const before = d->count > 0 ? &d->axis[d->count - 1] : NULL;
    if (before != NULL && before->step == next.step * next.count) {
        *before = (reach){before->count * next.count, next.step};
    } else {
        d->axis[d->count] = next;
        d->count += 1;
    }
}

/* Where one of the axes is empty there is nothing to walk: they are one empty axis. */
static void drop_walks(division *d)
{
    for (int i = 0; i < d->count; ++i) {
        if (d->axis[i].count == 0) {
            d->axis[0] = d->axis[i];
            d->count = 1;
        }
    }
}

/* Divide the axes of a view; axes: bit i for axis i. */
static division divide(const aa_array *a, unsigned axes)
{
    const int64_t size = (int64_t)aa_dtype_size(a->dtype);
    division d = {.rest = *a, .count = 0};
    d.rest.ndim = 0;
    for (int i = 0; i < a->ndim; ++i) {
        if ((axes >> i & 1U) == 0) {
            d.rest.shape[d.rest.ndim] = a->shape[i];
            d.rest.strides[d.rest.ndim] = a->strides[i];
            d.rest.ndim += 1;
        } else if (a->shape[i] != 1) {
            divide_off(&d, (reach){a->shape[i], aai_kernel_stride(a, i) * size});
        }
    }
    if (d.count == 0) {
        divide_off(&d, (reach){1, size});
    }
    drop_walks(&d);
    return d;
}

static void reduce_plain(const reduction *r, const aa_array *out, const task *t)
{
    const int64_t size = (int64_t)aa_dtype_size(out->dtype);
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, out->ndim, out->shape, t->axis.count);
    const int last = t->rest.ndim - 1;
    if (last >= 0 && folds_rows(aai_kernel_stride(&t->rest, last) * size, &t->axis)) {
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
    const division last = divide(&parts, 1U);
    reduce_plain(r, out, &(task){last.rest, last.axis[0]});
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

/* Several axes: the last gives rows, one for each place in the others, and they are folded. */
static aa_status reduce_twice(const reduction *r, const aa_array *a, const aa_array *out,
                              const division *d)
{
    const int64_t size = (int64_t)aa_dtype_size(a->dtype), results = aa_count(out);
    const int others = d->count - 1;
    task inner = {d->rest, d->axis[others]};
    int64_t count = 1;
    for (int i = others - 1; i >= 0; --i) {
        inner.rest = with_leading(&inner.rest, d->axis[i].count, d->axis[i].step / size);
        count *= d->axis[i].count;
    }
    aa_array rows = aa_similar_as(a, a->dtype, inner.rest.ndim, inner.rest.shape);
    if (aa_is_null(&rows)) {
        return aa_last_status();
    }
    aa_status status = reduce_task(r, a, &rows, &inner);
    if (status == AA_OK) {
        task outer = {*out, {count, results * size}};
        outer.rest.data = rows.data;
        for (int i = 0; i < out->ndim; ++i) {
            outer.rest.strides[i] = rows.strides[others + i];
        }
        status = reduce_task(r, a, out, &outer);
    }
    aai_kernel_drop(&rows);
    return status;
}

/* Reduce axes (bit i for axis i) of a to out, which lacks them and does not overlap a. */
static aa_status reduce_apart(const reduction *r, const aa_array *out, const aa_array *a,
                              unsigned axes)
{
    const division d = divide(a, axes);
    const task only = {d.rest, d.axis[0]};
    const aa_status status =
        d.count == 1 ? reduce_task(r, a, out, &only) : reduce_twice(r, a, out, &d);
    if (status == AA_OK && r->scale == DIVIDED_BY_COUNT) {
        int64_t count = 1;
        for (int i = 0; i < d.count; ++i) {
            count *= d.axis[i].count;
        }
        const aai_kernel_use use = {r->name, 1, {out}, {out->data}};
        aai_kernel_apply(&use, out->dtype == AA_F64 ? divide_f64 : divide_f32, 2, &count);
    }
    return status;
}

/* What the caller asks for: axes by number, or AA_ALL_AXES alone; and what is to be done: the axes as
 * bits and the result's shape. */
typedef struct request {
    int count;
    const int *axes;
    aa_reduced_axes shown;
} request;

typedef struct plan {
    unsigned axes;
    int ndim;
    int64_t shape[AA_MAX_NDIM];
} plan;

static aa_status plan_shape(const reduction *r, const char *function, const aa_array *a,
                            aa_reduced_axes shown, plan *p)
{
    int64_t results = 1;
    p->ndim = 0;
    for (int i = 0; i < a->ndim; ++i) {
        if ((p->axes >> i & 1U) == 0) {
            p->shape[p->ndim++] = a->shape[i];
            results *= a->shape[i];
        } else if (shown == AA_AXES_KEPT) {
            p->shape[p->ndim++] = 1;
        }
    }
    if (r->empty == EMPTY_IS_REFUSED && aa_count(a) == 0 && results > 0) {
        return aai_fail(AA_INVALID, "%s: shape %s has no elements to take it of", function,
                        aai_kernel_shape(a).text);
    }
    return AA_OK;
}

static aa_status plan_call(const reduction *r, const char *function, const aa_array *a,
                           const request *q, plan *p)
{
    if (q->count < 0 || (q->count > 0 && q->axes == NULL)) {
        return aai_fail(AA_INVALID, "%s: %d axes of shape %s are asked for, none is named",
                        function, q->count, aai_kernel_shape(a).text);
    }
    p->axes = 0;
    if (q->count == 1 && q->axes[0] == AA_ALL_AXES) {
        p->axes = (1U << a->ndim) - 1;
        return plan_shape(r, function, a, q->shown, p);
    }
    for (int i = 0; i < q->count; ++i) {
        int axis;
        const aa_status status = aai_kernel_axis(function, a, q->axes[i], &axis);
        if (status != AA_OK) {
            return status;
        }
        if ((p->axes >> axis & 1U) != 0) {
            return aai_fail(AA_INVALID, "%s: axis %d of shape %s is named twice", function, axis,
                            aai_kernel_shape(a).text);
        }
        p->axes |= 1U << axis;
    }
    return plan_shape(r, function, a, q->shown, p);
}

static aa_array reduce(const reduction *r, const char *function, const aa_array *a,
                       const request *q)
{
    aai_kernel_use use;
    plan p = {0};
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, function, 1, (const aa_array *const[]){a}) != AA_OK) {
        return out;
    }
    if (plan_call(r, function, a, q, &p) == AA_OK) {
        out = aa_similar_as(a, a->dtype, p.ndim, p.shape);
    }
    if (!aa_is_null(&out)) {
        const aa_array bare = q->shown == AA_AXES_KEPT ? divide(&out, p.axes).rest : out;
        if (reduce_apart(r, &bare, a, p.axes) != AA_OK) {
            aai_kernel_drop(&out);
        }
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
        return status != AA_OK ? status : reduce_apart(r, out, a, p->axes);
    }
    aa_array apart = aa_similar(out);
    if (aa_is_null(&apart)) {
        return aa_last_status();
    }
    status = reduce_apart(r, &apart, a, p->axes);
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
    plan p = {0};
    status = plan_call(r, r->name_into, a, &(request){1, &axis, AA_AXES_DROPPED}, &p);
    if (status == AA_OK) {
        status = reduce_into_borrowed(r, &use, &p);
    }
    aai_kernel_return(&use);
    return status;
}

#define AAI_REDUCTION_FUNCTIONS(verb)                                                              \
    aa_array aa_##verb(const aa_array *a, int axis)                                                \
    {                                                                                              \
        return reduce(&verb##_reduction, verb##_reduction.name, a,                                 \
                      &(request){1, &axis, AA_AXES_DROPPED});                                      \
    }                                                                                              \
    aa_array aa_##verb##_axes(const aa_array *a, int count, const int *axes,                       \
                              aa_reduced_axes shown)                                               \
    {                                                                                              \
        return reduce(&verb##_reduction, verb##_reduction.name_axes, a,                            \
                      &(request){count, axes, shown});                                             \
    }                                                                                              \
    aa_status aa_##verb##_into(aa_array *out, const aa_array *a, int axis)                         \
    {                                                                                              \
        return reduce_into(&verb##_reduction, out, a, axis);                                       \
    }
AAI_REDUCTION_FUNCTIONS(sum)
AAI_REDUCTION_FUNCTIONS(prod)
AAI_REDUCTION_FUNCTIONS(mean)
AAI_REDUCTION_FUNCTIONS(max)
AAI_REDUCTION_FUNCTIONS(min)
