/* omp_realloc within our allocators, and across to the runtime's and back. */
#include "runner.h"
#include "test_omp.h"
#include "threads.h"

enum { SMALL = 100, LARGE = 5000 };

/* One place for memory to be, by number: our kinds, then the runtime's default, then a handle of the runtime's. */
enum { DEFAULT = OMP_KINDS, THEIRS, PLACES };

typedef struct place {
    aa_allocator *allocator; /* NULL: the runtime's */
    omp_allocator_handle_t handle;
} place;

static place place_make(int number)
{
    if (number < OMP_KINDS) {
        aa_allocator *const a = omp_kind_create(number);
        return (place){a, handle_of(a)};
    }
    return (place){NULL, number == DEFAULT ? omp_default_mem_alloc : their_handle()};
}

static void place_end(const place *p)
{
    if (p->allocator != NULL) {
        omp_kind_destroy(p->allocator);
    } else if (p->handle != omp_default_mem_alloc) {
        omp_destroy_allocator(p->handle);
    }
}

static bool is_in(const place *where, const void *pointer)
{
    aa_allocator *const a = where->allocator;
    return a == NULL || a == aa_heap() ? !aa_owns(a, pointer) == (a == NULL)
                                       : aa_owns(a, pointer) || stats_of(a).allocations > 0;
}

START_TEST(contents_move_between_any_two_places)
{
    const place from = place_make(_i / PLACES), to = place_make(_i % PLACES);
    static const size_t sizes[][2] = {{SMALL, LARGE}, {LARGE, SMALL}, {SMALL, SMALL}, {1, LARGE}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        const size_t old = sizes[i][0], new = sizes[i][1], common = old < new ? old : new;
        unsigned char *const p = omp_alloc(old, from.handle);
        unsigned char *const neighbour = omp_alloc(SMALL, from.handle);
        pattern_fill(p, old, 1);
        pattern_fill(neighbour, SMALL, 2);
        unsigned char *const q = omp_realloc(p, new, to.handle, from.handle);
        ck_assert(q != NULL && is_in(&to, q));
        ck_assert(pattern_holds(q, common, 1));
        pattern_fill(q, new, 3);
        ck_assert(pattern_holds(neighbour, SMALL, 2));
        ck_assert(pattern_holds(q, new, 3));
        omp_free(q, omp_null_allocator);
        omp_free(neighbour, omp_null_allocator);
    }
    place_end(&from);
    place_end(&to);
}
END_TEST

START_TEST(the_newest_grows_in_place)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    unsigned char *const p = omp_alloc(SMALL, h);
    pattern_fill(p, SMALL, 1);
    ck_assert_ptr_eq(omp_realloc(p, LARGE, h, h), p);
    ck_assert(pattern_holds(p, SMALL, 1));
    ck_assert_uint_eq(used_by(a), rounded_64(LARGE));
    ck_assert_ptr_eq(omp_realloc(p, SMALL, omp_null_allocator, omp_null_allocator), p);
    ck_assert_uint_eq(used_by(a), rounded_64(SMALL));
    omp_free(p, h);
    ck_assert_uint_eq(used_by(a), 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(without_a_handle_memory_stays_where_it_is)
{
    aa_allocator *const a = omp_kind_create(_i), *const other = aa_private_create(NULL);
    unsigned char *const p = omp_alloc(SMALL, handle_of(a));
    pattern_fill(p, SMALL, 1);
    unsigned char *q = NULL;
    AA_WITH(other) {
        q = omp_realloc(p, LARGE, omp_null_allocator, omp_null_allocator);
    }
    ck_assert(q != NULL && pattern_holds(q, SMALL, 1));
    ck_assert_uint_eq(stats_of(other).allocations, 0);
    omp_free(q, omp_null_allocator);
    omp_kind_destroy(a);
    assert_status(aa_destroy(other), AA_OK);
}
END_TEST

START_TEST(null_is_alloc_and_zero_is_free)
{
    aa_allocator *const a = omp_kind_create(_i);
    const omp_allocator_handle_t h = handle_of(a);
    unsigned char *const p = omp_realloc(NULL, SMALL, h, omp_null_allocator);
    ck_assert_ptr_nonnull(p);
    memset(p, 1, SMALL);
    ck_assert_ptr_null(omp_realloc(p, 0, h, h));
    ck_assert_uint_eq(used_by(a), 0);
    char *const theirs = omp_realloc(NULL, SMALL, omp_default_mem_alloc, omp_default_mem_alloc);
    ck_assert_ptr_nonnull(theirs);
    ck_assert_ptr_null(omp_realloc(theirs, 0, h, omp_default_mem_alloc));
    omp_kind_destroy(a);
}
END_TEST

START_TEST(a_refusal_keeps_the_old_block)
{
    aa_allocator *const full = aa_shared_create(&(aa_options){.capacity = 4096});
    const omp_allocator_handle_t h = handle_of(full);
    const place from = place_make(_i);
    unsigned char *const p = omp_alloc(SMALL, from.handle);
    pattern_fill(p, SMALL, 1);
    assert_fails(omp_realloc(p, 1 << 20, h, from.handle), AA_NOMEM);
    ck_assert(pattern_holds(p, SMALL, 1));
    omp_free(p, from.handle);
    place_end(&from);
    assert_status(aa_destroy(full), AA_OK);
}
END_TEST

/* More than a thread remembers, so that the size of the first is known by the lane alone. */
START_TEST(a_size_that_is_forgotten_is_bounded)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const omp_allocator_handle_t h = handle_of(a);
    unsigned char *const p = omp_alloc(SMALL, h);
    pattern_fill(p, SMALL, 1);
    for (int i = 0; i < 100; ++i) {
        memset(omp_alloc(SMALL, h), 0xff, SMALL);
    }
    unsigned char *const q = omp_realloc(p, (size_t)1 << 20, h, h);
    ck_assert(q != NULL && pattern_holds(q, SMALL, 1));
    memset(q, 1, (size_t)1 << 20);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *grow_it(void *p)
{
    return omp_realloc(p, LARGE, omp_default_mem_alloc, omp_null_allocator);
}

START_TEST(another_thread_may_resize)
{
    aa_allocator *const a = omp_kind_create(_i);
    unsigned char *const p = omp_alloc(SMALL, handle_of(a));
    pattern_fill(p, SMALL, 1);
    unsigned char *const q = on_thread(grow_it, p);
    ck_assert(q != NULL && pattern_holds(q, SMALL, 1) && !aa_owns(a, q));
    omp_free(q, omp_null_allocator);
    omp_kind_destroy(a);
}
END_TEST

/* Threads of a team that stay, with what they hold of the round before, or of this one. */
START_TEST(a_thread_that_has_memory_of_its_own_resizes_anothers)
{
    const bool is_current = _i % 2 != 0;
    aa_allocator *const a = omp_kind_create(SHARED + _i / 2);
    const omp_allocator_handle_t h = handle_of(a);
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    wrong += omp_alloc(SMALL, h) == NULL;
    assert_status(aa_reset(a), AA_OK);
    unsigned char *const p = omp_alloc(SMALL, h);
    pattern_fill(p, SMALL, 1);
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    if (omp_get_thread_num() == 1) {
        wrong += is_current && omp_alloc(SMALL, h) == NULL;
        unsigned char *const q = omp_realloc(p, LARGE, h, h);
        wrong += q == NULL || q == p || !pattern_holds(q, SMALL, 1);
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert(pattern_holds(p, SMALL, 1));
    omp_kind_destroy(a);
}
END_TEST

AA_TEST_MAIN("omp: realloc", AA_TEST_LOOP(contents_move_between_any_two_places, 0, PLACES *PLACES),
             AA_TEST_BUMP(the_newest_grows_in_place),
             AA_TEST_OMP_KINDS(without_a_handle_memory_stays_where_it_is),
             AA_TEST_OMP_KINDS(null_is_alloc_and_zero_is_free),
             AA_TEST_LOOP(a_refusal_keeps_the_old_block, 0, PLACES),
             AA_TEST_BUMP(a_size_that_is_forgotten_is_bounded),
             AA_TEST_OMP_KINDS(another_thread_may_resize),
             AA_TEST_LOOP(a_thread_that_has_memory_of_its_own_resizes_anothers, 0, 4))
