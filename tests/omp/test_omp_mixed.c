/* OpenMP's calls and our own on the same memory, in any order: no live block is ever given to another. */
#include "runner.h"
#include "test_omp.h"
#include "threads.h"

START_TEST(what_aa_free_took_back_is_not_taken_back_again)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    for (int round = 0; round < 3; ++round) { /* the later ones inline */
        char *const wide = omp_alloc(128, h);
        aa_free(a, wide, 128);
        char *const first = aa_alloc(a, 64), *const second = aa_alloc(a, 64);
        ck_assert_ptr_eq(first, wide);
        pattern_fill(second, 64, 1);
        omp_free(first, h); /* 64 bytes now, and not the newest */
        pattern_fill(aa_alloc(a, 128), 128, 2);
        ck_assert(pattern_holds(second, 64, 1));
        assert_status(aa_reset(a), AA_OK);
        omp_free(omp_alloc(64, h), h);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_aa_realloc_made_smaller_is_that_small_when_freed)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    char *const p = omp_alloc(128, h);
    ck_assert_ptr_eq(aa_realloc(a, p, 128, 64), p);
    char *const q = omp_alloc(64, h);
    pattern_fill(q, 64, 1);
    omp_free(p, h);
    pattern_fill(omp_alloc(128, h), 128, 2);
    ck_assert(pattern_holds(q, 64, 1));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_aa_realloc_made_larger_comes_back_whole)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    char *const p = omp_alloc(64, h);
    ck_assert_ptr_eq(aa_realloc(a, p, 64, 256), p);
    omp_free(p, h);
    ck_assert_uint_eq(used_by(a), 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

typedef struct handed {
    aa_allocator *arena;
    char *wide, *first, *second, *split;
    bool splits;
} handed;

/* Splits: windows behind the one that the others lie in, which comes back when they are empty. */
static void *take_over(void *argument)
{
    handed *const all = argument;
    (void)aa_arena_adopt(all->arena);
    aa_free(all->arena, all->split, 64);
    aa_free(all->arena, all->wide, 128);
    all->first = aa_alloc(all->arena, 64);
    all->second = aa_alloc(all->arena, 64);
    if (all->splits) {
        all->split = aa_alloc_aligned(all->arena, 64, 1024);
    }
    return NULL;
}

START_TEST(what_another_owner_of_the_arena_freed_is_forgotten)
{
    handed all = {.arena = aa_arena_create(NULL), .splits = _i == 1};
    const omp_allocator_handle_t h = handle_of(all.arena);
    all.wide = omp_alloc(128, h);
    all.split = all.splits ? aa_alloc_aligned(all.arena, 64, 1024) : NULL;
    on_thread(take_over, &all);
    ck_assert_ptr_eq(all.first, all.wide);
    assert_status(aa_arena_adopt(all.arena), AA_OK);
    aa_free(all.arena, all.split, 64);
    pattern_fill(all.second, 64, 1);
    omp_free(all.first, h);
    pattern_fill(aa_alloc(all.arena, 128), 128, 2);
    ck_assert(pattern_holds(all.second, 64, 1));
    assert_status(aa_destroy(all.arena), AA_OK);
}
END_TEST

/* More than a thread remembers, so that the entry before the oldest one left is one that was freed. */
START_TEST(to_free_null_does_nothing)
{
    enum { REMEMBERED = 32 };
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    char *p[REMEMBERED + 1];
    omp_free(omp_alloc(64 * (REMEMBERED + 4), h), h); /* the peak is noted this far */
    for (int i = 0; i <= REMEMBERED; ++i) {
        p[i] = omp_alloc(64, h);
    }
    for (int i = REMEMBERED; i > 0; --i) {
        omp_free(p[i], h);
    }
    char *const rest = aa_alloc(a, 64 * REMEMBERED); /* to where the newest one ended */
    ck_assert_ptr_eq(rest, p[1]);
    const size_t used = used_by(a);
    omp_free(NULL, h);
    omp_free(NULL, omp_null_allocator);
    ck_assert_uint_eq(used_by(a), used);
    ck_assert_ptr_eq(aa_alloc(a, 64), rest + (size_t)64 * REMEMBERED);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- at random ---------------------------------------------------------------------------------------------- */

enum { LIVE = 48, POOLS = 2, STEPS = 4000, SEEDS = 12, DEEPEST = 3, WHOLE = 200000 };

typedef struct block {
    unsigned char *start;
    size_t bytes;
    unsigned seed;
    int pool, depth; /* open marks when it was born */
} block;

typedef struct world {
    uint64_t random;
    aa_allocator *pool[POOLS];
    omp_allocator_handle_t handle[POOLS];
    aa_mark marks[POOLS][DEEPEST];
    int depth[POOLS];
    block live[LIVE];
    int count;
    unsigned born;
} world;

static size_t below(world *w, size_t end)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (size_t)(w->random % end);
}

static size_t some_bytes(world *w)
{
    switch (below(w, 40)) {
    case 0:
        return 1 + below(w, WHOLE);
    case 1:
    case 2:
        return 1 + below(w, 9000);
    default:
        return 1 + below(w, 300);
    }
}

static void assert_whole(const world *w)
{
    for (int i = 0; i < w->count; ++i) {
        ck_assert_msg(pattern_holds(w->live[i].start, w->live[i].bytes, w->live[i].seed),
                      "block %d of %zu bytes was overwritten", i, w->live[i].bytes);
    }
}

static void settle(world *w, block *b, void *start, size_t bytes, int pool)
{
    *b = (block){start, bytes, ++w->born, pool, w->depth[pool]};
    pattern_fill(start, bytes, b->seed);
}

static void step_alloc(world *w)
{
    const int pool = (int)below(w, POOLS);
    const size_t bytes = some_bytes(w), alignment = (size_t)1 << below(w, 9);
    aa_allocator *const a = w->pool[pool];
    const omp_allocator_handle_t h = w->handle[pool];
    const size_t how = below(w, 7);
    void *const p = how < 3    ? omp_alloc(bytes, h)
                    : how == 3 ? omp_aligned_alloc(alignment, bytes, h)
                    : how == 4 ? omp_calloc(1, bytes, h)
                    : how == 5 ? aa_alloc(a, bytes)
                               : aa_alloc_aligned(a, bytes, alignment);
    ck_assert_ptr_nonnull(p);
    ck_assert(how != 4 || is_zero(p, bytes));
    settle(w, &w->live[w->count++], p, bytes, pool);
}

static void step_free(world *w, size_t at)
{
    block *const b = &w->live[at];
    ck_assert(pattern_holds(b->start, b->bytes, b->seed));
    if (below(w, 3) == 0) {
        aa_free(w->pool[b->pool], b->start, b->bytes);
    } else {
        omp_free(b->start, below(w, 2) == 0 ? omp_null_allocator : w->handle[b->pool]);
    }
    *b = w->live[--w->count];
}

static void step_resize(world *w, size_t at)
{
    block *const b = &w->live[at];
    const size_t bytes = some_bytes(w), common = bytes < b->bytes ? bytes : b->bytes;
    const int to = (int)below(w, POOLS);
    const size_t how = below(w, 3);
    const int pool = how == 0 ? to : b->pool;
    unsigned char *const p =
        how == 0   ? omp_realloc(b->start, bytes, w->handle[to], w->handle[b->pool])
        : how == 1 ? omp_realloc(b->start, bytes, omp_null_allocator, omp_null_allocator)
                   : aa_realloc(w->pool[b->pool], b->start, b->bytes, bytes);
    ck_assert(p != NULL && pattern_holds(p, common, b->seed));
    settle(w, b, p, bytes, pool);
}

/* All blocks of a pool that were born under more than `depth` marks are gone. */
static void forget(world *w, int pool, int depth)
{
    for (int i = w->count; i > 0; --i) {
        if (w->live[i - 1].pool == pool && w->live[i - 1].depth > depth) {
            w->live[i - 1] = w->live[--w->count];
        }
    }
}

static void step_mark(world *w)
{
    const int pool = (int)below(w, POOLS);
    int *const depth = &w->depth[pool];
    const size_t how = below(w, 4);
    if (how < 2 && *depth < DEEPEST) {
        w->marks[pool][*depth] = aa_mark_take(w->pool[pool]);
        ck_assert(!aa_mark_is_null(w->marks[pool][*depth]));
        ++*depth;
    } else if (how == 2 && *depth > 0) {
        --*depth;
        assert_status(aa_mark_rewind(w->marks[pool][*depth]), AA_OK);
        forget(w, pool, *depth);
    } else if (how == 3 && *depth > 0) {
        --*depth;
        assert_status(aa_mark_drop(w->marks[pool][*depth]), AA_OK);
        for (int i = 0; i < w->count; ++i) {
            block *const b = &w->live[i];
            b->depth = b->pool == pool && b->depth > *depth ? *depth : b->depth;
        }
    }
}

static void step_reset(world *w)
{
    const int pool = (int)below(w, POOLS);
    if (w->depth[pool] == 0) {
        assert_status(aa_reset(w->pool[pool]), AA_OK);
        forget(w, pool, -1);
    }
}

static void step(world *w)
{
    const size_t what = below(w, 100);
    /* mostly the newest, as programs do */
    const size_t at = w->count == 0      ? 0
                      : below(w, 3) != 0 ? (size_t)w->count - 1
                                         : below(w, (size_t)w->count);
    if (what < 42 && w->count < LIVE) {
        step_alloc(w);
    } else if (what < 80 && w->count > 0) {
        step_free(w, at);
    } else if (what < 90 && w->count > 0) {
        step_resize(w, at);
    } else if (what < 92) {
        omp_free(NULL, w->handle[0]);
    } else if (what < 99) {
        step_mark(w);
    } else {
        step_reset(w);
    }
}

START_TEST(no_live_block_is_given_away)
{
    const int kind = _i % BUMP_KINDS;
    const aa_options options = {.checks = _i < BUMP_KINDS ? AA_CHECKS_NONE : AA_CHECKS_FULL};
    for (unsigned seed = 1; seed <= SEEDS; ++seed) {
        world w = {.random = 0x9E3779B97F4A7C15u * seed};
        for (int i = 0; i < POOLS; ++i) {
            w.pool[i] = bump_create(i == 0 ? kind : SHARED, &options);
            w.handle[i] = handle_of(w.pool[i]);
        }
        for (int i = 0; i < STEPS; ++i) {
            step(&w);
            if (i % 16 == 0) {
                assert_whole(&w);
            }
        }
        for (int i = 0; i < POOLS; ++i) {
            while (w.depth[i] > 0) {
                assert_status(aa_mark_drop(w.marks[i][--w.depth[i]]), AA_OK);
            }
            assert_status(aa_destroy(w.pool[i]), AA_OK);
        }
    }
}
END_TEST

AA_TEST_MAIN("omp: mixed", AA_TEST_BUMP(what_aa_free_took_back_is_not_taken_back_again),
             AA_TEST_BUMP(what_aa_realloc_made_smaller_is_that_small_when_freed),
             AA_TEST_BUMP(what_aa_realloc_made_larger_comes_back_whole),
             AA_TEST_LOOP(what_another_owner_of_the_arena_freed_is_forgotten, 0, 2),
             AA_TEST_BUMP(to_free_null_does_nothing),
             AA_TEST_LOOP(no_live_block_is_given_away, 0, 2 * BUMP_KINDS))
