/* Private: one arena per thread behind one handle (OpenMP's own word: shared / private data). */
#ifndef ALLOCARRAYS_PRIVATE_H
#define ALLOCARRAYS_PRIVATE_H

#include <allocarrays/allocator.h>

AAI_BEGIN_DECLS

/**
 * Create a private allocator: each thread that allocates gets an arena of its own, found by identity.
 * The arena of a thread that exits is kept (others may still read it) and adopted by a later thread.
 * options as aa_arena_create, for each arena; capacity is per arena. Returns and fails as aa_arena_create.
 * Threads: any.
 */
AA_API aa_allocator *aa_private_create(const aa_options *options);

/**
 * Return the calling thread's arena of a private allocator: hoist it out of loops. Owned by the private
 * allocator: never destroyed by itself; its reset takes back this thread's memory alone, also inside a
 * parallel region. NULL with AA_INVALID (not a private allocator), AA_NOMEM, AA_STALE.
 * Cost: a TLS compare after the first call. Threads: any; the result is the calling thread's.
 */
AA_API aa_allocator *aa_private_arena(aa_allocator *private_);

AAI_END_DECLS

#endif
