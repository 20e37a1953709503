/* The truth table: target regions that run on the host, and host teams.
 *
 * With gcc's objects on libomp there is no target: that runtime has no GOMP_target_ext. */
#include "truth.h"

#include <omp.h>

#ifndef TRUTH_NO_TARGET
/* Pointers into a target would be mapped; an integer is copied. */
static void target_asks(cell *c)
{
    const uintptr_t place = (uintptr_t)c;
#pragma omp target firstprivate(place)
    {
        take_part((cell *)place);
        ask((cell *)place);
    }
}

static void target_serial(cell *c)
{
    AA_WITH(c->subject.allocator) {
        target_asks(c);
    }
}

/* One thread is in the target region, the other goes on beside it. */
static void target_in_region(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            if (omp_get_thread_num() == 0) {
                flag_await(c, 1);
                target_asks(c);
                flag_raise(c);
            } else {
                stand(c);
                flag_raise(c);
                flag_await(c, 2);
            }
        }
    }
}

static void target_in_scope_of_region(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            flag_await(c, 1);
            AA_WITH(c->subject.allocator) {
                target_asks(c);
            }
            flag_raise(c);
        } else {
            stand(c);
            flag_raise(c);
            flag_await(c, 2);
        }
    }
}

static void parallel_in_target(cell *c)
{
    const uintptr_t place = (uintptr_t)c;
    AA_WITH(c->subject.allocator) {
#pragma omp target firstprivate(place)
#pragma omp parallel num_threads(2)
        {
            take_part((cell *)place);
#pragma omp barrier
            ask((cell *)place);
        }
    }
}

/* Both runtimes may leave it for later: libgomp runs it at the taskwait. */
static void target_nowait(cell *c)
{
    const uintptr_t place = (uintptr_t)c;
    AA_WITH(c->subject.allocator) {
#pragma omp target nowait firstprivate(place)
        {
            stand((cell *)place);
            flag_raise((cell *)place);
        }
        ask_reset_of(c, &c->subject);
#pragma omp taskwait
    }
    flag_await(c, 1);
}

static void target_nowait_asks(cell *c)
{
    const uintptr_t place = (uintptr_t)c;
    AA_WITH(c->subject.allocator) {
#pragma omp target nowait firstprivate(place)
        {
            take_part((cell *)place);
            ask((cell *)place);
        }
#pragma omp taskwait
    }
}

static void after_target(cell *c)
{
    AA_WITH(c->subject.allocator) {
        const uintptr_t place = (uintptr_t)c;
#pragma omp parallel num_threads(2)
        {
#pragma omp target firstprivate(place)
            stand((cell *)place);
        }
        ask(c);
    }
}
#define TARGET(function) .run = function
#define TARGET_CELLS(...) __VA_ARGS__
#else
#define TARGET(function) .run = NULL
#define TARGET_CELLS(...) "libomp has no entry point for gcc's target regions", NULL, NONE, NONE
#endif

/* ---- teams on the host: libgomp runs one after the other on one thread, libomp all at once ---- */

/* Where the teams run at once they wait for each other, lest one worker serves both. */
static void all_of_the_league(cell *c, int threads)
{
    if (!on_libgomp()) {
        meet(c, threads);
    }
}

static void teams_of_two(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp teams num_teams(2)
        {
            take_part(c);
            all_of_the_league(c, 2);
            ask_reset_of(c, &c->subject);
        }
    }
}

static void teams_without_a_scope(cell *c)
{
#pragma omp teams num_teams(2)
    {
        take_part(c);
        all_of_the_league(c, 2);
        ask_reset_of(c, &c->subject);
    }
}

static void teams_of_one(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp teams num_teams(1)
        {
            take_part(c);
            ask_reset_of(c, &c->subject);
        }
    }
}

static void regions_in_teams(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp teams num_teams(2) thread_limit(2)
#pragma omp parallel num_threads(2)
        {
            take_part(c);
            all_of_the_league(c, 4);
#pragma omp barrier
            ask(c);
        }
    }
}

static void after_teams(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp teams num_teams(2)
        see(c, c->subject.allocator);
        ask(c);
    }
}

GROUP(
    truth_devices, "Target on the host, host teams",
    {.name = "target",
     .situation = "In a target region on the host, outside all parallel regions",
     TARGET(target_serial),
     .kinds = ON_ALL,
     .gomp = {TARGET_CELLS(OK, NULL, "0 of 1", "1 own")},
     .omp = {.scope = "1 of 1"}},
    {.name = "target-parallel-2",
     .situation = "In a target region on the host inside a parallel region of two threads. Not "
                  "seen under libgomp: there a target region looks like serial code",
     TARGET(target_in_region),
     .kinds = ON_ALL,
     .gomp = {TARGET_CELLS(OK, NULL, "0 of 1", "2 own")},
     .omp = {IN_PARALLEL, NULL, "1 of 1", NULL}},
    {.name = "target-parallel-2-scope",
     .situation = "The same in a scope that the thread opened inside the region",
     TARGET(target_in_scope_of_region),
     .kinds = ON_ALL,
     .gomp = {TARGET_CELLS(IN_PARALLEL, NULL, "0 of 1", "2 own")},
     .omp = {.scope = "1 of 1"}},
    {.name = "parallel-in-target",
     .situation = "In a parallel region of two threads inside a target region on the host",
     TARGET(parallel_in_target),
     .kinds = ON_ALL,
     .gomp = {TARGET_CELLS(IN_PARALLEL, NULL, "0 of 2", "2 own")},
     .omp = {.scope = "2 of 2"}},
    {.name = "target-nowait",
     .situation =
         "After `target nowait` outside all regions, before taskwait. Not seen: it may not "
         "have begun",
     TARGET(target_nowait),
     .kinds = ON_ALL,
     .gomp = {TARGET_CELLS(OK, NONE, NONE, "1 own")}},
    {.name = "target-nowait-asks",
     .situation = "In a `target nowait` region outside all regions (libomp runs it in a region of "
                  "its own helper threads)",
     TARGET(target_nowait_asks),
     .kinds = ON_ALL,
     .gomp = {TARGET_CELLS(OK, NULL, "0 of 1", "1 own")},
     .omp = {.reset = IN_PARALLEL},
     .ompt = {.scope = "1 of 1"}},
    {.name = "after-target",
     .situation = "After a parallel region with target regions in it",
     TARGET(after_target),
     .kinds = ON_ALL,
     .gomp = {TARGET_CELLS(OK, NULL, NONE, "2 own")}},
    {.name = "teams-2",
     .situation =
         "In host teams, two of them (libgomp runs them one after the other on one thread)",
     .run = teams_of_two,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NONE, "2 of 2", "1 own"},
     .omp = {.threads = "2 own"}},
    {.name = "teams-2-no-scope",
     .situation = "The same with an explicit handle and no scope",
     .run = teams_without_a_scope,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NONE, "0 of 2", "1 own"},
     .omp = {.threads = "2 own"}},
    {.name = "teams-1",
     .situation = "In a league of one host team",
     .run = teams_of_one,
     .kinds = ON_ALL,
     .gomp = {OK, NONE, "1 of 1", "1 own"}},
    {.name = "teams-parallel",
     .situation =
         "In parallel regions of two threads inside two host teams (libgomp: one after the other)",
     .environment = "KMP_TEAMS_THREAD_LIMIT=4", /* else the processors limit it */
     .run = regions_in_teams,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NULL, "4 of 4", "2 own"},
     .omp = {.threads = "4 own"}},
    {.name = "after-teams",
     .situation = "After host teams",
     .run = after_teams,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "2 of 2", NONE}});
