/* The truth table: explicit tasks. Who runs a task is forced, for on one's own thread every task sees the
 * scope that happens to be open there: thread 0 makes the tasks and then waits without a scheduling point,
 * so that thread 1 runs them all. */
#include "truth.h"

#include <omp.h>
#include <unistd.h>

enum { TASKS = 8 };

static pid_t maker;

static void on_the_other(cell *c)
{
    if (gettid() == maker) {
        wrong(c, "a task ran on the thread that made it");
    }
    take_part(c);
    ask(c);
}

/* What the tasks do, without and with a token. */
static void plain_body(cell *c)
{
    on_the_other(c);
    flag_raise(c);
}

static void token_body(cell *c, aa_token token)
{
    AA_TASK(token) {
        on_the_other(c);
    }
    flag_raise(c);
}

static void make_and_wait(cell *c, void (*make)(cell *, aa_token))
{
    maker = gettid();
    stand(c);
    make(c, aa_scope_capture());
    flag_raise(c);
    flag_await(c, 1 + TASKS);
}

/* The maker's scope is its own, opened in the region. */
static void run_by_the_other(cell *c, void (*make)(cell *, aa_token))
{
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            AA_WITH(c->subject.allocator) {
                make_and_wait(c, make);
            }
        } else {
            flag_await(c, 1);
        }
#pragma omp barrier
    }
}

static void make_plain(cell *c, aa_token token)
{
    (void)token;
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task
        plain_body(c);
    }
}

static void make_with_token(cell *c, aa_token token)
{
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task firstprivate(token)
        token_body(c, token);
    }
}

static void make_untied(cell *c, aa_token token)
{
    (void)token;
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task untied
        plain_body(c);
    }
}

static void make_untied_with_token(cell *c, aa_token token)
{
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task untied firstprivate(token)
        token_body(c, token);
    }
}

static void make_final(cell *c, aa_token token)
{
    (void)token;
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task final(1)
        plain_body(c);
    }
}

static void make_final_with_token(cell *c, aa_token token)
{
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task final(1) firstprivate(token)
        token_body(c, token);
    }
}

static int chain; /* what the tasks depend on */

static void make_dependent(cell *c, aa_token token)
{
    (void)token;
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task depend(inout : chain)
        plain_body(c);
    }
}

static void make_dependent_with_token(cell *c, aa_token token)
{
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task depend(inout : chain) firstprivate(token)
        token_body(c, token);
    }
}

/* clang 14 warns about conversions in the code that it makes for a taskloop itself. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wconversion"
#endif
static void make_taskloop(cell *c, aa_token token)
{
    (void)token;
#pragma omp taskloop nogroup grainsize(1)
    for (int i = 0; i < TASKS; ++i) {
        plain_body(c);
    }
}

static void make_taskloop_with_token(cell *c, aa_token token)
{
#pragma omp taskloop nogroup grainsize(1) firstprivate(token)
    for (int i = 0; i < TASKS; ++i) {
        token_body(c, token);
    }
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

static void tied(cell *c)
{
    run_by_the_other(c, make_plain);
}

static void tied_token(cell *c)
{
    run_by_the_other(c, make_with_token);
}

static void untied(cell *c)
{
    run_by_the_other(c, make_untied);
}

static void untied_token(cell *c)
{
    run_by_the_other(c, make_untied_with_token);
}

static void final(cell *c)
{
    run_by_the_other(c, make_final);
}

static void final_token(cell *c)
{
    run_by_the_other(c, make_final_with_token);
}

static void depend(cell *c)
{
    run_by_the_other(c, make_dependent);
}

static void depend_token(cell *c)
{
    run_by_the_other(c, make_dependent_with_token);
}

static void taskloop(cell *c)
{
    run_by_the_other(c, make_taskloop);
}

static void taskloop_token(cell *c)
{
    run_by_the_other(c, make_taskloop_with_token);
}

static void scope_before_the_region(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            if (omp_get_thread_num() == 0) {
                make_and_wait(c, make_plain);
            } else {
                flag_await(c, 1);
            }
#pragma omp barrier
        }
    }
}

/* ---- tasks that the maker runs itself ---- */

static void undeferred(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            AA_WITH(c->subject.allocator) {
#pragma omp task if (0)
                {
                    take_part(c);
                    ask(c);
                }
            }
        }
    }
}

/* A task of a final task runs at once, where that runs. */
static void included(cell *c)
{
    const aa_token none = aa_scope_capture();
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
#pragma omp task final(1) firstprivate(none)
            {
                AA_TASK(none) {
                    AA_WITH(c->subject.allocator) {
#pragma omp task
                        {
                            take_part(c);
                            ask(c);
                        }
                    }
                }
            }
        }
#pragma omp barrier
    }
}

static void in_region_of_one(cell *c)
{
#pragma omp parallel num_threads(1)
    AA_WITH(c->subject.allocator) {
#pragma omp task
        {
            take_part(c);
            ask(c);
        }
#pragma omp taskwait
    }
}

/* While a task waits inside its scope, its thread runs the task's own children only: they see the scope. */
static void child_of_a_waiting_task(cell *c)
{
    AA_WITH(c->subject.allocator) {
        const aa_token token = aa_scope_capture();
        AA_WITH(aa_heap()) {
#pragma omp parallel num_threads(1)
            {
#pragma omp task firstprivate(token)
                {
                    AA_TASK(token) {
#pragma omp task
                        {
                            take_part(c);
                            ask(c);
                        }
#pragma omp taskwait
                        see(c, c->subject.allocator);
                    }
                }
            }
        }
    }
}

/* ---- what tasks leave behind ---- */

static void see_heap_after(cell *c, void (*make)(cell *, aa_token))
{
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            AA_WITH(c->subject.allocator) {
                maker = gettid();
                make(c, aa_scope_capture());
                flag_raise(c);
                flag_await(c, 1 + TASKS);
            }
        } else {
            flag_await(c, 1);
        }
#pragma omp barrier
        see(c, aa_heap());
    }
}

static void make_token_tasks_that_look_nowhere(cell *c, aa_token token)
{
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task firstprivate(token)
        {
            AA_TASK(token) {
                (void)aa_alloc(AA_CURRENT, 10);
            }
            flag_raise(c);
        }
    }
}

static void restored(cell *c)
{
    see_heap_after(c, make_token_tasks_that_look_nowhere);
    ask(c);
}

static void make_tasks_that_set_it(cell *c, aa_token token)
{
    (void)token;
    const uintptr_t handle = aa_omp_handle(c->subject.allocator);
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task
        {
            omp_set_default_allocator((omp_allocator_handle_t)handle);
            flag_raise(c);
        }
    }
}

static void left_set(cell *c)
{
    see_heap_after(c, make_tasks_that_set_it);
    ask(c);
}

static void outstanding(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            if (omp_get_thread_num() == 0) {
#pragma omp task
                {
                    flag_raise(c);
                    flag_await(c, 3);
                    take_part(c);
                }
                flag_raise(c);
                flag_await(c, 2);
                take_part(c);
                ask(c);
                flag_raise(c);
            } else {
                flag_await(c, 1);
            }
        }
    }
}

static void after_tasks(cell *c)
{
    AA_WITH(c->subject.allocator) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(2)
#pragma omp single
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task firstprivate(token)
            {
                AA_TASK(token) {
                    see(c, c->subject.allocator);
                }
            }
        }
        ask(c);
    }
}

static void token_of_a_destroyed_allocator(cell *c)
{
    aa_token token = {0};
    AA_WITH(c->subject.allocator) {
        token = aa_scope_capture();
    }
    c->subject.destroyed = aa_destroy(c->subject.allocator) == AA_OK;
    aa_status status = AA_OK;
    forget();
#pragma omp parallel num_threads(2)
#pragma omp single
    {
#pragma omp task firstprivate(token) shared(status)
        {
            AA_TASK(token) {
                status = aa_last_status();
                answer(c, status);
                see(c, aa_heap());
            }
        }
    }
}

/* Without a token: OMPT hands the maker's scope on. */
#define BARE(words)                                                                                \
    .situation = words, .kinds = ON_ALL, .gomp = {IN_PARALLEL, NULL, "0 of 8", "2 own"},           \
    .ompt = {.scope = "8 of 8"}
#define TASK(words, seen)                                                                          \
    .situation = words, .kinds = ON_ALL, .gomp = {IN_PARALLEL, NULL, seen, "2 own"}

GROUP(
    truth_tasks, "Tasks",
    {.name = "task",
     .run = tied,
     BARE("In a task without a token, run by another thread than the one that made it in its "
          "scope")},
    {.name = "task-token", .run = tied_token, TASK("The same with a token", "8 of 8")},
    {.name = "task-scope-before",
     .run = scope_before_the_region,
     TASK("In a task without a token, the scope having been opened before the region", "8 of 8")},
    {.name = "task-untied", .run = untied, BARE("In an untied task, as above")},
    {.name = "task-untied-token",
     .run = untied_token,
     TASK("In an untied task with a token", "8 of 8")},
    {.name = "task-final", .run = final, BARE("In a final task, as above")},
    {.name = "task-final-token",
     .run = final_token,
     TASK("In a final task with a token", "8 of 8")},
    {.name = "task-depend", .run = depend, BARE("In tasks with dependences, as above")},
    {.name = "task-depend-token",
     .run = depend_token,
     TASK("In tasks with dependences and a token", "8 of 8")},
    {.name = "taskloop", .run = taskloop, BARE("In a taskloop, as above")},
    {.name = "taskloop-token", .run = taskloop_token, TASK("In a taskloop with a token", "8 of 8")},
    {.name = "task-if-0",
     .situation = "In an undeferred task, `if(0)`, without a token: its maker runs it",
     .run = undeferred,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NULL, "1 of 1", "1 own"}},
    {.name = "task-included",
     .situation = "In a task of a final task without a token: it runs where that runs",
     .run = included,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NULL, "1 of 1", "1 own"}},
    {.name = "task-parallel-1",
     .situation = "In a task in a region of one thread, without a token",
     .run = in_region_of_one,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NULL, "1 of 1", "1 own"}},
    {.name = "task-child",
     .situation = "In the child, without a token, of a task that waits inside AA_TASK on the same "
                  "thread",
     .run = child_of_a_waiting_task,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NULL, "2 of 2", "1 own"}},
    {.name = "task-outstanding",
     .situation = "In a region while another thread is inside a deferred task",
     .run = outstanding,
     .kinds = ON_ALL,
     .gomp = {IN_PARALLEL, NULL, "2 of 2", "2 own"}},
    {.name = "task-restores",
     .situation = "After tasks with tokens: the thread that ran them is back in its own scope",
     .run = restored,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "2 of 2", NONE}},
    {.name = "task-leaves-set",
     .situation = "After tasks that called omp_set_default_allocator and did not restore it: it "
                  "stays with the thread that ran them, unless OMPT is there (n of 2 are back)",
     .run = left_set,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "1 of 2", NONE},
     .ompt = {.scope = "2 of 2"}},
    {.name = "after-tasks",
     .situation = "After a region with tasks and tokens",
     .run = after_tasks,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "8 of 8", NONE}},
    {.name = "token-stale",
     .situation = "A task whose token's allocator was destroyed: the body runs in the scope that "
                  "is current there",
     .call = "AA_TASK",
     .run = token_of_a_destroyed_allocator,
     .kinds = ON_ALL,
     .gomp = {"AA_STALE AA_USE_AFTER_RESET", NONE, "1 of 1", NONE}});
