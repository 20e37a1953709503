/* Kernels: two-dimensional convolution: unfold each image (im2col), multiply by the weights.
 *
 * It cannot convolve depth-wise faster than that: a group of one channel is a product of one row. One
 * group of one image, a unit, is unfolded at a time per thread, so that it is still in the cache when
 * it is multiplied:
 *
 *     work   | slice of thread 0 | slice of thread 1 | ...   C / groups kh kw rows of oh ow elements each
 *
 * Invariant: the slices are taken before the region by the calling thread (an arena serves nobody
 * else), and slice t is touched by thread t alone.
 */
#include "blas.h"

#include <string.h>

typedef struct sizes {
    int64_t images, groups;
    int64_t channels; /* of a group of x */
    int64_t outputs;  /* channels of a group of the result */
    int64_t h, w, kh, kw, oh, ow;
    aa_conv2d_options by; /* no zeros but padding */
    int64_t step[4];      /* of x, in elements */
    int64_t unfolded;     /* C / groups kh kw: rows of a slice, columns of the weights */
    int64_t pixels;       /* oh ow */
    int64_t slice;        /* elements, a multiple of a cache line */
} sizes;

/* How many of 0, stride, 2 stride, ... are below `pixels`; at most `most`. */
static int64_t seeing(int64_t pixels, int64_t stride, int64_t most)
{
    const int64_t all = pixels > 0 ? (pixels - 1) / stride + 1 : 0;
    return all < most ? all : most;
}

#include "as_f32.h"
#include "unfold.inc"

#include "as_f64.h"
#include "unfold.inc"

enum { LINE_ELEMENTS = 16 }; /* 64 bytes of floats */

/* One call under way. */
typedef struct convolution {
    sizes s;
    aai_kernel_use *use;
    aai_kernel_matrix weights;
    char *work, *out;
} convolution;

/* The options without zeros that stand for a default. */
static aa_conv2d_options options_of(const aa_conv2d_options *given)
{
    aa_conv2d_options by = given != NULL ? *given : (aa_conv2d_options){0};
    by.stride_h += by.stride_h == 0;
    by.stride_w += by.stride_w == 0;
    by.dilation_h += by.dilation_h == 0;
    by.dilation_w += by.dilation_w == 0;
    by.groups += by.groups == 0;
    return by;
}

enum {
    MOST = INT32_MAX
}; /* of an option: far above any image, and products of two do not overflow */

static bool in_range(int64_t option, int64_t least)
{
    return option >= least && option <= MOST;
}

static aa_status check_options(const char *function, const aa_conv2d_options *by)
{
    if (!in_range(by->stride_h, 1) || !in_range(by->stride_w, 1) || !in_range(by->padding_h, 0) ||
        !in_range(by->padding_w, 0) || !in_range(by->dilation_h, 1) ||
        !in_range(by->dilation_w, 1) || !in_range(by->groups, 1)) {
        return aai_fail(AA_INVALID,
                        "%s: strides (%lld, %lld), padding (%lld, %lld), dilation (%lld, %lld), "
                        "groups %lld: one is negative or above 2^31 - 1",
                        function, (long long)by->stride_h, (long long)by->stride_w,
                        (long long)by->padding_h, (long long)by->padding_w,
                        (long long)by->dilation_h, (long long)by->dilation_w,
                        (long long)by->groups);
    }
    return AA_OK;
}

/* Positions of a kernel of k pixels along an axis; 0 when it does not fit, the BLAS's check comes after. */
static int64_t positions(int64_t extent, int64_t k, int64_t padding, int64_t dilation,
                         int64_t stride)
{
    if (k < 1 || k > MOST || extent > INT64_MAX / 2) {
        return 0;
    }
    const int64_t reach = (k - 1) * dilation, room = extent + 2 * padding;
    return reach < room ? (room - reach - 1) / stride + 1 : 0;
}

static aa_status check_shapes(const aai_kernel_use *use, const aa_conv2d_options *by)
{
    const aa_array *const x = use->array[0], *const w = use->array[1];
    if (x->ndim != 4 || w->ndim != 4) {
        return aai_kernel_mismatch(
            use, x, w, "do not go together: (N, C, H, W) and (O, C / groups, kh, kw) are wanted");
    }
    if (x->shape[1] % by->groups != 0 || w->shape[0] % by->groups != 0 ||
        x->shape[1] / by->groups != w->shape[1]) {
        return aai_kernel_mismatch(
            use, x, w, "do not go together: the numbers of channels, or of groups, differ");
    }
    if (positions(x->shape[2], w->shape[2], by->padding_h, by->dilation_h, 1) == 0 ||
        positions(x->shape[3], w->shape[3], by->padding_w, by->dilation_w, 1) == 0) {
        return aai_kernel_mismatch(use, x, w,
                                   "do not go together: the kernel must fit in the image");
    }
    if (use->count == 3 && !aai_kernel_same_shape(use->array[2], 1, &w->shape[0])) {
        return aai_kernel_mismatch(
            use, w, use->array[2],
            "do not go together: (O, C / groups, kh, kw) and (O) are wanted");
    }
    return AA_OK;
}

static sizes sizes_of(const aa_array *x, const aa_array *w, const aa_conv2d_options *by)
{
    sizes s = {.images = x->shape[0], .groups = by->groups, .channels = w->shape[1], .by = *by};
    s.outputs = w->shape[0] / s.groups;
    s.h = x->shape[2];
    s.w = x->shape[3];
    s.kh = w->shape[2];
    s.kw = w->shape[3];
    s.oh = positions(s.h, s.kh, by->padding_h, by->dilation_h, by->stride_h);
    s.ow = positions(s.w, s.kw, by->padding_w, by->dilation_w, by->stride_w);
    for (int axis = 0; axis < 4; ++axis) {
        s.step[axis] = aai_kernel_stride(x, axis);
    }
    return s;
}

/* Rows, columns and elements of a slice; AA_OVERFLOW when the BLAS cannot count them. Factors are below
 * 2^31 when they are multiplied, so products of two, and their rounding, fit. */
static aa_status size_slice(const aai_kernel_use *use, sizes *s)
{
    const int64_t factors[] = {s->channels, s->kh, s->kw, s->oh, s->ow};
    aa_status status = aai_kernel_fits_blas(use->function, 5, factors);
    if (status == AA_OK) {
        s->unfolded = s->channels * s->kh;
        status = aai_kernel_fits_blas(use->function, 1, &s->unfolded);
    }
    if (status == AA_OK) {
        s->unfolded *= s->kw;
        s->pixels = s->oh * s->ow;
        const int64_t extents[] = {s->unfolded, s->pixels, s->outputs};
        status = aai_kernel_fits_blas(use->function, 3, extents);
    }
    if (status == AA_OK) {
        s->slice = (s->unfolded * s->pixels + LINE_ELEMENTS - 1) / LINE_ELEMENTS * LINE_ELEMENTS;
    }
    return status;
}

static void start_with_bias(const convolution *c, int64_t group, char *out)
{
    const aa_array *const b = c->use->array[2];
    const int64_t step = aai_kernel_stride(b, 0) * (int64_t)aa_dtype_size(b->dtype);
    const char *const first = c->use->at[2] + group * c->s.outputs * step;
    (b->dtype == AA_F64 ? repeat_f64 : repeat_f32)(&c->s, first, step, out);
}

static void convolve_unit(const convolution *c, int64_t unit, int64_t slice_number)
{
    const sizes *const s = &c->s;
    const aa_dtype dtype = c->use->array[0]->dtype;
    const int64_t size = (int64_t)aa_dtype_size(dtype);
    const int64_t image = unit / s->groups, group = unit % s->groups;
    const bool biased = c->use->count == 3;
    char *const slice = c->work + slice_number * s->slice * size;
    char *const out = c->out + unit * s->outputs * s->pixels * size;
    const int64_t skip = image * s->step[0] + group * s->channels * s->step[1];
    aai_kernel_matrix weights = c->weights;
    weights.at += group * s->outputs * s->unfolded * size;
    (dtype == AA_F64 ? unfold_f64 : unfold_f32)(s, c->use->at[0] + skip * size, slice);
    if (biased) {
        start_with_bias(c, group, out);
    }
    const aai_kernel_product p = {dtype, s->outputs, s->pixels, s->unfolded};
    aai_kernel_gemm(&p, biased ? AAI_KERNEL_ONTO_OUT : AAI_KERNEL_ONTO_NOTHING, weights,
                    (aai_kernel_matrix){slice, s->pixels, false},
                    (aai_kernel_matrix){out, s->pixels, false});
}

static void convolve(const convolution *c, int threads)
{
    const int64_t units = c->s.images * c->s.groups;
    if (threads == 1) {
        for (int64_t unit = 0; unit < units; ++unit) {
            convolve_unit(c, unit, 0);
        }
        return;
    }
    aai_kernel_blas_enter();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t unit = 0; unit < units; ++unit) {
        convolve_unit(c, unit, aai_kernel_thread());
    }
    aai_kernel_blas_leave();
}

/* How many threads take part, each with a slice. */
static int team_of(const sizes *s)
{
    const int most = aai_kernel_threads();
    const int64_t units = s->images * s->groups;
    const double work =
        (double)units * (double)s->outputs * (double)s->unfolded * (double)s->pixels;
    if (units < 2 || !aai_kernel_pays(aai_kernel_cost(work))) {
        return 1;
    }
    return units < most ? (int)units : most;
}

/* The weights as a matrix (O, C / groups kh kw); a copy for the caller to free unless in C order. */
static aa_status take_weights(convolution *c, aa_array *copy)
{
    const aa_array *const w = c->use->array[1];
    *copy = aai_kernel_null();
    char *at = c->use->at[1];
    if (!aa_is_contiguous(w)) {
        *copy = aa_copy(w);
        if (aa_is_null(copy)) {
            return aa_last_status();
        }
        at = copy->data;
    }
    c->weights = (aai_kernel_matrix){at, c->s.unfolded > 1 ? c->s.unfolded : 1, false};
    return AA_OK;
}

/* Compute into the fresh array out. Temporaries in order: weights, work; freed in reverse. */
static aa_status run(convolution *c, const aa_array *out)
{
    const aa_array *const x = c->use->array[0];
    const int threads = team_of(&c->s);
    aa_array weights;
    aa_status status = take_weights(c, &weights);
    if (status != AA_OK) {
        return status;
    }
    aa_array work = aa_similar_as(x, x->dtype, 2, (const int64_t[]){threads, c->s.slice});
    if (aa_is_null(&work)) {
        status = aa_last_status();
    } else {
        c->work = work.data;
        c->out = out->data;
        convolve(c, threads);
    }
    aai_kernel_drop(&work);
    aai_kernel_drop(&weights);
    return status;
}

static aa_array convolve_borrowed(aai_kernel_use *use, const aa_conv2d_options *options)
{
    const aa_array *const x = use->array[0], *const w = use->array[1];
    const aa_conv2d_options by = options_of(options);
    aa_array out = aai_kernel_null();
    if (check_options(use->function, &by) != AA_OK || check_shapes(use, &by) != AA_OK) {
        return out;
    }
    convolution c = {.s = sizes_of(x, w, &by), .use = use};
    if (size_slice(use, &c.s) == AA_OK) {
        const int64_t shape[] = {c.s.images, w->shape[0], c.s.oh, c.s.ow};
        out = aa_similar_as(x, x->dtype, 4, shape);
    }
    if (aa_count(&out) > 0 && run(&c, &out) != AA_OK) { /* an empty one has units beyond counting */
        aai_kernel_drop(&out);
    }
    return out;
}

static aa_array conv2d(const char *name, const aa_array *const *xwb,
                       const aa_conv2d_options *options)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, name, xwb[2] != NULL ? 3 : 2, xwb) == AA_OK) {
        out = convolve_borrowed(&use, options);
        aai_kernel_return(&use);
    }
    return out;
}

aa_array aa_conv2d(const aa_array *x, const aa_array *w, const aa_array *b)
{
    return conv2d("aa_conv2d", (const aa_array *const[]){x, w, b}, NULL);
}

aa_array aa_conv2d_with(const aa_array *x, const aa_array *w, const aa_array *b,
                        const aa_conv2d_options *options)
{
    return conv2d("aa_conv2d_with", (const aa_array *const[]){x, w, b}, options);
}
