/* Kernels: maxpool, batch normalisation, softmax.
 *
 * It cannot train: no kernel here keeps statistics or knows a gradient.
 *
 * Invariant: results are fresh and in C order, so they never overlap an argument.
 */
#include "kernel.h"

#include <math.h>

/* Where the neighbours in a 2 x 2 square are, in elements. */
typedef struct square {
    int64_t right, down;
} square;

/* The last axis of softmax's argument, in elements; that of its result is contiguous. */
typedef struct rows {
    int64_t count, step;
} rows;

#include "as_f32.h"
#include "layers.inc"

#include "as_f64.h"
#include "layers.inc"

enum { POOL_COST = 4, SOFTMAX_COST = 24 }; /* per element of the result, in additions */

static void pool(const aai_kernel_use *use, const aa_array *out)
{
    const aa_array *const x = use->array[0];
    const square s = {x->strides[3], x->strides[2]};
    aa_array corners = *x; /* the top left element of each square */
    for (int axis = 2; axis < 4; ++axis) {
        corners.shape[axis] = out->shape[axis];
        corners.strides[axis] = 2 * x->strides[axis];
    }
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, 4, out->shape, POOL_COST);
    aai_kernel_loop_add(&loop, out, out->data);
    aai_kernel_loop_add(&loop, &corners, use->at[0]);
    aai_kernel_loop_run(&loop, x->dtype == AA_F64 ? pool_f64 : pool_f32, &s);
}

aa_array aa_maxpool2d(const aa_array *x)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, "aa_maxpool2d", 1, (const aa_array *const[]){x}) != AA_OK) {
        return out;
    }
    if (x->ndim != 4 || x->shape[2] < 2 || x->shape[3] < 2) {
        (void)aai_fail(AA_MISMATCH,
                       "%s: shape %s: (N, C, H, W) with H and W of 2 or more is wanted",
                       use.function, aai_kernel_shape(x).text);
    } else {
        const int64_t shape[] = {x->shape[0], x->shape[1], x->shape[2] / 2, x->shape[3] / 2};
        out = aa_similar_as(x, x->dtype, 4, shape);
    }
    if (!aa_is_null(&out)) {
        pool(&use, &out);
    }
    aai_kernel_return(&use);
    return out;
}

static aa_status check_batchnorm(const aai_kernel_use *use)
{
    const aa_array *const x = use->array[0];
    for (int i = 1; i < use->count; ++i) {
        if (x->ndim < 2 || !aai_kernel_same_shape(use->array[i], 1, &x->shape[1])) {
            return aai_kernel_mismatch(use, x, use->array[i],
                                       "do not go together: (N, C, ...) and (C) are wanted");
        }
    }
    return AA_OK;
}

/* A vector along axis 1 of x, as an operand of a loop over x's shape. */
static aa_array along_channels(const aa_array *vector, int ndim)
{
    aa_array wide = *vector;
    wide.ndim = ndim - 1;
    for (int axis = 1; axis < wide.ndim; ++axis) {
        wide.shape[axis] = 1;
        wide.strides[axis] = 0;
    }
    return wide;
}

static void normalise(const aai_kernel_use *use, const aa_array *out, const aa_array *scale,
                      const aa_array *shift, double epsilon)
{
    const bool f64 = out->dtype == AA_F64;
    const aai_kernel_use fold = {
        use->function,
        6,
        {scale, shift, use->array[1], use->array[2], use->array[3], use->array[4]},
        {scale->data, shift->data, use->at[1], use->at[2], use->at[3], use->at[4]}};
    aai_kernel_apply(&fold, f64 ? fold_statistics_f64 : fold_statistics_f32, 8, &epsilon);
    const aa_array by = along_channels(scale, out->ndim), plus = along_channels(shift, out->ndim);
    const aai_kernel_use apply = {use->function,
                                  4,
                                  {out, use->array[0], &by, &plus},
                                  {out->data, use->at[0], by.data, plus.data}};
    aai_kernel_apply(&apply, f64 ? normalise_f64 : normalise_f32, 1, NULL);
}

static aa_status run_batchnorm(const aai_kernel_use *use, const aa_array *out, double epsilon)
{
    aa_array scale = aa_similar(use->array[1]);
    aa_array shift = aai_kernel_null();
    if (!aa_is_null(&scale)) {
        shift = aa_similar(use->array[1]);
    }
    const aa_status status = aa_is_null(&shift) ? aa_last_status() : AA_OK;
    if (status == AA_OK) {
        normalise(use, out, &scale, &shift, epsilon);
    }
    aai_kernel_drop(&shift);
    aai_kernel_drop(&scale);
    return status;
}

aa_array aa_batchnorm(const aa_array *x, const aa_array *gamma, const aa_array *beta,
                      const aa_array *mean, const aa_array *var, double epsilon)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, "aa_batchnorm", 5,
                          (const aa_array *const[]){x, gamma, beta, mean, var}) != AA_OK) {
        return out;
    }
    if (check_batchnorm(&use) == AA_OK) {
        out = aa_similar(x);
    }
    if (!aa_is_null(&out) && run_batchnorm(&use, &out, epsilon) != AA_OK) {
        aai_kernel_drop(&out);
    }
    aai_kernel_return(&use);
    return out;
}

static void soften(const aai_kernel_use *use, const aa_array *out)
{
    const aa_array *const a = use->array[0];
    const int last = a->ndim - 1;
    const rows r = {a->shape[last], a->strides[last]};
    aa_array from = *a, to = *out; /* the start of each row */
    from.shape[last] = 1;
    to.shape[last] = 1;
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, to.ndim, to.shape, r.count * SOFTMAX_COST);
    aai_kernel_loop_add(&loop, &to, to.data);
    aai_kernel_loop_add(&loop, &from, use->at[0]);
    aai_kernel_loop_run(&loop, a->dtype == AA_F64 ? soften_f64 : soften_f32, &r);
}

aa_array aa_softmax(const aa_array *a)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, "aa_softmax", 1, (const aa_array *const[]){a}) != AA_OK) {
        return out;
    }
    if (a->ndim == 0) {
        (void)aai_fail(AA_INVALID, "%s: shape () has no last axis", use.function);
    } else {
        out = aa_similar(a);
    }
    if (!aa_is_null(&out) && aa_count(a) > 0) {
        soften(&use, &out);
    }
    aai_kernel_return(&use);
    return out;
}
