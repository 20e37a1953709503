/* The truth table: inside parallel regions. The scope is opened before the region and nothing in the region
 * names it; every thread takes part, and every thread asks. */
#include "truth.h"

#include <omp.h>

/* All threads of a team: take part, and when all have, ask one after the other. */
static void team_asks(cell *c)
{
    take_part(c);
#pragma omp barrier
    ask(c);
#pragma omp barrier
}

static void region_of_one(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(1)
        team_asks(c);
    }
}

static void region_if_false(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel if (0)
        team_asks(c);
    }
}

static void region_of_two(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        team_asks(c);
    }
}

static void region_of_many(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(9)
        team_asks(c);
    }
}

static void region_without_a_scope(cell *c)
{
#pragma omp parallel num_threads(2)
    team_asks(c);
}

static void region_with_scopes_inside(cell *c)
{
#pragma omp parallel num_threads(2)
    AA_WITH(c->subject.allocator) {
        team_asks(c);
    }
}

static void two_ask_together(cell *c)
{
    meet(c, 2);
    take_part(c);
    meet(c, 4);
    ask(c);
    meet(c, 6);
}

/* Its scope is seen there, and not by the others. */
static void scope_of_one_in_a_region(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            AA_WITH(c->subject.allocator) {
                two_ask_together(c);
            }
        } else {
            two_ask_together(c);
        }
    }
}

static void region_in_changed_scope(cell *c)
{
    subject other;
    if (!subject_make(&other, SHARED, "other")) {
        wrong(c, "no allocator");
        return;
    }
    for (int round = 0; round < 3; ++round) {
        AA_WITH(other.allocator) {
#pragma omp parallel num_threads(2)
            see(c, other.allocator);
        }
        AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
            take_part(c);
        }
    }
    ask(c);
    subject_end(c, &other);
}

/* ---- nested ---- */

/* All four inner threads at once: libgomp ends them with their region, and a later one may adopt an arena. */
static void four_take_part(cell *c)
{
    take_part(c);
    meet(c, 4);
}

static void nested_two_by_two(cell *c)
{
    omp_set_max_active_levels(2);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
#pragma omp parallel num_threads(2)
            four_take_part(c);
#pragma omp barrier
#pragma omp parallel num_threads(2)
            ask(c);
        }
    }
}

static void nested_inner_of_one(cell *c)
{
    omp_set_max_active_levels(2);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
#pragma omp parallel num_threads(1)
            take_part(c);
#pragma omp barrier
#pragma omp parallel num_threads(1)
            ask(c);
        }
    }
}

static void nested_levels_not_active(cell *c)
{
    omp_set_max_active_levels(1);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
#pragma omp parallel num_threads(2)
            take_part(c);
#pragma omp barrier
#pragma omp parallel num_threads(2)
            ask(c);
        }
    }
}

static void nested_two_in_one(cell *c)
{
    omp_set_max_active_levels(2);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(1)
#pragma omp parallel num_threads(2)
        team_asks(c);
    }
}

/* Each outer thread has a scope of its own, which its inner region inherits. */
static void nested_scopes_differ(cell *c)
{
    omp_set_max_active_levels(2);
    subject other;
    if (!subject_make(&other, SHARED, "other")) {
        wrong(c, "no allocator");
        return;
    }
#pragma omp parallel num_threads(2)
    {
        aa_allocator *const own =
            omp_get_thread_num() == 0 ? c->subject.allocator : other.allocator;
        AA_WITH(own) {
#pragma omp parallel num_threads(2)
            {
                see(c, own);
                stand(c);
                meet(c, 4);
            }
#pragma omp barrier
#pragma omp parallel num_threads(2)
            ask(c);
        }
    }
    subject_end(c, &other);
}

static void nested_outer_thread_asks(cell *c)
{
    omp_set_max_active_levels(2);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2)
                {
                    take_part(c);
#pragma omp barrier
                    flag_raise(c);
                    flag_await(c, 3);
                }
            } else {
                flag_await(c, 2);
                take_part(c);
                ask(c);
                flag_raise(c);
            }
        }
    }
}

/* ---- worksharing ---- */

static void loop(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
#pragma omp for schedule(static, 1)
            for (int i = 0; i < 8; ++i) {
                take_part(c);
            }
#pragma omp for schedule(static, 1)
            for (int i = 0; i < 8; ++i) {
                ask(c);
            }
        }
    }
}

static void combined_loop(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel for num_threads(2) schedule(static, 1)
        for (int i = 0; i < 8; ++i) {
            take_part(c);
        }
#pragma omp parallel for num_threads(2) schedule(dynamic)
        for (int i = 0; i < 8; ++i) {
            ask(c);
        }
    }
}

/* clang says that it does not vectorize these; nobody wants it to. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif
static void simd_loop(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp simd
        for (int i = 0; i < 4; ++i) {
            take_part(c);
        }
#pragma omp simd
        for (int i = 0; i < 4; ++i) {
            if (!c->subject.destroyed) {
                ask(c);
            }
        }
    }
}

static void parallel_for_simd(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel for simd num_threads(2) schedule(static, 1)
        for (int i = 0; i < 4; ++i) {
            take_part(c);
        }
#pragma omp parallel for simd num_threads(2) schedule(static, 1)
        for (int i = 0; i < 4; ++i) {
            ask(c);
        }
    }
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

/* Each section waits for the other: two threads at once. */
static void section(cell *c)
{
    take_part(c);
    meet(c, 2);
    ask(c);
}

static void sections(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel sections num_threads(2)
        {
#pragma omp section
            section(c);
#pragma omp section
            section(c);
        }
    }
}

static void single(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            stand(c);
#pragma omp barrier
#pragma omp single
            {
                take_part(c);
                ask(c);
            }
        }
    }
}

static void master(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            stand(c);
#pragma omp barrier
#pragma omp master
            {
                take_part(c);
                ask(c);
            }
        }
    }
}

static void critical(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            stand(c);
#pragma omp barrier
#pragma omp critical
            {
                take_part(c);
                ask(c);
            }
        }
    }
}

static void ordered(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel for ordered num_threads(2) schedule(static, 1)
        for (int i = 0; i < 4; ++i) {
            take_part(c);
#pragma omp ordered
            ask(c);
        }
    }
}

static void orphaned_loop(cell *c)
{
#pragma omp for schedule(static, 1)
    for (int i = 0; i < 4; ++i) {
        take_part(c);
    }
#pragma omp for schedule(static, 1)
    for (int i = 0; i < 4; ++i) {
        ask(c);
    }
}

static void orphaned(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        orphaned_loop(c);
    }
}

/* ---- after regions ---- */

static void after_a_region(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(4)
        take_part(c);
        ask(c);
    }
}

static void after_a_nested_region(cell *c)
{
    omp_set_max_active_levels(2);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
#pragma omp parallel num_threads(2)
        four_take_part(c);
        ask(c);
    }
}

static void between_inner_regions(cell *c)
{
    omp_set_max_active_levels(2);
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(1)
        {
#pragma omp parallel num_threads(2)
            take_part(c);
            ask(c);
        }
    }
}

static void after_teams_that_changed(cell *c)
{
    AA_WITH(c->subject.allocator) {
        for (int size = 4; size >= 1; --size) {
#pragma omp parallel num_threads(size)
            see(c, c->subject.allocator);
        }
#pragma omp parallel num_threads(4)
        take_part(c);
        ask(c);
    }
}

#define INSIDE(words, seen, who)                                                                   \
    .situation = words, .kinds = ON_ALL, .gomp = {IN_PARALLEL, NULL, seen, who}
#define AFTER(words, seen, who) .situation = words, .kinds = ON_ALL, .gomp = {OK, NULL, seen, who}

GROUP(truth_regions, "Parallel regions",
      {.name = "parallel-1",
       .run = region_of_one,
       INSIDE("In a region of one thread", "1 of 1", "1 own")},
      {.name = "parallel-if-0",
       .run = region_if_false,
       INSIDE("In a region with if(0)", "1 of 1", "1 own")},
      {.name = "parallel-2",
       .run = region_of_two,
       INSIDE("In a region of two threads", "2 of 2", "2 own")},
      {.name = "parallel-9",
       .run = region_of_many,
       INSIDE("In a region of more threads than processors", "9 of 9", "9 own")},
      {.name = "parallel-no-scope",
       .run = region_without_a_scope,
       INSIDE("In a region that uses an explicit handle and no scope", "0 of 2", "2 own")},
      {.name = "parallel-scopes-inside",
       .run = region_with_scopes_inside,
       INSIDE("In a region, each thread in a scope that it opened itself", "2 of 2", "2 own")},
      {.name = "parallel-scope-of-one",
       .run = scope_of_one_in_a_region,
       INSIDE("In a region, one thread in a scope that it opened itself: the other does not see it",
              "1 of 2", "2 own")},
      {.name = "nested-2x2",
       .run = nested_two_by_two,
       INSIDE("In nested regions, 2 x 2 threads", "4 of 4", "4 own")},
      {.name = "nested-inner-1",
       .run = nested_inner_of_one,
       INSIDE("In an inner region of one thread", "2 of 2", "2 own")},
      {.name = "nested-not-active",
       .run = nested_levels_not_active,
       INSIDE("In an inner region that OpenMP makes serial (max-active-levels 1)", "2 of 2",
              "2 own")},
      {.name = "nested-2-in-1",
       .run = nested_two_in_one,
       INSIDE("In an inner region of two threads, the outer one having one thread", "2 of 2",
              "2 own")},
      {.name = "nested-scopes-differ",
       .run = nested_scopes_differ,
       INSIDE("In nested regions, each outer thread with a scope of its own", "4 of 4", "4 own")},
      {.name = "nested-outer-asks",
       .run = nested_outer_thread_asks,
       INSIDE("An outer thread asks while another one's inner region runs", "3 of 3", "3 own")},
      {.name = "for", .run = loop, INSIDE("In `for`", "8 of 8", "2 own")},
      {.name = "parallel-for",
       .run = combined_loop,
       INSIDE("In `parallel for`", "8 of 8", "2 own")},
      {.name = "parallel-for-simd",
       .run = parallel_for_simd,
       INSIDE("In `parallel for simd`", "4 of 4", "2 own")},
      {.name = "ordered", .run = ordered, INSIDE("In `ordered`", "4 of 4", "2 own")},
      {.name = "sections", .run = sections, INSIDE("In `sections`", "2 of 2", "2 own")},
      {.name = "single", .run = single, INSIDE("In `single`", "1 of 1", "2 own")},
      {.name = "master", .run = master, INSIDE("In `master` (`masked`)", "1 of 1", "2 own")},
      {.name = "critical", .run = critical, INSIDE("In `critical`", "2 of 2", "2 own")},
      {.name = "orphaned-for",
       .run = orphaned,
       INSIDE("In a `for` in a function called from the region", "4 of 4", "2 own")},
      {.name = "simd",
       .run = simd_loop,
       AFTER("In `simd` outside all regions (no other thread: allowed)", "4 of 4", "1 own")},
      {.name = "after-region",
       .run = after_a_region,
       AFTER("After a region; its threads still hold leases", "4 of 4", "4 own")},
      {.name = "after-nested",
       .run = after_a_nested_region,
       AFTER("After nested regions", "4 of 4", "4 own")},
      {.name = "between-inner",
       .run = between_inner_regions,
       INSIDE("In the outer region, after an inner one", "2 of 2", "2 own")},
      {.name = "scope-changes",
       .run = region_in_changed_scope,
       AFTER("After regions in changing scopes, with a reused team", "12 of 12", "2 own")},
      {.name = "team-sizes-change",
       .run = after_teams_that_changed,
       AFTER("After teams of 4, 3, 2, 1 and 4 threads", "14 of 14", "4 own")});
