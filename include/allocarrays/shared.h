/* Shared: a bump allocator that any number of threads may use at once, guarded by a lock. */
#ifndef ALLOCARRAYS_SHARED_H
#define ALLOCARRAYS_SHARED_H

#include <allocarrays/allocator.h>

AAI_BEGIN_DECLS

/**
 * Create a shared bump allocator. Each thread leases a piece under the lock and bumps inside it without
 * one; a request above a quarter of a lease is cut exactly, under the lock. options as aa_arena_create;
 * lease: bytes per lock, 0 = a quarter of what the thread has used, 64 KiB to 1 MiB; 1 = lock every time; never
 * above 1/64 of a capacity. Returns and fails as aa_arena_create.
 * Cost: as aa_arena_create; then a lock per lease. Threads: any.
 * Source: AllocArrays.jl's BumperAllocator; thread-local allocation buffers of garbage collectors.
 */
AA_API aa_allocator *aa_shared_create(const aa_options *options);

AAI_END_DECLS

#endif
