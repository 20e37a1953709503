/* Kernels: walks along one axis whose order is the result: argmax, argmin, cumulative sum.
 *
 * It cannot share one walk among threads: each is one thread's, from first to last.
 *
 * Invariant: results are fresh and in C order, so they never overlap an argument.
 */
#include "kernel.h"

/* The axis that is walked: elements, and bytes from one to the next in out and in a. */
typedef struct walk {
    int64_t count;
    int64_t step[2];
} walk;

#include "as_f32.h"
#include "scan.inc"

#include "as_f64.h"
#include "scan.inc"

/* The same view without one axis: where walks along it start. */
static aa_array without_axis(const aa_array *a, int axis)
{
    aa_array rest = *a;
    rest.ndim -= 1;
    for (int i = axis; i < rest.ndim; ++i) {
        rest.shape[i] = a->shape[i + 1];
        rest.strides[i] = a->strides[i + 1];
    }
    return rest;
}

static void walk_all(const aa_array *out, const aa_array *starts, const walk *w,
                     aai_kernel_body *body)
{
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, out->ndim, out->shape, w->count);
    aai_kernel_loop_add(&loop, out, out->data);
    aai_kernel_loop_add(&loop, starts, starts->data);
    aai_kernel_loop_run(&loop, body, w);
}

typedef struct search {
    const char *name;
    aai_kernel_body *body[2];
} search;

static const search argmax_search = {"aa_argmax", {argmax_f32, argmax_f64}};
static const search argmin_search = {"aa_argmin", {argmin_f32, argmin_f64}};

static aa_array find_along(const search *s, const aa_array *a, int axis)
{
    const int64_t size = (int64_t)aa_dtype_size(a->dtype);
    const aa_array starts = without_axis(a, axis);
    const aa_array out = aa_similar_as(a, AA_I64, starts.ndim, starts.shape);
    if (!aa_is_null(&out)) {
        const walk w = {a->shape[axis], {0, aai_kernel_stride(a, axis) * size}};
        walk_all(&out, &starts, &w, s->body[aai_kernel_index(a->dtype)]);
    }
    return out;
}

/* The same for all elements, in C order: those of a copy where they do not lie so. */
static aa_array find_in_all(const search *s, const aa_array *a)
{
    aa_array out = aa_similar_as(a, AA_I64, 0, NULL), copy = aai_kernel_null();
    const bool straight = aa_is_contiguous(a);
    if (aa_is_null(&out)) {
        return out;
    }
    if (!straight) {
        copy = aa_copy(a);
        if (aa_is_null(&copy)) {
            aai_kernel_drop(&out);
            return out;
        }
    }
    aa_array first = straight ? *a : copy;
    first.ndim = 0;
    const walk w = {aa_count(a), {0, (int64_t)aa_dtype_size(a->dtype)}};
    walk_all(&out, &first, &w, s->body[aai_kernel_index(a->dtype)]);
    aai_kernel_drop(&copy);
    return out;
}

static aa_array find_borrowed(const search *s, const aa_array *a, int number)
{
    const bool all = number == AA_ALL_AXES;
    int axis = 0;
    if (!all && aai_kernel_axis(s->name, a, number, &axis) != AA_OK) {
        return aai_kernel_null();
    }
    int64_t results = 1;
    for (int i = 0; !all && i < a->ndim; ++i) {
        results *= i == axis ? 1 : a->shape[i];
    }
    if (aa_count(a) == 0 && results > 0) {
        (void)aai_fail(AA_INVALID, "%s: shape %s has no elements to take it of", s->name,
                       aai_kernel_shape(a).text);
        return aai_kernel_null();
    }
    return all ? find_in_all(s, a) : find_along(s, a, axis);
}

static aa_array find(const search *s, const aa_array *a, int axis)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, s->name, 1, (const aa_array *const[]){a}) == AA_OK) {
        out = find_borrowed(s, a, axis);
        aai_kernel_return(&use);
    }
    return out;
}

aa_array aa_argmax(const aa_array *a, int axis)
{
    return find(&argmax_search, a, axis);
}

aa_array aa_argmin(const aa_array *a, int axis)
{
    return find(&argmin_search, a, axis);
}

aa_array aa_cumsum(const aa_array *a, int axis)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    int number = 0;
    if (aai_kernel_borrow(&use, "aa_cumsum", 1, (const aa_array *const[]){a}) != AA_OK) {
        return out;
    }
    if (aai_kernel_axis(use.function, a, axis, &number) == AA_OK) {
        out = aa_similar(a);
    }
    if (!aa_is_null(&out) && aa_count(a) > 0) {
        const int64_t size = (int64_t)aa_dtype_size(a->dtype);
        const aa_array to = without_axis(&out, number), from = without_axis(a, number);
        const walk w = {a->shape[number],
                        {out.strides[number] * size, aai_kernel_stride(a, number) * size}};
        walk_all(&to, &from, &w, a->dtype == AA_F64 ? cumsum_f64 : cumsum_f32);
    }
    aai_kernel_return(&use);
    return out;
}
