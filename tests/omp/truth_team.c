/* The truth table: aa_reset_team, which every thread of the team calls. */
#include "truth.h"

#include <omp.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4 };
static aa_status statuses[MOST];

static void forget_statuses(void)
{
    for (int i = 0; i < MOST; ++i) {
        statuses[i] = AA_IO;
    }
}

/* Orphaned: the macro's barrier and single stand here, and bind to the caller's region. */
static void reset_here(cell *c)
{
    statuses[omp_get_thread_num()] = aa_reset_team(c->subject.allocator);
}

/* What the team got must fit what happened to the memory. */
static void conclude(cell *c, int count)
{
    const bool done = statuses[0] == AA_OK;
    if (!c->subject.reset && done == aa_is_valid(&c->subject.witness)) {
        wrong(c, done ? "memory of before is still valid" : "a refused reset took memory");
    }
    c->subject.reset = c->subject.reset || done;
    answer_of_team(c, statuses, count);
    forget_statuses();
}

static void serial(cell *c)
{
    forget_statuses();
    reset_here(c);
    conclude(c, 1);
}

static void of_one(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(1)
        {
            take_part(c);
            reset_here(c);
        }
    }
    conclude(c, 1);
}

static void of_two(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        take_part(c);
        reset_here(c);
    }
    conclude(c, 2);
}

static void of_four_many_times(cell *c)
{
#pragma omp parallel num_threads(4)
    stand(c);
    for (int round = 0; round < 20; ++round) {
#pragma omp parallel num_threads(4)
        {
            subject_take(&c->subject);
            reset_here(c);
        }
        conclude(c, 4);
    }
}

static void in_scope_from_before(cell *c)
{
    AA_WITH(c->subject.allocator) {
#pragma omp parallel num_threads(2)
        {
            take_part(c);
            reset_here(c);
        }
    }
    conclude(c, 2);
}

static void in_own_scopes(cell *c)
{
#pragma omp parallel num_threads(2)
    AA_WITH(c->subject.allocator) {
        take_part(c);
        reset_here(c);
    }
    conclude(c, 2);
}

static void with_own_marks(cell *c)
{
    int lost = 0;
#pragma omp parallel num_threads(2) reduction(+ : lost)
    {
        stand(c);
        const bool mine = c->subject.kind != ARENA || omp_get_thread_num() == 0;
        const aa_mark own = mine ? aa_mark_take(c->subject.allocator) : (aa_mark){0};
        reset_here(c);
#pragma omp barrier
        lost += mine && aa_mark_rewind(own) == AA_ORDER;
    }
    if (lost != (c->subject.kind == ARENA ? 1 : 2)) {
        wrong(c, "a mark survived the reset");
    }
    c->reports -= c->reports_of[AA_REWIND_ORDER];
    c->reports_of[AA_REWIND_ORDER] = 0;
    conclude(c, 2);
}

static void with_a_pin(cell *c)
{
    (void)aa_pin(&c->subject.witness);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        reset_here(c);
    }
    conclude(c, 2);
    (void)aa_unpin(&c->subject.witness);
}

/* ---- while another host thread has something ---- */

static void beside(cell *c, void (*body)(visitor *))
{
    visitor v;
    visitor_invite(&v, body, c);
#pragma omp parallel num_threads(2)
    {
        stand(c);
        reset_here(c);
    }
    conclude(c, 2);
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
        stand(v->c);
        visitor_stay(v);
    }
}

static void stays_with_mark(visitor *v)
{
    const aa_mark own = aa_mark_take(v->c->subject.allocator);
    stand(v->c);
    visitor_stay(v);
    if (aa_mark_rewind(own) != AA_OK) {
        wrong(v->c, "not rewound after the question");
    }
}

static void beside_a_lease(cell *c)
{
    beside(c, stays_with_lease);
}

static void beside_a_scope(cell *c)
{
    beside(c, stays_in_scope);
}

static void beside_a_mark(cell *c)
{
    beside(c, stays_with_mark);
}

/* ---- somebody is missing ---- */

static void one_missing(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 0) {
            statuses[0] = aa_reset_team(c->subject.allocator);
        }
    }
    conclude(c, 1);
}

static void one_late(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
        if (omp_get_thread_num() == 1) {
            flag_await(c, 1); /* until the other gave up */
        }
        reset_here(c);
        flag_raise(c);
    }
    conclude(c, 2);
}

/* Two teams later it works again. */
static void after_one_late(cell *c)
{
    one_late(c);
    c->reset[0] = '\0';
#pragma omp parallel num_threads(2)
    reset_here(c);
    conclude(c, 2);
}

/* One never came; in the next region all come, `first` first. */
static void after_one_missing(cell *c, int first)
{
    one_missing(c);
    c->reset[0] = '\0';
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == first) {
            flag_raise(c);
        } else {
            flag_await(c, 1);
            (void)usleep(100000); /* time to arrive */
        }
        reset_here(c);
    }
    conclude(c, 2);
}

static void after_one_missing_that_comes_first(cell *c)
{
    after_one_missing(c, 1);
}

static void after_one_missing_that_comes_last(cell *c)
{
    after_one_missing(c, 0);
}

static void in_single(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
#pragma omp single
        {
            const int me = omp_get_thread_num();
            reset_here(c);
            statuses[0] = statuses[me];
        }
    }
    conclude(c, 1);
}

static void in_critical(cell *c)
{
#pragma omp parallel num_threads(2)
    {
        stand(c);
#pragma omp critical
        reset_here(c);
    }
    conclude(c, 2);
}

/* ---- nested ---- */

static void inner_in_one(cell *c)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(1)
#pragma omp parallel num_threads(2)
    {
        stand(c);
        reset_here(c);
    }
    conclude(c, 2);
}

/* The other thread of the outer team is not in the inner one: it may be using the memory. */
static void one_inner_of_two(cell *c)
{
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        stand(c);
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2)
            reset_here(c);
        }
#pragma omp barrier
    }
    conclude(c, 2);
}

static void serialised_inner_of_two(cell *c)
{
    omp_set_max_active_levels(1);
#pragma omp parallel num_threads(2)
    {
        stand(c);
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
#pragma omp parallel num_threads(2)
            reset_here(c);
        }
#pragma omp barrier
    }
    conclude(c, 1);
}

/* ---- two teams on one allocator ---- */

enum { ROUNDS = 100 };

/* One team: every round both teams start at once. Each thread's status is kept. */
static aa_status got[2][2][ROUNDS];

static void rounds_of(cell *c, int team)
{
#pragma omp parallel num_threads(2)
    for (int round = 0; round < ROUNDS; ++round) {
        meet(c, 4 * (round + 1));
        got[team][omp_get_thread_num()][round] = aa_reset_team(c->subject.allocator);
    }
}

static void second_team(cell *c)
{
    rounds_of(c, 1);
}

static void *second_main(void *argument)
{
    second_team(argument);
    return NULL;
}

static void two_at_once(cell *c)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, second_main, c) != 0) {
        wrong(c, "no thread");
        return;
    }
    rounds_of(c, 0);
    (void)pthread_join(thread, NULL);
    c->subject.reset = true;
    int differ = 0, other = 0;
    for (int team = 0; team < 2; ++team) {
        for (int round = 0; round < ROUNDS; ++round) {
            const aa_status first = got[team][0][round];
            differ += first != got[team][1][round];
            other += first != AA_OK && first != AA_BUSY;
        }
    }
    (void)snprintf(c->reset, sizeof c->reset, "%s, AA_OK or AA_BUSY AA_RESET_IN_USE",
                   differ == 0 ? "one status for each team" : "the threads of a team differ");
    if (other > 0 || c->reports != c->reports_of[AA_RESET_IN_USE]) {
        wrong(c, "an answer that is neither");
    }
}

/* Its first thread comes to the call when it is told to leave. One that arrives while another team is in the
 * middle of it is refused, and tries again. */
static void wait_for_third(visitor *v)
{
    cell *const c = v->c;
#pragma omp parallel num_threads(3)
    {
        if (omp_get_thread_num() == 0) {
            visitor_stay(v);
        }
        while (aa_reset_team(c->subject.allocator) != AA_OK) {
        }
    }
}

/* Until one of the three has arrived, ours is the only team, and passes. Then it cannot: the three are not
 * complete. Each of our threads is refused by itself. */
static void of_another_size(cell *c)
{
    visitor v;
    int refused = 0;
    visitor_invite(&v, wait_for_third, c);
    while (refused == 0) {
#pragma omp parallel num_threads(2) reduction(+ : refused)
        {
            forget();
            reset_here(c);
            refused += statuses[omp_get_thread_num()] != AA_OK && reported() == 1;
        }
    }
    c->subject.reset = true;
    c->reports = 1;
    c->reports_of[AA_RESET_IN_PARALLEL] = 0;
    answer_of_team(c, statuses, 2);
    if (refused != 2) {
        wrong(c, "one of the two was not refused, or not by one report");
    }
    visitor_dismiss(&v);
    c->reports = 0;
    c->reports_of[AA_RESET_IN_USE] = 0;
}

/* ---- aa_reset while a team arrives ---- */

static void wait_for_second(visitor *v)
{
    cell *const c = v->c;
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            visitor_stay(v);
        }
        while (aa_reset_team(c->subject.allocator) != AA_OK) {
        }
    }
}

/* Until one of the two has arrived a reset passes. The last that passes may end after that: then the team is
 * refused, all of it, and tries again. */
static void reset_beside_a_team(cell *c)
{
    visitor v;
    visitor_invite(&v, wait_for_second, c);
    do {
        forget();
    } while (aa_reset(c->subject.allocator) == AA_OK);
    forget();
    c->subject.reset = true;
    ask(c);
    visitor_dismiss(&v);
}

#define TEAM(function, words, expected, seen, who)                                                 \
    .situation = words, .call = "aa_reset_team", .run = function, .kinds = ON_ALL,                 \
    .gomp = {expected, NONE, seen, who}
/* They take the time-out, and more than one of these: one kind. Long enough to arrive under load. */
#define TEAM_WAITS(function, words, expected)                                                      \
    .situation = words, .call = "aa_reset_team", .run = function, .kinds = ON_SHARED,              \
    .environment = "AA_TEAM_TIMEOUT=2", .gomp = {expected, NONE, NONE, "2 own"}

GROUP(
    truth_team, "aa_reset_team",
    {.name = "team-serial", TEAM(serial, "Outside all regions", OK, NONE, NONE)},
    {.name = "team-1",
     TEAM(of_one, "In a region of one thread, in a scope", OK, "1 of 1", "1 own")},
    {.name = "team-2", TEAM(of_two, "In a region of two threads", OK, "0 of 2", "2 own")},
    {.name = "team-4-rounds",
     TEAM(of_four_many_times, "20 times in a region of four threads", OK, NONE, "4 own")},
    {.name = "team-scope",
     TEAM(in_scope_from_before, "In a scope opened before the region", OK, "2 of 2", "2 own")},
    {.name = "team-own-scopes",
     TEAM(in_own_scopes, "Each thread in its own scope", OK, "2 of 2", "2 own")},
    {.name = "team-own-marks",
     TEAM(with_own_marks, "Each thread with a mark open (the reset ends them)", OK, NONE, "2 own")},
    {.name = "team-pin", TEAM(with_a_pin, "An array is pinned", IN_USE, NONE, "2 own")},
    {.name = "team-other-lease",
     TEAM(beside_a_lease, "A thread outside the team holds a lease", OK, NONE, "3 own")},
    {.name = "team-other-scope",
     TEAM(beside_a_scope, "A thread outside the team has a scope open", IN_USE, NONE, "3 own")},
    {.name = "team-other-mark",
     .situation = "A thread outside the team has a mark open",
     .call = "aa_reset_team",
     .run = beside_a_mark,
     .kinds = ON_MANY,
     .gomp = {IN_USE, NONE, NONE, "3 own"}},
    {.name = "team-missing",
     TEAM_WAITS(one_missing, "One of two threads never comes (time-out)", IN_PARALLEL)},
    {.name = "team-late",
     TEAM_WAITS(one_late, "One of two threads comes after the time-out", IN_PARALLEL)},
    {.name = "team-after-late",
     TEAM_WAITS(after_one_late, "The next time, after one that timed out", OK)},
    {.name = "team-after-missing",
     TEAM_WAITS(after_one_missing_that_comes_last,
                "The next time, after one at which a thread never came; it comes last", OK)},
    {.name = "team-after-missing-first",
     TEAM_WAITS(after_one_missing_that_comes_first,
                "The same; it comes first, and waits for the others", OK)},
    {.name = "team-in-single",
     TEAM_WAITS(in_single,
                "In a function called inside `single` (written there, it does not compile)",
                IN_PARALLEL)},
    {.name = "team-in-critical",
     TEAM_WAITS(in_critical, "In a function called inside `critical`", IN_PARALLEL)},
    {.name = "team-inner-of-1",
     TEAM(inner_in_one, "In an inner region, the outer one having one thread", OK, NONE, "2 own")},
    {.name = "team-inner-of-2",
     TEAM(one_inner_of_two,
          "In an inner region, the outer one having two threads: the other may be using it",
          IN_PARALLEL, NONE, "2 own")},
    {.name = "team-inner-serialised",
     TEAM(serialised_inner_of_two, "The same, the inner region serialised by OpenMP", IN_PARALLEL,
          NONE, "2 own")},
    {.name = "team-two-at-once",
     TEAM(two_at_once, "Two host threads' teams of two at the same moment, 100 times",
          "one status for each team, AA_OK or AA_BUSY AA_RESET_IN_USE", NONE, NONE)},
    {.name = "team-arriving",
     .situation = "Another host thread's team is arriving at aa_reset_team",
     .run = reset_beside_a_team,
     .kinds = ON_MANY,
     .gomp = {IN_USE, NULL, NONE, NONE}},
    {.name = "team-other-size",
     TEAM(of_another_size, "While a team of another size is arriving", IN_USE, NONE, NONE)});
