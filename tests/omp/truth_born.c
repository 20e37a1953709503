/* The truth table: allocators created inside a region. Theirs is the question whether the others of the
 * region use them. */
#include "truth.h"

#include <omp.h>
#include <unistd.h>

static subject born;

static void make_born(cell *c)
{
    if (!subject_make(&born, c->subject.kind, "born")) {
        wrong(c, "no allocator");
    }
}

/* Thread 0 of two makes it; then `other` is called by the other one; then `asker` asks. */
static void with_two(cell *c, void (*other)(cell *), int asker)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1 && other != NULL) {
            other(c);
        }
#pragma omp barrier
        if (omp_get_thread_num() == asker) {
            ask_about(c, &born);
        }
#pragma omp barrier
    }
    subject_end(c, &born);
}

static void take_some(cell *c)
{
    (void)c;
    subject_take(&born);
}

static void take_in_inner_region(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        (void)c;
        subject_take(&born);
    }
}

static void take_in_serialised_region(cell *c)
{
#pragma omp parallel if (0)
    {
        (void)c;
        subject_take(&born);
    }
}

static void by_creator(cell *c)
{
    with_two(c, NULL, 0);
}

static void by_another(cell *c)
{
    with_two(c, NULL, 1);
}

static void by_creator_after_others_took(cell *c)
{
    with_two(c, take_some, 0);
}

/* Another thread's inner region is no part of the creator's: it may still run. */
static void by_creator_after_others_inner_region(cell *c)
{
    omp_set_max_active_levels(2);
    with_two(c, take_in_inner_region, 0);
}

static void by_creator_after_others_serialised_region(cell *c)
{
    with_two(c, take_in_serialised_region, 0);
}

static void take_on_host_thread(cell *c)
{
    on_another_thread(take_some, c);
}

static void by_creator_after_a_host_thread(cell *c)
{
    with_two(c, take_on_host_thread, 0);
}

static void by_creator_after_its_own_inner_region(cell *c)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
            take_in_inner_region(c);
            ask_about(c, &born);
        }
    }
    subject_end(c, &born);
}

/* In another host thread's region the thread numbers may be those of the creator's. */
static void take_in_region(cell *c)
{
    (void)c;
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            subject_take(&born);
        }
    }
}

static void take_in_nested_region(cell *c)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2)
            {
                if (omp_get_thread_num() == 1) {
                    subject_take(&born);
                    flag_raise(c);
                }
            }
        }
    }
    flag_await(c, 1);
}

static void take_in_another_host_threads_region(cell *c)
{
    on_another_thread(take_in_region, c);
}

static void take_in_another_host_threads_nested_region(cell *c)
{
    on_another_thread(take_in_nested_region, c);
}

static void by_creator_after_another_host_threads_region(cell *c)
{
    with_two(c, take_in_another_host_threads_region, 0);
}

static void by_creator_after_another_host_threads_nested_region(cell *c)
{
    omp_set_max_active_levels(2);
    with_two(c, take_in_another_host_threads_nested_region, 0);
}

static void inside_its_own_inner_region(cell *c)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
#pragma omp parallel num_threads(2)
            ask_about(c, &born);
        }
    }
    subject_end(c, &born);
}

/* It outlives the inner region that it was made in; the outer one goes on. */
static void made_deeper(cell *c)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2)
            {
#pragma omp master
                make_born(c);
            }
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            subject_take(&born);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            ask_about(c, &born);
        }
    }
    subject_end(c, &born);
}

/* An inner region of the caller in which its worker takes memory. Returns the worker. */
static pid_t worker_takes(void)
{
    pid_t worker = 0;
#pragma omp parallel num_threads(2) shared(worker)
    {
        if (omp_get_thread_num() == 1) {
            subject_take(&born);
            worker = gettid();
        }
    }
    return worker;
}

/* libgomp ends the worker of an inner region with it; libomp lends it to the next master. */
static void check_lent(cell *c, const pid_t *workers)
{
    if ((workers[0] == workers[1]) == on_libgomp()) {
        wrong(c, "the inner regions were not served as the row says");
    }
}

/* First the creator's inner region, then the other one's. */
static void both_inner_regions(cell *c)
{
    pid_t workers[2] = {0, 0};
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
            workers[0] = worker_takes();
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            workers[1] = worker_takes();
        }
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            ask_about(c, &born);
        }
    }
    check_lent(c, workers);
    subject_end(c, &born);
}

/* Made in an inner region by its master, and used by its worker there; `lent`: who then works for the other. */
static void made_deeper_and_used(cell *c, bool lent)
{
    pid_t workers[2] = {0, 0};
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2)
            {
#pragma omp master
                make_born(c);
#pragma omp barrier
                if (omp_get_thread_num() == 1) {
                    subject_take(&born);
                    workers[0] = gettid();
                }
            }
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1 && lent) {
            workers[1] = worker_takes();
        }
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            ask_about(c, &born);
        }
    }
    if (lent) {
        check_lent(c, workers);
    }
    subject_end(c, &born);
}

static void made_deeper_then_lent(cell *c)
{
    made_deeper_and_used(c, true);
}

static void made_deeper_by_the_asker(cell *c)
{
    made_deeper_and_used(c, false);
}

/* By the worker of the inner region, asked about by its master in the outer one. */
static void made_deeper_by_the_worker(cell *c)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2)
            {
                if (omp_get_thread_num() == 1) {
                    make_born(c);
                }
            }
            ask_about(c, &born);
        }
    }
    subject_end(c, &born);
}

static aa_status inner_statuses[2];

static void inner_team_of(cell *c, int outer)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1 - outer) {
            subject_take(&born);
        }
#pragma omp barrier
        if (omp_get_thread_num() == outer) {
#pragma omp parallel num_threads(2)
            inner_statuses[omp_get_thread_num()] = aa_reset_team(born.allocator);
        }
    }
    born.reset = inner_statuses[0] == AA_OK;
    answer_of_team(c, inner_statuses, 2);
    subject_end(c, &born);
}

static void by_inner_team_of_creator(cell *c)
{
    inner_team_of(c, 0);
}

static void by_inner_team_of_another(cell *c)
{
    inner_team_of(c, 1);
}

static void in_region_of_one(cell *c)
{
#pragma omp parallel num_threads(1)
    {
        stand(c);
        make_born(c);
        AA_WITH(born.allocator) {
            see(c, born.allocator);
            ask_about(c, &born);
        }
    }
    subject_end(c, &born);
}

static void others_scope(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
            flag_raise(c);
            flag_await(c, 2);
            ask_about(c, &born);
            flag_raise(c);
        } else {
            flag_await(c, 1);
            AA_WITH(born.allocator) {
                see(c, born.allocator);
                flag_raise(c);
                flag_await(c, 3);
            }
        }
    }
    subject_end(c, &born);
}

/* A team reset makes it the creator's again, until another thread takes memory. */
static void after_a_team_reset(cell *c)
{
    aa_status statuses[2] = {AA_IO, AA_IO};
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            subject_take(&born);
        }
        statuses[omp_get_thread_num()] = aa_reset_team(born.allocator);
        born.reset = true;
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            forget();
            ask_about(c, &born);
        }
    }
    if (statuses[0] != AA_OK || statuses[1] != AA_OK) {
        wrong(c, "no team reset");
    }
    subject_end(c, &born);
}

/* ... from then on it is the region's again. */
static void taken_after_a_team_reset(cell *c)
{
    aa_status statuses[2] = {AA_IO, AA_IO};
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            subject_take(&born);
        }
        statuses[omp_get_thread_num()] = aa_reset_team(born.allocator);
        born.reset = true;
        if (omp_get_thread_num() == 1) {
            subject_take(&born);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            forget();
            ask_about(c, &born);
        }
    }
    if (statuses[0] != AA_OK || statuses[1] != AA_OK) {
        wrong(c, "no team reset");
    }
    subject_end(c, &born);
}

static void after_the_region(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            make_born(c);
        }
#pragma omp barrier
        subject_take(&born);
    }
    ask_about(c, &born);
    subject_end(c, &born);
}

static void after_the_region_by_another(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 1) {
            make_born(c);
        }
    }
    ask_about(c, &born); /* main: not its creator */
    subject_end(c, &born);
}

#define BORN(function, words, expected)                                                            \
    .situation = words, .run = function, .kinds = ON_ALL, .gomp = {expected, NULL, NONE, "2 own"}
#define BORN_MANY(function, words, expected)                                                       \
    .situation = words, .run = function, .kinds = ON_MANY, .gomp = {expected, NULL, NONE, "2 own"}

GROUP(
    truth_born, "Allocators created inside a region",
    {.name = "born-creator",
     BORN(by_creator, "Its creator asks, and nobody else of the region took memory", OK)},
    {.name = "born-other", BORN(by_another, "Another thread of the region asks", IN_PARALLEL)},
    {.name = "born-taken",
     BORN_MANY(by_creator_after_others_took,
               "Its creator asks after another thread of the region took memory", IN_PARALLEL)},
    {.name = "born-taken-inner",
     BORN_MANY(by_creator_after_others_inner_region,
               "Its creator asks after another thread's inner region took memory", IN_PARALLEL)},
    {.name = "born-taken-serialised",
     BORN_MANY(by_creator_after_others_serialised_region,
               "Its creator asks after another thread took memory in an inner region of one",
               IN_PARALLEL)},
    {.name = "born-taken-host-thread",
     BORN_MANY(by_creator_after_a_host_thread,
               "Its creator asks after a host thread, made inside the region, took memory",
               IN_PARALLEL)},
    {.name = "born-own-inner",
     BORN(by_creator_after_its_own_inner_region,
          "Its creator asks after its own inner region took memory", OK)},
    {.name = "born-taken-other-region",
     BORN_MANY(by_creator_after_another_host_threads_region,
               "Its creator asks after another host thread's region took memory", IN_PARALLEL)},
    {.name = "born-taken-other-nested",
     BORN_MANY(
         by_creator_after_another_host_threads_nested_region,
         "Its creator asks after an inner region of another host thread took memory, with the "
         "same thread numbers as its own would have. Not seen",
         OK)},
    {.name = "born-in-inner",
     BORN(inside_its_own_inner_region, "In an inner region of its creator", IN_PARALLEL)},
    {.name = "born-deeper-taken",
     BORN_MANY(made_deeper,
               "Created in an inner region that has ended; asked in the outer one after another "
               "of its threads took memory",
               IN_PARALLEL)},
    {.name = "born-both-inner",
     BORN_MANY(both_inner_regions,
               "Its creator asks after its own inner region took memory, and then another thread's "
               "(under libomp the same worker serves both)",
               IN_PARALLEL)},
    {.name = "born-deeper",
     BORN(made_deeper_by_the_asker,
          "Created by the master of an inner region that has ended, and used by its worker; the "
          "creator asks in the outer one",
          OK)},
    {.name = "born-deeper-lent",
     BORN_MANY(made_deeper_then_lent,
               "The same after another thread's inner region took memory (under libomp served by "
               "that worker)",
               IN_PARALLEL)},
    {.name = "born-deeper-worker",
     .situation = "Created by the worker of an inner region that has ended; the master asks in the "
                  "outer one. An arena's use by its owner leaves no trace: refused",
     .run = made_deeper_by_the_worker,
     .kinds = ON_ARENA,
     .gomp = {IN_PARALLEL, NULL, NONE, "2 own"}},
    {.name = "born-deeper-worker-many",
     BORN_MANY(made_deeper_by_the_worker, "The same with an allocator for many threads", OK)},
    {.name = "born-inner-team",
     .situation = "An inner team of its creator resets after another thread of the region took "
                  "memory",
     .call = "aa_reset_team",
     .run = by_inner_team_of_creator,
     .kinds = ON_MANY,
     .gomp = {IN_PARALLEL, NONE, NONE, "2 own"}},
    {.name = "born-inner-team-other",
     .situation = "An inner team of another thread resets after the creator took memory",
     .call = "aa_reset_team",
     .run = by_inner_team_of_another,
     .kinds = ON_MANY,
     .gomp = {IN_PARALLEL, NONE, NONE, "2 own"}},
    {.name = "born-region-of-one",
     .situation = "Created in a region of one thread; its creator asks, in its scope",
     .run = in_region_of_one,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "1 of 1", "1 own"}},
    {.name = "born-other-scope",
     .situation = "Its creator asks while another thread of the region has it in scope",
     .run = others_scope,
     .kinds = ON_ALL,
     .gomp = {IN_USE, NULL, "1 of 1", "2 own"}},
    {.name = "born-team-reset",
     BORN_MANY(after_a_team_reset,
               "Its creator asks after others took memory and aa_reset_team took it back", OK)},
    {.name = "born-taken-again",
     BORN_MANY(taken_after_a_team_reset,
               "Its creator asks after aa_reset_team, and another thread took memory again",
               IN_PARALLEL)},
    {.name = "born-after", BORN(after_the_region, "After the region, by its creator", OK)},
    {.name = "born-after-other",
     BORN(after_the_region_by_another, "After the region, by another thread", OK)});
