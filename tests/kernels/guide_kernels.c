/* The examples of doc/kernels.md. tools/check-doc-code proves that the page quotes them. */
#include <allocarrays.h>
#include <allocarrays/kernels.h>

#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <math.h>

/* Each row minus its mean, divided by its spread. Knows no allocator. */
static aa_array standardised(const aa_array *x)
{
    const int rows[] = {-1}; /* along the last axis */
    const aa_array mean = aa_mean_axes(x, 1, rows, AA_AXES_KEPT);
    const aa_array centred = aa_sub(x, &mean); /* broadcast: mean has one column */
    const aa_array squares = aa_square(&centred);
    const aa_array variance = aa_mean_axes(&squares, 1, rows, AA_AXES_KEPT);
    const aa_array spread = aa_sqrt(&variance);
    return aa_div(&centred, &spread);
}

/* Who calls decides where all these arrays lie, and takes them back at once. */
static double largest_deviation(aa_allocator *bump, const aa_array *x)
{
    double largest = -1;
    AA_WITH(bump) {
        const aa_array y = standardised(x);
        const aa_array top = aa_max(&y, AA_ALL_AXES);
        if (!aa_is_null(&top)) {
            largest = *(const double *)aa_data(&top);
        }
    }
    return aa_reset(bump) == AA_OK ? largest : -1;
}

START_TEST(the_largest_deviation_is_found_and_later_rounds_ask_nobody)
{
    double numbers[2][4] = {{1, 1, 1, 5}, {0, 2, 0, 2}};
    const aa_array x = aa_wrap(numbers, AA_F64, 2, (const int64_t[]){2, 4}, NULL);
    aa_allocator *const bump = bump_create(_i, NULL);
    const double wanted = 3 / sqrt(3); /* of the first row: mean 2, spread sqrt(3) */
    uint64_t calls = 0;
    for (int round = 0; round < 20; ++round) {
        ck_assert_double_eq_tol(largest_deviation(bump, &x), wanted, 1e-12);
        calls = round == 9 ? stats_of(bump).upstream_calls : calls;
    }
    ck_assert_uint_eq(stats_of(bump).upstream_calls, calls);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_failure_in_the_middle_arrives_as_a_null_array)
{
    aa_array x = aa_zeros(aa_heap(), AA_F64, 2, (const int64_t[]){100, 100});
    const aa_array bound = aa_bind(&x, AA_CURRENT);
    aa_allocator *const small = bump_create(_i, &(aa_options){.capacity = 65536});
    ck_assert_double_eq(largest_deviation(small, &bound), -1);
    assert_status(aa_destroy(small), AA_OK);
    assert_status(aa_array_free(&x), AA_OK);
}
END_TEST

AA_TEST_MAIN("guide: kernels",
             AA_TEST_BUMP(the_largest_deviation_is_found_and_later_rounds_ask_nobody),
             AA_TEST_BUMP(a_failure_in_the_middle_arrives_as_a_null_array))
