/* Calls of OpenMP's that no other test makes: entry points of compilers that are not here, handles that are gone in each of
 * them, traits and memory spaces at their edge, teams of which many do not arrive. */
#include "test_omp.h"

#include "child.h"
#include "runner.h"

#include <allocarrays/impl/serve.h>

extern void *__kmpc_aligned_alloc(int thread, size_t alignment, size_t bytes, uintptr_t handle);
extern void *__kmpc_alloc(int thread, size_t bytes, uintptr_t handle);
extern void *__kmpc_calloc(int thread, size_t count, size_t bytes, uintptr_t handle);
extern void __kmpc_free(int thread, void *pointer, uintptr_t handle);
extern void *GOMP_alloc(size_t alignment, size_t bytes, uintptr_t handle);
extern void GOMP_free(void *pointer, uintptr_t handle);

static uintptr_t gone_handle(void)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const uintptr_t handle = aa_omp_handle(a);
    ck_assert_uint_ne(handle, 0);
    assert_status(aa_destroy(a), AA_OK);
    return handle;
}

/* Custom allocators own nothing here: their blocks are counted. */
static bool serves(const aa_allocator *a, const void *p)
{
    return custom_out == 1 || aa_owns(a, p);
}

/* ---- entry points ------------------------------------------------------------------------------------------------ */

START_TEST(what_newer_compilers_call_is_served_by_our_handles)
{
    aa_allocator *const a = omp_kind_create(_i);
    const uintptr_t handle = aa_omp_handle(a);
    char *const p = __kmpc_aligned_alloc(0, 256, 100, handle);
    ck_assert(is_aligned(p, 256) && serves(a, p));
    memset(p, 7, 100);
    __kmpc_free(0, p, handle);
    char *const q = __kmpc_calloc(0, 10, 10, handle);
    ck_assert(is_zero(q, 100) && serves(a, q));
    __kmpc_free(0, q, 0);
    char *const r = GOMP_alloc(512, 100, handle);
    ck_assert(is_aligned(r, 512) && serves(a, r));
    GOMP_free(r, handle);
    ck_assert_ptr_null(GOMP_alloc(64, 0, handle));
    ck_assert_ptr_null(__kmpc_alloc(0, 0, handle));
    ck_assert_int_eq(custom_out, 0);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(a_handle_that_is_gone_is_refused_by_every_call)
{
    const uintptr_t gone = gone_handle();
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t handle = handle_of(a);
    char *const p = omp_alloc(100, handle);
    pattern_fill(p, 100, 3);
    record_violations();
    ck_assert_ptr_null(omp_aligned_calloc(64, 10, 10, (omp_allocator_handle_t)gone));
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 1);
    ck_assert_ptr_null(__kmpc_calloc(0, 10, 10, gone));
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 2);
    ck_assert_ptr_null(omp_realloc(p, 200, handle, (omp_allocator_handle_t)gone));
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 3);
    ck_assert(pattern_holds(p, 100, 3)); /* a refused realloc leaves it */
    omp_free(p, handle);
    omp_kind_destroy(a);
}
END_TEST

#ifdef __clang__
START_TEST(what_newer_compilers_call_with_a_handle_of_the_runtimes_is_its_own)
{
    const uintptr_t theirs = (uintptr_t)omp_default_mem_alloc;
    (void)omp_get_max_threads(); /* wakes it, as the compiler's own calls would have */
    char *const p = __kmpc_aligned_alloc(0, 256, 100, theirs);
    ck_assert(p != NULL && is_aligned(p, 256) && !aa_owns(aa_heap(), p));
    memset(p, 7, 100);
    __kmpc_free(0, p, theirs);
}
END_TEST
#endif

static void gomp_alloc_gone(void *handle)
{
    record_violations();
    (void)GOMP_alloc(64, 100, (uintptr_t)handle);
}

static void kmpc_alloc_gone(void *handle)
{
    record_violations();
    (void)__kmpc_alloc(0, 100, (uintptr_t)handle);
}

START_TEST(a_clause_whose_allocator_is_gone_ends_the_process_with_a_sentence)
{
    child_result result;
    child_run(&result, _i == 0 ? gomp_alloc_gone : kmpc_alloc_gone, (void *)gone_handle());
    ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.text, "no 100 bytes for an allocate clause"));
}
END_TEST

#ifndef __clang__
START_TEST(gccs_clause_without_a_scope_or_with_the_runtimes_memory_is_the_runtimes)
{
    aa_allocator *const a = omp_kind_create(_i);
    const uintptr_t handle = aa_omp_handle(a);
    char *const p = GOMP_alloc(64, 100, 0);
    ck_assert_ptr_nonnull(p);
    ck_assert(!aa_owns(a, p));
    memset(p, 1, 100);
    record_violations();
    GOMP_free(p, handle); /* of ours: the memory is the runtime's all the same */
    assert_no_reports();
    omp_kind_destroy(a);
}
END_TEST

START_TEST(what_is_asked_of_the_runtimes_allocators_is_the_runtimes)
{
    aa_allocator *const a = omp_kind_create(_i);
    char *const p = omp_aligned_calloc(64, 10, 10, omp_default_mem_alloc);
    ck_assert(is_aligned(p, 64) && is_zero(p, 100));
    ck_assert(_i == OMP_HEAP || !aa_owns(a, p));
    omp_free(p, omp_default_mem_alloc);
    omp_alloctrait_t wide = {omp_atk_alignment, 256};
    const omp_allocator_handle_t theirs = omp_init_allocator(omp_default_mem_space, 1, &wide);
    char *const q = GOMP_alloc(64, 100, theirs);
    ck_assert(is_aligned(q, 256)); /* its trait, which only the runtime knows */
    memset(q, 1, 100);
    GOMP_free(q, theirs);
    omp_destroy_allocator(theirs);
    omp_kind_destroy(a);
}
END_TEST

/* In the child, of gcc's runtime, which has no such call. */
static void kmpc_alloc_of_nobody(void *unused)
{
    (void)unused;
    (void)__kmpc_alloc(0, 100, 0x7fff0120);
}

START_TEST(a_short_handle_that_is_nobodys_is_passed_on)
{
    child_result result;
    child_run(&result, kmpc_alloc_of_nobody, NULL);
    ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.text, "with __kmpc_alloc stands behind"));
    ck_assert_ptr_null(strstr(result.text, "the compiler cut the handle"));
}
END_TEST
#else
START_TEST(clangs_clause_with_the_runtimes_own_handle_is_the_runtimes)
{
    aa_allocator *const a = omp_kind_create(_i);
    const uintptr_t ours = (uintptr_t)handle_of(a), gone = gone_handle();
    omp_alloctrait_t wide = {omp_atk_alignment, 256};
    const uintptr_t theirs = (uintptr_t)omp_init_allocator(omp_default_mem_space, 1, &wide);
    char *const p = __kmpc_alloc(0, 100, theirs), *const q = __kmpc_alloc(0, 100, theirs);
    ck_assert(p != NULL && q != NULL && (_i == OMP_HEAP || (!aa_owns(a, p) && !aa_owns(a, q))));
    memset(p, 1, 100);
    memset(q, 2, 100);
    record_violations();
    __kmpc_free(0, p, theirs);
    assert_no_reports();
    __kmpc_free(0, q, gone); /* refused: q stays */
    assert_one_report("__kmpc_free", AA_USE_AFTER_RESET);
    ck_assert_int_eq(q[99], 2);
    __kmpc_free(0, q, ours); /* of ours: the memory is the runtime's all the same */
    omp_destroy_allocator((omp_allocator_handle_t)theirs);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(clangs_calloc_without_a_scope_is_the_runtimes)
{
    aa_allocator *const a = omp_kind_create(_i);
    (void)handle_of(a); /* wakes the runtime, as compiled code does before */
    char *const p = __kmpc_calloc(0, 10, 10, omp_default_mem_alloc);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_zero(p, 100) && (_i == OMP_HEAP || !aa_owns(a, p)));
    __kmpc_free(0, p, omp_default_mem_alloc);
    omp_kind_destroy(a);
}
END_TEST
#endif

START_TEST(a_handle_cut_to_an_int_is_found_again_where_it_is_one)
{
    aa_allocator *all[4];
    uintptr_t handles[4];
    for (int i = 0; i < 4; ++i) {
        all[i] = aa_shared_create(NULL);
        handles[i] = aa_omp_handle(all[i]);
    }
    for (int i = 0; i < 4; ++i) {
        ck_assert_uint_eq(aai_serve_uncut((uint32_t)handles[i]), handles[i]);
        ck_assert_uint_eq(aai_serve_uncut((uintptr_t)(int32_t)handles[i]), handles[i]);
    }
    ck_assert_uint_eq(aai_serve_uncut((uintptr_t)1 << 40), 0); /* not cut */
    ck_assert_uint_eq(aai_serve_uncut(omp_large_cap_mem_alloc), 0);
    ck_assert_uint_eq(aai_serve_uncut(0x7fff0123), 0); /* nobody's */
    for (int i = 0; i < 4; ++i) {
        assert_status(aa_destroy(all[i]), AA_OK);
    }
}
END_TEST

/* ---- memory spaces and traits --------------------------------------------------------------------------------- */

START_TEST(memory_spaces_that_the_runtime_has_not_are_unsupported)
{
    static const uintptr_t unknown[] = {5, 99, 103, UINTPTR_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; ++i) {
        assert_fails(aa_allocator_from_traits(unknown[i], 0, NULL), AA_UNSUPPORTED);
    }
    for (uintptr_t llvms = 100; llvms <= 102; ++llvms) {
        aa_last_clear();
        aa_allocator *const a = aa_allocator_from_traits(llvms, 0, NULL);
        ck_assert(a != NULL || aa_last_status() == AA_UNSUPPORTED);
#ifndef __clang__
        ck_assert_ptr_null(a); /* gcc's runtime has none of them */
#endif
        assert_status(aa_destroy(a), AA_OK);
    }
}
END_TEST

START_TEST(interleaved_memory_is_the_runtimes_business)
{
    const omp_alloctrait_t traits[] = {{omp_atk_partition, omp_atv_interleaved}};
    aa_last_clear();
    aa_allocator *const a = aa_allocator_from_traits(omp_default_mem_space, 1, traits);
    if (a == NULL) {
        assert_status(aa_last_status(), AA_UNSUPPORTED);
        return;
    }
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_pool_falls_back_on_the_heap_by_its_handle)
{
    const omp_alloctrait_t traits[] = {{omp_atk_pool_size, 1 << 18},
                                       {omp_atk_fallback, omp_atv_allocator_fb},
                                       {omp_atk_fb_data, aa_omp_handle(aa_heap())}};
    aa_allocator *const a = aa_allocator_from_traits(omp_default_mem_space, 3, traits);
    ck_assert_msg(a != NULL, "%s", aa_last_message());
    char *const p = aa_alloc(a, 100000), *const q = aa_alloc(a, 1 << 20);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_nonnull(q);
    pattern_fill(q, 1 << 20, 2);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *use_the_pool(void *pool)
{
    return aa_alloc(pool, 1 << 20);
}

START_TEST(a_pool_whose_fallback_is_anothers_arena_says_whose_thread_it_is)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API});
    const omp_alloctrait_t traits[] = {{omp_atk_pool_size, 1 << 18},
                                       {omp_atk_fallback, omp_atv_allocator_fb},
                                       {omp_atk_fb_data, aa_omp_handle(arena)}};
    aa_allocator *const pool = aa_allocator_from_traits(omp_default_mem_space, 3, traits);
    ck_assert_msg(pool != NULL, "%s", aa_last_message());
    ck_assert_ptr_nonnull(use_the_pool(pool)); /* here it may */
    record_violations();
    pthread_t thread;
    void *served = pool;
    ck_assert_int_eq(pthread_create(&thread, NULL, use_the_pool, pool), 0);
    ck_assert_int_eq(pthread_join(thread, &served), 0);
    ck_assert_ptr_null(served);
    assert_one_report("a fallback of another thread", AA_FOREIGN_THREAD);
    assert_fails(aa_alloc(pool, SIZE_MAX),
                 AA_OVERFLOW); /* no lack of memory: nobody else is asked */
    assert_status(aa_destroy(pool), AA_OK);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

/* ---- teams that do not arrive ------------------------------------------------------------------------------------ */

/* All but those from `first` to `last` arrive; how many were refused. */
static int reset_without(aa_allocator *a, int size, int first, int last)
{
    int refused = 0;
#pragma omp parallel num_threads(size) reduction(+ : refused)
    {
        const int n = omp_get_thread_num();
        if (n < first || n > last) {
            const aai_team team = aai_team_arrive(a, __FILE__, __LINE__);
            refused += team.status != AA_OK;
        }
    }
    return refused;
}

START_TEST(many_threads_that_do_not_arrive_are_named_as_far_as_there_is_room)
{
    ck_assert_int_eq(setenv("AA_TEAM_TIMEOUT", "1", 1), 0);
    aa_allocator *const a = bump_create(_i == ARENA ? SHARED : _i, NULL);
    record_violations();
    ck_assert_int_eq(reset_without(a, 40, 1, 39), 1);
    assert_one_report("one of 40", AA_RESET_IN_PARALLEL);
    const char *const said = last_violation()->message;
    ck_assert_ptr_nonnull(strstr(said, "only 1 of 40 threads arrived"));
    ck_assert_ptr_nonnull(strstr(said, "thread(s) 1, 2, 3"));
    ck_assert_ptr_null(strstr(said, ", 39"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_thread_beyond_the_64th_that_does_not_arrive_is_counted)
{
    ck_assert_int_eq(setenv("AA_TEAM_TIMEOUT", "1", 1), 0);
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    ck_assert_int_eq(reset_without(a, 66, 65, 65), 65);
    assert_one_report("65 of 66", AA_RESET_IN_PARALLEL);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "only 65 of 66 threads arrived"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

#ifndef __clang__
#define BY_COMPILER                                                                                \
    AA_TEST_OMP_KINDS(gccs_clause_without_a_scope_or_with_the_runtimes_memory_is_the_runtimes),    \
        AA_TEST_OMP_KINDS(what_is_asked_of_the_runtimes_allocators_is_the_runtimes),               \
        AA_TEST(a_short_handle_that_is_nobodys_is_passed_on)
#else
#define BY_COMPILER                                                                                \
    AA_TEST_OMP_KINDS(clangs_calloc_without_a_scope_is_the_runtimes),                              \
        AA_TEST_OMP_KINDS(clangs_clause_with_the_runtimes_own_handle_is_the_runtimes),             \
        AA_TEST(what_newer_compilers_call_with_a_handle_of_the_runtimes_is_its_own)
#endif

START_TEST(freeing_nothing_beside_memory_of_ours_does_nothing)
{
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t handle = handle_of(a);
    char *const p = omp_alloc(100, handle);
    pattern_fill(p, 100, 4);
    record_violations();
    omp_free(NULL, handle);
    omp_free(NULL, omp_null_allocator);
    omp_free(NULL, omp_default_mem_alloc);
    assert_no_reports();
    ck_assert(pattern_holds(p, 100, 4) && serves(a, p));
    omp_free(p, handle);
    omp_kind_destroy(a);
}
END_TEST

/* In the child: what the null allocator means where the program chose another default than the one that stands for ours. */
static void choose_a_default(void *unused)
{
    (void)unused;
    setenv("AA_OMP_ALLOCATOR", "omp_default_mem_space:pool_size=1048576", 1);
    aa_allocator *const pool = aa_current();
    void *const p = omp_alloc(100, omp_null_allocator);
    omp_set_default_allocator(omp_const_mem_alloc);
    void *const q = omp_alloc(100, omp_null_allocator);
    (void)fprintf(stderr, "%s, then %s\n", aa_owns(pool, p) ? "ours" : "theirs",
                  q != NULL && !aa_owns(pool, q) ? "theirs" : "ours");
    omp_free(q, omp_null_allocator);
    omp_set_default_allocator(omp_default_mem_alloc);
    omp_free(p, omp_null_allocator);
}

START_TEST(a_default_of_the_runtimes_takes_the_place_of_the_processs)
{
    child_result result;
    child_run(&result, choose_a_default, NULL);
    assert_exited_well(&result);
    ck_assert_msg(strcmp(result.text, "ours, then theirs\n") == 0, "%s", result.text);
}
END_TEST

AA_TEST_MAIN("omp: edges", AA_TEST_OMP_KINDS(freeing_nothing_beside_memory_of_ours_does_nothing),
             AA_TEST(a_default_of_the_runtimes_takes_the_place_of_the_processs),
             AA_TEST_OMP_KINDS(what_newer_compilers_call_is_served_by_our_handles),
             AA_TEST_OMP_KINDS(a_handle_that_is_gone_is_refused_by_every_call),
             AA_TEST_LOOP(a_clause_whose_allocator_is_gone_ends_the_process_with_a_sentence, 0, 2),
             BY_COMPILER, AA_TEST(a_handle_cut_to_an_int_is_found_again_where_it_is_one),
             AA_TEST(memory_spaces_that_the_runtime_has_not_are_unsupported),
             AA_TEST(interleaved_memory_is_the_runtimes_business),
             AA_TEST(a_pool_falls_back_on_the_heap_by_its_handle),
             AA_TEST(a_pool_whose_fallback_is_anothers_arena_says_whose_thread_it_is),
             AA_TEST_BUMP(many_threads_that_do_not_arrive_are_named_as_far_as_there_is_room),
             AA_TEST(a_thread_beyond_the_64th_that_does_not_arrive_is_counted))
