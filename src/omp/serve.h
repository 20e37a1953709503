/* Side library omp: whom a call asks, us or the runtime, and what is served from here. */
#ifndef AAI_OMP_SERVE_H
#define AAI_OMP_SERVE_H

#include "runtime.h"

#include <allocarrays/impl/serve.h>

/* Whether a call is the runtime's by the sieves alone: then it is passed on at once, by a jump. */
static inline bool aai_passes(uintptr_t handle)
{
    return handle != AAI_OMP_NULL && !aai_serve_may_know(handle);
}

/* Whom a handle asks. The runtime's are mostly told apart without a call. */
static inline aai_whose aai_ask(uintptr_t handle, const char *function, aa_allocator **allocator)
{
    return aai_passes(handle) ? AAI_THEIRS : aai_serve_find(handle, function, allocator);
}

/* Whether a handle may be what is left of one that was cut to an int. */
static inline bool aai_looks_cut(uintptr_t handle)
{
    return handle > AAI_OMP_PREDEFINED_MAX &&
           (handle == (uint32_t)handle || handle == (uintptr_t)(int32_t)handle);
}

/* The same for what an allocate clause or directive hands over: a handle that its compiler cut to an int is
 * recognised, and said. Found or not, *handle is the one to go on with. */
aai_whose aai_ask_clause(uintptr_t *handle, const char *function, aa_allocator **allocator);

/* calloc for one of ours. */
void *aai_serve_zeroed(aa_allocator *allocator, size_t count, size_t bytes, size_t alignment);

/* An allocation by a clause that cannot fail, for its code does not look: a refusal ends the process. */
void *aai_serve_clause(aa_allocator *allocator, aai_whose whose, size_t bytes, size_t alignment);

/* The same for a free. */
static inline bool aai_passes_free(const void *pointer, uintptr_t handle)
{
    return !aai_serve_may_own(pointer) &&
           (handle <= AAI_OMP_PREDEFINED_MAX || !aai_serve_may_know(handle));
}

/* Free, if it is ours or must be refused. False: the runtime's, to be passed on with *handle. */
bool aai_serve_freed(void *pointer, uintptr_t *handle, const char *function);

/* The same for what a clause or directive of clang's frees, whose handle may be cut. */
bool aai_serve_freed_clause(void *pointer, uintptr_t *handle, const char *function);

/* What a realloc call says; `whole` passes it on to the runtime as it came. */
typedef struct aai_realloc_call {
    void *pointer;
    size_t bytes;
    uintptr_t handle, free_handle;
    int gtid;
    void *(*whole)(const struct aai_realloc_call *);
} aai_realloc_call;

void *aai_serve_realloc(aai_realloc_call *call, const char *function);

#endif
