/* Tests of the reductions: sum, mean, max and min along one axis or all. */
#include "test_kernels.h"

#include <omp.h>

typedef struct reduction {
    aa_array (*make)(const aa_array *, int);
    aa_status (*into)(aa_array *, const aa_array *, int);
    double (*fold)(double, double);
    bool divides;
} reduction;

static double fold_sum(double x, double y)
{
    return x + y;
}

static const reduction reductions[] = {
    {aa_sum, aa_sum_into, fold_sum, false},
    {aa_mean, aa_mean_into, fold_sum, true},
    {aa_max, aa_max_into, fmax, false},
    {aa_min, aa_min_into, fmin, false},
};
enum { REDUCTIONS = sizeof reductions / sizeof reductions[0] };

/* The place in the input of element `step` of the axis that result number k folds. */
static place place_along(const aa_array *a, const aa_array *out, int64_t k, int axis, int64_t step)
{
    const place q = place_of(out, k);
    place p = {{0}};
    for (int i = 0; i < a->ndim; ++i) {
        p.at[i] = i == axis ? step : q.at[i < axis ? i : i - 1];
    }
    return p;
}

static void check_axis(const reduction *r, const aa_array *out, const aa_array *a, int axis)
{
    for (int64_t k = 0; k < aa_count(out); ++k) {
        double wanted = get_at(a, place_along(a, out, k, axis, 0));
        for (int64_t step = 1; step < a->shape[axis]; ++step) {
            wanted = r->fold(wanted, get_at(a, place_along(a, out, k, axis, step)));
        }
        wanted /= r->divides ? (double)a->shape[axis] : 1;
        check_near(get(out, k), wanted, 4 * tolerance_of(a->dtype), k);
    }
}

static void check_all(const reduction *r, const aa_array *out, const aa_array *a)
{
    double wanted = get(a, 0);
    for (int64_t k = 1; k < aa_count(a); ++k) {
        wanted = r->fold(wanted, get(a, k));
    }
    ck_assert_int_eq(out->ndim, 0);
    check_near(get(out, 0), wanted / (r->divides ? (double)aa_count(a) : 1),
               4 * tolerance_of(a->dtype), 0);
}

START_TEST(each_axis_and_all_are_reduced_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 6, 37, 19);
    for (int f = 0; f < REDUCTIONS; ++f) {
        for (int axis = 0; axis < 3; ++axis) {
            const aa_array out = reductions[f].make(&a, axis),
                           same = reductions[f].make(&a, axis - 3);
            ck_assert_int_eq(out.ndim, 2);
            check_axis(&reductions[f], &out, &a, axis);
            ck_assert(same_bytes(&out, &same));
        }
        const aa_array all = reductions[f].make(&a, AA_ALL_AXES);
        check_all(&reductions[f], &all, &a);
    }
}
END_TEST

START_TEST(long_axes_with_few_results_are_reduced_in_any_layout)
{
    const aa_array tall = MAKE(dtype_of(_i), layout_of(_i), 2, 40001, 3);
    const aa_array wide = MAKE(dtype_of(_i), layout_of(_i), 3, 2, 30000);
    const aa_array line = MAKE(dtype_of(_i), layout_of(_i), 4, 50000);
    for (int f = 0; f < REDUCTIONS; ++f) {
        const aa_array from_tall = reductions[f].make(&tall, 0);
        const aa_array from_wide = reductions[f].make(&wide, 1);
        const aa_array from_line = reductions[f].make(&line, 0);
        const aa_array all_of_tall = reductions[f].make(&tall, AA_ALL_AXES);
        check_axis(&reductions[f], &from_tall, &tall, 0);
        check_axis(&reductions[f], &from_wide, &wide, 1);
        check_axis(&reductions[f], &from_line, &line, 0);
        check_all(&reductions[f], &all_of_tall, &tall);
    }
}
END_TEST

START_TEST(a_reduction_is_written_to_an_output_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), IN_C_ORDER, 1, 7, 8, 9);
    for (int f = 0; f < REDUCTIONS; ++f) {
        aa_array out = MAKE(dtype_of(_i), layout_of(_i), 2, 7, 9);
        ck_assert_int_eq(reductions[f].into(&out, &a, 1), AA_OK);
        check_axis(&reductions[f], &out, &a, 1);
    }
}
END_TEST

START_TEST(an_output_inside_the_input_is_computed_apart)
{
    aa_array a = MAKE(dtype_of(_i), IN_C_ORDER, 1, 20, 30);
    const aa_range first_row[] = {{0, 1, 1}, AA_ALL};
    const aa_array row = aa_slice(&a, first_row);
    aa_array out = aa_reshape(&row, 1, SHAPE(30));
    const aa_array wanted = aa_sum(&a, 0);
    ck_assert_int_eq(aa_sum_into(&out, &a, 0), AA_OK);
    ck_assert(same_bytes(&out, &wanted));
}
END_TEST

START_TEST(the_number_of_threads_changes_no_bit_of_a_sum)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 500, 700);
    for (int axis = -1; axis < 2; ++axis) {
        const int which = axis < 0 ? AA_ALL_AXES : axis;
        omp_set_num_threads(1);
        const aa_array one = aa_sum(&a, which);
        omp_set_num_threads(7);
        const aa_array seven = aa_sum(&a, which);
        ck_assert(same_bytes(&one, &seven));
    }
}
END_TEST

START_TEST(a_sum_of_many_floats_stays_accurate)
{
    const int64_t count = 1 << 22;
    aa_array a = aa_empty(AA_CURRENT, AA_F32, 1, &count);
    ck_assert_int_eq(aa_fill(&a, (double)0.1F), AA_OK);
    const aa_array sum = aa_sum(&a, AA_ALL_AXES), mean = aa_mean(&a, 0);
    check_near(get(&sum, 0), (double)0.1F * (double)count, 1e-5, 0);
    check_near(get(&mean, 0), (double)0.1F, 1e-6, 0);
}
END_TEST

START_TEST(nan_makes_the_largest_and_smallest_nan)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 30, 40);
    set_at(&a, (place){{17, 3}}, NAN);
    for (int axis = 0; axis < 2; ++axis) {
        const aa_array most = aa_max(&a, axis), least = aa_min(&a, axis);
        for (int64_t k = 0; k < aa_count(&most); ++k) {
            const bool hit = k == (axis == 0 ? 3 : 17);
            ck_assert_int_eq(isnan(get(&most, k)) != 0, hit);
            ck_assert_int_eq(isnan(get(&least, k)) != 0, hit);
        }
    }
    const aa_array all = aa_max(&a, AA_ALL_AXES);
    ck_assert(isnan(get(&all, 0)));
}
END_TEST

START_TEST(an_empty_axis_has_a_sum_and_nothing_else)
{
    const aa_array a = MAKE(dtype_of(_i), IN_C_ORDER, 1, 3, 0);
    const aa_array zeros = aa_sum(&a, 1), zero = aa_sum(&a, AA_ALL_AXES), none = aa_max(&a, 0);
    CHECK_SHAPE(&zeros, 3);
    ck_assert_double_eq(get(&zeros, 2), 0);
    ck_assert_double_eq(get(&zero, 0), 0);
    CHECK_SHAPE(&none, 0);
    aa_array out = aa_max(&a, 1);
    check_refused(&out, AA_INVALID, "aa_max", "(3, 0)");
    out = aa_mean(&a, AA_ALL_AXES);
    check_refused(&out, AA_INVALID, "aa_mean", "(3, 0)");
}
END_TEST

START_TEST(a_scalar_is_its_own_sum)
{
    const aa_array a = make(dtype_of(_i), IN_C_ORDER, 1, 0, NULL), sum = aa_sum(&a, AA_ALL_AXES);
    ck_assert_int_eq(sum.ndim, 0);
    ck_assert_double_eq(get(&sum, 0), get(&a, 0));
    const aa_array out = aa_sum(&a, 0);
    check_refused(&out, AA_INVALID, "axis 0", "()");
}
END_TEST

START_TEST(an_axis_that_is_not_there_is_refused)
{
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4);
    aa_array out = aa_sum(&a, 2);
    check_refused(&out, AA_INVALID, "axis 2", "(3, 4)");
    out = aa_min(&a, -3);
    check_refused(&out, AA_INVALID, "axis -3", "(3, 4)");
}
END_TEST

START_TEST(an_output_of_another_shape_is_refused)
{
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4);
    aa_array out = MAKE(AA_F32, IN_C_ORDER, 2, 4);
    const double before = get(&out, 0);
    ck_assert_int_eq(aa_sum_into(&out, &a, 1), AA_MISMATCH);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "shapes (3, 4) and (4)"));
    ck_assert_int_eq(aa_sum_into(&out, &a, AA_ALL_AXES), AA_MISMATCH);
    ck_assert_double_eq(get(&out, 0), before);
}
END_TEST

AA_TEST_MAIN("kernels: reductions",
             AA_TEST_LOOP(each_axis_and_all_are_reduced_in_any_layout, 0, CASES),
             AA_TEST_LOOP(long_axes_with_few_results_are_reduced_in_any_layout, 0, CASES),
             AA_TEST_LOOP(a_reduction_is_written_to_an_output_in_any_layout, 0, CASES),
             AA_TEST_LOOP(an_output_inside_the_input_is_computed_apart, 0, 2),
             AA_TEST_LOOP(the_number_of_threads_changes_no_bit_of_a_sum, 0, CASES),
             AA_TEST(a_sum_of_many_floats_stays_accurate),
             AA_TEST_LOOP(nan_makes_the_largest_and_smallest_nan, 0, CASES),
             AA_TEST_LOOP(an_empty_axis_has_a_sum_and_nothing_else, 0, 2),
             AA_TEST_LOOP(a_scalar_is_its_own_sum, 0, 2),
             AA_TEST(an_axis_that_is_not_there_is_refused),
             AA_TEST(an_output_of_another_shape_is_refused))
