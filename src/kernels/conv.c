/* Kernels: two-dimensional convolution: unfold each image (im2col), multiply by the weights.
 *
 * It cannot pad, stride or dilate. One image is unfolded at a time per thread, so that it is still
 * in the cache when it is multiplied:
 *
 *     work   | slice of thread 0 | slice of thread 1 | ...     C kh kw rows of oh ow elements each
 *
 * Invariant: the slices are taken before the region by the calling thread (an arena serves nobody
 * else), and slice t is touched by thread t alone.
 */
#include "blas.h"

#include <string.h>

typedef struct sizes {
    int64_t images, channels, kh, kw, oh, ow;
    int64_t step[4];  /* of x, in elements */
    int64_t outputs;  /* channels of the result */
    int64_t unfolded; /* C kh kw: rows of a slice, columns of the weights */
    int64_t pixels;   /* oh ow */
    int64_t slice;    /* elements, a multiple of a cache line */
} sizes;

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

static aa_status check_shapes(const aai_kernel_use *use)
{
    const aa_array *const x = use->array[0], *const w = use->array[1];
    if (x->ndim != 4 || w->ndim != 4) {
        return aai_kernel_mismatch(
            use, x, w, "do not go together: (N, C, H, W) and (O, C, kh, kw) are wanted");
    }
    if (x->shape[1] != w->shape[1]) {
        return aai_kernel_mismatch(use, x, w, "do not go together: the numbers of channels differ");
    }
    if (w->shape[2] < 1 || w->shape[3] < 1 || w->shape[2] > x->shape[2] ||
        w->shape[3] > x->shape[3]) {
        return aai_kernel_mismatch(use, x, w,
                                   "do not go together: the kernel must fit in the image");
    }
    if (use->count == 3 && !aai_kernel_same_shape(use->array[2], 1, &w->shape[0])) {
        return aai_kernel_mismatch(use, w, use->array[2],
                                   "do not go together: (O, C, kh, kw) and (O) are wanted");
    }
    return AA_OK;
}

static sizes sizes_of(const aa_array *x, const aa_array *w)
{
    sizes s = {.images = x->shape[0], .channels = x->shape[1], .outputs = w->shape[0]};
    s.kh = w->shape[2];
    s.kw = w->shape[3];
    s.oh = x->shape[2] - s.kh + 1;
    s.ow = x->shape[3] - s.kw + 1;
    for (int axis = 0; axis < 4; ++axis) {
        s.step[axis] = x->strides[axis];
    }
    s.unfolded = s.channels * s.kh * s.kw;
    s.pixels = s.oh * s.ow;
    return s;
}

/* Elements of a slice; AA_OVERFLOW when they cannot be counted. */
static aa_status size_slice(const aai_kernel_use *use, sizes *s)
{
    const int64_t extents[] = {s->unfolded, s->pixels, s->outputs};
    const aa_status status = aai_kernel_fits_blas(use->function, 3, extents);
    if (status == AA_OK) {
        /* Below 2^31 each, so their product and its rounding fit. */
        s->slice = (s->unfolded * s->pixels + LINE_ELEMENTS - 1) / LINE_ELEMENTS * LINE_ELEMENTS;
    }
    return status;
}

static void start_with_bias(const convolution *c, char *out)
{
    const aa_array *const b = c->use->array[2];
    const int64_t step = b->strides[0] * (int64_t)aa_dtype_size(b->dtype);
    (b->dtype == AA_F64 ? repeat_f64 : repeat_f32)(&c->s, c->use->at[2], step, out);
}

static void convolve_image(const convolution *c, int64_t image, int64_t slice_number)
{
    const sizes *const s = &c->s;
    const aa_dtype dtype = c->use->array[0]->dtype;
    const int64_t size = (int64_t)aa_dtype_size(dtype);
    const bool biased = c->use->count == 3;
    char *const slice = c->work + slice_number * s->slice * size;
    char *const out = c->out + image * s->outputs * s->pixels * size;
    const char *const from = c->use->at[0] + image * s->step[0] * size;
    (dtype == AA_F64 ? unfold_f64 : unfold_f32)(s, from, slice);
    if (biased) {
        start_with_bias(c, out);
    }
    const aai_kernel_product p = {dtype, s->outputs, s->pixels, s->unfolded};
    aai_kernel_gemm(&p, biased ? AAI_KERNEL_ONTO_OUT : AAI_KERNEL_ONTO_NOTHING, c->weights,
                    (aai_kernel_matrix){slice, s->pixels, false},
                    (aai_kernel_matrix){out, s->pixels, false});
}

static void convolve(const convolution *c, int threads)
{
    if (threads == 1) {
        for (int64_t image = 0; image < c->s.images; ++image) {
            convolve_image(c, image, 0);
        }
        return;
    }
    aai_kernel_blas_enter();
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t image = 0; image < c->s.images; ++image) {
        convolve_image(c, image, aai_kernel_thread());
    }
    aai_kernel_blas_leave();
}

/* How many threads take part, each with a slice. */
static int team_of(const sizes *s)
{
    const int most = aai_kernel_threads();
    const double work =
        (double)s->images * (double)s->outputs * (double)s->unfolded * (double)s->pixels;
    if (s->images < 2 || !aai_kernel_pays((int64_t)(work < 1e9 ? work : 1e9))) {
        return 1;
    }
    return s->images < most ? (int)s->images : most;
}

/* The weights as a matrix (O, C kh kw); a copy for the caller to free unless in C order. */
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

aa_array aa_conv2d(const aa_array *x, const aa_array *w, const aa_array *b)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, "aa_conv2d", b != NULL ? 3 : 2,
                          (const aa_array *const[]){x, w, b}) != AA_OK) {
        return out;
    }
    if (check_shapes(&use) == AA_OK) {
        convolution c = {.s = sizes_of(x, w), .use = &use};
        if (size_slice(&use, &c.s) == AA_OK) {
            const int64_t shape[] = {c.s.images, c.s.outputs, c.s.oh, c.s.ow};
            out = aa_similar_as(x, x->dtype, 4, shape);
        }
        if (!aa_is_null(&out) && run(&c, &out) != AA_OK) {
            aai_kernel_drop(&out);
        }
    }
    aai_kernel_return(&use);
    return out;
}
