/* Violation handlers that leave by longjmp: the call that they leave is over, nothing is refused later. */
#include "held.h"
#include "kinds.h"
#include "runner.h"
#include "upstreams.h"
#include "violations.h"

#include <setjmp.h>

static jmp_buf before_the_call;

static void jumping(const aa_violation *violation, void *context)
{
    (void)violation;
    ++*(int *)context;
    longjmp(before_the_call, 1);
}

typedef aa_status a_call(aa_allocator *);

/* The same from a frame that is some kilobytes deeper, and has written them. */
static __attribute__((noinline)) aa_status deeper(a_call *call, aa_allocator *a)
{
    volatile char frame[4096];
    for (size_t i = 0; i < sizeof frame; ++i) {
        frame[i] = (char)i;
    }
    const aa_status status = call(a);
    return frame[7] == 7 ? status : AA_IO;
}

static aa_status pinned_reset(aa_allocator *a)
{
    const aa_array x = aa_empty(a, AA_F64, 1, (const int64_t[]){8});
    const aa_status status = aa_pin(&x);
    return status != AA_OK ? status : aa_reset(a);
}

/* A finding: reported in the middle of the call. */
static aa_status pinned_scratch(aa_allocator *a)
{
    AA_SCRATCH(a) {
        const aa_array x = aa_empty(a, AA_F64, 1, (const int64_t[]){8});
        (void)aa_pin(&x);
    }
    return AA_OK;
}

static aa_status plain_alloc(aa_allocator *a)
{
    return aa_alloc_aligned(a, 100, 256) != NULL ? AA_OK : aa_last_status();
}

static aa_status doubly_dropped(aa_allocator *a)
{
    const aa_mark mark = aa_mark_take(a);
    const aa_status dropped = aa_mark_drop(mark);
    return dropped != AA_OK ? dropped : aa_mark_drop(mark);
}

START_TEST(a_handler_that_jumps_leaves_no_call_behind)
{
    static a_call *const reported[] = {pinned_reset, pinned_scratch, doubly_dropped};
    static int reports;
    aa_set_violation_handler(jumping, &reports);
    for (int i = 0; i < 12; ++i) {
        a_call *const first = reported[i / 4];
        const bool from_deep = i % 2 != 0, then_deep = i / 2 % 2 != 0;
        aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
        reports = 0;
        if (setjmp(before_the_call) == 0) {
            (void)(from_deep ? deeper(first, a) : first(a));
        }
        ck_assert_int_eq(reports, 1);
        ck_assert_int_eq(then_deep ? deeper(plain_alloc, a) : plain_alloc(a), AA_OK);
        ck_assert_uint_ge(stats_of(a).used, 100);
    }
}
END_TEST

START_TEST(after_a_jump_an_allocator_can_be_reset_and_destroyed)
{
    int reports = 0;
    aa_allocator *const a = bump_create(_i, NULL);
    aa_set_violation_handler(jumping, &reports);
    if (setjmp(before_the_call) == 0) {
        (void)deeper(doubly_dropped, a);
    }
    ck_assert_int_eq(reports, 1);
    ck_assert_int_eq(deeper(aa_destroy, bump_create(_i, NULL)), AA_OK);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- inside an upstream, whose own call goes on ---- */

typedef struct jumper {
    upstream_count count;
    aa_allocator *outer;
    int right;
} jumper;

static void *jumper_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    jumper *const j = state;
    aa_allocator *const other = aa_arena_create(NULL);
    if (setjmp(before_the_call) == 0) {
        (void)pinned_reset(other);
    }
    j->right += aa_alloc(j->outer, 1 << 20) == NULL && aa_last_status() == AA_BUSY;
    j->right += plain_alloc(other) == AA_OK;
    return counted_alloc(&j->count, least, bytes, alignment);
}

static void jumper_free(void *state, void *pointer, size_t bytes)
{
    counted_free(&((jumper *)state)->count, pointer, bytes);
}

START_TEST(a_jump_inside_an_upstream_ends_the_inner_call_only)
{
    static const aa_upstream_ops ops = {sizeof ops, jumper_alloc, jumper_free, NULL};
    int reports = 0;
    jumper j = {.right = 0};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &j);
    j.outer = bump_create(_i, &(aa_options){.upstream = upstream});
    aa_set_violation_handler(jumping, &reports);
    ck_assert_ptr_nonnull(aa_alloc(j.outer, 100));
    ck_assert_int_eq(reports, 1);
    ck_assert_int_eq(j.right, 2);
    ck_assert_ptr_nonnull(aa_alloc(j.outer, 100));
    assert_status(aa_destroy(j.outer), AA_OK);
    ck_assert_uint_eq(j.count.out, 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

/* All from one frame, where what the jump left lies untouched below. */
START_TEST(calls_of_the_function_that_was_jumped_to_are_served)
{
    static aa_allocator *a; /* static: unchanged by the jumps */
    static aa_array x;
    static int marked, reports;
    a = bump_create(_i, NULL);
    x = aa_empty(a, AA_F64, 1, (const int64_t[]){10});
    marked = reports = 0;
    assert_status(aa_pin(&x), AA_OK);
    aa_set_violation_handler(jumping, &reports);
    for (volatile int round = 0; round < 4; ++round) {
        if (setjmp(before_the_call) == 0) {
            (void)(round % 2 != 0 ? aa_reset(a) : aa_destroy(a));
        }
        const aa_mark one = aa_mark_take(a);
        const aa_mark two = aa_mark_take(a);
        marked += !aa_mark_is_null(one) + !aa_mark_is_null(two);
        marked += aa_mark_drop(two) == AA_OK;
        marked += aa_mark_drop(one) == AA_OK;
        marked += aa_alloc_aligned(a, 10, 128) != NULL;
    }
    ck_assert_int_eq(reports, 4);
    ck_assert_int_eq(marked, 4 * 5);
    assert_status(aa_unpin(&x), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("misuse: jumps", AA_TEST_BUMP(calls_of_the_function_that_was_jumped_to_are_served),
             AA_TEST_BUMP(a_handler_that_jumps_leaves_no_call_behind),
             AA_TEST_BUMP(after_a_jump_an_allocator_can_be_reset_and_destroyed),
             AA_TEST_BUMP(a_jump_inside_an_upstream_ends_the_inner_call_only))
