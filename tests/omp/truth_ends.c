/* The truth table: regions and processes that end in unusual ways. */
#include "truth.h"

#include <omp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- cancellation: without a barrier before it, after which libomp may hang ---- */

static void cancelled(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            take_part(c);
            meet(c, 2);
#pragma omp cancel parallel
            wrong(c, "not cancelled");
        }
        ask(c);
    }
}

static void cancelled_in_scopes(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        AA_WITH(c->subject.allocator) {
            take_part(c);
            meet(c, 2);
#pragma omp cancel parallel
            wrong(c, "not cancelled");
        }
    }
    ask(c);
}

static void cancelled_loop(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            take_part(c);
#pragma omp for schedule(static, 1)
            for (int i = 0; i < 100; ++i) {
                subject_take(&c->subject);
#pragma omp cancel for
            }
            ask(c);
        }
    }
}

static void cancelled_taskgroup(cell *c)
{
    AA_WITH(c->subject.allocator) {
        const aa_token token = aa_scope_capture();
        AA_WITH(aa_heap()) {
#pragma omp parallel num_threads(2)
#pragma omp single
#pragma omp taskgroup
            {
#pragma omp task firstprivate(token)
                {
                    AA_TASK(token) {
                        take_part(c);
#pragma omp cancel taskgroup
                        wrong(c, "not cancelled");
                    }
                }
            }
        }
    }
    ask(c);
}

/* ---- exit ---- */

static void exits_inside(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            take_part(c);
#pragma omp barrier
            if (omp_get_thread_num() == 0) {
                ask(c);
                cell_print(c);
                exit(0);
            }
            flag_await(c, 1); /* never */
        }
    }
}

static cell *asked_at_exit;

static void ask_at_exit(void)
{
    ask(asked_at_exit);
    cell_print(asked_at_exit);
}

static void exits_inside_and_asks(cell *c)
{
    asked_at_exit = c;
    (void)atexit(ask_at_exit);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            take_part(c);
#pragma omp barrier
            if (omp_get_thread_num() == 0) {
                exit(0);
            }
            flag_await(c, 1); /* never */
        }
    }
}

static void asks_at_exit(cell *c)
{
    asked_at_exit = c;
    (void)atexit(ask_at_exit);
#pragma omp parallel num_threads(2)
    stand(c);
    exit(0);
}

/* ---- fork: the child opens no region, which would hang under libgomp ---- */

/* The child goes on as the row; what it prints is the cell. */
static void go_on_in_child(cell *c, bool in_scope)
{
    const pid_t child = fork();
    if (child == 0) {
        if (in_scope) {
            take_part(c);
        }
        ask(c);
        cell_print(c);
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) {
        (void)fprintf(stderr, "the child did not end well\n");
    }
    _exit(0);
}

static void child_after_a_region(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        see(c, c->subject.allocator);
        go_on_in_child(c, true);
    }
}

static void stays_in_scope(visitor *v)
{
    AA_WITH(v->c->subject.allocator) {
        see(v->c, v->c->subject.allocator);
        visitor_stay(v);
    }
}

static void child_with_scope_of_a_lost_thread(cell *c)
{
    visitor v;
    visitor_invite(&v, stays_in_scope, c);
    go_on_in_child(c, false);
}

static void stays_with_mark(visitor *v)
{
    if (aa_mark_is_null(aa_mark_take(v->c->subject.allocator))) {
        wrong(v->c, "no mark");
    }
    visitor_stay(v);
}

static void child_with_mark_of_a_lost_thread(cell *c)
{
    visitor v;
    visitor_invite(&v, stays_with_mark, c);
    go_on_in_child(c, false);
}

GROUP(truth_ends, "Cancellation, exit, fork",
      {.name = "cancel-parallel",
       .situation = "After a cancelled region in a scope",
       .environment = "OMP_CANCELLATION=true",
       .run = cancelled,
       .kinds = ON_ALL,
       .gomp = {OK, NULL, "2 of 2", "2 own"}},
      {.name = "cancel-scopes",
       .situation = "After a region that was cancelled while each thread was in its own scope",
       .environment = "OMP_CANCELLATION=true",
       .run = cancelled_in_scopes,
       .kinds = ON_ALL,
       .gomp = {OK, NULL, "2 of 2", "2 own"}},
      {.name = "cancel-for",
       .situation = "In a region, after a cancelled `for`",
       .environment = "OMP_CANCELLATION=true",
       .run = cancelled_loop,
       .kinds = ON_ALL,
       .gomp = {IN_PARALLEL, NULL, "2 of 2", "2 own"}},
      {.name = "cancel-taskgroup",
       .situation = "After a task that cancelled its taskgroup inside AA_TASK",
       .environment = "OMP_CANCELLATION=true",
       .run = cancelled_taskgroup,
       .kinds = ON_ALL,
       .gomp = {OK, NULL, "1 of 1", "1 own"}},
      {.name = "exit-in-region",
       .situation = "exit() inside a region: refused before it, and the process ends well",
       .run = exits_inside,
       .kinds = ON_SHARED,
       .gomp = {IN_PARALLEL, NULL, "2 of 2", "2 own"}},
      {.name = "exit-handler-in-region",
       .situation = "In an atexit handler, exit() having been called inside a region",
       .run = exits_inside_and_asks,
       .kinds = ON_SHARED,
       .gomp = {IN_PARALLEL, NULL, "2 of 2", "2 own"}},
      {.name = "exit-handler",
       .situation = "In an atexit handler, after regions",
       .run = asks_at_exit,
       .kinds = ON_SHARED,
       .gomp = {OK, NULL, NONE, "2 own"}},
      {.name = "fork-after-region",
       .situation = "In a forked child, after a region, in the parent's scope",
       .run = child_after_a_region,
       .kinds = ON_SHARED,
       .gomp = {OK, NULL, "3 of 3", "1 own"}},
      {.name = "fork-lost-scope",
       .situation = "In a forked child; in the parent another thread had a scope open, which the "
                    "child does not have",
       .run = child_with_scope_of_a_lost_thread,
       .kinds = ON_SHARED,
       .gomp = {OK, NULL, "1 of 1", NONE}},
      {.name = "fork-lost-mark",
       .situation = "In a forked child; in the parent another thread had a mark open",
       .run = child_with_mark_of_a_lost_thread,
       .kinds = ON_SHARED,
       .gomp = {OK, NULL, NONE, NONE}});
