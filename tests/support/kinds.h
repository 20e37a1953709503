/* The bump allocators by number, for tests that hold for all of them:
 *
 *     START_TEST(freeing_the_newest_block_gives_it_back)
 *     {
 *         aa_allocator *const a = bump_create(_i, NULL);
 *         ...
 *     AA_TEST_MAIN("...", AA_TEST_BUMP(freeing_the_newest_block_gives_it_back)) */
#ifndef AA_TESTS_SUPPORT_KINDS_H
#define AA_TESTS_SUPPORT_KINDS_H

#include <allocarrays.h>
#include <check.h>

enum { ARENA, SHARED, PRIVATE, BUMP_KINDS };

#define AA_TEST_BUMP(name) AA_TEST_LOOP(name, 0, BUMP_KINDS)

static inline aa_allocator *bump_try_create(int kind, const aa_options *options)
{
    switch (kind) {
    case ARENA:
        return aa_arena_create(options);
    case SHARED:
        return aa_shared_create(options);
    default:
        return aa_private_create(options);
    }
}

static inline aa_allocator *bump_create(int kind, const aa_options *options)
{
    aa_allocator *const allocator = bump_try_create(kind, options);
    ck_assert_msg(allocator != NULL, "kind %d: %s", kind, aa_last_message());
    return allocator;
}

static inline aa_stats stats_of(const aa_allocator *allocator)
{
    aa_stats stats;
    const aa_status status = aa_stats_get(allocator, &stats);
    ck_assert_msg(status == AA_OK, "aa_stats_get: %s", aa_last_message());
    return stats;
}

/* What is held and served is the same; lock and upstream counters may have moved. */
#define assert_same_holdings(before, after)                                                        \
    do {                                                                                           \
        ck_assert_uint_eq((after).used, (before).used);                                            \
        ck_assert_uint_eq((after).peak, (before).peak);                                            \
        ck_assert_uint_eq((after).committed, (before).committed);                                  \
        ck_assert_uint_eq((after).wasted, (before).wasted);                                        \
        ck_assert_uint_eq((after).blocks, (before).blocks);                                        \
        ck_assert_uint_eq((after).allocations, (before).allocations);                              \
        ck_assert_uint_eq((after).resets, (before).resets);                                        \
        ck_assert_uint_eq((after).live_frees, (before).live_frees);                                \
    } while (0)

#endif
