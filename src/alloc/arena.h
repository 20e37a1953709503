/* Floor 5, alloc: what private.c needs of arenas. */
#ifndef AAI_ARENA_H
#define AAI_ARENA_H

#include "alloc/lane.h"

typedef struct aai_arena {
    aai_base base;
    aai_lane lane;
    aai_chain chain;
    struct aai_private *parent; /* NULL: stands alone */
    const aai_base *origin;     /* base.traced: its parent's, for origin.c; else NULL */
    uint64_t settled; /* of a private one that is not traced: what its thread is, for origin.c */
    struct aai_arena *next;     /* in its parent's list of all */
    struct aai_arena *next_idle; /* in its parent's list of detached ones */
} aai_arena;

static inline aai_arena *aai_arena_of(const aa_allocator *allocator)
{
    return (aai_arena *)(uintptr_t)allocator;
}

static inline aai_arena *aai_arena_of_lane(aai_lane *lane)
{
    return aai_container_of(lane, aai_arena, lane);
}

/* An arena that is not yet live; NULL with the failure recorded. */
aai_arena *aai_arena_make(const aa_options *options);
/* From now on each allocation is noted for its parent, which was born inside a region. Nobody has used it yet. */
void aai_arena_trace(aai_arena *arena, const aai_base *origin);
static inline void aai_arena_note_taking(aai_arena *arena)
{
    if (AAI_UNLIKELY(arena->base.traced)) {
        (void)aai_origin_take(&arena->base, arena->origin);
    }
}
/* Reset without proof, to a key that was drawn before. */
void aai_arena_reset_to(aai_arena *arena, uint64_t key);
/* The handle that serves an arena's memory: its private allocator, or itself. */
aa_allocator *aai_arena_handle(const aa_allocator *arena);
void aai_arena_stats_add(const aai_arena *arena, aa_stats *stats);
void aai_arena_sizing_add(const aai_arena *arena, aai_sizing *sizing);

#endif
