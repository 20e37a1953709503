/* Kernels where no other test goes (doc/coverage.md): outputs that are refused, images of one column or one element, what is
 * no number beside a single element. */
#include "test_kernels.h"

#include "violations.h"

#include <allocarrays/impl/inject.h>
#include <pthread.h>
#include <sched.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static aa_array filled(aa_allocator *a, aa_dtype dtype, int ndim, const int64_t *shape,
                       double value)
{
    aa_array array = aa_empty(a, dtype, ndim, shape);
    ck_assert_msg(!aa_is_null(&array), "%s", aa_last_message());
    assert_status(aa_fill(&array, value), AA_OK);
    return array;
}

START_TEST(an_output_that_cannot_be_written_is_refused_and_left)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array x = filled(a, AA_F64, 2, SHAPE(3, 4), 2), null = {0};
    aa_array out = filled(a, AA_F64, 1, SHAPE(4), 7), none = {0};
    assert_status(aa_add_into(&out, &null, &out), AA_INVALID);
    assert_status(aa_add_into(&none, &out, &out), AA_INVALID);
    assert_status(aa_sum_into(&none, &x, 0), AA_INVALID);
    assert_status(aa_sum_into(&out, &x, 2), AA_INVALID); /* has no such axis */
    for (int i = 0; i < 4; ++i) {
        ck_assert(((double *)out.data)[i] == 7);
    }
    aa_array one = filled(a, AA_F64, 1, SHAPE(1), 5);
    aa_array wide = one;
    wide.shape[0] = 4;
    wide.strides[0] = 0; /* four elements in the place of one */
    assert_status(aa_sum_into(&wide, &x, 0), AA_INVALID);
    ck_assert(*(double *)one.data == 5);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static bool is_refused(aa_array result, aa_status status)
{
    return aa_is_null(&result) && aa_last_status() == status;
}

START_TEST(each_option_out_of_its_range_is_refused)
{
    static const aa_conv2d_options below[] = {
        {.stride_h = -1},   {.stride_w = -1},   {.padding_h = -1}, {.padding_w = -1},
        {.dilation_h = -1}, {.dilation_w = -1}, {.groups = -1}};
    const int64_t much = (int64_t)1 << 31;
    const aa_conv2d_options above[] = {
        {.stride_h = much},   {.stride_w = much},   {.padding_h = much}, {.padding_w = much},
        {.dilation_h = much}, {.dilation_w = much}, {.groups = much}};
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array x = filled(a, AA_F64, 4, SHAPE(1, 1, 4, 4), 1), *const none = NULL;
    const aa_array flat = filled(a, AA_F64, 4, SHAPE(1, 1, 0, 4), 1);
    for (size_t i = 0; i < sizeof below / sizeof below[0]; ++i) {
        ck_assert(is_refused(aa_conv2d_with(&x, &x, none, &below[i]), AA_INVALID));
        ck_assert(is_refused(aa_conv2d_with(&x, &x, none, &above[i]), AA_INVALID));
    }
    ck_assert(is_refused(aa_concat(1, NULL, 0), AA_INVALID));
    ck_assert(is_refused(aa_upsample2d(&x, 1, 0), AA_INVALID));
    ck_assert(is_refused(aa_upsample2d(&x, INT64_MAX, 1), AA_OVERFLOW));
    ck_assert(is_refused(aa_upsample2d(&x, 1, INT64_MAX), AA_OVERFLOW));
    ck_assert(
        is_refused(aa_maxpool2d_with(&flat, &(aa_pool2d_options){1, 1, 1, 1, 0, 0}), AA_MISMATCH));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(extents_that_pass_every_number_are_refused)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array half = aa_empty(a, AA_U8, 2, SHAPE(0, (int64_t)1 << 62));
    ck_assert(!aa_is_null(&half));
    ck_assert(is_refused(aa_concat(2, (const aa_array *const[]){&half, &half}, 1), AA_OVERFLOW));
    const int64_t much = (int64_t)1 << 31;
    const aa_array image = filled(a, AA_F64, 4, SHAPE(0, 1, 2 * much, 1), 1);
    const aa_array kernel = filled(a, AA_F64, 4, SHAPE(0, 1, much, 1), 1);
    ck_assert(is_refused(aa_conv2d(&image, &kernel, NULL), AA_MISMATCH)); /* though it would fit */
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* No array is so large; what its owner has written over may say so. */
START_TEST(extents_that_no_array_has_are_refused)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array pixel = filled(a, AA_F64, 4, SHAPE(1, 1, 1, 1), 1);
    for (int axis = 2; axis < 4; ++axis) {
        aa_array image = filled(a, AA_F64, 4, SHAPE(0, 1, 4, 4), 1);
        image.shape[axis] = INT64_MAX / 2 + 1;
        ck_assert(is_refused(aa_conv2d(&image, &pixel, NULL), AA_MISMATCH));
        image.shape[axis] = INT64_MAX / 4 + 1;
        ck_assert(
            is_refused(aa_avgpool2d(&image, &(aa_pool2d_options){1, 1, 1, 1, 0, 0}), AA_MISMATCH));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- late in a call --------------------------------------------------------------------------------- */

/* At a request: no memory, or another allocator reset beside it. */
typedef struct late {
    int requests, at, live;
    aa_allocator *reset; /* NULL: no memory */
} late;

static void *late_alloc(void *state, size_t bytes, size_t alignment)
{
    late *const l = state;
    void *p = NULL;
    if (++l->requests == l->at && (l->reset == NULL || aa_reset(l->reset) != AA_OK)) {
        return NULL;
    }
    l->live += posix_memalign(&p, alignment, bytes) == 0;
    return p;
}

static void late_free(void *state, void *pointer, size_t bytes)
{
    (void)bytes;
    --((late *)state)->live;
    free(pointer);
}

static const aa_allocator_ops late_ops = {
    .size = sizeof late_ops, .alloc = late_alloc, .free = late_free};

START_TEST(no_memory_to_choose_many_boxes_again_is_said_and_keeps_nothing)
{
    enum { BOXES = 513 }; /* one more than are chosen at once */
    aa_allocator *const a = aa_arena_create(NULL);
    aa_array corners = filled(a, AA_F64, 2, SHAPE(BOXES, 4), 0);
    const aa_array scores = filled(a, AA_F64, 1, SHAPE(BOXES), 1);
    for (int i = 0; i < BOXES; ++i) {
        const double box[] = {2.0 * i, 0, 2.0 * i + 1, 1};
        memcpy((double *)corners.data + (ptrdiff_t)4 * i, box, sizeof box);
    }
    for (int at = 1; at <= 4; ++at) { /* workspace, result, workspace; then none is refused */
        late state = {.at = at};
        aa_allocator *const custom = aa_custom_create(&late_ops, &state, NULL);
        corners = aa_bind(&corners, custom);
        aa_array kept = aa_nms(&corners, &scores, 0.5);
        if (at <= 3) {
            ck_assert(aa_is_null(&kept));
            assert_status(aa_last_status(), AA_NOMEM);
        } else {
            ck_assert_int_eq(aa_count(&kept), BOXES);
            assert_status(aa_array_free(&kept), AA_OK);
        }
        ck_assert_int_eq(state.live, 0);
        assert_status(aa_destroy(custom), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_argument_that_is_lost_while_the_result_is_made_is_reported_and_the_result_freed)
{
    aa_allocator *const a = aa_arena_create(NULL), *const lost = aa_arena_create(NULL);
    late state = {.at = 1, .reset = lost};
    aa_allocator *const custom = aa_custom_create(&late_ops, &state, NULL);
    const aa_array one = filled(a, AA_F64, 1, SHAPE(3), 1), first = aa_bind(&one, custom);
    const aa_array next = filled(lost, AA_F64, 1, SHAPE(3), 2);
    record_violations();
    const aa_array joined = aa_concat(2, (const aa_array *const[]){&first, &next}, 0);
    ck_assert(aa_is_null(&joined));
    assert_one_report("the second of two", AA_USE_AFTER_RESET);
    ck_assert_int_eq(state.requests, 1);
    ck_assert_int_eq(state.live, 0);
    assert_status(aa_destroy(custom), AA_OK);
    assert_status(aa_destroy(lost), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A scratch of another thread ends where the reader has just pinned the array that is in it. */
static struct {
    pthread_t reader;
    aa_allocator *allocator;
    aa_array array;
    bool made, ends, ended;
} scratch;

static void set(bool *flag)
{
    __atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static void wait_until(const bool *flag)
{
    while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE)) {
        (void)sched_yield();
    }
}

static void *make_in_a_scratch(void *nothing)
{
    AA_SCRATCH(scratch.allocator) {
        const aa_array made = filled(scratch.allocator, AA_F64, 1, SHAPE(10), 1);
        scratch.array = aa_checked(&made);
        set(&scratch.made);
        wait_until(&scratch.ends);
    }
    set(&scratch.ended);
    return nothing;
}

static void end_the_scratch(unsigned where)
{
    if ((where & AAI_POINT_RELEASED) != 0 && pthread_equal(pthread_self(), scratch.reader) != 0) {
        set(&scratch.ends);
        wait_until(&scratch.ended);
    }
}

START_TEST(an_argument_that_is_lost_where_it_was_pinned_is_reported_once)
{
    pthread_t thread;
    scratch.reader = pthread_self();
    scratch.allocator = aa_shared_create(NULL);
    record_violations();
    ck_assert_int_eq(pthread_create(&thread, NULL, make_in_a_scratch, NULL), 0);
    wait_until(&scratch.made);
    aai_injection_set(end_the_scratch); /* the first lock that is let go is the pin's */
    const aa_array sum = aa_sum(&scratch.array, 0);
    aai_injection_set(NULL);
    ck_assert(is_refused(sum, AA_STALE));
    ck_assert_int_eq(violations_of(AA_ESCAPE), 1); /* so it was pinned when the scratch ended */
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 1);
    ck_assert_int_eq(violations_count(), 2);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(aai_pins(scratch.allocator), 0);
    assert_status(aa_destroy(scratch.allocator), AA_OK);
}
END_TEST

/* ---- values ------------------------------------------------------------------------------------------ */

START_TEST(single_elements_are_compared)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_dtype dtype = dtype_of(_i);
    const aa_array two = filled(a, dtype, 2, SHAPE(1, 1), 2),
                   three = filled(a, dtype, 2, SHAPE(1, 1), 3);
    const struct {
        aa_array mask;
        bool holds;
    } cases[] = {{aa_equal(&two, &three), false},        {aa_not_equal(&two, &three), true},
                 {aa_less(&two, &three), true},          {aa_less_equal(&two, &three), true},
                 {aa_greater(&two, &three), false},      {aa_greater_equal(&two, &three), false},
                 {aa_less_equal(&two, &two), true},      {aa_equal(&two, &two), true},
                 {aa_greater_equal(&three, &two), true}, {aa_less(&two, &two), false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        ck_assert_int_eq(aa_count(&cases[i].mask), 1);
        ck_assert_int_eq(*(const bool *)cases[i].mask.data, cases[i].holds);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* _i: dtype and side. */
START_TEST(what_is_no_number_stays_so_beside_a_single_element)
{
    enum { COUNT = 9, AT = 4 };
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_dtype dtype = dtype_of(_i);
    const bool single_first = _i / 2 == 0;
    for (int which = 0; which < 2; ++which) { /* the single element, or one of the others */
        const double single = which == 0 ? (double)NAN : 1;
        const aa_array one = filled(a, dtype, 1, SHAPE(1), single),
                       many = filled(a, dtype, 1, SHAPE(COUNT), 3);
        if (which == 1) {
            aa_array element = aa_slice(&many, (const aa_range[]){{AT, AT + 1, 1}});
            assert_status(aa_fill(&element, (double)NAN), AA_OK);
        }
        const aa_array *const x = single_first ? &one : &many, *const y =
                                                                   single_first ? &many : &one;
        const aa_array most = aa_maximum(x, y), least = aa_minimum(x, y);
        for (int i = 0; i < COUNT; ++i) {
            const place p = {{i}};
            const bool is_nan = which == 0 || i == AT;
            ck_assert_int_eq(isnan(get_at(&most, p)) != 0, is_nan);
            ck_assert_int_eq(isnan(get_at(&least, p)) != 0, is_nan);
            ck_assert(is_nan || (get_at(&most, p) == 3 && get_at(&least, p) == 1));
        }
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_pool_of_one_column_that_lies_in_one_piece_takes_the_right_squares)
{
    enum { ROWS = 12 };
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array turned = aa_empty(a, AA_F64, 4, SHAPE(1, 1, 2, ROWS));
    for (int i = 0; i < 2 * ROWS; ++i) {
        ((double *)turned.data)[i] = (i * 7) % (2 * ROWS);
    }
    const aa_array x = aa_permute(&turned, (const int[]){0, 1, 3, 2}), pooled = aa_maxpool2d(&x);
    ck_assert_int_eq(aa_count(&pooled), ROWS / 2);
    for (int row = 0; row < ROWS / 2; ++row) {
        double most = -1;
        for (int k = 0; k < 4; ++k) {
            most = fmax(most, get_at(&x, (place){{0, 0, 2 * row + k / 2, k % 2}}));
        }
        ck_assert(get_at(&pooled, (place){{0, 0, row, 0}}) == most);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_single_element_is_normalised)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_dtype dtype = dtype_of(_i);
    const aa_array x = filled(a, dtype, 2, SHAPE(1, 1), 5),
                   gamma = filled(a, dtype, 1, SHAPE(1), 3);
    const aa_array beta = filled(a, dtype, 1, SHAPE(1), 10),
                   mean = filled(a, dtype, 1, SHAPE(1), 1);
    const aa_array var = filled(a, dtype, 1, SHAPE(1), 4);
    const aa_array out = aa_batchnorm(&x, &gamma, &beta, &mean, &var, 0);
    ck_assert(fabs(get_at(&out, (place){{0, 0}}) - 16) < 1e-4); /* (5 - 1) / 2 * 3 + 10 */
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN(
    "corners of kernels", AA_TEST(an_output_that_cannot_be_written_is_refused_and_left),
    AA_TEST_LOOP(what_is_no_number_stays_so_beside_a_single_element, 0, 4),
    AA_TEST(a_pool_of_one_column_that_lies_in_one_piece_takes_the_right_squares),
    AA_TEST_LOOP(a_single_element_is_normalised, 0, 2),
    AA_TEST(each_option_out_of_its_range_is_refused),
    AA_TEST(extents_that_pass_every_number_are_refused),
    AA_TEST(extents_that_no_array_has_are_refused),
    AA_TEST(no_memory_to_choose_many_boxes_again_is_said_and_keeps_nothing),
    AA_TEST(an_argument_that_is_lost_while_the_result_is_made_is_reported_and_the_result_freed),
    AA_TEST(an_argument_that_is_lost_where_it_was_pinned_is_reported_once),
    AA_TEST_LOOP(single_elements_are_compared, 0, 2))
