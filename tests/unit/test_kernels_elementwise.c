/* Tests of the element-wise kernels: fill, copy, functions of one and two arrays, broadcasting. */
#include "test_kernels.h"

#include <omp.h>

typedef struct unary {
    aa_array (*make)(const aa_array *);
    aa_status (*into)(aa_array *, const aa_array *);
    double (*truth)(double);
} unary;

static double truth_neg(double x)
{
    return -x;
}
static double truth_square(double x)
{
    return x * x;
}
static double truth_relu(double x)
{
    return x < 0 ? 0 : x;
}

static const unary unaries[] = {
    {aa_neg, aa_neg_into, truth_neg},
    {aa_abs, aa_abs_into, fabs},
    {aa_square, aa_square_into, truth_square},
    {aa_sqrt, aa_sqrt_into, sqrt},
    {aa_exp, aa_exp_into, exp},
    {aa_log, aa_log_into, log},
    {aa_tanh, aa_tanh_into, tanh},
    {aa_relu, aa_relu_into, truth_relu},
};
enum { UNARIES = sizeof unaries / sizeof unaries[0] };

typedef struct binary {
    aa_array (*make)(const aa_array *, const aa_array *);
    aa_status (*into)(aa_array *, const aa_array *, const aa_array *);
    double (*truth)(double, double);
} binary;

static double truth_add(double x, double y)
{
    return x + y;
}
static double truth_sub(double x, double y)
{
    return x - y;
}
static double truth_mul(double x, double y)
{
    return x * y;
}
static double truth_div(double x, double y)
{
    return x / y;
}

static const binary binaries[] = {
    {aa_add, aa_add_into, truth_add},    {aa_sub, aa_sub_into, truth_sub},
    {aa_mul, aa_mul_into, truth_mul},    {aa_div, aa_div_into, truth_div},
    {aa_maximum, aa_maximum_into, fmax}, {aa_minimum, aa_minimum_into, fmin},
};
enum { BINARIES = sizeof binaries / sizeof binaries[0] };

/* Values around zero, for functions that treat signs differently; log and sqrt give NaN there. */
static void shift_values(const aa_array *a)
{
    for (int64_t k = 0; k < aa_count(a); ++k) {
        const place p = place_of(a, k);
        set_at(a, p, get_at(a, p) - 1);
    }
}

static void check_unary(const unary *f, const aa_array *a)
{
    const aa_array out = f->make(a);
    check_shape(&out, a->ndim, a->shape);
    ck_assert(aa_is_contiguous(&out));
    ck_assert_int_eq(out.dtype, a->dtype);
    for (int64_t k = 0; k < aa_count(a); ++k) {
        check_near(get(&out, k), f->truth(get(a, k)), tolerance_of(a->dtype), k);
    }
}

START_TEST(functions_of_one_array_match_math_h_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 5, 7, 11);
    shift_values(&a);
    for (int f = 0; f < UNARIES; ++f) {
        check_unary(&unaries[f], &a);
    }
}
END_TEST

START_TEST(functions_of_one_array_write_to_an_output_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), IN_C_ORDER, 2, 6, 9);
    for (int f = 0; f < UNARIES; ++f) {
        aa_array out = MAKE(dtype_of(_i), layout_of(_i), 3, 6, 9);
        ck_assert_int_eq(unaries[f].into(&out, &a), AA_OK);
        for (int64_t k = 0; k < aa_count(&a); ++k) {
            check_near(get(&out, k), unaries[f].truth(get(&a, k)), tolerance_of(a.dtype), k);
        }
    }
}
END_TEST

/* The element of an operand that a place of the result reads. */
static double get_broadcast(const aa_array *a, const aa_array *out, place p)
{
    place q = {{0}};
    for (int axis = 0; axis < a->ndim; ++axis) {
        const int64_t index = p.at[axis + out->ndim - a->ndim];
        q.at[axis] = a->shape[axis] == 1 ? 0 : index;
    }
    return get_at(a, q);
}

static void check_binary_values(const binary *f, const aa_array *out, const aa_array *a,
                                const aa_array *b)
{
    for (int64_t k = 0; k < aa_count(out); ++k) {
        const place p = place_of(out, k);
        const double wanted = f->truth(get_broadcast(a, out, p), get_broadcast(b, out, p));
        check_near(get(out, k), wanted, tolerance_of(out->dtype), k);
    }
}

START_TEST(functions_of_two_arrays_match_in_any_layout)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 4, 4, 6, 10);
    for (int how = 0; how < LAYOUTS; ++how) {
        const aa_array b = MAKE(dtype_of(_i), (layout)how, 5, 4, 6, 10);
        for (int f = 0; f < BINARIES; ++f) {
            const aa_array out = binaries[f].make(&a, &b);
            CHECK_SHAPE(&out, 4, 6, 10);
            check_binary_values(&binaries[f], &out, &a, &b);
        }
    }
}
END_TEST

typedef struct shapes {
    int a_ndim, b_ndim, out_ndim;
    int64_t a[4], b[4], out[4];
} shapes;

static const shapes broadcasts[] = {
    {2, 1, 2, {3, 4}, {4}, {3, 4}},
    {2, 2, 2, {3, 1}, {1, 5}, {3, 5}},
    {0, 2, 2, {0}, {2, 3}, {2, 3}},
    {3, 0, 3, {2, 3, 4}, {0}, {2, 3, 4}},
    {4, 3, 4, {2, 3, 1, 5}, {3, 7, 1}, {2, 3, 7, 5}},
    {3, 3, 3, {1, 6, 1}, {5, 1, 33}, {5, 6, 33}},
    {2, 2, 2, {0, 4}, {1, 4}, {0, 4}},
    {1, 2, 2, {1}, {0, 3}, {0, 3}},
    {0, 0, 0, {0}, {0}, {0}},
};
enum { BROADCASTS = sizeof broadcasts / sizeof broadcasts[0] };

START_TEST(shapes_broadcast_as_in_numpy)
{
    const shapes *const s = &broadcasts[_i];
    for (int number = 0; number < CASES; ++number) {
        const aa_array a = make(dtype_of(number), layout_of(number), 6, s->a_ndim, s->a);
        const aa_array b = make(dtype_of(number), layout_of(number), 7, s->b_ndim, s->b);
        for (int f = 0; f < BINARIES; ++f) {
            const aa_array out = binaries[f].make(&a, &b);
            check_shape(&out, s->out_ndim, s->out);
            check_binary_values(&binaries[f], &out, &a, &b);
        }
    }
}
END_TEST

START_TEST(inputs_broadcast_to_an_output)
{
    const aa_array row = MAKE(AA_F64, IN_C_ORDER, 8, 5), column = MAKE(AA_F64, IN_C_ORDER, 9, 3, 1);
    aa_array out = MAKE(AA_F64, TRANSPOSED, 10, 3, 5);
    ck_assert_int_eq(aa_sub_into(&out, &row, &column), AA_OK);
    check_binary_values(&binaries[1], &out, &row, &column);
    ck_assert_int_eq(aa_neg_into(&out, &row), AA_OK);
    ck_assert_double_eq(get(&out, 7), -get(&row, 2));
}
END_TEST

START_TEST(an_output_that_would_have_to_grow_is_refused)
{
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4), b = MAKE(AA_F32, IN_C_ORDER, 2, 3, 4);
    aa_array row = MAKE(AA_F32, IN_C_ORDER, 3, 4);
    const double before = get(&row, 0);
    ck_assert_int_eq(aa_add_into(&row, &a, &b), AA_MISMATCH);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "aa_add_into"));
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "(3, 4)"));
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "(4)"));
    ck_assert_int_eq(aa_copy_into(&row, &a), AA_MISMATCH);
    ck_assert_double_eq(get(&row, 0), before);
}
END_TEST

START_TEST(shapes_that_do_not_broadcast_are_named)
{
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3, 4), b = MAKE(AA_F32, IN_C_ORDER, 2, 2, 4);
    for (int f = 0; f < BINARIES; ++f) {
        const aa_array out = binaries[f].make(&a, &b);
        check_refused(&out, AA_MISMATCH, "shapes (3, 4) and (2, 4) do not broadcast", "aa_");
    }
}
END_TEST

START_TEST(dtypes_that_differ_or_are_not_floats_are_refused)
{
    const aa_array f32 = MAKE(AA_F32, IN_C_ORDER, 1, 3), f64 = MAKE(AA_F64, IN_C_ORDER, 2, 3);
    aa_array whole = aa_zeros(AA_CURRENT, AA_I32, 1, SHAPE(3));
    aa_array out = aa_add(&f32, &f64);
    check_refused(&out, AA_MISMATCH, "f32", "f64");
    out = aa_relu(&whole);
    check_refused(&out, AA_UNSUPPORTED, "aa_relu", "i32");
    ck_assert_int_eq(aa_fill(&whole, 1), AA_UNSUPPORTED);
}
END_TEST

START_TEST(a_null_array_is_refused)
{
    const aa_array a = MAKE(AA_F32, IN_C_ORDER, 1, 3);
    aa_array null = {0};
    aa_array out = aa_add(&a, &null);
    check_refused(&out, AA_INVALID, "aa_add", "2 is null");
    out = aa_exp(NULL);
    check_refused(&out, AA_INVALID, "aa_exp", "1 is null");
    ck_assert_int_eq(aa_fill(&null, 0), AA_INVALID);
    ck_assert_int_eq(aa_copy_into(NULL, &a), AA_INVALID);
}
END_TEST

START_TEST(an_output_may_be_an_input)
{
    const aa_array b = MAKE(dtype_of(_i), IN_C_ORDER, 2, 40, 50);
    aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 40, 50);
    const aa_array wanted = aa_sub(&b, &a);
    ck_assert_int_eq(aa_sub_into(&a, &b, &a), AA_OK);
    const aa_array got = aa_copy(&a);
    ck_assert(same_bytes(&got, &wanted));
    ck_assert_int_eq(aa_copy_into(&a, &a), AA_OK);
    const aa_array again = aa_copy(&a);
    ck_assert(same_bytes(&again, &wanted));
}
END_TEST

START_TEST(an_output_that_overlaps_an_input_is_computed_apart)
{
    aa_array all = MAKE(dtype_of(_i), IN_C_ORDER, 1, 20000);
    const aa_range from = {0, 19999, 1}, to = {1, 20000, 1};
    const aa_array in = aa_slice(&all, &from);
    aa_array out = aa_slice(&all, &to);
    const aa_array wanted = aa_neg(&in);
    ck_assert_int_eq(aa_neg_into(&out, &in), AA_OK);
    ck_assert(same_bytes(&out, &wanted));

    aa_array square = MAKE(dtype_of(_i), IN_C_ORDER, 2, 30, 30);
    const aa_array turned = view_transposed(&square), kept = aa_copy(&turned);
    ck_assert_int_eq(aa_copy_into(&square, &turned), AA_OK);
    ck_assert(same_bytes(&square, &kept));
}
END_TEST

START_TEST(an_output_whose_elements_overlap_is_refused)
{
    double one[4] = {0, 1, 2, 3};
    aa_array out = aa_wrap(one, AA_F64, 2, SHAPE(3, 4), SHAPE(0, 1));
    const aa_array a = MAKE(AA_F64, IN_C_ORDER, 1, 3, 4);
    ck_assert_int_eq(aa_neg_into(&out, &a), AA_INVALID);
    ck_assert_int_eq(aa_fill(&out, 5), AA_INVALID);
    ck_assert_double_eq(one[0], 0);
}
END_TEST

START_TEST(a_copy_keeps_the_bytes_of_any_dtype)
{
    const aa_dtype dtype = (aa_dtype)_i;
    const size_t bytes = 6 * aa_dtype_size(dtype);
    aa_array stored = aa_zeros(AA_CURRENT, dtype, 2, SHAPE(2, 3));
    for (size_t k = 0; k < bytes; ++k) {
        ((unsigned char *)stored.data)[k] = (unsigned char)(dtype == AA_BOOL ? k % 2 : k + 1);
    }
    const aa_array turned = view_transposed(&stored), wanted = aa_copy(&turned);
    aa_array out = aa_zeros(AA_CURRENT, dtype, 2, SHAPE(3, 2));
    ck_assert_int_eq(aa_copy_into(&out, &turned), AA_OK);
    ck_assert(same_bytes(&out, &wanted));
    aa_array flat = aa_zeros(AA_CURRENT, dtype, 2, SHAPE(2, 3));
    ck_assert_int_eq(aa_copy_into(&flat, &stored), AA_OK);
    ck_assert(same_bytes(&flat, &stored));
}
END_TEST

START_TEST(fill_sets_the_elements_of_a_view_and_no_others)
{
    aa_array all = MAKE(dtype_of(_i), IN_C_ORDER, 1, 8, 9);
    aa_array view = view_strided(&all, 2);
    ck_assert_int_eq(aa_fill(&view, 7), AA_OK);
    for (int64_t k = 0; k < aa_count(&all); ++k) {
        const place p = place_of(&all, k);
        const bool inside = p.at[0] % 2 == 0 && p.at[1] % 2 == 0;
        ck_assert_double_eq(get(&all, k), inside ? 7 : some_value(k, 1));
    }
}
END_TEST

START_TEST(scalars_and_empty_arrays_have_results)
{
    const aa_array scalar = make(dtype_of(_i), IN_C_ORDER, 1, 0, NULL);
    const aa_array none = MAKE(dtype_of(_i), IN_C_ORDER, 1, 3, 0, 2);
    const aa_array doubled = aa_add(&scalar, &scalar), nothing = aa_exp(&none);
    ck_assert_int_eq(doubled.ndim, 0);
    ck_assert_double_eq(get(&doubled, 0), 2 * get(&scalar, 0));
    CHECK_SHAPE(&nothing, 3, 0, 2);
    ck_assert_int_eq(aa_count(&nothing), 0);
}
END_TEST

START_TEST(nan_is_not_lost)
{
    const aa_array a = MAKE(dtype_of(_i), IN_C_ORDER, 1, 40);
    const aa_array b = MAKE(dtype_of(_i), IN_C_ORDER, 2, 40);
    set_at(&a, place_of(&a, 7), NAN);
    set_at(&b, place_of(&b, 20), NAN);
    const aa_array relu = aa_relu(&a), most = aa_maximum(&a, &b), least = aa_minimum(&a, &b);
    ck_assert(isnan(get(&relu, 7)));
    ck_assert(isnan(get(&most, 7)) && isnan(get(&least, 7)));
    ck_assert(isnan(get(&most, 20)) && isnan(get(&least, 20)));
    ck_assert_double_eq(get(&most, 8), fmax(get(&a, 8), get(&b, 8)));
}
END_TEST

START_TEST(the_number_of_threads_changes_no_bit)
{
    const aa_array a = MAKE(dtype_of(_i), layout_of(_i), 1, 200, 300, 5);
    const aa_array b = MAKE(dtype_of(_i), IN_C_ORDER, 2, 300, 1);
    omp_set_num_threads(1);
    const aa_array one = aa_mul(&a, &b), one_exp = aa_exp(&a);
    omp_set_num_threads(5);
    const aa_array five = aa_mul(&a, &b), five_exp = aa_exp(&a);
    ck_assert(same_bytes(&one, &five));
    ck_assert(same_bytes(&one_exp, &five_exp));
    check_binary_values(&binaries[2], &five, &a, &b);
}
END_TEST

AA_TEST_MAIN("kernels: element-wise",
             AA_TEST_LOOP(functions_of_one_array_match_math_h_in_any_layout, 0, CASES),
             AA_TEST_LOOP(functions_of_one_array_write_to_an_output_in_any_layout, 0, CASES),
             AA_TEST_LOOP(functions_of_two_arrays_match_in_any_layout, 0, CASES),
             AA_TEST_LOOP(shapes_broadcast_as_in_numpy, 0, BROADCASTS),
             AA_TEST(inputs_broadcast_to_an_output),
             AA_TEST(an_output_that_would_have_to_grow_is_refused),
             AA_TEST(shapes_that_do_not_broadcast_are_named),
             AA_TEST(dtypes_that_differ_or_are_not_floats_are_refused),
             AA_TEST(a_null_array_is_refused), AA_TEST_LOOP(an_output_may_be_an_input, 0, CASES),
             AA_TEST_LOOP(an_output_that_overlaps_an_input_is_computed_apart, 0, 2),
             AA_TEST(an_output_whose_elements_overlap_is_refused),
             AA_TEST_LOOP(a_copy_keeps_the_bytes_of_any_dtype, AA_BOOL, AA_C128 + 1),
             AA_TEST_LOOP(fill_sets_the_elements_of_a_view_and_no_others, 0, 2),
             AA_TEST_LOOP(scalars_and_empty_arrays_have_results, 0, 2),
             AA_TEST_LOOP(nan_is_not_lost, 0, 2),
             AA_TEST_LOOP(the_number_of_threads_changes_no_bit, 0, CASES))
