/* Floor 4, memory: the guard ring: memory whose address is used once, so that a stale pointer faults.
 *
 *     ring, reserved once, nobody may touch it:
 *     [ ended | ended | live: read, write | gap | live | .... never used .... ]
 *                                                        ^ cursor: the next slot is looked for from here
 * A reset moves the live pages to the next slot: page tables move, no byte is copied, and the addresses before
 * fault until the ring comes round. Slots are multiples of 2 MiB, so that whole page-table pages move, and
 * leave at least one page of gap. A handler of SIGSEGV says what was at a faulting address of the ring, with
 * write() alone, and passes the signal on.
 *
 * Invariants: live slots are disjoint, in the tree `slots` by start, at most SLOTS_MAX;
 *     a page of the ring is readable and writable iff it lies in [start, start + bytes) of a live slot.
 * It cannot help a rewind, nor memory of other upstreams. Where address space is refused (RLIMIT_AS, strict
 * overcommit, Valgrind's small one), above SLOTS_MAX, or without MREMAP_DONTUNMAP, it refuses and the caller
 * resets in place.
 * Locks: guard_lock for slots and logs; pages are mapped and moved outside it. */
#ifndef AAI_GUARD_H
#define AAI_GUARD_H

#include "memory/memory.h"

/* Who uses a slot, for the report. */
typedef struct aai_guard_owner {
    const char *name; /* copied */
    uint64_t id;
    uint64_t epoch; /* resets so far */
} aai_guard_owner;

/* Zeroed memory in the ring; NULL: refused. */
void *aai_guard_take(size_t bytes, const aai_guard_owner *owner);
/* The addresses of aai_guard_take or aai_guard_move fault from now on. */
void aai_guard_give(void *start);
/* The same pages at another address, the old one faults; NULL: refused, nothing has changed. */
void *aai_guard_move(void *start, const aai_guard_owner *owner);

/* An array was made: what a report of a stale access names. */
typedef struct aai_guard_birth {
    const char *start;
    size_t bytes;
    const char *dtype;
    int ndim;
    int64_t shape[8];
    char place[64]; /* such as "prog+0x1234 (fill)" */
} aai_guard_birth;
void aai_guard_note_birth(const aai_guard_birth *birth);

void aai_guard_fork(void (*each)(aai_lock *));

#endif
