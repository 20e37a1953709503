/* Side library omp: omp_realloc and __kmpc_realloc, within one side and across. No state, no locks.
 *
 * Neither side tells the other how large a block is. With old = its size, new = what is asked:
 *     ours -> ours, theirs    min(held, new) bytes are copied, held >= old being what may be read: the size where
 *                             it is remembered, else up to the end of what its piece or block holds. What is
 *                             copied beyond old is anybody's, and unspecified in the result anyway.
 *     theirs -> ours          the runtime is asked to make the block `new` bytes large, itself; then all of them
 *                             may be read
 * The old block is held until the new one is there; it is never given up by a refusal. */
#include "serve.h"

#include <string.h>

/* A copy that may read beyond an allocation: neighbours' bytes, redzones. Not memcpy, and not seen by the
 * tools: what it reads too much is not used. */
#if defined(__clang__) || defined(__GNUC__)
__attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#endif
static void
copy_at_least(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; ++i) {
        to[i] = from[i];
        __asm__ volatile("" ::: "memory"); /* or compilers make memcpy of it again */
    }
}

static void *from_ours(const aai_realloc_call *call, aai_whose whose, aa_allocator *target)
{
    char *const to = whose == AAI_OURS ? aai_serve_alloc(target, call->bytes, 0)
                                       : aai_their_alloc()(call->bytes, call->handle);
    if (to == NULL) {
        return NULL;
    }
    const aai_held held = aai_serve_held(call->pointer);
    const size_t common = held.bytes < call->bytes ? held.bytes : call->bytes;
    if (held.is_exact) {
        memcpy(to, call->pointer, common);
    } else {
        copy_at_least(to, call->pointer, common);
    }
    (void)aai_serve_free(call->pointer);
    return to;
}

static void *from_theirs(const aai_realloc_call *call, aa_allocator *target)
{
    void *const to = aai_serve_alloc(target, call->bytes, 0);
    if (to == NULL) {
        return NULL;
    }
    void *const grown =
        aai_their_realloc()(call->pointer, call->bytes, AAI_OMP_DEFAULT_MEM, AAI_OMP_NULL);
    if (grown == NULL) {
        (void)aai_serve_free(to);
        return NULL;
    }
    memcpy(to, grown, call->bytes);
    aai_their_free()(grown, AAI_OMP_NULL);
    return to;
}

/* Whom the call asks for the new block. Without any handle it is whoever has the old one. */
static aai_whose find_target(const aai_realloc_call *call, aa_allocator *owner,
                             const char *function, aa_allocator **target)
{
    const uintptr_t handle = call->handle;
    if (handle != AAI_OMP_NULL) {
        return aai_ask(handle, function, target);
    }
    *target = owner;
    return owner != NULL ? AAI_OURS : AAI_THEIRS;
}

/* Neither pointer nor bytes is 0. */
static void *serve(aai_realloc_call *call, const char *function)
{
    aa_allocator *const owner = aai_serve_owner(call->pointer);
    aa_allocator *target = NULL;
    const aai_whose whose = find_target(call, owner, function, &target);
    if (whose == AAI_GONE_HANDLE) {
        return NULL;
    }
    if (owner != NULL) {
        const bool in_place = whose == AAI_OURS && target == owner &&
                              aai_serve_resize(owner, call->pointer, call->bytes);
        return in_place ? call->pointer : from_ours(call, whose, target);
    }
    return whose == AAI_OURS ? from_theirs(call, target) : call->whole(call);
}

void *aai_serve_realloc(aai_realloc_call *call, const char *function)
{
    aa_allocator *ours = NULL;
    if (call->handle == AAI_OMP_NULL) { /* as OpenMP says */
        call->handle = call->free_handle;
    }
    if (call->pointer == NULL) {
        const aai_whose whose = aai_ask(call->handle, function, &ours);
        const bool serves = whose == AAI_OURS && call->bytes != 0;
        return whose == AAI_THEIRS ? call->whole(call)
               : serves            ? aai_serve_alloc(ours, call->bytes, 0)
                                   : NULL;
    }
    if (call->bytes == 0) {
        if (!aai_serve_freed(call->pointer, &call->free_handle, function)) {
            aai_their_free()(call->pointer, call->free_handle);
        }
        return NULL;
    }
    const aai_whose freer = call->free_handle == AAI_OMP_NULL
                                ? AAI_THEIRS
                                : aai_ask(call->free_handle, function, &ours);
    if (freer == AAI_GONE_HANDLE) {
        return NULL;
    }
    if (freer == AAI_OURS) { /* the memory itself says whose it is */
        call->free_handle = AAI_OMP_NULL;
    }
    return serve(call, function);
}
