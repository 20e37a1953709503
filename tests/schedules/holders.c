/* Explored programs about what keeps an allocator from being reset or destroyed, and about what outlives it: pins, tokens,
 * cells used again, team resets. */
#include "programs.h"
#include "runtime.h"

static meeting together;

static aa_allocator *make(void)
{
    aa_allocator *const made = aa_shared_create(
        &(aa_options){.lease = 512, .initial = 2048, .upstream = aa_upstream_heap()});
    explore_require(made != NULL, "no shared allocator");
    return made;
}

/* ---- pin -------------------------------------------------------------------------------------------------- */

static aa_array pinned;
static int is_pinned, may_unpin;

static void begin_pin(void)
{
    the_allocator = make();
    pinned = take_array(the_allocator, 100, 0);
    is_pinned = may_unpin = 0;
    together = (meeting){0, 0};
}

/* Thread 1 pins, thread 0 tries to reset while it is pinned for sure, thread 2 pins and unpins others meanwhile. */
static void run_pin(int self)
{
    if (self == 0) {
        explore_await(&is_pinned);
        explore_require(aa_reset(the_allocator) == AA_BUSY, "a reset passed under a pin");
        explore_require(aa_is_valid(&pinned), "a refused reset changed something");
        explore_raise(&may_unpin);
    } else if (self == 1) {
        explore_require(aa_pin(&pinned) == AA_OK, "a pin was refused");
        explore_raise(&is_pinned);
        explore_await(&may_unpin);
        explore_require(aa_unpin(&pinned) == AA_OK, "an unpin was refused");
    } else {
        const aa_array mine = take_array(the_allocator, 100, 0);
        explore_require(aa_pin(&mine) == AA_OK && aa_pin(&pinned) == AA_OK, "a pin was refused");
        explore_require(aa_unpin(&pinned) == AA_OK && aa_unpin(&mine) == AA_OK,
                        "an unpin was refused");
    }
    explore_meet(&together, 3);
    if (self == 2) {
        explore_require(aa_reset(the_allocator) == AA_OK, "a reset was refused without pins");
    }
}

static void finish_pin(void)
{
    explore_require(explore_reports[AA_RESET_IN_USE] == 1 && explore_report_count() == 1,
                    "not reported once, as AA_RESET_IN_USE");
    explore_require(!aa_is_valid(&pinned), "valid after the reset");
    explore_require(aa_destroy(the_allocator) == AA_OK, "destroy was refused at the end");
}

/* ---- token ------------------------------------------------------------------------------------------------ */

static aa_token token;
static int inside, destroyed;

static void begin_token(void)
{
    the_allocator = make();
    const aa_scope scope = aa_scope_enter(the_allocator);
    token = aa_scope_capture();
    (void)aa_scope_leave(scope);
    inside = destroyed = 0;
}

/* Thread 0: enters for sure before the destruction, then again, at any moment. */
static void enter_by_token(void)
{
    const aa_scope scope = aa_token_enter(token);
    explore_require(scope.serial != 0, "a token was refused while its allocator lives");
    explore_require(aa_current() == the_allocator, "the token's scope is another");
    explore_raise(&inside);
    const aa_array made = take_array(AA_CURRENT, 80, 0);
    explore_require(aa_is_valid(&made), "a live array is called stale");
    explore_require(aa_scope_leave(scope) == AA_OK, "a scope was not left");
    explore_await(&destroyed);
    const aa_scope again = aa_token_enter(token);
    explore_require(again.serial == 0 && aa_last_status() == AA_STALE,
                    "a token outlived its allocator");
    explore_require(!aa_is_valid(&made), "an array outlived its allocator");
}

/* Thread 1: destroys as soon as nobody is inside. */
static void destroy_when_left(void)
{
    explore_await(&inside);
    while (aa_destroy(the_allocator) != AA_OK) {
        explore_require(explore_reports[AA_RESET_IN_USE] > 0, "refused for another reason");
        aai_explore_yield();
    }
    explore_raise(&destroyed);
}

/* Thread 2: an allocator of its own, in the cells that the other may leave. */
static void live_elsewhere(void)
{
    for (int i = 0; i < 2; ++i) {
        aa_allocator *const mine = make();
        const aa_scope scope = aa_scope_enter(mine);
        explore_require(aa_current() == mine, "the scope is another");
        const aa_array made = aa_empty(AA_CURRENT, AA_U8, 1, &(int64_t){100});
        explore_require(aa_is_valid(&made), "a live array is called stale");
        explore_require(aa_scope_leave(scope) == AA_OK, "a scope was not left");
        explore_require(aa_reset(mine) == AA_OK, "holders of another allocator were counted here");
        explore_require(aa_destroy(mine) == AA_OK, "destroy was refused");
    }
}

static void run_token(int self)
{
    (self == 0 ? enter_by_token : self == 1 ? destroy_when_left : live_elsewhere)();
}

static void finish_token(void)
{
    explore_require(explore_reports[AA_USE_AFTER_RESET] == 1,
                    "not reported once, as AA_USE_AFTER_RESET");
    explore_require(explore_report_count() == 1 + explore_reports[AA_RESET_IN_USE],
                    "another violation");
}

/* ---- cells ------------------------------------------------------------------------------------------------ */

enum { ROUNDS = 3 };

/* Allocators come and go; what was born in one is never valid again, whoever has its cell. */
static void run_cells(int self)
{
    aa_array old[ROUNDS];
    for (int round = 0; round < ROUNDS; ++round) {
        aa_allocator *const mine = (self + round) % 2 == 0 ? make() : aa_arena_create(NULL);
        old[round] = aa_empty(mine, AA_U8, 1, &(int64_t){50});
        for (int i = 0; i <= round; ++i) {
            explore_require(aa_is_valid(&old[i]) == (i == round),
                            "another allocator's cell was believed");
        }
        if (round == 1) {
            explore_require(aa_pin(&old[round]) == AA_OK && aa_unpin(&old[round]) == AA_OK,
                            "a pin was lost");
            explore_require(aa_reset(mine) == AA_OK, "a reset was refused to the only user");
            explore_require(!aa_is_valid(&old[round]), "valid after the reset");
        }
        explore_require(aa_destroy(mine) == AA_OK, "destroy was refused to the only user");
        explore_require(!aa_is_valid(&old[round]), "valid after destroy");
    }
}

static void begin_cells(void)
{
}

static void finish_cells(void)
{
    explore_require(explore_report_count() == 0, "a violation was reported");
}

/* ---- team ------------------------------------------------------------------------------------------------- */

enum { TEAM = 3 };

static aa_status team_status;
static uintptr_t team_handle;

static void begin_team(void)
{
    the_allocator = make();
    together = (meeting){0, 0};
    team_handle = 0;
}

/* What the macro aa_reset_team puts into a region: arrive, a barrier, one resets, a barrier. */
static aa_status reset_as_team(int self)
{
    aai_team team = aai_team_arrive(the_allocator, __FILE__, __LINE__);
    if (!team.go) {
        return team.status;
    }
    explore_meet(&together, TEAM);
    if (self == 0) {
        aai_team_reset(&team);
        team_status = team.status;
        explore_taken_back(0);
    }
    explore_meet(&together, TEAM);
    return team_status;
}

static void run_team(int self)
{
    runtime_sit(TEAM, self);
    for (unsigned round = 0; round < 2; ++round) {
        const aa_scope scope = aa_scope_enter(the_allocator);
        explore_require(aa_current() == the_allocator, "the scope is another");
        const uintptr_t handle = aa_omp_handle(the_allocator);
        explore_require(team_handle == 0 || handle == team_handle,
                        "an allocator has two OpenMP handles");
        team_handle = handle;
        const aa_array made = take_array(AA_CURRENT, 200, round);
        explore_given(aa_alloc(the_allocator, 100), 100, round);
        explore_require(aa_is_valid(&made), "a live array is called stale");
        explore_require(reset_as_team(self) == AA_OK, "the team's reset was refused");
        explore_require(!aa_is_valid(&made), "valid after the team's reset");
        explore_require(aa_scope_leave(scope) == AA_OK, "a scope was not left");
    }
    explore_meet(&together, TEAM);
    runtime_sit(0, 0);
}

static void finish_team(void)
{
    aa_stats stats;
    explore_require(explore_report_count() == 0, "a violation was reported");
    explore_require(aa_stats_get(the_allocator, &stats) == AA_OK && stats.resets == 2 &&
                        stats.used == 0,
                    "not one reset each time");
    explore_require(aa_destroy(the_allocator) == AA_OK, "destroy was refused at the end");
}

const program pin_program = {.name = "pin",
                             .what = "pins against resets",
                             .threads = 3,
                             .steps = 166,
                             .begin = begin_pin,
                             .run = run_pin,
                             .finish = finish_pin};
const program token_program = {.name = "token",
                               .what = "tokens and scopes against destroy",
                               .threads = 3,
                               .steps = 585,
                               .begin = begin_token,
                               .run = run_token,
                               .finish = finish_token};
const program cells_program = {.name = "cells",
                               .what = "allocators that come and go in the same cells",
                               .threads = 3,
                               .steps = 1255,
                               .begin = begin_cells,
                               .run = run_cells,
                               .finish = finish_cells};
const program team_program = {.name = "team",
                              .what = "team resets by all threads of a region",
                              .threads = TEAM,
                              .steps = 655,
                              .begin = begin_team,
                              .run = run_team,
                              .finish = finish_team};
