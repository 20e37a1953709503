/* Checked arrays and checked element access. */
#ifndef ALLOCARRAYS_CHECKED_H
#define ALLOCARRAYS_CHECKED_H

#include <allocarrays/array.h>
#include <allocarrays/impl/at.h>

AAI_BEGIN_DECLS

/**
 * Make a checked array of the same memory, of any array: AA_AT on it verifies validity, dtype and bounds each
 * time, kernels pin it while they run, and whatever is made from it is checked too. No copy. Null array with
 * AA_INVALID for a null array. Cost: a copy of the struct. Threads: any.
 * Source: AllocArrays.jl's CheckedAllocArray(x).
 */
AA_API aa_array aa_checked(const aa_array *array);

/** Say whether an array is checked. Threads: any. */
AAI_INLINE bool aa_is_checked(const aa_array *array)
{
    return array != NULL && (array->flags & AAI_ARRAY_CHECKED) != 0;
}

/**
 * AA_AT(type, array, i, j, ...): an lvalue, element (i, j, ...) of an `aa_array *`; one index per axis
 * (up to 8; ndim 0: none). The array expression is evaluated once.
 * On a checked array: AA_USE_AFTER_RESET, or AA_OUT_OF_BOUNDS for a wrong type, number of indices or index
 * (negative ones do not wrap); if the handler returns, the lvalue is a zeroed dummy of this thread.
 * On an unchecked one nothing is verified and the cost is that of pointer arithmetic.
 * Threads: any; as any memory access.
 */
#define AA_AT(type, ...)                                                                           \
    (*(type *)AAI_AT_(type, AAI_NARGS(__VA_ARGS__), __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0))

AAI_END_DECLS

#endif
