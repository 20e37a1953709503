/* With the OMPT tool live regions are counted: while one runs that another host thread opened under the scope
 * of an allocator, nobody takes that allocator's memory back. The caller's own regions do not count. */
#include "child.h"
#include "held.h"
#include "test_ompt.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

typedef aa_status take_back(aa_allocator *);

static aa_status reset(aa_allocator *a)
{
    return aa_reset(a);
}

static take_back *const both[] = {reset, aa_destroy};

/* Each test runs for reset and destroy of every bump allocator. */
#define TEST_BOTH(name) AA_TEST_LOOP(name, 0, 2 * BUMP_KINDS)
#define KIND (_i / 2)
#define TAKE_BACK (both[_i % 2])

/* The guest, another host thread, is inside a region when assert_refused_while takes memory back. */
static void assert_refused_while(take_back *take, aa_allocator *a, void (*body)(guest *))
{
    const held h = hold(a);
    guest g;
    guest_invite(&g, body, a);
    assert_refused(take(a), AA_BUSY, AA_RESET_IN_PARALLEL);
    ck_assert_ptr_eq(last_violation()->allocator, a);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "live (counted by OMPT)"));
    assert_unharmed(&h);
    guest_dismiss(&g);
    record_violations();
    assert_status(take(a), AA_OK);
    assert_no_reports();
}

static void assert_fine_while(take_back *take, aa_allocator *a, void (*body)(guest *))
{
    guest g;
    guest_invite(&g, body, a);
    record_violations();
    assert_status(take(a), AA_OK);
    assert_no_reports();
    guest_dismiss(&g);
}

static void set_default(aa_allocator *a)
{
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(a));
}

/* ---- what refuses ---- */

static void stay_in_a_region(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
#pragma omp parallel num_threads(2)
        {
#pragma omp master
            guest_stay(g);
        }
    }
}

START_TEST(another_host_threads_region_under_the_scope_refuses_it)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_region);
}
END_TEST

START_TEST(the_report_says_where_the_scope_was_opened)
{
    aa_allocator *const a = aa_shared_create(&(aa_options){.name = "frames"});
    guest g;
    guest_invite(&g, stay_in_a_region, a);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_PARALLEL);
    const char *const message = last_violation()->message;
    ck_assert_msg(strstr(message, "1 parallel region(s)") != NULL, "%s", message);
    ck_assert_msg(strstr(message, "'frames'") != NULL, "%s", message);
    ck_assert_msg(strstr(message, "test_ompt_regions.c:") != NULL, "%s", message);
    guest_dismiss(&g);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Not seen without the tool: no scope of ours is open. */
static void stay_in_a_region_under_openmps_own_scope(guest *g)
{
    set_default(g->argument);
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        guest_stay(g);
    }
}

START_TEST(a_region_under_openmps_own_scope_refuses_it)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL),
                         stay_in_a_region_under_openmps_own_scope);
}
END_TEST

static void stay_in_a_region_of_one_thread(guest *g)
{
    set_default(g->argument);
#pragma omp parallel num_threads(1)
    guest_stay(g);
}

static void stay_in_a_region_that_is_switched_off(guest *g)
{
    set_default(g->argument);
#pragma omp parallel if (0)
    guest_stay(g);
}

START_TEST(a_region_of_one_thread_refuses_it)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_region_of_one_thread);
}
END_TEST

START_TEST(a_region_that_is_switched_off_refuses_it)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_region_that_is_switched_off);
}
END_TEST

static void stay_in_a_region_inside_another(guest *g)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        {
            set_default(g->argument);
#pragma omp parallel num_threads(2)
            {
#pragma omp master
                guest_stay(g);
            }
        }
    }
}

START_TEST(a_nested_region_under_the_scope_refuses_it)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_region_inside_another);
}
END_TEST

static void stay_after_an_inner_region(guest *g)
{
    omp_set_max_active_levels(2);
    set_default(g->argument);
#pragma omp parallel num_threads(2)
    {
        for (int i = 0; i < 10; ++i) {
#pragma omp parallel num_threads(2)
            (void)aa_current();
#pragma omp parallel num_threads(1)
            (void)aa_current();
        }
#pragma omp master
        guest_stay(g);
    }
}

START_TEST(an_outer_region_refuses_it_after_its_inner_ones_have_ended)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL), stay_after_an_inner_region);
}
END_TEST

static void stay_in_a_serial_region_inside_others(guest *g)
{
    set_default(g->argument);
#pragma omp parallel num_threads(1)
    {
        set_default(aa_heap());
#pragma omp parallel if (0)
        {
#pragma omp parallel num_threads(1)
            guest_stay(g);
        }
    }
}

START_TEST(a_serial_region_around_serial_ones_refuses_it)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_serial_region_inside_others);
}
END_TEST

static void stay_in_a_team_of_a_league(guest *g)
{
    set_default(g->argument);
#pragma omp teams num_teams(2)
    {
        if (omp_get_team_num() == 0) {
            guest_stay(g);
        }
    }
}

START_TEST(another_host_threads_league_of_teams_refuses_it)
{
    assert_refused_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_team_of_a_league);
}
END_TEST

static void *attempt_reset(void *allocator)
{
    return aa_reset(allocator) == AA_BUSY ? allocator : NULL;
}

/* It stands at level 0 and holds nothing: only the count of regions can refuse it. */
START_TEST(a_thread_made_inside_the_region_is_refused)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *refused = NULL;
    record_violations();
    set_default(a);
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        {
            pthread_t thread;
            if (pthread_create(&thread, NULL, attempt_reset, a) == 0) {
                (void)pthread_join(thread, &refused);
            }
        }
    }
    set_default(aa_heap());
    ck_assert_ptr_eq(refused, a);
    assert_one_report("the thread's aa_reset", AA_RESET_IN_PARALLEL);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Also when the other team seems to have left: its thread belongs to the league until that ends. */
START_TEST(a_team_of_a_league_is_refused)
{
    enum { MICROSECONDS = 50000 };
    aa_allocator *const a = aa_shared_create(NULL);
    int teams = 0, left = 0;
    aa_status status = AA_OK;
    record_violations();
    set_default(a);
#pragma omp teams num_teams(2) shared(teams, left, status)
    {
        if (omp_get_team_num() > 0) {
            count_up(&left);
        } else {
            teams = omp_get_num_teams();
            wait_for(&left, teams - 1);
            (void)usleep(MICROSECONDS);
            status = aa_reset(a);
        }
    }
    set_default(aa_heap());
    ck_assert_int_eq(teams, 2);
    ck_assert_int_eq(status, AA_BUSY);
    assert_one_report("the team's aa_reset", AA_RESET_IN_PARALLEL);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- what does not ---- */

static void stay_in_a_region_without_a_scope(guest *g)
{
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        guest_stay(g);
    }
}

static void stay_in_a_region_under_another_scope(guest *g)
{
    aa_allocator *const other = aa_shared_create(NULL);
    AA_WITH(other) {
        stay_in_a_region_without_a_scope(g);
    }
    g->wrong += aa_destroy(other) != AA_OK;
}

START_TEST(a_region_without_a_scope_does_not_refuse_it)
{
    assert_fine_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_region_without_a_scope);
}
END_TEST

START_TEST(a_region_under_another_scope_does_not_refuse_it)
{
    assert_fine_while(TAKE_BACK, bump_create(KIND, NULL), stay_in_a_region_under_another_scope);
}
END_TEST

START_TEST(regions_that_have_ended_do_not_refuse_it)
{
    aa_allocator *const a = bump_create(KIND, NULL);
    omp_set_max_active_levels(3);
    AA_WITH(a) {
        for (int i = 0; i < 100; ++i) {
#pragma omp parallel num_threads(1 + i % 3)
            {
#pragma omp parallel num_threads(1 + i % 2)
                {
#pragma omp parallel if (i % 5 > 0)
                    (void)aa_current();
                }
            }
        }
    }
    record_violations();
    assert_status(TAKE_BACK(a), AA_OK);
    assert_no_reports();
}
END_TEST

START_TEST(a_cancelled_region_does_not_refuse_it)
{
    aa_allocator *const a = bump_create(KIND, NULL);
    AA_WITH(a) {
#pragma omp parallel num_threads(3)
        {
            if (omp_get_thread_num() == 1) {
#pragma omp cancel parallel
            }
#pragma omp cancellation point parallel
#pragma omp barrier
        }
    }
    record_violations();
    assert_status(TAKE_BACK(a), AA_OK);
    assert_no_reports();
}
END_TEST

static void *open_regions(void *allocator)
{
    enum { REGIONS = 500 };
    int wrong = 0;
    for (int i = 0; i < REGIONS; ++i) {
        AA_WITH((aa_allocator *)allocator) {
#pragma omp parallel num_threads(2) reduction(+ : wrong)
            {
#pragma omp task shared(wrong)
                {
#pragma omp atomic
                    wrong += aa_current() != allocator;
                }
            }
        }
    }
    return wrong == 0 ? allocator : NULL;
}

START_TEST(the_count_is_zero_after_many_regions_of_many_host_threads)
{
    enum { HOSTS = 4 };
    aa_allocator *const a = aa_shared_create(NULL);
    pthread_t hosts[HOSTS];
    for (int i = 0; i < HOSTS; ++i) {
        ck_assert_int_eq(pthread_create(&hosts[i], NULL, open_regions, a), 0);
    }
    for (int i = 0; i < HOSTS; ++i) {
        void *result = NULL;
        ck_assert_int_eq(pthread_join(hosts[i], &result), 0);
        ck_assert_ptr_eq(result, a);
    }
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    assert_no_reports();
}
END_TEST

/* ---- aa_reset_team ---- */

static int fails_in_team(aa_allocator *a, int threads)
{
    int failed = 0;
#pragma omp parallel num_threads(threads) reduction(+ : failed)
    {
        (void)aa_alloc(a, 100);
        failed += aa_reset_team(a) != AA_OK;
    }
    return failed;
}

START_TEST(the_teams_own_region_does_not_refuse_aa_reset_team)
{
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    AA_WITH(a) {
        for (int threads = 1; threads <= 4; ++threads) {
            ck_assert_int_eq(fails_in_team(a, threads), 0);
        }
    }
    assert_no_reports();
    ck_assert_uint_eq(stats_of(a).resets, 4);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_regions_around_the_team_do_not_refuse_aa_reset_team)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int failed = 0;
    omp_set_max_active_levels(3);
    record_violations();
    AA_WITH(a) {
#pragma omp parallel num_threads(1) reduction(+ : failed)
        {
            failed += fails_in_team(a, 1);
            failed += fails_in_team(a, 2);
#pragma omp parallel if (0) reduction(+ : failed)
            failed += fails_in_team(a, 2);
        }
    }
    ck_assert_int_eq(failed, 0);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Its master is not in the team, has the allocator as its current one, and may be using it. */
START_TEST(an_outer_region_whose_master_is_not_in_the_team_refuses_aa_reset_team)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int failed = 0;
    omp_set_max_active_levels(2);
    record_violations();
    set_default(a);
#pragma omp parallel num_threads(2) reduction(+ : failed)
    {
        if (omp_get_thread_num() == 1) {
            failed += fails_in_team(a, 2);
        }
    }
    set_default(aa_heap());
    ck_assert_int_eq(failed, 2);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(another_host_threads_region_refuses_aa_reset_team)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const held h = hold(a);
    guest g;
    guest_invite(&g, stay_in_a_region_under_openmps_own_scope, a);
    int busy = 0;
    record_violations();
    AA_WITH(a) {
#pragma omp parallel num_threads(2) reduction(+ : busy)
        busy += aa_reset_team(a) == AA_BUSY;
    }
    ck_assert_int_eq(busy, 2);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    assert_unharmed(&h);
    guest_dismiss(&g);
    AA_WITH(a) {
        ck_assert_int_eq(fails_in_team(a, 2), 0);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- processes ---- */

static void reset_in_child(void *allocator)
{
    record_violations();
    assert_status(aa_reset(allocator), AA_OK);
    assert_no_reports();
    AA_WITH((aa_allocator *)allocator) {
#pragma omp parallel num_threads(2)
        (void)aa_alloc(AA_CURRENT, 10);
    }
    assert_status(aa_destroy(allocator), AA_OK);
    _exit(0); /* a leak checker would find what the parent's threads held */
}

START_TEST(a_forked_child_does_not_count_the_regions_of_its_parents_threads)
{
    aa_allocator *const a = aa_shared_create(NULL);
    guest g;
    guest_invite(&g, stay_in_a_region_under_openmps_own_scope, a);
    child_result result;
    child_run(&result, reset_in_child, a);
    assert_exited_well(&result);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_PARALLEL);
    guest_dismiss(&g);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

OMPT_TEST_MAIN("ompt: regions", "OMP_CANCELLATION", "true",
               TEST_BOTH(another_host_threads_region_under_the_scope_refuses_it),
               AA_TEST(the_report_says_where_the_scope_was_opened),
               TEST_BOTH(a_region_under_openmps_own_scope_refuses_it),
               TEST_BOTH(a_region_of_one_thread_refuses_it),
               TEST_BOTH(a_region_that_is_switched_off_refuses_it),
               TEST_BOTH(a_nested_region_under_the_scope_refuses_it),
               TEST_BOTH(an_outer_region_refuses_it_after_its_inner_ones_have_ended),
               TEST_BOTH(a_serial_region_around_serial_ones_refuses_it),
               TEST_BOTH(another_host_threads_league_of_teams_refuses_it),
               AA_TEST_LOOP(a_thread_made_inside_the_region_is_refused, SHARED, PRIVATE + 1),
               AA_TEST(a_team_of_a_league_is_refused),
               TEST_BOTH(a_region_without_a_scope_does_not_refuse_it),
               TEST_BOTH(a_region_under_another_scope_does_not_refuse_it),
               TEST_BOTH(regions_that_have_ended_do_not_refuse_it),
               TEST_BOTH(a_cancelled_region_does_not_refuse_it),
               AA_TEST(the_count_is_zero_after_many_regions_of_many_host_threads),
               AA_TEST(the_teams_own_region_does_not_refuse_aa_reset_team),
               AA_TEST(the_regions_around_the_team_do_not_refuse_aa_reset_team),
               AA_TEST(an_outer_region_whose_master_is_not_in_the_team_refuses_aa_reset_team),
               AA_TEST(another_host_threads_region_refuses_aa_reset_team),
               AA_TEST(a_forked_child_does_not_count_the_regions_of_its_parents_threads))
