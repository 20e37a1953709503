/* The three mistakes of doc/under-openmp.md, which AllocArrays.jl's guide shows too, and their cures: each does what
 * the page says of it. tools/check-doc-code proves that the page quotes them. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>

enum { ROUNDS = 10 };
static const int64_t shape[] = {1000};
static double ones[1000];

static aa_array wrapped_ones(void)
{
    for (int i = 0; i < 1000; ++i) {
        ones[i] = 1;
    }
    return aa_wrap(ones, AA_F64, 1, shape, NULL);
}

/* Knows no allocator. */
static aa_array model(const aa_array *x)
{
    return aa_copy(x);
}

static double sum_of(const aa_array *x)
{
    const double *const data = aa_data(x);
    double sum = 0;
    for (int64_t i = 0; data != NULL && i < aa_count(x); ++i) {
        sum += data[i];
    }
    return sum;
}

/* ---- results that outlive the reset ---------------------------------------------------------------- */

/* Wrong: the results lie in bump's memory, and are read after the reset that took it back. */
static double results_wrong(aa_allocator *bump, const aa_array *x)
{
    aa_array results[ROUNDS];
    double sum = 0;
    for (int i = 0; i < ROUNDS; ++i) {
        AA_WITH(bump) {
            results[i] = model(x);
        }
        (void)aa_reset(bump);
    }
    for (int i = 0; i < ROUNDS; ++i) {
        sum += sum_of(&results[i]); /* AA_USE_AFTER_RESET, for each */
    }
    return sum;
}

/* Right: what must stay leaves before the reset, as a number or by aa_materialize. */
static double results_right(aa_allocator *bump, const aa_array *x)
{
    aa_array kept[ROUNDS];
    double sum = 0;
    for (int i = 0; i < ROUNDS; ++i) {
        AA_WITH(bump) {
            const aa_array result = model(x);
            kept[i] = aa_materialize(&result); /* on the heap: ended by aa_array_free */
        }
        (void)aa_reset(bump);
    }
    for (int i = 0; i < ROUNDS; ++i) {
        sum += sum_of(&kept[i]);
        (void)aa_array_free(&kept[i]);
    }
    return sum;
}

START_TEST(results_read_after_the_reset_are_reported_and_materialized_ones_are_not)
{
    const aa_array x = wrapped_ones();
    aa_allocator *const bump = bump_create(_i, NULL);
    record_violations();
    ck_assert(results_wrong(bump, &x) == 0);
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), ROUNDS);
    record_violations();
    ck_assert(results_right(bump, &x) == 1000 * ROUNDS);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- every task resets ------------------------------------------------------------------------------- */

/* Wrong: each task resets what the other tasks are using. */
static int tasks_reset_wrong(aa_allocator *bump, const aa_array *x)
{
    int refused = 0;
    AA_WITH(bump) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(4)
#pragma omp single
        for (int i = 0; i < ROUNDS; ++i) {
#pragma omp task firstprivate(token) shared(refused)
            {
                AA_TASK(token) {
                    (void)model(x);
                    const int busy = aa_reset(bump) == AA_BUSY; /* AA_RESET_IN_PARALLEL */
#pragma omp atomic
                    refused += busy;
                }
            }
        }
    }
    return refused;
}

/* Right: a task gives back its own by a scratch, and one reset comes when all are done. */
static int tasks_reset_right(aa_allocator *bump, const aa_array *x)
{
    int wrong = 0;
    AA_WITH(bump) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(4)
#pragma omp single
        for (int i = 0; i < ROUNDS; ++i) {
#pragma omp task firstprivate(token) shared(wrong)
            {
                AA_TASK(token) {
                    AA_SCRATCH(AA_CURRENT) {
                        const aa_array result = model(x);
                        const int bad = sum_of(&result) != 1000;
#pragma omp atomic
                        wrong += bad;
                    }
                }
            }
        }
        wrong += aa_reset(bump) != AA_OK;
    }
    return wrong;
}

START_TEST(a_reset_in_each_task_is_refused_and_one_after_them_passes)
{
    const aa_array x = wrapped_ones();
    aa_allocator *const bump = bump_create(_i, NULL);
    record_violations();
    ck_assert_int_eq(tasks_reset_wrong(bump, &x), ROUNDS);
    ck_assert_int_eq(violations_count(), ROUNDS);
    record_violations();
    ck_assert_int_eq(tasks_reset_right(bump, &x), 0);
    assert_no_reports();
    ck_assert_uint_eq(stats_of(bump).resets, 1);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- nobody resets ----------------------------------------------------------------------------------- */

/* Wrong: nothing is ever taken back. With a capacity the memory ends, without one the machine's does. */
static int rounds_until_full_wrong(aa_allocator *bump, const aa_array *x)
{
    int rounds = 0;
    AA_WITH(bump) {
        for (aa_array y = model(x); !aa_is_null(&y); y = model(x)) {
            ++rounds; /* then a null array, and AA_NOMEM */
        }
    }
    return rounds;
}

/* Right: a reset each round. */
static int rounds_that_fit_right(aa_allocator *bump, const aa_array *x)
{
    int rounds = 0;
    AA_WITH(bump) {
        for (int i = 0; i < 5000; ++i) {
            const aa_array y = model(x);
            rounds += !aa_is_null(&y) && aa_reset(bump) == AA_OK;
        }
    }
    return rounds;
}

START_TEST(without_resets_the_memory_ends_and_with_them_it_does_not)
{
    const aa_array x = wrapped_ones();
    aa_allocator *const bump = bump_create(_i, &(aa_options){.capacity = (size_t)8 << 20});
    const int rounds = rounds_until_full_wrong(bump, &x);
    ck_assert_int_gt(rounds, 900);
    ck_assert_int_lt(rounds, 1100);
    assert_status(aa_last_status(), AA_NOMEM);
    assert_status(aa_reset(bump), AA_OK);
    ck_assert_int_eq(rounds_that_fit_right(bump, &x), 5000);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

AA_TEST_MAIN("guide: three mistakes",
             AA_TEST_BUMP(results_read_after_the_reset_are_reported_and_materialized_ones_are_not),
             AA_TEST_LOOP(a_reset_in_each_task_is_refused_and_one_after_them_passes, SHARED,
                          BUMP_KINDS),
             AA_TEST_BUMP(without_resets_the_memory_ends_and_with_them_it_does_not))
