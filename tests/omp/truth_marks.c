/* The truth table: marks. They belong to the thread that took them. */
#include "truth.h"

#include <omp.h>

static aa_mark mark; /* of whoever the row says */

static aa_mark take(cell *c)
{
    const aa_mark taken = aa_mark_take(c->subject.allocator);
    if (aa_mark_is_null(taken)) {
        wrong(c, "no mark");
    }
    return taken;
}

static void rewind_it(cell *c)
{
    forget();
    answer(c, aa_mark_rewind(mark));
}

static void by_another_thread(cell *c)
{
    mark = take(c);
    on_another_thread(rewind_it, c);
    if (aa_mark_rewind(mark) != AA_OK) {
        wrong(c, "its own thread could not rewind it");
    }
}

static void by_another_of_the_team(cell *c)
{
    mark = take(c);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 1) {
            rewind_it(c);
        }
    }
    if (aa_mark_rewind(mark) != AA_OK) {
        wrong(c, "its own thread could not rewind it");
    }
}

static void own_in_a_region(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0 || c->subject.kind != ARENA) {
            const aa_mark own = take(c);
            subject_take(&c->subject);
            forget();
            answer(c, aa_mark_rewind(own));
        }
    }
}

/* Only the caller's memory goes: what the other thread took since stays. */
static void taken_before_the_region(cell *c)
{
    aa_array others = {0};
    mark = take(c);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 1 && c->subject.kind != ARENA) {
            static const int64_t shape[] = {5};
            others = aa_empty(c->subject.allocator, AA_F64, 1, shape);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            rewind_it(c);
        }
    }
    if (c->subject.kind != ARENA && !aa_is_valid(&others)) {
        wrong(c, "it took another thread's memory");
    }
}

static void twice(cell *c)
{
    mark = take(c);
    if (aa_mark_rewind(mark) != AA_OK) {
        wrong(c, "not rewound");
    }
    rewind_it(c);
}

static void after_a_reset(cell *c)
{
    mark = take(c);
    if (aa_reset(c->subject.allocator) != AA_OK) {
        wrong(c, "not reset");
    }
    c->subject.reset = true;
    rewind_it(c);
}

static void outer_first(cell *c)
{
    const aa_mark outer = take(c);
    mark = take(c);
    if (aa_mark_rewind(outer) != AA_OK) {
        wrong(c, "not rewound");
    }
    rewind_it(c);
}

static void after_destroy(cell *c)
{
    mark = take(c);
    c->subject.destroyed = aa_destroy(c->subject.allocator) == AA_OK;
    rewind_it(c);
}

static void with_a_pin(cell *c)
{
    static const int64_t shape[] = {5};
    mark = take(c);
    const aa_array made = aa_empty(c->subject.allocator, AA_F64, 1, shape);
    if (aa_pin(&made) != AA_OK) {
        wrong(c, "no pin");
    }
    rewind_it(c);
    if (!aa_is_valid(&made) || aa_unpin(&made) != AA_OK || aa_mark_rewind(mark) != AA_OK) {
        wrong(c, "not as before");
    }
}

static void stays_with_mark(visitor *v)
{
    const aa_mark own = take(v->c);
    stand(v->c);
    visitor_stay(v);
    if (aa_mark_rewind(own) != AA_OK) {
        wrong(v->c, "not rewound after the question");
    }
}

static void stays_in_scratch(visitor *v)
{
    AA_SCRATCH(v->c->subject.allocator) {
        stand(v->c);
        visitor_stay(v);
    }
}

static void while_it_stays(cell *c, void (*body)(visitor *))
{
    visitor v;
    visitor_invite(&v, body, c);
    ask(c);
    visitor_dismiss(&v);
}

static void of_another(cell *c)
{
    while_it_stays(c, stays_with_mark);
}

static void scratch_of_another(cell *c)
{
    while_it_stays(c, stays_in_scratch);
}

static void end_with_mark(cell *c)
{
    (void)take(c);
    stand(c);
}

static void of_a_thread_that_ended(cell *c)
{
    on_another_thread(end_with_mark, c);
    ask(c);
}

#define REWIND(function, words, expected, who)                                                     \
    .situation = words, .call = "aa_mark_rewind", .run = function, .kinds = ON_ALL,                \
    .gomp = {expected, NONE, NONE, who}

GROUP(truth_marks, "Marks and scratch",
      {.name = "other-mark",
       .situation = "Another thread has a mark open",
       .run = of_another,
       .kinds = ON_MANY,
       .gomp = {IN_USE, NULL, NONE, "1 own"}},
      {.name = "other-scratch",
       .situation = "Another thread is inside AA_SCRATCH",
       .run = scratch_of_another,
       .kinds = ON_MANY,
       .gomp = {IN_USE, NULL, NONE, "1 own"}},
      {.name = "ended-mark",
       .situation = "After a thread that ended with a mark open",
       .run = of_a_thread_that_ended,
       .kinds = ON_MANY,
       .gomp = {OK, NULL, NONE, "1 own"}},
      {.name = "rewind-other",
       REWIND(by_another_thread, "Another thread than the one that took the mark rewinds", FOREIGN,
              NONE)},
      {.name = "rewind-team",
       REWIND(by_another_of_the_team, "Another thread of the team rewinds", FOREIGN, "2 own")},
      {.name = "rewind-own",
       REWIND(own_in_a_region, "In a region each thread rewinds its own mark", OK, "2 own")},
      {.name = "rewind-before-region",
       REWIND(taken_before_the_region,
              "In a region its thread rewinds a mark from before: its own memory goes, the others' "
              "stays",
              OK, "2 own")},
      {.name = "rewind-twice",
       REWIND(twice, "The mark was rewound before", "AA_ORDER AA_REWIND_ORDER", NONE)},
      {.name = "rewind-outer-first",
       REWIND(outer_first, "An outer mark was rewound before", "AA_ORDER AA_REWIND_ORDER", NONE)},
      {.name = "rewind-after-reset",
       REWIND(after_a_reset, "A reset came since", "AA_ORDER AA_REWIND_ORDER", NONE)},
      {.name = "rewind-after-destroy",
       REWIND(after_destroy, "The allocator was destroyed since", "AA_STALE AA_USE_AFTER_RESET",
              NONE)},
      {.name = "rewind-pinned",
       REWIND(with_a_pin, "An array made since the mark is pinned", IN_USE, NONE)});
