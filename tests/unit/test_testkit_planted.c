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

START_TEST(valid_but_stale_and_overwritten)
{
    aa_array array = stale_array();
    array.ndim = AA_MAX_NDIM + 3;
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
    const TTest *tests[80] = {status_differs,
                              status_is_not_ok,
                              fails_but_succeeds,
                              fails_for_another_reason,
                              valid_but_stale,
                              valid_but_stale_and_overwritten,
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
                              upstream_of_nothing_known};
    size_t count = 40;
    count += planted_teams(&tests[count]);
    return aai_check_main("planted", count, (const TTest *const *)tests);
}
