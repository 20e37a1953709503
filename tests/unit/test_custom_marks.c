/* Marks and failing methods of custom allocators, arrays with cells of their own. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <stdlib.h>

static char memory[1 << 16] __attribute__((aligned(64)));
static size_t used;
static aa_status rewind_says, reset_says; /* AA_OK: it is done */

static void *stack_alloc(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    const size_t start = (used + alignment - 1) & ~(alignment - 1);
    if (bytes > sizeof memory - start) {
        return NULL;
    }
    used = start + bytes;
    return memory + start;
}

static void stack_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)pointer;
    (void)bytes;
}

static aa_status stack_reset(void *state)
{
    (void)state;
    used = reset_says == AA_OK ? 0 : used;
    return reset_says;
}

static void *stack_mark(void *state)
{
    (void)state;
    return memory + used;
}

static aa_status stack_rewind(void *state, void *mark)
{
    (void)state;
    used = rewind_says == AA_OK ? (size_t)((char *)mark - memory) : used;
    return rewind_says;
}

static const aa_allocator_ops full = {sizeof full, stack_alloc,  stack_free, stack_reset,
                                      stack_mark,  stack_rewind, NULL,       NULL};

static aa_allocator *create(const aa_allocator_ops *ops)
{
    aa_allocator *const a = aa_custom_create(ops, NULL, &(aa_options){.name = "stack"});
    ck_assert_msg(a != NULL, "%s", aa_last_message());
    return a;
}

static aa_array ten(aa_allocator *a)
{
    const aa_array array = aa_empty(a, AA_F64, 1, (const int64_t[]){10});
    ck_assert_msg(!aa_is_null(&array), "%s", aa_last_message());
    return array;
}

START_TEST(a_mark_ended_twice_is_refused_by_the_name_of_the_call)
{
    aa_allocator *const a = create(&full);
    const aa_mark mark = aa_mark_take(a);
    assert_status(aa_mark_rewind(mark), AA_OK);
    const aa_array array = ten(a);
    assert_refused(aa_mark_rewind(mark), AA_ORDER, AA_REWIND_ORDER);
    ck_assert_str_eq(last_violation()->function, "aa_mark_rewind");
    assert_refused(aa_mark_drop(mark), AA_ORDER, AA_REWIND_ORDER);
    ck_assert_str_eq(last_violation()->function, "aa_mark_drop");
    ck_assert(aa_is_valid(&array));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_end_of_an_outer_mark_ends_those_inside_it)
{
    aa_allocator *const a = create(&full);
    const aa_mark first = aa_mark_take(a), outer = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    const aa_mark inner = aa_mark_take(a), innermost = aa_mark_take(a);
    assert_status(aa_mark_rewind(outer), AA_OK);
    assert_refused(aa_mark_rewind(inner), AA_ORDER, AA_REWIND_ORDER);
    assert_refused(aa_mark_drop(innermost), AA_ORDER, AA_REWIND_ORDER);
    const aa_mark again = aa_mark_take(a);
    assert_status(aa_mark_drop(first), AA_OK);
    assert_refused(aa_mark_drop(again), AA_ORDER, AA_REWIND_ORDER);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void keep_a_mark(guest *g)
{
    const aa_mark mark = aa_mark_take(g->argument);
    g->wrong += aa_mark_is_null(mark);
    guest_stay(g);
    g->wrong += aa_mark_drop(mark) != AA_OK;
}

START_TEST(another_threads_mark_outlives_mine_and_refuses_a_reset)
{
    aa_allocator *const a = create(&full);
    const aa_mark mine = aa_mark_take(a);
    guest g;
    guest_invite(&g, keep_a_mark, a);
    assert_status(aa_mark_rewind(mine), AA_OK);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&g); /* it drops its own, which is still there */
    record_violations();
    const aa_mark last = aa_mark_take(a);
    assert_status(aa_reset(a), AA_OK); /* one's own mark does not */
    assert_refused(aa_mark_drop(last), AA_ORDER, AA_REWIND_ORDER);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

typedef struct inheritance {
    aa_allocator *allocator;
    aa_mark mark;
} inheritance;

static void in_the_child(void *argument)
{
    const inheritance *const left = argument;
    record_violations();
    if (aa_reset(left->allocator) != AA_OK) { /* the other thread's mark is gone with the thread */
        exit(1);
    }
    const aa_mark mark = aa_mark_take(left->allocator);
    if (aa_mark_is_null(mark) || aa_mark_rewind(mark) != AA_OK) {
        exit(2);
    }
}

static void in_the_child_first(void *argument)
{
    const inheritance *const left = argument;
    if (aa_mark_rewind(left->mark) != AA_OK) { /* this thread's mark is still one */
        exit(3);
    }
    in_the_child(argument);
}

START_TEST(a_forked_child_keeps_its_threads_marks_alone)
{
    inheritance left = {.allocator = create(&full)};
    left.mark = aa_mark_take(left.allocator);
    guest g;
    guest_invite(&g, keep_a_mark, left.allocator);
    child_result result;
    child_run(&result, in_the_child, &left);
    assert_exited_well(&result);
    child_run(&result, in_the_child_first, &left);
    assert_exited_well(&result);
    guest_dismiss(&g);
    assert_status(aa_mark_rewind(left.mark), AA_OK);
    assert_status(aa_destroy(left.allocator), AA_OK);
}
END_TEST

START_TEST(a_rewind_method_that_fails_leaves_mark_and_arrays)
{
    aa_allocator *const a = create(&full);
    const aa_mark mark = aa_mark_take(a);
    const aa_array array = ten(a);
    rewind_says = AA_NOMEM;
    assert_status(aa_mark_rewind(mark), AA_NOMEM);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "rewind method of 'stack'"));
    ck_assert(aa_is_valid(&array));
    rewind_says = AA_OK;
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert(!aa_is_valid(&array));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_method_that_fails_leaves_marks_and_arrays)
{
    aa_allocator *const a = create(&full);
    const aa_mark mark = aa_mark_take(a);
    const aa_array array = ten(a);
    const size_t before = stats_of(a).used;
    reset_says = AA_NOMEM;
    assert_status(aa_reset(a), AA_NOMEM);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "reset method of 'stack'"));
    ck_assert(aa_is_valid(&array));
    ck_assert_uint_eq(stats_of(a).used, before);
    ck_assert_uint_eq(stats_of(a).resets, 0);
    assert_status(aa_mark_drop(mark), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* It was reported as another thread's call, which aborts. */
START_TEST(a_reset_method_that_is_busy_is_no_violation)
{
    aa_allocator *const a = create(&full);
    record_violations();
    reset_says = AA_BUSY;
    assert_status(aa_reset(a), AA_BUSY);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "reset method of 'stack'"));
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(more_marks_than_there_may_be_are_refused)
{
    enum { DEPTH = 4096 };
    aa_allocator *const a = create(&full);
    const aa_mark first = aa_mark_take(a);
    for (int i = 1; i < DEPTH; ++i) {
        ck_assert(!aa_mark_is_null(aa_mark_take(a)));
    }
    ck_assert(aa_mark_is_null(aa_mark_take(a)));
    assert_status(aa_last_status(), AA_NOMEM);
    assert_status(aa_mark_rewind(first), AA_OK);
    ck_assert(!aa_mark_is_null(aa_mark_take(a)));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_mark_method_without_a_rewind_makes_no_marks)
{
    aa_allocator_ops half = full;
    half.rewind = NULL;
    aa_allocator *const a = create(&half);
    const aa_mark mark = aa_mark_take(a);
    ck_assert(!aa_mark_is_null(mark));
    const aa_array array = ten(a);
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_status(aa_mark_rewind(mark), AA_OK); /* it never was one */
    ck_assert(aa_is_valid(&array));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static bool report_speaks_of_marks(const aa_allocator_ops *ops)
{
    aa_allocator *const a = create(ops);
    char *text = NULL;
    size_t length = 0;
    FILE *const file = open_memstream(&text, &length);
    assert_status(aa_report(file, a), AA_OK);
    (void)fclose(file);
    const bool speaks = strstr(text, "marks are no-ops") != NULL;
    free(text);
    assert_status(aa_destroy(a), AA_OK);
    return speaks;
}

START_TEST(a_report_says_where_marks_do_nothing_and_only_there)
{
    aa_allocator_ops half = full;
    ck_assert(!report_speaks_of_marks(&full));
    half.rewind = NULL;
    ck_assert(report_speaks_of_marks(&half));
    half = full;
    half.mark = NULL;
    ck_assert(report_speaks_of_marks(&half));
}
END_TEST

START_TEST(without_a_free_method_a_free_does_nothing)
{
    aa_allocator_ops half = full;
    half.free = NULL;
    aa_allocator *const a = create(&half);
    aa_array array = ten(a);
    void *const p = aa_alloc(a, 100);
    const size_t before = stats_of(a).used;
    aa_free(a, p, 100);
    ck_assert_uint_eq(stats_of(a).used, before);
    const aa_array copy = array;
    assert_status(aa_array_free(&array), AA_OK);
    ck_assert(aa_is_valid(&copy));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("custom marks", AA_TEST(a_mark_ended_twice_is_refused_by_the_name_of_the_call),
             AA_TEST(the_end_of_an_outer_mark_ends_those_inside_it),
             AA_TEST(another_threads_mark_outlives_mine_and_refuses_a_reset),
             AA_TEST(a_forked_child_keeps_its_threads_marks_alone),
             AA_TEST(a_rewind_method_that_fails_leaves_mark_and_arrays),
             AA_TEST(a_reset_method_that_fails_leaves_marks_and_arrays),
             AA_TEST(a_reset_method_that_is_busy_is_no_violation),
             AA_TEST(more_marks_than_there_may_be_are_refused),
             AA_TEST(a_mark_method_without_a_rewind_makes_no_marks),
             AA_TEST(a_report_says_where_marks_do_nothing_and_only_there),
             AA_TEST(without_a_free_method_a_free_does_nothing))
