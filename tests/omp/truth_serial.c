/* The truth table: no region anywhere, and what the caller itself has open. */
#include "truth.h"

#include <omp.h>

static void nothing_open(cell *c)
{
    take_part(c);
    ask(c);
}

static void own_scope(cell *c)
{
    AA_WITH(c->subject.allocator) {
        take_part(c);
        ask(c);
    }
}

static void own_scopes_in_scopes(cell *c)
{
    AA_WITH(c->subject.allocator) {
        AA_WITH(aa_heap()) {
            AA_WITH(c->subject.allocator) {
                take_part(c);
                ask(c);
            }
        }
    }
}

static void own_token(cell *c)
{
    aa_token token = {0};
    AA_WITH(c->subject.allocator) {
        token = aa_scope_capture();
    }
    AA_TASK(token) {
        take_part(c);
        ask(c);
    }
}

static void own_default_allocator(cell *c)
{
    const omp_allocator_handle_t before = omp_get_default_allocator();
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(c->subject.allocator));
    take_part(c);
    ask(c);
    omp_set_default_allocator(before);
}

static void own_mark(cell *c)
{
    const aa_mark mark = aa_mark_take(c->subject.allocator);
    if (aa_mark_is_null(mark)) {
        wrong(c, "no mark");
    }
    ask(c);
}

static void own_scratch(cell *c)
{
    AA_SCRATCH(c->subject.allocator) {
        ask_reset_of(c, &c->subject);
        forget();
    }
    if (c->reports != 1 || c->reports_of[AA_REWIND_ORDER] != 1) {
        wrong(c, "the end of a scratch that a reset ended is one AA_REWIND_ORDER");
    }
}

static void own_pin(cell *c)
{
    if (aa_pin(&c->subject.witness) != AA_OK) {
        wrong(c, "no pin");
    }
    ask(c);
    if (aa_unpin(&c->subject.witness) != AA_OK) {
        wrong(c, "no unpin");
    }
}

/* A task outside all regions runs at once, on this thread. */
static void serial_task(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp task shared(c)
        {
            take_part(c);
            ask(c);
        }
    }
}

static void destroyed_twice(cell *c)
{
    if (aa_destroy(c->subject.allocator) != AA_OK) {
        wrong(c, "not destroyed");
    }
    c->subject.destroyed = true;
    answer(c, aa_destroy(c->subject.allocator));
}

static void destroyed_in_its_scope(cell *c)
{
    AA_WITH(c->subject.allocator) {
        const aa_status status = aa_destroy(c->subject.allocator);
        c->subject.destroyed = status == AA_OK;
        forget();
        see(c, aa_heap());
        if (c->reports != 1 || c->reports_of[AA_USE_AFTER_RESET] != 1) {
            wrong(c, "looking under a destroyed allocator is one AA_USE_AFTER_RESET");
        }
        forget();
        answer(c, status);
    }
    see(c, aa_heap());
}

GROUP(
    truth_serial, "No region",
    {.name = "serial",
     .situation = "Serial code, nothing open",
     .run = nothing_open,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "0 of 1", "1 own"}},
    {.name = "own-scope",
     .situation = "The caller's own scope is open",
     .run = own_scope,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "1 of 1", "1 own"}},
    {.name = "own-scopes-nested",
     .situation = "The caller's own scopes are open one in another, the heap's between them",
     .run = own_scopes_in_scopes,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "1 of 1", "1 own"}},
    {.name = "own-token",
     .situation = "The caller is inside AA_TASK with its own token",
     .run = own_token,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "1 of 1", "1 own"}},
    {.name = "own-default-allocator",
     .situation = "The caller set the handle with omp_set_default_allocator",
     .run = own_default_allocator,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "1 of 1", "1 own"}},
    {.name = "own-mark",
     .situation = "The caller has a mark open (the reset ends it)",
     .run = own_mark,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, NONE, NONE}},
    {.name = "own-scratch",
     .situation = "The caller is inside its own AA_SCRATCH, whose end then reports AA_REWIND_ORDER",
     .run = own_scratch,
     .kinds = ON_ALL,
     .gomp = {OK, NONE, NONE, NONE}},
    {.name = "own-pin",
     .situation = "The caller has an array pinned",
     .run = own_pin,
     .kinds = ON_ALL,
     .gomp = {IN_USE, NULL, NONE, NONE}},
    {.name = "serial-task",
     .situation = "Inside an explicit task outside all regions (it runs at once)",
     .run = serial_task,
     .kinds = ON_ALL,
     .gomp = {OK, NULL, "1 of 1", "1 own"}},
    {.name = "destroyed-twice",
     .situation = "The allocator was destroyed before",
     .call = "aa_destroy",
     .run = destroyed_twice,
     .kinds = ON_ALL,
     .gomp = {"AA_STALE AA_USE_AFTER_RESET", NONE, NONE, NONE}},
    {.name = "destroyed-in-scope",
     .situation =
         "Destroyed inside its own scope: from then on the heap is current, after a report",
     .call = "aa_destroy",
     .run = destroyed_in_its_scope,
     .kinds = ON_ALL,
     .gomp = {OK, NONE, "2 of 2", NONE}});
