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
       .gomp = {IN_USE, NONE, NONE, NONE}});
