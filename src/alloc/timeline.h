/* Floor 5, alloc: what AA_TRACE says of allocators: their creation, their blocks, the bytes in use, resets and
 * destruction, broken rules. sync/trace.h records it. Nothing here is on the way of an allocation that finds room, and
 * where nothing is recorded each costs one load and branch.
 *
 * None may be called with a lock held: the bytes in use are asked of the allocator, which may take its own. */
#ifndef AAI_TIMELINE_H
#define AAI_TIMELINE_H

#include "alloc/alloc.h"
#include "sync/trace.h"

/* "name #id": names need not differ. */
typedef struct aai_label {
    char text[128];
} aai_label;
aai_label aai_label_of(const aai_base *base);

void aai_timeline_created(const aai_base *base);
/* A block was taken from the upstream (bytes 0: refused), for a base that may still be in the making. */
void aai_timeline_block(const aai_base *base, size_t asked, size_t bytes);
void aai_timeline_violation(const aa_violation *violation);

/* A call that takes memory back, inside its op: begins before the proof, ends after all. */
typedef struct aai_span {
    bool recorded;
    int depth;
    const char *function;
    const aai_base *base;
    aa_stats before;
} aai_span;
void aai_span_begin_slow(aai_span *span, const aa_allocator *allocator, aai_site site);
void aai_span_end_slow(const aai_span *span, aa_status status);

static inline void aai_span_begin(aai_span *span, const aa_allocator *allocator, aai_site site)
{
    span->recorded = false;
    if (aai_tracing()) {
        aai_span_begin_slow(span, allocator, site);
    }
}

static inline void aai_span_end(const aai_span *span, aa_status status)
{
    if (AAI_UNLIKELY(span->recorded)) {
        aai_span_end_slow(span, status);
    }
}

#endif
