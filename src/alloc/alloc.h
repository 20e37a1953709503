/* Floor 5, alloc: heap, arena, shared, private, custom. Each fills one method table.
 *
 * Two layers: a *lane* (lane.h) is one thread's place to bump in, with pieces, marks and rewinds; an
 * *allocator* owns lanes and feeds them. An arena has one lane fed by blocks; shared has a central lane fed
 * by blocks, under its lock, and one lane per thread fed by leases cut from it; private has one arena per
 * thread. */
#ifndef AAI_ALLOC_H
#define AAI_ALLOC_H

#include "memory/memory.h"
#include "os/os.h"

#include <allocarrays/allocator.h>
#include <allocarrays/array.h>
#include <allocarrays/reset.h>
#include <allocarrays/stats.h>

enum { AAI_HEAP, AAI_ARENA, AAI_SHARED, AAI_PRIVATE, AAI_CUSTOM, AAI_GONE, AAI_CURRENT };

enum { AAI_PATH = 8 };

/* What a thread that takes memory is to an allocator; origin.c. OWN: nobody minds. */
enum { AAI_TAKEN_BESIDE = 1, AAI_TAKEN_OUTSIDE = 2, AAI_TAKEN_AWAY = 4, AAI_TAKEN_OWN = 8 };

enum { AAI_MARK_DEPTH = 4096, AAI_HISTORY_MAX = 4096, AAI_QUARANTINE = 4096 };

/* How an allocation is asked for. */
enum {
    AAI_BORN = 1,     /* an array: fill `born` */
    AAI_EXPLICIT = 2, /* heap: no scratch takes it back */
};

typedef struct aai_request {
    size_t bytes;
    size_t alignment; /* 0: the allocator's */
    unsigned how;
    aai_validity born; /* out, with AAI_BORN */
} aai_request;

/* What ends a mark. ESCAPE reports still pinned arrays as a finding and goes on; REWIND refuses. */
typedef enum aai_mark_end { AAI_END_REWIND, AAI_END_DROP, AAI_END_SCRATCH } aai_mark_end;

/* Open marks of one thread, and of all others; of these, one thread and the ordinal its oldest mark came at. */
typedef struct aai_marks {
    uint64_t own, others;
    uint64_t other, since;
} aai_marks;

/* Count a thread's open marks. */
static inline void aai_marks_add(aai_marks *marks, bool own, uint64_t count, uint64_t thread,
                                 uint64_t since)
{
    *(own ? &marks->own : &marks->others) += count;
    if (!own && count != 0 && marks->other == 0) {
        marks->other = thread;
        marks->since = since;
    }
}

/* What the first block of an allocator should have been: the largest round of any of its chains, in bytes; the blocks that
 * were taken, folds included, and the chains that took any. */
typedef struct aai_sizing {
    size_t bytes;
    uint64_t blocks, chains;
} aai_sizing;

/* Whether a block was resized in place; REFUSED: failure recorded, it must not be moved either. */
typedef enum aai_resized { AAI_RESIZED, AAI_MUST_MOVE, AAI_REFUSED } aai_resized;

/* The methods. None is called with a lock held or for another kind's allocator; each runs inside an
 * aai_op of the calling thread (aai_enter). */
typedef struct aai_ops {
    const char *kind;
    void *(*alloc)(aa_allocator *, aai_request *); /* NULL: refused, failure recorded */
    /* born: of the array that is freed, NULL for a raw pointer. False: refused, failure recorded. */
    aa_status (*free)(aa_allocator *, void *, size_t bytes, const aai_validity *born);
    aai_resized (*resize)(aa_allocator *, void *, size_t old_bytes, size_t new_bytes);
    aa_status (*mark)(aa_allocator *, aa_mark *);
    aa_status (*unmark)(const aa_mark *, aai_mark_end);
    aa_status (*reset)(aa_allocator *); /* after the proof; NULL: cannot */
    void (*destroy)(aa_allocator *);    /* after the proof: give all memory back */
    bool (*owns)(const aa_allocator *, const void *);
    void (*stats)(const aa_allocator *, aa_stats *);
    void (*sizing)(const aa_allocator *, aai_sizing *);        /* adds; NULL: none */
    aai_marks (*marks)(const aa_allocator *, uint64_t thread); /* open ones, for every proof */
    uint64_t (*takers)(const aa_allocator *);     /* private: of its arenas; NULL: base->takers */
    uint64_t (*inner_pins)(const aa_allocator *); /* private: pins of its arenas */
    bool (*find_pin)(const aa_allocator *, aai_pinned *); /* any; NULL: of the home cell */
    uint64_t (*busy)(const aa_allocator *); /* a thread in its upstream or in a reset, 0: none */
    /* The allocator's own locks, for fork. */
    void (*locks)(const aa_allocator *, void (*each)(aai_lock *));
    void (*forked)(aa_allocator *); /* in the child: calls and marks of other threads are no more */
} aai_ops;

/* What every allocator has behind its head. Cold: the inline code never comes here. */
typedef struct aai_base {
    aa_allocator head;
    aai_cell *cell; /* home cell: id, key, pins, holders */
    uint64_t id;    /* 0 for the heap and AA_CURRENT; else never repeated */
    char *name;
    size_t capacity, initial;
    aa_upstream *upstream;
    aa_upstream *fallback; /* NULL, or where blocks come from when the upstream has none left */
    aa_upstream *owned[2]; /* upstreams that end with it */
    struct aa_allocator
        *delegate; /* NULL, or who serves what this one refuses for want of memory */
    const aai_cell *delegate_cell; /* alive while its id is delegate_id */
    uint64_t delegate_id;
    uint64_t guard_misses;    /* relaxed: resets and blocks that had to do without */
    uint64_t creator;         /* thread id; an arena's owner */
    int birth_path[AAI_PATH]; /* origin.c */
    int birth_level;          /* OpenMP nesting level at creation */
    int history;
    int warned;       /* of lost resets */
    bool guard;       /* blocks live in the guard ring and move at reset */
    bool traced;      /* an arena of a private allocator: each allocation is noted; origin.c */
    uint64_t takers;  /* relaxed: AAI_TAKEN_... since the last reset */
    uint64_t calls;   /* relaxed: threads in its upstream now */
    uint64_t caller;  /* relaxed: the last of them */
    uint64_t inside;  /* an arena under checks, relaxed: the thread in a call now, 0: none */
    uintptr_t handle; /* relaxed: its OpenMP handle, 0 until made */
    size_t watched;   /* relaxed: bytes out under AA_CHECKS=full, for the capacity */
    uint64_t resets, growths, upstream_calls, lease_misses; /* relaxed counters */
    uint64_t
        unsized_frees; /* relaxed: frees that did not say how many bytes, and gave nothing back */
    struct aai_team_round *round; /* aa_reset_team's, made at the first, released at the end */
    struct aai_base *live_next,
        *live_prev; /* the list of live allocators, under the registry lock */
} aai_base;

static inline aai_base *aai_base_of(const aa_allocator *allocator)
{
    return (
        aai_base *)(uintptr_t)allocator; /* head is its first member; callers hold it non-const */
}

/* An arena that the calling thread may not use. A thread without a number has 0, which no creator has. */
AAI_INLINE bool aai_is_anothers_arena(const aa_allocator *allocator)
{
    return allocator->kind == AAI_ARENA &&
           AAI_LOAD(aai_base_of(allocator)->creator) != aa_tls.thread_id;
}

/* ---- allocator.c: life ------------------------------------------------------------------------------ */

/* Validate options against what `kind` takes, and fill the common part of a zeroed allocator. On success
 * it is not yet live. NULL options are fine. AA_OK or the recorded failure. */
aa_status aai_base_init(aai_base *base, const aai_ops *ops, int kind, const aa_options *options);
void aai_base_fini(aai_base *base); /* undo init of one that never went live */
void aai_base_go_live(aai_base *base);
/* Make an allocator stale for ever, call its destroy, and quarantine it. A live one leaves the list first. */
void aai_base_destroy(aai_base *base);
void aai_base_end(aai_base *base);
/* A new key: everything of the allocator is stale. The draw was made before anything changed. */
void aai_base_rekey(aai_base *base, uint64_t key);
/* Whether windows may be bumped inline: nothing to check, nothing to clear or to touch, no race detector to tell. A
 * shared allocator's window is a lease, which its thread touches itself. */
bool aai_is_fast(const aai_base *base);
/* Call each live allocator, under the registry lock. */
void aai_each_live(void (*visit)(aai_base *, void *context), void *context);
void aai_each_live_locked(void (*visit)(aai_base *, void *context), void *context); /* it is held */
extern aai_lock aai_registry_lock;

/* Pins at or above an ordinal when a mark ends: refused for a rewind; a scratch reports them, drops them, and
 * goes on (AA_OK). */
aa_status aai_refuse_pinned(const aa_allocator *allocator, aai_cell *cell, uint64_t floor,
                            aai_mark_end end);

/* ---- origin.c: where it was born, and who took memory ---------------------------------------------- */

void aai_origin_note(aai_base *base);
/* Whether the caller has the creator's ancestors at levels 1 .. levels. */
bool aai_origin_shared_to(const aai_base *base, int levels);
/* What all were, AAI_TAKEN_..., that took memory since the reset. */
uint64_t aai_origin_takers(const aa_allocator *allocator);
/* What the caller is for good, as far as a reset minds; 0: that may change, it must come by the slow path. */
uint64_t aai_origin_settled(const aai_base *origin);
bool aai_origin_note_taking(aai_base *noted, const aai_base *origin);
/* The caller took memory: note what it is to the allocator that was born at `origin`. True: it may bump inline
 * until the next reset. Costs nothing for those created outside all regions. */
static inline bool aai_origin_take(aai_base *noted, const aai_base *origin)
{
    return AAI_LIKELY(origin->birth_level == 0) || aai_origin_note_taking(noted, origin);
}

/* ---- enter.c: calls under way, violations ------------------------------------------------------------ */

/* Begin a call, AA_CURRENT replaced by what it means: AA_INVALID for NULL, AA_NOMEM without a thread record,
 * AA_BUSY when this thread is already inside (a signal handler, an upstream that re-enters), AA_THREAD when
 * the current allocator is another thread's arena. On AA_OK aai_leave must follow. */
aa_status aai_enter_from(aai_op *op, aa_allocator **allocator, const char *function,
                         const char *file, int line);
/* A site passed whole would go through memory, written in parts and read as one: dearer than all the rest. */
AAI_INLINE aa_status aai_enter_at(aai_op *op, aa_allocator **allocator, aai_site site)
{
    return aai_enter_from(op, allocator, site.function, site.file, site.line);
}
AAI_INLINE aa_status aai_enter(aai_op *op, aa_allocator **allocator, const char *function)
{
    return aai_enter_from(op, allocator, function, NULL, 0);
}
void aai_leave(aai_op *op);
/* Where the call under way came in: for reports from below it. Inside an op. */
aai_site aai_call_site(void);
/* Around user code called from inside a call. */
void aai_callback_begin(void);
void aai_callback_end(void);

/* Report a violation: fill thread, level and names, record the failure, call the handler. Returns the
 * kind's status. Not under a lock. A site without a line gets that of the call under way. */
aa_status aai_violate(aa_violation_kind kind, const aa_allocator *allocator, aai_site site,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Counts of resets and rewinds: at the birth of what is stale, and now. */
typedef struct aai_epochs {
    uint64_t seen, now;
} aai_epochs;

/* The same for something that was born in another epoch than now. */
aa_status aai_violate_stale(const aa_allocator *allocator, aai_site site, aai_epochs epochs,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Report a call to a destroyed allocator; AA_STALE. */
aa_status aai_report_gone(const aa_allocator *allocator, aai_site site);

/* Whether a custom allocator has marks (they are no-ops otherwise). */
bool aai_custom_marks(const aa_allocator *allocator);
/* What the registry holds across a fork: every lock, in rank order. Installed once, at the process's first use: enter.c. */
void aai_fork_install(void);
void aai_places_fork(void (*each)(aai_lock *));
extern void (*aai_fork_scope_locks)(void (*each)(aai_lock *)); /* set by the scope floor */
void aai_places_abandon(void);        /* in the child: end those of the threads that are gone */
extern void (*aai_fork_scopes)(void); /* the same for scopes; set by their floor */

/* Whether an allocator is the arena of a private one. */
bool aai_arena_is_private(const aa_allocator *allocator);
/* Report that an arena's owner (base->creator) is another thread. */
aa_status aai_foreign_thread(const aai_base *base, aai_site site);

/* ---- for the array floor ------------------------------------------------------------------------------ */

/* Allocate for an array from a resolved allocator (not AA_CURRENT): the inline window first, else the slow
 * path; fills request->born. NULL with the failure recorded. */
void *aai_alloc_born(aa_allocator *allocator, aai_request *request);
/* The slow path of every allocation: resolve AA_CURRENT, enter, ask the methods, leave. */
void *aai_serve(aa_allocator *allocator, aai_request *request, const char *function);
/* Clear memory of an allocator; large memory of one with AA_FIRST_TOUCH by a team. */
void aai_clear(const aa_allocator *allocator, void *pointer, size_t bytes);
/* Free an array's memory: as aa_free, exact about which allocation it is. */
aa_status aai_free_born(aa_allocator *allocator, void *pointer, size_t bytes,
                        const aai_validity *born);
/* Whether memory is still what it was at birth. cell NULL: true. */
bool aai_valid(const aai_validity *validity);
/* Whether an allocator's id is still its own: alive. */
static inline bool aai_alive(const aai_cell *cell, uint64_t id)
{
    return cell == NULL || AAI_LOAD(cell->id) == id;
}

/* The scope floor's resolvers, for AA_CURRENT in the slow paths below it; set at load time. The second also
 * looks at the task that asks. */
extern aa_allocator *(*aai_resolve_current)(void);
extern aa_allocator *(*aai_resolve_asked)(const aai_site *site);
/* How many OpenMP handles were made: they are never destroyed. Relaxed. */
extern uint64_t aai_omp_handles;

#endif
