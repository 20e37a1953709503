/* Kernels: what every kernel file shares: borrowing arguments, saying what is wrong, running loops.
 *
 * The kernels stand beside the core: they include public headers and this folder, nothing else.
 *
 * A kernel call goes: borrow the arguments (validity once; checked ones pinned) -> verify dtypes
 * and shapes -> make the result and the temporaries with aa_similar / aa_similar_as -> compute,
 * which cannot fail -> free the temporaries in reverse order -> return the arguments. So a failure
 * has nothing to undo but what was allocated, and nothing was written.
 *
 * No locks here; blas.c has the only one.
 */
#ifndef AAI_KERNELS_KERNEL_H
#define AAI_KERNELS_KERNEL_H

#include <allocarrays/array.h>
#include <allocarrays/checked.h>
#include <allocarrays/impl/fail.h>
#include <allocarrays/kernels.h>

enum { AAI_KERNEL_OPERANDS = 6 };

/* The arguments of one call: array[0 .. count) are valid, and pinned where checked, from borrow to
 * return. at[i] is what aa_data(array[i]) said. */
typedef struct aai_kernel_use {
    const char *function; /* the public name, for messages */
    int count;
    const aa_array *array[AAI_KERNEL_OPERANDS];
    char *at[AAI_KERNEL_OPERANDS];
} aai_kernel_use;

/* Borrow arguments of any dtypes; none on failure. AA_INVALID, AA_STALE. */
aa_status aai_kernel_borrow_mixed(aai_kernel_use *use, const char *function, int count,
                                  const aa_array *const *arrays);

/* Borrow arguments of one dtype; none on failure. AA_INVALID, AA_STALE, AA_MISMATCH. */
aa_status aai_kernel_borrow_any(aai_kernel_use *use, const char *function, int count,
                                const aa_array *const *arrays);

/* The same, of dtype AA_F32 or AA_F64; AA_UNSUPPORTED otherwise. */
aa_status aai_kernel_borrow(aai_kernel_use *use, const char *function, int count,
                            const aa_array *const *arrays);

/* Verify that a dtype is AA_F32 or AA_F64. AA_UNSUPPORTED. */
aa_status aai_kernel_check_real(const char *function, aa_dtype dtype);

void aai_kernel_return(const aai_kernel_use *use);

/* A shape as text, "(3, 4)"; a value, so that it can stand in an argument list. */
typedef struct aai_kernel_text {
    char text[AA_MAX_NDIM * 22 + 3];
} aai_kernel_text;

aai_kernel_text aai_kernel_shape(const aa_array *array);

/* Fail with AA_MISMATCH: "<function>: shapes <a> and <b> <what>". */
aa_status aai_kernel_mismatch(const aai_kernel_use *use, const aa_array *a, const aa_array *b,
                              const char *what);

/* Resolve an axis by number, negative ones from the end: 0 to ndim - 1. AA_INVALID. */
aa_status aai_kernel_axis(const char *function, const aa_array *array, int number, int *axis);

/* Broadcast the shapes of two arrays. shape has room for AA_MAX_NDIM extents. Returns ndim, -1 when
 * they do not go. */
int aai_kernel_broadcast(const aa_array *a, const aa_array *b, int64_t *shape);

/* Whether writing argument 0 could change another argument before it is read: they overlap, and not
 * element for element. Compares address ranges, so it may say true of interleaved views. */
bool aai_kernel_overlaps(const aai_kernel_use *use);

/* Verify that argument 0 can be written: no two of its elements at one address (a stride of 0). */
aa_status aai_kernel_writable(const aai_kernel_use *use);

static inline bool aai_kernel_same_shape(const aa_array *a, int ndim, const int64_t *shape)
{
    if (a->ndim != ndim) {
        return false;
    }
    for (int axis = 0; axis < ndim; ++axis) {
        if (a->shape[axis] != shape[axis]) {
            return false;
        }
    }
    return true;
}

/* Elements from one of an axis to the next: 0 where there is no next, for that stride may be any number. */
static inline int64_t aai_kernel_stride(const aa_array *a, int axis)
{
    return a->shape[axis] > 1 ? a->strides[axis] : 0;
}

/* Free a temporary or a result of this call: made by it, pinned by nobody, so this cannot fail. */
static inline void aai_kernel_drop(aa_array *array)
{
    (void)aa_array_free(array);
}

static inline aa_array aai_kernel_null(void)
{
    return (aa_array){0};
}

/* One dtype's worth of a table: index 0 for float, 1 for double. */
static inline int aai_kernel_index(aa_dtype dtype)
{
    return dtype == AA_F64 ? 1 : 0;
}

/* A strided loop over one shape with up to AAI_KERNEL_OPERANDS operands, broadcast to it.
 *
 *     axis        0 .. ndim - 2                       ndim - 1
 *                 rows, stepped like an odometer      handed to the body as a whole (or in pieces)
 *
 * Axes of extent 1 are dropped and neighbours are merged where every operand steps evenly over
 * both, so contiguous operands make one row. Work is cut into blocks that depend on shape and
 * strides only. */
typedef struct aai_kernel_loop {
    int operands, ndim;
    int64_t extent[AA_MAX_NDIM];
    int64_t step[AAI_KERNEL_OPERANDS][AA_MAX_NDIM]; /* bytes */
    char *at[AAI_KERNEL_OPERANDS];
    int64_t cost;  /* of an element, about: 1 = adding two floats in cache; at least 1 */
    int64_t least; /* positions that a block has at least, if there are as many; 1 unless set */
} aai_kernel_loop;

/* Work on count positions: operand i starts at at[i] and moves by step[i] bytes. Runs on any
 * thread. */
typedef void aai_kernel_body(int64_t count, char *const *at, const int64_t *step,
                             const void *context);

void aai_kernel_loop_init(aai_kernel_loop *loop, int ndim, const int64_t *shape, int64_t cost);

/* Add the next operand: array's strides, aligned at the last axis, extents of 1 repeated; at: its
 * data. */
void aai_kernel_loop_add(aai_kernel_loop *loop, const aa_array *array, char *at);

/* So many steps as a cost; above 1e9 all count the same. */
static inline int64_t aai_kernel_cost(double steps)
{
    return (int64_t)(steps < 1e9 ? steps : 1e9);
}

/* Run body over the whole shape, each position once; in a parallel region where that pays. */
void aai_kernel_loop_run(aai_kernel_loop *loop, aai_kernel_body *body, const void *context);

/* Run one set of bodies over arguments of equal shapes or broadcast to argument 0. */
void aai_kernel_apply(const aai_kernel_use *use, aai_kernel_body *body, int64_t cost,
                      const void *context);

/* The body that copies operand 1 to operand 0, elements of any dtype. Its context is not read. */
aai_kernel_body *aai_kernel_copy_body(aa_dtype dtype);

/* Threads that a region opened here would get; 1 where nested regions are off. */
int aai_kernel_threads(void);

/* The calling thread's number in the innermost region, below the number asked for there. */
int aai_kernel_thread(void);

/* Whether `cost` units of work repay the start of a region. */
bool aai_kernel_pays(int64_t cost);

#endif
