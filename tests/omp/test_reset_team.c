/* aa_reset_team where it is meant to be used: in loops of rounds, between worksharing constructs, in functions
 * called from regions. What refuses it is in tests/misuse/test_team.c; every situation, in the truth table. */
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4, ROUNDS = 50 };

/* Every thread writes, waits for all, and looks whether the others left its memory alone. */
static int one_round(aa_allocator *a, unsigned seed)
{
    int broken = 0;
    for (unsigned i = 0; i < 8; ++i) {
        const size_t bytes = 100 + 3000 * i;
        void *const p = aa_alloc(a, bytes);
        if (p == NULL) {
            return 1;
        }
        pattern_fill(p, bytes, seed + i);
#pragma omp barrier
        broken += !pattern_holds(p, bytes, seed + i);
    }
    return broken;
}

START_TEST(rounds_of_a_team_start_anew_and_nobody_overwrites_anybody)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    int broken = 0;
    record_violations();
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    for (unsigned round = 0; round < ROUNDS; ++round) {
        broken += one_round(a, round * 100 + (unsigned)omp_get_thread_num() * 10);
        broken += aa_reset_team(a) != AA_OK;
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(stats_of(a).resets, ROUNDS);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* They end with it, as those of a caller of aa_reset. */
START_TEST(the_teams_own_marks_do_not_refuse_it)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    int wrong = 0;
    record_violations();
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        wrong += aa_alloc(a, 100) == NULL;
        const aa_mark mark = aa_mark_take(a);
        wrong += aa_mark_is_null(mark) || aa_alloc(a, 100) == NULL;
        wrong += aa_reset_team(a) != AA_OK;
        wrong += aa_mark_rewind(mark) != AA_ORDER;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(violations_of(AA_REWIND_ORDER), THREADS);
    ck_assert_int_eq(violations_count(), THREADS);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(rounds_of_a_team_make_no_upstream_call_once_warm)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(SHARED + _i, &(aa_options){.upstream = upstream});
    uint64_t warm = 0, late = 0;
    int broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
    for (unsigned round = 0; round < ROUNDS; ++round) {
        broken += one_round(a, round);
        broken += aa_reset_team(a) != AA_OK;
#pragma omp master
        {
            if (round == 9) {
                warm = upstream_calls(&count);
            }
            late = upstream_calls(&count);
        }
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_uint_eq(late, warm);
    assert_status(aa_destroy(a), AA_OK);
    (void)aa_upstream_destroy(upstream);
}
END_TEST

/* As often as no record of one reset could serve another. */
START_TEST(every_thread_gets_the_status_of_its_own_reset)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const aa_array pinned = aa_zeros(a, AA_F64, 1, (const int64_t[]){10});
    int wrong = 0;
    assert_status(aa_pin(&pinned), AA_OK);
    record_violations();
#pragma omp parallel num_threads(3) reduction(+ : wrong)
    for (int round = 0; round < ROUNDS; ++round) {
        wrong += aa_reset_team(a) != AA_BUSY;
#pragma omp barrier
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(violations_of(AA_RESET_IN_USE), ROUNDS);
    assert_status(aa_unpin(&pinned), AA_OK);
#pragma omp parallel num_threads(3) reduction(+ : wrong)
    wrong += aa_reset_team(a) != AA_OK;
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(teams_of_different_sizes_take_turns)
{
    aa_allocator *const a = bump_create(_i, NULL);
    int wrong = 0;
    record_violations();
    for (int size = 1; size <= 6; ++size) {
#pragma omp parallel num_threads(size) reduction(+ : wrong)
        {
            wrong += aa_reset_team(a) != AA_OK;
            wrong += aa_reset_team(a) != AA_OK;
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(stats_of(a).resets, 12);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static int team_of_a_host_thread(aa_allocator *a)
{
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    for (int round = 0; round < ROUNDS; ++round) {
        wrong += one_round(a, (unsigned)round);
        wrong += aa_reset_team(a) != AA_OK;
    }
    return wrong;
}

static void *run_team(void *a)
{
    return team_of_a_host_thread(a) == 0 ? a : NULL;
}

START_TEST(a_host_threads_team_can_reset)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    ck_assert_ptr_nonnull(on_thread(run_team, a));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void resets_its_own(guest *g)
{
    aa_allocator *const own = aa_shared_create(NULL);
    g->wrong += team_of_a_host_thread(own);
    guest_stay(g);
    g->wrong += team_of_a_host_thread(own);
    g->wrong += aa_destroy(own) != AA_OK;
}

/* Its other outer threads could use the memory meanwhile, whatever they do. */
START_TEST(a_team_inside_another_resets_only_where_that_has_one_thread)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    omp_set_max_active_levels(3);
    for (int outer = 1; outer <= 2; ++outer) {
        int passed = 0, refused = 0;
        record_violations();
#pragma omp parallel num_threads(outer) reduction(+ : passed, refused)
        if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2) reduction(+ : passed, refused)
            {
                const aa_status status = aa_reset_team(a);
                passed += status == AA_OK;
                refused += status == AA_BUSY;
            }
        }
        ck_assert_int_eq(passed, outer == 1 ? 2 : 0);
        ck_assert_int_eq(refused, outer == 1 ? 0 : 2);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(two_teams_with_an_allocator_each_do_not_disturb_each_other)
{
    guest g;
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    guest_invite(&g, resets_its_own, NULL);
    guest_set(&g, GUEST_GOES);
    ck_assert_int_eq(team_of_a_host_thread(a), 0);
    guest_dismiss(&g);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- as an expression ---- */

static int evaluations;

static aa_allocator *count_evaluation(aa_allocator *a)
{
#pragma omp atomic
    ++evaluations;
    return a;
}

START_TEST(the_allocator_expression_is_evaluated_once_a_thread)
{
    aa_allocator *const a = aa_shared_create(NULL);
#pragma omp parallel num_threads(THREADS)
    (void)aa_reset_team(count_evaluation(a));
    ck_assert_int_eq(evaluations, THREADS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(it_is_an_expression)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int fine = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : fine)
    {
        if (aa_reset_team(a) == AA_OK && aa_reset_team(a) == AA_OK) {
            fine += aa_reset_team(a) == AA_OK ? 1 : 0;
        }
    }
    ck_assert_int_eq(fine, THREADS);
    ck_assert_uint_eq(stats_of(a).resets, 3);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_current_allocator_can_be_reset_by_its_team)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    int wrong = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
        {
            wrong += aa_alloc(AA_CURRENT, 1000) == NULL;
            wrong += aa_reset_team(AA_CURRENT) != AA_OK;
            wrong += aa_current() != a;
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- bad arguments: every thread is refused, none waits ---- */

START_TEST(null_is_refused_for_all)
{
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    wrong += aa_reset_team(NULL) != AA_INVALID;
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(a_destroyed_allocator_is_refused_for_all)
{
    aa_allocator *const a = bump_create(_i, NULL);
    assert_status(aa_destroy(a), AA_OK);
    int wrong = 0;
    record_violations();
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    wrong += aa_reset_team(a) != AA_STALE;
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), violations_count());
    ck_assert_int_gt(violations_count(), 0);
}
END_TEST

/* ---- state ---- */

START_TEST(every_array_is_stale_after_it_and_none_before)
{
    enum { ARRAYS = 16 };
    static const int64_t shape[] = {10};
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    aa_array arrays[THREADS][ARRAYS];
    int valid_before = 0, valid_after = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : valid_before, valid_after)
    {
        aa_array *const mine = arrays[omp_get_thread_num()];
        for (int i = 0; i < ARRAYS; ++i) {
            mine[i] = aa_zeros(a, AA_F64, 1, shape);
        }
#pragma omp barrier
        const aa_array *const others = arrays[(omp_get_thread_num() + 1) % THREADS];
        for (int i = 0; i < ARRAYS; ++i) {
            valid_before += aa_is_valid(&others[i]);
        }
        (void)aa_reset_team(a);
        for (int i = 0; i < ARRAYS; ++i) {
            valid_after += aa_is_valid(&others[i]);
        }
    }
    ck_assert_int_eq(valid_before, THREADS * ARRAYS);
    ck_assert_int_eq(valid_after, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_refused_one_changes_nothing)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const held h = hold(a);
    int refused = 0;
    assert_status(aa_pin(&h.array), AA_OK);
    record_violations();
#pragma omp parallel num_threads(THREADS) reduction(+ : refused)
    refused += aa_reset_team(a) == AA_BUSY;
    ck_assert_int_eq(refused, THREADS);
    ck_assert_int_eq(violations_of(AA_RESET_IN_USE), 1);
    assert_status(aa_unpin(&h.array), AA_OK);
    assert_unharmed(&h);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("reset team",
             AA_TEST_LOOP(rounds_of_a_team_start_anew_and_nobody_overwrites_anybody, 0, 2),
             AA_TEST_LOOP(the_teams_own_marks_do_not_refuse_it, 0, 2),
             AA_TEST_LOOP(rounds_of_a_team_make_no_upstream_call_once_warm, 0, 2),
             AA_TEST(every_thread_gets_the_status_of_its_own_reset),
             AA_TEST_BUMP(teams_of_different_sizes_take_turns),
             AA_TEST_LOOP(a_host_threads_team_can_reset, 0, 2),
             AA_TEST_LOOP(a_team_inside_another_resets_only_where_that_has_one_thread, 0, 2),
             AA_TEST(two_teams_with_an_allocator_each_do_not_disturb_each_other),
             AA_TEST(the_allocator_expression_is_evaluated_once_a_thread),
             AA_TEST(it_is_an_expression),
             AA_TEST_LOOP(the_current_allocator_can_be_reset_by_its_team, 0, 2),
             AA_TEST(null_is_refused_for_all),
             AA_TEST_BUMP(a_destroyed_allocator_is_refused_for_all),
             AA_TEST_LOOP(every_array_is_stale_after_it_and_none_before, 0, 2),
             AA_TEST_BUMP(a_refused_one_changes_nothing))
