/* The fast path of aa_alloc and the words it reads. Installed, undocumented; part of the ABI.
 *
 * A window is what one thread may bump through without asking:
 *     cursor aligned to mask + 1;  cursor <= limit;  [cursor, limit) is held by nobody else.
 * With r = bytes rounded up to the alignment, r - 1 < limit - cursor (unsigned) holds exactly when
 * bytes > 0, the rounding did not wrap, and r bytes fit: zero, overflow, a full window, an empty
 * window (checked tier, heap, custom), all leave by one door, the slow path.
 *
 * An arena's window is its own. A shared or private allocator keeps its own window empty, and the
 * thread's is found through aa_tls: slot.key == allocator->key proves that slot.window belongs to this
 * (allocator, epoch), for keys are drawn from one 64-bit counter and never repeat.
 */
#ifndef ALLOCARRAYS_IMPL_ALLOC_H
#define ALLOCARRAYS_IMPL_ALLOC_H

#include <allocarrays/impl/base.h>

AAI_BEGIN_DECLS

enum { AAI_TLS_SLOTS = 7 };

typedef struct aai_window {
    char *cursor, *limit;
    uint64_t count; /* allocations alive in sequence: the ordinal of the next one */
} aai_window;

/* The head of every allocator. `key` is written by create and reset only, while nobody else is inside. */
struct aa_allocator {
    aai_window window;
    size_t mask; /* alignment - 1 */
    uint64_t key;
    uint32_t slot; /* which aa_tls slot this allocator uses */
    uint8_t kind, tier;
    uint16_t flags;
    const struct aai_ops *ops;
};

/* 128 bytes, zero in a new thread. Initial-exec: one load off the thread pointer, also from a library. */
typedef struct aai_tls {
    struct {
        uint64_t key;
        aai_window *window;
    } slot[AAI_TLS_SLOTS];
    uint64_t thread_id; /* 0 until the thread first needs a record */
    struct aai_thread *record;
} aai_tls;

#if defined(__GLIBC__) && !defined(__APPLE__)
#define AAI_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define AAI_TLS_MODEL
#endif
AA_API extern __thread aai_tls aa_tls AAI_TLS_MODEL;

/* Every rare case: growth, first use, zero bytes, overflow, checks, heap, custom, NULL. */
AA_API AAI_COLD void *aai_alloc_slow(aa_allocator *allocator, size_t bytes);
AA_API AAI_COLD void *aai_alloc_failed_product(size_t count, size_t bytes);

/* The owner's stores are relaxed atomics so that aa_stats_get may read from any thread; the machine
 * code is that of plain stores. They order nothing: a user's race stays visible to the tools. */
AAI_INLINE void *aai_bump(aai_window *window, size_t rounded)
{
    char *const cursor = window->cursor;
    __atomic_store_n(&window->cursor, cursor + rounded, __ATOMIC_RELAXED);
    __atomic_store_n(&window->count, window->count + 1, __ATOMIC_RELAXED);
    return cursor;
}

AAI_INLINE bool aai_fits(const aai_window *window, size_t rounded)
{
    return rounded - 1 < (size_t)(window->limit - window->cursor);
}

AAI_INLINE void *aai_alloc(aa_allocator *allocator, size_t bytes)
{
    if (AAI_UNLIKELY(allocator == NULL)) {
        return aai_alloc_slow(allocator, bytes);
    }
    const size_t rounded = (bytes + allocator->mask) & ~allocator->mask;
    if (AAI_LIKELY(aai_fits(&allocator->window, rounded))) {
        return aai_bump(&allocator->window, rounded);
    }
    const uint32_t slot = allocator->slot;
    if (aa_tls.slot[slot].key == allocator->key) {
        aai_window *const window = aa_tls.slot[slot].window;
        if (AAI_LIKELY(aai_fits(window, rounded))) {
            return aai_bump(window, rounded);
        }
    }
    return aai_alloc_slow(allocator, bytes);
}

AAI_END_DECLS

#endif
