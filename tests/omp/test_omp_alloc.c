/* OpenMP's allocation calls on our handles, on the runtime's, and on none. */
#include "child.h"
#include "runner.h"
#include "sanitizers.h"
#include "test_omp.h"
#include "threads.h"

enum { BYTES = 300 };

/* Compilers know what no memory can be; these they do not see through. */
static volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2;

START_TEST(memory_comes_from_the_allocator_of_the_handle)
{
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t h = handle_of(a);
    const int before = custom_out;
    unsigned char *const p = omp_alloc(BYTES, h);
    ck_assert_ptr_nonnull(p);
    ck_assert(_i == OMP_CUSTOM ? custom_out == before + 1 : aa_owns(a, p));
    pattern_fill(p, BYTES, 1);
    unsigned char *const q = omp_alloc(BYTES, h);
    pattern_fill(q, BYTES, 2);
    ck_assert(pattern_holds(p, BYTES, 1));
    omp_free(q, h);
    omp_free(p, h);
    ck_assert_int_eq(custom_out, before);
    ck_assert_uint_eq(used_by(a), 0);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(no_bytes_are_no_memory)
{
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t h = handle_of(a);
    ck_assert_ptr_null(omp_alloc(0, h));
    ck_assert_ptr_null(omp_aligned_alloc(64, 0, h));
    ck_assert_ptr_null(omp_calloc(0, 8, h));
    ck_assert_ptr_null(omp_calloc(8, 0, h));
    ck_assert_ptr_null(omp_aligned_calloc(64, 0, 0, h));
    ck_assert_ptr_null(omp_realloc(NULL, 0, h, h));
    ck_assert_uint_eq(used_by(a), 0);
    omp_free(NULL, h);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(the_alignment_asked_for_is_given)
{
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t h = handle_of(a);
    for (size_t alignment = 1; alignment <= 1 << 16; alignment *= 2) {
        void *const p = omp_aligned_alloc(alignment, 24, h);
        void *const q = omp_aligned_calloc(alignment, 3, 8, h);
        ck_assert(p != NULL && is_aligned(p, alignment) && is_aligned(p, 64));
        ck_assert(q != NULL && is_aligned(q, alignment) && is_zero(q, 24));
        omp_free(q, h);
        omp_free(p, h);
    }
    if (_i < BUMP_KINDS) { /* the largest there is; address space, for the most part */
        void *const p = omp_aligned_alloc((size_t)1 << 30, 24, h);
        ck_assert(p != NULL && is_aligned(p, (size_t)1 << 30));
        omp_free(p, h);
    }
    assert_fails(omp_aligned_alloc(48, 24, h), AA_INVALID);
    assert_fails(omp_aligned_alloc((size_t)1 << 31, 24, h), AA_INVALID);
    ck_assert_uint_eq(used_by(a), 0);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(calloc_clears_reused_memory)
{
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t h = handle_of(a);
    for (int round = 0; round < 3; ++round) {
        unsigned char *const p = omp_calloc(BYTES, 2, h);
        ck_assert(p != NULL && is_zero(p, BYTES * 2));
        memset(p, 0xff, BYTES * 2);
        omp_free(p, h);
    }
    assert_fails(omp_calloc(half, 3, h), AA_OVERFLOW);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(no_header_lies_between_allocations)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    char *last = omp_alloc(64, h);
    for (int i = 0; i < 100; ++i) {
        char *const next = omp_alloc(64, h);
        ck_assert_ptr_eq(next, last + 64);
        last = next;
    }
    ck_assert_uint_eq(used_by(a), 101 * 64);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(frees_in_any_order_give_all_memory_back)
{
    enum { COUNT = 6, ORDERS = 720 };
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    for (int order = 0; order < ORDERS; ++order) {
        void *p[COUNT];
        int left = COUNT, code = order;
        for (int i = 0; i < COUNT; ++i) {
            p[i] = omp_alloc(40 + 100 * (size_t)i, h);
        }
        while (left > 0) { /* the order-th permutation */
            const int at = code % left;
            code /= left;
            omp_free(p[at], omp_null_allocator);
            p[at] = p[--left];
        }
        ck_assert_msg(used_by(a) == 0, "order %d leaves %zu bytes", order, used_by(a));
    }
    ck_assert_uint_eq(stats_of(a).live_frees, 0);
    ck_assert_uint_eq(stats_of(a).allocations, COUNT * ORDERS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_peak_counts_what_was_given_back)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    for (int count = 1; count <= 20; ++count) {
        void *p[20];
        for (int i = 0; i < count; ++i) {
            p[i] = omp_alloc(64, h);
        }
        for (int i = count; i > 0; --i) {
            omp_free(p[i - 1], h);
        }
        ck_assert_uint_eq(stats_of(a).peak, 64 * (size_t)count);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_a_mark_holds_is_not_given_back)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    unsigned char *const outside = omp_alloc(64, h);
    pattern_fill(outside, 64, 3);
    AA_SCRATCH(a) {
        void *const inside = omp_alloc(64, h);
        omp_free(inside, h);
        ck_assert_ptr_eq(omp_alloc(64, h), inside);
        omp_free(outside, h); /* below the mark: it waits */
        ck_assert_ptr_ne(omp_alloc(64, h), outside);
        ck_assert_uint_eq(used_by(a), 192);
    }
    ck_assert_uint_eq(used_by(a), 64);
    void *const next = omp_alloc(64, h);
    ck_assert_ptr_ne(next, outside);
    omp_free(next, h); /* now both */
    ck_assert_uint_eq(used_by(a), 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_newest_below_a_mark_is_not_given_back)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    for (int round = 0; round < 3; ++round) { /* the later ones inline */
        void *const outside = omp_alloc(64, h);
        AA_SCRATCH(a) {
            omp_free(outside, h);
            ck_assert_ptr_ne(omp_alloc(64, h), outside);
        }
        ck_assert_uint_eq(used_by(a), 64);
        void *const next = omp_alloc(64, h);
        ck_assert_ptr_ne(next, outside);
        omp_free(next, h);
        ck_assert_uint_eq(used_by(a), 0);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_a_rewind_or_reset_took_can_be_freed)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    void *taken = NULL;
    AA_SCRATCH(a) {
        taken = omp_alloc(64, h);
    }
    unsigned char *const now = aa_alloc(a, 64); /* the same memory */
    pattern_fill(now, 64, 4);
    omp_free(taken, h);
    ck_assert_uint_eq(used_by(a), 64);
    void *const kept = omp_alloc(64, h);
    assert_status(aa_reset(a), AA_OK);
    unsigned char *const fresh = aa_alloc(a, 128);
    omp_free(kept, h);
    ck_assert_uint_eq(used_by(a), 128);
    ck_assert_ptr_ne(aa_alloc(a, 64), fresh);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(null_means_the_current_scope)
{
    aa_allocator *const a = omp_kind_create(_i);
    const int before = custom_out;
    void *p = NULL;
    AA_WITH(a) {
        p = omp_alloc(BYTES, omp_null_allocator);
    }
    ck_assert(_i == OMP_CUSTOM ? custom_out == before + 1 : aa_owns(a, p));
    omp_free(p, omp_null_allocator); /* found by its address */
    ck_assert_uint_eq(used_by(a), 0);
    ck_assert_int_eq(custom_out, before);
    p = omp_alloc(BYTES, omp_null_allocator);
    ck_assert(p != NULL && !aa_owns(a, p) && !aa_owns(aa_heap(), p));
    omp_free(p, omp_null_allocator);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(handles_of_the_runtime_are_the_runtimes)
{
    const omp_allocator_handle_t theirs = their_handle();
    const omp_allocator_handle_t all[] = {omp_default_mem_alloc, omp_thread_mem_alloc, theirs};
    aa_allocator *const a = aa_private_create(NULL);
    AA_WITH(a) {
        for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
            unsigned char *p = omp_alloc(BYTES, all[i]);
            unsigned char *const q = omp_aligned_alloc(256, BYTES, all[i]);
            unsigned char *const z = omp_calloc(3, BYTES, all[i]);
            ck_assert(p != NULL && q != NULL && z != NULL);
            ck_assert(is_aligned(q, 256) && is_zero(z, 3 * BYTES));
            pattern_fill(p, BYTES, 9);
            p = omp_realloc(p, 2 * BYTES, all[i], all[i]);
            ck_assert(p != NULL && pattern_holds(p, BYTES, 9));
            ck_assert(!aa_owns(a, p) && !aa_owns(a, q) && !aa_owns(a, z));
            omp_free(p, all[i]);
            omp_free(q, omp_null_allocator);
            omp_free(z, handle_of(a)); /* the wrong side: it finds its way */
        }
    }
    omp_destroy_allocator(theirs);
    ck_assert_uint_eq(stats_of(a).allocations, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *free_it(void *p)
{
    omp_free(p, omp_null_allocator);
    return NULL;
}

START_TEST(any_thread_may_free)
{
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t h = handle_of(a);
    const int before = custom_out;
    void *const p = omp_alloc(BYTES, h);
    unsigned char *const q = omp_alloc(BYTES, h);
    pattern_fill(q, BYTES, 5);
    on_thread(free_it, p);
    ck_assert(pattern_holds(q, BYTES, 5));
    on_thread(free_it, q);
    ck_assert_int_eq(custom_out, before);
    if (_i < BUMP_KINDS) { /* bookkeeping: it comes back at the reset */
        ck_assert_uint_eq(stats_of(a).live_frees, 2);
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_eq(used_by(a), 0);
    omp_kind_destroy(a);
}
END_TEST

START_TEST(a_handle_that_is_gone_is_refused)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    char *const theirs = omp_alloc(BYTES, omp_default_mem_alloc);
    void *const ours = omp_alloc(BYTES, h);
    omp_destroy_allocator(h); /* does nothing: aa_destroy does */
    ck_assert_ptr_eq(aa_from_omp_allocator(h), a);
    assert_status(aa_destroy(a), AA_OK);
    assert_refused_null(omp_alloc(BYTES, h), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_null(omp_aligned_alloc(64, BYTES, h), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_null(omp_calloc(1, BYTES, h), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_null(omp_aligned_calloc(64, 1, BYTES, h), AA_STALE, AA_USE_AFTER_RESET);
    assert_refused_null(omp_realloc(theirs, BYTES, h, omp_default_mem_alloc), AA_STALE,
                        AA_USE_AFTER_RESET);
    record_violations();
    omp_free(ours, h);
    assert_one_report("omp_free", AA_USE_AFTER_RESET);
    omp_free(theirs, omp_default_mem_alloc);
}
END_TEST

START_TEST(a_scope_whose_allocator_is_gone_is_refused)
{
    aa_allocator *const a = aa_shared_create(NULL);
    omp_set_default_allocator(handle_of(a));
    assert_status(aa_destroy(a), AA_OK);
    assert_refused_null(omp_alloc(BYTES, omp_null_allocator), AA_STALE, AA_USE_AFTER_RESET);
}
END_TEST

static void *alloc_from(void *h)
{
    return omp_alloc(BYTES, *(omp_allocator_handle_t *)h);
}

START_TEST(an_arena_serves_its_owner_only)
{
    aa_allocator *const a = aa_arena_create(NULL);
    omp_allocator_handle_t h = handle_of(a);
    record_violations();
    ck_assert_ptr_null(on_thread(alloc_from, &h));
    assert_one_report("omp_alloc", AA_FOREIGN_THREAD);
    ck_assert_ptr_nonnull(omp_alloc(BYTES, h));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_full_allocator_gives_null_and_goes_on)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.capacity = 4096});
    const omp_allocator_handle_t h = handle_of(a);
    assert_fails(omp_alloc(8192, h), AA_NOMEM);
    ck_assert_ptr_nonnull(omp_alloc(BYTES, h));
    assert_fails(omp_alloc(half, h), AA_OVERFLOW);
    assert_fails(omp_alloc(huge, h), AA_OVERFLOW);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(checked_allocators_serve_too)
{
    for (int kind = 0; kind < BUMP_KINDS; ++kind) {
        aa_allocator *const a = bump_create(kind, &(aa_options){.checks = (aa_checks)_i});
        const omp_allocator_handle_t h = handle_of(a);
        unsigned char *const p = omp_alloc(100, h);
        unsigned char *const q = omp_alloc(7, h);
        pattern_fill(p, 100, 6);
        pattern_fill(q, 7, 7);
        unsigned char *const r = omp_realloc(p, 300, h, h);
        ck_assert(r != NULL && pattern_holds(r, 100, 6));
        omp_free(r, h);
        omp_free(q, h);
        ck_assert_uint_eq(used_by(a), 0); /* p was freed by the realloc */
        assert_status(aa_reset(a), AA_OK);
        assert_status(aa_destroy(a), AA_OK);
    }
}
END_TEST

START_TEST(an_overflow_of_an_omp_allocation_is_found)
{
    if (UNDER_ASAN) { /* which finds it first */
        return;
    }
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL});
    unsigned char *const p = omp_alloc(100, handle_of(a));
    volatile size_t behind = 100;
    p[behind] = 1;
    record_violations();
    omp_free(p, handle_of(a));
    assert_one_report("omp_free", AA_CORRUPTION);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void allocate_in_child(void *h)
{
    char *const p = omp_alloc(BYTES, *(omp_allocator_handle_t *)h);
    memset(p, 1, BYTES);
    omp_free(p, omp_null_allocator);
    char *const q = omp_alloc(BYTES, omp_default_mem_alloc);
    memset(q, 1, BYTES);
    omp_free(q, omp_default_mem_alloc);
    exit(p == NULL || q == NULL);
}

START_TEST(a_forked_child_allocates)
{
    aa_allocator *const a = omp_kind_create(_i);
    omp_allocator_handle_t h = handle_of(a);
    void *const p = omp_alloc(BYTES, h);
    child_result result;
    child_run(&result, allocate_in_child, &h);
    assert_exited_well(&result);
    omp_free(p, h);
    omp_kind_destroy(a);
}
END_TEST

/* Before main, before any constructor of the library need have run. */
static void *early;
__attribute__((constructor(101))) static void allocate_early(void)
{
    early = omp_alloc(BYTES, omp_null_allocator);
}

START_TEST(a_constructor_may_allocate)
{
    ck_assert_ptr_nonnull(early);
    memset(early, 1, BYTES);
    omp_free(early, omp_null_allocator);
}
END_TEST

START_TEST(a_hundred_thousand_pairs_by_many_threads_grow_nothing)
{
    aa_allocator *const a = bump_create(_i + SHARED, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    int wrong = 0;
#pragma omp parallel num_threads(4) reduction(+ : wrong)
    {
        const unsigned me = (unsigned)omp_get_thread_num();
        for (size_t i = 0; i < 25000; ++i) {
            unsigned char *const p = omp_alloc(1 + i % 700, h), *const q = omp_alloc(64, h);
            p[0] = q[0] = (unsigned char)me;
            wrong += p[0] != me || q[0] != me;
            omp_free(i % 2 == 0 ? p : q, omp_null_allocator);
            omp_free(i % 2 == 0 ? q : p, omp_null_allocator);
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(used_by(a), 0);
    ck_assert_uint_eq(stats_of(a).allocations, 200000);
    ck_assert_uint_le(stats_of(a).peak, 4 * (704 + 64));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("omp: alloc", AA_TEST_OMP_KINDS(memory_comes_from_the_allocator_of_the_handle),
             AA_TEST_OMP_KINDS(no_bytes_are_no_memory),
             AA_TEST_OMP_KINDS(the_alignment_asked_for_is_given),
             AA_TEST_OMP_KINDS(calloc_clears_reused_memory),
             AA_TEST_BUMP(no_header_lies_between_allocations),
             AA_TEST_BUMP(frees_in_any_order_give_all_memory_back),
             AA_TEST_BUMP(the_peak_counts_what_was_given_back),
             AA_TEST_BUMP(what_a_mark_holds_is_not_given_back),
             AA_TEST_BUMP(the_newest_below_a_mark_is_not_given_back),
             AA_TEST_BUMP(what_a_rewind_or_reset_took_can_be_freed),
             AA_TEST_OMP_KINDS(null_means_the_current_scope),
             AA_TEST(handles_of_the_runtime_are_the_runtimes),
             AA_TEST_OMP_KINDS(any_thread_may_free), AA_TEST_BUMP(a_handle_that_is_gone_is_refused),
             AA_TEST(a_scope_whose_allocator_is_gone_is_refused),
             AA_TEST(an_arena_serves_its_owner_only),
             AA_TEST_BUMP(a_full_allocator_gives_null_and_goes_on),
             AA_TEST_LOOP(checked_allocators_serve_too, AA_CHECKS_NONE, AA_CHECKS_FULL + 1),
             AA_TEST_BUMP(an_overflow_of_an_omp_allocation_is_found),
             AA_TEST_OMP_KINDS(a_forked_child_allocates), AA_TEST(a_constructor_may_allocate),
             AA_TEST_LOOP(a_hundred_thousand_pairs_by_many_threads_grow_nothing, 0, 2))
