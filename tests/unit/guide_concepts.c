/* The examples of doc/concepts.md, each doing what the page says of it. tools/check-doc-code proves that the page
 * quotes them. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

/* An arena, three allocations, one reset. */
static size_t three_and_a_reset(aa_allocator *arena)
{
    aa_stats stats = {0};
    double *const rows = AA_NEW(arena, double, 1000);
    char *const k = aa_alloc(arena, 10);
    double *const blurred = AA_NEW(arena, double, 1000);
    if (rows == NULL || k == NULL || blurred == NULL || aa_stats_get(arena, &stats) != AA_OK) {
        return 0;
    }
    /* 8,000 + 64 + 8,000: each is rounded to 64. */
    return aa_reset(arena) == AA_OK ? stats.used : 0;
}

START_TEST(a_reset_takes_back_three_rounded_allocations)
{
    aa_allocator *const arena = bump_create(ARENA, NULL);
    ck_assert_uint_eq(three_and_a_reset(arena), 16064);
    ck_assert_uint_eq(stats_of(arena).used, 0);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

/* However often it runs, the arena is where it was. */
static size_t leaves_no_trace(aa_allocator *arena)
{
    aa_stats stats = {0};
    for (int i = 0; i < 1000; ++i) {
        AA_SCRATCH(arena) {
            (void)aa_alloc(arena, 1000);
            (void)aa_alloc(arena, 2000);
        }
    }
    return aa_stats_get(arena, &stats) == AA_OK ? stats.used : 1; /* 0 */
}

START_TEST(a_scratch_leaves_no_trace)
{
    aa_allocator *const a = bump_create(_i, NULL);
    ck_assert_uint_eq(leaves_no_trace(a), 0);
    ck_assert_uint_eq(stats_of(a).allocations, 2000);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Knows no allocator: the scope decides. */
static double sum_of_doubled(const aa_array *x)
{
    double sum = 0;
    aa_array doubled = aa_similar(x);
    const double *const from = aa_data(x);
    double *const to = aa_data(&doubled);
    for (int64_t i = 0; to != NULL && i < aa_count(x); ++i) {
        to[i] = 2 * from[i];
        sum += to[i];
    }
    (void)aa_array_free(&doubled);
    return sum;
}

/* The same call, from the heap and from a bump allocator. */
static double both_ways(const aa_array *x, aa_allocator *bump)
{
    double sum = sum_of_doubled(x);
    AA_WITH(bump) {
        sum += sum_of_doubled(x);
    }
    return sum;
}

START_TEST(the_scope_decides_who_serves)
{
    double numbers[] = {1, 2, 3};
    const aa_array x = aa_wrap(numbers, AA_F64, 1, (int64_t[]){3}, NULL);
    aa_allocator *const bump = bump_create(_i, NULL);
    ck_assert(both_ways(&x, bump) == 24);
    ck_assert_uint_eq(stats_of(bump).allocations, 1);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* The array outlives its memory, and says so. */
static bool outlived(aa_allocator *arena)
{
    const aa_array before = aa_empty(arena, AA_F64, 1, (int64_t[]){100});
    aa_array after = {0};
    AA_SCRATCH(arena) {
        after = aa_empty(arena, AA_F64, 1, (int64_t[]){100});
    }
    return aa_is_valid(&before) && !aa_is_valid(&after);
}

START_TEST(an_array_made_in_a_scratch_is_stale_after_it)
{
    aa_allocator *const a = bump_create(_i, NULL);
    ck_assert(outlived(a));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* What the page says of statuses: why an allocation failed is this thread's to ask. */
START_TEST(a_failure_says_why_and_consumes_nothing)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.capacity = 1 << 20});
    ck_assert_ptr_null(aa_alloc(a, 2 << 20));
    assert_status(aa_last_status(), AA_NOMEM);
    ck_assert_str_ne(aa_last_message(), "");
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("guide: concepts", AA_TEST(a_reset_takes_back_three_rounded_allocations),
             AA_TEST_BUMP(a_scratch_leaves_no_trace), AA_TEST_BUMP(the_scope_decides_who_serves),
             AA_TEST_BUMP(an_array_made_in_a_scratch_is_stale_after_it),
             AA_TEST_BUMP(a_failure_says_why_and_consumes_nothing))
