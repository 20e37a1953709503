/* Tests of the wider kernels on what NumPy's small cases do not reach: large arrays, refusals. */
#include "../unit/test_kernels.h"

#include <omp.h>

/* What a refusal is: as check_refused says, and no byte of the arena used. */
static void check_refused_whole(aa_allocator *arena, const aa_array *result, aa_status status,
                                const char *one, const char *two)
{
    aa_stats stats;
    check_refused(result, status, one, two);
    ck_assert_int_eq(aa_stats_get(arena, &stats), AA_OK);
    ck_assert_uint_eq(stats.used, 0);
}

#define SOME_AXES(...)                                                                             \
    (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (const int[])                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* ---- reductions and walks ---------------------------------------------------------------------------- */

START_TEST(large_arrays_are_reduced_along_two_axes_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 40, 30, 50);
    const aa_array inner = aa_sum(&a, 2), wanted = aa_sum(&inner, 0);
    const aa_array got = aa_sum_axes(&a, SOME_AXES(2, 0), AA_AXES_KEPT);
    CHECK_SHAPE(&got, 1, 30, 1);
    for (int64_t k = 0; k < 30; ++k) {
        check_near(get(&got, k), get(&wanted, k), 4 * tolerance_of(a.dtype), k);
    }
}
END_TEST

START_TEST(the_number_of_threads_changes_no_bit_of_a_sum_over_axes)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 70, 50, 60);
    omp_set_num_threads(1);
    const aa_array one = aa_sum_axes(&a, SOME_AXES(0, 2), AA_AXES_DROPPED),
                   summed = aa_cumsum(&a, 1);
    omp_set_num_threads(7);
    const aa_array seven = aa_sum_axes(&a, SOME_AXES(0, 2), AA_AXES_DROPPED);
    const aa_array summed_by_seven = aa_cumsum(&a, 1);
    ck_assert(same_bytes(&one, &seven));
    ck_assert(same_bytes(&summed, &summed_by_seven));
}
END_TEST

START_TEST(the_largest_of_many_is_found_where_it_is)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 300, 400);
    set_at(&a, (place){{211, 17}}, 5);
    set_at(&a, (place){{250, 17}}, 5);
    const aa_array all = aa_argmax(&a, AA_ALL_AXES), column = aa_argmax(&a, 0),
                   row = aa_argmax(&a, -1);
    ck_assert_int_eq(*(const int64_t *)aa_data(&all), 211 * 400 + 17);
    ck_assert_int_eq(((const int64_t *)aa_data(&column))[17], 211);
    ck_assert_int_eq(((const int64_t *)aa_data(&row))[211], 17);
}
END_TEST

START_TEST(axes_that_are_not_there_or_named_twice_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4);
    AA_WITH(arena) {
        aa_array out = aa_sum_axes(&a, SOME_AXES(0, 2), AA_AXES_DROPPED);
        check_refused_whole(arena, &out, AA_INVALID, "aa_sum_axes: there is no axis 2", "(3, 4)");
        out = aa_max_axes(&a, SOME_AXES(1, -1), AA_AXES_KEPT);
        check_refused_whole(arena, &out, AA_INVALID, "axis 1 of shape (3, 4) is named twice",
                            "aa_max_axes");
        out = aa_sum_axes(&a, SOME_AXES(0, AA_ALL_AXES), AA_AXES_DROPPED);
        check_refused_whole(arena, &out, AA_INVALID, "there is no axis -2147483648", "(3, 4)");
        out = aa_sum_axes(&a, -1, NULL, AA_AXES_DROPPED);
        check_refused_whole(arena, &out, AA_INVALID, "-1 axes", "(3, 4)");
        out = aa_sum_axes(&a, 1, NULL, AA_AXES_DROPPED);
        check_refused_whole(arena, &out, AA_INVALID, "1 axes", "(3, 4)");
        out = aa_cumsum(&a, AA_ALL_AXES);
        check_refused_whole(arena, &out, AA_INVALID, "aa_cumsum: there is no axis", "(3, 4)");
        out = aa_argmin(&a, -3);
        check_refused_whole(arena, &out, AA_INVALID, "aa_argmin: there is no axis -3", "(3, 4)");
    }
}
END_TEST

START_TEST(nothing_has_no_largest_element_nor_a_place_of_it)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = MAKE(AA_F64, IN_C_ORDER, 1, 3, 0, 2);
    AA_WITH(arena) {
        aa_array out = aa_mean_axes(&a, SOME_AXES(0, 1), AA_AXES_KEPT);
        check_refused_whole(arena, &out, AA_INVALID, "aa_mean_axes", "(3, 0, 2)");
        out = aa_argmax(&a, 1);
        check_refused_whole(arena, &out, AA_INVALID, "aa_argmax", "(3, 0, 2)");
        out = aa_argmin(&a, AA_ALL_AXES);
        check_refused_whole(arena, &out, AA_INVALID, "aa_argmin", "(3, 0, 2)");
    }
}
END_TEST

/* ---- comparison and choice ---------------------------------------------------------------------------- */

START_TEST(a_large_maximum_is_chosen_by_a_mask_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 300, 200);
    const aa_array b = MAKE(dtype_of(_i), IN_C_ORDER, 2, 300, 200);
    const aa_array mask = aa_greater(&a, &b), chosen = aa_where(&mask, &a, &b);
    const aa_array wanted = aa_maximum(&a, &b);
    ck_assert_int_eq(mask.dtype, AA_BOOL);
    ck_assert(same_bytes(&chosen, &wanted));
}
END_TEST

START_TEST(leaky_relu_writes_in_place_and_over_another_view)
{
    const aa_array stored = MAKE(dtype_of(_i), layout_of(_i), 1, 90, 90),
                   negative = aa_neg(&stored);
    aa_array in_place = aa_copy(&negative), turned_onto = aa_copy(&negative);
    const aa_array turned = view_transposed(&turned_onto);
    const aa_array halved = aa_leaky_relu(&negative, 0.5);
    ck_assert_int_eq(aa_leaky_relu_into(&in_place, &in_place, 0.5), AA_OK);
    ck_assert_int_eq(aa_leaky_relu_into(&turned_onto, &turned, 0.5), AA_OK);
    ck_assert(same_bytes(&in_place, &halved));
    for (int64_t k = 0; k < 90; ++k) {
        const place p = {{k, 89 - k}}, q = {{89 - k, k}};
        ck_assert_double_eq(get_at(&halved, p), -0.5 * get_at(&stored, p));
        ck_assert_double_eq(get_at(&turned_onto, q), get_at(&halved, p));
    }
}
END_TEST

START_TEST(masks_and_choices_that_do_not_go_together_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4), b = MAKE(AA_F32, IN_C_ORDER, 1, 3, 5);
    const aa_array wide = MAKE(AA_F64, IN_C_ORDER, 1, 3, 4);
    const aa_array mask = aa_zeros(aa_heap(), AA_BOOL, 2, SHAPE(3, 5));
    AA_WITH(arena) {
        aa_array out = aa_less(&a, &b);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_less", "(3, 4) and (3, 5)");
        out = aa_equal(&a, &wide);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_equal", "f32 and f64");
        out = aa_equal(&mask, &mask);
        check_refused_whole(arena, &out, AA_UNSUPPORTED, "aa_equal", "bool");
        const aa_array bound = aa_bind(&mask, AA_CURRENT);
        out = aa_where(&bound, &a, &b);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_where", "(3, 4) and (3, 5)");
        out = aa_where(&bound, &a, &a);
        check_refused_whole(arena, &out, AA_MISMATCH, "mask", "(3, 5) and (3, 4)");
        out = aa_where(&a, &a, &a);
        check_refused_whole(arena, &out, AA_MISMATCH, "mask", "f32, not bool");
        out = aa_where(&bound, &a, &wide);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_where", "f32 and f64");
        out = aa_where(&bound, &bound, &bound);
        check_refused_whole(arena, &out, AA_UNSUPPORTED, "aa_where", "bool");
    }
}
END_TEST

/* ---- other places ------------------------------------------------------------------------------------- */

START_TEST(many_large_arrays_are_joined_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 100, 70);
    const aa_array *const arrays[] = {&a, &a, &a, &a, &a, &a, &a, &a, &a};
    const aa_array joined = aa_concat(9, arrays, 1);
    CHECK_SHAPE(&joined, 100, 630);
    for (int64_t k = 0; k < aa_count(&joined); ++k) {
        const place p = place_of(&joined, k), q = {{p.at[0], p.at[1] % 70}};
        ck_assert_double_eq(get_at(&joined, p), get_at(&a, q));
    }
}
END_TEST

START_TEST(arrays_that_do_not_join_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4), b = MAKE(AA_F32, IN_C_ORDER, 1, 3, 5);
    const aa_array flat = MAKE(AA_F32, IN_C_ORDER, 1, 4), wide = MAKE(AA_F64, IN_C_ORDER, 1, 3, 4);
    const aa_array scalar = make(AA_F32, IN_C_ORDER, 1, 0, NULL), none = {0};
    AA_WITH(arena) {
        aa_array out = aa_concat(2, (const aa_array *const[]){&a, &b}, 0);
        check_refused_whole(arena, &out, AA_MISMATCH, "(3, 4) and (3, 5)", "axis 0");
        out = aa_concat(2, (const aa_array *const[]){&a, &flat}, 0);
        check_refused_whole(arena, &out, AA_MISMATCH, "(3, 4) and (4)", "aa_concat");
        out = aa_concat(2, (const aa_array *const[]){&a, &wide}, 0);
        check_refused_whole(arena, &out, AA_MISMATCH, "f32 and f64", "aa_concat");
        out = aa_concat(2, (const aa_array *const[]){&a, &none}, 0);
        check_refused_whole(arena, &out, AA_INVALID, "array 2 of 2 is null", "aa_concat");
        out = aa_concat(1, (const aa_array *const[]){&a}, 2);
        check_refused_whole(arena, &out, AA_INVALID, "there is no axis 2", "(3, 4)");
        out = aa_concat(1, (const aa_array *const[]){&scalar}, 0);
        check_refused_whole(arena, &out, AA_INVALID, "there is no axis 0", "()");
        out = aa_concat(0, NULL, 0);
        check_refused_whole(arena, &out, AA_INVALID, "0 arrays", "aa_concat");
    }
}
END_TEST

START_TEST(factors_below_one_or_beyond_counting_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array x = MAKE(AA_F32, IN_C_ORDER, 1, 2, 3, 4, 5),
                   m = MAKE(AA_F32, IN_C_ORDER, 1, 4, 5);
    AA_WITH(arena) {
        aa_array out = aa_upsample2d(&x, 0, 2);
        check_refused_whole(arena, &out, AA_INVALID, "aa_upsample2d: factors 0 and 2",
                            "(2, 3, 4, 5)");
        out = aa_upsample2d(&x, 2, INT64_MAX / 4);
        check_refused_whole(arena, &out, AA_OVERFLOW, "aa_upsample2d", "(2, 3, 4, 5)");
        out = aa_upsample2d(&m, 2, 2);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_upsample2d", "(4, 5)");
    }
}
END_TEST

/* ---- images ------------------------------------------------------------------------------------------- */

START_TEST(without_options_a_convolution_is_the_plain_one)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 3, 4, 20, 20);
    const aa_array w = MAKE(dtype_of(_i), IN_C_ORDER, 2, 5, 4, 3, 3);
    const aa_array b = MAKE(dtype_of(_i), IN_C_ORDER, 3, 5), wanted = aa_conv2d(&x, &w, &b);
    const aa_array none = aa_conv2d_with(&x, &w, &b, NULL);
    const aa_array zeros = aa_conv2d_with(&x, &w, &b, &(aa_conv2d_options){0});
    ck_assert(same_bytes(&none, &wanted));
    ck_assert(same_bytes(&zeros, &wanted));
}
END_TEST

START_TEST(many_groups_are_convolved_by_many_threads_to_the_same_bits)
{
    const aa_array x = MAKE(dtype_of(_i), layout_of(_i), 1, 2, 16, 30, 30);
    const aa_array w = MAKE(dtype_of(_i), IN_C_ORDER, 2, 16, 1, 5, 5);
    const aa_conv2d_options options = {.padding_h = 2, .padding_w = 2, .groups = 16};
    const aa_pool2d_options windows = {.window_h = 3, .window_w = 3, .stride_h = 1, .stride_w = 1};
    omp_set_num_threads(1);
    const aa_array one = aa_conv2d_with(&x, &w, NULL, &options),
                   pool_one = aa_avgpool2d(&x, &windows);
    omp_set_num_threads(5);
    const aa_array five = aa_conv2d_with(&x, &w, NULL, &options),
                   pool_five = aa_avgpool2d(&x, &windows);
    CHECK_SHAPE(&five, 2, 16, 30, 30);
    ck_assert(same_bytes(&one, &five));
    ck_assert(same_bytes(&pool_one, &pool_five));
}
END_TEST

START_TEST(convolutions_that_do_not_go_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array x = MAKE(AA_F32, IN_C_ORDER, 1, 2, 4, 5, 6),
                   w = MAKE(AA_F32, IN_C_ORDER, 1, 6, 2, 3, 3);
    const aa_array b = MAKE(AA_F32, IN_C_ORDER, 1, 4),
                   odd = MAKE(AA_F32, IN_C_ORDER, 1, 3, 2, 3, 3),
                   thin = MAKE(AA_F32, IN_C_ORDER, 1, 6, 1, 3, 3);
    AA_WITH(arena) {
        aa_array out = aa_conv2d_with(&x, &w, NULL, NULL);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_conv2d_with",
                            "(2, 4, 5, 6) and (6, 2, 3, 3)");
        out = aa_conv2d_with(&x, &w, NULL, &(aa_conv2d_options){.groups = 4});
        check_refused_whole(arena, &out, AA_MISMATCH, "channels", "(2, 4, 5, 6) and (6, 2, 3, 3)");
        out = aa_conv2d_with(&x, &thin, NULL, &(aa_conv2d_options){.groups = 3});
        check_refused_whole(arena, &out, AA_MISMATCH, "groups", "(2, 4, 5, 6) and (6, 1, 3, 3)");
        out = aa_conv2d_with(&x, &odd, NULL, &(aa_conv2d_options){.groups = 2});
        check_refused_whole(arena, &out, AA_MISMATCH, "groups", "(2, 4, 5, 6) and (3, 2, 3, 3)");
        out = aa_conv2d_with(&x, &w, NULL, &(aa_conv2d_options){.groups = 2, .dilation_h = 3});
        check_refused_whole(arena, &out, AA_MISMATCH, "must fit", "(2, 4, 5, 6) and (6, 2, 3, 3)");
        out = aa_conv2d_with(&x, &w, &b, &(aa_conv2d_options){.groups = 2});
        check_refused_whole(arena, &out, AA_MISMATCH, "(6, 2, 3, 3) and (4)", "aa_conv2d_with");
        out = aa_conv2d_with(&x, &w, NULL, &(aa_conv2d_options){.groups = 2, .stride_w = -1});
        check_refused_whole(arena, &out, AA_INVALID, "strides (1, -1)", "aa_conv2d_with");
        out =
            aa_conv2d_with(&x, &w, NULL, &(aa_conv2d_options){.groups = 2, .padding_h = INT64_MAX});
        check_refused_whole(arena, &out, AA_INVALID, "padding (9223372036854775807, 0)",
                            "aa_conv2d_with");
        out = aa_conv2d_with(
            &x, &w, NULL,
            &(aa_conv2d_options){.groups = 2, .padding_h = INT32_MAX, .padding_w = INT32_MAX});
        check_refused_whole(arena, &out, AA_OVERFLOW, "beyond the BLAS", "aa_conv2d_with");
    }
}
END_TEST

START_TEST(windows_that_do_not_go_over_an_image_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array x = MAKE(AA_F32, IN_C_ORDER, 1, 2, 4, 5, 6),
                   flat = MAKE(AA_F32, IN_C_ORDER, 1, 5, 6);
    static const aa_pool2d_options bad[] = {
        {0, 2, 0, 0, 0, 0},  {2, 2, -1, 0, 0, 0}, {2, 2, 0, 0, 2, 0},
        {2, 2, 0, 0, 0, -1}, {6, 2, 0, 0, 0, 0},  {2, INT64_MAX, 0, 0, 0, INT64_MAX - 1},
    };
    AA_WITH(arena) {
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
            const aa_array out = aa_avgpool2d(&x, &bad[i]);
            check_refused_whole(arena, &out, AA_MISMATCH, "aa_avgpool2d: a window of",
                                "(2, 4, 5, 6)");
        }
        aa_array out = aa_maxpool2d_with(&flat, &(aa_pool2d_options){.window_h = 2, .window_w = 2});
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_maxpool2d_with", "(5, 6)");
        out = aa_maxpool2d_with(&x, NULL);
        check_refused_whole(arena, &out, AA_INVALID, "aa_maxpool2d_with", "(2, 4, 5, 6)");
    }
}
END_TEST

/* ---- stacks and boxes ---------------------------------------------------------------------------------- */

START_TEST(a_large_stack_is_multiplied_as_each_of_its_matrices)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 6, 40, 30);
    const aa_array b = MAKE(dtype_of(_i), IN_C_ORDER, 2, 30, 20), all = aa_matmul(&a, &b);
    CHECK_SHAPE(&all, 6, 40, 20);
    for (int64_t n = 0; n < 6; ++n) {
        const aa_range only[] = {{n, n + 1, 1}, AA_ALL, AA_ALL};
        const aa_array slice = aa_slice(&a, only), dense = aa_copy(&slice);
        const aa_array matrix = aa_reshape(&dense, 2, SHAPE(40, 30)), one = aa_matmul(&matrix, &b);
        for (int64_t k = 0; k < 800; ++k) {
            check_near(get(&all, n * 800 + k), get(&one, k), 30 * tolerance_of(a.dtype), k);
        }
    }
}
END_TEST

START_TEST(stacks_that_do_not_multiply_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 2, 3, 4),
                   b = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4, 5);
    const aa_array line = MAKE(AA_F32, IN_C_ORDER, 1, 4);
    AA_WITH(arena) {
        aa_array out = aa_matmul(&a, &b);
        check_refused_whole(arena, &out, AA_MISMATCH, "(2, 3, 4) and (3, 4, 5)", "leading axes");
        out = aa_matmul(&b, &b);
        check_refused_whole(arena, &out, AA_MISMATCH, "(3, 4, 5) and (3, 4, 5)", "(..., k, n)");
        out = aa_matmul(&a, &line);
        check_refused_whole(arena, &out, AA_MISMATCH, "(2, 3, 4) and (4)", "2 axes");
    }
}
END_TEST

/* Boxes in pairs that are the same, far from all others; scores fall from the last pair to the first. */
static aa_array make_pairs(aa_dtype dtype, int64_t pairs, aa_array *scores)
{
    const aa_array corners = MAKE(dtype, IN_C_ORDER, 1, 2 * pairs, 4);
    *scores = MAKE(dtype, IN_C_ORDER, 1, 2 * pairs);
    for (int64_t i = 0; i < 2 * pairs; ++i) {
        const double left = 4 * (double)(i / 2), edges[] = {left, 0, left + 2, 2};
        for (int64_t k = 0; k < 4; ++k) {
            set_at(&corners, (place){{i, k}}, edges[k]);
        }
        set_at(scores, (place){{i}}, (double)(i / 2));
    }
    return corners;
}

START_TEST(of_thousands_of_pairs_the_first_of_each_is_kept)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const int64_t pairs = SHAPE(3000, 512, 513)[_i / 2];
    aa_array scores;
    const aa_array corners = make_pairs(dtype_of(_i), pairs, &scores);
    omp_set_num_threads(3);
    AA_WITH(arena) {
        aa_array kept = aa_nms(&corners, &scores, 0.5);
        CHECK_SHAPE(&kept, pairs);
        for (int64_t k = 0; k < pairs; ++k) {
            ck_assert_int_eq(((const int64_t *)kept.data)[k], 2 * (pairs - 1 - k));
        }
        ck_assert_int_eq(aa_array_free(&kept), AA_OK);
        aa_stats stats;
        ck_assert_int_eq(aa_stats_get(arena, &stats), AA_OK);
        ck_assert_uint_eq(stats.used, 0);
    }
}
END_TEST

START_TEST(boxes_and_scores_that_do_not_go_together_are_refused)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array corners = MAKE(AA_F32, IN_C_ORDER, 1, 5, 4),
                   scores = MAKE(AA_F32, IN_C_ORDER, 1, 5);
    const aa_array few = MAKE(AA_F32, IN_C_ORDER, 1, 4), narrow = MAKE(AA_F32, IN_C_ORDER, 1, 5, 3);
    AA_WITH(arena) {
        aa_array out = aa_nms(&narrow, &scores, 0.5);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_nms", "(5, 3) and (5)");
        out = aa_nms(&corners, &few, 0.5);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_nms", "(5, 4) and (4)");
        out = aa_nms(&corners, &corners, 0.5);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_nms", "(5, 4) and (5, 4)");
        out = aa_nms(&scores, &scores, 0.5);
        check_refused_whole(arena, &out, AA_MISMATCH, "aa_nms", "(5) and (5)");
        out = aa_nms(&corners, &scores, 1.5);
        check_refused_whole(arena, &out, AA_INVALID, "a threshold of 1.5", "(5, 4)");
        out = aa_nms(&corners, &scores, NAN);
        check_refused_whole(arena, &out, AA_INVALID, "aa_nms", "(5, 4)");
    }
}
END_TEST

AA_TEST_MAIN("kernels: wider ones",
             AA_TEST_LOOP(large_arrays_are_reduced_along_two_axes_in_any_layout, 0, CASES),
             AA_TEST_LOOP(the_number_of_threads_changes_no_bit_of_a_sum_over_axes, 0, CASES),
             AA_TEST_LOOP(the_largest_of_many_is_found_where_it_is, 0, CASES),
             AA_TEST(axes_that_are_not_there_or_named_twice_are_refused),
             AA_TEST(nothing_has_no_largest_element_nor_a_place_of_it),
             AA_TEST_LOOP(a_large_maximum_is_chosen_by_a_mask_in_any_layout, 0, CASES),
             AA_TEST_LOOP(leaky_relu_writes_in_place_and_over_another_view, 0, CASES),
             AA_TEST(masks_and_choices_that_do_not_go_together_are_refused),
             AA_TEST_LOOP(many_large_arrays_are_joined_in_any_layout, 0, CASES),
             AA_TEST(arrays_that_do_not_join_are_refused),
             AA_TEST(factors_below_one_or_beyond_counting_are_refused),
             AA_TEST_LOOP(without_options_a_convolution_is_the_plain_one, 0, CASES),
             AA_TEST_LOOP(many_groups_are_convolved_by_many_threads_to_the_same_bits, 0, CASES),
             AA_TEST(convolutions_that_do_not_go_are_refused),
             AA_TEST(windows_that_do_not_go_over_an_image_are_refused),
             AA_TEST_LOOP(a_large_stack_is_multiplied_as_each_of_its_matrices, 0, CASES),
             AA_TEST(stacks_that_do_not_multiply_are_refused),
             AA_TEST_LOOP(of_thousands_of_pairs_the_first_of_each_is_kept, 0, 6),
             AA_TEST(boxes_and_scores_that_do_not_go_together_are_refused))
