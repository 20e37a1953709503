/* Floor 7, array: what its files share: how an array is asked for, and how one is named in a report.
 *
 * It cannot know where memory comes from or when it goes: it asks the alloc floor.
 * Invariants of every array that is returned and not null, with size = aa_dtype_size(dtype):
 *     0 <= ndim <= AA_MAX_NDIM;  shape[k] >= 0;  shape[k] == strides[k] == 0 for k >= ndim
 *     size * product of max(shape[k], 1) <= PTRDIFF_MAX
 *     no extent is 0  =>  size * sum of |strides[k]| * (shape[k] - 1) <= PTRDIFF_MAX
 *     DENSE  =>  C order, its strides as form_of makes them;  OWNING  =>  DENSE, and data is what aai_alloc_born returned for size * product of shape[k] bytes
 *     dispatch_cell == NULL, or dispatch is alive exactly while dispatch_cell->id == dispatch_id
 *     owner_id is the id of validity.cell's home at birth: while the home has it, owner is alive (a private
 *     allocator's arena, whose home that may be, dies with it)
 * An array without OWNING borrows: a view, or wrapped memory. Plain copies of the struct, aa_bind and
 * aa_checked keep OWNING: they are the same array, and whichever is freed first stales the others.
 * No locks. */
#ifndef AAI_ARRAY_H
#define AAI_ARRAY_H

#include "alloc/alloc.h"

#include <allocarrays/checked.h>

/* How a public function asks for an array in C order. */
typedef struct aai_ask {
    const char *function;  /* its name, for messages */
    const void *made_at;   /* its return address */
    const aa_array *model; /* whose handle and checked property are inherited, NULL: none */
    aa_allocator
        *dispatch; /* the handle: the model's, or the caller's, who may have given anything */
    aa_dtype dtype;
    int ndim;
    const int64_t *shape;
} aai_ask;

#define AAI_ASK_LIKE(name, array, dtype_, ndim_, shape_)                                           \
    ((aai_ask){.function = (name),                                                                 \
               .made_at = __builtin_return_address(0),                                             \
               .model = (array),                                                                   \
               .dispatch = (array)->dispatch,                                                      \
               .dtype = (dtype_),                                                                  \
               .ndim = (ndim_),                                                                    \
               .shape = (shape_)})

static inline aa_array aai_array_null(void)
{
    return (aa_array){0};
}

/* ---- array.c ---------------------------------------------------------------------------------------- */

/* Whether an argument is an array that can be looked at; else AA_INVALID is recorded. Not validity. */
bool aai_array_given(const char *function, const aa_array *array);

/* Verify dtype, ndim and extents, and count the bytes of a C-order array. False: recorded. */
bool aai_shape_bytes(const char *function, aa_dtype dtype, int ndim, const int64_t *shape,
                     size_t *bytes);

/* Give an array a shape in C order, whose strides take an extent of 0 for 1. */
void aai_array_set_shape(aa_array *array, int ndim, const int64_t *shape);

/* An uninitialised array from the handle; from the heap, whatever the handle says. */
aa_array aai_array_make(const aai_ask *ask);
aa_array aai_array_make_on_heap(const aai_ask *ask);

/* ---- validity.c --------------------------------------------------------------------------------------- */

/* A sentence's subject: "array f64 (8, 100) made at prog+0x1234 (fill)". A value, to stand in an argument
 * list. */
typedef struct aai_array_text {
    char text[320];
} aai_array_text;
aai_array_text aai_array_describe(const aa_array *array);

/* A guarded allocator made an array: log it for the report of a stale access. */
void aai_array_note_birth(const aai_ask *ask, const void *data, size_t bytes);

/* "(8, 100)" */
aai_array_text aai_shape_describe(int ndim, const int64_t *shape);

/* The allocator that gave the memory if it is provably alive, else NULL. */
const aa_allocator *aai_array_owner(const aa_array *array);

/* Whether the memory is still there; else AA_USE_AFTER_RESET is reported, and the status AA_STALE. */
aa_status aai_array_require_valid(const aa_array *array, aai_site site);

#endif
