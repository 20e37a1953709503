/* The examples of doc/openmp-allocators.md, compiled and run. */
#include "runner.h"
#include "test_omp.h"

enum { N = 1000 };

/* Each thread's copy of `window` lives in its arena, and ends with the region. */
static double smooth(const double *from, double *to, int n, omp_allocator_handle_t h)
{
    double window[64] = {0}, sum = 0;
#pragma omp parallel for firstprivate(window) allocate(h : window) reduction(+ : sum)
    for (int i = 0; i < n; ++i) {
        window[i % 64] = from[i];
        to[i] = window[i % 64] + window[(i + 1) % 64];
        sum += from[i];
    }
    return sum;
}

/* A library's function that knows OpenMP, and nothing of us. */
static double library_norm(const double *x, int n)
{
    double *const squares = omp_alloc((size_t)n * sizeof *squares, omp_null_allocator);
    double sum = 0;
    for (int i = 0; i < n; ++i) {
        squares[i] = x[i] * x[i];
        sum += squares[i];
    }
    omp_free(squares, omp_null_allocator);
    return sum;
}

/* In the scope its memory comes from the pool. */
static double norm_in_pool(aa_allocator *pool, const double *x, int n)
{
    double norm = 0;
    AA_WITH(pool) {
        norm = library_norm(x, n);
    }
    return norm;
}

/* A megabyte for each thread, then NULL; aligned to pages. */
static aa_allocator *make_pool(void)
{
    const omp_alloctrait_t traits[] = {
        {omp_atk_pool_size, 1 << 20},
        {omp_atk_access, omp_atv_thread},
        {omp_atk_alignment, 4096},
        {omp_atk_fallback, omp_atv_null_fb},
    };
    return aa_allocator_from_traits(omp_default_mem_space, 4, traits);
}

/* The arena takes a block of the runtime's large memory once, or pages where the runtime has none (libomp 14); what it
 * gives out of it costs a bump. */
static aa_allocator *make_on_large_memory(void)
{
    aa_upstream *const large = aa_upstream_omp(omp_large_cap_mem_alloc);
    return aa_private_create(&(aa_options){.upstream = large, .fallback = aa_upstream_pages(0)});
}

START_TEST(private_copies_come_from_arenas)
{
    static double from[N], to[N];
    for (int i = 0; i < N; ++i) {
        from[i] = 1;
    }
    aa_allocator *const a = aa_private_create(NULL);
    ck_assert_double_eq(smooth(from, to, N, handle_of(a)), N);
    ck_assert_uint_gt(stats_of(a).allocations, 0);
    ck_assert_uint_eq(used_by(a), 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_library_is_served_by_the_scope)
{
    static const double x[N] = {3, 4};
    aa_allocator *const pool = aa_private_create(NULL);
    ck_assert_double_eq(norm_in_pool(pool, x, N), 25);
    ck_assert_uint_eq(stats_of(pool).allocations, 1);
    assert_status(aa_destroy(pool), AA_OK);
}
END_TEST

START_TEST(traits_make_a_pool)
{
    aa_allocator *const pool = make_pool();
    ck_assert_msg(pool != NULL, "%s", aa_last_message());
    ck_assert(is_aligned(omp_alloc(8, handle_of(pool)), 4096));
    assert_fails(aa_alloc(pool, 1 << 20), AA_NOMEM);
    assert_status(aa_destroy(pool), AA_OK);
}
END_TEST

START_TEST(an_arena_stands_on_the_runtimes_memory)
{
    aa_allocator *const a = make_on_large_memory();
    ck_assert_msg(a != NULL, "%s", aa_last_message());
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("guide: OpenMP allocators", AA_TEST(private_copies_come_from_arenas),
             AA_TEST(a_library_is_served_by_the_scope), AA_TEST(traits_make_a_pool),
             AA_TEST(an_arena_stands_on_the_runtimes_memory))
