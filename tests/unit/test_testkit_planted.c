/* Tests that must fail: one planted fault each, for test_testkit.c, which runs them in a process of their own and
 * reads what they say. They run under the kit's own main. */
#include "test_testkit_planted.h"

#include <allocarrays/check.h>
#include <stdlib.h>
#include <string.h>

static const int64_t shape[] = {8, 100};

static aa_array make(aa_allocator *allocator)
{
    const aa_array array = aa_empty(allocator, AA_F64, 2, shape);
    ck_assert(!aa_is_null(&array));
    return array;
}

/* An array whose memory was taken back. */
static aa_array stale_array(void)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.name = "planted"});
    const aa_array array = make(arena);
    ck_assert_int_eq(aa_reset(arena), AA_OK);
    return array;
}

/* One report of AA_USE_AFTER_RESET. */
static void use_after_reset(void)
{
    const aa_array array = stale_array();
    (void)aa_data(&array);
}

/* One report of AA_REWIND_ORDER. */
static void rewind_twice(void)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_mark mark = aa_mark_take(arena);
    (void)aa_mark_rewind(mark);
    (void)aa_mark_rewind(mark);
}

/* ---- statements ------------------------------------------------------------------------------------- */

START_TEST(status_differs)
{
    AA_CHECK_STATUS(aa_destroy(aa_heap()), AA_BUSY);
}
END_TEST

START_TEST(status_is_not_ok)
{
    AA_CHECK_OK(aa_reset(NULL));
}
END_TEST

START_TEST(fails_but_succeeds)
{
    AA_CHECK_FAILS(aa_alloc(aa_heap(), 8), AA_NOMEM);
}
END_TEST

START_TEST(fails_for_another_reason)
{
    AA_CHECK_FAILS(aa_alloc_aligned(aa_heap(), 8, 3), AA_NOMEM);
}
END_TEST

START_TEST(valid_but_stale)
{
    const aa_array array = stale_array();
    AA_CHECK_VALID(&array);
}
END_TEST

START_TEST(valid_but_null)
{
    const aa_array array = aa_empty(aa_heap(), AA_F64, -1, shape);
    AA_CHECK_VALID(&array);
}
END_TEST

START_TEST(stale_but_valid)
{
    const aa_array array = make(aa_arena_create(NULL));
    AA_CHECK_STALE(&array);
}
END_TEST

START_TEST(stale_but_null)
{
    const aa_array array = {0};
    AA_CHECK_STALE(&array);
}
END_TEST

START_TEST(stale_but_wrapped)
{
    static double memory[800];
    const aa_array array = aa_wrap(memory, AA_F64, 2, shape, NULL);
    AA_CHECK_STALE(&array);
}
END_TEST

/* ---- violations ------------------------------------------------------------------------------------- */

START_TEST(violation_missing)
{
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
    }
}
END_TEST

START_TEST(violation_twice)
{
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        use_after_reset();
        use_after_reset();
    }
}
END_TEST

START_TEST(violation_of_another_kind)
{
    AA_CHECK_VIOLATION(AA_RESET_IN_USE) {
        use_after_reset();
    }
}
END_TEST

START_TEST(violation_beside_the_right_one)
{
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        use_after_reset();
        rewind_twice();
    }
}
END_TEST

START_TEST(violations_too_few)
{
    AA_CHECK_VIOLATIONS(AA_USE_AFTER_RESET, 3) {
        use_after_reset();
        use_after_reset();
    }
}
END_TEST

START_TEST(some_violations_missing)
{
    AA_CHECK_VIOLATIONS(AA_USE_AFTER_RESET, AA_CHECK_SOME) {
    }
}
END_TEST

START_TEST(some_violations_of_two_kinds)
{
    AA_CHECK_VIOLATIONS(AA_USE_AFTER_RESET, AA_CHECK_SOME) {
        use_after_reset();
        rewind_twice();
    }
}
END_TEST

START_TEST(no_violation_but_one)
{
    AA_CHECK_NO_VIOLATION() {
        use_after_reset();
    }
}
END_TEST

/* Every way out judges. */
START_TEST(violation_missing_at_break)
{
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        if (aa_heap() != NULL) {
            break;
        }
    }
}
END_TEST

START_TEST(violation_missing_at_continue)
{
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        if (aa_heap() != NULL) {
            continue;
        }
    }
}
END_TEST

START_TEST(violation_missing_at_return)
{
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        if (aa_heap() != NULL) {
            return;
        }
    }
}
END_TEST

START_TEST(violation_missing_at_goto)
{
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        if (aa_heap() != NULL) {
            goto out;
        }
    }
out:
    ck_assert(aa_heap() != NULL);
}
END_TEST

START_TEST(blocks_too_deep)
{
    if (_i < 40) {
        AA_CHECK_NO_VIOLATION() {
            blocks_too_deep_fn(_i + 1);
        }
    }
}
END_TEST

START_TEST(escape_blocks_too_deep)
{
    if (_i < 40) {
        AA_CHECK_NO_ESCAPE(aa_heap()) {
            escape_blocks_too_deep_fn(_i + 1);
        }
    }
}
END_TEST

static void open_region_under(int violation_blocks)
{
    if (violation_blocks > 0) {
        AA_CHECK_NO_VIOLATION() {
            open_region_under(violation_blocks - 1);
        }
    } else {
        AA_CHECK_REGION(1) {
        }
    }
}

START_TEST(a_region_block_too_deep)
{
    open_region_under(32);
}
END_TEST

START_TEST(region_blocks_nested)
{
    AA_CHECK_REGION(1) {
        AA_CHECK_REGION(2) {
        }
    }
}
END_TEST

START_TEST(status_without_a_failure)
{
    AA_CHECK_STATUS(AA_BUSY, AA_OK);
}
END_TEST

static aa_status refused_for(const char *reason)
{
    return reason != NULL ? AA_BUSY : AA_OK;
}

#define TEN_TIMES(text) text text text text text text text text text text
#define HUNDRED_TIMES(text) TEN_TIMES(TEN_TIMES(text))

START_TEST(status_of_a_call_that_is_cut_off)
{
    AA_CHECK_OK(refused_for(HUNDRED_TIMES("a long reason that goes on and on, ")));
}
END_TEST

/* ---- escapes and upstream calls ----------------------------------------------------------------------- */

START_TEST(escape_of_an_allocation)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.name = "temporary"});
    AA_CHECK_NO_ESCAPE(arena) {
        (void)aa_alloc(arena, 100);
    }
}
END_TEST

START_TEST(escape_of_a_block_freed_in_the_wrong_order)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    AA_CHECK_NO_ESCAPE(arena) {
        void *const first = aa_alloc(arena, 64), *const second = aa_alloc(arena, 64);
        aa_free(arena, first, 64);
        aa_free(arena, second, 64);
    }
}
END_TEST

START_TEST(escape_of_a_heap_array)
{
    AA_CHECK_NO_ESCAPE(AA_CURRENT) {
        (void)make(AA_CURRENT);
    }
}
END_TEST

START_TEST(escape_of_older_memory)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    (void)aa_alloc(arena, 100);
    AA_CHECK_NO_ESCAPE(arena) {
        AA_CHECK_OK(aa_reset(arena));
    }
}
END_TEST

START_TEST(escape_by_return)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    AA_CHECK_NO_ESCAPE(arena) {
        (void)aa_alloc(arena, 100);
        return;
    }
}
END_TEST

START_TEST(escape_by_a_pin)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array array = make(arena);
    AA_CHECK_NO_ESCAPE(arena) {
        AA_CHECK_OK(aa_pin(&array));
    }
}
END_TEST

START_TEST(escape_by_a_pin_in_a_private_one)
{
    aa_allocator *const private_ = aa_private_create(NULL);
    const aa_array array = make(private_);
    AA_CHECK_NO_ESCAPE(private_) {
        AA_CHECK_OK(aa_pin(&array));
    }
}
END_TEST

START_TEST(escape_of_one_that_is_destroyed)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    AA_CHECK_NO_ESCAPE(arena) {
        (void)aa_destroy(arena);
    }
}
END_TEST

START_TEST(upstream_calls_of_one_that_is_destroyed)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    AA_CHECK_NO_UPSTREAM_CALLS(arena) {
        (void)aa_destroy(arena);
    }
}
END_TEST

START_TEST(escape_of_nothing_known)
{
    AA_CHECK_NO_ESCAPE(NULL) {
    }
}
END_TEST

START_TEST(upstream_called)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.name = "growing"});
    AA_CHECK_NO_UPSTREAM_CALLS(arena) {
        (void)aa_alloc(arena, 100);
    }
}
END_TEST

START_TEST(upstream_of_nothing_known)
{
    AA_CHECK_NO_UPSTREAM_CALLS(NULL) {
    }
}
END_TEST

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

/* ---- without forks: what a test that was given up leaves --------------------------------------------- */

START_TEST(given_up_inside_blocks)
{
    AA_CHECK_REGION(1) {
        AA_CHECK_NO_VIOLATION() {
            AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
                ck_abort_msg("given up");
            }
        }
    }
}
END_TEST

START_TEST(after_one_that_was_given_up)
{
    ck_assert(aa_get_violation_handler(NULL) == NULL);
    AA_CHECK_REGION(1) {
    }
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        use_after_reset();
    }
}
END_TEST

int planted_main(const char *which)
{
    if (strcmp(which, "given-up") == 0) {
        const TTest *const tests[] = {given_up_inside_blocks, after_one_that_was_given_up};
        return aai_check_main("given up", sizeof tests / sizeof tests[0], tests);
    }
    const TTest *const tests[] = {status_differs,
                                  status_is_not_ok,
                                  fails_but_succeeds,
                                  fails_for_another_reason,
                                  valid_but_stale,
                                  valid_but_null,
                                  stale_but_valid,
                                  stale_but_null,
                                  stale_but_wrapped,
                                  violation_missing,
                                  violation_twice,
                                  violation_of_another_kind,
                                  violation_beside_the_right_one,
                                  violations_too_few,
                                  some_violations_missing,
                                  some_violations_of_two_kinds,
                                  no_violation_but_one,
                                  violation_missing_at_break,
                                  violation_missing_at_continue,
                                  violation_missing_at_return,
                                  violation_missing_at_goto,
                                  blocks_too_deep,
                                  escape_blocks_too_deep,
                                  a_region_block_too_deep,
                                  region_blocks_nested,
                                  status_without_a_failure,
                                  status_of_a_call_that_is_cut_off,
                                  escape_of_an_allocation,
                                  escape_of_a_block_freed_in_the_wrong_order,
                                  escape_of_a_heap_array,
                                  escape_of_older_memory,
                                  escape_by_return,
                                  escape_by_a_pin,
                                  escape_by_a_pin_in_a_private_one,
                                  escape_of_nothing_known,
                                  escape_of_one_that_is_destroyed,
                                  upstream_calls_of_one_that_is_destroyed,
                                  upstream_called,
                                  upstream_of_nothing_known,
                                  one_thread_of_a_team_is_wrong,
                                  a_team_is_wrong_in_one_round,
                                  a_team_is_wrong_with_a_new_seed,
                                  a_team_gets_no_memory,
                                  a_task_of_a_team_is_wrong,
                                  a_team_is_too_small,
                                  a_team_of_no_threads,
                                  a_team_of_no_rounds,
                                  a_team_of_too_many_threads,
                                  a_team_with_unknown_flags,
                                  many_threads_of_a_team_are_wrong_twice,
                                  a_team_whose_seeds_come_round_is_wrong,
                                  a_team_in_a_region_block,
                                  a_statement_in_a_team,
                                  a_block_in_a_region,
                                  a_note_without_a_team,
                                  a_team_that_crashes,
                                  a_region_is_wrong,
                                  a_function_keeps_memory,
                                  a_function_keeps_memory_after_a_failure,
                                  a_function_says_nothing,
                                  a_function_says_another_thing,
                                  a_function_says_another_thing_in_the_end,
                                  a_function_always_fails,
                                  a_function_asks_for_nothing,
                                  a_function_asks_for_ever};
    return aai_check_main("planted", sizeof tests / sizeof tests[0], tests);
}
