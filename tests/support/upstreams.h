/* A custom upstream over the C heap that counts what is asked of it. */
#ifndef AA_TESTS_SUPPORT_UPSTREAMS_H
#define AA_TESTS_SUPPORT_UPSTREAMS_H

#include <allocarrays.h>
#include <check.h>
#include <stdlib.h>

/* Counted with atomics, for an upstream may be called by several threads at once. */
typedef struct upstream_count {
    uint64_t requests, returns;
    size_t out, most; /* bytes: now, and at most so far */
    int destroyed;
} upstream_count;

static inline uint64_t upstream_calls(const upstream_count *count)
{
    return __atomic_load_n(&count->requests, __ATOMIC_RELAXED) +
           __atomic_load_n(&count->returns, __ATOMIC_RELAXED);
}

static inline void *counted_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)least;
    upstream_count *const count = state;
    (void)__atomic_fetch_add(&count->requests, 1, __ATOMIC_RELAXED);
    void *memory;
    const size_t fit = alignment < sizeof(void *) ? sizeof(void *) : alignment;
    if (posix_memalign(&memory, fit, *bytes) != 0) {
        return NULL;
    }
    const size_t out = __atomic_add_fetch(&count->out, *bytes, __ATOMIC_RELAXED);
    size_t most = __atomic_load_n(&count->most, __ATOMIC_RELAXED);
    while (out > most && !__atomic_compare_exchange_n(&count->most, &most, out, 0, __ATOMIC_RELAXED,
                                                      __ATOMIC_RELAXED)) {
    }
    return memory;
}

static inline void counted_free(void *state, void *pointer, size_t bytes)
{
    upstream_count *const count = state;
    (void)__atomic_fetch_add(&count->returns, 1, __ATOMIC_RELAXED);
    (void)__atomic_fetch_sub(&count->out, bytes, __ATOMIC_RELAXED);
    free(pointer);
}

static inline void counted_destroy(void *state)
{
    ++((upstream_count *)state)->destroyed;
}

/* count must outlive the upstream, which ends with aa_upstream_destroy. */
static inline aa_upstream *counted_create(upstream_count *count)
{
    static const aa_upstream_ops ops = {sizeof ops, counted_alloc, counted_free, counted_destroy};
    *count = (upstream_count){0};
    aa_upstream *const upstream = aa_upstream_custom(&ops, count);
    ck_assert_ptr_nonnull(upstream);
    return upstream;
}

#endif
