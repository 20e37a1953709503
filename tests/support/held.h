/* What must survive a refused call: memory with a pattern, an array, the numbers. */
#ifndef AA_TESTS_SUPPORT_HELD_H
#define AA_TESTS_SUPPORT_HELD_H

#include "kinds.h"
#include "patterns.h"

enum { HELD_BYTES = 3000 };

typedef struct held {
    aa_allocator *allocator;
    void *memory;
    aa_array array;
    aa_stats stats;
} held;

/* Take something from an allocator, and note its stats. Call it on the thread that owns it. */
static inline held hold(aa_allocator *allocator)
{
    static const int64_t shape[] = {10};
    held h = {.allocator = allocator, .memory = aa_alloc(allocator, HELD_BYTES)};
    ck_assert_ptr_nonnull(h.memory);
    pattern_fill(h.memory, HELD_BYTES, 77);
    h.array = aa_empty(allocator, AA_F64, 1, shape);
    ck_assert_msg(!aa_is_null(&h.array), "%s", aa_last_message());
    h.stats = stats_of(allocator);
    return h;
}

/* Nothing has changed since, and the allocator goes on. */
static inline void assert_unharmed(const held *h)
{
    const aa_stats now = stats_of(h->allocator);
    ck_assert(pattern_holds(h->memory, HELD_BYTES, 77));
    ck_assert(aa_is_valid(&h->array));
    assert_same_holdings(h->stats, now);
    char *const more = aa_alloc(h->allocator, 5000);
    ck_assert_ptr_nonnull(more);
    pattern_fill(more, 5000, 78);
    ck_assert(pattern_holds(h->memory, HELD_BYTES, 77));
}

#endif
