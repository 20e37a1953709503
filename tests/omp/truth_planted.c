/* The truth table: rows that are wrong on purpose. The driver must find each of them wrong, or it finds nothing. */
#include "truth.h"

#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

static void region(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            take_part(c);
#pragma omp barrier
            ask(c);
        }
    }
}

static void hangs(cell *c)
{
    ask(c);
    for (;;) {
        (void)pause();
    }
}

static void aborts(cell *c)
{
    ask(c);
    abort();
}

static void exits_early(cell *c)
{
    (void)c;
    exit(0);
}

static void takes_after_refusal(cell *c)
{
    region(c);
    aa_reset(c->subject.allocator); /* behind the driver's back */
    c->subject.reset = false;
#pragma omp parallel num_threads(2)
    ask(c);
}

#define PLANTED(function, ...)                                                                     \
    .situation = "planted", .run = function, .kinds = ON_MANY, .gomp = {__VA_ARGS__}

GROUP(truth_planted, "Planted",
      {.name = "planted-answer", PLANTED(region, OK, NULL, "2 of 2", "2 own")},
      {.name = "planted-destroy", PLANTED(region, IN_PARALLEL, OK, "2 of 2", "2 own")},
      {.name = "planted-scope", PLANTED(region, IN_PARALLEL, NULL, "1 of 2", "2 own")},
      {.name = "planted-threads", PLANTED(region, IN_PARALLEL, NULL, "2 of 2", "1 own")},
      {.name = "planted-change",
       PLANTED(takes_after_refusal, IN_PARALLEL, NULL, "2 of 2", "2 own")},
      {.name = "planted-hang", .seconds = 2, PLANTED(hangs, OK, NULL, NONE, NONE)},
      {.name = "planted-abort", PLANTED(aborts, OK, NULL, NONE, NONE)},
      {.name = "planted-exit", PLANTED(exits_early, OK, NULL, NONE, NONE)});
