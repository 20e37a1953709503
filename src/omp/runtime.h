/* Side library omp: the OpenMP runtime's own allocation calls, which stand behind ours. */
#ifndef AAI_OMP_RUNTIME_H
#define AAI_OMP_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

/* Handles are integers here: an enum of that size in omp.h, the same registers in every ABI of ours. */
enum { AAI_OMP_NULL = 0, AAI_OMP_DEFAULT_MEM = 1, AAI_OMP_PREDEFINED_MAX = 1024 };

/* name in the runtime, member, result, parameters */
#define AAI_RUNTIME_LIST(X)                                                                        \
    X(omp_alloc, alloc, void *, (size_t, uintptr_t))                                               \
    X(omp_aligned_alloc, aligned_alloc, void *, (size_t, size_t, uintptr_t))                       \
    X(omp_calloc, calloc, void *, (size_t, size_t, uintptr_t))                                     \
    X(omp_aligned_calloc, aligned_calloc, void *, (size_t, size_t, size_t, uintptr_t))             \
    X(omp_realloc, realloc, void *, (void *, size_t, uintptr_t, uintptr_t))                        \
    X(omp_free, free, void, (void *, uintptr_t))                                                   \
    X(omp_destroy_allocator, destroy_allocator, void, (uintptr_t))                                 \
    X(GOMP_alloc, gomp_alloc, void *, (size_t, size_t, uintptr_t))                                 \
    X(GOMP_free, gomp_free, void, (void *, uintptr_t))                                             \
    X(__kmpc_alloc, kmpc_alloc, void *, (int, size_t, uintptr_t))                                  \
    X(__kmpc_aligned_alloc, kmpc_aligned_alloc, void *, (int, size_t, size_t, uintptr_t))          \
    X(__kmpc_calloc, kmpc_calloc, void *, (int, size_t, size_t, uintptr_t))                        \
    X(__kmpc_realloc, kmpc_realloc, void *, (int, void *, size_t, uintptr_t, uintptr_t))           \
    X(__kmpc_free, kmpc_free, void, (int, void *, uintptr_t))

typedef struct aai_runtime {
#define AAI_MEMBER(name, member, result, parameters) result(*member) parameters;
    AAI_RUNTIME_LIST(AAI_MEMBER)
#undef AAI_MEMBER
} aai_runtime;

/* All of them, NULL for those that the runtime lacks: libgomp has no __kmpc calls. */
const aai_runtime *aai_runtime_find(void);
extern const aai_runtime *aai_runtime_known; /* NULL before the first look */

/* Say which call is missing, and end the process: no program can be linked without it but for this library. */
_Noreturn void aai_runtime_missing(const char *name);

/* NULL, or a table with at least alloc and free. */
static inline const aai_runtime *aai_runtime_peek(void)
{
    /* acquire: pairs with the release in aai_runtime_find */
    return __atomic_load_n(&aai_runtime_known, __ATOMIC_ACQUIRE);
}

static inline const aai_runtime *aai_runtime_get(void)
{
    const aai_runtime *const known = aai_runtime_peek();
    return __builtin_expect(known != NULL, 1) ? known : aai_runtime_find();
}

/* Each call by its member's name: aai_their_free()(p, handle), ... */
#define AAI_THEIR(name, member, result, parameters)                                                \
    static inline __typeof__(((aai_runtime *)0)->member) aai_their_##member(void)                  \
    {                                                                                              \
        const aai_runtime *const runtime = aai_runtime_get();                                      \
        if (__builtin_expect(runtime->member == NULL, 0)) {                                        \
            aai_runtime_missing(#name);                                                            \
        }                                                                                          \
        return runtime->member;                                                                    \
    }
AAI_RUNTIME_LIST(AAI_THEIR)
#undef AAI_THEIR

#endif
