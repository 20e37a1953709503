/* Arrays: strided views over memory that carry an allocator handle and their validity. */
#ifndef ALLOCARRAYS_ARRAY_H
#define ALLOCARRAYS_ARRAY_H

#include <allocarrays/allocator.h>
#include <allocarrays/scope.h>

AAI_BEGIN_DECLS

/* name, bytes per element, the C type */
#define AA_DTYPE_LIST(X)                                                                           \
    X(AA_BOOL, 1, "bool")                                                                          \
    X(AA_I8, 1, "i8")                                                                              \
    X(AA_I16, 2, "i16")                                                                            \
    X(AA_I32, 4, "i32")                                                                            \
    X(AA_I64, 8, "i64")                                                                            \
    X(AA_U8, 1, "u8")                                                                              \
    X(AA_U16, 2, "u16")                                                                            \
    X(AA_U32, 4, "u32")                                                                            \
    X(AA_U64, 8, "u64")                                                                            \
    X(AA_F32, 4, "f32")                                                                            \
    X(AA_F64, 8, "f64")                                                                            \
    X(AA_C64, 8, "c64")                                                                            \
    X(AA_C128, 16, "c128")

/** Element types; AA_C64 is two floats, AA_C128 two doubles. */
typedef enum aa_dtype {
#define AAI_ENUM(name, bytes, text) name,
    AA_DTYPE_LIST(AAI_ENUM)
#undef AAI_ENUM
} aa_dtype;

enum { AA_MAX_NDIM = 8 };

/** One axis of a slice, as Python's start:stop:step; negative start and stop count from the end. */
typedef struct aa_range {
    int64_t start, stop, step; /* indices; step is not 0 */
} aa_range;

/** An end of a range left open, as Python's `:`. */
#define AA_OPEN INT64_MIN
/** The whole axis. */
#define AA_ALL (AAI_STRUCT(aa_range){AA_OPEN, AA_OPEN, 1})

/* Whether the memory an array was given is still its own; see src/README.md, "Epoch". cell NULL:
 * wrapped memory, valid as long as the caller says so. */
typedef struct aai_validity {
    const struct aai_cell *cell;
    uint64_t key, epoch, ordinal;
} aai_validity;

enum { AAI_ARRAY_CHECKED = 1, AAI_ARRAY_OWNING = 2, AAI_ARRAY_DENSE = 4 };

/**
 * An array: a value. Fields are for reading. Element (i, j, ...) lies at
 * data + (i * strides[0] + j * strides[1] + ...) elements. A null array has data == NULL; an empty one
 * (an extent of 0) has not. Pass by pointer, return by value.
 */
typedef struct aa_array {
    void *data;                   /* of the first element; NULL: a null array */
    aa_dtype dtype;               /* type of the elements */
    int ndim;                     /* number of axes, 0 to AA_MAX_NDIM */
    int64_t shape[AA_MAX_NDIM];   /* extents, in elements */
    int64_t strides[AA_MAX_NDIM]; /* in elements; may be negative or zero in views */
    aa_allocator *owner;          /* who gave the memory; NULL: wrapped or null */
    aa_allocator *dispatch;       /* whom aa_similar asks: AA_CURRENT or an allocator */
    aai_validity validity;        /* what aa_is_valid compares; private, as all below */
    const struct aai_cell
        *dispatch_cell;   /* with dispatch_id: is the allocator of `dispatch` alive */
    uint64_t dispatch_id; /* of the allocator of `dispatch` */
    uint64_t
        owner_id; /* of validity.cell's home at birth: while the home has it, the owner is alive */
    const void *made_at; /* the address of the call that made it */
    unsigned flags;      /* checked, owning, dense */
} aa_array;

/** Say whether an array is null: what a failed array-returning call returns. NULL pointer: true. Threads: any. */
AAI_INLINE bool aa_is_null(const aa_array *array)
{
    return array == NULL || array->data == NULL;
}

/** Bytes per element of a dtype; 0 for an unknown one. Threads: any. */
AA_API size_t aa_dtype_size(aa_dtype dtype);

/** Name of a dtype, such as "f64"; "?" for an unknown one. Threads: any. */
AA_API const char *aa_dtype_name(aa_dtype dtype);

/** Number of elements (1 for ndim 0); 0 for a null array. Threads: any. */
AA_API int64_t aa_count(const aa_array *array);

/** Say whether the elements lie in C order without gaps (true for empty arrays). Threads: any. */
AA_API bool aa_is_contiguous(const aa_array *array);

/**
 * Make an uninitialised array in C order.
 * dispatch: AA_CURRENT or an allocator; kept as the array's handle. ndim: 0 (a scalar) to AA_MAX_NDIM.
 * shape: ndim extents >= 0 (ignored when ndim is 0). Returns a null array with AA_INVALID, AA_OVERFLOW
 * (the message names the axis), AA_NOMEM, AA_STALE; AA_THREAD after AA_FOREIGN_THREAD when the current
 * allocator is another thread's arena. Cost: one aa_alloc and some 10 ns. Threads: as aa_alloc.
 */
AA_API aa_array aa_empty(aa_allocator *dispatch, aa_dtype dtype, int ndim, const int64_t *shape);

/** Make an array as aa_empty does, all bytes zero. Fails as aa_empty. Cost: plus writing it. Threads: as aa_alloc. */
AA_API aa_array aa_zeros(aa_allocator *dispatch, aa_dtype dtype, int ndim, const int64_t *shape);

/**
 * Make an array as aa_empty does, every element a copy of *value (of that dtype). Fails as aa_empty; AA_INVALID for
 * a NULL value. Cost: plus writing it. Threads: as aa_alloc.
 */
AA_API aa_array aa_full(aa_allocator *dispatch, aa_dtype dtype, int ndim, const int64_t *shape,
                        const void *value);

/**
 * Make an array over the caller's memory: no copy, never freed, valid as long as the caller says so.
 * Its handle is AA_CURRENT. strides: in elements, NULL = C order; those of an empty array are not looked at: it is in
 * C order. Null array with AA_INVALID (NULL data, a shape as in aa_empty), AA_OVERFLOW (an element would lie outside the
 * address space). Cost: some ns. Threads: any. Source: AllocArrays.jl's AllocArray(x).
 */
AA_API aa_array aa_wrap(void *data, aa_dtype dtype, int ndim, const int64_t *shape,
                        const int64_t *strides);

/**
 * Make an uninitialised array of the same dtype and shape, in C order, from the array's handle:
 * AA_CURRENT resolves now. Inherits the handle and the checked property. Fails as aa_empty.
 * Cost: at most some 20 ns with a bump allocator. Threads: as aa_alloc. Source: Julia's `similar`.
 */
AA_API aa_array aa_similar(const aa_array *array);

/**
 * Make an array as aa_similar does, with another dtype and shape. Fails as aa_empty. Cost, Threads: as aa_similar.
 */
AA_API aa_array aa_similar_as(const aa_array *array, aa_dtype dtype, int ndim,
                              const int64_t *shape);

/**
 * Give the same memory another handle (AA_CURRENT or an allocator): what aa_similar of the result will ask. No copy.
 * Null array with AA_INVALID (null array, NULL allocator), AA_STALE after AA_USE_AFTER_RESET (a destroyed allocator).
 * Cost: a copy of the struct. Threads: any. Source: Julia's Adapt.
 */
AA_API aa_array aa_bind(const aa_array *array, aa_allocator *dispatch);

/**
 * Copy the elements to a new array in C order from the array's handle. Inherits as aa_similar. Null array as
 * aa_empty, with AA_INVALID (a null array), AA_STALE after AA_USE_AFTER_RESET (the source is gone).
 * Cost: aa_similar and a copy; one memcpy when contiguous. Threads: as aa_alloc.
 */
AA_API aa_array aa_copy(const aa_array *array);

/**
 * Copy the elements to a new array in C order on the heap, to outlive scopes and resets; no scratch takes it back:
 * end it with aa_array_free. Inherits the handle and the checked property. Fails as aa_copy.
 * Cost: an allocation of the C heap and a copy. Threads: any.
 */
AA_API aa_array aa_materialize(const aa_array *array);

/**
 * Give an array's memory back and make the variable null. Heap: the memory is freed, copies and views go
 * stale. Bump: taken back when it is the thread's newest block (copies and views go stale), else
 * forgotten until reset. Views and wrapped arrays: only the variable is nulled. A null array is fine.
 * AA_INVALID for a NULL pointer; AA_STALE after AA_USE_AFTER_RESET when the memory was gone already; AA_BUSY after
 * AA_RESET_IN_USE when pinned; unchanged then. Custom: passed to the free method, copies and views go stale.
 * Cost: as aa_free. Threads: as aa_alloc; heap and custom any.
 */
AA_API aa_status aa_array_free(aa_array *array);

/**
 * The same elements in C order under another shape; one extent may be -1. Never copies: a view that is not
 * contiguous is AA_UNSUPPORTED (aa_copy first). Null array with AA_INVALID for a wrong count or two -1.
 * Cost: some ns. Threads: any.
 */
AA_API aa_array aa_reshape(const aa_array *array, int ndim, const int64_t *shape);

/**
 * A strided view: per_axis holds ndim ranges. Negative start and stop count from the end, AA_OPEN leaves an
 * end open, a negative step walks backwards; start == extent is empty. AA_BOUNDS beyond the axis,
 * AA_INVALID for step 0, as null arrays. Cost: some ns. Threads: any.
 */
AA_API aa_array aa_slice(const aa_array *array, const aa_range *per_axis);

/**
 * Reorder the axes of a view: axis k of the result is axes[k]. Null array with AA_INVALID when axes is not a
 * permutation of 0 .. ndim - 1. Cost: some ns. Threads: any.
 */
AA_API aa_array aa_permute(const aa_array *array, const int *axes);

/** Say whether the memory is still the array's own. Null: false. No report. Cost: two compares. Threads: any. */
AA_API bool aa_is_valid(const aa_array *array);

/**
 * Borrow the data pointer. NULL after AA_USE_AFTER_RESET if the memory was taken back; NULL with AA_INVALID
 * for a null array. Cost: two compares; after a rewind below the newest arrays, a lock. Threads: any.
 */
AA_API void *aa_data(const aa_array *array);

/**
 * Declare an array in use: until aa_unpin a reset, rewind or free of its memory is refused with
 * AA_RESET_IN_USE. Counts: pins nest, across threads. AA_OK; AA_STALE after AA_USE_AFTER_RESET; AA_INVALID (a null
 * array); AA_NOMEM. Wrapped memory: AA_OK, no effect. Cost: a lock, O(arrays pinned now). Threads: any.
 */
AA_API aa_status aa_pin(const aa_array *array);

/** End one aa_pin. Fails as aa_pin; AA_ORDER when the array is not pinned. Cost: as aa_pin. Threads: any. */
AA_API aa_status aa_unpin(const aa_array *array);

AAI_END_DECLS

#endif
