/* Scopes, tokens and scratch in many tasks at once. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 8 };

/* A tree of tasks: each takes memory from its parent's scope, opens one of its own for its children. */
static int grow_tree(aa_allocator *const *allocators, int depth, unsigned seed)
{
    aa_allocator *const mine = allocators[seed % 3];
    int wrong = 0;
    AA_WITH(mine) {
        char *const p = aa_alloc(AA_CURRENT, 300);
        pattern_fill(p, 300, seed);
        if (depth > 0) {
            int left = 0, right = 0;
            const aa_token token = aa_scope_capture();
#pragma omp task firstprivate(token) shared(left)
            {AA_TASK(token){left = aa_current() != mine;
            left += grow_tree(allocators, depth - 1, 2 * seed + 1);
            left += aa_current() != mine;
        }
    }
#pragma omp task firstprivate(token) shared(right)
    {
        AA_TASK(token) {
            right = aa_current() != mine;
            right += grow_tree(allocators, depth - 1, 2 * seed + 2);
            right += aa_current() != mine;
        }
    }
#pragma omp taskwait
    wrong += left + right;
}
wrong += aa_current() != mine || !aa_owns(mine, p) || !pattern_holds(p, 300, seed);
}
return wrong;
}

START_TEST(a_tree_of_tasks_keeps_scopes_and_contents_apart)
{
    aa_allocator *all[3];
    for (int i = 0; i < 3; ++i) {
        all[i] = aa_shared_create(NULL);
    }
    record_violations();
    int wrong = 0;
    for (int round = 0; round < 5; ++round) {
#pragma omp parallel num_threads(THREADS)
#pragma omp single
        wrong += grow_tree(all, 10, 1);
        for (int i = 0; i < 3; ++i) {
            assert_status(aa_reset(all[i]), AA_OK);
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_no_reports();
    uint64_t allocations = 0;
    for (int i = 0; i < 3; ++i) {
        allocations += stats_of(all[i]).allocations;
        assert_status(aa_destroy(all[i]), AA_OK);
    }
    ck_assert_uint_eq(allocations, 5 * 2047);
}
END_TEST

START_TEST(scratch_in_many_tasks_stays_on_the_same_memory)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    record_violations();
    int wrong = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(THREADS)
#pragma omp single
        for (int i = 0; i < 5000; ++i) {
#pragma omp task firstprivate(token) shared(wrong)
            {
                int mine = 0;
                AA_TASK(token) {
                    AA_SCRATCH(AA_CURRENT) {
                        char *const p = aa_alloc(AA_CURRENT, 3000);
                        char *const q = aa_alloc(AA_CURRENT, i % 50 == 0 ? 300000 : 100);
                        pattern_fill(p, 3000, (unsigned)i);
                        pattern_fill(q, 100, (unsigned)i + 1);
                        mine += !pattern_holds(p, 3000, (unsigned)i);
                        mine += !pattern_holds(q, 100, (unsigned)i + 1);
                    }
                }
#pragma omp atomic
                wrong += mine;
            }
        }
    }
    ck_assert_int_eq(wrong, 0);
    assert_no_reports();
    const aa_stats stats = stats_of(a);
    ck_assert_uint_eq(stats.used, 0);
    ck_assert_uint_eq(stats.allocations, 10000);
    ck_assert_uint_le(stats.committed, (size_t)32 << 20);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(scopes_change_in_every_thread_and_nothing_leaks)
{
    aa_allocator *all[4];
    for (int i = 0; i < 4; ++i) {
        all[i] = i % 2 == 0 ? aa_shared_create(NULL) : aa_private_create(NULL);
    }
    record_violations();
    int wrong = 0;
    AA_WITH(all[0]) {
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
        for (int i = 0; i < 2000; ++i) {
            AA_WITH(all[i % 4]) {
                AA_WITH(all[(i + 1) % 4]) {
                    wrong += aa_current() != all[(i + 1) % 4];
                    if (i % 3 == 0) {
                        continue;
                    }
                    wrong += aa_alloc(AA_CURRENT, 64) == NULL;
                }
                wrong += aa_current() != all[i % 4];
            }
            wrong += aa_current() != all[0];
        }
    }
    ck_assert_int_eq(wrong, 0);
    for (int i = 0; i < 4; ++i) {
        assert_status(aa_reset(all[i]), AA_OK);
        assert_status(aa_destroy(all[i]), AA_OK);
    }
    assert_no_reports();
}
END_TEST

START_TEST(a_team_resets_again_and_again)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    record_violations();
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    for (unsigned round = 0; round < 500; ++round) {
        const unsigned seed = round * THREADS + (unsigned)omp_get_thread_num();
        char *const p = aa_alloc(a, 500 + round);
        pattern_fill(p, 500 + round, seed);
        wrong += !pattern_holds(p, 500 + round, seed);
        wrong += aa_reset_team(a) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
    assert_no_reports();
    ck_assert_uint_eq(stats_of(a).resets, 500);
    ck_assert_uint_eq(stats_of(a).allocations, THREADS * 500);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("stress: tasks", AA_TEST(a_tree_of_tasks_keeps_scopes_and_contents_apart),
             AA_TEST_LOOP(scratch_in_many_tasks_stays_on_the_same_memory, SHARED, PRIVATE + 1),
             AA_TEST(scopes_change_in_every_thread_and_nothing_leaks),
             AA_TEST_LOOP(a_team_resets_again_and_again, SHARED, PRIVATE + 1))
