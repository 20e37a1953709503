/* Private: one arena per thread behind one handle. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4 };

START_TEST(each_thread_has_an_arena_of_its_own)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    aa_allocator *arenas[THREADS] = {NULL};
    int changed = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : changed)
    {
        aa_allocator *const arena = aa_private_arena(private_);
        arenas[omp_get_thread_num()] = arena;
        (void)aa_alloc(private_, 100);
        changed += aa_private_arena(private_) != arena;
    }
    ck_assert_int_eq(changed, 0);
    for (int i = 0; i < THREADS; ++i) {
        ck_assert_ptr_nonnull(arenas[i]);
        ck_assert_ptr_ne(arenas[i], private_);
        for (int k = 0; k < i; ++k) {
            ck_assert_ptr_ne(arenas[i], arenas[k]);
        }
    }
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(the_handle_allocates_from_the_threads_arena)
{
    aa_allocator *const private_ = aa_private_create(&(aa_options){.checks = AA_CHECKS_NONE});
    aa_allocator *const arena = aa_private_arena(private_);
    char *const p = aa_alloc(private_, 64);
    ck_assert_ptr_eq(aa_alloc(arena, 64), p + 64);
    ck_assert_ptr_eq(aa_alloc(private_, 64), p + 128);
    ck_assert(aa_owns(private_, p) && aa_owns(private_, p + 64));
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(two_private_allocators_have_different_arenas)
{
    aa_allocator *const a = aa_private_create(NULL);
    aa_allocator *const b = aa_private_create(NULL);
    ck_assert_ptr_ne(aa_private_arena(a), aa_private_arena(b));
    char *const p = aa_alloc(a, 10);
    char *const q = aa_alloc(b, 10);
    ck_assert(aa_owns(a, p) && !aa_owns(b, p));
    ck_assert(aa_owns(b, q) && !aa_owns(a, q));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(nested_threads_of_one_number_have_different_arenas)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    omp_set_max_active_levels(2);
    void *at[2][2] = {{NULL, NULL}, {NULL, NULL}};
#pragma omp parallel num_threads(2)
    {
        const int outer = omp_get_thread_num();
#pragma omp parallel num_threads(2)
        {
            char *const p = aa_alloc(private_, 1000);
            pattern_fill(p, 1000, (unsigned)(10 * outer + omp_get_thread_num()));
            at[outer][omp_get_thread_num()] = p;
        }
    }
    for (unsigned i = 0; i < 2; ++i) {
        for (unsigned k = 0; k < 2; ++k) {
            ck_assert_ptr_nonnull(at[i][k]);
            ck_assert(pattern_holds(at[i][k], 1000, 10 * i + k));
        }
    }
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(only_a_private_allocator_has_private_arenas)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_allocator *const shared = aa_shared_create(NULL);
    assert_fails(aa_private_arena(arena), AA_INVALID);
    assert_fails(aa_private_arena(shared), AA_INVALID);
    assert_fails(aa_private_arena(aa_heap()), AA_INVALID);
    assert_fails(aa_private_arena(NULL), AA_INVALID);
    assert_status(aa_destroy(arena), AA_OK);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(a_reset_takes_all_arenas)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    broken += aa_alloc(private_, 5000) == NULL;
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(stats_of(private_).used, THREADS * rounded_64(5000));
    assert_status(aa_reset(private_), AA_OK);
    ck_assert_uint_eq(stats_of(private_).used, 0);
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(a_reset_of_an_arena_takes_this_threads_memory_alone)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    int broken = 0;
    record_violations();
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        const unsigned seed = (unsigned)omp_get_thread_num();
        char *const p = aa_alloc(private_, 5000);
        pattern_fill(p, 5000, seed);
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            broken += aa_reset(aa_private_arena(private_)) != AA_OK;
            memset(aa_alloc(private_, 5000), 0xee, 5000);
            broken += aa_reset(aa_private_arena(private_)) != AA_OK;
        }
#pragma omp barrier
        broken += seed != 1 && !pattern_holds(p, 5000, seed);
    }
    ck_assert_int_eq(broken, 0);
    assert_no_reports();
    ck_assert_uint_eq(stats_of(private_).used, (THREADS - 1) * rounded_64(5000));
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(the_capacity_holds_for_each_arena)
{
    enum { CAPACITY = 100000 };
    aa_allocator *const private_ = aa_private_create(&(aa_options){.capacity = CAPACITY});
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        broken += aa_alloc(private_, 90000) == NULL;
        broken += aa_alloc(private_, 20000) != NULL;
        broken += aa_last_status() != AA_NOMEM;
        aa_stats stats;
        broken += aa_stats_get(aa_private_arena(private_), &stats) != AA_OK;
        broken += stats.committed > CAPACITY;
    }
    ck_assert_int_eq(broken, 0);
    const aa_stats stats = stats_of(private_);
    ck_assert_uint_le(stats.committed, THREADS * CAPACITY);
    ck_assert_uint_ge(stats.committed, THREADS * 90000);
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(stats_are_the_sums_of_the_arenas)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    aa_stats sum = {0};
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    {
        for (int i = 0; i < 100 * (1 + omp_get_thread_num()); ++i) {
            broken += aa_alloc(private_, 1000) == NULL;
        }
        aa_stats mine;
        broken += aa_stats_get(aa_private_arena(private_), &mine) != AA_OK;
#pragma omp critical
        {
            sum.used += mine.used;
            sum.peak += mine.peak;
            sum.committed += mine.committed;
            sum.blocks += mine.blocks;
            sum.allocations += mine.allocations;
        }
    }
    ck_assert_int_eq(broken, 0);
    const aa_stats all = stats_of(private_);
    ck_assert_uint_eq(all.used, 1000 * 1024);
    ck_assert_uint_eq(all.used, sum.used);
    ck_assert_uint_eq(all.peak, sum.peak);
    ck_assert_uint_eq(all.committed, sum.committed);
    ck_assert_uint_eq(all.blocks, sum.blocks);
    ck_assert_uint_eq(all.allocations, 1000);
    ck_assert_uint_eq(sum.allocations, 1000);
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(an_arena_is_not_destroyed_by_itself)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    char *const p = aa_alloc(private_, 100);
    pattern_fill(p, 100, 1);
    record_violations();
    ck_assert_int_ne(aa_destroy(aa_private_arena(private_)), AA_OK);
    ck_assert(pattern_holds(p, 100, 1));
    ck_assert(aa_owns(private_, p));
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(a_repeated_parallel_workload_makes_no_upstream_call_after_one_round)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const private_ = aa_private_create(&(aa_options){.upstream = upstream});
    uint64_t calls = 0;
    int broken = 0;
    for (int round = 0; round < 20; ++round) {
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
        for (size_t i = 0; i < 300; ++i) {
            broken += aa_alloc(private_, i % 50 == 0 ? 300000 : i * 10) == NULL;
        }
        assert_status(aa_reset(private_), AA_OK);
        if (round == 0) {
            calls = upstream_calls(&count);
        }
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(upstream_calls(&count), calls);
    assert_status(aa_destroy(private_), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

/* ---- threads that end ---- */

typedef struct visit {
    aa_allocator *private_;
    aa_allocator *arena;
    char *memory;
    unsigned seed;
} visit;

static void *visit_once(void *argument)
{
    visit *const v = argument;
    v->arena = aa_private_arena(v->private_);
    v->memory = aa_alloc(v->private_, 1000);
    pattern_fill(v->memory, 1000, v->seed);
    return NULL;
}

START_TEST(the_memory_of_a_thread_outlives_it)
{
    visit v = {.private_ = aa_private_create(NULL), .seed = 5};
    on_thread(visit_once, &v);
    ck_assert(pattern_holds(v.memory, 1000, 5));
    ck_assert(aa_owns(v.private_, v.memory));
    ck_assert_uint_eq(stats_of(v.private_).used, 1024);
    assert_status(aa_destroy(v.private_), AA_OK);
}
END_TEST

START_TEST(a_later_thread_adopts_the_arena_of_one_that_ended)
{
    visit first = {.private_ = aa_private_create(NULL), .seed = 5};
    visit second = {.private_ = first.private_, .seed = 6};
    on_thread(visit_once, &first);
    on_thread(visit_once, &second);
    ck_assert_ptr_eq(first.arena, second.arena);
    ck_assert_ptr_ne(first.memory, second.memory);
    ck_assert(pattern_holds(first.memory, 1000, 5));
    ck_assert(pattern_holds(second.memory, 1000, 6));
    assert_status(aa_destroy(first.private_), AA_OK);
}
END_TEST

static void visit_twice(guest *g)
{
    const visit *const v = g->argument;
    visit_once(g->argument);
    guest_stay(g);
    memset(aa_alloc(v->private_, 1000), 0xee, 1000);
}

static void visit_and_stay(guest *g)
{
    visit_once(g->argument);
    guest_stay(g);
}

START_TEST(the_arena_of_a_thread_that_lives_is_not_adopted)
{
    visit first = {.private_ = aa_private_create(NULL), .seed = 5};
    visit second = {.private_ = first.private_, .seed = 6};
    guest g;
    guest_invite(&g, visit_twice, &first);
    on_thread(visit_once, &second);
    ck_assert_ptr_ne(first.arena, second.arena);
    guest_dismiss(&g);
    ck_assert(pattern_holds(first.memory, 1000, 5));
    ck_assert(pattern_holds(second.memory, 1000, 6));
    assert_status(aa_destroy(first.private_), AA_OK);
}
END_TEST

START_TEST(more_than_1024_threads_one_after_the_other_share_an_arena)
{
    enum { COUNT = 1500 };
    visit v = {.private_ = aa_private_create(NULL), .seed = 5};
    aa_allocator *arena = NULL;
    for (int i = 0; i < COUNT; ++i) {
        on_thread(visit_once, &v);
        arena = arena == NULL ? v.arena : arena;
        ck_assert_ptr_eq(v.arena, arena);
    }
    const aa_stats stats = stats_of(v.private_);
    ck_assert_uint_eq(stats.used, COUNT * 1024);
    ck_assert_uint_eq(stats.allocations, COUNT);
    ck_assert_uint_le(stats.committed, 4 * COUNT * 1024);
    assert_status(aa_destroy(v.private_), AA_OK);
}
END_TEST

START_TEST(nested_regions_again_and_again_need_no_more_memory)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    omp_set_max_active_levels(2);
    int broken = 0;
    size_t early = 0;
    for (int round = 0; round < 100; ++round) {
#pragma omp parallel num_threads(2) reduction(+ : broken)
        {
#pragma omp parallel num_threads(2) reduction(+ : broken)
            broken += aa_alloc(private_, 1000) == NULL;
        }
        assert_status(aa_reset(private_), AA_OK);
        if (round == 9) {
            early = stats_of(private_).committed;
        }
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_le(stats_of(private_).committed, 2 * early);
    assert_status(aa_destroy(private_), AA_OK);
}
END_TEST

START_TEST(a_thread_may_end_after_the_allocator)
{
    visit v = {.private_ = aa_private_create(NULL), .seed = 5};
    guest g;
    guest_invite(&g, visit_and_stay, &v);
    assert_status(aa_destroy(v.private_), AA_OK);
    guest_dismiss(&g);
    ck_assert_ptr_eq(aa_current(), aa_heap());
}
END_TEST

AA_TEST_MAIN("private", AA_TEST(each_thread_has_an_arena_of_its_own),
             AA_TEST(the_handle_allocates_from_the_threads_arena),
             AA_TEST(two_private_allocators_have_different_arenas),
             AA_TEST(nested_threads_of_one_number_have_different_arenas),
             AA_TEST(only_a_private_allocator_has_private_arenas),
             AA_TEST(a_reset_takes_all_arenas),
             AA_TEST(a_reset_of_an_arena_takes_this_threads_memory_alone),
             AA_TEST(the_capacity_holds_for_each_arena), AA_TEST(stats_are_the_sums_of_the_arenas),
             AA_TEST(an_arena_is_not_destroyed_by_itself),
             AA_TEST(a_repeated_parallel_workload_makes_no_upstream_call_after_one_round),
             AA_TEST(the_memory_of_a_thread_outlives_it),
             AA_TEST(a_later_thread_adopts_the_arena_of_one_that_ended),
             AA_TEST(the_arena_of_a_thread_that_lives_is_not_adopted),
             AA_TEST(more_than_1024_threads_one_after_the_other_share_an_arena),
             AA_TEST(nested_regions_again_and_again_need_no_more_memory),
             AA_TEST(a_thread_may_end_after_the_allocator))
