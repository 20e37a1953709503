/* The body of AA_AT. Installed, undocumented. */
#ifndef ALLOCARRAYS_IMPL_AT_H
#define ALLOCARRAYS_IMPL_AT_H

#include <allocarrays/array.h>

/* Number of arguments, 1 (the array alone) to 9 (and 8 indices). */
#define AAI_NARGS(...) AAI_NARGS_(__VA_ARGS__, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define AAI_NARGS_(a1, a2, a3, a4, a5, a6, a7, a8, a9, n, ...) n

#define AAI_AT_(type, nargs, array, i, j, k, l, m, n, o, p, ...)                                   \
    aai_at((array), AAI_DTYPE_OF(type), sizeof(type), (nargs)-1, (int64_t)(i), (int64_t)(j),       \
           (int64_t)(k), (int64_t)(l), (int64_t)(m), (int64_t)(n), (int64_t)(o), (int64_t)(p),     \
           __FILE__, __LINE__)

enum { AAI_DTYPE_ANY = -1 }; /* a type with no dtype of its own: only its size is compared */

#ifdef __cplusplus
extern "C++" {
template <typename T> struct aai_dtype_of {
    enum { value = AAI_DTYPE_ANY };
};
#define AAI_DTYPE_IS(type, dtype)                                                                  \
    template <> struct aai_dtype_of<type> {                                                        \
        enum { value = dtype };                                                                    \
    };
AAI_DTYPE_IS(bool, AA_BOOL)
AAI_DTYPE_IS(signed char, AA_I8)
AAI_DTYPE_IS(unsigned char, AA_U8)
AAI_DTYPE_IS(short, AA_I16)
AAI_DTYPE_IS(unsigned short, AA_U16)
AAI_DTYPE_IS(int, AA_I32)
AAI_DTYPE_IS(unsigned, AA_U32)
AAI_DTYPE_IS(long, (sizeof(long) == 8 ? AA_I64 : AA_I32))
AAI_DTYPE_IS(unsigned long, (sizeof(long) == 8 ? AA_U64 : AA_U32))
AAI_DTYPE_IS(long long, AA_I64)
AAI_DTYPE_IS(unsigned long long, AA_U64)
AAI_DTYPE_IS(float, AA_F32)
AAI_DTYPE_IS(double, AA_F64)
#undef AAI_DTYPE_IS
}
#define AAI_DTYPE_OF(type) ((int)aai_dtype_of<type>::value)
#else
#define AAI_DTYPE_OF(type)                                                                         \
    _Generic((type *)0, _Bool *: AA_BOOL, signed char *: AA_I8, unsigned char *: AA_U8,            \
             short *: AA_I16, unsigned short *: AA_U16, int *: AA_I32, unsigned *: AA_U32,         \
             long *: (sizeof(long) == 8 ? AA_I64 : AA_I32),                                        \
             unsigned long *: (sizeof(long) == 8 ? AA_U64 : AA_U32), long long *: AA_I64,          \
             unsigned long long *: AA_U64, float *: AA_F32, double *: AA_F64,                      \
             float _Complex *: AA_C64, double _Complex *: AA_C128, default: AAI_DTYPE_ANY)
#endif

AAI_BEGIN_DECLS

typedef struct aai_index {
    int64_t at[AA_MAX_NDIM];
} aai_index;

/* Verify, report, and return the element or this thread's dummy. */
AA_API AAI_COLD void *aai_at_refused(const aa_array *array, int dtype, size_t size, int count,
                                     const aai_index *index, const char *file, int line);
/* Whether the memory is still there, rewinds looked through. */
AA_API AAI_COLD bool aai_at_valid(const aa_array *array);

/* The front of a cell (src/memory/memory.h): what an array compares with that no rewind came near. */
typedef struct aai_cell_front {
    uint64_t id, key;
    const struct aai_cell_front *home;
    uint64_t epoch, low;
} aai_cell_front;

/* Valid at a glance; false: look closer. Relaxed, as everywhere: the user's synchronisation orders. */
AAI_INLINE bool aai_at_fresh(const aa_array *array)
{
    const aai_validity *const validity = &array->validity;
    const aai_cell_front *const cell = (const aai_cell_front *)(const void *)validity->cell;
    if (cell == NULL) {
        return true; /* wrapped */
    }
    const aai_cell_front *const home = __atomic_load_n(&cell->home, __ATOMIC_RELAXED);
    return __atomic_load_n(&home->key, __ATOMIC_RELAXED) == validity->key &&
           (__atomic_load_n(&cell->epoch, __ATOMIC_RELAXED) == validity->epoch ||
            validity->ordinal < __atomic_load_n(&cell->low, __ATOMIC_RELAXED));
}

AAI_INLINE bool aai_at_typed(const aa_array *array, int dtype, size_t size, int count)
{
    return array->data != NULL && count == array->ndim &&
           (dtype == AAI_DTYPE_ANY ? size == aa_dtype_size(array->dtype)
                                   : dtype == (int)array->dtype);
}

/* One test of one axis: it is not asked for, or the index lies in it. */
#define AAI_AT_INSIDE(axis, index)                                                                 \
    (count <= (axis) || (uint64_t)(index) < (uint64_t)array->shape[axis])

/* Scalars, not an array: what a refusal would point to would be stored at every access. */
AAI_INLINE bool aai_at_inside(const aa_array *array, int count, int64_t i, int64_t j, int64_t k,
                              int64_t l, int64_t m, int64_t n, int64_t o, int64_t p)
{
    return AAI_AT_INSIDE(0, i) && AAI_AT_INSIDE(1, j) && AAI_AT_INSIDE(2, k) &&
           AAI_AT_INSIDE(3, l) && AAI_AT_INSIDE(4, m) && AAI_AT_INSIDE(5, n) &&
           AAI_AT_INSIDE(6, o) && AAI_AT_INSIDE(7, p);
}

AAI_INLINE void *aai_at(const aa_array *array, int dtype, size_t size, int count, int64_t i,
                        int64_t j, int64_t k, int64_t l, int64_t m, int64_t n, int64_t o, int64_t p,
                        const char *file, int line)
{
    if (AAI_UNLIKELY((array->flags & AAI_ARRAY_CHECKED) != 0) &&
        AAI_UNLIKELY(!(aai_at_typed(array, dtype, size, count) &&
                       aai_at_inside(array, count, i, j, k, l, m, n, o, p) &&
                       (aai_at_fresh(array) || aai_at_valid(array))))) {
        const aai_index refused = {{i, j, k, l, m, n, o, p}};
        return aai_at_refused(array, dtype, size, count, &refused, file, line);
    }
    const aai_index index = {{i, j, k, l, m, n, o, p}};
    int64_t offset = 0;
    for (int axis = 0; axis < count; ++axis) {
        offset += index.at[axis] * array->strides[axis];
    }
    return (char *)array->data + offset * (int64_t)size;
}

AAI_END_DECLS

#endif
