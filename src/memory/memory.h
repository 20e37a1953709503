/* Floor 4, memory: upstreams, blocks and the map of their addresses, cells of validity. */
#ifndef AAI_MEMORY_H
#define AAI_MEMORY_H

#include "base/point.h"
#include "base/tree.h"
#include "sync/lock.h"

#include <allocarrays/impl/alloc.h>
#include <allocarrays/upstream.h>

/* ---- upstreams ------------------------------------------------------------------------------------- */

typedef enum aai_upstream_kind {
    AAI_UPSTREAM_PAGES,
    AAI_UPSTREAM_HEAP,
    AAI_UPSTREAM_BUFFER,
    AAI_UPSTREAM_LIMIT,
    AAI_UPSTREAM_FAILING,
    AAI_UPSTREAM_CUSTOM
} aai_upstream_kind;

/* requests and bytes_out are bookkeeping: relaxed. bytes_out of a limit decides: CAS, see upstream_wrap.c. */
struct aa_upstream {
    aai_upstream_kind kind;
    bool whole; /* gives all it has in one block: ask for everything */
    unsigned flags;
    aa_upstream_ops ops;
    void *state; /* first argument of ops */
    uint64_t requests;
    size_t bytes_out;
};

/* Ask an upstream for *bytes, at least `least`; *bytes says what came. NULL when refused. */
void *aai_upstream_take(aa_upstream *upstream, size_t least, size_t *bytes, size_t alignment);
void aai_upstream_give(aa_upstream *upstream, void *pointer, size_t bytes);
/* Whether its memory comes as fresh mappings (zero, page-aligned); whether it comes populated. */
bool aai_upstream_is_pages(const aa_upstream *upstream);
bool aai_upstream_populates(const aa_upstream *upstream);
/* Whether its blocks may live in the guard ring instead: ordinary pages. */
bool aai_upstream_can_guard(const aa_upstream *upstream);

/* ---- blocks: one piece of upstream memory, its header out of band -------------------------------------
 *
 *     block header (C heap)            upstream memory
 *     [node|start|bytes|owner] ----->  [start ................ start + bytes)
 *
 * Invariant: a live block is in the address map under node.key == start; blocks do not overlap. */
typedef struct aai_block {
    aai_node node;
    char *start;
    size_t bytes;
    aa_upstream *upstream;
    size_t usable; /* <= bytes: what the allocator's capacity allows */
    const aa_allocator *owner;
    bool guarded;   /* in the guard ring */
    size_t touched; /* bytes from the start that were ever handed out; aai_block_fresh's alone */
    bool beyond;    /* the fallback's: in no capacity */
    struct aai_block *next; /* in its allocator's list, newest first */
} aai_block;

typedef struct aai_block_request {
    aa_upstream *upstream;
    size_t least, wanted, alignment;
    unsigned flags; /* AA_PREFAULT, AA_FIRST_TOUCH */
    const aa_allocator *owner;
    bool beyond; /* the upstream is the fallback */
    const struct aai_guard_owner
        *guard; /* NULL: not in the guard ring. Else there, if it has room */
} aai_block_request;

/* Take a block; NULL when the upstream (or the C heap, for the header) refuses. Not under a lock. */
aai_block *aai_block_take(const aai_block_request *request);
void aai_block_give(aai_block *block);
/* Move a guarded block's pages to addresses never used before. False: refused, or not guarded; unchanged. */
bool aai_block_move(aai_block *block, const struct aai_guard_owner *guard);

/* How many bytes at the end of an allocation lie above all that aai_block_fresh was asked about before in its block:
 * nobody has touched them. 0 for memory in no block. O(log blocks), a lock. */
size_t aai_block_fresh(const void *pointer, size_t bytes);

/* The allocator whose block holds an address, NULL if none. O(log blocks), a lock; mostly neither for an
 * address that is none of ours. */
const aa_allocator *aai_map_owner(const void *pointer);
/* The same; if there is one, *room is how many bytes of the block lie from that address on. */
const aa_allocator *aai_map_find(const void *pointer, size_t *room);

/* ---- unique numbers ------------------------------------------------------------------------------- */

/* Draw the next number of the process-wide sequence from 1; 0 when it is used up (2^64 - 1 draws). */
uint64_t aai_unique_draw(void);
/* The first of `count` consecutive ones; 0, with none drawn, when there are not as many left. */
uint64_t aai_unique_draw_many(uint64_t count);
/* For tests: continue the sequence at `next`. */
void aai_unique_continue_at(uint64_t next);

/* ---- cells: what arrays, marks and tokens compare with ------------------------------------------------
 *
 * A cell is never unmapped, so that a stale reference may always be followed; it is recycled, which is
 * harmless because ids and keys never repeat.
 *
 *     allocator alive      id == its id          (home cell)
 *     not reset since      home->key == key      (home cell; an (allocator, epoch) number)
 *     not rewound over     epoch == birth epoch, or ordinal < floor(birth epoch)
 *
 * where floor(e) = the lowest ordinal that a rewind after epoch e returned to. It is kept as a stack of
 * steps with rising epoch and rising floor: a rewind to f pops every step with floor >= f and pushes
 * (new epoch, f), for an array older than the popped steps is above f only if it was above them. `low` is
 * the bottom's floor: what lies below it is valid without the lock.
 *
 * id, key, home, epoch, first, low, pins, holders, regions: relaxed atomics, ordered by the user's own synchronisation
 * (an array reaches another thread only through some). steps and pinned: under the cell's lock. */
typedef struct aai_step {
    uint64_t epoch, floor;
} aai_step;

typedef struct aai_pinned {
    uint64_t epoch, ordinal; /* of the array at its birth: no other array of the cell has both */
    uint64_t count;
    uint64_t thread; /* the last that pinned it */
} aai_pinned;

typedef struct aai_cell {
    uint64_t id, key;
    struct aai_cell *home; /* itself, or the shared allocator's */
    uint64_t epoch, low;
    uint64_t first;   /* epoch at take: reports count from it */
    uint64_t pins;    /* home: of the whole allocator */
    uint64_t holders; /* home: scopes and tokens entered, all threads */
    uint64_t regions; /* home: live regions that carry its scope; scope/ompt_hooks.c */
    aai_step *steps;
    size_t step_count, step_capacity;
    aai_pinned *pinned;
    size_t pinned_count, pinned_capacity;
    struct aai_cell *next_free;
} aai_cell;

#define AAI_LOAD(place) (AAI_POINT(), __atomic_load_n(&(place), __ATOMIC_RELAXED))
#define AAI_STORE(place, value) (AAI_POINT(), __atomic_store_n(&(place), (value), __ATOMIC_RELAXED))
#define AAI_ADD(place, value)                                                                      \
    (AAI_POINT(), (void)__atomic_fetch_add(&(place), (value), __ATOMIC_RELAXED))
#define AAI_SUB(place, value)                                                                      \
    (AAI_POINT(), (void)__atomic_fetch_sub(&(place), (value), __ATOMIC_RELAXED))

/* A cell with this id and key (home NULL: its own home); NULL without memory. */
aai_cell *aai_cell_take(uint64_t id, uint64_t key, aai_cell *home);
/* Retire a cell: whatever refers to it is stale for ever. */
void aai_cell_give(aai_cell *cell);
/* Forget rewinds, and set the key (0: the home cell's business). The lane's epoch moves on. */
void aai_cell_restart(aai_cell *cell, uint64_t key);
/* Everything of this lane with ordinal >= floor is gone from now on. */
void aai_cell_rewind(aai_cell *cell, uint64_t floor);
/* Whether something born in (epoch) with this ordinal survived the rewinds of its lane. */
bool aai_cell_survived(const aai_cell *cell, uint64_t epoch, uint64_t ordinal);
/* Pins of what was born in (epoch) with this ordinal. pin: false without memory. unpin: false when it was not pinned. */
bool aai_cell_pin(aai_cell *cell, uint64_t epoch, uint64_t ordinal);
bool aai_cell_unpin(aai_cell *cell, uint64_t epoch, uint64_t ordinal);
/* Any pin, for a report. False: there is none. */
bool aai_cell_find_pin(aai_cell *cell, aai_pinned *pin);
/* Forget the pins with ordinal >= floor. */
void aai_cell_unpin_above(aai_cell *cell, uint64_t floor);
bool aai_cell_pinned(aai_cell *cell, uint64_t epoch, uint64_t ordinal);
/* Whether anything with ordinal >= floor is pinned. */
bool aai_cell_pinned_above(aai_cell *cell, uint64_t floor);

/* Call each of this floor's locks, in rank order: for fork. */
void aai_memory_fork(void (*each)(aai_lock *));
void aai_cell_fork(void (*each)(aai_lock *));

#endif
