/* Arrays given bad input: each row of the table of bad input that is about arrays. "Nothing lost" is part of
 * it: after a refusal the arrays and the allocator are what they were. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"
#include <allocarrays.h>

#include <stdint.h>
#include <string.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})
#define RANGES(...) ((const aa_range[]){__VA_ARGS__})
#define AXES(...) ((const int[]){__VA_ARGS__})

/* An array-returning call gave a null array with this status, reporting nothing. */
#define assert_null_array(call, expected)                                                          \
    do {                                                                                           \
        record_violations();                                                                       \
        aa_last_clear();                                                                           \
        const aa_array got_ = (call);                                                              \
        ck_assert_msg(aa_is_null(&got_), "%s succeeded", #call);                                   \
        assert_status(aa_last_status(), expected);                                                 \
        assert_no_reports();                                                                       \
    } while (0)

/* The same, after exactly one report. */
#define assert_refused_array(call, expected, kind)                                                 \
    do {                                                                                           \
        record_violations();                                                                       \
        aa_last_clear();                                                                           \
        const aa_array got_ = (call);                                                              \
        ck_assert_msg(aa_is_null(&got_), "%s succeeded", #call);                                   \
        assert_status(aa_last_status(), expected);                                                 \
        assert_one_report(#call, kind);                                                            \
    } while (0)

static void assert_says(const char *text, const char *word)
{
    ck_assert_msg(strstr(text, word) != NULL, "\"%s\" does not say \"%s\"", text, word);
}

static aa_array hundred(aa_allocator *allocator)
{
    const aa_array a = aa_full(allocator, AA_F64, 2, SHAPE(10, 10), &(double){1});
    ck_assert(!aa_is_null(&a));
    return a;
}

/* ---- shapes ----------------------------------------------------------------------------------------- */

START_TEST(a_shape_outside_the_limits_is_refused_and_the_limit_named)
{
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_null_array(aa_empty(AA_CURRENT, AA_F64, 9, nine), AA_INVALID);
    assert_says(aa_last_message(), "ndim 9");
    assert_says(aa_last_message(), "8");
    assert_null_array(aa_empty(AA_CURRENT, AA_F64, -1, nine), AA_INVALID);
    assert_null_array(aa_empty(AA_CURRENT, AA_F64, INT32_MIN, nine), AA_INVALID);
    assert_null_array(aa_empty(AA_CURRENT, AA_F64, 1, NULL), AA_INVALID);
    assert_null_array(aa_empty(AA_CURRENT, AA_F64, 2, SHAPE(3, -2)), AA_INVALID);
    assert_says(aa_last_message(), "axis 1");
    assert_says(aa_last_message(), "-2");
    assert_null_array(aa_empty(AA_CURRENT, AA_F64, 2, SHAPE(0, INT64_MIN)), AA_INVALID);
}
END_TEST

START_TEST(an_unknown_dtype_is_refused_and_the_last_one_named)
{
    assert_null_array(aa_empty(AA_CURRENT, (aa_dtype)13, 1, SHAPE(3)), AA_INVALID);
    assert_says(aa_last_message(), "13");
    assert_says(aa_last_message(), "c128");
    assert_null_array(aa_zeros(AA_CURRENT, (aa_dtype)-1, 1, SHAPE(3)), AA_INVALID);
}
END_TEST

START_TEST(a_product_of_extents_that_overflows_is_refused_and_the_axis_named)
{
    aa_upstream *const upstream = aa_upstream_failing(NULL, 0);
    aa_options options = AA_OPTIONS_INIT;
    options.upstream = upstream;
    aa_allocator *const arena = aa_arena_create(&options);
    const int64_t half = INT64_C(1) << 31, most = PTRDIFF_MAX;
    assert_null_array(aa_empty(arena, AA_F64, 2, SHAPE(half, half)), AA_OVERFLOW);
    assert_says(aa_last_message(), "axis 0");
    assert_null_array(aa_empty(arena, AA_F64, 2, SHAPE(2, most)), AA_OVERFLOW);
    assert_says(aa_last_message(), "axis 1");
    assert_null_array(aa_empty(arena, AA_C128, 1, SHAPE(most / 16 + 1)), AA_OVERFLOW);
    assert_says(aa_last_message(), "axis 0");
    assert_null_array(aa_zeros(arena, AA_I8, 3, SHAPE(half, half, 2)), AA_OVERFLOW);
    assert_null_array(aa_full(arena, AA_I8, 2, SHAPE(most, most), "x"), AA_OVERFLOW);
    assert_null_array(aa_empty(arena, AA_F64, 3, SHAPE(half, 0, half)), AA_OVERFLOW);
    uint64_t requests = 1;
    assert_status(aa_upstream_usage(upstream, &requests, NULL), AA_OK);
    ck_assert_uint_eq(requests, 0);
    assert_status(aa_destroy(arena), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(wrapped_strides_that_leave_the_address_space_are_refused)
{
    static double data[4];
    const int64_t far = INT64_C(1) << 60;
    assert_null_array(aa_wrap(data, AA_F64, 1, SHAPE(2), SHAPE(far)), AA_OVERFLOW);
    assert_says(aa_last_message(), "axis 0");
    assert_null_array(aa_wrap(data, AA_F64, 2, SHAPE(2, 2), SHAPE(1, -far)), AA_OVERFLOW);
    assert_says(aa_last_message(), "axis 1");
    assert_null_array(aa_wrap(data, AA_I8, 2, SHAPE(2, 2), SHAPE(far * 4, far * 4)), AA_OVERFLOW);
    assert_null_array(aa_wrap(data, AA_I8, 2, SHAPE(2, 2), SHAPE(far * 4, -far * 4)), AA_OVERFLOW);
    assert_null_array(aa_wrap(data, AA_I8, 1, SHAPE(3), SHAPE(INT64_MIN)), AA_OVERFLOW);
    assert_null_array(aa_wrap(data, AA_I8, 1, SHAPE(2), SHAPE(-far * 7)), AA_OVERFLOW);
    assert_null_array(aa_wrap(data, AA_F64, 2, SHAPE(far, far), SHAPE(0, 0)), AA_OVERFLOW);
    assert_null_array(aa_wrap(data, AA_F64, 1, SHAPE(far), NULL), AA_OVERFLOW);
    assert_null_array(aa_wrap(data, AA_F64, 1, SHAPE(far), SHAPE(0)), AA_OVERFLOW);
    assert_null_array(aa_wrap(data, AA_I8, 3, SHAPE(2, 2, 2), SHAPE(far * 4, far * 2, far * 2)),
                      AA_OVERFLOW);
    assert_says(aa_last_message(), "axis 2");
}
END_TEST

START_TEST(wrapping_nothing_is_refused)
{
    assert_null_array(aa_wrap(NULL, AA_F64, 1, SHAPE(3), NULL), AA_INVALID);
    assert_null_array(aa_wrap(NULL, AA_F64, 1, SHAPE(0), NULL), AA_INVALID);
}
END_TEST

START_TEST(a_full_array_without_a_value_is_refused)
{
    assert_null_array(aa_full(AA_CURRENT, AA_F64, 1, SHAPE(3), NULL), AA_INVALID);
}
END_TEST

/* ---- NULL ------------------------------------------------------------------------------------------- */

START_TEST(a_null_allocator_is_refused)
{
    const aa_array a = hundred(AA_CURRENT);
    aa_array without_handle = a;
    without_handle.dispatch = NULL;
    assert_null_array(aa_empty(NULL, AA_F64, 1, SHAPE(3)), AA_INVALID);
    assert_null_array(aa_zeros(NULL, AA_F64, 1, SHAPE(3)), AA_INVALID);
    assert_null_array(aa_full(NULL, AA_F64, 1, SHAPE(3), &(double){1}), AA_INVALID);
    assert_null_array(aa_bind(&a, NULL), AA_INVALID);
    assert_null_array(aa_similar(&without_handle), AA_INVALID);
}
END_TEST

static void assert_all_refuse(const aa_array *a)
{
    assert_null_array(aa_similar(a), AA_INVALID);
    assert_null_array(aa_similar_as(a, AA_F64, 0, NULL), AA_INVALID);
    assert_null_array(aa_bind(a, AA_CURRENT), AA_INVALID);
    assert_null_array(aa_checked(a), AA_INVALID);
    assert_null_array(aa_copy(a), AA_INVALID);
    assert_null_array(aa_materialize(a), AA_INVALID);
    assert_null_array(aa_reshape(a, 0, NULL), AA_INVALID);
    assert_null_array(aa_slice(a, &AA_ALL), AA_INVALID);
    assert_null_array(aa_permute(a, AXES(0)), AA_INVALID);
    assert_status(aa_pin(a), AA_INVALID);
    assert_status(aa_unpin(a), AA_INVALID);
    assert_fails(aa_data(a), AA_INVALID);
    ck_assert(!aa_is_valid(a));
}

START_TEST(a_null_array_is_refused_by_every_function)
{
    record_violations();
    assert_all_refuse(NULL);
    assert_all_refuse(&(aa_array){0});
    assert_status(aa_array_free(NULL), AA_INVALID);
    assert_no_reports();
}
END_TEST

START_TEST(an_array_with_spoilt_fields_is_refused)
{
    aa_array a = hundred(AA_CURRENT);
    a.ndim = 9;
    assert_null_array(aa_similar(&a), AA_INVALID);
    assert_null_array(aa_copy(&a), AA_INVALID);
    a.ndim = -1;
    assert_null_array(aa_slice(&a, NULL), AA_INVALID);
    a.ndim = 2;
    a.dtype = (aa_dtype)99;
    assert_null_array(aa_similar(&a), AA_INVALID);
    assert_null_array(aa_permute(&a, AXES(1, 0)), AA_INVALID);
    a.dtype = AA_F64;
    a.shape[1] = -4;
    assert_null_array(aa_similar(&a), AA_INVALID);
    assert_null_array(aa_materialize(&a), AA_INVALID);
    a.shape[0] = 1;
    a.shape[1] = INT64_MAX / 8 + 1; /* their bytes fit in a size_t, and in no object */
    assert_null_array(aa_similar(&a), AA_OVERFLOW);
    assert_says(aa_last_message(), "passes the largest possible object at axis 1");
    assert_null_array(aa_materialize(&a), AA_OVERFLOW);
}
END_TEST

/* ---- views ------------------------------------------------------------------------------------------ */

START_TEST(a_slice_beyond_its_axis_is_refused_and_the_axis_named)
{
    const aa_array a = aa_empty(AA_CURRENT, AA_F64, 2, SHAPE(4, 5));
    static const aa_range wrong[] = {
        {5, AA_OPEN, 1},  {0, 6, 1},   {-6, AA_OPEN, 1},  {0, -6, 1},
        {6, AA_OPEN, -1}, {4, -6, -1}, {INT64_MAX, 0, 1}, {0, INT64_MIN + 1, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        aa_range second = wrong[i];
        second.start += i == 0; /* 5 is the extent of the second axis, and thus legal there */
        assert_null_array(aa_slice(&a, RANGES(AA_ALL, second)), AA_BOUNDS);
        assert_says(aa_last_message(), "axis 1");
        assert_null_array(aa_slice(&a, RANGES(wrong[i], AA_ALL)), AA_BOUNDS);
        assert_says(aa_last_message(), "axis 0");
    }
}
END_TEST

START_TEST(a_slice_of_step_zero_or_without_ranges_is_refused)
{
    const aa_array a = aa_empty(AA_CURRENT, AA_F64, 2, SHAPE(4, 0));
    assert_null_array(aa_slice(&a, RANGES({0, 4, 0}, AA_ALL)), AA_INVALID);
    assert_null_array(aa_slice(&a, RANGES(AA_ALL, {0, 0, 0})), AA_INVALID);
    assert_says(aa_last_message(), "axis 1");
    assert_null_array(aa_slice(&a, NULL), AA_INVALID);
}
END_TEST

START_TEST(a_reshape_to_another_number_of_elements_is_refused)
{
    const aa_array a = hundred(AA_CURRENT), empty = aa_empty(AA_CURRENT, AA_F64, 1, SHAPE(0));
    const int64_t half = INT64_C(1) << 31;
    assert_null_array(aa_reshape(&a, 2, SHAPE(9, 11)), AA_INVALID);
    assert_says(aa_last_message(), "(10, 10)");
    assert_says(aa_last_message(), "(9, 11)");
    assert_null_array(aa_reshape(&a, 0, NULL), AA_INVALID);
    assert_null_array(aa_reshape(&a, 2, SHAPE(0, 10)), AA_INVALID);
    assert_null_array(aa_reshape(&a, 2, SHAPE(7, -1)), AA_INVALID);
    assert_says(aa_last_message(), "no extent of axis 1");
    assert_null_array(aa_reshape(&a, 2, SHAPE(INT64_MIN, INT64_MIN)), AA_INVALID);
    assert_null_array(aa_reshape(&a, 3, SHAPE(-1, 10, -1)), AA_INVALID);
    assert_null_array(aa_reshape(&a, 2, SHAPE(-2, -50)), AA_INVALID);
    assert_null_array(aa_reshape(&a, 2, SHAPE(0, -1)), AA_INVALID);
    assert_null_array(aa_reshape(&empty, 2, SHAPE(0, -1)), AA_INVALID);
    assert_null_array(aa_reshape(&empty, 1, SHAPE(1)), AA_INVALID);
    assert_null_array(aa_reshape(&a, 3, SHAPE(half, half, 4)), AA_OVERFLOW);
    assert_null_array(aa_reshape(&empty, 3, SHAPE(half, half, 0)), AA_OVERFLOW);
    assert_null_array(aa_reshape(&a, 9, SHAPE(1, 1, 1, 1, 1, 1, 1, 10, 10)), AA_INVALID);
    assert_null_array(aa_reshape(&a, -1, SHAPE(100)), AA_INVALID);
    assert_null_array(aa_reshape(&a, 1, NULL), AA_INVALID);
}
END_TEST

START_TEST(a_reshape_of_a_view_that_is_not_contiguous_never_copies)
{
    const aa_array a = hundred(AA_CURRENT);
    const aa_array transposed = aa_permute(&a, AXES(1, 0));
    const aa_array column = aa_slice(&a, RANGES(AA_ALL, {0, 1, 1}));
    assert_null_array(aa_reshape(&transposed, 1, SHAPE(100)), AA_UNSUPPORTED);
    assert_says(aa_last_message(), "aa_copy");
    assert_null_array(aa_reshape(&column, 1, SHAPE(-1)), AA_UNSUPPORTED);
}
END_TEST

START_TEST(axes_that_are_no_permutation_are_refused)
{
    const aa_array a = aa_empty(AA_CURRENT, AA_F64, 3, SHAPE(2, 3, 4));
    assert_null_array(aa_permute(&a, AXES(0, 1, 1)), AA_INVALID);
    assert_null_array(aa_permute(&a, AXES(0, 1, 3)), AA_INVALID);
    assert_null_array(aa_permute(&a, AXES(0, 1, -1)), AA_INVALID);
    assert_null_array(aa_permute(&a, AXES(0, 1, INT32_MAX)), AA_INVALID);
    assert_null_array(aa_permute(&a, NULL), AA_INVALID);
}
END_TEST

/* ---- stale arrays ------------------------------------------------------------------------------------ */

static void assert_refuses_stale(const aa_array *a)
{
    const aa_array before = *a;
    aa_array owned = *a;
    assert_refused_null(aa_data(a), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert_uint_lt(last_violation()->epoch_seen, last_violation()->epoch_now);
    assert_says(last_violation()->message, "f64 (10, 10)");
    assert_says(last_violation()->message, "test_array+0x");
    ck_assert_str_eq(last_violation()->function, "aa_data");
    assert_refused_array(aa_copy(a), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_array(aa_materialize(a), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused(aa_pin(a), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused(aa_unpin(a), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused(aa_array_free(&owned), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert_mem_eq(&owned, &before, sizeof owned);
}

START_TEST(an_array_used_after_a_reset_is_reported_with_its_allocator_and_both_epochs)
{
    aa_allocator *const bump = bump_create(_i, &(aa_options){.name = "scratchpad"});
    const aa_array a = hundred(bump);
    assert_status(aa_reset(bump), AA_OK);
    assert_refuses_stale(&a);
    assert_refused_null(aa_data(&a), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert_ptr_eq(last_violation()->allocator, bump);
    ck_assert_str_eq(last_violation()->allocator_name, "scratchpad");
    ck_assert_uint_eq(last_violation()->epoch_now, last_violation()->epoch_seen + 1);
    record_violations();
    const aa_array again = hundred(bump);
    ck_assert_ptr_nonnull(aa_data(&again));
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(an_array_used_after_a_rewind_is_reported)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array older = hundred(bump);
    const aa_mark mark = aa_mark_take(bump);
    const aa_array a = hundred(bump);
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_refuses_stale(&a);
    record_violations();
    ck_assert_double_eq(((double *)aa_data(&older))[99], 1);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(an_array_used_after_its_allocator_is_gone_is_reported_without_naming_a_later_one)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = hundred(bump);
    assert_status(aa_destroy(bump), AA_OK);
    aa_allocator *const later = bump_create(_i, NULL);
    const aa_array b = hundred(later);
    assert_refuses_stale(&a);
    assert_refused_null(aa_data(&a), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert_ptr_null(last_violation()->allocator);
    ck_assert(aa_is_valid(&b));
    assert_status(aa_destroy(later), AA_OK);
}
END_TEST

START_TEST(an_array_used_after_it_was_freed_on_the_heap_is_reported)
{
    aa_array a = hundred(aa_heap());
    const aa_array copy = a;
    assert_status(aa_array_free(&a), AA_OK);
    assert_refuses_stale(&copy);
    assert_refused_null(aa_data(&copy), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert_ptr_eq(last_violation()->allocator, aa_heap());
}
END_TEST

START_TEST(a_copy_of_a_freed_newest_array_cannot_be_freed_again)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    aa_array a = hundred(bump), copy = a;
    assert_status(aa_array_free(&a), AA_OK);
    const aa_array next = hundred(bump);
    ck_assert_ptr_eq(next.data, copy.data);
    assert_refused(aa_array_free(&copy), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert(aa_is_valid(&next));
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_view_of_a_stale_array_is_stale)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = hundred(bump);
    assert_status(aa_reset(bump), AA_OK);
    const aa_array view = aa_slice(&a, RANGES({0, 2, 1}, AA_ALL));
    assert_refused_null(aa_data(&view), AA_STALE, AA_USE_AFTER_RESET);
    assert_says(last_violation()->message, "(2, 10)");
    assert_refused_array(aa_copy(&view), AA_STALE, AA_USE_AFTER_RESET);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_stale_view_may_still_be_forgotten)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = hundred(bump);
    aa_array view = aa_permute(&a, AXES(1, 0));
    assert_status(aa_reset(bump), AA_OK);
    record_violations();
    assert_status(aa_array_free(&view), AA_OK);
    assert_no_reports();
    ck_assert(aa_is_null(&view));
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- handles ---------------------------------------------------------------------------------------- */

START_TEST(a_handle_whose_allocator_is_gone_is_reported_even_when_another_was_born)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    aa_array data = hundred(aa_heap());
    const aa_array a = aa_bind(&data, bump);
    assert_status(aa_destroy(bump), AA_OK);
    aa_allocator *later[8];
    for (int i = 0; i < 8; ++i) {
        later[i] = bump_create(_i, NULL);
    }
    assert_refused_array(aa_similar(&a), AA_STALE, AA_USE_AFTER_RESET);
    assert_says(last_violation()->message, "aa_bind");
    assert_refused_array(aa_similar_as(&a, AA_I8, 0, NULL), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_array(aa_copy(&a), AA_STALE, AA_USE_AFTER_RESET);
    record_violations();
    const aa_array bound = aa_bind(&a, AA_CURRENT);
    aa_array b = aa_similar(&bound);
    ck_assert_ptr_nonnull(aa_data(&b));
    assert_no_reports();
    assert_status(aa_array_free(&b), AA_OK);
    assert_status(aa_array_free(&data), AA_OK);
    for (int i = 7; i >= 0; --i) {
        assert_status(aa_destroy(later[i]), AA_OK);
    }
}
END_TEST

START_TEST(a_destroyed_allocator_given_as_a_handle_is_reported_while_quarantined)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = hundred(AA_CURRENT);
    assert_status(aa_destroy(bump), AA_OK);
    assert_refused_array(aa_empty(bump, AA_F64, 1, SHAPE(3)), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_array(aa_bind(&a, bump), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(the_current_arena_of_another_thread_is_refused_at_every_tier)
{
    aa_options options = AA_OPTIONS_INIT;
    options.checks = (aa_checks)_i;
    aa_allocator *const arena = aa_arena_create(&options);
    double data[4] = {0};
    const aa_array a = aa_wrap(data, AA_F64, 1, SHAPE(4), NULL);
    int refused = 0, allowed = 0;
    record_violations();
    AA_WITH(arena) {
#pragma omp parallel num_threads(3) reduction(+ : refused, allowed)
        {
            aa_last_clear();
            const aa_array b = aa_similar(&a);
            const aa_status similar = aa_last_status();
            aa_last_clear();
            const aa_array c = aa_empty(AA_CURRENT, AA_F64, 1, SHAPE(4));
            refused += aa_is_null(&b) && similar == AA_THREAD;
            refused += aa_is_null(&c) && aa_last_status() == AA_THREAD;
            allowed += b.owner == arena && c.owner == arena;
        }
    }
    ck_assert_int_eq(refused, 4);
    ck_assert_int_eq(allowed, 1);
    ck_assert_int_eq(violations_count(), 4);
    ck_assert_int_eq(violations_of(AA_FOREIGN_THREAD), 4);
    ck_assert_ptr_eq(last_violation()->allocator, arena);
    ck_assert_uint_eq(stats_of(arena).allocations, 2);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

static void *ask_for_an_array(void *arena)
{
    aa_array b = {0};
    AA_WITH(arena) {
        b = aa_empty(AA_CURRENT, AA_F64, 0, NULL);
    }
    return aa_is_null(&b) && aa_last_status() == AA_THREAD ? arena : NULL;
}

START_TEST(a_host_thread_that_never_used_the_library_is_a_foreign_thread_too)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    record_violations();
    ck_assert_ptr_eq(on_thread(ask_for_an_array, arena), arena);
    ck_assert_int_eq(violations_of(AA_FOREIGN_THREAD), 1);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

/* ---- no memory --------------------------------------------------------------------------------------- */

START_TEST(a_refused_array_leaves_room_for_a_smaller_one)
{
    aa_options options = AA_OPTIONS_INIT;
    options.capacity = 1 << 16;
    aa_allocator *const bump = bump_create(_i, &options);
    const aa_array a = aa_checked(&(aa_array){0});
    ck_assert(aa_is_null(&a));
    const aa_array first = hundred(bump);
    const size_t used = stats_of(bump).used;
    assert_null_array(aa_similar_as(&first, AA_F64, 1, SHAPE(1 << 20)), AA_NOMEM);
    assert_null_array(aa_zeros(bump, AA_F64, 1, SHAPE(1 << 20)), AA_NOMEM);
    ck_assert_uint_eq(stats_of(bump).used, used);
    const aa_array smaller = aa_similar(&first);
    ck_assert(!aa_is_null(&smaller));
    ck_assert_double_eq(AA_AT(double, &first, 9, 9), 1);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- pins ------------------------------------------------------------------------------------------- */

START_TEST(a_pinned_array_holds_off_reset_destroy_rewind_and_free)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_mark mark = aa_mark_take(bump);
    aa_array a = hundred(bump);
    const aa_array before = a;
    assert_status(aa_pin(&a), AA_OK);
    assert_refused(aa_reset(bump), AA_BUSY, AA_RESET_IN_USE);
    assert_refused(aa_destroy(bump), AA_BUSY, AA_RESET_IN_USE);
    assert_refused(aa_mark_rewind(mark), AA_BUSY, AA_RESET_IN_USE);
    assert_refused(aa_array_free(&a), AA_BUSY, AA_RESET_IN_USE);
    assert_says(last_violation()->message, "f64 (10, 10)");
    ck_assert_mem_eq(&a, &before, sizeof a);
    ck_assert(aa_is_valid(&a));
    assert_status(aa_unpin(&a), AA_OK);
    record_violations();
    assert_status(aa_array_free(&a), AA_OK);
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_status(aa_reset(bump), AA_OK);
    assert_status(aa_destroy(bump), AA_OK);
    assert_no_reports();
}
END_TEST

START_TEST(a_pinned_heap_array_cannot_be_freed)
{
    aa_array a = hundred(aa_heap());
    const aa_array view = aa_permute(&a, AXES(1, 0));
    assert_status(aa_pin(&view), AA_OK);
    assert_refused(aa_array_free(&a), AA_BUSY, AA_RESET_IN_USE);
    ck_assert_double_eq(AA_AT(double, &a, 9, 9), 1);
    assert_status(aa_unpin(&view), AA_OK);
    assert_status(aa_array_free(&a), AA_OK);
}
END_TEST

START_TEST(unpinning_what_is_not_pinned_is_refused)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array a = hundred(bump), b = hundred(bump);
    record_violations();
    assert_status(aa_unpin(&a), AA_ORDER);
    assert_status(aa_pin(&b), AA_OK);
    assert_status(aa_unpin(&a), AA_ORDER);
    assert_status(aa_unpin(&b), AA_OK);
    assert_status(aa_unpin(&b), AA_ORDER);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

AA_TEST_MAIN(
    "array misuse", AA_TEST(a_shape_outside_the_limits_is_refused_and_the_limit_named),
    AA_TEST(an_unknown_dtype_is_refused_and_the_last_one_named),
    AA_TEST(a_product_of_extents_that_overflows_is_refused_and_the_axis_named),
    AA_TEST(wrapped_strides_that_leave_the_address_space_are_refused),
    AA_TEST(wrapping_nothing_is_refused), AA_TEST(a_full_array_without_a_value_is_refused),
    AA_TEST(a_null_allocator_is_refused), AA_TEST(a_null_array_is_refused_by_every_function),
    AA_TEST(an_array_with_spoilt_fields_is_refused),
    AA_TEST(a_slice_beyond_its_axis_is_refused_and_the_axis_named),
    AA_TEST(a_slice_of_step_zero_or_without_ranges_is_refused),
    AA_TEST(a_reshape_to_another_number_of_elements_is_refused),
    AA_TEST(a_reshape_of_a_view_that_is_not_contiguous_never_copies),
    AA_TEST(axes_that_are_no_permutation_are_refused),
    AA_TEST_BUMP(an_array_used_after_a_reset_is_reported_with_its_allocator_and_both_epochs),
    AA_TEST_BUMP(an_array_used_after_a_rewind_is_reported),
    AA_TEST_BUMP(an_array_used_after_its_allocator_is_gone_is_reported_without_naming_a_later_one),
    AA_TEST(an_array_used_after_it_was_freed_on_the_heap_is_reported),
    AA_TEST_BUMP(a_copy_of_a_freed_newest_array_cannot_be_freed_again),
    AA_TEST_BUMP(a_view_of_a_stale_array_is_stale),
    AA_TEST_BUMP(a_stale_view_may_still_be_forgotten),
    AA_TEST_BUMP(a_handle_whose_allocator_is_gone_is_reported_even_when_another_was_born),
    AA_TEST_BUMP(a_destroyed_allocator_given_as_a_handle_is_reported_while_quarantined),
    AA_TEST_LOOP(the_current_arena_of_another_thread_is_refused_at_every_tier, AA_CHECKS_NONE,
                 AA_CHECKS_FULL + 1),
    AA_TEST(a_host_thread_that_never_used_the_library_is_a_foreign_thread_too),
    AA_TEST_BUMP(a_refused_array_leaves_room_for_a_smaller_one),
    AA_TEST_BUMP(a_pinned_array_holds_off_reset_destroy_rewind_and_free),
    AA_TEST(a_pinned_heap_array_cannot_be_freed),
    AA_TEST_BUMP(unpinning_what_is_not_pinned_is_refused))
