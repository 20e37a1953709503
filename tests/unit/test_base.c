/* Floor 1: sizes at their end, and vectors. */
#include "base/base.h"

#include "runner.h"
#include "violations.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

START_TEST(a_power_of_two_has_one_bit)
{
    ck_assert(!aai_is_pow2(0));
    for (size_t bit = 1; bit != 0; bit <<= 1) {
        ck_assert(aai_is_pow2(bit));
        ck_assert(bit < 4 || (!aai_is_pow2(bit - 1) && !aai_is_pow2(bit + 1)));
    }
}
END_TEST

START_TEST(a_sum_of_sizes_ends_at_the_largest_object)
{
    ck_assert_uint_eq(aai_add_capped(5, 7), 12);
    ck_assert_uint_eq(aai_add_capped(AAI_MAX_BYTES - 7, 7), AAI_MAX_BYTES);
    ck_assert_uint_eq(aai_add_capped(AAI_MAX_BYTES - 7, 8), AAI_MAX_BYTES);
    ck_assert_uint_eq(aai_add_capped(AAI_MAX_BYTES, AAI_MAX_BYTES), AAI_MAX_BYTES);
}
END_TEST

START_TEST(rounding_up_stops_before_the_largest_object)
{
    const size_t most = AAI_MAX_BYTES & ~(size_t)63;
    size_t rounded = 1;
    ck_assert(aai_round_up(most, 63, &rounded));
    ck_assert_uint_eq(rounded, most);
    rounded = 1;
    ck_assert(!aai_round_up(most + 1, 63, &rounded));
    ck_assert_uint_eq(rounded, 1);
}
END_TEST

START_TEST(a_vector_whose_bytes_overflow_stays_as_it_is)
{
    char item;
    void *items = &item;
    size_t capacity = (SIZE_MAX >> 4) + 1; /* twice that, 8 bytes each, is 0 */
    errno = 7;
    ck_assert(!aai_vector_grow(&items, &capacity, capacity, 8));
    ck_assert_ptr_eq(items, &item);
    ck_assert_uint_eq(capacity, (SIZE_MAX >> 4) + 1);
    ck_assert_int_eq(errno, 7);
}
END_TEST

START_TEST(a_vector_doubles_and_keeps_its_items)
{
    void *items = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; ++i) {
        ck_assert(aai_vector_grow(&items, &capacity, i, sizeof(size_t)));
        ck_assert_uint_gt(capacity, i);
        ((size_t *)items)[i] = i;
    }
    ck_assert_uint_eq(capacity, 1024);
    for (size_t i = 0; i < 1000; ++i) {
        ck_assert_uint_eq(((size_t *)items)[i], i);
    }
    free(items);
}
END_TEST

AA_TEST_MAIN("base", AA_TEST(a_power_of_two_has_one_bit),
             AA_TEST(a_sum_of_sizes_ends_at_the_largest_object),
             AA_TEST(rounding_up_stops_before_the_largest_object),
             AA_TEST(a_vector_whose_bytes_overflow_stays_as_it_is),
             AA_TEST(a_vector_doubles_and_keeps_its_items))
