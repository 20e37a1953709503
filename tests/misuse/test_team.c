/* aa_reset_team when not all arrive, or something else uses the allocator. */
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

START_TEST(a_thread_that_does_not_arrive_is_reported_and_nobody_hangs)
{
    setenv("AA_TEAM_TIMEOUT", "1", 1);
    aa_allocator *const a = aa_shared_create(NULL);
    const held h = hold(a);
    aa_status status = AA_OK;
    record_violations();
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            status = aa_reset_team(a);
        }
    }
    ck_assert_int_eq(status, AA_BUSY);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "only 1 of 2 threads arrived"));
    assert_unharmed(&h);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_thread_that_arrives_too_late_is_refused_too)
{
    setenv("AA_TEAM_TIMEOUT", "1", 1);
    aa_allocator *const a = aa_shared_create(NULL);
    const held h = hold(a);
    aa_status statuses[2] = {AA_OK, AA_OK};
    int first_is_back = 0;
    record_violations();
#pragma omp parallel num_threads(2) shared(first_is_back)
    {
        const int me = omp_get_thread_num();
        while (me == 1 && __atomic_load_n(&first_is_back, __ATOMIC_ACQUIRE) == 0) {
        }
        statuses[me] = aa_reset_team(a);
        if (me == 0) {
            __atomic_store_n(&first_is_back, 1, __ATOMIC_RELEASE);
        }
    }
    ck_assert_int_eq(statuses[0], AA_BUSY);
    ck_assert_int_eq(statuses[1], AA_BUSY);
    assert_one_report("aa_reset_team",
                      AA_RESET_IN_PARALLEL); /* the late one is the one that was missed */
    assert_unharmed(&h);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_team_can_reset_after_one_that_failed)
{
    setenv("AA_TEAM_TIMEOUT", "1", 1);
    aa_allocator *const a = aa_shared_create(NULL);
    (void)aa_alloc(a, 100);
    int wrong = 0;
    record_violations();
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
        if (omp_get_thread_num() == 0) {
            wrong += aa_reset_team(a) != AA_BUSY;
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            wrong += aa_reset_team(a) != AA_BUSY;
        }
#pragma omp barrier
        wrong += aa_reset_team(a) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* One region: `who` alone calls it. */
static int one_calls(aa_allocator *a, int who)
{
    int refused = 0;
#pragma omp parallel num_threads(2) reduction(+ : refused)
    {
        if (omp_get_thread_num() == who) {
            refused += aa_reset_team(a) == AA_BUSY;
        }
    }
    return refused;
}

/* Another region, all call it: `first` is the one to come first, as far as a wait can do it. */
static int all_call(aa_allocator *a, int first)
{
    int passed = 0, came = 0;
#pragma omp parallel num_threads(2) reduction(+ : passed) shared(came)
    {
        if (omp_get_thread_num() == first) {
            __atomic_store_n(&came, 1, __ATOMIC_RELEASE);
        } else {
            while (__atomic_load_n(&came, __ATOMIC_ACQUIRE) == 0) {
            }
            usleep(50000);
        }
        passed += aa_reset_team(a) == AA_OK;
    }
    return passed;
}

START_TEST(a_thread_that_never_came_may_come_first_to_the_next_one)
{
    setenv("AA_TEAM_TIMEOUT", "2", 1);
    aa_allocator *const a = aa_shared_create(NULL);
    (void)aa_alloc(a, 100);
    record_violations();
    ck_assert_int_eq(one_calls(a, 0), 1);
    ck_assert_int_eq(all_call(a, _i), 2);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    ck_assert_int_eq(all_call(a, 1 - _i), 2);
    ck_assert_uint_eq(stats_of(a).resets, 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Who was there at the failure and fails again is no late one. */
START_TEST(every_failure_is_one_report)
{
    setenv("AA_TEAM_TIMEOUT", "1", 1);
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    ck_assert_int_eq(one_calls(a, 0), 1);
    ck_assert_int_eq(violations_count(), 1);
    ck_assert_int_eq(one_calls(a, 0), 1);
    ck_assert_int_eq(violations_count(), 2);
    ck_assert_int_eq(one_calls(a, 1), 1); /* late for the one before, as far as anybody can know */
    ck_assert_int_eq(violations_count(), 2);
    ck_assert_int_eq(one_calls(a, 1), 1);
    ck_assert_int_eq(violations_count(), 3);
    ck_assert_int_eq(violations_of(AA_RESET_IN_PARALLEL), 3);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Three threads, one at a time: the first is reported, the others are the late ones. */
START_TEST(two_late_threads_are_one_failure)
{
    setenv("AA_TEAM_TIMEOUT", "1", 1);
    aa_allocator *const a = aa_shared_create(NULL);
    int refused = 0;
    record_violations();
#pragma omp parallel num_threads(3) reduction(+ : refused)
    for (int turn = 0; turn < 3; ++turn) {
        if (omp_get_thread_num() == turn) {
            refused += aa_reset_team(a) == AA_BUSY;
        }
#pragma omp barrier
    }
    ck_assert_int_eq(refused, 3);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "only 1 of 3 threads arrived"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- what refuses it ---- */

static void stay_in_a_scope(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
        guest_stay(g);
    }
}

static void stay_in_a_scratch(guest *g)
{
    AA_SCRATCH((aa_allocator *)g->argument) {
        guest_stay(g);
    }
}

static int team_refused(aa_allocator *a)
{
    int refused = 0;
#pragma omp parallel num_threads(3) reduction(+ : refused)
    refused += aa_reset_team(a) == AA_BUSY;
    return refused;
}

static void assert_team_refused_while(aa_allocator *a, void (*body)(guest *))
{
    const held h = hold(a);
    guest g;
    guest_invite(&g, body, a);
    record_violations();
    ck_assert_int_eq(team_refused(a), 3);
    assert_one_report("aa_reset_team", AA_RESET_IN_USE);
    assert_unharmed(&h);
    guest_dismiss(&g);
    record_violations();
    ck_assert_int_eq(team_refused(a), 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}

START_TEST(a_scope_of_a_thread_outside_the_team_refuses_it)
{
    assert_team_refused_while(bump_create(_i, NULL), stay_in_a_scope);
}
END_TEST

START_TEST(a_mark_of_a_thread_outside_the_team_refuses_it)
{
    assert_team_refused_while(bump_create(_i, NULL), stay_in_a_scratch);
}
END_TEST

START_TEST(a_pin_refuses_it)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const held h = hold(a);
    assert_status(aa_pin(&h.array), AA_OK);
    record_violations();
    ck_assert_int_eq(team_refused(a), 3);
    assert_one_report("aa_reset_team", AA_RESET_IN_USE);
    assert_unharmed(&h);
    assert_status(aa_unpin(&h.array), AA_OK);
    ck_assert_int_eq(team_refused(a), 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_heap_cannot_be_reset_by_a_team)
{
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    wrong += aa_reset_team(aa_heap()) != AA_UNSUPPORTED;
    ck_assert_int_eq(wrong, 0);
}
END_TEST

AA_TEST_MAIN("misuse: team", AA_TEST(a_thread_that_does_not_arrive_is_reported_and_nobody_hangs),
             AA_TEST(a_thread_that_arrives_too_late_is_refused_too),
             AA_TEST(a_team_can_reset_after_one_that_failed),
             AA_TEST_LOOP(a_thread_that_never_came_may_come_first_to_the_next_one, 0, 2),
             AA_TEST(every_failure_is_one_report), AA_TEST(two_late_threads_are_one_failure),
             AA_TEST_BUMP(a_scope_of_a_thread_outside_the_team_refuses_it),
             AA_TEST_LOOP(a_mark_of_a_thread_outside_the_team_refuses_it, SHARED, PRIVATE + 1),
             AA_TEST_BUMP(a_pin_refuses_it), AA_TEST(the_heap_cannot_be_reset_by_a_team))
