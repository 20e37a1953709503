/* What an allocator holds and did: numbers, text, JSON. */
#ifndef ALLOCARRAYS_STATS_H
#define ALLOCARRAYS_STATS_H

#include <allocarrays/allocator.h>

AAI_BEGIN_DECLS

/** Sizes in bytes. Exact when nobody is inside; otherwise each number is some recent value. */
typedef struct aa_stats {
    size_t used;      /* aligned bytes handed out and not taken back */
    size_t peak;      /* largest `used` so far; shared and private: the sum of the threads' peaks */
    size_t committed; /* bytes held from the upstream */
    size_t wasted;    /* tails of leases and blocks that are skipped until the next reset */
    size_t blocks;    /* pieces of upstream memory held */
    uint64_t allocations;    /* served, zero-byte ones included */
    uint64_t resets;         /* that took memory back */
    uint64_t growths;        /* blocks taken beyond the first */
    uint64_t upstream_calls; /* requests to and returns to the upstream */
    uint64_t lease_misses;   /* shared: times a thread took the lock to allocate */
    uint64_t guard_misses;   /* guarded: blocks and resets that had to do without the ring */
    uint64_t live_frees;     /* frees that had to be forgotten: not the newest block */
} aa_stats;

/** Fill stats. AA_INVALID for NULLs, AA_STALE. Cost: O(threads that used it). Threads: any. */
AA_API aa_status aa_stats_get(const aa_allocator *allocator, aa_stats *stats);

/** Print one allocator as text; the last line says which first block would have held every round. AA_INVALID, AA_STALE,
 * AA_IO. Threads: any. */
AA_API aa_status aa_report(FILE *file, const aa_allocator *allocator);

/** Print every live allocator as one JSON object: its stats, and as "first_block" the bytes of the first block that would
 * have held every round, as "blocks_taken" the blocks that were taken instead. AA_INVALID, AA_IO. Threads: any. */
AA_API aa_status aa_report_json(FILE *file);

AAI_END_DECLS

#endif
