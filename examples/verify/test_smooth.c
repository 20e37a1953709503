/* Tests of smooth.h; linked with smooth.c they pass, with smooth_broken.c they fail. */
#include "smooth.h"

#include <allocarrays/check.h>

enum { ROWS = 64, COLUMNS = 1000 };

static double input(int64_t row, int64_t column)
{
    return (double)((row * 7919 + column * 104729) % 1000);
}

/* Smoothed by definition, element by element. */
static double expected(int64_t row, int64_t column)
{
    double sum = 0;
    int count = 0;
    for (int64_t c = column - 1; c <= column + 1; ++c) {
        if (c >= 0 && c < COLUMNS) {
            sum += input(row, c);
            ++count;
        }
    }
    return sum / count;
}

static void fill_row(double *data, int64_t row)
{
    for (int64_t c = 0; c < COLUMNS; ++c) {
        data[c] = input(row, c);
    }
}

static bool is_smooth(const double *data, int64_t row)
{
    for (int64_t c = 0; c < COLUMNS; ++c) {
        if (data[c] != expected(row, c)) {
            return false;
        }
    }
    return true;
}

static double numbers[ROWS][COLUMNS];

/* The numbers as an array of the caller's memory, filled. */
static aa_array filled_matrix(void)
{
    for (int64_t r = 0; r < ROWS; ++r) {
        fill_row(numbers[r], r);
    }
    return aa_wrap(numbers, AA_F64, 2, (int64_t[]){ROWS, COLUMNS}, NULL);
}

/* ---- many threads call it ------------------------------------------------------------------------- */

/* One thread's part: smooth a row of its own, and look at the result. */
static void smooth_own_row(int thread_num, void *context)
{
    aa_allocator *const temporaries = context;
    aa_array row = aa_wrap(numbers[thread_num], AA_F64, 1, (int64_t[]){COLUMNS}, NULL);
    fill_row(numbers[thread_num], thread_num);
    AA_WITH(temporaries) {
        if (!AA_CHECK_IN_TEAM(smooth_row(&row) == AA_OK)) {
            return;
        }
    }
    (void)AA_CHECK_IN_TEAM(is_smooth(numbers[thread_num], thread_num));
}

START_TEST(many_threads_smooth_rows_of_their_own)
{
    aa_allocator *const temporaries = aa_shared_create(NULL);
    aa_check_team(4, smooth_own_row, temporaries, 200, 1);
    AA_CHECK_OK(aa_destroy(temporaries));
}
END_TEST

/* ---- it opens a region itself ---------------------------------------------------------------------- */

START_TEST(rows_smoothed_in_parallel_are_right)
{
    aa_allocator *const temporaries = aa_private_create(NULL);
    for (int round = 0; round < 50; ++round) {
        aa_array matrix = filled_matrix();
        AA_WITH(temporaries) {
            AA_CHECK_OK(smooth_rows(&matrix));
        }
        for (int64_t r = 0; r < ROWS; ++r) {
            ck_assert_msg(is_smooth(numbers[r], r), "round %d, row %d", round, (int)r);
        }
        AA_CHECK_OK(aa_reset(temporaries));
    }
    AA_CHECK_OK(aa_destroy(temporaries));
}
END_TEST

/* ---- it gives its temporaries back ------------------------------------------------------------------ */

START_TEST(nothing_escapes)
{
    aa_allocator *const temporaries = aa_arena_create(&(aa_options){.name = "temporaries"});
    fill_row(numbers[0], 0);
    aa_array row = aa_wrap(numbers[0], AA_F64, 1, (int64_t[]){COLUMNS}, NULL);
    AA_WITH(temporaries) {
        AA_CHECK_NO_ESCAPE(temporaries) {
            AA_CHECK_OK(smooth_row(&row));
        }
    }
    AA_CHECK_OK(aa_destroy(temporaries));
}
END_TEST

START_TEST(a_repeated_round_takes_no_more_memory)
{
    aa_allocator *const temporaries = aa_shared_create(NULL);
    aa_check_team(4, smooth_own_row, temporaries, 2, 1);
    AA_CHECK_OK(aa_reset(temporaries));
    AA_CHECK_NO_UPSTREAM_CALLS(temporaries) {
        for (int round = 0; round < 10; ++round) {
            aa_check_team(4, smooth_own_row, temporaries, 1, 1);
            AA_CHECK_OK(aa_reset(temporaries));
        }
    }
    AA_CHECK_OK(aa_destroy(temporaries));
}
END_TEST

/* ---- it says when there is no memory ---------------------------------------------------------------- */

static aa_status smooth_with_memory_of(aa_upstream *upstream, void *context)
{
    (void)context;
    aa_status status = AA_OK;
    fill_row(numbers[0], 0);
    aa_array row = aa_wrap(numbers[0], AA_F64, 1, (int64_t[]){COLUMNS}, NULL);
    aa_allocator *const temporaries = aa_arena_create(&(aa_options){.upstream = upstream});
    AA_WITH(temporaries) {
        status = smooth_row(&row);
    }
    ck_assert(is_smooth(numbers[0], 0) == (status == AA_OK));
    AA_CHECK_OK(aa_destroy(temporaries));
    return status;
}

START_TEST(without_memory_it_says_so)
{
    aa_check_every_failure(NULL, smooth_with_memory_of, NULL);
}
END_TEST

/* ---- the rules of the allocator that it is used with ------------------------------------------------- */

START_TEST(what_a_reset_took_back_is_stale)
{
    aa_allocator *const results = aa_arena_create(NULL);
    aa_array row = aa_zeros(results, AA_F64, 1, (int64_t[]){COLUMNS});
    AA_CHECK_OK(smooth_row(&row));
    AA_CHECK_VALID(&row);
    AA_CHECK_OK(aa_reset(results));
    AA_CHECK_STALE(&row);
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        ck_assert_ptr_null(aa_data(&row));
    }
    AA_CHECK_OK(aa_destroy(results));
}
END_TEST

/* Wrong use, which must be refused: every thread of the region resets. */
static void reset_too_early(int thread_num, void *context)
{
    (void)thread_num;
    (void)AA_CHECK_IN_TEAM(aa_reset(context) == AA_BUSY);
}

START_TEST(a_reset_in_a_region_is_refused)
{
    aa_allocator *const temporaries = aa_shared_create(NULL);
    AA_CHECK_VIOLATIONS(AA_RESET_IN_PARALLEL, 4) {
        aa_check_team(4, reset_too_early, temporaries, 1, 1);
    }
    AA_CHECK_OK(aa_destroy(temporaries));
}
END_TEST

AA_CHECK_MAIN("smooth", many_threads_smooth_rows_of_their_own, rows_smoothed_in_parallel_are_right,
              nothing_escapes, a_repeated_round_takes_no_more_memory, without_memory_it_says_so,
              what_a_reset_took_back_is_stale, a_reset_in_a_region_is_refused)
