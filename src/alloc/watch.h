/* Floor 5, alloc: what AA_CHECKS=full adds to a lane: a log of what is handed out, redzones, junk, poisoning.
 *
 *     [ bytes asked for | redzone: the rounding's rest and at least REDZONE more ]
 *     ^ log[ordinal].start, .bytes
 *
 * Invariants: log[i] describes the allocation with ordinal i, for all i < count == window.count;
 *     its redzone holds the pattern from the first byte after the request, or somebody wrote there;
 *     memory of a lane that is not handed out is poisoned, where a tool poisons;
 *     guards = bytes that redzones add to the rounded requests: in no statistic, against no capacity.
 * Owner thread; a shared reset reads and ends the logs of all lanes, while nobody is inside. */
#ifndef AAI_WATCH_H
#define AAI_WATCH_H

#include "alloc/alloc.h"

enum { AAI_REDZONE = 64 };

typedef struct aai_lane aai_lane;

typedef struct aai_watch {
    struct aai_watched {
        char *start;
        size_t bytes;
        bool freed; /* by aa_free, but not being the newest it stays until the reset or rewind */
    } * log;
    size_t capacity;
    uint64_t count;
} aai_watch;

/* Give a lane a watch if its allocator is checked fully. False without memory. */
bool aai_watch_attach(aai_lane *lane);
void aai_watch_free(aai_lane *lane);
/* Bytes to take for a request: rounded, with the redzone. False: overflow. */
bool aai_watch_round(const aai_lane *lane, size_t bytes, size_t *taken);
/* Before a block is taken: room in the log and under the capacity. False with the failure recorded. */
bool aai_watch_reserve(aai_lane *lane, size_t bytes);
void aai_watch_cancel(aai_lane *lane, size_t bytes); /* it was refused after all */
void aai_watch_born(aai_lane *lane, char *start, size_t bytes, size_t taken);
/* Whether the newest allocation is this one, as it was asked for. */
bool aai_watch_is(const aai_lane *lane, const void *start, size_t bytes);
/* The bytes that an allocation was asked for with, newest first; 0: it is none of the lane's. O(allocations). */
size_t aai_watch_bytes(const aai_lane *lane, const void *start);
/* A raw pointer that is not the newest was freed: junk from here on, and a second free is known. Looks through the
 * latest 65,536 allocations. */
void aai_watch_freed(aai_lane *lane, const void *start);
bool aai_watch_was_freed(const aai_lane *lane, const void *start);
/* Fill with what floats and doubles read as NaN. */
void aai_watch_junk(char *start, size_t bytes);
/* Verify the redzones of the allocations from ordinal `first` on: at most one report (AA_CORRUPTION). Inside
 * an op. */
void aai_watch_verify(aai_lane *lane, uint64_t first);
/* They are given back: junk, poison, out of the sums. */
void aai_watch_end(aai_lane *lane, uint64_t first);

#endif
