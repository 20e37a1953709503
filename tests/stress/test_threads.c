/* Threads that come and go: in sequence, more than 1,024 at once, nested regions, teams that change size. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

static aa_allocator *create(int kind)
{
    return kind == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
}

#define TEST_SHARING(name) AA_TEST_LOOP(name, SHARED, PRIVATE + 1)

typedef struct visitor {
    pthread_t thread;
    aa_allocator *allocator;
    char *memory;
    unsigned seed;
    pthread_barrier_t *together;
} visitor;

static void *visit(void *argument)
{
    visitor *const v = argument;
    v->memory = aa_alloc(v->allocator, 1000);
    pattern_fill(v->memory, 1000, v->seed);
    if (v->together != NULL) {
        (void)pthread_barrier_wait(v->together);
    }
    return NULL;
}

START_TEST(ten_thousand_threads_in_sequence_leak_nothing)
{
    enum { COUNT = 10000, PER_RESET = 500 };
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    const aa_options options = {.upstream = upstream};
    aa_allocator *const a = bump_create(_i, &options);
    visitor v = {.allocator = a};
    for (unsigned i = 1; i <= COUNT; ++i) {
        v.seed = i;
        on_thread(visit, &v);
        ck_assert(pattern_holds(v.memory, 1000, i));
        if (i % PER_RESET == 0) {
            ck_assert_uint_eq(stats_of(a).used, PER_RESET * 1024);
            ck_assert_uint_eq(stats_of(a).allocations, i);
            assert_status(aa_reset(a), AA_OK);
        }
    }
    ck_assert_uint_le(count.most, (size_t)8 << 20);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(more_than_1024_threads_at_once_have_memory_of_their_own)
{
    enum { COUNT = 1100 };
    aa_allocator *const a = create(_i);
    visitor *const all = calloc(COUNT, sizeof *all);
    pthread_barrier_t together;
    pthread_attr_t small;
    ck_assert_int_eq(pthread_barrier_init(&together, NULL, COUNT + 1), 0);
    ck_assert_int_eq(pthread_attr_init(&small), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&small, 128 << 10), 0);
    for (unsigned i = 0; i < COUNT; ++i) {
        all[i] = (visitor){.allocator = a, .seed = i, .together = &together};
        ck_assert_int_eq(pthread_create(&all[i].thread, &small, visit, &all[i]), 0);
    }
    (void)pthread_barrier_wait(&together);
    for (unsigned i = 0; i < COUNT; ++i) {
        ck_assert_int_eq(pthread_join(all[i].thread, NULL), 0);
    }
    for (unsigned i = 0; i < COUNT; ++i) {
        ck_assert(pattern_holds(all[i].memory, 1000, i));
    }
    ck_assert_uint_eq(stats_of(a).used, COUNT * 1024);
    ck_assert_uint_eq(stats_of(a).allocations, COUNT);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
    (void)pthread_attr_destroy(&small);
    (void)pthread_barrier_destroy(&together);
    free(all);
}
END_TEST

START_TEST(teams_that_change_size_leak_nothing)
{
    static const int sizes[] = {1, 7, 2, 8, 3, 1, 5, 8, 4};
    aa_allocator *const a = create(_i);
    int broken = 0;
    size_t early = 0;
    for (int round = 0; round < 45; ++round) {
        size_t used = 0;
#pragma omp parallel num_threads(sizes[round % 9]) reduction(+ : broken, used)
        {
            char *const p = aa_alloc(a, 30000);
            broken += p == NULL;
            pattern_fill(p, 30000, (unsigned)omp_get_thread_num());
#pragma omp barrier
            broken += !pattern_holds(p, 30000, (unsigned)omp_get_thread_num());
            used += rounded_64(30000);
        }
        ck_assert_uint_eq(stats_of(a).used, used);
        assert_status(aa_reset(a), AA_OK);
        early = round == 17 ? stats_of(a).committed : early;
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_le(stats_of(a).committed, 2 * early);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_thousand_nested_regions_leak_nothing)
{
    aa_allocator *const a = create(_i);
    omp_set_max_active_levels(3);
    int broken = 0;
    size_t early = 0;
    record_violations();
    for (int round = 0; round < 250; ++round) {
        AA_WITH(a) {
#pragma omp parallel num_threads(2) reduction(+ : broken)
            {
#pragma omp parallel num_threads(2) reduction(+ : broken)
                {
                    char *const p = aa_alloc(AA_CURRENT, 2000);
                    pattern_fill(p, 2000, (unsigned)omp_get_thread_num());
#pragma omp parallel num_threads(2) reduction(+ : broken)
                    broken += aa_alloc(AA_CURRENT, 2000) == NULL;
                    broken += !pattern_holds(p, 2000, (unsigned)omp_get_thread_num());
                }
            }
        }
        ck_assert_uint_eq(stats_of(a).used, (4 + 8) * rounded_64(2000));
        assert_status(aa_reset(a), AA_OK);
        early = round == 20 ? stats_of(a).committed : early;
    }
    ck_assert_int_eq(broken, 0);
    assert_no_reports();
    ck_assert_uint_le(stats_of(a).committed, 2 * early);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Host threads, each with regions of its own, on one allocator and on one of their own. */
static void *run_regions(void *argument)
{
    aa_allocator *const shared = argument;
    aa_allocator *const mine = aa_shared_create(NULL);
    int broken = 0;
    for (int round = 0; round < 50; ++round) {
        AA_WITH(mine) {
#pragma omp parallel num_threads(3) reduction(+ : broken)
            {
                char *const p = aa_alloc(AA_CURRENT, 500), *const q = aa_alloc(shared, 500);
                pattern_fill(p, 500, 1);
                pattern_fill(q, 500, 2);
                broken += aa_current() != mine;
                broken += !aa_owns(mine, p) || !aa_owns(shared, q);
                broken += !pattern_holds(p, 500, 1) || !pattern_holds(q, 500, 2);
            }
        }
        broken += aa_reset(mine) != AA_OK;
    }
    broken += aa_destroy(mine) != AA_OK;
    return broken == 0 ? argument : NULL;
}

START_TEST(host_threads_with_regions_do_not_disturb_each_other)
{
    enum { HOSTS = 4 };
    aa_allocator *const a = create(_i);
    pthread_t hosts[HOSTS];
    record_violations();
    for (int i = 0; i < HOSTS; ++i) {
        ck_assert_int_eq(pthread_create(&hosts[i], NULL, run_regions, a), 0);
    }
    for (int i = 0; i < HOSTS; ++i) {
        void *result = NULL;
        ck_assert_int_eq(pthread_join(hosts[i], &result), 0);
        ck_assert_ptr_eq(result, a);
    }
    assert_no_reports();
    ck_assert_uint_eq(stats_of(a).used, HOSTS * 50 * 3 * rounded_64(500));
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("stress: threads", TEST_SHARING(ten_thousand_threads_in_sequence_leak_nothing),
             TEST_SHARING(more_than_1024_threads_at_once_have_memory_of_their_own),
             TEST_SHARING(teams_that_change_size_leak_nothing),
             TEST_SHARING(a_thousand_nested_regions_leak_nothing),
             TEST_SHARING(host_threads_with_regions_do_not_disturb_each_other))
