/* Between the core and liballocarrays-omp: what OpenMP's allocation calls ask of our allocators. Installed,
 * undocumented. */
#ifndef ALLOCARRAYS_IMPL_SERVE_H
#define ALLOCARRAYS_IMPL_SERVE_H

#include <allocarrays/impl/alloc.h>

AAI_BEGIN_DECLS

/* Two sieves, so that what is the runtime's costs it a load: 0 proves that an address, or a handle, is none of
 * ours. They count, or note, what was made before anyone could have it: relaxed. */
enum { AAI_GRANULE_BITS = 21, AAI_GRANULES = 4096, AAI_HANDLE_SIEVE = 1024 };
AA_API extern uint32_t
    aai_granules[AAI_GRANULES];  /* blocks per 2 MiB of addresses, by its low bits */
AA_API extern size_t aai_booked; /* allocations whose memory is in no block */
AA_API extern unsigned char
    aai_handle_sieve[AAI_HANDLE_SIEVE]; /* 1: a handle of ours with these bits */

AAI_INLINE bool aai_serve_may_own(const void *pointer)
{
    const uintptr_t granule = (uintptr_t)pointer >> AAI_GRANULE_BITS;
    return __atomic_load_n(&aai_granules[granule % AAI_GRANULES], __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&aai_booked, __ATOMIC_RELAXED) != 0;
}

AAI_INLINE size_t aai_handle_bits(uintptr_t handle)
{
    return (handle >> 4) % AAI_HANDLE_SIEVE;
}

AAI_INLINE bool aai_serve_may_know(uintptr_t handle)
{
    return __atomic_load_n(&aai_handle_sieve[aai_handle_bits(handle)], __ATOMIC_RELAXED) != 0;
}

/* ---- a thread's latest allocations -------------------------------------------------------------------------
 *
 * OpenMP frees by address alone, and no bump allocator of ours keeps a header. So each thread remembers its
 * latest ones beside them: while they are remembered, they are given back as by aa_free, in whatever order they
 * are freed. Forgetting one costs memory until the next reset, never more: its free is bookkeeping then.
 *
 * A lane has a version, which stands for "the same window, the same marks, the same whole pieces": it changes
 * with each of them, and comes back when the lane comes back to exactly where it was. No version is used twice.
 *     entry.version == edge.version of a lane  =>  the entry is an allocation of that lane which no reset and no
 *                                                  rewind has taken
 * and among the entries of one version the newest allocation is the one that ends at the cursor: what aa_free or
 * aa_realloc, which know nothing of entries, take from a window is cut out of them (aai_recent_cut).
 *
 *     the live entries are at[i mod AAI_RECENT] for max(bottom, top - AAI_RECENT) <= i < top; all others have
 *     start == NULL.  start == NULL: gone.  Else it ends at `end`, rounded up.
 *     end has AAI_FREED: freed, but younger ones live.  AAI_FIRST: perhaps the first of its piece, which may have
 *     to go with it. No cursor has either bit.
 *     undo == key of the first way if it serves inline, or 0; 0 while some entry may be AAI_FREED
 *
 * ways[] are the lanes that handles led to on this thread, the latest first; a way may be believed only while
 * *key_at == key: keys never repeat, cells are never unmapped, and an allocator that ends changes its key first.
 * Some serve no inline call (handle == AAI_NO_HANDLE, undo == 0): checked ones, and an arena that stands alone,
 * which may move to another thread. */
enum { AAI_RECENT = 32, AAI_WAYS = 4 };
#define AAI_NO_HANDLE UINTPTR_MAX
#define AAI_FREED ((uintptr_t)1) /* alignments are larger than 2 */
#define AAI_FIRST ((uintptr_t)2)

typedef struct aai_edge {
    uint64_t version;
    char *noted;         /* the peak was noted with the cursor here, or further, in this version */
    uint64_t past_count; /* allocations that rewinds, frees and resets took out of window.count */
} aai_edge;

typedef struct aai_recent_entry {
    char *start;
    uintptr_t end;
    uint64_t version;
    uint64_t unused; /* 32 bytes: no entry lies in two cache lines */
} aai_recent_entry;

typedef struct aai_way {
    uintptr_t handle;
    const uint64_t *key_at;
    uint64_t key;
    aai_window *window;
    aai_edge *edge;
    size_t mask;
    aa_allocator *allocator;
} aai_way;

typedef struct aai_recent {
    aai_way ways[AAI_WAYS];
    uint64_t undo;
    size_t top, bottom;
    void *raw; /* what to free */
    aai_recent_entry at[AAI_RECENT];
} __attribute__((aligned(64))) aai_recent;

/* This thread's; before it first needs one, an empty one that nobody changes. */
AA_API extern __thread aai_recent *aai_recent_mine AAI_TLS_MODEL;

AAI_INLINE void aai_recent_push(aai_recent *recent, char *start, uintptr_t end, uint64_t version)
{
    aai_recent_entry *const entry = &recent->at[recent->top % AAI_RECENT];
    __atomic_store_n(&entry->start, start,
                     __ATOMIC_RELAXED); /* three stores: one wide one is read back late */
    __atomic_store_n(&entry->end, end, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->version, version, __ATOMIC_RELAXED);
    ++recent->top;
}

/* Allocate from the handle that this thread used last. False: ask aai_serve_alloc. */
AAI_INLINE bool aai_serve_inline(uintptr_t handle, size_t bytes, void **p)
{
    aai_recent *const recent = aai_recent_mine;
    if (recent->ways[0].handle != handle ||
        __atomic_load_n(recent->ways[0].key_at, __ATOMIC_RELAXED) != recent->ways[0].key) {
        return false;
    }
    aai_window *const window = recent->ways[0].window;
    const size_t rounded = (bytes + recent->ways[0].mask) & ~recent->ways[0].mask;
    if (AAI_UNLIKELY(!aai_fits(window, rounded))) {
        return false;
    }
    char *const start = (char *)aai_bump(window, rounded);
    aai_recent_push(recent, start, (uintptr_t)start + rounded, recent->ways[0].edge->version);
    *p = start;
    return true;
}

/* Give back the newest allocation of the same. False: ask aai_serve_free. */
AAI_INLINE bool aai_serve_undo(void *pointer)
{
    aai_recent *const recent = aai_recent_mine;
    aai_recent_entry *const entry = &recent->at[(recent->top - 1) % AAI_RECENT];
    if (entry->start != pointer || pointer == NULL || /* as the entries that are gone are */
        __atomic_load_n(recent->ways[0].key_at, __ATOMIC_RELAXED) != recent->undo) {
        return false;
    }
    aai_window *const window = recent->ways[0].window;
    aai_edge *const edge = recent->ways[0].edge;
    char *const cursor = window->cursor;
    if (edge->version != entry->version || (uintptr_t)cursor != entry->end ||
        cursor > edge->noted) {
        return false;
    }
    __atomic_store_n(&window->cursor, (char *)pointer, __ATOMIC_RELAXED);
    __atomic_store_n(&window->count, window->count - 1, __ATOMIC_RELAXED);
    __atomic_store_n(&edge->past_count, edge->past_count + 1, __ATOMIC_RELAXED);
    entry->start = NULL;
    --recent->top;
    return true;
}

/* ---- calls -------------------------------------------------------------------------------------------------- */

typedef enum aai_whose {
    AAI_THEIRS, /* the runtime's: pass the call on unchanged */
    AAI_OURS,
    AAI_GONE_HANDLE /* ours, but its allocator was destroyed: reported, to be refused */
} aai_whose;

/* Whom an OpenMP allocator handle asks; *allocator is set when AAI_OURS. 0 (omp_null_allocator): what is in
 * scope. function: for the report. */
AA_API aai_whose aai_serve_find(uintptr_t handle, const char *function, aa_allocator **allocator);

/* Whether a handle is one of ours, gone or not. */
AA_API bool aai_serve_knows(uintptr_t handle);

/* bytes > 0; alignment 0: the allocator's. NULL with the failure recorded. */
AA_API void *aai_serve_alloc(aa_allocator *allocator, size_t bytes, size_t alignment);

/* Free memory of any of our allocators, from any thread; false: it is none of ours. */
AA_API bool aai_serve_free(void *pointer);

/* Whose memory it is; NULL: none of ours. */
AA_API aa_allocator *aai_serve_owner(const void *pointer);

/* How many bytes may be read from the start of an allocation of ours: exactly its own, or at least those. */
typedef struct aai_held {
    size_t bytes;
    bool is_exact;
} aai_held;
AA_API aai_held aai_serve_held(const void *pointer);

/* Resize in place; false: it cannot be. */
AA_API bool aai_serve_resize(const aa_allocator *allocator, void *pointer, size_t bytes);

/* The handle of ours of which this one has the low half, as a compiler leaves it that takes a handle for an
 * int; 0 if there is none, or more than one. */
AA_API uintptr_t aai_serve_uncut(uintptr_t handle);

AAI_END_DECLS

#endif
