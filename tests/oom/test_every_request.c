/* The n-th request to the upstream is refused, for every n, once and for ever: the right status, nothing lost,
 * exact stats, every byte returned, and the allocator goes on. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

enum { BLOCKS = 64, FIRST = 16 << 10, MOST_REQUESTS = 200 };

typedef struct block {
    void *memory;
    size_t bytes;
    unsigned seed;
} block;

/* What a workload holds, and what must be true of it. */
typedef struct run {
    aa_allocator *allocator;
    block blocks[BLOCKS];
    int count, refused;
    uint64_t served;
    size_t used;
} run;

static void assert_intact(const run *r)
{
    for (int i = 0; i < r->count; ++i) {
        const block *const b = &r->blocks[i];
        ck_assert_msg(pattern_holds(b->memory, b->bytes, b->seed), "block %d of %zu bytes", i,
                      b->bytes);
        ck_assert(aa_owns(r->allocator, b->memory));
    }
    const aa_stats stats = stats_of(r->allocator);
    ck_assert_uint_eq(stats.used, r->used);
    ck_assert_uint_eq(stats.allocations, r->served);
    ck_assert_uint_le(stats.used + stats.wasted, stats.committed);
}

static void note(run *r, void *memory, size_t bytes)
{
    const unsigned seed = (unsigned)r->served;
    pattern_fill(memory, bytes, seed);
    r->blocks[r->count++] = (block){memory, bytes, seed};
    ++r->served;
    r->used += rounded_64(bytes);
}

/* Ask; when refused, check that nothing changed. */
static bool take(run *r, size_t bytes)
{
    const aa_stats before = stats_of(r->allocator);
    aa_last_clear();
    void *const p = aa_alloc(r->allocator, bytes);
    if (p != NULL) {
        note(r, p, bytes);
        return true;
    }
    ++r->refused;
    ck_assert_int_eq(aa_last_status(), AA_NOMEM);
    ck_assert_uint_gt(strlen(aa_last_message()), 10);
    const aa_stats after = stats_of(r->allocator);
    assert_same_holdings(before, after);
    assert_intact(r);
    return false;
}

static void reset(run *r)
{
    assert_status(aa_reset(r->allocator), AA_OK);
    r->count = 0;
    r->used = 0;
    ck_assert_uint_eq(stats_of(r->allocator).used, 0);
}

/* Grows by small and large requests, resets (which folds and later shrinks), scratches, resizes. */
static void workload(run *r)
{
    static const size_t bytes[] = {100, 50000, 64, 0, 3 * FIRST, 1000, 200000, 10, 7 * FIRST, 5000};
    for (int round = 0; round < 8; ++round) {
        const int large = round < 2 ? 10 : 3;
        for (int i = 0; i < large; ++i) {
            (void)take(r, bytes[i]);
        }
        const run before = *r;
        const aa_mark mark = aa_mark_take(r->allocator);
        (void)take(r, 30000);
        (void)take(r, 300000);
        const uint64_t served = r->served;
        assert_status(aa_mark_rewind(mark), AA_OK);
        const int refused = r->refused;
        *r = before;
        r->served = served;
        r->refused = refused;
        assert_intact(r);
        reset(r);
    }
}

static uint64_t requests_of(const aa_upstream *upstream)
{
    uint64_t requests = 0;
    assert_status(aa_upstream_usage(upstream, &requests, NULL), AA_OK);
    return requests;
}

/* Run the workload with the n-th request refused; the number of requests it made. */
static uint64_t run_with(int kind, int64_t n, const aa_options *extra)
{
    upstream_count count;
    aa_upstream *const inner = counted_create(&count);
    aa_upstream *const failing = aa_upstream_failing(inner, n);
    aa_options options = *extra;
    options.upstream = failing;
    run r = {.allocator = bump_create(kind, &options)};
    workload(&r);
    const uint64_t requests = requests_of(failing);
    if (n > 0 && requests >= (uint64_t)n) { /* refused once: all is well again */
        for (int i = 0; i < 10; ++i) {
            ck_assert_msg(take(&r, 40000), "request %lld: %s", (long long)n, aa_last_message());
        }
        assert_intact(&r);
    }
    ck_assert_uint_eq(stats_of(r.allocator).committed, count.out);
    assert_status(aa_destroy(r.allocator), AA_OK);
    size_t out = 1;
    assert_status(aa_upstream_usage(failing, NULL, &out), AA_OK);
    ck_assert_uint_eq(out, 0);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(failing), AA_OK);
    assert_status(aa_upstream_destroy(inner), AA_OK);
    return requests;
}

/* For every n that is reached: until a run ends before its n-th request. */
static void fail_each(int kind, int sign, const aa_options *options)
{
    int64_t n = 1;
    while (run_with(kind, sign * n, options) >= (uint64_t)n) {
        ck_assert_int_lt(++n, MOST_REQUESTS);
    }
    ck_assert_int_gt(n, 3);
}

START_TEST(each_request_refused_once_loses_nothing)
{
    fail_each(_i, 1, &(aa_options){.initial = FIRST});
}
END_TEST

START_TEST(each_request_refused_for_ever_loses_nothing)
{
    fail_each(_i, -1, &(aa_options){.initial = FIRST});
}
END_TEST

START_TEST(with_defaults_each_request_refused_loses_nothing)
{
    fail_each(_i, 1, &(aa_options){.name = NULL});
    fail_each(_i, -1, &(aa_options){.name = NULL});
}
END_TEST

START_TEST(under_a_capacity_each_request_refused_loses_nothing)
{
    fail_each(_i, 1, &(aa_options){.capacity = 900001, .initial = FIRST});
    fail_each(_i, -1, &(aa_options){.capacity = 900001, .initial = FIRST});
}
END_TEST

START_TEST(under_checks_each_request_refused_loses_nothing)
{
    fail_each(_i, 1, &(aa_options){.initial = FIRST, .checks = AA_CHECKS_API});
    fail_each(_i, -1, &(aa_options){.initial = FIRST, .checks = AA_CHECKS_API});
}
END_TEST

START_TEST(after_a_refusal_a_smaller_request_succeeds)
{
    aa_upstream *const failing = aa_upstream_failing(NULL, -2);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = failing, .initial = 1 << 20});
    char *const p = aa_alloc(a, 1000);
    pattern_fill(p, 1000, 1);
    for (size_t bytes = (size_t)1 << 30; bytes > 1 << 20; bytes /= 2) {
        assert_fails(aa_alloc(a, bytes), AA_NOMEM);
    }
    for (size_t bytes = 1 << 18; bytes > 0; bytes /= 2) {
        char *const q = aa_alloc(a, bytes);
        ck_assert_ptr_nonnull(q);
        pattern_fill(q, bytes, 2);
    }
    ck_assert(pattern_holds(p, 1000, 1));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(failing), AA_OK);
}
END_TEST

START_TEST(a_refused_realloc_keeps_the_old_memory)
{
    aa_upstream *const failing = aa_upstream_failing(NULL, -2);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = failing, .initial = 1 << 16});
    char *const p = aa_alloc(a, 1000);
    pattern_fill(p, 1000, 1);
    const aa_stats before = stats_of(a);
    assert_fails(aa_realloc(a, p, 1000, 1 << 20), AA_NOMEM);
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
    ck_assert(pattern_holds(p, 1000, 1));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(failing), AA_OK);
}
END_TEST

START_TEST(a_refused_prefault_creates_nothing)
{
    aa_upstream *const failing = aa_upstream_failing(NULL, 1);
    assert_fails(aa_arena_create(&(aa_options){.upstream = failing, .flags = AA_PREFAULT}),
                 AA_NOMEM);
    size_t out = 1;
    assert_status(aa_upstream_usage(failing, NULL, &out), AA_OK);
    ck_assert_uint_eq(out, 0);
    assert_status(aa_upstream_destroy(failing), AA_OK);
}
END_TEST

START_TEST(a_refused_array_is_null_and_leaks_nothing)
{
    static const int64_t shape[] = {1000, 1000};
    aa_upstream *const failing = aa_upstream_failing(NULL, -1);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = failing});
    aa_last_clear();
    const aa_array array = aa_empty(a, AA_F64, 2, shape);
    ck_assert(aa_is_null(&array));
    ck_assert_int_eq(aa_last_status(), AA_NOMEM);
    ck_assert_uint_eq(stats_of(a).committed, 0);
    ck_assert_uint_eq(stats_of(a).allocations, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(failing), AA_OK);
}
END_TEST

/* ---- several threads ---- */

/* Each thread takes, checks and goes on; the sum of what was served must be what the stats say. */
static uint64_t run_team_with(int kind, int64_t n)
{
    upstream_count count;
    aa_upstream *const inner = counted_create(&count);
    aa_upstream *const failing = aa_upstream_failing(inner, n);
    aa_allocator *const a =
        bump_create(kind, &(aa_options){.upstream = failing, .initial = FIRST, .lease = 4096});
    int broken = 0;
    for (int round = 0; round < 3; ++round) {
        size_t used = 0;
#pragma omp parallel num_threads(4) reduction(+ : used, broken)
        {
            void *at[40];
            const unsigned seed = 100 * (unsigned)omp_get_thread_num();
            for (unsigned i = 0; i < 40; ++i) {
                const size_t bytes = i % 10 == 9 ? 100000 : 64 * i;
                at[i] = aa_alloc(a, bytes);
                if (at[i] == NULL) {
                    broken += aa_last_status() != AA_NOMEM;
                } else {
                    pattern_fill(at[i], bytes, seed + i);
                    used += rounded_64(bytes);
                }
            }
            for (unsigned i = 0; i < 40; ++i) {
                const size_t bytes = i % 10 == 9 ? 100000 : 64 * i;
                broken += at[i] != NULL && !pattern_holds(at[i], bytes, seed + i);
            }
        }
        ck_assert_uint_eq(stats_of(a).used, used);
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_int_eq(broken, 0);
    const uint64_t requests = requests_of(failing);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(failing), AA_OK);
    assert_status(aa_upstream_destroy(inner), AA_OK);
    return requests;
}

START_TEST(in_a_team_each_request_refused_loses_nothing)
{
    const uint64_t requests = run_team_with(_i, 0);
    ck_assert_uint_gt(requests, 2);
    for (int64_t n = 1; n <= (int64_t)requests + 2; ++n) {
        (void)run_team_with(_i, n);
        (void)run_team_with(_i, -n);
    }
}
END_TEST

AA_TEST_MAIN("oom: every request", AA_TEST_BUMP(each_request_refused_once_loses_nothing),
             AA_TEST_BUMP(each_request_refused_for_ever_loses_nothing),
             AA_TEST_BUMP(with_defaults_each_request_refused_loses_nothing),
             AA_TEST_BUMP(under_a_capacity_each_request_refused_loses_nothing),
             AA_TEST_BUMP(under_checks_each_request_refused_loses_nothing),
             AA_TEST_BUMP(after_a_refusal_a_smaller_request_succeeds),
             AA_TEST_BUMP(a_refused_realloc_keeps_the_old_memory),
             AA_TEST(a_refused_prefault_creates_nothing),
             AA_TEST_BUMP(a_refused_array_is_null_and_leaks_nothing),
             AA_TEST_LOOP(in_a_team_each_request_refused_loses_nothing, SHARED, PRIVATE + 1))
