/* Floor 5, alloc: heap blocks and the trackers that let a scratch take them back. */
#ifndef AAI_HEAP_H
#define AAI_HEAP_H

#include "alloc/alloc.h"

/*  malloc'ed [ padding | header | bytes ... ]
 *                               ^ aligned, what the caller gets, node.key
 * Invariant: a live block is in its shard's tree. Whoever removes it from there frees it: the removal is
 * the claim, so that a second free finds nothing and no header of freed memory is ever read. */
typedef struct aai_heap_block {
    aai_node node;
    void *raw;
    size_t rounded;
    size_t asked;   /* with AA_CHECKS=full in the environment: the redzone's start */
    bool watched;   /* ... has one */
    bool in_region; /* an AA_CURRENT array made in a parallel region: counted until it is freed */
    aai_cell *cell; /* an array's validity; NULL for raw memory */
    /* Under the tracker's lock while tracker is set; tracker is written under it, read without. */
    struct aai_tracker *tracker;
    struct aai_heap_block *older, *newer;
    uint64_t sequence;
} aai_heap_block;

/* heap.c: remove from the tree and free; false when another thread has. */
bool aai_heap_claim_and_free(void *pointer);

/* At exit, with AA_CHECKS=full: say how many AA_CURRENT arrays of regions are still there. */
void aai_heap_warn_of_strays(void);

/* tracker.c */
void aai_tracker_note(aai_heap_block *block);   /* a new block of this thread, if a mark is open */
void aai_tracker_forget(aai_heap_block *block); /* a claimed block leaves its list */
aa_status aai_tracker_mark(aa_mark *mark);
aa_status aai_tracker_unmark(const aa_mark *mark, aai_mark_end end);
void aai_tracker_fork(void (*each)(aai_lock *));
void aai_heap_fork(void (*each)(aai_lock *));

#endif
