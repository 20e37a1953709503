/* The allocate clause and directive: private copies live in our allocator, hold the right values, are aligned, and
 * end with their construct. What a compiler does not hand to the runtime (clang 14: the clause on a task) still
 * has to compute right. */
#include "runner.h"
#include "test_omp.h"

enum { THREADS = 4, COUNT = 100, ROUNDS = 50 };

#if defined(__clang__)
enum { TASKS_ASK = 0 }; /* accepted, and not lowered */
#else
enum { TASKS_ASK = 1 };
#endif

static bool lives_in(const aa_allocator *a, const void *p)
{
    return aa_owns(a, p) && is_aligned(p, 64);
}

/* Each round the same: what the construct took is back. */
static void assert_all_back(const aa_allocator *a)
{
    ck_assert_uint_eq(used_by(a), 0);
}

START_TEST(parallel_copies_live_in_the_allocator_until_the_region_ends)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    double x[COUNT] = {0}, y[COUNT];
    int z = 7, wrong = 0;
    for (int i = 0; i < COUNT; ++i) {
        y[i] = i;
    }
    for (int round = 0; round < ROUNDS; ++round) {
#pragma omp parallel num_threads(THREADS) private(x) firstprivate(y, z) allocate(h : x, y, z)      \
    reduction(+ : wrong)
        {
            const int me = omp_get_thread_num();
            for (int i = 0; i < COUNT; ++i) {
                wrong += y[i] != i;
                x[i] = y[i] = me;
            }
            wrong += z++ != 7;
#pragma omp barrier
            for (int i = 0; i < COUNT; ++i) {
                wrong += x[i] != me || y[i] != me;
            }
            wrong += !lives_in(a, x) + !lives_in(a, y) + !lives_in(a, &z) + (z != 8);
        }
        assert_all_back(a);
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(z, 7);
    ck_assert_uint_eq(stats_of(a).allocations, 3 * THREADS * ROUNDS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(loop_copies_live_in_the_allocator)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    double scratch[COUNT] = {0};
    long sum = 5;
    int last = -1, offset = 3, wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
#pragma omp for private(scratch) firstprivate(offset) lastprivate(last) reduction(+ : sum)         \
    allocate(h : scratch, offset, last, sum)
        for (int i = 0; i < COUNT; ++i) {
            scratch[i] = offset;
            wrong += !lives_in(a, scratch) + !lives_in(a, &offset) + !lives_in(a, &last) +
                     !lives_in(a, &sum);
            sum += i + (int)scratch[i];
            last = i;
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(last, COUNT - 1);
    ck_assert_int_eq(sum, 5 + COUNT * (COUNT - 1) / 2 + 3 * COUNT);
    assert_all_back(a);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(array_reductions_live_in_the_allocator)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    int bins[16] = {0}, wrong = 0;
#pragma omp parallel for num_threads(THREADS) reduction(+ : bins, wrong) allocate(h : bins)
    for (int i = 0; i < 1600; ++i) {
        ++bins[i % 16];
        wrong += !lives_in(a, bins);
    }
    ck_assert_int_eq(wrong, 0);
    for (int i = 0; i < 16; ++i) {
        ck_assert_int_eq(bins[i], 100);
    }
    assert_all_back(a);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(task_copies_live_in_the_allocator)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    int given[8], taken[8] = {0}, wrong = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int t = 0; t < 32; ++t) {
        for (int i = 0; i < 8; ++i) {
            given[i] = t + i;
        }
#pragma omp task firstprivate(given, t) private(taken) allocate(h : given, taken) shared(wrong)
        {
            int bad = TASKS_ASK && (!lives_in(a, given) || !lives_in(a, taken));
            for (int i = 0; i < 8; ++i) {
                taken[i] = given[i];
            }
            for (int i = 0; i < 8; ++i) {
                bad += taken[i] != t + i;
            }
#pragma omp atomic
            wrong += bad;
        }
    }
    ck_assert_int_eq(wrong, 0);
    /* gcc makes the firstprivate copy on the creator's thread: of those that another frees it comes back here */
    assert_status(aa_reset(a), AA_OK);
    assert_all_back(a);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(without_an_allocator_the_clause_asks_the_scope)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    double x[COUNT] = {0};
    int wrong = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) private(x) allocate(x) reduction(+ : wrong)
        {
            x[0] = 1;
            wrong += !lives_in(a, x);
        }
    }
    ck_assert_int_eq(wrong, 0);
    assert_all_back(a);
#pragma omp parallel num_threads(THREADS) private(x) allocate(x) reduction(+ : wrong)
    {
        x[0] = 1;
        wrong += aa_owns(a, x);
    }
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(nested_regions_and_scratches_give_back_too)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    double x[COUNT] = {0};
    int wrong = 0;
    omp_set_max_active_levels(2);
    for (int round = 0; round < 10; ++round) {
#pragma omp parallel num_threads(2) firstprivate(x) allocate(h : x) reduction(+ : wrong)
        {
            AA_SCRATCH(a) {
                (void)aa_alloc(a, 1000);
#pragma omp parallel num_threads(2) firstprivate(x) allocate(h : x) reduction(+ : wrong)
                wrong += !lives_in(a, x);
            }
            wrong += !lives_in(a, x);
        }
        assert_all_back(a);
    }
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A clause cannot fail: its code does not look. */
START_TEST(a_clause_without_memory_ends_the_process)
{
    aa_allocator *const a = aa_shared_create(&(aa_options){.capacity = 4096});
    const omp_allocator_handle_t h = handle_of(a);
    double x[10 * COUNT] = {0}, sum = 0;
#pragma omp parallel num_threads(2) firstprivate(x) allocate(h : x) reduction(+ : sum)
    sum += x[0];
    ck_assert_double_eq(sum, 0);
}
END_TEST

#if AA_HAVE_ALLOCATE_DIRECTIVE
START_TEST(a_directive_puts_a_variable_into_the_allocator)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    for (int round = 0; round < ROUNDS; ++round) {
        double x[COUNT];
#pragma omp allocate(x) allocator(h)
        x[round] = round;
        ck_assert(lives_in(a, x));
        ck_assert_uint_eq(used_by(a), rounded_64(sizeof x));
    }
    assert_all_back(a);
    AA_WITH(a) {
        omp_allocator_handle_t null = omp_null_allocator;
        double x[COUNT];
#pragma omp allocate(x) allocator(null)
        x[0] = 1;
        ck_assert(lives_in(a, x));
    }
    assert_all_back(a);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST
#define DIRECTIVE , AA_TEST_LOOP(a_directive_puts_a_variable_into_the_allocator, 0, 2)
#else
#define DIRECTIVE
#endif

AA_TEST_MAIN("omp: clause",
             AA_TEST_LOOP(parallel_copies_live_in_the_allocator_until_the_region_ends, 0, 2),
             AA_TEST_LOOP(loop_copies_live_in_the_allocator, 0, 2),
             AA_TEST_LOOP(array_reductions_live_in_the_allocator, 0, 2),
             AA_TEST_LOOP(task_copies_live_in_the_allocator, 0, 2),
             AA_TEST_LOOP(without_an_allocator_the_clause_asks_the_scope, 0, 2),
             AA_TEST_LOOP(nested_regions_and_scratches_give_back_too, 0, 2),
             AA_TEST_SIGNAL(a_clause_without_memory_ends_the_process, SIGABRT) DIRECTIVE)
