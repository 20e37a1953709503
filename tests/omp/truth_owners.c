/* The truth table: arenas and leases belong to threads, and threads end. */
#include "truth.h"

#include <omp.h>

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

GROUP(truth_owners, "Who owns what, and threads that ended",
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
