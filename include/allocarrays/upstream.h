/* Upstreams: where an allocator gets its blocks. */
#ifndef ALLOCARRAYS_UPSTREAM_H
#define ALLOCARRAYS_UPSTREAM_H

#include <allocarrays/impl/base.h>
#include <allocarrays/status.h>

AAI_BEGIN_DECLS

/**
 * A custom upstream's methods; `size` is sizeof(aa_upstream_ops). Called without any lock held, from any
 * thread, possibly several at once. An upstream that calls back into the allocator it serves gets AA_BUSY.
 */
typedef struct aa_upstream_ops {
    size_t size; /* sizeof(aa_upstream_ops) */
    /* Return memory of *bytes bytes aligned to alignment, or NULL. May give fewer, but at least `least`,
     * and then says so in *bytes; one that always gives *bytes can ignore `least`, and is asked once more,
     * for `least` bytes, when it has refused more. */
    void *(*alloc)(void *state, size_t least, size_t *bytes, size_t alignment);
    /* Take memory back, `bytes` being what alloc said. NULL: memory is never given back. */
    void (*free)(void *state, void *pointer, size_t bytes);
    void (*destroy)(void *state); /* optional: runs in aa_upstream_destroy */
} aa_upstream_ops;

/** The C heap. A constant: never destroyed. Threads: any. */
AA_API aa_upstream *aa_upstream_heap(void);

/**
 * Pages from the operating system. flags: AA_HUGEPAGES, AA_PREFAULT or 0. A constant per flags: never
 * destroyed. NULL with AA_INVALID for other flags. Threads: any.
 */
AA_API aa_upstream *aa_upstream_pages(unsigned flags);

/**
 * The caller's memory, one block at a time, never freed. NULL with AA_INVALID (no memory, no bytes),
 * AA_NOMEM. The buffer must outlive the upstream. Threads: any.
 */
AA_API aa_upstream *aa_upstream_buffer(void *memory, size_t bytes);

/**
 * Memory of the OpenMP runtime, by one of its allocator handles (omp_allocator_handle_t): high bandwidth, large
 * capacity, whatever its traits say. Blocks are taken with omp_alloc and kept, so that what the handle's memory
 * costs per allocation is paid per block. NULL with AA_UNSUPPORTED (no runtime with allocators is loaded),
 * AA_INVALID (omp_null_allocator, a handle of aa_omp_handle), AA_NOMEM. The handle must outlive it.
 * Cost per block: omp_alloc and its alignment in bytes. Threads: any.
 */
AA_API aa_upstream *aa_upstream_omp(uintptr_t handle);

/**
 * At most `bytes` bytes at a time out of inner (NULL = pages), counted atomically. NULL with AA_NOMEM.
 * inner must outlive it. Threads: any.
 */
AA_API aa_upstream *aa_upstream_limit(aa_upstream *inner, size_t bytes);

/**
 * inner (NULL = pages), but the n-th request (from 1) is refused once; negative n: the |n|-th and all
 * later ones; 0: none. So that users can test their own out-of-memory paths. Threads: any.
 */
AA_API aa_upstream *aa_upstream_failing(aa_upstream *inner, int64_t n);

/** An upstream from a method table (copied). NULL with AA_INVALID (no alloc, size 0), AA_NOMEM. Threads: any. */
AA_API aa_upstream *aa_upstream_custom(const aa_upstream_ops *ops, void *state);

/**
 * Return how many requests an upstream has served or refused so far, and how many bytes are out now.
 * upstream NULL: AA_INVALID; requests, bytes_out: may be NULL. Counted for limit, failing, buffer and
 * custom upstreams; AA_UNSUPPORTED for the constants (heap, pages). Threads: any.
 */
AA_API aa_status aa_upstream_usage(const aa_upstream *upstream, uint64_t *requests,
                                   size_t *bytes_out);

/**
 * Destroy an upstream made by buffer, omp, limit, failing or custom. NULL is fine. AA_BUSY while memory of it
 * is out, AA_UNSUPPORTED for the constants. Threads: quiescent.
 */
AA_API aa_status aa_upstream_destroy(aa_upstream *upstream);

AAI_END_DECLS

#endif
