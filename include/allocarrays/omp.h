/* Typed OpenMP forms of the handle calls, for C++ (in C the integers of scope.h convert silently). Needs a
 * compiler whose <omp.h> has OpenMP 5.0's allocators. */
#ifndef ALLOCARRAYS_OMP_H
#define ALLOCARRAYS_OMP_H

#include <allocarrays/scope.h>
#include <omp.h>

/** aa_omp_handle as an omp_allocator_handle_t; omp_null_allocator on failure. Threads: any. */
AAI_INLINE omp_allocator_handle_t aa_omp_allocator(aa_allocator *allocator)
{
    return (omp_allocator_handle_t)aa_omp_handle(allocator);
}

/** aa_from_omp_handle of an omp_allocator_handle_t. Threads: any. */
AAI_INLINE aa_allocator *aa_from_omp_allocator(omp_allocator_handle_t handle)
{
    return aa_from_omp_handle((uintptr_t)handle);
}

#endif
