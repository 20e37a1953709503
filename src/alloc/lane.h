/* Floor 5, alloc: lanes, the mechanism behind every bump allocator.
 *
 *     pieces (in order of time)                                   spare
 *     [w used....|tail] [W whole...] [w used..|cursor ->   limit]  [w] [w] [W]
 *
 * A window piece is bumped through; a whole piece is one large allocation; a split is the rest of the
 * window behind an over-aligned allocation. Invariants, with C = the current window piece:
 *     every byte handed out lies in exactly one piece;  window.cursor in [C.start, C.limit];
 *     pieces before C keep in `cursor` where they were left;  window.count = allocations in sequence
 *     a mark m: m.count <= count, m.pieces <= piece_count, and nothing below it changes while it is open
 *     rewind(m): pieces above m become spare, in the order in which they will be asked for again
 * so that the same requests after a rewind or reset get the same memory, and nothing is asked above.
 * Only the owner thread changes a lane; others read cursor, count and the sums (relaxed) for statistics. */
#ifndef AAI_LANE_H
#define AAI_LANE_H

#include "alloc/alloc.h"
#include "alloc/watch.h"

#include <allocarrays/impl/serve.h>

typedef enum aai_piece_kind { AAI_PIECE_WINDOW, AAI_PIECE_WHOLE, AAI_PIECE_SPLIT } aai_piece_kind;

typedef struct aai_piece {
    char *start, *limit;
    char *cursor;     /* WINDOW, SPLIT: where it was left when it ceased to be current */
    uint64_t ordinal; /* of its first allocation */
    size_t outer;     /* WINDOW, SPLIT: index + 1 of the window piece before it, 0 = none */
    uint64_t
        version; /* of the lane: WINDOW, SPLIT: when it ceased to be current; WHOLE: before it came */
    aai_piece_kind kind;
} aai_piece;

typedef struct aai_pieces {
    aai_piece *at;
    size_t count, capacity;
} aai_pieces;

typedef struct aai_lane_mark {
    uint64_t serial, count;
    char *cursor;
    size_t pieces, current; /* current: index + 1, 0 = none */
    uint64_t version;       /* of the lane before the mark */
    size_t closed, wasted;
} aai_lane_mark;

/* Feed a lane that has no room: a window of at least `least` bytes, or (whole) exactly that many rounded.
 * Returns false with the failure recorded. start is aligned to alignment. */
typedef bool aai_feed(aai_lane *lane, aai_piece_kind kind, size_t least, size_t alignment,
                      aai_piece *piece);

struct aai_lane {
    aai_window own;     /* first: a TLS slot points here and leads back to the lane */
    aai_window *window; /* &own, or an arena's head window: the one in use */
    aai_cell *cell;
    aa_allocator *allocator;
    aai_feed *feed;
    size_t mask;
    size_t whole_above; /* requests above this many bytes are pieces of their own */
    uint64_t owner;     /* thread id; 0 = detached */
    uint64_t key;       /* shared: the key the pieces belong to */
    aai_pieces pieces, spare_windows, spare_wholes;
    size_t current; /* index + 1 of the current window piece, 0 = none */
    aai_lane_mark *marks;
    size_t mark_count, mark_capacity;
    uint64_t oldest_mark; /* relaxed, for reports: window.count when the outermost mark was taken */
    uint64_t next_serial;
    size_t closed;       /* bytes handed out in pieces other than the current one */
    size_t wasted;       /* tails and padding skipped */
    size_t guards;       /* bytes of redzones among what is handed out */
    aai_watch *watch;    /* AA_CHECKS=full, else NULL */
    char *base;          /* start of the current piece */
    size_t asked;        /* bytes of the latest request on the slow path */
    aai_edge edge;       /* what an inline give-back needs */
    uint64_t live_frees;
    size_t peak;               /* largest use so far */
    size_t round_peak;         /* relaxed: largest use and waste since it was last cleared */
    aai_node node;             /* in its thread's tree of places, by allocator id */
    struct aai_places *places; /* that tree, NULL when detached */
    aai_lane *next;            /* in its allocator's list */
};

void aai_lane_init(aai_lane *lane, aa_allocator *allocator, aai_cell *cell, aai_feed *feed);
/* Free the vectors; the pieces' memory is the feeder's. */
void aai_lane_fini(aai_lane *lane);

/* Slow path of every bump: zero bytes, over-alignment, no room. Fills request->born. */
void *aai_lane_alloc(aai_lane *lane, aai_request *request);
/* Take back the newest allocation. False: it is not the newest or below a mark (counted). */
bool aai_lane_free(aai_lane *lane, void *pointer, size_t bytes, const aai_validity *born);
/* Whether this is the lane's newest allocation, above its marks: it can be taken back. */
bool aai_lane_is_newest(const aai_lane *lane, const void *pointer, size_t bytes);
/* How many bytes from an address on its piece has handed out; 0: none of its pieces holds it. O(pieces). */
size_t aai_lane_held(const aai_lane *lane, const void *pointer);
aai_resized aai_lane_resize(aai_lane *lane, void *pointer, size_t old_bytes, size_t new_bytes);

aa_status aai_lane_mark_take(aai_lane *lane, aa_mark *mark);
aa_status aai_lane_unmark(aai_lane *lane, const aa_mark *mark, aai_mark_end end);

/* Forget everything, pieces and spares too: the feeder disposes of them before. Ends all marks. */
void aai_lane_clear(aai_lane *lane);
/* Note a piece that is no longer in the sequence; there is room for it by reserve_piece. */
void aai_lane_put_spare(aai_lane *lane, const aai_piece *piece);
/* Forget the pieces, but keep what is handed out in the sums: the memory stays as it is. Ends all marks. */
void aai_lane_retire(aai_lane *lane);
/* Take everything back, keeping all pieces as spares in the order in which they came. */
void aai_lane_recycle(aai_lane *lane);
/* Offer memory to a lane as a spare window. False without memory to note it. */
bool aai_lane_offer(aai_lane *lane, char *start, char *limit);
/* Make the first spare window current, so that the fast path works at once. */
void aai_lane_open_spare(aai_lane *lane);

/* Bytes handed out now; bytes skipped now. From any thread: recent values. */
size_t aai_lane_used(const aai_lane *lane);
uint64_t aai_lane_allocations(const aai_lane *lane);
void aai_lane_note_peak(aai_lane *lane);
/* The largest use and waste since the lane was last cleared. */
size_t aai_lane_round_use(aai_lane *lane);
/* The same from any thread: a recent value. */
size_t aai_lane_round_seen(const aai_lane *lane);
/* Checked tiers: AA_INVALID for a pointer that is foreign or was given back. */
aa_status aai_lane_check_pointer(const aai_lane *lane, const void *pointer);

/* The version follows the window, the marks and the whole pieces: allocarrays/impl/serve.h. */
void aai_lane_new_version(aai_lane *lane);
/* The same for all that it may come back to: another thread owns it now, and will not see what the former one
 * remembers. */
void aai_lane_renew(aai_lane *lane);
void aai_lane_to_version(aai_lane *lane, uint64_t version);

/* ---- chain.c: the blocks behind a lane, their growth and autoscaling ---------------------------------- */

typedef struct aai_chain {
    aai_block *blocks; /* newest first */
    size_t count;
    size_t committed; /* sum of usable bytes; <= capacity + beyond when there is one */
    size_t beyond;    /* those of the fallback's blocks */
    size_t largest;   /* relaxed: use of the largest round that has ended */
    uint64_t taken;   /* relaxed: blocks so far */
    size_t *history;  /* ring of the largest uses of the last resets */
    int remembered, next;
} aai_chain;

/* Memory for the history; with AA_PREFAULT the first block at once. False with the failure recorded. */
bool aai_chain_init(aai_base *base, aai_chain *chain, aai_lane *lane);
/* The block to ask for when `least` bytes are missing; least 0 in the result: the capacity forbids it. */
aai_block_request aai_chain_plan(const aai_base *base, const aai_chain *chain, size_t least,
                                 size_t alignment);
/* Whether only the fallback can give that much. */
bool aai_chain_is_full(const aai_base *base, const aai_chain *chain, size_t least);
/* Ask for it, then the fallback; NULL: refused. Not under a lock. */
aai_block *aai_chain_take(aai_base *base, aai_block_request *request);
/* Add a block that was taken; returns its usable bytes. */
size_t aai_chain_add(aai_base *base, aai_chain *chain, aai_block *block);
/* Take, add, and describe as a window piece. False: refused. Not under a lock. */
bool aai_chain_grow(aai_base *base, aai_chain *chain, size_t least, size_t alignment,
                    aai_piece *piece);
/* Record that nothing had room for a request of so many bytes. */
void aai_chain_refused(const aai_base *base, const aai_chain *chain, size_t bytes);
/* Note a round's use and size the chain for the next: fold into one block, shrink, or leave. `extra`: bytes
 * on top of the target. When it changed, the lane behind it holds one window, else all its pieces recycled. */
void aai_chain_reset(aai_base *base, aai_chain *chain, aai_lane *lane, size_t use, size_t extra);
/* Add what the first block should have been. From any thread. */
void aai_chain_sizing(const aai_chain *chain, const aai_lane *lane, aai_sizing *sizing);
/* Give everything back. */
void aai_chain_fini(aai_base *base, aai_chain *chain);

/* ---- born.c ---------------------------------------------------------------------------------------------- */

/* The calling thread's lane in a bump allocator; NULL: it has none, or the arena is another thread's. */
aai_lane *aai_own_lane(aa_allocator *allocator);

/* ---- places.c: a thread's lanes and arenas ------------------------------------------------------------- */

/* The calling thread's lane in an allocator, NULL if it has none yet. */
aai_lane *aai_place_find(aai_thread *self, uint64_t id);
bool aai_place_add(aai_thread *self, uint64_t id, aai_lane *lane);
/* Remove a lane from whichever thread has it. Under the registry lock. */
void aai_place_remove(aai_lane *lane);
/* Called on thread exit for each lane, under the registry lock. Implemented by shared.c and private.c. */
void aai_shared_detach(aai_lane *lane);
void aai_private_detach(aai_lane *lane);
/* Point the TLS slot of an allocator at a window. */
void aai_slot_set(const aa_allocator *allocator, aai_window *window);

#endif
