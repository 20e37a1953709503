/* What AllocArrays.jl's guide shows as right and wrong use, carried over in meaning: functions that know no
 * allocator, results that must not escape, resets that come too early. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>

static aa_allocator *fixed_or_growing(int fixed)
{
    return aa_shared_create(&(aa_options){.capacity = fixed ? (size_t)8 << 20 : 0});
}

/* Two temporaries of the argument's kind, and a number: knows no allocator. */
static double sum_of_two_copies(const aa_array *a)
{
    aa_array b = aa_similar(a), c = aa_similar(a);
    const double *const from = aa_data(a);
    double *const to_b = aa_data(&b), *const to_c = aa_data(&c);
    if (from == NULL || to_b == NULL || to_c == NULL) {
        return -1;
    }
    double sum = 0;
    for (int64_t i = 0; i < aa_count(a); ++i) {
        to_b[i] = from[i];
        to_c[i] = from[i];
        sum += to_b[i] + to_c[i];
    }
    (void)aa_array_free(&c);
    (void)aa_array_free(&b);
    return sum;
}

static double ones[1000];
static const int64_t shape[] = {1000};

static aa_array wrapped_ones(void)
{
    for (int i = 0; i < 1000; ++i) {
        ones[i] = 1;
    }
    return aa_wrap(ones, AA_F64, 1, shape, NULL);
}

START_TEST(a_function_that_knows_no_allocator_works_without_one)
{
    const aa_array a = wrapped_ones();
    const size_t used = stats_of(aa_heap()).used;
    ck_assert(sum_of_two_copies(&a) == 2000);
    ck_assert_uint_eq(stats_of(aa_heap()).used, used);
}
END_TEST

START_TEST(the_same_function_takes_its_temporaries_from_the_scope)
{
    const aa_array a = wrapped_ones();
    aa_allocator *const b = bump_create(_i, NULL);
    AA_WITH(b) {
        ck_assert(sum_of_two_copies(&a) == 2000);
        ck_assert_uint_eq(stats_of(b).allocations, 2);
        assert_status(aa_reset(b), AA_OK);
    }
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(reading_an_array_after_the_reset_that_took_it_is_a_violation)
{
    const aa_array input = wrapped_ones();
    aa_allocator *const b = fixed_or_growing(_i);
    aa_array escaped;
    AA_WITH(b) {
        escaped = aa_similar(&input);
        *(double *)aa_data(&escaped) = 2;
        assert_status(aa_reset(b), AA_OK);
    }
    assert_refused_null(aa_data(&escaped), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert(!aa_is_valid(&escaped));
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(reading_a_checked_array_by_element_after_its_reset_is_a_violation)
{
    const aa_array plain = wrapped_ones();
    const aa_array input = aa_checked(&plain);
    aa_allocator *const b = fixed_or_growing(_i);
    aa_array escaped;
    AA_WITH(b) {
        escaped = aa_similar(&input);
        AA_AT(double, &escaped, 0) = 2;
        ck_assert(AA_AT(double, &escaped, 0) == 2);
        assert_status(aa_reset(b), AA_OK);
    }
    record_violations();
    ck_assert(AA_AT(double, &escaped, 0) == 0);
    assert_one_report("AA_AT", AA_USE_AFTER_RESET);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* Wrong: the results of a scope are summed after the reset. */
START_TEST(collecting_results_of_a_scope_beyond_its_reset_is_caught)
{
    const aa_array input = wrapped_ones();
    aa_allocator *const b = fixed_or_growing(_i);
    aa_array results[3];
    AA_WITH(b) {
        for (int i = 0; i < 3; ++i) {
            results[i] = aa_copy(&input);
        }
        assert_status(aa_reset(b), AA_OK);
    }
    for (int i = 0; i < 3; ++i) {
        assert_refused_null(aa_data(&results[i]), AA_STALE, AA_USE_AFTER_RESET);
        ck_assert_ptr_eq(last_violation()->allocator, b);
    }
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* Right: copied into memory made outside the scope, before the reset. */
START_TEST(results_copied_out_before_the_reset_survive)
{
    const aa_array input = wrapped_ones();
    aa_allocator *const b = fixed_or_growing(_i);
    aa_array output = aa_similar(&input), kept = {0};
    record_violations();
    AA_WITH(b) {
        const aa_array result = aa_copy(&input);
        memcpy(aa_data(&output), aa_data(&result), sizeof ones);
        kept = aa_materialize(&result);
        assert_status(aa_reset(b), AA_OK);
    }
    assert_status(aa_destroy(b), AA_OK);
    ck_assert(((double *)aa_data(&output))[999] == 1);
    ck_assert(((double *)aa_data(&kept))[999] == 1);
    assert_no_reports();
    assert_status(aa_array_free(&output), AA_OK);
    assert_status(aa_array_free(&kept), AA_OK);
}
END_TEST

/* Wrong: each task resets what the others still use. */
START_TEST(a_reset_in_each_of_many_tasks_is_refused)
{
    const aa_array input = wrapped_ones();
    aa_allocator *const b = fixed_or_growing(_i);
    record_violations();
    int refused = 0, right = 0;
    AA_WITH(b) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(4)
#pragma omp single
        for (int i = 0; i < 10; ++i) {
#pragma omp task firstprivate(token) shared(refused, right)
            {
                AA_TASK(token) {
                    const int sum_right = sum_of_two_copies(&input) == 2000;
                    const int reset_refused = aa_reset(b) == AA_BUSY;
#pragma omp atomic
                    right += sum_right;
#pragma omp atomic
                    refused += reset_refused;
                }
            }
        }
    }
    ck_assert_int_eq(right, 10);
    ck_assert_int_eq(refused, 10);
    ck_assert_int_eq(violations_of(AA_RESET_IN_PARALLEL) + violations_of(AA_RESET_IN_USE), 10);
    ck_assert_int_eq(violations_count(), 10);
    assert_status(aa_reset(b), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* Right: one reset when all tasks are done. */
START_TEST(one_reset_after_all_tasks_passes)
{
    const aa_array input = wrapped_ones();
    aa_allocator *const b = fixed_or_growing(_i);
    record_violations();
    int right = 0;
    AA_WITH(b) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(4)
#pragma omp single
        for (int i = 0; i < 10; ++i) {
#pragma omp task firstprivate(token) shared(right)
            {
                AA_TASK(token) {
                    const int sum_right = sum_of_two_copies(&input) == 2000;
#pragma omp atomic
                    right += sum_right;
                }
            }
        }
        assert_status(aa_reset(b), AA_OK);
    }
    ck_assert_int_eq(right, 10);
    assert_no_reports();
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* Right: serial work may reset every round. */
START_TEST(a_reset_after_each_serial_round_passes)
{
    const aa_array input = wrapped_ones();
    aa_allocator *const b = bump_create(_i, NULL);
    record_violations();
    AA_WITH(b) {
        for (int i = 0; i < 10; ++i) {
            ck_assert(sum_of_two_copies(&input) == 2000);
            assert_status(aa_reset(b), AA_OK);
        }
    }
    ck_assert_uint_eq(stats_of(b).resets, 10);
    assert_no_reports();
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* Wrong: never resetting. The memory runs out, and is said to. */
START_TEST(never_resetting_runs_out_of_memory_and_a_reset_cures_it)
{
    const aa_array input = wrapped_ones();
    aa_allocator *const b = fixed_or_growing(1);
    int rounds = 0;
    AA_WITH(b) {
        aa_array result = aa_copy(&input);
        while (!aa_is_null(&result)) {
            ck_assert_int_lt(++rounds, 2000);
            result = aa_copy(&input);
        }
        ck_assert_int_eq(aa_last_status(), AA_NOMEM);
        assert_status(aa_reset(b), AA_OK);
        result = aa_copy(&input);
        ck_assert(!aa_is_null(&result));
    }
    ck_assert_int_gt(rounds, 900);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* The seed's test of one model in several dresses, with a function instead of a network. */
START_TEST(results_are_the_same_under_every_allocator)
{
    const aa_array plain = wrapped_ones();
    const aa_array checked = aa_checked(&plain);
    const double expected = sum_of_two_copies(&plain);
    for (int kind = 0; kind < BUMP_KINDS; ++kind) {
        aa_allocator *const b = bump_create(kind, NULL);
        AA_WITH(b) {
            for (int round = 0; round < 5; ++round) {
                ck_assert(sum_of_two_copies(&plain) == expected);
                ck_assert(sum_of_two_copies(&checked) == expected);
                assert_status(aa_reset(b), AA_OK);
            }
        }
        assert_status(aa_destroy(b), AA_OK);
    }
}
END_TEST

AA_TEST_MAIN("guides", AA_TEST(a_function_that_knows_no_allocator_works_without_one),
             AA_TEST_BUMP(the_same_function_takes_its_temporaries_from_the_scope),
             AA_TEST_LOOP(reading_an_array_after_the_reset_that_took_it_is_a_violation, 0, 2),
             AA_TEST_LOOP(reading_a_checked_array_by_element_after_its_reset_is_a_violation, 0, 2),
             AA_TEST_LOOP(collecting_results_of_a_scope_beyond_its_reset_is_caught, 0, 2),
             AA_TEST_LOOP(results_copied_out_before_the_reset_survive, 0, 2),
             AA_TEST_LOOP(a_reset_in_each_of_many_tasks_is_refused, 0, 2),
             AA_TEST_LOOP(one_reset_after_all_tasks_passes, 0, 2),
             AA_TEST_BUMP(a_reset_after_each_serial_round_passes),
             AA_TEST(never_resetting_runs_out_of_memory_and_a_reset_cures_it),
             AA_TEST(results_are_the_same_under_every_allocator))
