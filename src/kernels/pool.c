/* Kernels: pooling of windows of any size, step and padding: largest and mean.
 *
 * It cannot see the padding: a window is what of it lies in the image, at least one pixel, because
 * padding < window.
 *
 * Invariant: results are fresh and in C order; each image's is written by one thread.
 */
#include "kernel.h"

/* One axis of the windows, in pixels. */
typedef struct pane {
    int64_t extent, window, stride, padding, results;
} pane;

typedef struct panes {
    pane h, w;
    int64_t down, right; /* of x, in elements */
} panes;

/* Pixels [first, end) of an axis. */
typedef struct span {
    int64_t first, end;
} span;

static inline span span_of(const pane *p, int64_t result)
{
    const int64_t first = result * p->stride - p->padding, end = first + p->window;
    return (span){first > 0 ? first : 0, end < p->extent ? end : p->extent};
}

#include "as_f32.h"
#include "pool.inc"

#include "as_f64.h"
#include "pool.inc"

/* Options are valid and the window fits. */
static bool pane_init(pane *p, int64_t extent, int64_t window, int64_t stride, int64_t padding)
{
    *p = (pane){extent, window, stride != 0 ? stride : window, padding, 0};
    if (window < 1 || p->stride < 1 || padding < 0 || padding >= window || extent < 1 ||
        window > INT64_MAX / 4 || extent > INT64_MAX / 4 || extent + 2 * padding < window) {
        return false;
    }
    p->results = (extent + 2 * padding - window) / p->stride + 1;
    return true;
}

static aa_status plan_pool(const aai_kernel_use *use, const aa_pool2d_options *o, panes *p)
{
    const aa_array *const x = use->array[0];
    if (x->ndim != 4) {
        return aai_fail(AA_MISMATCH, "%s: shape %s: (N, C, H, W) is wanted", use->function,
                        aai_kernel_shape(x).text);
    }
    if (o == NULL) {
        return aai_fail(AA_INVALID, "%s: no options: a window over shape %s is wanted",
                        use->function, aai_kernel_shape(x).text);
    }
    if (!pane_init(&p->h, x->shape[2], o->window_h, o->stride_h, o->padding_h) ||
        !pane_init(&p->w, x->shape[3], o->window_w, o->stride_w, o->padding_w)) {
        return aai_fail(AA_MISMATCH,
                        "%s: a window of (%lld, %lld), strides (%lld, %lld), padding (%lld, %lld) "
                        "does not go over shape %s",
                        use->function, (long long)o->window_h, (long long)o->window_w,
                        (long long)o->stride_h, (long long)o->stride_w, (long long)o->padding_h,
                        (long long)o->padding_w, aai_kernel_shape(x).text);
    }
    p->down = x->strides[2];
    p->right = x->strides[3];
    return AA_OK;
}

static void run_images(const aai_kernel_use *use, const aa_array *out, const panes *p,
                       aai_kernel_body *body)
{
    aa_array to = *out, from = *use->array[0]; /* the first pixel of each image */
    to.ndim = from.ndim = 2;
    const double cost =
        (double)p->h.results * (double)p->w.results * (double)p->h.window * (double)p->w.window;
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, 2, to.shape, aai_kernel_cost(cost));
    aai_kernel_loop_add(&loop, &to, out->data);
    aai_kernel_loop_add(&loop, &from, use->at[0]);
    aai_kernel_loop_run(&loop, body, p);
}

static aa_array pool(const char *name, aai_kernel_body *const *body, const aa_array *x,
                     const aa_pool2d_options *options)
{
    aai_kernel_use use;
    panes p = {0};
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, name, 1, (const aa_array *const[]){x}) != AA_OK) {
        return out;
    }
    if (plan_pool(&use, options, &p) == AA_OK) {
        const int64_t shape[] = {x->shape[0], x->shape[1], p.h.results, p.w.results};
        out = aa_similar_as(x, x->dtype, 4, shape);
    }
    if (!aa_is_null(&out)) {
        run_images(&use, &out, &p, body[aai_kernel_index(x->dtype)]);
    }
    aai_kernel_return(&use);
    return out;
}

aa_array aa_maxpool2d_with(const aa_array *x, const aa_pool2d_options *options)
{
    aai_kernel_body *const body[] = {max_windows_f32, max_windows_f64};
    return pool("aa_maxpool2d_with", body, x, options);
}

aa_array aa_avgpool2d(const aa_array *x, const aa_pool2d_options *options)
{
    aai_kernel_body *const body[] = {mean_windows_f32, mean_windows_f64};
    return pool("aa_avgpool2d", body, x, options);
}
