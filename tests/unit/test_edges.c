/* Ways that no other test takes (doc/coverage.md): limits at their very edge, handles that stand for others, memory given
 * back with a wrong size, pools whose capacity is full under full checks. */
#include "child.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <fcntl.h>
#include <omp.h>
#include <stdlib.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

/* ---- options and names ---------------------------------------------------------------------------------------- */

START_TEST(options_just_outside_their_range_are_refused)
{
    static const aa_options wrong[] = {{.history = 4097},
                                       {.history = -1},
                                       {.checks = (aa_checks)(AA_CHECKS_DEFAULT - 1)},
                                       {.checks = (aa_checks)(AA_CHECKS_FULL + 1)},
                                       {.capacity = (size_t)PTRDIFF_MAX + 1},
                                       {.initial = (size_t)PTRDIFF_MAX + 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        assert_fails(bump_try_create(_i, &wrong[i]), AA_INVALID);
    }
    assert_status(aa_destroy(bump_create(_i, &(aa_options){.history = 4096})), AA_OK);
}
END_TEST

START_TEST(current_is_a_name_of_its_own)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = "mine"});
    AA_WITH(a) {
        ck_assert_str_eq(aa_name(AA_CURRENT), "current");
        ck_assert_str_eq(aa_name(aa_current()), "mine");
    }
    ck_assert_str_eq(aa_name(NULL), "");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(current_stands_for_what_is_in_scope)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = "in scope here"});
    AA_WITH(a) {
        ck_assert_uint_eq(aa_omp_handle(AA_CURRENT), aa_omp_handle(a));
        char *text = NULL;
        size_t length = 0;
        FILE *const file = open_memstream(&text, &length);
        assert_status(aa_report(file, AA_CURRENT), AA_OK);
        (void)fclose(file);
        ck_assert_ptr_nonnull(strstr(text, "in scope here"));
        free(text);
        const aa_scope again = aa_scope_enter(AA_CURRENT);
        ck_assert_ptr_eq(aa_current(), a);
        assert_status(aa_scope_leave(again), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_scope_without_a_place_is_named_in_a_report_without_one)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_scope outer = aa_scope_enter(a), inner = aa_scope_enter(a);
    assert_status(aa_scope_leave(outer), AA_ORDER);
    ck_assert_ptr_null(strstr(aa_last_message(), ".c:"));
    (void)aa_scope_leave(inner);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- upstreams -------------------------------------------------------------------------------------------------- */

START_TEST(a_failing_upstream_from_the_least_number_on_refuses_nothing)
{
    aa_upstream *const upstream = aa_upstream_failing(NULL, INT64_MIN);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    ck_assert_ptr_nonnull(aa_alloc(a, 100000));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_buffer_too_small_for_its_alignment_or_the_request_is_no_memory)
{
    static char buffer[4096] __attribute__((aligned(4096)));
    static const size_t sizes[] = {10, 600};
    for (int i = 0; i < 2; ++i) {
        aa_upstream *const upstream = aa_upstream_buffer(buffer + 1, sizes[i]);
        aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
        assert_fails(aa_alloc(a, 2000), AA_NOMEM);
        assert_status(aa_destroy(a), AA_OK);
        assert_status(aa_upstream_destroy(upstream), AA_OK);
    }
}
END_TEST

static void *generous_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)least;
    void *p = NULL;
    *bytes *= 2; /* more than was asked, which only an upstream without a limit may take */
    ++*(int *)state;
    return posix_memalign(&p, alignment, *bytes) == 0 ? p : NULL;
}

static void generous_free(void *state, void *pointer, size_t bytes)
{
    (void)bytes;
    --*(int *)state;
    free(pointer);
}

START_TEST(what_passes_a_limit_goes_back_at_once)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = generous_alloc, .free = generous_free};
    int out = 0;
    aa_upstream *const generous = aa_upstream_custom(&ops, &out);
    aa_upstream *const limit = aa_upstream_limit(generous, 1 << 20);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = limit});
    assert_fails(aa_alloc(a, 100), AA_NOMEM);
    ck_assert_int_eq(out, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(limit), AA_OK);
    assert_status(aa_upstream_destroy(generous), AA_OK);
}
END_TEST

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

START_TEST(memory_given_back_with_a_wrong_size_stays)
{
    static const size_t wrong[] = {(size_t)PTRDIFF_MAX, SIZE_MAX, 3000, 4000};
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_NONE});
    char *const p = aa_alloc(a, 100);
    char *const large = aa_alloc(a, 3 << 20); /* a piece of its own */
    pattern_fill(p, 100, 1);
    const size_t used = stats_of(a).used;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        aa_free(a, large, wrong[i]);
        aa_free(a, p, wrong[i]);
        ck_assert_uint_eq(stats_of(a).used, used);
    }
    assert_fails(aa_realloc(a, p, SIZE_MAX, SIZE_MAX - 1), AA_OVERFLOW);
    char *const q = aa_alloc(a, 100);
    ck_assert(q + 100 <= p || q >= p + 100);
    ck_assert(pattern_holds(p, 100, 1));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(under_full_checks_a_wrong_size_of_the_newest_frees_nothing)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL});
    (void)aa_alloc(a, 100);
    char *const p = aa_alloc(a, 100);
    const uint64_t frees = stats_of(a).live_frees;
    aa_free(a, p, 99); /* rounds to the same */
    ck_assert_uint_eq(stats_of(a).live_frees, frees + 1);
    char *const q = aa_alloc(a, 100);
    ck_assert(q >= p + 100 || q + 100 <= p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(under_full_checks_the_largest_sizes_leave_room_for_the_redzone)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL});
    for (size_t less = 0; less < 300; ++less) {
        aa_last_clear();
        ck_assert_ptr_null(aa_alloc(a, (size_t)PTRDIFF_MAX - less));
        ck_assert(aa_last_status() == AA_OVERFLOW || aa_last_status() == AA_NOMEM);
    }
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(under_full_checks_a_request_larger_than_the_capacity_is_no_memory)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL, .capacity = 100000});
    assert_fails(aa_alloc(a, 200000), AA_NOMEM);
    ck_assert_ptr_nonnull(aa_alloc(a, 50000));
    assert_fails(aa_alloc(a, 70000), AA_NOMEM);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_guarded_pool_with_full_checks_goes_on_in_its_fallback)
{
    upstream_count count;
    aa_upstream *const fallback = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL,
                                                          .flags = AA_GUARD,
                                                          .capacity = 1 << 18,
                                                          .fallback = fallback});
    for (int round = 0; round < 3; ++round) {
        char *p[40];
        for (unsigned i = 0; i < 40; ++i) {
            p[i] = aa_alloc(a, 16000);
            ck_assert_msg(p[i] != NULL, "%s", aa_last_message());
            pattern_fill(p[i], 16000, i);
        }
        for (unsigned i = 0; i < 40; ++i) {
            ck_assert(pattern_holds(p[i], 16000, i));
        }
        ck_assert_uint_gt(count.out, 0);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(fallback), AA_OK);
}
END_TEST

START_TEST(a_fallback_that_refuses_is_no_memory)
{
    aa_upstream *const fallback = aa_upstream_failing(NULL, -1);
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.capacity = 1 << 18, .fallback = fallback});
    ck_assert_ptr_nonnull(aa_alloc(a, 1000));
    assert_fails(aa_alloc(a, 1 << 20), AA_NOMEM);
    ck_assert_ptr_nonnull(aa_alloc(a, 1000));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(fallback), AA_OK);
}
END_TEST

START_TEST(a_large_piece_given_back_twice_is_refused_among_others)
{
    aa_allocator *const a = aa_shared_create(&(aa_options){.checks = AA_CHECKS_API});
    (void)aa_alloc(a, 100);
    char *p[3];
    for (int i = 0; i < 3; ++i) {
        p[i] = aa_alloc(a, 3 << 20);
    }
    for (int i = 2; i >= 0; --i) {
        aa_free(a, p[i], 3 << 20);
    }
    for (int i = 0; i < 3; ++i) {
        aa_last_clear();
        aa_free(a, p[i], 3 << 20);
        assert_status(aa_last_status(), AA_INVALID);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_an_allocator_owns_is_found_in_the_memory_of_every_thread)
{
    aa_allocator *const a = bump_create(_i == ARENA ? SHARED : _i, NULL);
    void *p[4] = {NULL};
#pragma omp parallel num_threads(4)
    p[omp_get_thread_num()] = aa_alloc(a, 100);
    for (int i = 0; i < 4; ++i) {
        ck_assert(aa_owns(a, p[i]));
    }
    ck_assert(!aa_owns(a, &a));
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

START_TEST(marks_of_two_other_threads_refuse_a_reset_until_both_are_gone)
{
    aa_allocator *const a = aa_shared_create(NULL);
    guest one, two;
    guest_invite(&one, keep_a_mark, a);
    guest_invite(&two, keep_a_mark, a);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&one);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&two);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_pin_in_any_threads_memory_refuses_a_reset)
{
    enum { THREADS = 4 };
    aa_allocator *const a = _i == PRIVATE ? aa_private_create(NULL) : aa_shared_create(NULL);
    aa_array arrays[THREADS];
#pragma omp parallel num_threads(THREADS)
    arrays[omp_get_thread_num()] = aa_empty(a, AA_F64, 1, SHAPE(10));
    for (int i = 0; i < THREADS; ++i) {
        ck_assert(!aa_is_null(&arrays[i]));
        assert_status(aa_pin(&arrays[i]), AA_OK);
        assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
        assert_status(aa_unpin(&arrays[i]), AA_OK);
    }
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_private_allocators_arena_is_not_handed_on)
{
    aa_allocator *const a = aa_private_create(NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_arena_adopt(aa_private_arena(a)), AA_INVALID);
    assert_status(aa_arena_adopt(a), AA_INVALID);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *short_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    void *p = NULL;
    *bytes = least / 2; /* which its contract forbids */
    ++*(int *)state;
    return posix_memalign(&p, alignment, *bytes) == 0 ? p : NULL;
}

START_TEST(memory_that_breaks_an_upstreams_contract_goes_back_to_it)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = short_alloc, .free = generous_free};
    int out = 0;
    aa_upstream *const upstream = aa_upstream_custom(&ops, &out);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    assert_fails(aa_alloc(a, 1000), AA_NOMEM);
    ck_assert_int_eq(out, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

/* ---- arrays ----------------------------------------------------------------------------------------------------- */

START_TEST(an_open_start_beside_a_stop_outside_is_named_as_the_stop)
{
    const aa_array a = aa_zeros(aa_heap(), AA_F64, 1, SHAPE(10));
    const aa_array none = aa_slice(&a, (const aa_range[]){{AA_OPEN, 99, 1}});
    ck_assert(aa_is_null(&none));
    assert_status(aa_last_status(), AA_BOUNDS);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "stop 99"));
}
END_TEST

START_TEST(strides_whose_bytes_pass_the_largest_object_are_an_overflow)
{
    static char byte[16];
    static const int64_t strides[] = {INT64_MAX / 2, INT64_MAX / 16, INT64_MIN};
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; ++i) {
        const aa_array a = aa_wrap(byte, AA_C128, 1, SHAPE(4), &strides[i]);
        ck_assert(aa_is_null(&a));
        assert_status(aa_last_status(), AA_OVERFLOW);
    }
    /* each fits, and together they end beyond the address space */
    char *const high = (char *)(UINTPTR_MAX - 100);
    const aa_array a = aa_wrap(high, AA_F64, 1, SHAPE(100), SHAPE(1));
    ck_assert(aa_is_null(&a));
    assert_status(aa_last_status(), AA_OVERFLOW);
}
END_TEST

/* ---- the heap's marks ------------------------------------------------------------------------------------------- */

static void *leave_a_mark(void *blocks)
{
    const aa_mark mark = aa_mark_take(aa_heap());
    for (int i = 0; i < 3; ++i) {
        ((void **)blocks)[i] = aa_alloc(aa_heap(), 100);
        memset(((void **)blocks)[i], 7, 100);
    }
    return aa_mark_is_null(mark) ? blocks : NULL;
}

START_TEST(a_thread_that_ends_with_an_open_mark_of_the_heap_leaves_its_blocks)
{
    for (int round = 0; round < 3; ++round) { /* the next thread takes over what was noted */
        void *blocks[3] = {NULL};
        ck_assert_ptr_null(on_thread(leave_a_mark, blocks));
        for (int i = 0; i < 3; ++i) {
            ck_assert(aa_owns(aa_heap(), blocks[i]));
            ck_assert_int_eq(((char *)blocks[i])[99], 7);
            aa_free(aa_heap(), blocks[i], 100);
        }
    }
}
END_TEST

static void rewind_in_child(void *argument)
{
    if (aa_mark_rewind(*(aa_mark *)argument) != AA_OK) {
        exit(1);
    }
}

START_TEST(a_forked_child_can_end_a_mark_of_the_heap)
{
    aa_mark mark = aa_mark_take(aa_heap());
    void *const p = aa_alloc(aa_heap(), 100);
    child_result result;
    child_run(&result, rewind_in_child, &mark);
    assert_exited_well(&result);
    ck_assert(aa_owns(aa_heap(), p));
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert(!aa_owns(aa_heap(), p));
}
END_TEST

START_TEST(a_rewind_of_the_heap_over_pinned_arrays_is_one_report)
{
    const aa_mark mark = aa_mark_take(aa_heap());
    const aa_array one = aa_zeros(AA_CURRENT, AA_F64, 1, SHAPE(10));
    const aa_array two = aa_zeros(AA_CURRENT, AA_F64, 1, SHAPE(10));
    assert_status(aa_pin(&one), AA_OK);
    assert_status(aa_pin(&two), AA_OK);
    assert_refused(aa_mark_rewind(mark), AA_BUSY, AA_RESET_IN_USE);
    ck_assert(aa_is_valid(&one) && aa_is_valid(&two));
    assert_status(aa_unpin(&one), AA_OK);
    assert_status(aa_unpin(&two), AA_OK);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert(!aa_is_valid(&one) && !aa_is_valid(&two));
}
END_TEST

/* ---- the guard ring --------------------------------------------------------------------------------------------- */

static aa_allocator *guarded(void)
{
    aa_allocator *const a = bump_create(ARENA, &(aa_options){.flags = AA_GUARD, .initial = 65536});
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    return a;
}

static void read_far_beyond(void *allocator)
{
    volatile const char *const p = aa_alloc(allocator, 100);
    (void)p[(size_t)1 << 30];
}

START_TEST(an_address_of_the_ring_that_was_never_memory_is_said_to_be_that)
{
    aa_allocator *const a = guarded();
    child_result result;
    child_run(&result, read_far_beyond, a);
    ck_assert(WIFSIGNALED(result.status));
    ck_assert_ptr_nonnull(strstr(result.text, "an address beyond a block"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void read_stale_without_stderr(void *allocator)
{
    volatile const char *const p = aa_alloc(allocator, 100);
    (void)aa_reset(allocator);
    (void)close(STDERR_FILENO);
    (void)p[0];
}

START_TEST(a_report_of_the_guard_that_cannot_be_written_does_not_loop)
{
    aa_allocator *const a = guarded();
    child_result result;
    child_run(&result, read_stale_without_stderr, a);
    ck_assert(WIFSIGNALED(result.status));
    ck_assert_int_eq(WTERMSIG(result.status), SIGSEGV);
    ck_assert_str_eq(result.text, "");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("edges", AA_TEST_BUMP(options_just_outside_their_range_are_refused),
             AA_TEST_BUMP(current_is_a_name_of_its_own),
             AA_TEST_BUMP(current_stands_for_what_is_in_scope),
             AA_TEST_BUMP(a_scope_without_a_place_is_named_in_a_report_without_one),
             AA_TEST_BUMP(a_failing_upstream_from_the_least_number_on_refuses_nothing),
             AA_TEST_BUMP(a_buffer_too_small_for_its_alignment_or_the_request_is_no_memory),
             AA_TEST_BUMP(what_passes_a_limit_goes_back_at_once),
             AA_TEST_BUMP(memory_given_back_with_a_wrong_size_stays),
             AA_TEST_BUMP(under_full_checks_a_wrong_size_of_the_newest_frees_nothing),
             AA_TEST_BUMP(under_full_checks_the_largest_sizes_leave_room_for_the_redzone),
             AA_TEST_BUMP(under_full_checks_a_request_larger_than_the_capacity_is_no_memory),
             AA_TEST_BUMP(a_guarded_pool_with_full_checks_goes_on_in_its_fallback),
             AA_TEST_BUMP(a_fallback_that_refuses_is_no_memory),
             AA_TEST(a_large_piece_given_back_twice_is_refused_among_others),
             AA_TEST_BUMP(what_an_allocator_owns_is_found_in_the_memory_of_every_thread),
             AA_TEST(marks_of_two_other_threads_refuse_a_reset_until_both_are_gone),
             AA_TEST_LOOP(a_pin_in_any_threads_memory_refuses_a_reset, SHARED, BUMP_KINDS),
             AA_TEST(a_private_allocators_arena_is_not_handed_on),
             AA_TEST_BUMP(memory_that_breaks_an_upstreams_contract_goes_back_to_it),
             AA_TEST(an_open_start_beside_a_stop_outside_is_named_as_the_stop),
             AA_TEST(strides_whose_bytes_pass_the_largest_object_are_an_overflow),
             AA_TEST(a_thread_that_ends_with_an_open_mark_of_the_heap_leaves_its_blocks),
             AA_TEST(a_forked_child_can_end_a_mark_of_the_heap),
             AA_TEST(a_rewind_of_the_heap_over_pinned_arrays_is_one_report),
             AA_TEST(an_address_of_the_ring_that_was_never_memory_is_said_to_be_that),
             AA_TEST(a_report_of_the_guard_that_cannot_be_written_does_not_loop))
