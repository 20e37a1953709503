/* Floor 7, array: copies in C order: to the array's handle, or to the heap.
 *
 * It cannot see what the elements mean: any dtype is so many bytes. Unaligned wrapped memory is fine.
 * The source is walked as rows: axes of extent 1 are dropped and neighbours merged where the outer steps
 * evenly over the inner, so that a contiguous array is one row. Extents, steps and order of the elements
 * stay those of the array. No locks. */
#include "array/array.h"

/* Rows of extent[ndim - 1] elements; steps in bytes. ndim >= 1. */
typedef struct walk {
    int ndim;
    int64_t extent[AA_MAX_NDIM], step[AA_MAX_NDIM];
    int64_t at[AA_MAX_NDIM]; /* the odometer, below ndim - 1 */
} walk;

static void add_axis(walk *w, int64_t extent, int64_t step)
{
    const int last = w->ndim - 1;
    int64_t across;
    if (w->ndim > 0 && !__builtin_mul_overflow(step, extent, &across) && w->step[last] == across) {
        w->extent[last] *= extent;
        w->step[last] = step;
        return;
    }
    w->extent[w->ndim] = extent;
    w->step[w->ndim] = step;
    ++w->ndim;
}

/* Of an array that has elements. */
static walk walk_over(const aa_array *array)
{
    const int64_t size = (int64_t)aa_dtype_size(array->dtype);
    walk w = {.ndim = 0};
    for (int axis = 0; axis < array->ndim; ++axis) {
        if (array->shape[axis] != 1) { /* the stride of an extent of 1 may be anything */
            add_axis(&w, array->shape[axis], array->strides[axis] * size);
        }
    }
    if (w.ndim == 0) {
        w.extent[0] = 1;
        w.step[0] = size;
        w.ndim = 1;
    }
    return w;
}

/* Called with a constant size, so that each element is one load and one store. */
AAI_INLINE void gather_sized(char *to, const char *from, int64_t count, int64_t step, size_t size)
{
    for (int64_t i = 0; i < count; ++i) {
        memcpy(to + (size_t)i * size, from + i * step, size);
    }
}

static void gather(char *to, const char *from, int64_t count, int64_t step, size_t size)
{
    if (step == (int64_t)size) {
        memcpy(to, from, (size_t)count * size);
        return;
    }
    switch (size) {
    case 1:
        gather_sized(to, from, count, step, 1);
        break;
    case 2:
        gather_sized(to, from, count, step, 2);
        break;
    case 4:
        gather_sized(to, from, count, step, 4);
        break;
    case 8:
        gather_sized(to, from, count, step, 8);
        break;
    default:
        gather_sized(to, from, count, step, size);
        break;
    }
}

/* Step the odometer to the next row; false after the last. */
static bool next_row(walk *w, const char **from)
{
    for (int axis = w->ndim - 2; axis >= 0; --axis) {
        if (++w->at[axis] < w->extent[axis]) {
            *from += w->step[axis];
            return true;
        }
        *from -= (w->extent[axis] - 1) * w->step[axis];
        w->at[axis] = 0;
    }
    return false;
}

static void copy_elements(const aa_array *to, const aa_array *from)
{
    if (aa_count(from) == 0) {
        return;
    }
    const size_t size = aa_dtype_size(from->dtype);
    walk w = walk_over(from);
    const int64_t count = w.extent[w.ndim - 1];
    const int64_t step = w.step[w.ndim - 1];
    const char *source = from->data;
    char *target = to->data;
    do {
        gather(target, source, count, step, size);
        target += (size_t)count * size;
    } while (next_row(&w, &source));
}

/* Whether an array can be copied; else the failure is recorded, or reported when it is stale. */
static bool is_source(const char *function, const aa_array *array)
{
    return aai_array_given(function, array) &&
           aai_array_require_valid(array, (aai_site){function, NULL, 0}) == AA_OK;
}

aa_array aa_copy(const aa_array *array)
{
    if (!is_source("aa_copy", array)) {
        return aai_array_null();
    }
    const aai_ask ask = AAI_ASK_LIKE("aa_copy", array, array->dtype, array->ndim, array->shape);
    const aa_array made = aai_array_make(&ask);
    if (!aa_is_null(&made)) {
        copy_elements(&made, array);
    }
    return made;
}

/* The handle is inherited, not asked: that its allocator is gone does not matter here. */
aa_array aa_materialize(const aa_array *array)
{
    if (!is_source("aa_materialize", array)) {
        return aai_array_null();
    }
    const aai_ask ask =
        AAI_ASK_LIKE("aa_materialize", array, array->dtype, array->ndim, array->shape);
    const aa_array made = aai_array_make_on_heap(&ask);
    if (!aa_is_null(&made)) {
        copy_elements(&made, array);
    }
    return made;
}
