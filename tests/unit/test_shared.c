/* Shared: leases, and many threads in one allocator. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4 };

START_TEST(threads_get_memory_that_does_not_overlap)
{
    enum { COUNT = 1000 };
    aa_allocator *const shared = aa_shared_create(NULL);
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        void *at[COUNT];
        const unsigned seed = (unsigned)omp_get_thread_num() * 1000;
        for (unsigned i = 0; i < COUNT; ++i) {
            at[i] = aa_alloc(shared, 1 + i % 300);
            if (at[i] == NULL) {
                ++broken;
                continue;
            }
            pattern_fill(at[i], 1 + i % 300, seed + i);
        }
#pragma omp barrier
        for (unsigned i = 0; i < COUNT; ++i) {
            broken += at[i] != NULL && !pattern_holds(at[i], 1 + i % 300, seed + i);
        }
    }
    ck_assert_int_eq(broken, 0);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(used_and_allocations_are_exact_after_a_region)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    size_t used = 0;
    for (int round = 1; round <= 3; ++round) {
        used = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : used)
        for (size_t i = 0; i < 500; ++i) {
            const size_t bytes = (i * 97) % 5000 + (i % 100 == 0 ? 200000 : 0);
            used += aa_alloc(shared, bytes) != NULL ? rounded_64(bytes) : 0;
        }
        const aa_stats stats = stats_of(shared);
        ck_assert_uint_eq(stats.used, used);
        ck_assert_uint_eq(stats.allocations, (uint64_t)round * THREADS * 500);
        ck_assert_uint_ge(stats.committed, stats.used + stats.wasted);
        assert_status(aa_reset(shared), AA_OK);
        ck_assert_uint_eq(stats_of(shared).used, 0);
    }
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(small_requests_share_one_lock_per_lease)
{
    aa_allocator *const shared =
        aa_shared_create(&(aa_options){.lease = 1 << 16, .checks = AA_CHECKS_NONE});
    for (int i = 0; i < 1000; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(shared, 64));
    }
    ck_assert_uint_eq(stats_of(shared).lease_misses, 1);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(a_lease_of_one_byte_locks_every_time)
{
    aa_allocator *const shared = aa_shared_create(&(aa_options){.lease = 1});
    for (int i = 0; i < 1000; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(shared, 64));
    }
    const aa_stats stats = stats_of(shared);
    ck_assert_uint_eq(stats.lease_misses, 1000);
    ck_assert_uint_eq(stats.used, 64000);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(a_request_above_a_quarter_of_a_lease_is_cut_exactly)
{
    enum { LEASE = 1 << 16 };
    aa_allocator *const shared =
        aa_shared_create(&(aa_options){.lease = LEASE, .initial = (size_t)1 << 22});
    for (unsigned i = 1; i <= 20; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(shared, LEASE / 4 + 64));
        ck_assert_uint_eq(stats_of(shared).lease_misses, i);
    }
    const aa_stats stats = stats_of(shared);
    ck_assert_uint_eq(stats.used, 20 * (LEASE / 4 + 64));
    ck_assert_uint_eq(stats.wasted, 0);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(requests_that_do_not_fit_into_the_lease_do_not_end_it)
{
    aa_allocator *const shared =
        aa_shared_create(&(aa_options){.lease = 1 << 16, .checks = AA_CHECKS_NONE});
    char *const p = aa_alloc(shared, 64);
    ck_assert_ptr_nonnull(aa_alloc(shared, 1 << 16));
    ck_assert_ptr_eq(aa_alloc(shared, 64), p + 64);
    ck_assert_ptr_nonnull(aa_alloc(shared, 3 << 20));
    ck_assert_ptr_eq(aa_alloc(shared, 64), p + 128);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(leases_leave_room_for_other_threads_in_a_small_capacity)
{
    enum { MANY = 16, CAPACITY = 1 << 16 };
    aa_allocator *const shared = aa_shared_create(&(aa_options){.capacity = CAPACITY});
    int served = 0;
#pragma omp parallel num_threads(MANY) reduction(+ : served)
    served += aa_alloc(shared, 64) != NULL;
    ck_assert_int_eq(served, MANY);
    const aa_stats stats = stats_of(shared);
    ck_assert_uint_le(stats.committed, CAPACITY);
    ck_assert_uint_eq(stats.used, 64 * MANY);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(threads_together_use_a_capacity_almost_to_its_end)
{
    enum { CAPACITY = 1 << 20, LEASE = CAPACITY / 64 };
    aa_allocator *const shared = aa_shared_create(&(aa_options){.capacity = CAPACITY});
    size_t served = 0;
    int other = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : served, other)
    {
        while (aa_alloc(shared, 64) != NULL) {
            served += 64;
        }
        other += aa_last_status() != AA_NOMEM;
    }
    ck_assert_int_eq(other, 0);
    ck_assert_uint_le(served, CAPACITY);
    ck_assert_uint_ge(served, CAPACITY - THREADS * LEASE);
    ck_assert_uint_eq(stats_of(shared).used, served);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(before_it_refuses_a_request_falls_back_to_its_exact_size)
{
    aa_allocator *const shared =
        aa_shared_create(&(aa_options){.capacity = 64 * 1024, .lease = 1024});
    ck_assert_ptr_nonnull(aa_alloc(shared, 64 * 1024 - 128));
    ck_assert_ptr_nonnull(aa_alloc(shared, 64)); /* no lease fits any more */
    ck_assert_ptr_nonnull(aa_alloc(shared, 64));
    assert_fails(aa_alloc(shared, 64), AA_NOMEM);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(another_threads_lease_does_not_refuse_a_reset)
{
    aa_allocator *const shared = aa_shared_create(&(aa_options){.checks = AA_CHECKS_API});
    record_violations();
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    broken += aa_alloc(shared, 100) == NULL;
    ck_assert_int_eq(broken, 0);
    assert_status(aa_reset(shared), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(a_lease_ends_with_a_reset)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    int broken = 0;
    void *at[THREADS];
    for (int round = 0; round < 20; ++round) {
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
        {
            void *const p = aa_alloc(shared, 100);
            at[omp_get_thread_num()] = p;
            broken += p == NULL;
        }
        for (int i = 0; i < THREADS; ++i) {
            for (int k = 0; k < i; ++k) {
                broken += at[i] == at[k];
            }
        }
        assert_status(aa_reset(shared), AA_OK);
    }
    ck_assert_int_eq(broken, 0);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(a_repeated_parallel_workload_makes_no_upstream_call_after_one_round)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const shared = aa_shared_create(&(aa_options){.upstream = upstream});
    uint64_t calls = 0;
    int broken = 0;
    for (int round = 0; round < 20; ++round) {
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
        for (size_t i = 0; i < 300; ++i) {
            broken += aa_alloc(shared, i % 50 == 0 ? 300000 : i * 10) == NULL;
        }
        assert_status(aa_reset(shared), AA_OK);
        if (round == 0) {
            calls = upstream_calls(&count);
        }
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(upstream_calls(&count), calls);
    ck_assert_uint_eq(stats_of(shared).upstream_calls, calls);
    assert_status(aa_destroy(shared), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(scratch_in_a_parallel_loop_stays_on_the_same_memory)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    int broken = 0;
    const aa_stats first = stats_of(shared);
#pragma omp parallel for num_threads(THREADS) reduction(+ : broken)
    for (int i = 0; i < 10000; ++i) {
        AA_SCRATCH(shared) {
            broken += aa_alloc(shared, 20000) == NULL;
            broken += aa_alloc(shared, 100) == NULL;
            broken += aa_alloc(shared, 300000) == NULL;
        }
    }
    ck_assert_int_eq(broken, 0);
    const aa_stats last = stats_of(shared);
    ck_assert_uint_eq(first.committed, 0);
    ck_assert_uint_eq(last.used, 0);
    ck_assert_uint_eq(last.allocations, 30000);
    ck_assert_uint_le(last.committed, (size_t)32 << 20); /* 10,000 rounds need 3 GB without */
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

/* ---- threads that end ---- */

static void *take_100(void *shared)
{
    void *const p = aa_alloc(shared, 100);
    pattern_fill(p, 100, 8);
    return p;
}

START_TEST(memory_outlives_the_thread_that_took_it)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    void *const p = on_thread(take_100, shared);
    void *const q = on_thread(take_100, shared);
    void *const r = aa_alloc(shared, 100);
    pattern_fill(r, 100, 9);
    ck_assert_ptr_ne(p, q);
    ck_assert(pattern_holds(p, 100, 8) && pattern_holds(q, 100, 8));
    ck_assert_uint_eq(stats_of(shared).used, 3 * 128);
    ck_assert_uint_eq(stats_of(shared).allocations, 3);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(threads_that_end_with_a_lease_leak_nothing)
{
    enum { COUNT = 2000 };
    aa_allocator *const shared = aa_shared_create(&(aa_options){.lease = 1 << 16});
    for (int i = 0; i < COUNT; ++i) {
        ck_assert_ptr_nonnull(on_thread(take_100, shared));
    }
    const aa_stats stats = stats_of(shared);
    ck_assert_uint_eq(stats.allocations, COUNT);
    ck_assert_uint_eq(stats.used, COUNT * 128);
    ck_assert_uint_le(stats.committed, (size_t)8 << 20); /* lost leases would be 125 MiB */
    assert_status(aa_reset(shared), AA_OK);
    ck_assert_uint_eq(stats_of(shared).used, 0);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(a_thread_may_end_after_the_allocator)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    broken += aa_alloc(shared, 100) == NULL;
    assert_status(aa_destroy(shared), AA_OK);
#pragma omp parallel num_threads(2) reduction(+ : broken) /* libgomp ends the others here */
    broken += aa_current() != aa_heap();
    ck_assert_int_eq(broken, 0);
}
END_TEST

AA_TEST_MAIN("shared", AA_TEST(threads_get_memory_that_does_not_overlap),
             AA_TEST(used_and_allocations_are_exact_after_a_region),
             AA_TEST(small_requests_share_one_lock_per_lease),
             AA_TEST(a_lease_of_one_byte_locks_every_time),
             AA_TEST(a_request_above_a_quarter_of_a_lease_is_cut_exactly),
             AA_TEST(requests_that_do_not_fit_into_the_lease_do_not_end_it),
             AA_TEST(leases_leave_room_for_other_threads_in_a_small_capacity),
             AA_TEST(threads_together_use_a_capacity_almost_to_its_end),
             AA_TEST(before_it_refuses_a_request_falls_back_to_its_exact_size),
             AA_TEST(another_threads_lease_does_not_refuse_a_reset),
             AA_TEST(a_lease_ends_with_a_reset),
             AA_TEST(a_repeated_parallel_workload_makes_no_upstream_call_after_one_round),
             AA_TEST(scratch_in_a_parallel_loop_stays_on_the_same_memory),
             AA_TEST(memory_outlives_the_thread_that_took_it),
             AA_TEST(threads_that_end_with_a_lease_leak_nothing),
             AA_TEST(a_thread_may_end_after_the_allocator))
