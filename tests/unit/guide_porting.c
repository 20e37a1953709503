/* The examples of doc/porting.md and doc/limits.md: what was before and what comes after say the same.
 * tools/check-doc-code proves that the pages quote them. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

enum { ROWS = 40, COLUMNS = 50, BINS = 256 };

static void scale(double *to, const double *from, int n)
{
    for (int i = 0; i < n; ++i) {
        to[i] = 2 * from[i];
    }
}

static double sum_of_squares(double *squares, const double *from, int n)
{
    double sum = 0;
    for (int i = 0; i < n; ++i) {
        squares[i] = from[i] * from[i];
    }
    for (int i = 0; i < n; ++i) {
        sum += squares[i];
    }
    return sum;
}

/* Small whole numbers: every sum is exact, in whatever order the threads add. */
static const double *numbers(void)
{
    static double all[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; ++i) {
        all[i] = i % 7;
    }
    return all;
}

/* ---- malloc in loops ----------------------------------------------------------------------------- */

/* Before: two allocations and two frees in each iteration. */
static double norms_with_malloc(const double *x, int rows, int columns)
{
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int r = 0; r < rows; ++r) {
        double *const scaled = malloc((size_t)columns * sizeof *scaled);
        double *const squares = malloc((size_t)columns * sizeof *squares);
        if (scaled != NULL && squares != NULL) {
            scale(scaled, x + (size_t)r * (size_t)columns, columns);
            sum += sum_of_squares(squares, scaled, columns);
        }
        free(squares);
        free(scaled);
    }
    return sum;
}

/* After: from the scope; each iteration gives back what it took, on its own thread. */
static double norms_with_scratch(const double *x, int rows, int columns)
{
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int r = 0; r < rows; ++r) {
        AA_SCRATCH(AA_CURRENT) {
            double *const scaled = AA_NEW(AA_CURRENT, double, columns);
            double *const squares = AA_NEW(AA_CURRENT, double, columns);
            if (scaled != NULL && squares != NULL) {
                scale(scaled, x + (size_t)r * (size_t)columns, columns);
                sum += sum_of_squares(squares, scaled, columns);
            }
        }
    }
    return sum;
}

START_TEST(scratch_says_what_malloc_said_with_and_without_a_scope)
{
    const double *const x = numbers();
    const int rows = ROWS, columns = COLUMNS;
    const double wanted = norms_with_malloc(x, rows, columns);
    aa_allocator *const bump = bump_create(_i, NULL);
    double sum = 0;
    record_violations();
    ck_assert(wanted > 0 && norms_with_scratch(x, rows, columns) == wanted);
    ck_assert_uint_eq(stats_of(bump).allocations, 0);
    AA_WITH(bump) {
        sum = norms_with_scratch(x, rows, columns);
    }
    ck_assert(sum == wanted);
    ck_assert_uint_eq(stats_of(bump).allocations, 2 * ROWS);
    ck_assert_uint_eq(stats_of(bump).used, 0);
    ck_assert_uint_eq(stats_of(aa_heap()).used, 0);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- private arrays on the stack ------------------------------------------------------------------- */

static double max_of(const double *x, int n)
{
    double largest = x[0];
    for (int i = 1; i < n; ++i) {
        largest = x[i] > largest ? x[i] : largest;
    }
    return largest;
}

/* Thread `part` of `parts` counts its share; as schedule(static) deals it. */
static void count_part(double *bins, const unsigned char *x, int n, int part, int parts)
{
    const int each = n / parts, rest = n % parts;
    const int begin = part * each + (part < rest ? part : rest), end = begin + each + (part < rest);
    for (int i = begin; bins != NULL && i < end; ++i) {
        bins[x[i]] += 1;
    }
}

/* Before: on each thread's stack. OMP_STACKSIZE decides whether that works. */
static double histogram_on_stack(const unsigned char *x, int n)
{
    double bins[BINS] = {0}, largest = 0;
#pragma omp parallel firstprivate(bins) reduction(max : largest)
    {
#pragma omp for
        for (int i = 0; i < n; ++i) {
            bins[x[i]] += 1;
        }
        largest = max_of(bins, BINS);
    }
    return largest;
}

/* After: from the scope, any size. A failure is a NULL, not a signal. */
static double histogram_in_scope(const unsigned char *x, int n)
{
    double largest = 0;
    int missing = 0;
#pragma omp parallel reduction(max : largest) reduction(+ : missing)
    AA_SCRATCH(AA_CURRENT) {
        double *const bins = aa_calloc(AA_CURRENT, BINS, sizeof *bins);
        missing += bins == NULL;
        count_part(bins, x, n, omp_get_thread_num(), omp_get_num_threads());
        largest = bins != NULL ? max_of(bins, BINS) : 0;
    }
    return missing == 0 ? largest : -1;
}

START_TEST(a_histogram_from_the_scope_is_that_of_the_stack)
{
    static const unsigned char x[10007] = {0}; /* one bin: the largest share shows every element */
    omp_set_num_threads(3);
    aa_allocator *const bump = bump_create(_i, NULL);
    AA_WITH(bump) {
        const double before = histogram_on_stack(x, 10007);
        ck_assert(before == 3336 && histogram_in_scope(x, 10007) == before);
    }
    ck_assert_uint_eq(stats_of(bump).allocations, 3);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_histogram_that_gets_no_memory_says_so)
{
    static const unsigned char x[100] = {0};
    aa_allocator *const small = bump_create(_i, &(aa_options){.capacity = 1024});
    AA_WITH(small) {
        ck_assert(histogram_in_scope(x, 100) == -1);
    }
    assert_status(aa_destroy(small), AA_OK);
}
END_TEST

/* ---- buffers by thread number ---------------------------------------------------------------------- */

/* Before: a buffer per thread, by number. */
static double by_thread_number(const double *x, int rows, int columns)
{
    double sum = 0;
    double *const all = malloc((size_t)omp_get_max_threads() * (size_t)columns * sizeof *all);
    if (all == NULL) {
        return -1;
    }
#pragma omp parallel for reduction(+ : sum)
    for (int r = 0; r < rows; ++r) {
        double *const mine = all + (size_t)omp_get_thread_num() * (size_t)columns;
        sum += sum_of_squares(mine, x + (size_t)r * (size_t)columns, columns);
    }
    free(all);
    return sum;
}

/* After: the thread's own arena, right under nesting too. */
static double by_private_arena(aa_allocator *each, const double *x, int rows, int columns)
{
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int r = 0; r < rows; ++r) {
        aa_allocator *const mine = aa_private_arena(each);
        AA_SCRATCH(mine) {
            double *const buffer = AA_NEW(mine, double, columns);
            sum += buffer != NULL ? sum_of_squares(buffer, x + (size_t)r * (size_t)columns, columns)
                                  : 0;
        }
    }
    return sum;
}

START_TEST(an_arena_per_thread_says_what_buffers_by_number_said)
{
    const double *const x = numbers();
    aa_allocator *const each = aa_private_create(NULL);
    const double wanted = by_thread_number(x, ROWS, COLUMNS);
    ck_assert(wanted > 0 && by_private_arena(each, x, ROWS, COLUMNS) == wanted);
    int right = 0;
#pragma omp parallel num_threads(2) reduction(+ : right)
    right += by_private_arena(each, x, ROWS, COLUMNS) == wanted;
    ck_assert_int_eq(right, 2);
    assert_status(aa_destroy(each), AA_OK);
}
END_TEST

START_TEST(nested_threads_share_a_number_and_not_an_arena)
{
    int same_number = 0, same_arena = 0;
    aa_allocator *arenas[2] = {NULL, NULL}, *const each = aa_private_create(NULL);
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2) reduction(+ : same_number)
    {
        const int outer = omp_get_thread_num();
#pragma omp parallel num_threads(2) reduction(+ : same_number)
        if (omp_get_thread_num() == 0) {
            ++same_number;
            arenas[outer] = aa_private_arena(each);
        }
    }
    same_arena = arenas[0] == arenas[1];
    ck_assert_int_eq(same_number, 2);
    ck_assert_int_eq(same_arena, 0);
    assert_status(aa_destroy(each), AA_OK);
}
END_TEST

/* ---- AllocArrays.jl ---------------------------------------------------------------------------------- */

static double sum_of_model(const aa_array *x)
{
    double sum = 0;
    const aa_array activation = aa_copy(x);
    const double *const from = aa_data(&activation);
    for (int64_t i = 0; from != NULL && i < aa_count(x); ++i) {
        sum += from[i];
    }
    return sum;
}

/* The same: the model's temporaries from b, one number out, one reset a batch. */
static int run_batches(double *results, const aa_array *batches, int count)
{
    int wrong = 0;
    aa_allocator *const b = aa_shared_create(&(aa_options){.capacity = (size_t)1 << 25});
    for (int i = 0; i < count; ++i) {
        AA_WITH(b) {
            results[i] = sum_of_model(&batches[i]);
            wrong += aa_reset(b) != AA_OK;
        }
    }
    return wrong + (aa_destroy(b) != AA_OK);
}

START_TEST(batches_are_reset_inside_their_scope)
{
    double x[] = {1, 2, 3}, results[2] = {0};
    const aa_array batches[] = {aa_wrap(x, AA_F64, 1, (int64_t[]){3}, NULL),
                                aa_wrap(x, AA_F64, 1, (int64_t[]){2}, NULL)};
    record_violations();
    ck_assert_int_eq(run_batches(results, batches, 2), 0);
    ck_assert(results[0] == 6 && results[1] == 3);
    assert_no_reports();
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------ */

/* A full allocator refuses, and still serves what fits. */
static bool refuses_and_serves(void)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.capacity = 65536});
    const bool refused = aa_alloc(arena, 100000) == NULL && aa_last_status() == AA_NOMEM;
    const bool served = aa_alloc(arena, 60000) != NULL;
    return aa_destroy(arena) == AA_OK && refused && served;
}

START_TEST(a_full_allocator_still_serves_what_fits)
{
    ck_assert(refuses_and_serves());
}
END_TEST

START_TEST(zero_bytes_take_a_line)
{
    aa_allocator *const a = bump_create(_i, NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 0));
    ck_assert_uint_eq(stats_of(a).used, 64);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("guide: porting",
             AA_TEST_LOOP(scratch_says_what_malloc_said_with_and_without_a_scope, SHARED,
                          BUMP_KINDS),
             AA_TEST_LOOP(a_histogram_from_the_scope_is_that_of_the_stack, SHARED, BUMP_KINDS),
             AA_TEST_LOOP(a_histogram_that_gets_no_memory_says_so, SHARED, BUMP_KINDS),
             AA_TEST(an_arena_per_thread_says_what_buffers_by_number_said),
             AA_TEST(nested_threads_share_a_number_and_not_an_arena),
             AA_TEST(batches_are_reset_inside_their_scope),
             AA_TEST(a_full_allocator_still_serves_what_fits), AA_TEST_BUMP(zero_bytes_take_a_line))
