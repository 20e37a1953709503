/* Side library omp: serving from our allocators. No state, no locks. */
#include "serve.h"

#include <allocarrays/allocator.h>
#include <allocarrays/impl/fail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_cut(uintptr_t handle, uintptr_t whole)
{
    static int said; /* relaxed: at worst one line too many */
    if (__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED) == 0) {
        (void)fprintf(stderr,
                      "allocarrays: the compiler cut the handle 0x%llx of an allocate clause to 32 "
                      "bits (0x%llx), "
                      "as clang 14 does; it is served as what it was\n",
                      (unsigned long long)whole, (unsigned long long)handle);
    }
}

aai_whose aai_ask_clause(uintptr_t *handle, const char *function, aa_allocator **allocator)
{
    const aai_whose whose = aai_ask(*handle, function, allocator);
    if (whose != AAI_THEIRS || !aai_looks_cut(*handle)) {
        return whose;
    }
    const uintptr_t whole = aai_serve_uncut(*handle);
    if (whole == 0) {
        return whose;
    }
    say_cut(*handle, whole);
    *handle = whole;
    return aai_serve_find(whole, function, allocator);
}

void *aai_serve_zeroed(aa_allocator *allocator, size_t count, size_t bytes, size_t alignment)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        (void)aai_fail(AA_OVERFLOW, "omp_calloc: %zu x %zu bytes do not fit", count, bytes);
        return NULL;
    }
    void *const p = total == 0 ? NULL : aai_serve_alloc(allocator, total, alignment);
    return p == NULL ? NULL : memset(p, 0, total);
}

void *aai_serve_clause(aa_allocator *allocator, aai_whose whose, size_t bytes, size_t alignment)
{
    void *const p =
        whose == AAI_OURS && bytes != 0 ? aai_serve_alloc(allocator, bytes, alignment) : NULL;
    if (p == NULL && bytes != 0) {
        (void)fprintf(stderr, "allocarrays: no %zu bytes for an allocate clause or directive: %s\n",
                      bytes, aa_last_message());
        abort();
    }
    return p;
}

static bool took_back(void *pointer)
{
    return aai_serve_may_own(pointer) && (pointer == NULL || aai_serve_free(pointer));
}

/* The rest of it, for memory that is not ours. */
static bool refuse(aai_whose whose, uintptr_t *handle)
{
    if (whose == AAI_OURS) { /* the memory is theirs: let the runtime find out whose */
        *handle = AAI_OMP_NULL;
    }
    return whose == AAI_GONE_HANDLE;
}

bool aai_serve_freed(void *pointer, uintptr_t *handle, const char *function)
{
    aa_allocator *ours;
    return took_back(pointer) ||
           (*handle > AAI_OMP_PREDEFINED_MAX && refuse(aai_ask(*handle, function, &ours), handle));
}

bool aai_serve_freed_clause(void *pointer, uintptr_t *handle, const char *function)
{
    aa_allocator *ours;
    return took_back(pointer) || (*handle > AAI_OMP_PREDEFINED_MAX &&
                                  refuse(aai_ask_clause(handle, function, &ours), handle));
}
