/* Kernels: numeric work on arrays of float and double (liballocarrays-kernels).
 *
 * They know no allocator by name: results come from the handle of the first array argument, as
 * aa_similar; temporaries too, and are freed before the call returns. They cannot change the type
 * of elements.
 *
 * Arrays: of one dtype, AA_F32 or AA_F64, with any strides; where it says so, masks of AA_BOOL (0 or 1)
 * and indices of AA_I64.
 *
 * A call that fails returns a null array (an `_into` form its status), writes to nothing and keeps
 * nothing:
 *     AA_INVALID      a null array, an axis that is not there, an output whose elements overlap;
 *     AA_MISMATCH     shapes or dtypes that do not go together; the message names them;
 *     AA_UNSUPPORTED  a dtype that is neither AA_F32 nor AA_F64;
 *     AA_STALE        after AA_USE_AFTER_RESET: an argument's memory was taken back;
 *     and what aa_similar says when there is no memory.
 *
 * `_into` forms write to `out`, of the result's shape and dtype. It may be one of the inputs; where
 * it overlaps one in another way the result is computed apart first.
 *
 * Loops over large arrays run in a parallel region of their own; small ones start no thread.
 * Results do not depend on the allocator, nor, products of the BLAS aside, on the number of
 * threads.
 *
 * Threads: any, where aa_similar of the first argument may be called.
 */
#ifndef ALLOCARRAYS_KERNELS_H
#define ALLOCARRAYS_KERNELS_H

#include <allocarrays/array.h>

AAI_BEGIN_DECLS

/** The axis argument that means: all of them. */
enum { AA_ALL_AXES = INT32_MIN };

/** Set every element to value. Allocates nothing. Cost: one write. Threads: any. */
AA_API aa_status aa_fill(aa_array *out, double value);

/**
 * Copy a to out, broadcast to its shape. Of any dtype, the same for both: nothing is converted.
 * Allocates only when the two overlap otherwise than exactly. Cost: one read, one write. Threads:
 * any.
 */
AA_API aa_status aa_copy_into(aa_array *out, const aa_array *a);

/**
 * Element-wise functions of one array: a result of its shape, in C order.
 * aa_relu: max(x, 0); NaN stays NaN. aa_square: x * x. The others as in <math.h>.
 * Cost: one read and one write of the array; exp, log and tanh about ten times that. Threads: any.
 */
AA_API aa_array aa_neg(const aa_array *a);
AA_API aa_array aa_abs(const aa_array *a);
AA_API aa_array aa_square(const aa_array *a);
AA_API aa_array aa_sqrt(const aa_array *a);
AA_API aa_array aa_exp(const aa_array *a);
AA_API aa_array aa_log(const aa_array *a);
AA_API aa_array aa_tanh(const aa_array *a);
AA_API aa_array aa_relu(const aa_array *a);

/** The same, written to out. Threads: any. */
AA_API aa_status aa_neg_into(aa_array *out, const aa_array *a);
AA_API aa_status aa_abs_into(aa_array *out, const aa_array *a);
AA_API aa_status aa_square_into(aa_array *out, const aa_array *a);
AA_API aa_status aa_sqrt_into(aa_array *out, const aa_array *a);
AA_API aa_status aa_exp_into(aa_array *out, const aa_array *a);
AA_API aa_status aa_log_into(aa_array *out, const aa_array *a);
AA_API aa_status aa_tanh_into(aa_array *out, const aa_array *a);
AA_API aa_status aa_relu_into(aa_array *out, const aa_array *a);

/**
 * Keep what is above zero, scale what is below: x where x >= 0, else slope * x; NaN stays NaN. slope:
 * rounded to the dtype. Cost: one read, one write. Threads: any.
 */
AA_API aa_array aa_leaky_relu(const aa_array *a, double slope);

/** The same, written to out. Threads: any. */
AA_API aa_status aa_leaky_relu_into(aa_array *out, const aa_array *a, double slope);

/**
 * Element-wise functions of two arrays, broadcast against each other: shapes are aligned at their
 * last axes, an extent of 1 or a missing axis is repeated. The result follows the handle of a.
 * aa_maximum, aa_minimum: NaN if either is NaN.
 * Cost: two reads, one write. Threads: any. Source: NumPy's broadcasting.
 */
AA_API aa_array aa_add(const aa_array *a, const aa_array *b);
AA_API aa_array aa_sub(const aa_array *a, const aa_array *b);
AA_API aa_array aa_mul(const aa_array *a, const aa_array *b);
AA_API aa_array aa_div(const aa_array *a, const aa_array *b);
AA_API aa_array aa_maximum(const aa_array *a, const aa_array *b);
AA_API aa_array aa_minimum(const aa_array *a, const aa_array *b);

/** The same, written to out; the inputs are broadcast to its shape. Threads: any. */
AA_API aa_status aa_add_into(aa_array *out, const aa_array *a, const aa_array *b);
AA_API aa_status aa_sub_into(aa_array *out, const aa_array *a, const aa_array *b);
AA_API aa_status aa_mul_into(aa_array *out, const aa_array *a, const aa_array *b);
AA_API aa_status aa_div_into(aa_array *out, const aa_array *a, const aa_array *b);
AA_API aa_status aa_maximum_into(aa_array *out, const aa_array *a, const aa_array *b);
AA_API aa_status aa_minimum_into(aa_array *out, const aa_array *a, const aa_array *b);

/**
 * Compare two arrays, broadcast against each other as for aa_add: a mask, of AA_BOOL, from the handle of
 * a. As C compares: NaN differs from everything, itself included, and is neither less nor greater.
 * Cost: two reads, a write of a byte an element. Threads: any.
 */
AA_API aa_array aa_equal(const aa_array *a, const aa_array *b);
AA_API aa_array aa_not_equal(const aa_array *a, const aa_array *b);
AA_API aa_array aa_less(const aa_array *a, const aa_array *b);
AA_API aa_array aa_less_equal(const aa_array *a, const aa_array *b);
AA_API aa_array aa_greater(const aa_array *a, const aa_array *b);
AA_API aa_array aa_greater_equal(const aa_array *a, const aa_array *b);

/**
 * Choose by a mask: a's element where the mask's is not 0, else b's; all three broadcast against each other.
 * mask: of AA_BOOL, AA_MISMATCH otherwise; the result, of the dtype of a and b, is from its handle.
 * Cost: three reads, one write. Threads: any. Source: NumPy's where.
 */
AA_API aa_array aa_where(const aa_array *mask, const aa_array *a, const aa_array *b);

/**
 * Join arrays one behind the other along an axis; the other extents are equal. Of any dtype, the same for
 * all. count: 1 or more. The result is from the handle of the first. AA_INVALID for no array, a null
 * one (the message counts from 1), an axis that is not there; AA_MISMATCH for shapes or dtypes; AA_OVERFLOW.
 * Each argument is pinned, if checked, while it is read. Cost: one read, one write. Threads: any.
 */
AA_API aa_array aa_concat(int count, const aa_array *const *arrays, int axis);

/**
 * Repeat each pixel of images up_h times down and up_w times across (nearest upsampling): x (N, C, H, W)
 * of any dtype gives (N, C, H up_h, W up_w). AA_MISMATCH unless x has 4 axes, AA_INVALID for factors
 * below 1, AA_OVERFLOW. Cost: one write. Threads: any.
 */
AA_API aa_array aa_upsample2d(const aa_array *x, int64_t up_h, int64_t up_w);

/**
 * Reduce along one axis, which the result lacks, or along all (AA_ALL_AXES: a result of ndim 0).
 * axis: 0 to ndim - 1, or from the end, -1 the last; AA_INVALID otherwise. An axis of extent 0 has
 * the sum 0 and the product 1, but no maximum, minimum or mean: AA_INVALID. aa_max, aa_min: NaN if an element is NaN.
 * Partial results are combined in an order that depends on shape and strides alone.
 * Cost: one read; a temporary where few results come from a long axis. Threads: any.
 */
AA_API aa_array aa_sum(const aa_array *a, int axis);
AA_API aa_array aa_prod(const aa_array *a, int axis);
AA_API aa_array aa_mean(const aa_array *a, int axis);
AA_API aa_array aa_max(const aa_array *a, int axis);
AA_API aa_array aa_min(const aa_array *a, int axis);

/** The same, written to out. Threads: any. */
AA_API aa_status aa_sum_into(aa_array *out, const aa_array *a, int axis);
AA_API aa_status aa_prod_into(aa_array *out, const aa_array *a, int axis);
AA_API aa_status aa_mean_into(aa_array *out, const aa_array *a, int axis);
AA_API aa_status aa_max_into(aa_array *out, const aa_array *a, int axis);
AA_API aa_status aa_min_into(aa_array *out, const aa_array *a, int axis);

/** What becomes of reduced axes in the result. */
typedef enum aa_reduced_axes {
    AA_AXES_DROPPED, /* it lacks them */
    AA_AXES_KEPT     /* it has them, of extent 1 */
} aa_reduced_axes;

/**
 * Reduce along a set of axes at once. count: how many; axes: their numbers, in any order, from the end
 * where negative; 1 and AA_ALL_AXES means all. No axes (count 0) gives a copy. Otherwise as along one;
 * AA_INVALID also for an axis named twice, a negative count, NULL axes. With AA_AXES_KEPT the result
 * broadcasts against a.
 * Cost: one read; a temporary where the axes do not lie evenly in memory. Threads: any.
 * Source: NumPy's axis tuples and keepdims.
 */
AA_API aa_array aa_sum_axes(const aa_array *a, int count, const int *axes, aa_reduced_axes shown);
AA_API aa_array aa_prod_axes(const aa_array *a, int count, const int *axes, aa_reduced_axes shown);
AA_API aa_array aa_mean_axes(const aa_array *a, int count, const int *axes, aa_reduced_axes shown);
AA_API aa_array aa_max_axes(const aa_array *a, int count, const int *axes, aa_reduced_axes shown);
AA_API aa_array aa_min_axes(const aa_array *a, int count, const int *axes, aa_reduced_axes shown);

/**
 * Find where the largest or smallest element of an axis is: indices of AA_I64, from 0, in a result that
 * lacks the axis. Equal elements: the first; NaN counts as largest and as smallest. AA_ALL_AXES: the
 * place in C order, of ndim 0. Fails as aa_max. Writes no values. Cost: one read; each result is found by
 * one thread. AA_ALL_AXES of an array not in C order: a copy. Threads: any. Source: NumPy's argmax.
 */
AA_API aa_array aa_argmax(const aa_array *a, int axis);
AA_API aa_array aa_argmin(const aa_array *a, int axis);

/**
 * Add up along one axis: element k of the axis is the sum of elements 0 to k, from first to last. The
 * shape is a's. AA_INVALID for an axis that is not there; AA_ALL_AXES is not. Cost: one read, one write;
 * each line along the axis is one thread's. Threads: any. Source: NumPy's cumsum.
 */
AA_API aa_array aa_cumsum(const aa_array *a, int axis);

/**
 * Multiply matrices: (m, k) by (k, n) is (m, n). Stacks of them, (..., m, k) by (..., k, n), are broadcast
 * along the leading axes and multiplied one by one. Through the CBLAS; an operand whose matrices are
 * neither in C order nor transposed is copied first, from its own handle. AA_MISMATCH below 2 axes, for
 * different k, or leading axes that do not broadcast; AA_OVERFLOW when an extent or stride is beyond the
 * BLAS's int. Cost: 2 m k n operations each; each product of a stack is one thread's. Threads: any.
 * Source: NumPy's matmul.
 */
AA_API aa_array aa_matmul(const aa_array *a, const aa_array *b);

/**
 * Apply a dense layer: x w^T + b, x (rows, in), w (out, in), b (out) or NULL for none: (rows, out).
 * Fails as aa_matmul. Cost: 2 rows in out operations. Threads: any.
 */
AA_API aa_array aa_dense(const aa_array *x, const aa_array *w, const aa_array *b);

/**
 * Convolve images: x (N, C, H, W), w (O, C, kh, kw), b (O) or NULL for none: (N, O, H - kh + 1, W -
 * kw + 1). Valid positions only, stride 1, no flip of the kernel (as neural networks have it). Each
 * image is unfolded (im2col) into a workspace of C kh kw (H - kh + 1) (W - kw + 1) elements a
 * thread, taken once from x's handle by the calling thread, and multiplied. AA_OVERFLOW as
 * aa_matmul. Cost: 2 N O C kh kw (H - kh + 1) (W - kw + 1) operations. Threads: any.
 */
AA_API aa_array aa_conv2d(const aa_array *x, const aa_array *w, const aa_array *b);

/** How a kernel moves over images, in pixels; 0 stands for the default, {0} for all of them. */
typedef struct aa_conv2d_options {
    int64_t stride_h, stride_w;     /* from one position to the next; 0: 1 */
    int64_t padding_h, padding_w;   /* zeros on either side */
    int64_t dilation_h, dilation_w; /* from one pixel that the kernel sees to the next; 0: 1 */
    int64_t groups; /* channels are convolved among themselves in so many groups; 0: 1 */
} aa_conv2d_options;

/**
 * Convolve images as aa_conv2d does, with options; NULL: all defaults. x (N, C, H, W), w (O, C / groups,
 * kh, kw), b (O) or NULL: (N, O, oh, ow), where oh = (H + 2 padding_h - dilation_h (kh - 1) - 1) /
 * stride_h + 1, rounded down, and ow likewise. groups divides C and O; groups C is depth-wise. The
 * workspace is aa_conv2d's, over groups. Does not flip the kernel. AA_INVALID for an option that is
 * negative or above 2^31 - 1, AA_MISMATCH for channels that groups do not divide, or a kernel that does not
 * fit, AA_OVERFLOW as aa_matmul. Cost: 2 N O C / groups kh kw oh ow operations. Threads: any.
 */
AA_API aa_array aa_conv2d_with(const aa_array *x, const aa_array *w, const aa_array *b,
                               const aa_conv2d_options *options);

/** Windows over images, in pixels. */
typedef struct aa_pool2d_options {
    int64_t window_h, window_w;   /* 1 or more */
    int64_t stride_h, stride_w;   /* from one window to the next; 0: the window's extent */
    int64_t padding_h, padding_w; /* pixels beyond each edge; below the window's extent */
} aa_pool2d_options;

/**
 * Take the largest, or the mean, of each window of the last two axes of x (N, C, H, W): (N, C, (H + 2
 * padding_h - window_h) / stride_h + 1, ...), rounded down. What of a window lies outside the image
 * counts for nothing, nor in the mean's number of pixels. NaN in a window gives NaN. AA_INVALID for NULL options;
 * AA_MISMATCH unless x has 4 axes and each window goes over the image and the options are in range.
 * Cost: window_h window_w reads a result; an image's channel is one thread's. Threads: any.
 */
AA_API aa_array aa_maxpool2d_with(const aa_array *x, const aa_pool2d_options *options);
AA_API aa_array aa_avgpool2d(const aa_array *x, const aa_pool2d_options *options);

/**
 * Take the largest of each 2 x 2 square of the last two axes of x (N, C, H, W): (N, C, H / 2, W /
 * 2). An odd last row or column is left out. AA_MISMATCH when H or W is below 2. Cost: one read.
 * Threads: any.
 */
AA_API aa_array aa_maxpool2d(const aa_array *x);

/**
 * Keep the best of boxes that overlap (non-maximum suppression): boxes (n, 4) with corners x1, y1, x2, y2,
 * scores (n): the indices of those kept, of AA_I64, in falling order of score, equal ones by index, NaN
 * last. A box is dropped when its intersection with one that is kept is more than threshold, 0 to 1,
 * of their union. Does not tell classes apart. A box with a NaN corner overlaps nothing, nor do two
 * without area. AA_MISMATCH for other shapes, AA_INVALID for the threshold.
 * A workspace of 2 n indices comes from the handle of boxes. Cost: n log n and n per box that is kept; twice
 * that when over 512 are kept. Threads: any.
 */
AA_API aa_array aa_nms(const aa_array *boxes, const aa_array *scores, double threshold);

/**
 * Normalise a batch with known statistics (inference): (x - mean) / sqrt(var + epsilon) * gamma +
 * beta, per channel: axis 1 of x. gamma, beta, mean, var: one value per channel. Two temporaries,
 * one value per channel each, come from the handle of gamma: what is computed from the parameters
 * goes where the parameters belong. Cost: one read, one write. Threads: any.
 */
AA_API aa_array aa_batchnorm(const aa_array *x, const aa_array *gamma, const aa_array *beta,
                             const aa_array *mean, const aa_array *var, double epsilon);

/**
 * Turn the last axis into probabilities: exp(x - max) / sum. AA_INVALID for ndim 0.
 * Cost: as aa_exp. Threads: any.
 */
AA_API aa_array aa_softmax(const aa_array *a);

AAI_END_DECLS

#endif
