/* Marks that are ended out of order, twice, too late, by the wrong thread: refused, and nothing changed. */
#include "child.h"
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

enum { HEAP = BUMP_KINDS, KINDS };

#define TEST_KINDS(name) AA_TEST_LOOP(name, 0, KINDS)

static aa_allocator *create(int kind)
{
    return kind == HEAP ? aa_heap() : bump_create(kind, &(aa_options){.checks = AA_CHECKS_NONE});
}

static aa_status destroy(aa_allocator *a)
{
    return a == aa_heap() ? AA_OK : aa_destroy(a);
}

START_TEST(a_mark_rewound_twice_is_refused)
{
    aa_allocator *const a = create(_i);
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    assert_status(aa_mark_rewind(mark), AA_OK);
    const held h = hold(a);
    assert_refused(aa_mark_rewind(mark), AA_ORDER, AA_REWIND_ORDER);
    assert_unharmed(&h);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_mark_inside_a_rewound_one_has_ended)
{
    aa_allocator *const a = create(_i);
    const aa_mark outer = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    const aa_mark inner = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    assert_status(aa_mark_rewind(outer), AA_OK);
    const held h = hold(a);
    assert_refused(aa_mark_rewind(inner), AA_ORDER, AA_REWIND_ORDER);
    assert_refused(aa_mark_drop(inner), AA_ORDER, AA_REWIND_ORDER);
    assert_refused(aa_mark_rewind(outer), AA_ORDER, AA_REWIND_ORDER);
    assert_unharmed(&h);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_mark_inside_a_dropped_one_has_ended)
{
    aa_allocator *const a = create(_i);
    const aa_mark outer = aa_mark_take(a);
    const aa_mark inner = aa_mark_take(a);
    assert_status(aa_mark_drop(outer), AA_OK);
    const held h = hold(a);
    assert_refused(aa_mark_rewind(inner), AA_ORDER, AA_REWIND_ORDER);
    assert_unharmed(&h);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_dropped_mark_cannot_be_rewound)
{
    aa_allocator *const a = create(_i);
    const aa_mark mark = aa_mark_take(a);
    assert_status(aa_mark_drop(mark), AA_OK);
    const held h = hold(a);
    assert_refused(aa_mark_rewind(mark), AA_ORDER, AA_REWIND_ORDER);
    assert_refused(aa_mark_drop(mark), AA_ORDER, AA_REWIND_ORDER);
    assert_unharmed(&h);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(an_ended_mark_does_not_end_a_later_one_in_its_place)
{
    aa_allocator *const a = create(_i);
    const aa_mark old = aa_mark_take(a);
    assert_status(aa_mark_drop(old), AA_OK);
    const aa_mark now = aa_mark_take(a);
    const held h = hold(a);
    assert_refused(aa_mark_rewind(old), AA_ORDER, AA_REWIND_ORDER);
    assert_unharmed(&h);
    assert_status(aa_mark_rewind(now), AA_OK);
    ck_assert(!aa_is_valid(&h.array) || a == aa_heap());
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_mark_ends_with_a_reset)
{
    aa_allocator *const a = create(_i);
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    assert_status(aa_reset(a), AA_OK);
    const held h = hold(a);
    assert_refused(aa_mark_rewind(mark), AA_ORDER, AA_REWIND_ORDER);
    assert_unharmed(&h);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_scratch_ends_with_a_reset_inside_it)
{
    aa_allocator *const a = create(_i);
    held h;
    record_violations();
    AA_SCRATCH(a) {
        (void)aa_alloc(a, 100);
        assert_status(aa_reset(a), AA_OK);
        assert_no_reports();
        h = hold(a);
    }
    assert_one_report("the end of the scratch", AA_REWIND_ORDER);
    assert_unharmed(&h);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_mark_is_stale_when_its_allocator_is_destroyed)
{
    aa_allocator *const a = create(_i);
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    assert_status(destroy(a), AA_OK);
    assert_refused(aa_mark_rewind(mark), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused(aa_mark_drop(mark), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_mark_of_a_destroyed_allocator_never_matches_a_later_one)
{
    aa_allocator *const gone = create(_i);
    const aa_mark mark = aa_mark_take(gone);
    assert_status(destroy(gone), AA_OK);
    for (int i = 0; i < 5000; ++i) { /* more than are kept in quarantine */
        aa_allocator *const a = create(_i);
        (void)aa_mark_take(a);
        if (i % 1000 == 0) {
            assert_refused(aa_mark_rewind(mark), AA_STALE, AA_USE_AFTER_RESET);
        }
        assert_status(destroy(a), AA_OK);
    }
    aa_allocator *const later = create(_i);
    ck_assert(!aa_mark_is_null(aa_mark_take(later)));
    const held h = hold(later);
    assert_refused(aa_mark_rewind(mark), AA_STALE, AA_USE_AFTER_RESET);
    assert_unharmed(&h);
    assert_status(destroy(later), AA_OK);
}
END_TEST

typedef struct errand {
    aa_mark mark;
    aa_status rewound, dropped;
} errand;

static void *end_it(void *argument)
{
    errand *const e = argument;
    e->rewound = aa_mark_rewind(e->mark);
    e->dropped = aa_mark_drop(e->mark);
    return NULL;
}

START_TEST(another_threads_mark_is_refused)
{
    aa_allocator *const a = create(_i);
    errand e = {.mark = aa_mark_take(a)};
    const held h = hold(a);
    record_violations();
    on_thread(end_it, &e);
    ck_assert_int_eq(e.rewound, AA_THREAD);
    ck_assert_int_eq(e.dropped, AA_THREAD);
    ck_assert_int_eq(violations_of(AA_FOREIGN_THREAD), 2);
    ck_assert_int_eq(violations_count(), 2);
    assert_unharmed(&h);
    assert_status(aa_mark_rewind(e.mark), AA_OK);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(another_threads_mark_is_refused_also_when_the_thread_has_marks_of_its_own)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    aa_mark marks[2];
    int wrong = 0;
    record_violations();
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
        const int me = omp_get_thread_num();
        char *const p = aa_alloc(a, 100);
        pattern_fill(p, 100, 1);
        marks[me] = aa_mark_take(a);
        char *const q = aa_alloc(a, 100);
        pattern_fill(q, 100, 2);
#pragma omp barrier
        wrong += aa_mark_rewind(marks[1 - me]) != AA_THREAD;
#pragma omp barrier
        wrong += !pattern_holds(p, 100, 1) || !pattern_holds(q, 100, 2);
        wrong += aa_mark_rewind(marks[me]) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(violations_of(AA_FOREIGN_THREAD), 2);
    ck_assert_int_eq(violations_count(), 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* What happens to a task suspended at a taskwait with a mark, in one thread and so in a fixed order. */
START_TEST(a_mark_is_refused_when_another_task_of_its_thread_rewound_below)
{
    aa_allocator *const a = create(_i);
    aa_status below = AA_IO, above = AA_IO;
    record_violations();
#pragma omp parallel num_threads(1)
    {
        const aa_mark outer = aa_mark_take(a);
        (void)aa_alloc(a, 100);
        const aa_mark mine = aa_mark_take(a);
        (void)aa_alloc(a, 100);
#pragma omp task if (0) shared(below) firstprivate(outer)
        below = aa_mark_rewind(outer);
        above = aa_mark_rewind(mine);
    }
    ck_assert_int_eq(below, AA_OK);
    ck_assert_int_eq(above, AA_ORDER);
    assert_one_report("the suspended task's rewind", AA_REWIND_ORDER);
    assert_status(destroy(a), AA_OK);
}
END_TEST

/* ---- pins ---- */

static const int64_t shape[] = {10};

START_TEST(a_rewind_below_a_pinned_array_is_refused)
{
    aa_allocator *const a = create(_i);
    const held h = hold(a);
    const aa_mark mark = aa_mark_take(a);
    const aa_array array = aa_empty(AA_CURRENT, AA_F64, 1, shape); /* the heap's */
    const aa_array pinned = aa_empty(a, AA_F64, 1, shape);
    const aa_array *const one = a == aa_heap() ? &array : &pinned;
    assert_status(aa_pin(one), AA_OK);
    assert_refused(aa_mark_rewind(mark), AA_BUSY, AA_RESET_IN_USE);
    ck_assert(aa_is_valid(one));
    ck_assert(pattern_holds(h.memory, HELD_BYTES, 77));
    assert_status(aa_unpin(one), AA_OK);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert(!aa_is_valid(one));
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_rewind_above_a_pinned_array_passes)
{
    aa_allocator *const a = create(_i);
    held h = hold(a);
    assert_status(aa_pin(&h.array), AA_OK);
    record_violations();
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_no_reports();
    h.stats.peak += 128;
    ++h.stats.allocations;
    assert_status(aa_unpin(&h.array), AA_OK);
    assert_unharmed(&h);
    assert_status(destroy(a), AA_OK);
}
END_TEST

START_TEST(a_scratch_that_ends_with_a_pinned_array_is_an_escape_and_still_rewinds)
{
    aa_allocator *const a = create(_i);
    const size_t used = stats_of(a).used;
    aa_array array;
    record_violations();
    const int opened = __LINE__ + 1;
    AA_SCRATCH(a) {
        array = aa_empty(a == aa_heap() ? AA_CURRENT : a, AA_F64, 1, shape);
        assert_status(aa_pin(&array), AA_OK);
    }
    assert_one_report("the end of the scratch", AA_ESCAPE);
    ck_assert_str_eq(last_violation()->function, "AA_SCRATCH");
    ck_assert_ptr_nonnull(strstr(last_violation()->file, "test_marks.c"));
    ck_assert_int_eq(last_violation()->line, opened);
    ck_assert(!aa_is_valid(&array));
    ck_assert_uint_eq(stats_of(a).used, used);
}
END_TEST

START_TEST(a_scratch_on_a_destroyed_allocator_is_reported_with_its_line_and_its_body_runs)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    int rounds = 0;
    assert_status(aa_destroy(a), AA_OK);
    record_violations();
    const int opened = __LINE__ + 1;
    AA_SCRATCH(a) {
        ++rounds;
    }
    ck_assert_int_eq(rounds, 1);
    assert_one_report("AA_SCRATCH", AA_USE_AFTER_RESET);
    ck_assert_str_eq(last_violation()->function, "AA_SCRATCH");
    ck_assert_int_eq(last_violation()->line, opened);
}
END_TEST

static void null_scratch_and_scope(void *context)
{
    int *const rounds = context;
    aa_allocator *const none = NULL;
    AA_SCRATCH(none) {
        ++*rounds;
    }
    AA_SCRATCH(none) {
        ++*rounds;
    }
    AA_WITH(none) {
        ++*rounds;
    }
}

START_TEST(a_scratch_and_a_scope_on_null_say_so_once_and_run_their_body)
{
    int rounds = 0;
    child_result result;
    child_run(&result, null_scratch_and_scope, &rounds);
    assert_exited_well(&result);
    ck_assert_int_eq(occurrences(result.text, "AA_SCRATCH(NULL) at "), 1);
    ck_assert_int_eq(occurrences(result.text, "AA_WITH(NULL) at "), 1);
    ck_assert_int_eq(occurrences(result.text, "test_marks.c:"), 2);
    null_scratch_and_scope(&rounds);
    ck_assert_int_eq(rounds, 3);
}
END_TEST

AA_TEST_MAIN(
    "misuse: marks", TEST_KINDS(a_mark_rewound_twice_is_refused),
    TEST_KINDS(a_mark_inside_a_rewound_one_has_ended),
    TEST_KINDS(a_mark_inside_a_dropped_one_has_ended), TEST_KINDS(a_dropped_mark_cannot_be_rewound),
    TEST_KINDS(an_ended_mark_does_not_end_a_later_one_in_its_place),
    AA_TEST_BUMP(a_mark_ends_with_a_reset), AA_TEST_BUMP(a_scratch_ends_with_a_reset_inside_it),
    AA_TEST_BUMP(a_mark_is_stale_when_its_allocator_is_destroyed),
    AA_TEST_BUMP(a_mark_of_a_destroyed_allocator_never_matches_a_later_one),
    TEST_KINDS(another_threads_mark_is_refused),
    AA_TEST_LOOP(another_threads_mark_is_refused_also_when_the_thread_has_marks_of_its_own, SHARED,
                 PRIVATE + 1),
    TEST_KINDS(a_mark_is_refused_when_another_task_of_its_thread_rewound_below),
    TEST_KINDS(a_rewind_below_a_pinned_array_is_refused),
    TEST_KINDS(a_rewind_above_a_pinned_array_passes),
    AA_TEST(a_scratch_on_a_destroyed_allocator_is_reported_with_its_line_and_its_body_runs),
    AA_TEST(a_scratch_and_a_scope_on_null_say_so_once_and_run_their_body),
    TEST_KINDS(a_scratch_that_ends_with_a_pinned_array_is_an_escape_and_still_rewinds))
