/* The kernels where no other test goes: each request that they make refused, shapes that are empty or just do not fit, views
 * that lie unusually, a BLAS with threads of its own. */
#include "test_kernels.h"

#include "violations.h"

#include <omp.h>
#include <pthread.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})
enum { NEVER = 1000000 };

/* ---- a BLAS with threads of its own: these stand before an OpenBLAS that is linked ---------------------------------- */

int openblas_get_parallel(void);
int openblas_get_num_threads(void);
void openblas_set_num_threads(int threads);

static int blas_kind, blas_threads = 7, blas_sets, blas_least = NEVER;

int openblas_get_parallel(void)
{
    return blas_kind;
}

int openblas_get_num_threads(void)
{
    return blas_threads;
}

void openblas_set_num_threads(int threads)
{
    blas_threads = threads;
    blas_least = threads < blas_least ? threads : blas_least;
    ++blas_sets;
}

/* ---- memory that counts and refuses ----------------------------------------------------------------------------------- */

static int requests, refused_at, out_now;

static void *counted_alloc(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    void *p = NULL;
    if (++requests == refused_at || posix_memalign(&p, alignment, bytes) != 0) {
        return NULL;
    }
    ++out_now;
    return p;
}

static void counted_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    --out_now;
    free(pointer);
}

static aa_allocator *counted(void)
{
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = counted_alloc, .free = counted_free};
    refused_at = 0;
    aa_allocator *const a = aa_custom_create(&ops, NULL, NULL);
    ck_assert_ptr_nonnull(a);
    return a;
}

static aa_array ones(aa_allocator *a, int ndim, const int64_t *shape)
{
    aa_array array = aa_empty(a, AA_F64, ndim, shape);
    ck_assert_msg(!aa_is_null(&array), "%s", aa_last_message());
    assert_status(aa_fill(&array, 1), AA_OK);
    return array;
}

/* ---- every request refused ---------------------------------------------------------------------------------------------- */

static aa_status as_status(aa_array result)
{
    if (aa_is_null(&result)) {
        return aa_last_status();
    }
    assert_status(aa_array_free(&result), AA_OK);
    return AA_OK;
}

static aa_status conv_of_a_view(aa_allocator *a)
{
    aa_array x = ones(a, 4, SHAPE(2, 3, 8, 8)), w = ones(a, 4, SHAPE(4, 3, 3, 3));
    const aa_array turned = aa_permute(&w, (const int[]){0, 1, 3, 2});
    const aa_status status = as_status(aa_conv2d(&x, &turned, NULL));
    assert_status(aa_array_free(&w), AA_OK);
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status product_of_views(aa_allocator *a)
{
    aa_array x = ones(a, 3, SHAPE(4, 2, 6)), y = ones(a, 3, SHAPE(4, 2, 6));
    const aa_array left = aa_reshape(&x, 2, SHAPE(8, 6)), all = aa_reshape(&y, 2, SHAPE(6, 8));
    const aa_array l = aa_slice(&left, (const aa_range[]){{0, 8, 2}, {0, 6, 2}});
    const aa_array r = aa_slice(&all, (const aa_range[]){{0, 6, 2}, {0, 8, 2}});
    const aa_status status = as_status(aa_matmul(&l, &r));
    assert_status(aa_array_free(&y), AA_OK);
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status sum_in_parts(aa_allocator *a)
{
    aa_array x = ones(a, 1, SHAPE(40000));
    const aa_status status = as_status(aa_sum(&x, AA_ALL_AXES));
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status mean_of_a_view(aa_allocator *a)
{
    aa_array x = ones(a, 2, SHAPE(40000, 4));
    const aa_array turned = aa_permute(&x, (const int[]){1, 0});
    const aa_status status = as_status(aa_mean(&turned, AA_ALL_AXES));
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status mean_into_itself(aa_allocator *a)
{
    aa_array x = ones(a, 2, SHAPE(3, 20000));
    aa_array row = aa_slice(&x, (const aa_range[]){{0, 1, 1}, AA_ALL});
    row = aa_reshape(&row, 1, SHAPE(20000));
    const aa_status status = aa_mean_into(&row, &x, 0);
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status sum_in_parts_into_itself(aa_allocator *a)
{
    aa_array x = ones(a, 2, SHAPE(40000, 2));
    aa_array row = aa_slice(&x, (const aa_range[]){{0, 1, 1}, AA_ALL});
    row = aa_reshape(&row, 1, SHAPE(2));
    const aa_status status = aa_sum_into(&row, &x, 0);
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status add_into_itself_backwards(aa_allocator *a)
{
    aa_array x = ones(a, 1, SHAPE(100));
    aa_array back = aa_slice(&x, (const aa_range[]){{AA_OPEN, AA_OPEN, -1}});
    const aa_status status = aa_add_into(&x, &x, &back);
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status copy_into_itself_backwards(aa_allocator *a)
{
    aa_array x = ones(a, 1, SHAPE(100));
    aa_array back = aa_slice(&x, (const aa_range[]){{AA_OPEN, AA_OPEN, -1}});
    const aa_status status = aa_copy_into(&x, &back);
    assert_status(aa_array_free(&x), AA_OK);
    return status;
}

static aa_status (*const refusing[])(aa_allocator *) = {conv_of_a_view,
                                                        product_of_views,
                                                        sum_in_parts,
                                                        mean_of_a_view,
                                                        mean_into_itself,
                                                        sum_in_parts_into_itself,
                                                        add_into_itself_backwards,
                                                        copy_into_itself_backwards};
enum { REFUSING = sizeof refusing / sizeof refusing[0] };

START_TEST(a_kernel_whose_nth_request_is_refused_says_so_and_keeps_nothing)
{
    aa_allocator *const a = counted();
    assert_status(refusing[_i](a), AA_OK); /* and leaves nothing */
    ck_assert_int_eq(out_now, 0);
    const int arguments = _i < 2 ? 2 : 1;
    int n = arguments + 1;
    for (;; ++n) {
        requests = 0;
        refused_at = n;
        const aa_status status = refusing[_i](a);
        ck_assert_int_eq(out_now, 0);
        if (requests < n) {
            assert_status(status, AA_OK);
            break;
        }
        assert_status(status, AA_NOMEM);
    }
    ck_assert_int_gt(n, arguments + 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- shapes ------------------------------------------------------------------------------------------------------------- */

static bool is_mismatch(aa_array result)
{
    return aa_is_null(&result) && aa_last_status() == AA_MISMATCH;
}

START_TEST(shapes_that_a_convolution_cannot_take_are_refused)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array x = ones(a, 4, SHAPE(1, 1, 4, 4)), flat = ones(a, 3, SHAPE(1, 4, 4));
    const aa_array w = ones(a, 4, SHAPE(1, 1, 3, 3)), wide = ones(a, 4, SHAPE(1, 1, 3, 5));
    const aa_array low = ones(a, 4, SHAPE(1, 1, 0, 3)), thin = ones(a, 4, SHAPE(1, 1, 3, 0));
    ck_assert(is_mismatch(aa_conv2d(&flat, &w, NULL)));
    ck_assert(is_mismatch(aa_conv2d(&x, &flat, NULL)));
    ck_assert(is_mismatch(aa_conv2d(&x, &wide, NULL)));
    ck_assert(is_mismatch(aa_conv2d(&x, &low, NULL)));
    ck_assert(is_mismatch(aa_conv2d(&x, &thin, NULL)));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(shapes_that_products_and_pools_cannot_take_are_refused)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array line = ones(a, 1, SHAPE(3)), m = ones(a, 2, SHAPE(3, 3));
    const aa_array narrow = ones(a, 4, SHAPE(1, 1, 4, 1)), low = ones(a, 4, SHAPE(1, 1, 1, 4));
    ck_assert(is_mismatch(aa_matmul(&line, &m)));
    ck_assert(is_mismatch(aa_matmul(&m, &line)));
    ck_assert(is_mismatch(aa_dense(&line, &m, NULL)));
    ck_assert(is_mismatch(aa_dense(&m, &line, NULL)));
    ck_assert(is_mismatch(aa_maxpool2d(&narrow)));
    ck_assert(is_mismatch(aa_maxpool2d(&low)));
    aa_array out = ones(a, 1, SHAPE(2));
    assert_status(aa_add_into(&out, &line, &line), AA_MISMATCH);
    assert_status(aa_copy_into(&out, &line), AA_MISMATCH);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(products_of_nothing_are_empty_or_zero_or_the_bias)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array none_by_3 = ones(a, 2, SHAPE(0, 3)), three = ones(a, 2, SHAPE(3, 3));
    const aa_array three_by_none = ones(a, 2, SHAPE(3, 0)), bias = ones(a, 1, SHAPE(3));
    const aa_array empty = aa_matmul(&none_by_3, &three);
    ck_assert(!aa_is_null(&empty) && aa_count(&empty) == 0);
    const aa_array none = aa_matmul(&three, &three_by_none);
    ck_assert(!aa_is_null(&none) && aa_count(&none) == 0);
    const aa_array zero = aa_matmul(&three_by_none, &none_by_3);
    const aa_array only_bias = aa_dense(&three_by_none, &three_by_none, &bias);
    for (int i = 0; i < 9; ++i) {
        ck_assert(((double *)zero.data)[i] == 0);
        ck_assert(((double *)only_bias.data)[i] == 1);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_extent_beyond_the_int_of_a_blas_is_an_overflow)
{
    const int64_t many = (int64_t)1 << 32;
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array wide = ones(a, 2, SHAPE(0, many)), high = ones(a, 2, SHAPE(many, 0));
    const aa_array product = aa_matmul(&wide, &high);
    ck_assert(aa_is_null(&product));
    assert_status(aa_last_status(), AA_OVERFLOW);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- values and layouts ------------------------------------------------------------------------------------------------- */

START_TEST(what_is_no_number_stays_so_in_a_maximum_a_minimum_and_a_pool)
{
    aa_allocator *const a = aa_arena_create(NULL);
    for (int first = 0; first < 2; ++first) {
        for (int single = 0; single < 2; ++single) {
            const aa_dtype dtype = single ? AA_F32 : AA_F64;
            aa_array x = aa_empty(a, dtype, 1, SHAPE(1)), y = aa_empty(a, dtype, 1, SHAPE(1));
            assert_status(aa_fill(&x, first ? (double)NAN : 1), AA_OK);
            assert_status(aa_fill(&y, first ? 1 : (double)NAN), AA_OK);
            const aa_array most = aa_maximum(&x, &y), least = aa_minimum(&x, &y);
            ck_assert(isnan(get_at(&most, (place){{0}})));
            ck_assert(isnan(get_at(&least, (place){{0}})));
            aa_array image = aa_empty(a, dtype, 4, SHAPE(1, 1, 2, 2));
            assert_status(aa_fill(&image, (double)NAN), AA_OK);
            const aa_array pooled = aa_maxpool2d(&image);
            ck_assert(isnan(get_at(&pooled, (place){{0}})));
        }
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_pool_of_a_turned_image_takes_the_right_squares)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array x = aa_empty(a, AA_F64, 4, SHAPE(1, 1, 4, 6));
    for (int i = 0; i < 24; ++i) {
        ((double *)x.data)[i] = (i * 7) % 24;
    }
    const aa_array turned = aa_permute(&x, (const int[]){0, 1, 3, 2}),
                   pooled = aa_maxpool2d(&turned);
    for (int row = 0; row < 3; ++row) {
        for (int column = 0; column < 2; ++column) {
            double most = -1;
            for (int k = 0; k < 4; ++k) {
                const place p = {{0, 0, 2 * row + k / 2, 2 * column + k % 2}};
                most = fmax(most, get_at(&turned, p));
            }
            ck_assert(get_at(&pooled, (place){{0, 0, row, column}}) == most);
        }
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(elements_of_every_size_are_copied_in_and_out_of_views)
{
    static const aa_dtype dtypes[] = {AA_U8, AA_I16, AA_F32, AA_F64, AA_C128};
    aa_allocator *const a = aa_arena_create(NULL);
    for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; ++d) {
        const size_t size = aa_dtype_size(dtypes[d]);
        const aa_array from = aa_zeros(a, dtypes[d], 1, SHAPE(20));
        for (size_t i = 0; i < 20 * size; ++i) {
            ((unsigned char *)from.data)[i] = (unsigned char)(i * 37 + 1);
        }
        aa_array spread = aa_zeros(a, dtypes[d], 1, SHAPE(40)),
                 back = aa_zeros(a, dtypes[d], 1, SHAPE(20));
        aa_array seconds = aa_slice(&spread, (const aa_range[]){{1, 40, 2}});
        assert_status(aa_copy_into(&seconds, &from), AA_OK); /* contiguous to spread */
        assert_status(aa_copy_into(&back, &seconds), AA_OK); /* and back */
        ck_assert_mem_eq(back.data, from.data, 20 * size);
        for (size_t i = 0; i < 40; i += 2) {
            ck_assert(((unsigned char *)spread.data)[i * size] == 0);
        }
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reduction_of_every_second_element_takes_those_alone)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array x = aa_empty(a, AA_F64, 1, SHAPE(100));
    for (int i = 0; i < 100; ++i) {
        ((double *)x.data)[i] = i;
    }
    const aa_array seconds = aa_slice(&x, (const aa_range[]){{0, 100, 2}});
    const aa_array sum = aa_sum(&seconds, AA_ALL_AXES);
    ck_assert(*(double *)sum.data == 2450);
    const aa_array wide = ones(a, 2, SHAPE(20000, 3000)); /* many results of a long axis */
    const aa_array sums = aa_sum(&wide, 0);
    ck_assert(((double *)sums.data)[0] == 20000 && ((double *)sums.data)[2999] == 20000);
    const aa_array nothing = ones(a, 2, SHAPE(20000, 0));
    const aa_array none = aa_sum(&nothing, 0);
    ck_assert(!aa_is_null(&none) && aa_count(&none) == 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_checked_array_is_pinned_while_a_kernel_reads_it_and_refused_when_stale)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array x = ones(a, 1, SHAPE(10)), checked = aa_checked(&x);
    const aa_array sum = aa_sum(&checked, 0);
    ck_assert(*(double *)sum.data == 10);
    assert_status(aa_reset(a), AA_OK); /* no pin is left */
    record_violations();
    const aa_array none = aa_sum(&checked, 0);
    ck_assert(aa_is_null(&none));
    assert_one_report("a kernel on a stale array", AA_USE_AFTER_RESET);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(extents_of_one_and_none_overlap_as_they_should)
{
    aa_allocator *const a = aa_arena_create(NULL);
    aa_array column = ones(a, 2, SHAPE(10, 1)), none = ones(a, 2, SHAPE(0, 3));
    aa_array same = column;
    same.strides[1] = 77; /* of an extent of 1: it says nothing */
    assert_status(aa_add_into(&column, &column, &same), AA_OK);
    ck_assert(((double *)column.data)[9] == 2);
    column.strides[1] = 0; /* as before: no elements overlap */
    assert_status(aa_add_into(&column, &column, &column), AA_OK);
    ck_assert(((double *)column.data)[9] == 4);
    assert_status(aa_add_into(&none, &none, &none), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_convolution_of_fewer_images_than_threads_is_right)
{
    omp_set_num_threads(6);
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array x = ones(a, 4, SHAPE(4, 8, 60, 60)), w = ones(a, 4, SHAPE(200, 8, 8, 8));
    blas_kind = 1;
    const aa_array y = aa_conv2d(&x, &w, NULL);
    ck_assert(!aa_is_null(&y));
    ck_assert_int_eq(blas_least, 1); /* a team computed it */
    const int64_t count = aa_count(&y);
    for (int64_t i = 0; i < count; i += 997) {
        ck_assert(((double *)y.data)[i] == 8 * 8 * 8);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- the BLAS' threads -------------------------------------------------------------------------------------------------- */

static void *multiply(void *allocator)
{
    const aa_array m = ones(allocator, 2, SHAPE(600, 600));
    const aa_array product = aa_matmul(&m, &m);
    return aa_is_null(&product) || ((double *)product.data)[0] != 600 ? allocator : NULL;
}

START_TEST(a_blas_with_threads_of_its_own_runs_with_one_and_gets_the_others_back)
{
    aa_allocator *const a = aa_shared_create(NULL);
    ck_assert_ptr_null(multiply(a));
    ck_assert_int_eq(blas_sets, 0); /* this BLAS has none */
    blas_kind = 1;
    ck_assert_ptr_null(multiply(a));
    ck_assert_int_ge(blas_sets, 2);
    ck_assert_int_eq(blas_least, 1);
    ck_assert_int_eq(blas_threads, 7);
    pthread_t threads[4];
    for (int i = 0; i < 4; ++i) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, multiply, a), 0);
    }
    for (int i = 0; i < 4; ++i) {
        void *wrong = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
    ck_assert_int_eq(blas_threads, 7);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* The sanitizers see a stride that is multiplied in vain; a product is refused where it is read. */
START_TEST(the_stride_of_an_axis_without_a_second_element_is_not_read)
{
    const int64_t far = INT64_MAX;
    double values[] = {1, 2, 3, 4};
    const aa_array row = aa_wrap(values, AA_F64, 2, SHAPE(1, 4), SHAPE(far, 1));
    const aa_array column = aa_wrap(values, AA_F64, 2, SHAPE(4, 1), SHAPE(1, -far));
    const aa_array single = aa_wrap(values + 1, AA_F64, 1, SHAPE(1), SHAPE(far));
    const aa_array none = aa_wrap(values, AA_F64, 2, SHAPE(3, 0), SHAPE(1, far));
    const aa_array image = aa_wrap(values, AA_F64, 4, SHAPE(1, 1, 2, 1), SHAPE(far, far, 1, far));
    const aa_array pixel = aa_wrap(values, AA_F64, 4, SHAPE(1, 1, 1, 1), SHAPE(far, far, far, far));
    const aa_conv2d_options apart = {
        .stride_w = 3, .padding_w = 3, .padding_h = 1, .dilation_w = 3};
    const aa_pool2d_options wide = {3, 3, 1, 1, 2, 2};
    const struct {
        aa_array result;
        int64_t count;
        double first;
    } cases[] = {{aa_matmul(&row, &column), 1, 30},
                 {aa_matmul(&column, &row), 16, 1},
                 {aa_dense(&row, &row, &single), 1, 32},
                 {aa_sum(&row, 0), 4, 1},
                 {aa_sum(&column, 1), 4, 1},
                 {aa_sum(&none, 1), 3, 0},
                 {aa_sum_axes(&none, 2, (const int[]){0, 1}, AA_AXES_KEPT), 1, 0},
                 {aa_cumsum(&single, 0), 1, 2},
                 {aa_cumsum(&column, 1), 4, 1},
                 {aa_conv2d(&image, &pixel, &single), 2, 3},
                 {aa_conv2d_with(&image, &pixel, NULL, &apart), 12, 0},
                 {aa_avgpool2d(&image, &wide), 12, 1},
                 {aa_softmax(&column), 4, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        ck_assert_msg(!aa_is_null(&cases[i].result), "%zu", i);
        ck_assert_int_eq(aa_count(&cases[i].result), cases[i].count);
        ck_assert_double_eq(((const double *)cases[i].result.data)[0], cases[i].first);
        aa_array result = cases[i].result;
        assert_status(aa_array_free(&result), AA_OK);
    }
    aa_array found[] = {aa_argmax(&single, 0), aa_argmin(&column, 1), aa_nms(&row, &single, 0.5)};
    for (size_t i = 0; i < 3; ++i) {
        ck_assert_int_eq(found[i].dtype, AA_I64);
        ck_assert_int_eq(((const int64_t *)found[i].data)[0], 0);
        assert_status(aa_array_free(&found[i]), AA_OK);
    }
}
END_TEST

AA_TEST_MAIN("kernels: edges",
             AA_TEST_LOOP(a_kernel_whose_nth_request_is_refused_says_so_and_keeps_nothing, 0,
                          REFUSING),
             AA_TEST(shapes_that_a_convolution_cannot_take_are_refused),
             AA_TEST(shapes_that_products_and_pools_cannot_take_are_refused),
             AA_TEST(products_of_nothing_are_empty_or_zero_or_the_bias),
             AA_TEST(an_extent_beyond_the_int_of_a_blas_is_an_overflow),
             AA_TEST(what_is_no_number_stays_so_in_a_maximum_a_minimum_and_a_pool),
             AA_TEST(a_pool_of_a_turned_image_takes_the_right_squares),
             AA_TEST(elements_of_every_size_are_copied_in_and_out_of_views),
             AA_TEST(a_reduction_of_every_second_element_takes_those_alone),
             AA_TEST(a_checked_array_is_pinned_while_a_kernel_reads_it_and_refused_when_stale),
             AA_TEST(extents_of_one_and_none_overlap_as_they_should),
             AA_TEST(a_convolution_of_fewer_images_than_threads_is_right),
             AA_TEST(a_blas_with_threads_of_its_own_runs_with_one_and_gets_the_others_back),
             AA_TEST(the_stride_of_an_axis_without_a_second_element_is_not_read))
