/* Tests of the kernels: arrays in every layout, and element access that knows nothing of kernels.
 */
#ifndef AA_TESTS_UNIT_TEST_KERNELS_H
#define AA_TESTS_UNIT_TEST_KERNELS_H

#include <allocarrays.h>
#include <allocarrays/kernels.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

/* How the elements of a test array lie in memory. */
typedef enum layout { IN_C_ORDER, TRANSPOSED, EVERY_SECOND, BACKWARDS, LAYOUTS } layout;

/* A loop test's number stands for a dtype and a layout. */
enum { CASES = 2 * LAYOUTS };

static inline aa_dtype dtype_of(int number)
{
    return number % 2 == 0 ? AA_F32 : AA_F64;
}

static inline layout layout_of(int number)
{
    return (layout)(number / 2);
}

/* How far a result may be from one computed in double, relative to numbers around 1. */
static inline double tolerance_of(aa_dtype dtype)
{
    return dtype == AA_F32 ? 2e-5 : 1e-12;
}

typedef struct place {
    int64_t at[AA_MAX_NDIM];
} place;

/* The place of element number k in C order. */
static inline place place_of(const aa_array *a, int64_t k)
{
    place p = {{0}};
    for (int axis = a->ndim - 1; axis >= 0; --axis) {
        p.at[axis] = k % a->shape[axis];
        k /= a->shape[axis];
    }
    return p;
}

static inline char *address_of(const aa_array *a, place p)
{
    int64_t offset = 0;
    for (int axis = 0; axis < a->ndim; ++axis) {
        offset += p.at[axis] * a->strides[axis];
    }
    return (char *)a->data + offset * (int64_t)aa_dtype_size(a->dtype);
}

static inline double get_at(const aa_array *a, place p)
{
    const void *const from = address_of(a, p);
    return a->dtype == AA_F64 ? *(const double *)from : (double)*(const float *)from;
}

static inline void set_at(const aa_array *a, place p, double value)
{
    void *const to = address_of(a, p);
    if (a->dtype == AA_F64) {
        *(double *)to = value;
    } else {
        *(float *)to = (float)value;
    }
}

/* Element number k in C order. */
static inline double get(const aa_array *a, int64_t k)
{
    return get_at(a, place_of(a, k));
}

/* The same number for the same k and seed: between 0.1 and 2.1, without a pattern, exact in a
 * float. */
static inline double some_value(int64_t k, int seed)
{
    const uint32_t mixed = (uint32_t)(k + 1) * 2654435761U + (uint32_t)seed * 40503U;
    return (double)(float)(0.1 + (double)((mixed >> 8) & 0xFFFFU) / 32768.0);
}

static inline void set_some_values(const aa_array *a, int seed)
{
    for (int64_t k = 0; k < aa_count(a); ++k) {
        set_at(a, place_of(a, k), some_value(k, seed));
    }
}

static inline aa_array view_transposed(const aa_array *stored)
{
    int axes[AA_MAX_NDIM];
    for (int axis = 0; axis < stored->ndim; ++axis) {
        axes[axis] = stored->ndim - 1 - axis;
    }
    return aa_permute(stored, axes);
}

static inline aa_array view_strided(const aa_array *stored, int64_t step)
{
    aa_range ranges[AA_MAX_NDIM];
    for (int axis = 0; axis < stored->ndim; ++axis) {
        ranges[axis] = (aa_range){AA_OPEN, AA_OPEN, step};
    }
    return aa_slice(stored, ranges);
}

/* Make an array with some values in a layout. Its memory is the heap's, forgotten at the test's
 * end. */
static inline aa_array make(aa_dtype dtype, layout how, int seed, int ndim, const int64_t *shape)
{
    int64_t stored_shape[AA_MAX_NDIM] = {0};
    for (int axis = 0; axis < ndim; ++axis) {
        stored_shape[axis] = how == TRANSPOSED ? shape[ndim - 1 - axis] : shape[axis];
        stored_shape[axis] *= how == EVERY_SECOND ? 2 : 1;
    }
    const aa_array stored = aa_empty(AA_CURRENT, dtype, ndim, stored_shape);
    aa_array made = stored;
    if (how == TRANSPOSED) {
        made = view_transposed(&stored);
    } else if (how != IN_C_ORDER) {
        made = view_strided(&stored, how == EVERY_SECOND ? 2 : -1);
    }
    ck_assert(!aa_is_null(&made));
    set_some_values(&made, seed);
    return made;
}

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})
#define NDIM(...) ((int)(sizeof SHAPE(__VA_ARGS__) / sizeof(int64_t)))
/* MAKE(dtype, layout, seed, extents...) */
#define MAKE(dtype, how, seed, ...) make(dtype, how, seed, NDIM(__VA_ARGS__), SHAPE(__VA_ARGS__))

static inline void check_shape(const aa_array *a, int ndim, const int64_t *shape)
{
    ck_assert_msg(!aa_is_null(a), "a null array: %s", aa_last_message());
    ck_assert_int_eq(a->ndim, ndim);
    for (int axis = 0; axis < ndim; ++axis) {
        ck_assert_int_eq(a->shape[axis], shape[axis]);
    }
}
#define CHECK_SHAPE(array, ...) check_shape((array), NDIM(__VA_ARGS__), SHAPE(__VA_ARGS__))

/* check is told of a failure alone: a word to it for each of a million elements takes longer than a kernel. */
static inline void check_near(double got, double wanted, double tolerance, int64_t k)
{
    const bool both_nan = isnan(got) && isnan(wanted);
    const double scale = fabs(wanted) > 1 ? fabs(wanted) : 1;
    if (!both_nan && got != wanted && !(fabs(got - wanted) <= tolerance * scale)) {
        ck_abort_msg("element %lld is %.17g, not %.17g", (long long)k, got, wanted);
    }
}

/* What every refusal is: a null array, the status, and a message that has each of the texts. */
static inline void check_refused(const aa_array *result, aa_status status, const char *one,
                                 const char *two)
{
    ck_assert(aa_is_null(result));
    ck_assert_str_eq(aa_status_name(aa_last_status()), aa_status_name(status));
    ck_assert_msg(strstr(aa_last_message(), one) != NULL, "'%s' lacks '%s'", aa_last_message(),
                  one);
    ck_assert_msg(strstr(aa_last_message(), two) != NULL, "'%s' lacks '%s'", aa_last_message(),
                  two);
}

static inline bool same_bytes(const aa_array *a, const aa_array *b)
{
    return aa_count(a) == aa_count(b) &&
           memcmp(a->data, b->data, (size_t)aa_count(a) * aa_dtype_size(a->dtype)) == 0;
}

#endif
