/* Views and copies, against a model that lists the elements of a view one by one, as Python would. */
#include "runner.h"
#include <allocarrays.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})
#define RANGES(...) ((const aa_range[]){__VA_ARGS__})

enum { DTYPES = AA_C128 + 1, MOST = 20000 };

/* ---- the model: which elements of the base a view shows, in C order ---------------------------------------- */

typedef struct model {
    int ndim;
    int64_t shape[AA_MAX_NDIM];
    int64_t count;
    int64_t element[MOST]; /* numbers of base elements */
} model;

static int64_t product(int ndim, const int64_t *shape)
{
    int64_t count = 1;
    for (int axis = 0; axis < ndim; ++axis) {
        count *= shape[axis];
    }
    return count;
}

static model model_of(int ndim, const int64_t *shape)
{
    model m = {.ndim = ndim, .count = product(ndim, shape)};
    memcpy(m.shape, shape, (size_t)ndim * sizeof *shape);
    for (int64_t i = 0; i < m.count; ++i) {
        m.element[i] = i;
    }
    return m;
}

/* The coordinates of the i-th element in C order. */
static void unravel(int ndim, const int64_t *shape, int64_t i, int64_t *at)
{
    for (int axis = ndim - 1; axis >= 0; --axis) {
        at[axis] = i % shape[axis];
        i /= shape[axis];
    }
}

static int64_t ravel(int ndim, const int64_t *shape, const int64_t *at)
{
    int64_t i = 0;
    for (int axis = 0; axis < ndim; ++axis) {
        i = i * shape[axis] + at[axis];
    }
    return i;
}

/* The indices that Python's range(*slice(start, stop, step).indices(extent)) lists. */
static int64_t python_indices(int64_t extent, aa_range range, int64_t *index)
{
    const int64_t lowest = range.step < 0 ? -1 : 0;
    const int64_t highest = range.step < 0 ? extent - 1 : extent;
    int64_t ends[2] = {range.start, range.stop};
    for (int i = 0; i < 2; ++i) {
        if (ends[i] == AA_OPEN) {
            ends[i] = (i == 0) == (range.step < 0) ? highest : lowest;
            continue;
        }
        ends[i] += ends[i] < 0 ? extent : 0;
        ends[i] = ends[i] < lowest ? lowest : ends[i] > highest ? highest : ends[i];
    }
    int64_t count = 0, i = ends[0];
    while (range.step > 0 ? i < ends[1] : i > ends[1]) {
        index[count++] = i;
        if (__builtin_add_overflow(i, range.step, &i)) {
            break;
        }
    }
    return count;
}

static void model_slice(model *to, const model *from, const aa_range *ranges)
{
    static int64_t index[AA_MAX_NDIM][MOST];
    to->ndim = from->ndim;
    for (int axis = 0; axis < from->ndim; ++axis) {
        to->shape[axis] = python_indices(from->shape[axis], ranges[axis], index[axis]);
    }
    to->count = product(to->ndim, to->shape);
    for (int64_t i = 0; i < to->count; ++i) {
        int64_t at[AA_MAX_NDIM];
        unravel(to->ndim, to->shape, i, at);
        for (int axis = 0; axis < to->ndim; ++axis) {
            at[axis] = index[axis][at[axis]];
        }
        to->element[i] = from->element[ravel(from->ndim, from->shape, at)];
    }
}

static void model_permute(model *to, const model *from, const int *axes)
{
    to->ndim = from->ndim;
    to->count = from->count;
    for (int axis = 0; axis < from->ndim; ++axis) {
        to->shape[axis] = from->shape[axes[axis]];
    }
    for (int64_t i = 0; i < to->count; ++i) {
        int64_t at[AA_MAX_NDIM], source[AA_MAX_NDIM];
        unravel(to->ndim, to->shape, i, at);
        for (int axis = 0; axis < to->ndim; ++axis) {
            source[axes[axis]] = at[axis];
        }
        to->element[i] = from->element[ravel(from->ndim, from->shape, source)];
    }
}

/* Whether the elements follow one another in the base. */
static bool model_is_contiguous(const model *m)
{
    for (int64_t i = 1; i < m->count; ++i) {
        if (m->element[i] != m->element[0] + i) {
            return false;
        }
    }
    return true;
}

/* ---- arrays whose elements carry their number --------------------------------------------------------------- */

static void number_bytes(int64_t number, size_t size, unsigned char *bytes)
{
    for (size_t i = 0; i < size; ++i) {
        bytes[i] = (unsigned char)((uint64_t)number >> (8 * (i % 4))) ^ (unsigned char)(i / 4);
    }
}

static aa_array numbered(aa_dtype dtype, int ndim, const int64_t *shape)
{
    const aa_array a = aa_empty(AA_CURRENT, dtype, ndim, shape);
    ck_assert(!aa_is_null(&a));
    const size_t size = aa_dtype_size(dtype);
    for (int64_t i = 0; i < aa_count(&a); ++i) {
        number_bytes(i, size, (unsigned char *)a.data + (size_t)i * size);
    }
    return a;
}

static const void *element_at(const aa_array *a, const int64_t *at)
{
    int64_t offset = 0;
    for (int axis = 0; axis < a->ndim; ++axis) {
        offset += at[axis] * a->strides[axis];
    }
    return (const char *)a->data + offset * (int64_t)aa_dtype_size(a->dtype);
}

static void assert_shows(const aa_array *view, const model *m)
{
    ck_assert(!aa_is_null(view));
    ck_assert_int_eq(view->ndim, m->ndim);
    for (int axis = 0; axis < m->ndim; ++axis) {
        ck_assert_int_eq(view->shape[axis], m->shape[axis]);
    }
    ck_assert_int_eq(aa_count(view), m->count);
    const size_t size = aa_dtype_size(view->dtype);
    for (int64_t i = 0; i < m->count; ++i) {
        unsigned char expected[16];
        int64_t at[AA_MAX_NDIM];
        number_bytes(m->element[i], size, expected);
        unravel(m->ndim, m->shape, i, at);
        if (memcmp(element_at(view, at), expected, size) != 0) {
            ck_abort_msg("element %lld of the view is not element %lld of the base", (long long)i,
                         (long long)m->element[i]);
        }
    }
}

/* ---- slices of one axis ------------------------------------------------------------------------------- */

static model expected; /* large, hence not on the stack */
static model before;

static void assert_slice_as_python(const aa_array *a, aa_range range)
{
    before = model_of(1, a->shape);
    model_slice(&expected, &before, &range);
    const aa_array view = aa_slice(a, &range);
    assert_shows(&view, &expected);
}

START_TEST(every_slice_of_a_short_axis_is_as_in_python)
{
    const int64_t extent = _i;
    const aa_array a = numbered(AA_I32, 1, &extent);
    for (int64_t step = -extent - 2; step <= extent + 2; ++step) {
        for (int64_t start = -extent - 1; step != 0 && start <= extent; ++start) {
            for (int64_t stop = -extent - 1; stop <= extent; ++stop) {
                const aa_range range = {start < -extent ? AA_OPEN : start,
                                        stop < -extent ? AA_OPEN : stop, step};
                assert_slice_as_python(&a, range);
            }
        }
    }
}
END_TEST

START_TEST(steps_at_the_ends_of_int64_show_one_element)
{
    const aa_array a = numbered(AA_F64, 1, SHAPE(5));
    assert_slice_as_python(&a, (aa_range){0, 5, INT64_MAX});
    assert_slice_as_python(&a, (aa_range){4, 5, INT64_MAX - 1});
    assert_slice_as_python(&a, (aa_range){AA_OPEN, AA_OPEN, INT64_MIN});
    assert_slice_as_python(&a, (aa_range){3, 0, INT64_MIN + 1});
}
END_TEST

START_TEST(a_slice_that_starts_at_the_extent_is_empty)
{
    const aa_array a = numbered(AA_F64, 2, SHAPE(4, 3));
    const aa_array view = aa_slice(&a, RANGES({4, AA_OPEN, 1}, AA_ALL));
    ck_assert(!aa_is_null(&view));
    ck_assert_int_eq(view.shape[0], 0);
    ck_assert_int_eq(view.shape[1], 3);
    ck_assert_ptr_eq(view.data, a.data);
    ck_assert(aa_is_contiguous(&view));
    ck_assert(aa_is_valid(&view));
    const aa_array again = aa_slice(&view, RANGES(AA_ALL, {AA_OPEN, AA_OPEN, -1}));
    ck_assert_int_eq(aa_count(&again), 0);
}
END_TEST

START_TEST(a_slice_writes_to_what_it_views)
{
    const aa_array a = aa_zeros(AA_CURRENT, AA_F64, 2, SHAPE(4, 6));
    const aa_array view = aa_slice(&a, RANGES({-1, AA_OPEN, -2}, {1, -1, 2}));
    ck_assert_int_eq(view.shape[0], 2);
    ck_assert_int_eq(view.shape[1], 2);
    AA_AT(double, &view, 1, 1) = 5;
    ck_assert_double_eq(AA_AT(double, &a, 1, 3), 5);
}
END_TEST

START_TEST(a_scalar_is_sliced_and_permuted_into_itself)
{
    const aa_array a = numbered(AA_F64, 0, NULL);
    const aa_array slice = aa_slice(&a, NULL), permuted = aa_permute(&a, NULL);
    ck_assert_ptr_eq(slice.data, a.data);
    ck_assert_ptr_eq(permuted.data, a.data);
    ck_assert_int_eq(slice.ndim, 0);
}
END_TEST

/* ---- reshape ---------------------------------------------------------------------------------------- */

START_TEST(reshape_shows_the_same_elements_in_order)
{
    const aa_array a = numbered(AA_I16, 3, SHAPE(2, 3, 4));
    const aa_array b = aa_reshape(&a, 2, SHAPE(6, 4));
    ck_assert_ptr_eq(b.data, a.data);
    expected = model_of(2, SHAPE(6, 4));
    assert_shows(&b, &expected);
    const aa_array c = aa_reshape(&b, 5, SHAPE(1, 2, 1, 12, 1));
    expected = model_of(5, SHAPE(1, 2, 1, 12, 1));
    assert_shows(&c, &expected);
}
END_TEST

START_TEST(one_extent_of_a_reshape_may_be_left_out)
{
    const aa_array a = numbered(AA_I16, 3, SHAPE(2, 3, 4));
    ck_assert_int_eq(aa_reshape(&a, 2, SHAPE(8, -1)).shape[1], 3);
    ck_assert_int_eq(aa_reshape(&a, 1, SHAPE(-1)).shape[0], 24);
    ck_assert_int_eq(aa_reshape(&a, 3, SHAPE(24, -1, 1)).shape[1], 1);
    const aa_array empty = aa_empty(AA_CURRENT, AA_F64, 2, SHAPE(0, 5));
    ck_assert_int_eq(aa_reshape(&empty, 2, SHAPE(-1, 7)).shape[0], 0);
    ck_assert(!aa_is_null(&empty));
}
END_TEST

START_TEST(a_scalar_reshapes_to_one_element_and_back)
{
    const aa_array a = numbered(AA_F64, 0, NULL);
    const aa_array b = aa_reshape(&a, 3, SHAPE(1, 1, 1));
    const aa_array c = aa_reshape(&b, 0, NULL);
    ck_assert_int_eq(b.ndim, 3);
    ck_assert_int_eq(c.ndim, 0);
    ck_assert_ptr_eq(c.data, a.data);
    ck_assert_int_eq(c.shape[0], 0);
}
END_TEST

START_TEST(a_contiguous_part_can_be_reshaped)
{
    const aa_array a = numbered(AA_F64, 2, SHAPE(6, 4));
    const aa_array rows = aa_slice(&a, RANGES({2, 5, 1}, AA_ALL));
    ck_assert(aa_is_contiguous(&rows));
    const aa_array flat = aa_reshape(&rows, 1, SHAPE(12));
    ck_assert_ptr_eq(flat.data, (double *)a.data + 8);
}
END_TEST

/* ---- chains of views, and their copies ----------------------------------------------------------------------- */

static uint64_t random_state;

static int64_t random_below(int64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (int64_t)((random_state >> 11) % (uint64_t)limit);
}

static aa_range random_range(int64_t extent)
{
    if (random_below(3) == 0) {
        return (aa_range){AA_OPEN, AA_OPEN, random_below(2) * 2 - 1};
    }
    aa_range range = {random_below(2 * extent + 1) - extent, random_below(2 * extent + 1) - extent,
                      random_below(7) - 3};
    range.step += range.step == 0;
    range.start = random_below(4) == 0 ? AA_OPEN : range.start;
    range.stop = random_below(2) == 0 ? AA_OPEN : range.stop;
    return range;
}

static aa_array random_slice(const aa_array *a)
{
    aa_range ranges[AA_MAX_NDIM];
    for (int axis = 0; axis < a->ndim; ++axis) {
        ranges[axis] = random_range(a->shape[axis]);
    }
    before = expected;
    model_slice(&expected, &before, ranges);
    return aa_slice(a, ranges);
}

static aa_array random_permute(const aa_array *a)
{
    int axes[AA_MAX_NDIM];
    for (int axis = 0; axis < a->ndim; ++axis) {
        const int other = (int)random_below(axis + 1);
        axes[axis] = axes[other];
        axes[other] = axis;
    }
    before = expected;
    model_permute(&expected, &before, axes);
    return aa_permute(a, axes);
}

/* Split the elements over two axes, when there are any and the view lets us. */
static aa_array random_reshape(const aa_array *a)
{
    const int64_t count = aa_count(a);
    if (count == 0 || !aa_is_contiguous(a)) {
        return *a;
    }
    int64_t rows = 1 + random_below(count);
    while (count % rows != 0) {
        --rows;
    }
    expected.ndim = 2;
    expected.shape[0] = rows;
    expected.shape[1] = count / rows;
    return aa_reshape(a, 2, SHAPE(rows, -1));
}

static void assert_copies_show(const aa_array *view, const model *m)
{
    aa_array copies[] = {aa_copy(view), aa_materialize(view)};
    for (int i = 0; i < 2; ++i) {
        assert_shows(&copies[i], m);
        ck_assert(aa_is_contiguous(&copies[i]));
        ck_assert_ptr_ne(copies[i].data, view->data);
        ck_assert_int_eq(aa_array_free(&copies[i]), AA_OK);
    }
}

START_TEST(chains_of_views_show_what_the_model_shows)
{
    random_state = 0x9e3779b97f4a7c15 + (uint64_t)_i;
    for (int round = 0; round < 60; ++round) {
        int64_t shape[AA_MAX_NDIM];
        const int ndim = (int)random_below(AA_MAX_NDIM + 1);
        for (int axis = 0; axis < ndim; ++axis) {
            shape[axis] = 1 + random_below(ndim < 4 ? 9 : 3);
        }
        aa_array base = numbered((aa_dtype)_i, ndim, shape);
        expected = model_of(ndim, shape);
        aa_array view = base;
        for (int64_t depth = random_below(5); depth >= 0; --depth) {
            static aa_array (*const steps[])(const aa_array *) = {random_slice, random_permute,
                                                                  random_reshape, random_slice};
            view = steps[random_below(4)](&view);
            assert_shows(&view, &expected);
            ck_assert(aa_is_valid(&view));
            ck_assert_int_eq(aa_is_contiguous(&view), model_is_contiguous(&expected));
        }
        assert_copies_show(&view, &expected);
        ck_assert_int_eq(aa_array_free(&base), AA_OK);
    }
}
END_TEST

START_TEST(a_copy_of_a_repeated_row_repeats_it)
{
    int row[3] = {1, 2, 3};
    const aa_array a = aa_wrap(row, AA_I32, 2, SHAPE(4, 3), SHAPE(0, 1));
    const aa_array b = aa_copy(&a);
    for (int i = 0; i < 12; ++i) {
        ck_assert_int_eq(((int *)b.data)[i], row[i % 3]);
    }
    const aa_array same = aa_wrap(&row[1], AA_I32, 3, SHAPE(2, 2, 2), SHAPE(0, 0, 0));
    const aa_array c = aa_copy(&same);
    for (int i = 0; i < 8; ++i) {
        ck_assert_int_eq(((int *)c.data)[i], 2);
    }
}
END_TEST

START_TEST(a_copy_of_one_element_ignores_its_strides)
{
    double x = 3;
    const aa_array a = aa_wrap(&x, AA_F64, 2, SHAPE(1, 1), SHAPE(INT64_MAX, INT64_MIN));
    const aa_array b = aa_copy(&a);
    ck_assert_double_eq(AA_AT(double, &b, 0, 0), 3);
}
END_TEST

START_TEST(a_copy_reads_unaligned_memory)
{
    unsigned char bytes[8 * 5 + 1];
    for (int64_t i = 0; i < 5; ++i) {
        memcpy(&bytes[1 + 8 * i], &i, 8);
    }
    const aa_array a = aa_wrap(&bytes[1], AA_I64, 1, SHAPE(5), NULL);
    const aa_array every_other = aa_slice(&a, RANGES({AA_OPEN, AA_OPEN, -2}));
    const aa_array b = aa_copy(&a), c = aa_copy(&every_other);
    ck_assert_int_eq(((int64_t *)b.data)[4], 4);
    ck_assert_int_eq(((int64_t *)c.data)[1], 2);
}
END_TEST

START_TEST(a_copy_comes_from_the_handle_and_a_materialised_one_from_the_heap)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = aa_full(arena, AA_F64, 1, SHAPE(3), &(double){1});
    const aa_array copy = aa_copy(&a);
    aa_array kept = aa_materialize(&a);
    ck_assert_ptr_eq(copy.owner, arena);
    ck_assert_ptr_eq(copy.dispatch, arena);
    ck_assert_ptr_eq(kept.owner, aa_heap());
    ck_assert_ptr_eq(kept.dispatch, arena);
    ck_assert_ptr_eq(aa_similar(&kept).owner, arena);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
    ck_assert(!aa_is_valid(&copy));
    ck_assert(aa_is_valid(&kept));
    ck_assert_double_eq(AA_AT(double, &kept, 2), 1);
    ck_assert_int_eq(aa_array_free(&kept), AA_OK);
}
END_TEST

START_TEST(a_materialised_array_survives_the_scratch_and_the_reset)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    double data[3] = {1, 2, 3};
    const aa_array a = aa_wrap(data, AA_F64, 1, SHAPE(3), NULL);
    aa_array kept_from_arena = a, kept_from_heap = a;
    AA_WITH(arena) {
        const aa_array b = aa_copy(&a);
        kept_from_arena = aa_materialize(&b);
    }
    AA_SCRATCH(aa_heap()) {
        const aa_array b = aa_copy(&a);
        kept_from_heap = aa_materialize(&b);
    }
    ck_assert_int_eq(aa_reset(arena), AA_OK);
    ck_assert(aa_is_valid(&kept_from_arena));
    ck_assert(aa_is_valid(&kept_from_heap));
    ck_assert_double_eq(AA_AT(double, &kept_from_arena, 2), 3);
    ck_assert_double_eq(AA_AT(double, &kept_from_heap, 2), 3);
    ck_assert_int_eq(aa_array_free(&kept_from_arena), AA_OK);
    ck_assert_int_eq(aa_array_free(&kept_from_heap), AA_OK);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(an_array_materialises_after_the_allocator_of_its_handle_is_gone)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    aa_array a = aa_full(AA_CURRENT, AA_F64, 1, SHAPE(3), &(double){1});
    const aa_array bound = aa_bind(&a, arena);
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
    aa_array kept = aa_materialize(&bound);
    ck_assert_double_eq(AA_AT(double, &kept, 2), 1);
    ck_assert_int_eq(aa_array_free(&kept), AA_OK);
    ck_assert_int_eq(aa_array_free(&a), AA_OK);
}
END_TEST

START_TEST(a_large_transposed_array_is_copied_whole)
{
    const aa_array a = aa_empty(AA_CURRENT, (aa_dtype)_i, 2, SHAPE(300, 60));
    const size_t size = aa_dtype_size(a.dtype);
    for (int64_t i = 0; i < 18000; ++i) {
        number_bytes(i, size, (unsigned char *)a.data + (size_t)i * size);
    }
    before = model_of(2, SHAPE(300, 60));
    model_permute(&expected, &before, (const int[]){1, 0});
    const aa_array transposed = aa_permute(&a, (const int[]){1, 0});
    assert_copies_show(&transposed, &expected);
}
END_TEST

AA_TEST_MAIN("array views", AA_TEST_LOOP(every_slice_of_a_short_axis_is_as_in_python, 0, 7),
             AA_TEST(steps_at_the_ends_of_int64_show_one_element),
             AA_TEST(a_slice_that_starts_at_the_extent_is_empty),
             AA_TEST(a_slice_writes_to_what_it_views),
             AA_TEST(a_scalar_is_sliced_and_permuted_into_itself),
             AA_TEST(reshape_shows_the_same_elements_in_order),
             AA_TEST(one_extent_of_a_reshape_may_be_left_out),
             AA_TEST(a_scalar_reshapes_to_one_element_and_back),
             AA_TEST(a_contiguous_part_can_be_reshaped),
             AA_TEST_LOOP(chains_of_views_show_what_the_model_shows, 0, DTYPES),
             AA_TEST(a_copy_of_a_repeated_row_repeats_it),
             AA_TEST(a_copy_of_one_element_ignores_its_strides),
             AA_TEST(a_copy_reads_unaligned_memory),
             AA_TEST(a_copy_comes_from_the_handle_and_a_materialised_one_from_the_heap),
             AA_TEST(a_materialised_array_survives_the_scratch_and_the_reset),
             AA_TEST(an_array_materialises_after_the_allocator_of_its_handle_is_gone),
             AA_TEST_LOOP(a_large_transposed_array_is_copied_whole, 0, DTYPES))
