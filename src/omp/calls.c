/* Side library omp: the calls that this library puts before the OpenMP runtime's: OpenMP's own, gcc's for the
 * allocate clause (GOMP_), and clang's for clause and directive (__kmpc_).
 *
 * Each passes what is not ours on to the runtime, as it came, and serves what is. With h a handle and p memory:
 *     h is ours iff the core made it (aa_omp_handle); omp_null_allocator: iff what is in scope is ours
 *     p is ours iff it came from an allocator of ours, whichever call took it and whatever handle frees it
 *     a handle of ours whose allocator is gone is refused after one report, never passed on
 * Any pair of calls goes together: what GOMP_alloc gave omp_free takes.
 *
 * Cannot know the size of what it frees: memory of a bump allocator that is not among the freeing thread's
 * latest allocations comes back at the next reset.
 *
 * Concurrency: this library has no state but the table of runtime.c. All calls may be made by any thread, at any
 * time: before main, in a forked child, while another thread makes the first. What orders a free after its
 * allocation on another thread is the program's own synchronisation. No locks.
 *
 * The names carry no symbol version, so that they also serve a program that was linked to the runtime's
 * versioned ones, when this library is preloaded. Not compiled with -fopenmp: it must not need a runtime. */
#include "serve.h"

#include <allocarrays/impl/base.h>

/* ---- OpenMP ---------------------------------------------------------------------------------------------- */

/* What is not decided by the sieves is out of line: the calls that pass on need no frame then, and only jump. */

/* The handle was not the one that this thread used last, or there is no room, or there is something to check. */
static __attribute__((noinline)) void *alloc_of_either(size_t bytes, uintptr_t handle)
{
    aa_allocator *ours;
    const aai_whose whose = aai_ask(handle, "omp_alloc", &ours);
    if (whose == AAI_OURS) {
        return bytes == 0 ? NULL : aai_serve_alloc(ours, bytes, 0);
    }
    return whose == AAI_THEIRS ? aai_their_alloc()(bytes, handle) : NULL;
}

AA_API void *omp_alloc(size_t bytes, uintptr_t handle);
AA_API void *omp_alloc(size_t bytes, uintptr_t handle)
{
    void *p;
    if (AAI_LIKELY(aai_serve_inline(handle, bytes, &p))) {
        return p;
    }
    const aai_runtime *const runtime = aai_runtime_peek();
    return runtime != NULL && aai_passes(handle) ? runtime->alloc(bytes, handle)
                                                 : alloc_of_either(bytes, handle);
}

AA_API void *omp_aligned_alloc(size_t alignment, size_t bytes, uintptr_t handle);
AA_API void *omp_aligned_alloc(size_t alignment, size_t bytes, uintptr_t handle)
{
    aa_allocator *ours;
    const aai_whose whose = aai_ask(handle, "omp_aligned_alloc", &ours);
    if (whose == AAI_OURS) {
        return bytes == 0 ? NULL : aai_serve_alloc(ours, bytes, alignment);
    }
    return whose == AAI_THEIRS ? aai_their_aligned_alloc()(alignment, bytes, handle) : NULL;
}

AA_API void *omp_calloc(size_t count, size_t bytes, uintptr_t handle);
AA_API void *omp_calloc(size_t count, size_t bytes, uintptr_t handle)
{
    aa_allocator *ours;
    const aai_whose whose = aai_ask(handle, "omp_calloc", &ours);
    if (whose == AAI_OURS) {
        return aai_serve_zeroed(ours, count, bytes, 0);
    }
    return whose == AAI_THEIRS ? aai_their_calloc()(count, bytes, handle) : NULL;
}

AA_API void *omp_aligned_calloc(size_t alignment, size_t count, size_t bytes, uintptr_t handle);
AA_API void *omp_aligned_calloc(size_t alignment, size_t count, size_t bytes, uintptr_t handle)
{
    aa_allocator *ours;
    const aai_whose whose = aai_ask(handle, "omp_aligned_calloc", &ours);
    if (whose == AAI_OURS) {
        return aai_serve_zeroed(ours, count, bytes, alignment);
    }
    return whose == AAI_THEIRS ? aai_their_aligned_calloc()(alignment, count, bytes, handle) : NULL;
}

static void *whole_realloc(const aai_realloc_call *call)
{
    return aai_their_realloc()(call->pointer, call->bytes, call->handle, call->free_handle);
}

AA_API void *omp_realloc(void *pointer, size_t bytes, uintptr_t handle, uintptr_t free_handle);
AA_API void *omp_realloc(void *pointer, size_t bytes, uintptr_t handle, uintptr_t free_handle)
{
    aai_realloc_call call = {.pointer = pointer,
                             .bytes = bytes,
                             .handle = handle,
                             .free_handle = free_handle,
                             .whole = whole_realloc};
    return aai_serve_realloc(&call, "omp_realloc");
}

static __attribute__((noinline)) void free_of_either(void *pointer, uintptr_t handle)
{
    if (!aai_serve_freed(pointer, &handle, "omp_free")) {
        aai_their_free()(pointer, handle);
    }
}

AA_API void omp_free(void *pointer, uintptr_t handle);
AA_API void omp_free(void *pointer, uintptr_t handle)
{
    if (AAI_LIKELY(aai_serve_undo(pointer))) {
        return;
    }
    const aai_runtime *const runtime = aai_runtime_peek();
    if (runtime != NULL && aai_passes_free(pointer, handle)) {
        runtime->free(pointer, handle);
    } else {
        free_of_either(pointer, handle);
    }
}

/* Our handles live for ever: the runtimes reuse a destroyed one's value. aa_destroy ends the allocator. */
AA_API void omp_destroy_allocator(uintptr_t handle);
AA_API void omp_destroy_allocator(uintptr_t handle)
{
    if (!aai_serve_knows(handle)) {
        aai_their_destroy_allocator()(handle);
    }
}

/* ---- gcc's allocate clause --------------------------------------------------------------------------------- */

/* gcc cuts no handle: one of the runtime's below 4 GiB, as a program has that is not position independent, is just that. */
static __attribute__((noinline)) void *gomp_alloc_of_either(size_t alignment, size_t bytes,
                                                            uintptr_t handle)
{
    aa_allocator *ours = NULL;
    const aai_whose whose = aai_ask(handle, "GOMP_alloc", &ours);
    return whose == AAI_THEIRS ? aai_their_gomp_alloc()(alignment, bytes, handle)
                               : aai_serve_clause(ours, whose, bytes, alignment);
}

AA_API void *GOMP_alloc(size_t alignment, size_t bytes, uintptr_t handle);
AA_API void *GOMP_alloc(size_t alignment, size_t bytes, uintptr_t handle)
{
    return aai_passes(handle) ? aai_their_gomp_alloc()(alignment, bytes, handle)
                              : gomp_alloc_of_either(alignment, bytes, handle);
}

static __attribute__((noinline)) void gomp_free_of_either(void *pointer, uintptr_t handle)
{
    if (!aai_serve_freed(pointer, &handle, "GOMP_free")) {
        aai_their_gomp_free()(pointer, handle);
    }
}

AA_API void GOMP_free(void *pointer, uintptr_t handle);
AA_API void GOMP_free(void *pointer, uintptr_t handle)
{
    if (aai_passes_free(pointer, handle)) {
        aai_their_gomp_free()(pointer, handle);
    } else {
        gomp_free_of_either(pointer, handle);
    }
}

/* ---- clang's allocate clause and directive ----------------------------------------------------------------- */

AA_API void *__kmpc_alloc(int thread, size_t bytes, uintptr_t handle);
AA_API void *__kmpc_alloc(int thread, size_t bytes, uintptr_t handle)
{
    aa_allocator *ours;
    const aai_whose whose = aai_ask_clause(&handle, "__kmpc_alloc", &ours);
    return whose == AAI_THEIRS ? aai_their_kmpc_alloc()(thread, bytes, handle)
                               : aai_serve_clause(ours, whose, bytes, 0);
}

AA_API void *__kmpc_aligned_alloc(int thread, size_t alignment, size_t bytes, uintptr_t handle);
AA_API void *__kmpc_aligned_alloc(int thread, size_t alignment, size_t bytes, uintptr_t handle)
{
    aa_allocator *ours;
    const aai_whose whose = aai_ask_clause(&handle, "__kmpc_aligned_alloc", &ours);
    return whose == AAI_THEIRS ? aai_their_kmpc_aligned_alloc()(thread, alignment, bytes, handle)
                               : aai_serve_clause(ours, whose, bytes, alignment);
}

AA_API void *__kmpc_calloc(int thread, size_t count, size_t bytes, uintptr_t handle);
AA_API void *__kmpc_calloc(int thread, size_t count, size_t bytes, uintptr_t handle)
{
    aa_allocator *ours;
    const aai_whose whose = aai_ask_clause(&handle, "__kmpc_calloc", &ours);
    if (whose == AAI_OURS) {
        return aai_serve_zeroed(ours, count, bytes, 0);
    }
    return whose == AAI_THEIRS ? aai_their_kmpc_calloc()(thread, count, bytes, handle) : NULL;
}

static void *whole_kmpc_realloc(const aai_realloc_call *call)
{
    return aai_their_kmpc_realloc()(call->gtid, call->pointer, call->bytes, call->handle,
                                    call->free_handle);
}

AA_API void *__kmpc_realloc(int thread, void *pointer, size_t bytes, uintptr_t handle,
                            uintptr_t free_handle);
AA_API void *__kmpc_realloc(int thread, void *pointer, size_t bytes, uintptr_t handle,
                            uintptr_t free_handle)
{
    aai_realloc_call call = {.pointer = pointer,
                             .bytes = bytes,
                             .handle = handle,
                             .free_handle = free_handle,
                             .gtid = thread,
                             .whole = whole_kmpc_realloc};
    return aai_serve_realloc(&call, "__kmpc_realloc");
}

AA_API void __kmpc_free(int thread, void *pointer, uintptr_t handle);
AA_API void __kmpc_free(int thread, void *pointer, uintptr_t handle)
{
    if (!aai_serve_freed_clause(pointer, &handle, "__kmpc_free")) {
        aai_their_kmpc_free()(thread, pointer, handle);
    }
}
