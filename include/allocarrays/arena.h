/* Arena: a bump allocator with one owner thread and no lock. */
#ifndef ALLOCARRAYS_ARENA_H
#define ALLOCARRAYS_ARENA_H

#include <allocarrays/allocator.h>

AAI_BEGIN_DECLS

/**
 * Create an arena owned by the calling thread. Takes no memory from the upstream until first used
 * (AA_PREFAULT: takes the first block at once). options: NULL = all defaults; `lease` is ignored.
 * Returns NULL with AA_INVALID (an alignment that is no power of two or above 1 GiB, a negative history,
 * an unknown flag or tier), AA_NOMEM.
 * Cost: one small allocation, under 1 KiB. Threads: any.
 * Source: AllocArrays.jl's UncheckedBumperAllocator; obstacks.
 */
AA_API aa_allocator *aa_arena_create(const aa_options *options);

/**
 * Make the calling thread the owner of an arena; the previous owner must have stopped using it.
 * Returns AA_OK; AA_INVALID (NULL, not an arena); AA_BUSY with open marks; AA_STALE.
 * Cost: O(1). Threads: the new owner, with the old one out of it.
 */
AA_API aa_status aa_arena_adopt(aa_allocator *arena);

AAI_END_DECLS

#endif
