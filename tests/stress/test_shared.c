/* Shared under load: threads write patterns and look for them again, with leases, large blocks, scratch, frees,
 * nested regions, other allocators in between. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 8, LIVE = 64 };

typedef struct live_block {
    char *memory;
    size_t bytes;
    unsigned seed;
} live_block;

typedef struct worker {
    aa_allocator *allocator;
    uint64_t random;
    live_block blocks[LIVE];
    int count, broken;
    unsigned seed;
} worker;

static uint64_t draw(worker *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

static size_t draw_bytes(worker *w)
{
    switch (draw(w, 32)) {
    case 0:
        return draw(w, 500000);
    case 1:
    case 2:
        return draw(w, 40000);
    default:
        return draw(w, 500);
    }
}

static void take(worker *w)
{
    const size_t bytes = draw_bytes(w);
    char *const p = draw(w, 8) == 0
                        ? aa_alloc_aligned(w->allocator, bytes, (size_t)1 << draw(w, 13))
                        : aa_alloc(w->allocator, bytes);
    if (p == NULL) {
        ++w->broken;
        return;
    }
    pattern_fill(p, bytes, ++w->seed);
    w->blocks[w->count++] = (live_block){p, bytes, w->seed};
}

static void check_and_forget(worker *w, int keep)
{
    while (w->count > keep) {
        const live_block b = w->blocks[--w->count];
        w->broken += !pattern_holds(b.memory, b.bytes, b.seed);
        aa_free(w->allocator, b.memory, b.bytes);
    }
}

static void work(worker *w, int steps)
{
    for (int i = 0; i < steps; ++i) {
        if (w->count == LIVE || draw(w, 5) == 0) {
            check_and_forget(w, w->count == 0 ? 0 : (int)draw(w, (uint64_t)w->count));
        } else if (draw(w, 10) == 0) {
            const int keep = w->count;
            AA_SCRATCH(w->allocator) {
                while (w->count < LIVE && draw(w, 6) != 0) {
                    take(w);
                }
                while (w->count > keep) { /* the rewind frees them */
                    const live_block b = w->blocks[--w->count];
                    w->broken += !pattern_holds(b.memory, b.bytes, b.seed);
                }
            }
        } else {
            take(w);
        }
    }
    check_and_forget(w, 0);
}

static worker make_worker(aa_allocator *allocator, int number)
{
    return (worker){.allocator = allocator,
                    .random = (uint64_t)(number + 1) * UINT64_C(0x9e3779b97f4a7c15),
                    .seed = (unsigned)number << 20};
}

static int hammer(aa_allocator *allocator, int rounds, int steps)
{
    int broken = 0;
    for (int round = 0; round < rounds; ++round) {
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
        {
            worker w = make_worker(allocator, round * THREADS + omp_get_thread_num());
            work(&w, steps);
            broken += w.broken;
        }
        broken += aa_reset(allocator) != AA_OK;
    }
    return broken;
}

static const aa_options settings[] = {{.lease = 0},
                                      {.lease = 1},
                                      {.lease = 4096},
                                      {.initial = 4096},
                                      {.checks = AA_CHECKS_API},
                                      {.flags = AA_ZEROED},
                                      {.alignment = 8},
                                      {.history = 1}};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

START_TEST(many_threads_never_get_the_same_memory)
{
    upstream_count count;
    aa_options options = settings[_i];
    options.upstream = counted_create(&count);
    aa_allocator *const shared = aa_shared_create(&options);
    record_violations();
    ck_assert_int_eq(hammer(shared, 5, 2000), 0);
    assert_no_reports();
    const aa_stats stats = stats_of(shared);
    ck_assert_uint_eq(stats.used, 0);
    ck_assert_uint_eq(stats.committed, count.out);
    assert_status(aa_destroy(shared), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(options.upstream), AA_OK);
}
END_TEST

START_TEST(many_threads_in_private_arenas_never_get_the_same_memory)
{
    upstream_count count;
    aa_options options = settings[_i];
    options.upstream = counted_create(&count);
    aa_allocator *const private_ = aa_private_create(&options);
    record_violations();
    ck_assert_int_eq(hammer(private_, 5, 2000), 0);
    assert_no_reports();
    ck_assert_uint_eq(stats_of(private_).used, 0);
    assert_status(aa_destroy(private_), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(options.upstream), AA_OK);
}
END_TEST

START_TEST(many_threads_on_the_heap_never_get_the_same_memory)
{
    const aa_stats before = stats_of(aa_heap());
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        worker w = make_worker(aa_heap(), omp_get_thread_num());
        work(&w, 5000);
        broken += w.broken;
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(stats_of(aa_heap()).used, before.used);
}
END_TEST

/* More than aa_tls has slots for: threads change between them all the time. */
START_TEST(many_allocators_in_turn_never_give_the_same_memory)
{
    enum { ALLOCATORS = 8 };
    aa_allocator *all[ALLOCATORS];
    for (int i = 0; i < ALLOCATORS; ++i) {
        all[i] = i % 2 == 0 ? aa_shared_create(NULL) : aa_private_create(NULL);
    }
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        worker workers[ALLOCATORS];
        for (int i = 0; i < ALLOCATORS; ++i) {
            workers[i] = make_worker(all[i], omp_get_thread_num());
        }
        for (int step = 0; step < 3000; ++step) {
            worker *const w = &workers[step % ALLOCATORS];
            if (w->count == LIVE) {
                check_and_forget(w, 0);
            }
            take(w);
        }
        for (int i = 0; i < ALLOCATORS; ++i) {
            check_and_forget(&workers[i], 0);
            broken += workers[i].broken;
        }
    }
    ck_assert_int_eq(broken, 0);
    for (int i = 0; i < ALLOCATORS; ++i) {
        assert_status(aa_destroy(all[i]), AA_OK);
    }
}
END_TEST

START_TEST(other_threads_may_read_stats_while_some_allocate)
{
    aa_allocator *const shared = aa_shared_create(&(aa_options){.name = "watched"});
    int broken = 0;
#pragma omp parallel num_threads(4) reduction(+ : broken)
    {
        if (omp_get_thread_num() % 2 == 0) {
            worker w = make_worker(shared, omp_get_thread_num());
            work(&w, 3000);
            broken += w.broken;
        } else {
            uint64_t last = 0;
            for (int i = 0; i < 1000; ++i) {
                aa_stats stats;
                broken += aa_stats_get(shared, &stats) != AA_OK;
                broken += stats.used > (size_t)1 << 40 || stats.upstream_calls < last;
                last = stats.upstream_calls;
                broken += aa_owns(shared, &stats);
            }
        }
    }
    ck_assert_int_eq(broken, 0);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(allocators_come_and_go_on_many_threads)
{
    int broken = 0;
    record_violations();
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    for (int i = 0; i < 200; ++i) {
        aa_allocator *const a = bump_try_create(i % BUMP_KINDS, NULL);
        AA_WITH(a) {
            worker w = make_worker(AA_CURRENT, i);
            work(&w, 50);
            broken += w.broken;
        }
        broken += aa_reset(a) != AA_OK;
        broken += aa_destroy(a) != AA_OK;
    }
    ck_assert_int_eq(broken, 0);
    assert_no_reports();
}
END_TEST

AA_TEST_MAIN("stress: shared", AA_TEST_LOOP(many_threads_never_get_the_same_memory, 0, SETTINGS),
             AA_TEST_LOOP(many_threads_in_private_arenas_never_get_the_same_memory, 0, SETTINGS),
             AA_TEST(many_threads_on_the_heap_never_get_the_same_memory),
             AA_TEST(many_allocators_in_turn_never_give_the_same_memory),
             AA_TEST(other_threads_may_read_stats_while_some_allocate),
             AA_TEST(allocators_come_and_go_on_many_threads))
