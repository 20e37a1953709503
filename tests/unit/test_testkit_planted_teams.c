/* Tests that must fail, continued: teams, and memory that is refused. */
#include "test_testkit_planted.h"

#include <allocarrays/check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- teams -------------------------------------------------------------------------------------------- */

static void one_is_wrong(int thread_num, void *context)
{
    (void)context;
    (void)AA_CHECK_IN_TEAM(thread_num != 2);
}

START_TEST(one_thread_of_a_team_is_wrong)
{
    aa_check_team(4, one_is_wrong, NULL, 10, 1000);
}
END_TEST

/* In round 4, whose seed is 1003; unless the environment gives another, which is then said. */
static void wrong_in_the_fourth_round(int thread_num, void *context)
{
    (void)context;
    (void)AA_CHECK_IN_TEAM(aa_check_round() != 3 || thread_num == 0);
}

START_TEST(a_team_is_wrong_in_one_round)
{
    aa_check_team(3, wrong_in_the_fourth_round, NULL, 10, 1000);
}
END_TEST

START_TEST(a_team_is_wrong_with_a_new_seed)
{
    aa_check_team(2, wrong_in_the_fourth_round, NULL, 10, 0);
}
END_TEST

static void refused_memory(int thread_num, void *context)
{
    (void)thread_num;
    (void)AA_CHECK_IN_TEAM(aa_alloc(context, 1 << 20) != NULL);
}

START_TEST(a_team_gets_no_memory)
{
    aa_allocator *const small = aa_shared_create(&(aa_options){.capacity = 4096});
    aa_check_team(2, refused_memory, small, 1, 1);
}
END_TEST

static void wrong_in_a_task(int thread_num, void *context)
{
    (void)context;
    if (thread_num == 0) {
#pragma omp task
        (void)AA_CHECK_IN_TEAM(aa_heap() == NULL);
    }
#pragma omp barrier
}

START_TEST(a_task_of_a_team_is_wrong)
{
    aa_check_team(2, wrong_in_a_task, NULL, 1, 1);
}
END_TEST

static void nothing_wrong(int thread_num, void *context)
{
    (void)thread_num;
    (void)context;
}

/* With OMP_THREAD_LIMIT=2. */
START_TEST(a_team_is_too_small)
{
    aa_check_team(4, nothing_wrong, NULL, 1, 1);
}
END_TEST

START_TEST(a_team_of_too_many_threads)
{
    aa_check_team(4097, nothing_wrong, NULL, 1, 1);
}
END_TEST

START_TEST(a_team_with_unknown_flags)
{
    const aa_check_team_options options = {.threads = 2, .repeats = 1, .flags = 0x80};
    aa_check_team_with(&options, nothing_wrong, NULL);
}
END_TEST

static void wrong_twice(int thread_num, void *context)
{
    (void)context;
    (void)AA_CHECK_IN_TEAM(thread_num < 0);
    (void)AA_CHECK_IN_TEAM(thread_num < -1);
}

START_TEST(many_threads_of_a_team_are_wrong_twice)
{
    aa_check_team(20, wrong_twice, NULL, 1, 1);
}
END_TEST

static void wrong_in_the_second_round(int thread_num, void *context)
{
    (void)context;
    (void)AA_CHECK_IN_TEAM(aa_check_round() == 0 || thread_num == 0);
}

/* No round has the seed 0, which stands for a new one. */
START_TEST(a_team_whose_seeds_come_round_is_wrong)
{
    aa_check_team(2, wrong_in_the_second_round, NULL, 2, UINT64_MAX);
}
END_TEST

START_TEST(a_team_of_no_threads)
{
    aa_check_team(0, nothing_wrong, NULL, 1, 1);
}
END_TEST

START_TEST(a_team_of_no_rounds)
{
    aa_check_team(2, nothing_wrong, NULL, 0, 1);
}
END_TEST

START_TEST(a_team_in_a_region_block)
{
    AA_CHECK_REGION(1) {
        aa_check_team(2, nothing_wrong, NULL, 1, 1);
    }
}
END_TEST

static void a_statement_inside(int thread_num, void *context)
{
    (void)thread_num;
    (void)context;
    AA_CHECK_OK(AA_OK);
}

START_TEST(a_statement_in_a_team)
{
    aa_check_team(2, a_statement_inside, NULL, 1, 1);
}
END_TEST

START_TEST(a_block_in_a_region)
{
#pragma omp parallel num_threads(2)
    AA_CHECK_NO_VIOLATION() {
    }
}
END_TEST

START_TEST(a_note_without_a_team)
{
    (void)AA_CHECK_IN_TEAM(aa_heap() == NULL);
}
END_TEST

static void crashes(int thread_num, void *context)
{
    (void)context;
    if (aa_check_round() == 5 && thread_num == 1) {
        abort();
    }
}

START_TEST(a_team_that_crashes)
{
    aa_check_team(2, crashes, NULL, 10, 1000);
}
END_TEST

START_TEST(a_region_is_wrong)
{
    AA_CHECK_REGION(77) {
#pragma omp parallel num_threads(4)
        (void)AA_CHECK_IN_TEAM(omp_get_thread_num() < 2);
    }
}
END_TEST

/* ---- memory that is refused ------------------------------------------------------------------------- */

static aa_allocator *arena_on(aa_upstream *upstream)
{
    return aa_arena_create(&(aa_options){.upstream = upstream});
}

static aa_status keeps_its_arena(aa_upstream *upstream, void *context)
{
    (void)context;
    return aa_alloc(arena_on(upstream), 100) != NULL ? AA_OK : AA_NOMEM;
}

START_TEST(a_function_keeps_memory)
{
    aa_check_every_failure(NULL, keeps_its_arena, NULL);
}
END_TEST

/* Keeps memory only after its third request was refused. */
static aa_status keeps_memory_after_a_failure(aa_upstream *upstream, void *context)
{
    (void)context;
    aa_allocator *const arena = arena_on(upstream);
    for (int i = 0; i < 10; ++i) {
        if (aa_alloc(arena, (size_t)1 << (16 + i)) == NULL) {
            return i > 2 ? AA_NOMEM : (aa_destroy(arena), AA_NOMEM);
        }
    }
    return aa_destroy(arena);
}

START_TEST(a_function_keeps_memory_after_a_failure)
{
    aa_check_every_failure(aa_upstream_heap(), keeps_memory_after_a_failure, NULL);
}
END_TEST

static aa_status says_nothing(aa_upstream *upstream, void *context)
{
    (void)context;
    aa_allocator *const arena = arena_on(upstream);
    (void)aa_alloc(arena, 100);
    return aa_destroy(arena);
}

START_TEST(a_function_says_nothing)
{
    aa_check_every_failure(NULL, says_nothing, NULL);
}
END_TEST

static aa_status says_another_thing(aa_upstream *upstream, void *context)
{
    return says_nothing(upstream, context) == AA_OK && aa_last_status() == AA_NOMEM ? AA_INVALID
                                                                                    : AA_OK;
}

START_TEST(a_function_says_another_thing)
{
    aa_check_every_failure(NULL, says_another_thing, NULL);
}
END_TEST

/* Wrong only where a second request, which all but the refused one need, is refused as well. */
static aa_status says_another_thing_in_the_end(aa_upstream *upstream, void *context)
{
    (void)context;
    aa_allocator *const arena = arena_on(upstream);
    const bool first = aa_alloc(arena, 100) != NULL;
    const bool again = first || aa_alloc(arena, 100) != NULL;
    (void)aa_destroy(arena);
    return again ? AA_OK : AA_BOUNDS;
}

START_TEST(a_function_says_another_thing_in_the_end)
{
    aa_check_every_failure(NULL, says_another_thing_in_the_end, NULL);
}
END_TEST

static aa_status always_fails(aa_upstream *upstream, void *context)
{
    (void)says_nothing(upstream, context);
    return AA_NOMEM;
}

START_TEST(a_function_always_fails)
{
    aa_check_every_failure(NULL, always_fails, NULL);
}
END_TEST

static aa_status asks_for_nothing(aa_upstream *upstream, void *context)
{
    (void)upstream;
    (void)context;
    return AA_OK;
}

START_TEST(a_function_asks_for_nothing)
{
    aa_check_every_failure(NULL, asks_for_nothing, NULL);
}
END_TEST

/* A block each: more requests than the loop tries. */
static aa_status asks_for_ever(aa_upstream *upstream, void *context)
{
    (void)context;
    for (int i = 0; i < 1001; ++i) {
        aa_allocator *const arena = arena_on(upstream);
        const bool served = aa_alloc(arena, 10) != NULL;
        (void)aa_destroy(arena);
        if (!served) {
            return AA_NOMEM;
        }
    }
    return AA_OK;
}

START_TEST(a_function_asks_for_ever)
{
    aa_check_every_failure(aa_upstream_heap(), asks_for_ever, NULL);
}
END_TEST

size_t planted_teams(const TTest **tests)
{
    static const TTest *const *const all[] = {&one_thread_of_a_team_is_wrong,
                                              &a_team_is_wrong_in_one_round,
                                              &a_team_is_wrong_with_a_new_seed,
                                              &a_team_gets_no_memory,
                                              &a_task_of_a_team_is_wrong,
                                              &a_team_is_too_small,
                                              &a_team_of_no_threads,
                                              &a_team_of_no_rounds,
                                              &a_team_of_too_many_threads,
                                              &a_team_with_unknown_flags,
                                              &many_threads_of_a_team_are_wrong_twice,
                                              &a_team_whose_seeds_come_round_is_wrong,
                                              &a_team_in_a_region_block,
                                              &a_statement_in_a_team,
                                              &a_block_in_a_region,
                                              &a_note_without_a_team,
                                              &a_team_that_crashes,
                                              &a_region_is_wrong,
                                              &a_function_keeps_memory,
                                              &a_function_keeps_memory_after_a_failure,
                                              &a_function_says_nothing,
                                              &a_function_says_another_thing,
                                              &a_function_says_another_thing_in_the_end,
                                              &a_function_always_fails,
                                              &a_function_asks_for_nothing,
                                              &a_function_asks_for_ever};
    const size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count; ++i) {
        tests[i] = *all[i];
    }
    return count;
}
