/* Floor 6, scope: what AA_TRACE says of scopes and regions. */
#ifndef AAI_SCOPE_TIMELINE_H
#define AAI_SCOPE_TIMELINE_H

#include "scope/scope.h"
#include "sync/trace.h"

/* Serials of a thread that is recorded have it; no other serial has. */
#define AAI_SERIAL_TRACED (UINT64_C(1) << 63)

static inline bool aai_serial_is_traced(uint64_t serial)
{
    return AAI_UNLIKELY((serial & AAI_SERIAL_TRACED) != 0);
}

void aai_timeline_enter(const aai_entry *entry);
/* The scopes at depth and above are about to end. */
void aai_timeline_leave(aai_scopes *scopes, size_t depth);
/* The stack's thread ends: all that is open on it. */
void aai_timeline_end(aai_scopes *scopes);
void aai_timeline_region_begin(const aai_region *region);
void aai_timeline_region_end(const aai_region *region);

#endif
