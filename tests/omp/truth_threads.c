/* The truth table: other host threads: what they have open, their regions, and threads that ended. */
#include "truth.h"

#include <omp.h>
#include <stdlib.h>

/* ---- a host thread asks ---- */

static void look_and_ask(cell *c)
{
    take_part(c);
    ask(c);
}

static void asked_outside(cell *c)
{
    on_another_thread(look_and_ask, c);
}

static void asked_outside_a_scope(cell *c)
{
    AA_WITH(c->subject.allocator) {
        on_another_thread(look_and_ask, c);
    }
}

static void ask_inside_a_region(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
#pragma omp barrier
#pragma omp master
        on_another_thread(look_and_ask, c);
#pragma omp barrier
    }
}

static void asked_inside_a_region(cell *c)
{
    ask_inside_a_region(c);
}

static void asked_inside_a_region_with_scope(cell *c)
{
    AA_WITH(c->subject.allocator) {
        ask_inside_a_region(c);
    }
}

static aa_token parents;

static void look_with_token(cell *c)
{
    AA_TASK(parents) {
        take_part(c);
        ask(c);
    }
}

static void asked_with_a_token(cell *c)
{
    AA_WITH(c->subject.allocator) {
        parents = aa_scope_capture();
    }
    on_another_thread(look_with_token, c);
}

/* ---- the main thread asks while another one has something ---- */

static void while_it_stays(cell *c, void (*body)(visitor *))
{
    visitor v;
    visitor_invite(&v, body, c);
    stand(c);
    ask(c);
    visitor_dismiss(&v);
}

static void stays_with_lease(visitor *v)
{
    stand(v->c);
    visitor_stay(v);
}

static void stays_in_scope(visitor *v)
{
    AA_WITH(v->c->subject.allocator) {
        take_part(v->c);
        visitor_stay(v);
    }
}

static void stays_in_inner_scope(visitor *v)
{
    AA_WITH(v->c->subject.allocator) {
        AA_WITH(aa_heap()) {
            stand(v->c);
            visitor_stay(v);
        }
    }
}

static void stays_with_default_set(visitor *v)
{
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(v->c->subject.allocator));
    take_part(v->c);
    visitor_stay(v);
}

static void stays_in_token(visitor *v)
{
    AA_TASK(parents) {
        take_part(v->c);
        visitor_stay(v);
    }
}

static void stays_with_pin(visitor *v)
{
    if (aa_pin(&v->c->subject.witness) != AA_OK) {
        wrong(v->c, "no pin");
    }
    visitor_stay(v);
    if (aa_unpin(&v->c->subject.witness) != AA_OK) {
        wrong(v->c, "no unpin");
    }
}

static void lease_of_another(cell *c)
{
    while_it_stays(c, stays_with_lease);
}

static void scope_of_another(cell *c)
{
    while_it_stays(c, stays_in_scope);
}

static void inner_scope_of_another(cell *c)
{
    while_it_stays(c, stays_in_inner_scope);
}

static void both_have_scopes(cell *c)
{
    AA_WITH(c->subject.allocator) {
        while_it_stays(c, stays_in_scope);
    }
}

static void default_of_another(cell *c)
{
    while_it_stays(c, stays_with_default_set);
}

static void token_of_another(cell *c)
{
    AA_WITH(c->subject.allocator) {
        parents = aa_scope_capture();
    }
    while_it_stays(c, stays_in_token);
}

static void pin_of_another(cell *c)
{
    while_it_stays(c, stays_with_pin);
}

/* ---- ... or a region ---- */

static void stays_in_region(visitor *v)
{
#pragma omp parallel num_threads(2)
    {
        take_part(v->c);
#pragma omp barrier
#pragma omp master
        visitor_stay(v);
#pragma omp barrier
    }
}

static void stays_in_region_with_scope(visitor *v)
{
    AA_WITH(v->c->subject.allocator) {
        stays_in_region(v);
    }
}

static void stays_in_region_with_default(visitor *v)
{
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(v->c->subject.allocator));
    stays_in_region(v);
}

static void stays_in_region_with_workers_scope(visitor *v)
{
    cell *const c = v->c;
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            stand(c);
            flag_await(c, 1);
            visitor_stay(v);
            flag_raise(c);
        } else {
            AA_WITH(c->subject.allocator) {
                take_part(c);
                meet(c, 1);
                flag_await(c, 2);
            }
        }
    }
}

/* Tasks that were made with tokens in a scope that has ended, and have not begun. */
static void stays_with_tasks_to_come(visitor *v)
{
    cell *const c = v->c;
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            flag_await(c, 1);
            AA_WITH(c->subject.allocator) {
                const aa_token token = aa_scope_capture();
                for (int i = 0; i < 4; ++i) {
#pragma omp task firstprivate(token)
                    {
                        if (!c->subject.destroyed) {
                            AA_TASK(token) {
                                wrong(c, "a task began too early");
                            }
                        }
                    }
                }
            }
            visitor_stay(v);
            flag_raise(c);
        } else {
            meet(c, 1);
            flag_await(c, 2); /* no scheduling point: it runs no task yet */
        }
    }
}

static void region_of_another(cell *c)
{
    while_it_stays(c, stays_in_region);
}

static void region_of_another_with_scope(cell *c)
{
    while_it_stays(c, stays_in_region_with_scope);
}

static void region_of_another_with_default(cell *c)
{
    while_it_stays(c, stays_in_region_with_default);
}

static void region_of_another_with_workers_scope(cell *c)
{
    while_it_stays(c, stays_in_region_with_workers_scope);
}

static void tasks_of_another(cell *c)
{
    while_it_stays(c, stays_with_tasks_to_come);
}

/* ---- inside a call: the upstream keeps a thread waiting ---- */

enum { LARGE = 64 << 20 }; /* more than what is held */

static visitor *inside;

static void *slow_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    (void)least;
    if (inside != NULL) {
        visitor *const v = inside;
        inside = NULL;
        visitor_stay(v);
    }
    void *p = NULL;
    return posix_memalign(&p, alignment < 64 ? 64 : alignment, *bytes) == 0 ? p : NULL;
}

static void slow_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

static aa_allocator *slow;

static void stays_in_upstream(visitor *v)
{
    inside = v;
    if (aa_alloc(slow, LARGE) == NULL) {
        wrong(v->c, "the call that waited got nothing");
    }
}

static void call_under_way(cell *c)
{
    static const aa_upstream_ops ops = {sizeof ops, slow_alloc, slow_free, NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, NULL);
    const aa_options options = {.name = "slow", .upstream = upstream};
    slow = c->subject.kind == SHARED ? aa_shared_create(&options) : aa_private_create(&options);
    visitor v;
    (void)aa_alloc(slow, 10);
    visitor_invite(&v, stays_in_upstream, c);
    answer(c, aa_reset(slow));
    visitor_dismiss(&v);
    if (aa_reset(slow) != AA_OK || aa_destroy(slow) != AA_OK) {
        wrong(c, "afterwards it could not be reset and destroyed");
    }
    (void)aa_upstream_destroy(upstream);
}

static void call_under_way_destroy(cell *c)
{
    static const aa_upstream_ops ops = {sizeof ops, slow_alloc, slow_free, NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, NULL);
    const aa_options options = {.name = "slow", .upstream = upstream};
    slow = c->subject.kind == SHARED ? aa_shared_create(&options) : aa_private_create(&options);
    visitor v;
    (void)aa_alloc(slow, 10);
    visitor_invite(&v, stays_in_upstream, c);
    const aa_status status = aa_destroy(slow);
    answer(c, status);
    if (status == AA_OK) {
        cell_print(c);
        _Exit(0); /* the visitor would go on in memory that is gone */
    }
    visitor_dismiss(&v);
    if (aa_reset(slow) != AA_OK || aa_destroy(slow) != AA_OK) {
        wrong(c, "afterwards it could not be reset and destroyed");
    }
    (void)aa_upstream_destroy(upstream);
}

/* ---- arenas belong to a thread ---- */

static void alloc_from_current(cell *c)
{
    forget();
    aa_last_clear();
    void *const p = aa_alloc(AA_CURRENT, 10);
    answer(c, p != NULL ? AA_OK : aa_last_status());
}

static void arena_in_scope_of_a_region(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            see(c, c->subject.allocator);
            if (omp_get_thread_num() == 1) {
                alloc_from_current(c);
            }
        }
    }
}

static aa_allocator *checked_arena;

static void reset_checked(cell *c)
{
    answer(c, aa_reset(checked_arena));
}

static void checked_arena_of_another(cell *c)
{
    checked_arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    (void)aa_alloc(checked_arena, 10);
    on_another_thread(reset_checked, c);
    if (aa_destroy(checked_arena) != AA_OK) {
        wrong(c, "not destroyed");
    }
}

static void own_arena_of_private(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            take_part(c);
#pragma omp barrier
            forget();
            answer(c, aa_reset(aa_private_arena(c->subject.allocator)));
        }
    }
}

static aa_allocator *mains_arena;

static void others_arena_of_private(cell *c)
{
    mains_arena = aa_private_arena(c->subject.allocator);
#pragma omp parallel num_threads(2)
    {
        take_part(c);
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            forget();
            answer(c, aa_reset(mains_arena));
        }
    }
}

/* ---- threads that ended ---- */

static void ends_in_scope(cell *c)
{
    const aa_scope scope = aa_scope_enter(c->subject.allocator);
    (void)scope; /* never left */
    take_part(c);
}

static void after_thread_with_lease(cell *c)
{
    on_another_thread(stand, c);
    ask(c);
}

static void after_thread_in_scope(cell *c)
{
    on_another_thread(ends_in_scope, c);
    ask(c);
}

static void run_region(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(3)
        see(c, c->subject.allocator);
    }
}

static void run_region_and_stand(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(3)
        take_part(c);
    }
}

static void after_masters_that_ended(cell *c)
{
    on_another_thread(run_region, c);
    on_another_thread(run_region, c);
    on_another_thread(run_region_and_stand, c);
    ask(c);
}

static void after_many_threads(cell *c)
{
    for (int i = 0; i < 50; ++i) {
        on_another_thread(i < 49 ? run_region : run_region_and_stand, c);
    }
    aa_stats now;
    if (aa_stats_get(c->arenas, &now) != AA_OK || now.blocks > 8) {
        wrong(c, "threads that ended left their arenas behind");
    }
    ask(c);
}

#define ANSWER(expected, seen, who) .kinds = ON_ALL, .gomp = {expected, NULL, seen, who}

GROUP(truth_threads, "Other host threads",
      {.name = "pthread",
       .situation = "Another host thread asks; no region, nothing open",
       .run = asked_outside,
       ANSWER(OK, "0 of 1", "1 own")},
      {.name = "pthread-main-scope",
       .situation = "Another host thread asks while the main thread's scope is open; it does not "
                    "inherit that",
       .run = asked_outside_a_scope,
       ANSWER(IN_USE, "0 of 1", "1 own")},
      {.name = "pthread-token",
       .situation = "Another host thread asks inside AA_TASK with a token of the main thread",
       .run = asked_with_a_token,
       ANSWER(OK, "1 of 1", "1 own")},
      {.name = "pthread-in-region",
       .situation = "A host thread made inside a region asks, the region in a scope",
       .run = asked_inside_a_region_with_scope,
       ANSWER(IN_USE, "0 of 1", "3 own"),
       .ompt = {.reset = IN_PARALLEL}},
      {.name = "pthread-in-region-no-scope",
       .situation = "The same without a scope. Not seen: the thread is in no region, and a handle "
                    "in use leaves no trace",
       .run = asked_inside_a_region,
       ANSWER(OK, "0 of 1", "3 own")},
      {.name = "lease",
       .situation = "Another thread holds a lease and nothing else (never a reason to refuse)",
       .run = lease_of_another,
       ANSWER(OK, NONE, "2 own")},
      {.name = "other-scope",
       .situation = "Another thread's scope is open",
       .run = scope_of_another,
       ANSWER(IN_USE, "1 of 1", "2 own")},
      {.name = "other-inner-scope",
       .situation = "Another thread's scope is open, a scope of the heap inside it",
       .run = inner_scope_of_another,
       ANSWER(IN_USE, NONE, "2 own")},
      {.name = "both-scopes",
       .situation = "Both the caller's and another thread's scope are open",
       .run = both_have_scopes,
       ANSWER(IN_USE, "1 of 1", "2 own")},
      {.name = "other-token",
       .situation = "A token is in use on another thread",
       .run = token_of_another,
       ANSWER(IN_USE, "1 of 1", "2 own")},
      {.name = "other-default",
       .situation = "Another thread set the handle with omp_set_default_allocator. Not seen: that "
                    "call is OpenMP's own",
       .run = default_of_another,
       ANSWER(OK, "1 of 1", "2 own")},
      {.name = "other-pin",
       .situation = "Another thread has an array pinned",
       .run = pin_of_another,
       ANSWER(IN_USE, NONE, "1 own")},
      {.name = "other-region-scope",
       .situation = "Another host thread's region runs in its scope",
       .run = region_of_another_with_scope,
       ANSWER(IN_USE, "2 of 2", "3 own"),
       .ompt = {.reset = IN_PARALLEL}},
      {.name = "other-region-worker-scope",
       .situation = "In another host thread's region a worker has a scope open",
       .run = region_of_another_with_workers_scope,
       ANSWER(IN_USE, "1 of 1", "3 own")},
      {.name = "other-region-handle",
       .situation = "Another host thread's region uses an explicit handle and no scope. Not seen: "
                    "memory handed out inline leaves no trace",
       .run = region_of_another,
       ANSWER(OK, "0 of 2", "3 own")},
      {.name = "other-region-default",
       .situation = "Another host thread's region runs under omp_set_default_allocator. Not seen "
                    "without OMPT, for the same reason",
       .run = region_of_another_with_default,
       ANSWER(OK, "2 of 2", "3 own"),
       .ompt = {.reset = IN_PARALLEL}},
      {.name = "other-tasks-to-come",
       .situation = "Another host thread's region has tasks with tokens that have not begun, their "
                    "scope having ended. Not seen: a token holds nothing until AA_TASK",
       .run = tasks_of_another,
       ANSWER(OK, NONE, "3 own")},
      {.name = "call-under-way",
       .situation = "Another thread is inside aa_alloc, in the upstream",
       .call = "aa_reset",
       .run = call_under_way,
       .kinds = ON_MANY,
       .gomp = {IN_USE, NONE, NONE, NONE}},
      {.name = "call-under-way-destroy",
       .situation = "Another thread is inside aa_alloc, in the upstream",
       .call = "aa_destroy",
       .run = call_under_way_destroy,
       .kinds = ON_MANY,
       .gomp = {IN_USE, NONE, NONE, NONE}},
      {.name = "arena-in-scope",
       .situation = "An arena in scope, a region: another thread than its owner allocates",
       .call = "aa_alloc(AA_CURRENT, ...)",
       .run = arena_in_scope_of_a_region,
       .kinds = ON_ARENA,
       .gomp = {FOREIGN, NONE, "2 of 2", NONE}},
      {.name = "arena-checked-other",
       .situation = "Another thread resets a checked arena (AA_CHECKS=api)",
       .run = checked_arena_of_another,
       .kinds = ON_ARENA,
       .gomp = {FOREIGN, NONE, NONE, NONE}},
      {.name = "private-own-arena",
       .situation = "In a region each thread resets its own arena of a private allocator",
       .call = "aa_reset(aa_private_arena(...))",
       .run = own_arena_of_private,
       .kinds = ON_PRIVATE,
       .gomp = {OK, NONE, "2 of 2", "2 own"}},
      {.name = "private-others-arena",
       .situation = "A thread resets another thread's arena of a private allocator",
       .call = "aa_reset(aa_private_arena(...))",
       .run = others_arena_of_private,
       .kinds = ON_PRIVATE,
       .gomp = {FOREIGN, NONE, "0 of 2", "2 own"}},
      {.name = "ended-lease",
       .situation = "After a thread that ended holding a lease",
       .run = after_thread_with_lease,
       ANSWER(OK, NONE, "1 own")},
      {.name = "ended-scope",
       .situation = "After a thread that ended inside its scope",
       .run = after_thread_in_scope,
       ANSWER(OK, "1 of 1", "1 own")},
      {.name = "ended-masters",
       .situation = "After host threads that ran regions and ended (libomp lends their workers on)",
       .run = after_masters_that_ended,
       ANSWER(OK, "9 of 9", "3 own")},
      {.name = "ended-many",
       .situation = "After 50 host threads with regions: arenas are adopted, not piled up",
       .run = after_many_threads,
       ANSWER(OK, "150 of 150", "3 own")});
