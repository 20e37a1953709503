/* Tests of the matrix products and the layers of networks, against loops over single elements. */
#include "test_kernels.h"

#include <omp.h>

static double dot(const aa_array *a, const aa_array *b, int64_t i, int64_t j)
{
    double sum = 0;
    for (int64_t k = 0; k < a->shape[1]; ++k) {
        sum += get_at(a, (place){{i, k}}) * get_at(b, (place){{k, j}});
    }
    return sum;
}

static void check_matmul(const aa_array *a, const aa_array *b)
{
    const aa_array out = aa_matmul(a, b);
    CHECK_SHAPE(&out, a->shape[0], b->shape[1]);
    for (int64_t n = 0; n < aa_count(&out); ++n) {
        const place p = place_of(&out, n);
        check_near(get(&out, n), dot(a, b, p.at[0], p.at[1]), 4 * tolerance_of(a->dtype), n);
    }
}

START_TEST(a_product_matches_the_three_loops_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 13, 21);
    for (int how = 0; how < LAYOUTS; ++how) {
        const aa_array b = MAKE(dtype_of(_i), (layout)how, 2, 21, 17);
        check_matmul(&a, &b);
    }
}
END_TEST

START_TEST(a_product_larger_than_a_panel_matches)
{
    const aa_array tall = MAKE(dtype_of(_i), layout_of(_i), 1, 700, 11);
    const aa_array wide = MAKE(dtype_of(_i), layout_of(_i), 2, 11, 600);
    const aa_array narrow = MAKE(dtype_of(_i), layout_of(_i), 3, 11, 3);
    check_matmul(&tall, &narrow);
    const aa_array few = view_transposed(&narrow);
    check_matmul(&few, &wide);
    check_matmul(&tall, &wide);
}
END_TEST

START_TEST(thin_and_empty_products_have_results)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 9, 1}, {5, 1, 6}, {1, 7, 4}, {8, 3, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, sizes[i][0], sizes[i][1]);
        const aa_array b = MAKE(dtype_of(_i), layout_of(_i), 2, sizes[i][1], sizes[i][2]);
        check_matmul(&a, &b);
    }
    const aa_array tall = MAKE(dtype_of(_i), IN_C_ORDER, 1, 4, 0);
    const aa_array flat = MAKE(dtype_of(_i), IN_C_ORDER, 1, 0, 3);
    const aa_array zeros = aa_matmul(&tall, &flat), none = aa_matmul(&flat, &(aa_array){0});
    CHECK_SHAPE(&zeros, 4, 3);
    ck_assert_double_eq(get(&zeros, 11), 0);
    ck_assert(aa_is_null(&none));
}
END_TEST

START_TEST(a_column_of_a_matrix_can_be_multiplied)
{
    const aa_array all = MAKE(dtype_of(_i), IN_C_ORDER, 1, 12, 5),
                   b = MAKE(dtype_of(_i), 0, 2, 1, 4);
    const aa_range column[] = {AA_ALL, {2, 3, 1}};
    const aa_array a = aa_slice(&all, column);
    check_matmul(&a, &b);
    const aa_array turned = view_transposed(&a);
    check_matmul(&turned, &all);
}
END_TEST

START_TEST(products_of_wrong_shapes_are_refused)
{
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4), b = MAKE(AA_F32, IN_C_ORDER, 2, 5, 6);
    const aa_array line = MAKE(AA_F32, IN_C_ORDER, 3, 4);
    aa_array out = aa_matmul(&a, &b);
    check_refused(&out, AA_MISMATCH, "aa_matmul", "shapes (3, 4) and (5, 6)");
    out = aa_matmul(&a, &line);
    check_refused(&out, AA_MISMATCH, "aa_matmul", "shapes (3, 4) and (4)");
    out = aa_dense(&a, &b, NULL);
    check_refused(&out, AA_MISMATCH, "aa_dense", "shapes (3, 4) and (5, 6)");
    const aa_array w = MAKE(AA_F32, IN_C_ORDER, 4, 2, 4);
    out = aa_dense(&a, &w, &line);
    check_refused(&out, AA_MISMATCH, "aa_dense", "shapes (2, 4) and (4)");
}
END_TEST

START_TEST(a_dense_layer_matches)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 9, 14);
    const aa_array w = MAKE(dtype_of(_i), layout_of(_i), 2, 6, 14);
    const aa_array b = MAKE(dtype_of(_i), layout_of(_i), 3, 6);
    const aa_array wt = view_transposed(&w), biased = aa_dense(&x, &w, &b);
    const aa_array plain = aa_dense(&x, &w, NULL);
    CHECK_SHAPE(&biased, 9, 6);
    for (int64_t n = 0; n < aa_count(&biased); ++n) {
        const place p = place_of(&biased, n);
        const double wanted = dot(&x, &wt, p.at[0], p.at[1]);
        check_near(get(&plain, n), wanted, 4 * tolerance_of(x.dtype), n);
        check_near(get(&biased, n), wanted + get(&b, p.at[1]), 4 * tolerance_of(x.dtype), n);
    }
}
END_TEST

static double convolved(const aa_array *x, const aa_array *w, place p)
{
    double sum = 0;
    for (int64_t c = 0; c < w->shape[1]; ++c) {
        for (int64_t dy = 0; dy < w->shape[2]; ++dy) {
            for (int64_t dx = 0; dx < w->shape[3]; ++dx) {
                sum += get_at(x, (place){{p.at[0], c, p.at[2] + dy, p.at[3] + dx}}) *
                       get_at(w, (place){{p.at[1], c, dy, dx}});
            }
        }
    }
    return sum;
}

static void check_conv(const aa_array *x, const aa_array *w, const aa_array *b)
{
    const aa_array out = aa_conv2d(x, w, b);
    CHECK_SHAPE(&out, x->shape[0], w->shape[0], x->shape[2] - w->shape[2] + 1,
                x->shape[3] - w->shape[3] + 1);
    for (int64_t n = 0; n < aa_count(&out); ++n) {
        const place p = place_of(&out, n);
        const double wanted = convolved(x, w, p) + (b == NULL ? 0 : get(b, p.at[1]));
        check_near(get(&out, n), wanted, 4 * tolerance_of(x->dtype), n);
    }
}

START_TEST(a_convolution_matches_in_any_layout)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 5, 3, 9, 8);
    const aa_array w = MAKE(dtype_of(_i), layout_of(_i), 2, 4, 3, 3, 2);
    const aa_array b = MAKE(dtype_of(_i), layout_of(_i), 3, 4);
    check_conv(&x, &w, &b);
    check_conv(&x, &w, NULL);
}
END_TEST

START_TEST(a_convolution_by_several_threads_matches_in_any_layout)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 7, 4, 14, 13);
    const aa_array w = MAKE(dtype_of(_i), IN_C_ORDER, 2, 6, 4, 3, 3);
    const aa_array b = MAKE(dtype_of(_i), IN_C_ORDER, 3, 6);
    omp_set_num_threads(4);
    check_conv(&x, &w, &b);
    const aa_array four = aa_conv2d(&x, &w, &b);
    omp_set_num_threads(1);
    const aa_array one = aa_conv2d(&x, &w, &b);
    ck_assert(same_bytes(&four, &one));
}
END_TEST

START_TEST(a_convolution_inside_a_region_matches)
{
    const aa_array x = MAKE(AA_F32, IN_C_ORDER, 1, 7, 4, 14, 13);
    const aa_array w = MAKE(AA_F32, IN_C_ORDER, 2, 6, 4, 3, 3);
    const aa_array wanted = aa_conv2d(&x, &w, NULL);
    int different = 0;
#pragma omp parallel num_threads(3) reduction(+ : different)
    {
        aa_array got = aa_conv2d(&x, &w, NULL);
        different += same_bytes(&got, &wanted) ? 0 : 1;
        different += aa_array_free(&got) == AA_OK ? 0 : 1;
    }
    ck_assert_int_eq(different, 0);
}
END_TEST

START_TEST(a_kernel_as_large_as_the_image_gives_one_pixel)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 2, 1, 5, 6);
    const aa_array w = MAKE(dtype_of(_i), layout_of(_i), 2, 3, 1, 5, 6);
    const aa_array point = MAKE(dtype_of(_i), layout_of(_i), 3, 3, 1, 1, 1);
    check_conv(&x, &w, NULL);
    check_conv(&x, &point, NULL);
}
END_TEST

START_TEST(a_convolution_of_no_images_is_empty)
{
    const aa_array x = MAKE(dtype_of(_i), IN_C_ORDER, 1, 0, 2, 5, 6);
    const aa_array w = MAKE(dtype_of(_i), IN_C_ORDER, 2, 3, 2, 3, 3);
    const aa_array out = aa_conv2d(&x, &w, NULL);
    CHECK_SHAPE(&out, 0, 3, 3, 4);
}
END_TEST

START_TEST(convolutions_of_wrong_shapes_are_refused)
{
    const aa_array x = MAKE(AA_F32, IN_C_ORDER, 1, 2, 3, 8, 8);
    const aa_array other = MAKE(AA_F32, IN_C_ORDER, 2, 4, 2, 3, 3);
    const aa_array large = MAKE(AA_F32, IN_C_ORDER, 3, 4, 3, 9, 3);
    const aa_array flat = MAKE(AA_F32, IN_C_ORDER, 4, 4, 3),
                   w = MAKE(AA_F32, IN_C_ORDER, 5, 4, 3, 3, 3);
    aa_array out = aa_conv2d(&x, &other, NULL);
    check_refused(&out, AA_MISMATCH, "(2, 3, 8, 8) and (4, 2, 3, 3)", "channels");
    out = aa_conv2d(&x, &large, NULL);
    check_refused(&out, AA_MISMATCH, "(2, 3, 8, 8) and (4, 3, 9, 3)", "fit");
    out = aa_conv2d(&x, &flat, NULL);
    check_refused(&out, AA_MISMATCH, "(2, 3, 8, 8) and (4, 3)", "aa_conv2d");
    out = aa_conv2d(&x, &w, &flat);
    check_refused(&out, AA_MISMATCH, "(4, 3, 3, 3) and (4, 3)", "aa_conv2d");
}
END_TEST

START_TEST(pooling_takes_the_largest_of_each_square_in_any_layout)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 3, 2, 7, 10);
    const aa_array out = aa_maxpool2d(&x);
    CHECK_SHAPE(&out, 3, 2, 3, 5);
    for (int64_t n = 0; n < aa_count(&out); ++n) {
        const place p = place_of(&out, n);
        double wanted = -1;
        for (int corner = 0; corner < 4; ++corner) {
            const place from = {
                {p.at[0], p.at[1], 2 * p.at[2] + corner / 2, 2 * p.at[3] + corner % 2}};
            wanted = fmax(wanted, get_at(&x, from));
        }
        ck_assert_double_eq(get(&out, n), wanted);
    }
}
END_TEST

START_TEST(pooling_of_wrong_shapes_is_refused)
{
    const aa_array low = MAKE(AA_F32, IN_C_ORDER, 1, 1, 1, 1, 6),
                   flat = MAKE(AA_F32, IN_C_ORDER, 1, 6, 6);
    aa_array out = aa_maxpool2d(&low);
    check_refused(&out, AA_MISMATCH, "aa_maxpool2d", "(1, 1, 1, 6)");
    out = aa_maxpool2d(&flat);
    check_refused(&out, AA_MISMATCH, "aa_maxpool2d", "(6, 6)");
}
END_TEST

START_TEST(batch_normalisation_matches_in_any_layout)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 4, 5, 6, 7);
    const aa_array gamma = MAKE(dtype_of(_i), layout_of(_i), 2, 5);
    const aa_array beta = MAKE(dtype_of(_i), layout_of(_i), 3, 5);
    const aa_array mean = MAKE(dtype_of(_i), layout_of(_i), 4, 5);
    const aa_array var = MAKE(dtype_of(_i), layout_of(_i), 5, 5);
    const aa_array out = aa_batchnorm(&x, &gamma, &beta, &mean, &var, 1e-5);
    CHECK_SHAPE(&out, 4, 5, 6, 7);
    for (int64_t n = 0; n < aa_count(&out); ++n) {
        const int64_t c = place_of(&out, n).at[1];
        const double scale = get(&gamma, c) / sqrt(get(&var, c) + 1e-5);
        check_near(get(&out, n), (get(&x, n) - get(&mean, c)) * scale + get(&beta, c),
                   4 * tolerance_of(x.dtype), n);
    }
}
END_TEST

START_TEST(batch_normalisation_takes_any_number_of_axes_from_two)
{
    const aa_array c = MAKE(AA_F64, IN_C_ORDER, 2, 5), x2 = MAKE(AA_F64, IN_C_ORDER, 1, 4, 5);
    const aa_array x3 = MAKE(AA_F64, IN_C_ORDER, 1, 4, 5, 3), x1 = MAKE(AA_F64, IN_C_ORDER, 1, 5);
    aa_array out = aa_batchnorm(&x2, &c, &c, &c, &c, 0);
    CHECK_SHAPE(&out, 4, 5);
    out = aa_batchnorm(&x3, &c, &c, &c, &c, 0);
    CHECK_SHAPE(&out, 4, 5, 3);
    out = aa_batchnorm(&x1, &c, &c, &c, &c, 0);
    check_refused(&out, AA_MISMATCH, "aa_batchnorm", "shapes (5) and (5)");
    const aa_array four = MAKE(AA_F64, IN_C_ORDER, 2, 4);
    out = aa_batchnorm(&x2, &c, &c, &four, &c, 0);
    check_refused(&out, AA_MISMATCH, "aa_batchnorm", "shapes (4, 5) and (4)");
}
END_TEST

START_TEST(softmax_gives_probabilities_in_any_layout)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 6, 4, 10);
    const aa_array out = aa_softmax(&x);
    CHECK_SHAPE(&out, 6, 4, 10);
    for (int64_t row = 0; row < 24; ++row) {
        double sum = 0;
        for (int64_t k = 0; k < 10; ++k) {
            sum += exp(get(&x, row * 10 + k));
        }
        for (int64_t k = row * 10; k < row * 10 + 10; ++k) {
            check_near(get(&out, k), exp(get(&x, k)) / sum, tolerance_of(x.dtype), k);
        }
    }
}
END_TEST

START_TEST(softmax_of_large_numbers_does_not_overflow)
{
    const aa_array x = MAKE(dtype_of(_i), IN_C_ORDER, 1, 1, 2);
    set_at(&x, (place){{0, 0}}, 10000);
    set_at(&x, (place){{0, 1}}, 10000);
    const aa_array out = aa_softmax(&x);
    ck_assert_double_eq(get(&out, 0), 0.5);
    const aa_array scalar = make(dtype_of(_i), IN_C_ORDER, 1, 0, NULL), none = aa_softmax(&scalar);
    check_refused(&none, AA_INVALID, "aa_softmax", "()");
    const aa_array empty = MAKE(dtype_of(_i), IN_C_ORDER, 1, 3, 0), nothing = aa_softmax(&empty);
    CHECK_SHAPE(&nothing, 3, 0);
}
END_TEST

AA_TEST_MAIN("kernels: products and layers",
             AA_TEST_LOOP(a_product_matches_the_three_loops_in_any_layout, 0, CASES),
             AA_TEST_LOOP(a_product_larger_than_a_panel_matches, 0, CASES),
             AA_TEST_LOOP(thin_and_empty_products_have_results, 0, CASES),
             AA_TEST_LOOP(a_column_of_a_matrix_can_be_multiplied, 0, 2),
             AA_TEST(products_of_wrong_shapes_are_refused),
             AA_TEST_LOOP(a_dense_layer_matches, 0, CASES),
             AA_TEST_LOOP(a_convolution_matches_in_any_layout, 0, CASES),
             AA_TEST_LOOP(a_convolution_by_several_threads_matches_in_any_layout, 0, CASES),
             AA_TEST(a_convolution_inside_a_region_matches),
             AA_TEST_LOOP(a_kernel_as_large_as_the_image_gives_one_pixel, 0, CASES),
             AA_TEST_LOOP(a_convolution_of_no_images_is_empty, 0, 2),
             AA_TEST(convolutions_of_wrong_shapes_are_refused),
             AA_TEST_LOOP(pooling_takes_the_largest_of_each_square_in_any_layout, 0, CASES),
             AA_TEST(pooling_of_wrong_shapes_is_refused),
             AA_TEST_LOOP(batch_normalisation_matches_in_any_layout, 0, CASES),
             AA_TEST(batch_normalisation_takes_any_number_of_axes_from_two),
             AA_TEST_LOOP(softmax_gives_probabilities_in_any_layout, 0, CASES),
             AA_TEST_LOOP(softmax_of_large_numbers_does_not_overflow, 0, 2))
