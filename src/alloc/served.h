/* Floor 5, alloc: memory served to callers that will not say its size, or even whose it is, when they free it:
 * OpenMP's. */
#ifndef AAI_SERVED_H
#define AAI_SERVED_H

#include "alloc/alloc.h"
#include "alloc/lane.h"

#include <allocarrays/impl/serve.h>

/* Allocate, so that aai_served_free will know. bytes > 0; alignment 0: the allocator's. NULL with the failure
 * recorded; an arena of another thread is AA_FOREIGN_THREAD at every tier. */
void *aai_served_alloc(aa_allocator *allocator, size_t bytes, size_t alignment);

/* Free memory of any allocator of ours, from any thread. False: it is none of ours, nothing was done. */
bool aai_served_free(void *pointer);

/* Whose memory it is: the handle that serves it (private, not its arena); NULL: none of ours. */
aa_allocator *aai_served_owner(const void *pointer);

/* How many bytes may be read from the start of an allocation of ours; 0 for memory that is none of ours. */
aai_held aai_served_held(const void *pointer);

/* Resize in place, where the size is known and the allocator can. */
bool aai_served_resize(const aa_allocator *allocator, void *pointer, size_t bytes);

/* recent.c: a thread's latest allocations. */
void aai_recent_note(aa_allocator *allocator, void *pointer, size_t bytes);
bool aai_recent_free(void *pointer); /* now, or when younger ones are; false: not among them */
size_t aai_recent_bytes(const void *pointer); /* 0: not among them */
bool aai_recent_resize(const aa_allocator *allocator, void *pointer, size_t bytes);

/* The calling thread's lane has from now on, in its current version, `rounded` bytes at `start` and nothing behind
 * them, whoever gave them back: what is remembered must not say otherwise. */
void aai_recent_cut(const aai_lane *lane, const char *start, size_t rounded);

void aai_served_fork(void (*each)(aai_lock *));

#endif
