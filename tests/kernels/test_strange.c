/* Tests of the kernels on strange but legal arguments: no element and numbers beyond counting, masks of other people. */
#include "../unit/test_kernels.h"

#define MANY (INT64_C(1) << 40)

static double numbers[16];

/* An array without elements: its data is never read. */
#define EMPTY(...)                                                                                 \
    aa_wrap(numbers, AA_F64, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),            \
            (const int64_t[]){__VA_ARGS__}, NULL)

START_TEST(strides_over_no_element_may_be_any_numbers)
{
    const int64_t shape[] = {0, 5, 3}, strides[] = {INT64_MAX, INT64_MIN, -INT64_MAX};
    const aa_array a = aa_wrap(numbers, AA_F64, 3, shape, strides);
    ck_assert_msg(!aa_is_null(&a), "%s", aa_last_message());
    ck_assert(a.strides[0] == 15 && a.strides[1] == 3 && a.strides[2] == 1);
    const aa_array sums = aa_sum(&a, 1), equal = aa_equal(&a, &a);
    ck_assert_int_eq(sums.shape[1], 3);
    ck_assert_int_eq(aa_count(&equal), 0);
}
END_TEST

START_TEST(axes_without_an_element_are_not_walked)
{
    const aa_array a = EMPTY(MANY, 0), b = EMPTY(0, MANY);
    const aa_array first = aa_sum(&a, AA_ALL_AXES), second = aa_prod(&b, AA_ALL_AXES);
    ck_assert_msg(!aa_is_null(&first), "%s", aa_last_message());
    ck_assert_msg(!aa_is_null(&second), "%s", aa_last_message());
    ck_assert_double_eq(get(&first, 0), 0);
    ck_assert_double_eq(get(&second, 0), 1);
}
END_TEST

START_TEST(a_stack_of_any_number_of_empty_products_is_done_at_once)
{
    const aa_array a = EMPTY(MANY, 0, 3), b = EMPTY(3, 0), out = aa_matmul(&a, &b);
    ck_assert_msg(!aa_is_null(&out), "%s", aa_last_message());
    ck_assert_int_eq(out.shape[0], MANY);
    ck_assert_int_eq(aa_count(&out), 0);
}
END_TEST

START_TEST(any_number_of_images_without_a_channel_is_convolved_at_once)
{
    const aa_array x = EMPTY(MANY, 0, 3, 3), w = EMPTY(0, 0, 1, 1);
    const aa_array out = aa_conv2d_with(&x, &w, NULL, &(aa_conv2d_options){.groups = INT32_MAX});
    ck_assert_msg(!aa_is_null(&out), "%s", aa_last_message());
    ck_assert_int_eq(out.shape[0], MANY);
    ck_assert_int_eq(out.shape[2], 3);
    ck_assert_int_eq(aa_count(&out), 0);
}
END_TEST

START_TEST(a_mask_is_true_wherever_it_is_not_zero)
{
    static unsigned char bytes[] = {0, 1, 2, 128, 255};
    const int64_t count = (int64_t)sizeof bytes;
    const aa_array mask = aa_wrap(bytes, AA_BOOL, 1, &count, NULL);
    const aa_array a = aa_wrap(numbers, AA_F64, 0, NULL, NULL);
    double one = 1;
    const aa_array b = aa_wrap(&one, AA_F64, 0, NULL, NULL), out = aa_where(&mask, &a, &b);
    for (int64_t k = 0; k < count; ++k) {
        ck_assert_double_eq(get(&out, k), bytes[k] != 0 ? 0 : 1);
    }
}
END_TEST

AA_TEST_MAIN("kernels: strange arguments", AA_TEST(strides_over_no_element_may_be_any_numbers),
             AA_TEST(axes_without_an_element_are_not_walked),
             AA_TEST(a_stack_of_any_number_of_empty_products_is_done_at_once),
             AA_TEST(any_number_of_images_without_a_channel_is_convolved_at_once),
             AA_TEST(a_mask_is_true_wherever_it_is_not_zero))
