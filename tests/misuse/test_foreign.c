/* The wrong thread, the wrong pointer: refused under checks, each with one report at most, and nothing
 * changed. */
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

/* ---- another thread's arena ---- */

typedef aa_status call(aa_allocator *, const held *);

/* The status of a call that gives a pointer. */
static aa_status of_pointer(const void *pointer)
{
    return pointer != NULL ? AA_OK : aa_last_status();
}

static aa_status call_alloc(aa_allocator *a, const held *h)
{
    (void)h;
    return of_pointer(aa_alloc(a, 100));
}

static aa_status call_alloc_of_nothing(aa_allocator *a, const held *h)
{
    (void)h;
    return of_pointer(aa_alloc(a, 0));
}

static aa_status call_alloc_aligned(aa_allocator *a, const held *h)
{
    (void)h;
    return of_pointer(aa_alloc_aligned(a, 100, 4096));
}

static aa_status call_calloc(aa_allocator *a, const held *h)
{
    (void)h;
    return of_pointer(aa_calloc(a, 10, 10));
}

static aa_status call_new(aa_allocator *a, const held *h)
{
    (void)h;
    return of_pointer(AA_NEW(a, double, 10));
}

static aa_status call_realloc(aa_allocator *a, const held *h)
{
    return of_pointer(aa_realloc(a, h->memory, HELD_BYTES, 2 * HELD_BYTES));
}

static aa_status call_free(aa_allocator *a, const held *h)
{
    aa_last_clear();
    aa_free(a, h->memory, HELD_BYTES);
    return aa_last_status();
}

static aa_status call_empty(aa_allocator *a, const held *h)
{
    static const int64_t shape[] = {10};
    (void)h;
    const aa_array array = aa_empty(a, AA_F64, 1, shape);
    return of_pointer(array.data);
}

static aa_status call_similar(aa_allocator *a, const held *h)
{
    (void)a;
    const aa_array array = aa_similar(&h->array);
    return of_pointer(array.data);
}

static aa_status call_mark(aa_allocator *a, const held *h)
{
    (void)h;
    return aa_mark_is_null(aa_mark_take(a)) ? aa_last_status() : AA_OK;
}

static aa_status call_reset(aa_allocator *a, const held *h)
{
    (void)h;
    return aa_reset(a);
}

static aa_status call_destroy(aa_allocator *a, const held *h)
{
    (void)h;
    return aa_destroy(a);
}

/* destroy last: it is no call of a private arena; reset and destroy last two: regions refuse them anyway. */
static const struct {
    call *made;
    const char *name;
} calls[] = {{call_alloc, "aa_alloc"},
             {call_alloc_of_nothing, "aa_alloc of nothing"},
             {call_alloc_aligned, "aa_alloc_aligned"},
             {call_calloc, "aa_calloc"},
             {call_new, "AA_NEW"},
             {call_realloc, "aa_realloc"},
             {call_free, "aa_free"},
             {call_empty, "aa_empty"},
             {call_similar, "aa_similar"},
             {call_mark, "aa_mark_take"},
             {call_reset, "aa_reset"},
             {call_destroy, "aa_destroy"}};
enum { CALLS = sizeof calls / sizeof calls[0], CALLS_OF_CURRENT = CALLS - 2 };

typedef struct attempt {
    call *made;
    const held *held;
    aa_allocator *allocator;
    aa_status status;
} attempt;

static void *attempt_it(void *argument)
{
    attempt *const t = argument;
    aa_last_clear();
    t->status = t->made(t->allocator, t->held);
    return NULL;
}

static void assert_foreign(attempt *t, const char *name)
{
    record_violations();
    on_thread(attempt_it, t);
    ck_assert_msg(t->status == AA_THREAD, "%s is %s", name, aa_status_name(t->status));
    assert_one_report(name, AA_FOREIGN_THREAD);
    assert_unharmed(t->held);
}

START_TEST(every_call_on_a_checked_arena_by_another_thread_is_refused)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    const held h = hold(a);
    attempt t = {.made = calls[_i].made, .held = &h, .allocator = a};
    assert_foreign(&t, calls[_i].name);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(every_call_on_another_threads_private_arena_is_refused_under_checks)
{
    aa_allocator *const a = aa_private_create(&(aa_options){.checks = AA_CHECKS_API});
    const held h = hold(aa_private_arena(a));
    attempt t = {.made = calls[_i].made, .held = &h, .allocator = h.allocator};
    assert_foreign(&t, calls[_i].name);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_of_another_threads_private_arena_is_refused_at_every_tier)
{
    aa_allocator *const a = aa_private_create(&(aa_options){.checks = AA_CHECKS_NONE});
    const held h = hold(aa_private_arena(a));
    attempt t = {.made = call_reset, .held = &h, .allocator = h.allocator};
    assert_foreign(&t, "aa_reset");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* The scope brings the arena to a thread that did not make it: its owner is checked at every tier. */
START_TEST(the_current_arena_of_another_thread_is_refused_at_every_tier)
{
    call *const made = calls[_i / 2].made;
    const char *const name = calls[_i / 2].name;
    const aa_checks tier = _i % 2 == 0 ? AA_CHECKS_NONE : AA_CHECKS_API;
    aa_allocator *const a = aa_arena_create(&(aa_options){.checks = tier});
    held h = hold(a);
    h.array = aa_bind(&h.array, AA_CURRENT);
    aa_status status = AA_IO;
    record_violations();
    AA_WITH(a) {
#pragma omp parallel num_threads(2)
        {
            if (omp_get_thread_num() == 1) {
                aa_last_clear();
                status = made(AA_CURRENT, &h);
            }
        }
    }
    ck_assert_msg(status == AA_THREAD, "%s is %s", name, aa_status_name(status));
    assert_one_report(name, AA_FOREIGN_THREAD);
    assert_unharmed(&h);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_scratch_in_another_threads_checked_arena_is_refused_and_its_body_runs)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    const held h = hold(a);
    int bodies = 0;
    record_violations();
#pragma omp parallel num_threads(2) reduction(+ : bodies)
    {
        if (omp_get_thread_num() == 1) {
            AA_SCRATCH(a) {
                ++bodies;
            }
        }
    }
    ck_assert_int_eq(bodies, 1);
    assert_one_report("the scratch", AA_FOREIGN_THREAD);
    assert_unharmed(&h);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- foreign pointers ---- */

enum { HEAP = BUMP_KINDS, KINDS };

static aa_allocator *create_checked(int kind)
{
    return kind == HEAP ? aa_heap() : bump_create(kind, &(aa_options){.checks = AA_CHECKS_API});
}

static aa_status destroy(aa_allocator *a)
{
    return a == aa_heap() ? AA_OK : aa_destroy(a);
}

static aa_status free_status(aa_allocator *a, void *pointer, size_t bytes)
{
    aa_last_clear();
    aa_free(a, pointer, bytes);
    return aa_last_status();
}

START_TEST(a_pointer_from_elsewhere_is_not_freed)
{
    aa_allocator *const a = create_checked(_i);
    aa_allocator *const other = aa_arena_create(NULL);
    char *const theirs = aa_alloc(other, 100);
    pattern_fill(theirs, 100, 1);
    char *const from_malloc = malloc(100);
    char on_stack[100];
    pattern_fill(from_malloc, 100, 2);
    const held h = hold(a);
    record_violations();
    ck_assert_int_eq(free_status(a, theirs, 100), AA_INVALID);
    ck_assert_int_eq(free_status(a, from_malloc, 100), AA_INVALID);
    ck_assert_int_eq(free_status(a, on_stack, 100), AA_INVALID);
    assert_no_reports();
    ck_assert(pattern_holds(theirs, 100, 1) && pattern_holds(from_malloc, 100, 2));
    assert_unharmed(&h);
    free(from_malloc);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_pointer_from_elsewhere_is_not_resized)
{
    aa_allocator *const a = create_checked(_i);
    aa_allocator *const other = aa_arena_create(NULL);
    char *const theirs = aa_alloc(other, 100);
    pattern_fill(theirs, 100, 1);
    const held h = hold(a);
    assert_fails(aa_realloc(a, theirs, 100, 200), AA_INVALID);
    ck_assert(pattern_holds(theirs, 100, 1));
    assert_unharmed(&h);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_pointer_freed_twice_is_refused_the_second_time)
{
    aa_allocator *const a = create_checked(_i);
    char *const p = aa_alloc(a, 100);
    ck_assert_int_eq(free_status(a, p, 100), AA_OK);
    const aa_stats before = stats_of(a);
    ck_assert_int_eq(free_status(a, p, 100), AA_INVALID);
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(the_inside_of_a_heap_block_is_not_freed)
{
    char *const p = aa_alloc(aa_heap(), 1000);
    pattern_fill(p, 1000, 1);
    ck_assert_int_eq(free_status(aa_heap(), p + 64, 936), AA_INVALID);
    ck_assert(pattern_holds(p, 1000, 1));
    ck_assert_int_eq(free_status(aa_heap(), p, 1000), AA_OK);
}
END_TEST

START_TEST(without_checks_a_foreign_pointer_changes_nothing)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_NONE});
    aa_allocator *const other = aa_arena_create(NULL);
    char *const theirs = aa_alloc(other, 100);
    pattern_fill(theirs, 100, 1);
    held h = hold(a);
    aa_free(a, theirs, 100);
    h.stats.live_frees = stats_of(a).live_frees; /* may count it */
    ck_assert(pattern_holds(theirs, 100, 1));
    assert_unharmed(&h);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *free_here(void *argument)
{
    held *const h = argument;
    h->stats.used = (size_t)free_status(h->allocator, h->memory, HELD_BYTES);
    return NULL;
}

START_TEST(memory_of_another_thread_is_forgotten_and_not_refused)
{
    aa_allocator *const a = create_checked(_i);
    held h = hold(a), theirs = h;
    record_violations();
    on_thread(free_here, &theirs);
    ck_assert_uint_eq(theirs.stats.used, AA_OK);
    assert_no_reports();
    ++h.stats.live_frees;
    assert_unharmed(&h);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_array_of_another_allocator_allocates_by_its_handle)
{
    static const int64_t shape[] = {10};
    aa_allocator *const a = create_checked(_i);
    aa_allocator *const other = aa_arena_create(NULL);
    const aa_array theirs = aa_empty(other, AA_F64, 1, shape);
    AA_WITH(a) {
        aa_array made = aa_similar(&theirs);
        ck_assert(aa_owns(other, made.data));
        ck_assert(!aa_owns(a, made.data));
        assert_status(aa_array_free(&made), AA_OK);
    }
    assert_status(aa_destroy(other), AA_OK);
    assert_status(destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("misuse: foreign",
             AA_TEST_LOOP(every_call_on_a_checked_arena_by_another_thread_is_refused, 0, CALLS),
             AA_TEST_LOOP(every_call_on_another_threads_private_arena_is_refused_under_checks, 0,
                          CALLS - 1),
             AA_TEST(a_reset_of_another_threads_private_arena_is_refused_at_every_tier),
             AA_TEST_LOOP(the_current_arena_of_another_thread_is_refused_at_every_tier, 0,
                          2 * CALLS_OF_CURRENT),
             AA_TEST(a_scratch_in_another_threads_checked_arena_is_refused_and_its_body_runs),
             AA_TEST_LOOP(a_pointer_from_elsewhere_is_not_freed, 0, KINDS),
             AA_TEST_LOOP(a_pointer_from_elsewhere_is_not_resized, 0, KINDS),
             AA_TEST_LOOP(a_pointer_freed_twice_is_refused_the_second_time, 0, KINDS),
             AA_TEST(the_inside_of_a_heap_block_is_not_freed),
             AA_TEST_BUMP(without_checks_a_foreign_pointer_changes_nothing),
             AA_TEST_LOOP(memory_of_another_thread_is_forgotten_and_not_refused, SHARED,
                          PRIVATE + 1),
             AA_TEST_LOOP(an_array_of_another_allocator_allocates_by_its_handle, 0, KINDS))
