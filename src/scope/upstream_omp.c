/* Floor 6, scope: an upstream on the OpenMP runtime's memory. It lives on this floor because it must tell the
 * runtime's handles from ours, which would lead back here.
 *
 *     from omp_alloc [ padding | raw | block ...... ]      raw: what omp_alloc gave, to be freed
 *                                      ^ aligned, what the allocator gets
 * The header is per block, not per allocation. No locks. */
#include "scope/traits.h"

#include <allocarrays/upstream.h>

static void *omp_block(uintptr_t handle, size_t bytes, size_t alignment)
{
    const size_t around = sizeof(void *) + alignment;
    char *const raw = bytes > AAI_MAX_BYTES - around ? NULL : aai_omp_alloc(bytes + around, handle);
    if (raw == NULL) {
        return NULL;
    }
    char *const after = raw + sizeof(void *);
    char *const start = after + aai_padding(after, aai_max(alignment, sizeof(void *)) - 1);
    memcpy(start - sizeof raw, &raw, sizeof raw);
    return start;
}

static void *omp_upstream_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    void *const p = omp_block((uintptr_t)state, *bytes, alignment);
    if (p != NULL || least == *bytes) {
        return p;
    }
    *bytes = least;
    return omp_block((uintptr_t)state, least, alignment);
}

static void omp_upstream_free(void *state, void *pointer, size_t bytes)
{
    (void)bytes;
    void *raw;
    memcpy(&raw, (char *)pointer - sizeof raw, sizeof raw);
    aai_omp_free(raw, (uintptr_t)state);
}

static void omp_upstream_end(void *state)
{
    aai_omp_handle_end((uintptr_t)state);
}

static aa_upstream *make(uintptr_t handle, const aa_upstream_ops *ops)
{
    void *state = NULL;
    memcpy(&state, &handle, sizeof state);
    return aa_upstream_custom(ops, state);
}

aa_upstream *aai_upstream_omp_own(uintptr_t handle)
{
    static const aa_upstream_ops ops = {sizeof ops, omp_upstream_alloc, omp_upstream_free,
                                        omp_upstream_end};
    return make(handle, &ops);
}

aa_upstream *aa_upstream_omp(uintptr_t handle)
{
    static const aa_upstream_ops ops = {sizeof ops, omp_upstream_alloc, omp_upstream_free, NULL};
    if (!aai_omp_allocates()) {
        (void)aai_fail(AA_UNSUPPORTED,
                       "aa_upstream_omp: no OpenMP runtime with allocators is loaded");
        return NULL;
    }
    if (handle == 0 || aai_handle_find(handle) != NULL) {
        (void)aai_fail(AA_INVALID,
                       handle == 0 ? "aa_upstream_omp: omp_null_allocator is no memory"
                                   : "aa_upstream_omp: the handle is one of this library's own");
        return NULL;
    }
    return make(handle, &ops);
}
