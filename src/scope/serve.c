/* Floor 6, scope: what liballocarrays-omp asks of the core: whom a handle means. The memory itself is
 * alloc/served.c's. No locks. */
#include "alloc/served.h"
#include "scope/traits.h"

#include <allocarrays/impl/serve.h>

static aai_whose refuse_gone(const char *function)
{
    (void)aai_violate(
        AA_USE_AFTER_RESET, NULL, (aai_site){function, NULL, 0},
        "the allocator of this OpenMP handle was destroyed; nothing may be asked of it");
    return AAI_GONE_HANDLE;
}

static aai_whose find(uintptr_t handle, const char *function, aa_allocator **allocator)
{
    const aai_handle *const found = aai_handle_find(handle);
    if (found == NULL) {
        return AAI_THEIRS;
    }
    if (AAI_UNLIKELY(!aai_alive(found->cell, found->id))) {
        return refuse_gone(function);
    }
    *allocator = found->allocator;
    return AAI_OURS;
}

/* Where no runtime carries scopes there is no handle of ours either. */
static aai_whose find_current(const char *function, aa_allocator **allocator)
{
    if (!aai_omp_carries()) {
        aa_allocator *const current = aa_current();
        *allocator = current;
        return current == aa_heap() ? AAI_THEIRS : AAI_OURS;
    }
    const uintptr_t handle = aai_omp_default_get();
    if (handle > AAI_OMP_PREDEFINED) {
        return find(handle, function, allocator);
    }
    *allocator = handle == AAI_OMP_DEFAULT ? aai_default_allocator() : aa_heap();
    return *allocator == aa_heap() ? AAI_THEIRS : AAI_OURS;
}

aai_whose aai_serve_find(uintptr_t handle, const char *function, aa_allocator **allocator)
{
    return AAI_UNLIKELY(handle == 0) ? find_current(function, allocator)
                                     : find(handle, function, allocator);
}

bool aai_serve_knows(uintptr_t handle)
{
    return handle > AAI_OMP_PREDEFINED && aai_handle_find(handle) != NULL;
}

void *aai_serve_alloc(aa_allocator *allocator, size_t bytes, size_t alignment)
{
    if (AAI_UNLIKELY(alignment != 0 &&
                     (!aai_is_pow2(alignment) || alignment > AAI_MAX_ALIGNMENT))) {
        (void)aai_fail(AA_INVALID,
                       "omp_aligned_alloc: alignment %zu is not a power of two up to 1 GiB",
                       alignment);
        return NULL;
    }
    return aai_served_alloc(allocator, bytes, alignment);
}

bool aai_serve_free(void *pointer)
{
    return aai_served_free(pointer);
}

aa_allocator *aai_serve_owner(const void *pointer)
{
    return aai_served_owner(pointer);
}

aai_held aai_serve_held(const void *pointer)
{
    return aai_served_held(pointer);
}

bool aai_serve_resize(const aa_allocator *allocator, void *pointer, size_t bytes)
{
    return aai_served_resize(allocator, pointer, bytes);
}
