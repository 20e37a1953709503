/* Arguments that cannot be: NULL, sizes that overflow, alignments. A status and a sentence, never a crash, and
 * nothing is asked of the upstream. */
#include "held.h"
#include "runner.h"
#include "upstreams.h"
#include "violations.h"

#include <stdio.h>

/* ---- sizes and alignments ---- */

enum { HEAP = BUMP_KINDS, KINDS };

static upstream_count count;

/* A used allocator over a counting upstream, or the heap. */
static aa_allocator *create(int kind)
{
    if (kind == HEAP) {
        return aa_heap();
    }
    aa_allocator *const a = bump_create(kind, &(aa_options){.upstream = counted_create(&count)});
    ck_assert_ptr_nonnull(aa_alloc(a, 1));
    return a;
}

#define TEST_KINDS(name) AA_TEST_LOOP(name, 0, KINDS)

static const size_t too_many[] = {
    SIZE_MAX,         SIZE_MAX - 1,        SIZE_MAX - 63,           SIZE_MAX - 64,
    SIZE_MAX / 2 + 1, (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX - 62};

START_TEST(bytes_above_ptrdiff_max_overflow)
{
    aa_allocator *const a = create(_i);
    const aa_stats before = stats_of(a);
    const uint64_t calls = upstream_calls(&count);
    for (size_t i = 0; i < sizeof too_many / sizeof too_many[0]; ++i) {
        assert_fails(aa_alloc(a, too_many[i]), AA_OVERFLOW);
    }
    ck_assert_uint_eq(upstream_calls(&count), calls);
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
    void *const p = aa_alloc(a, 100);
    ck_assert_ptr_nonnull(p);
    aa_free(a, p, 100);
}
END_TEST

START_TEST(bytes_plus_alignment_that_overflow_are_refused)
{
    aa_allocator *const a = create(_i);
    const uint64_t calls = upstream_calls(&count);
    assert_fails(aa_alloc_aligned(a, SIZE_MAX, 4096), AA_OVERFLOW);
    assert_fails(aa_alloc_aligned(a, SIZE_MAX - 4096, 8192), AA_OVERFLOW);
    assert_fails(aa_alloc_aligned(a, (size_t)PTRDIFF_MAX, (size_t)1 << 30), AA_OVERFLOW);
    ck_assert_uint_eq(upstream_calls(&count), calls);
}
END_TEST

START_TEST(a_product_that_overflows_is_refused)
{
    aa_allocator *const a = create(_i);
    const uint64_t calls = upstream_calls(&count);
    assert_fails(aa_calloc(a, SIZE_MAX, 2), AA_OVERFLOW);
    assert_fails(aa_calloc(a, (size_t)1 << 32, (size_t)1 << 32), AA_OVERFLOW);
    assert_fails(aa_calloc(a, (size_t)PTRDIFF_MAX, 1), AA_OVERFLOW);
    assert_fails(AA_NEW(a, double, SIZE_MAX / 4), AA_OVERFLOW);
    ck_assert_uint_eq(upstream_calls(&count), calls);
}
END_TEST

START_TEST(a_realloc_that_overflows_is_refused_and_keeps_the_old)
{
    aa_allocator *const a = create(_i);
    char *const p = aa_alloc(a, 100);
    pattern_fill(p, 100, 1);
    const uint64_t calls = upstream_calls(&count);
    assert_fails(aa_realloc(a, p, 100, SIZE_MAX), AA_OVERFLOW);
    assert_fails(aa_realloc(a, p, 100, (size_t)PTRDIFF_MAX), AA_OVERFLOW);
    ck_assert_uint_eq(upstream_calls(&count), calls);
    ck_assert(pattern_holds(p, 100, 1));
    aa_free(a, p, 100);
}
END_TEST

START_TEST(an_alignment_that_is_no_power_of_two_is_refused_with_its_value)
{
    aa_allocator *const a = create(_i);
    const aa_stats before = stats_of(a);
    assert_fails(aa_alloc_aligned(a, 100, 3), AA_INVALID);
    assert_fails(aa_alloc_aligned(a, 100, 96), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "96"));
    assert_fails(aa_alloc_aligned(a, 100, SIZE_MAX), AA_INVALID);
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
}
END_TEST

START_TEST(an_alignment_above_one_gib_is_refused_with_its_value)
{
    aa_allocator *const a = create(_i);
    assert_fails(aa_alloc_aligned(a, 100, (size_t)1 << 31), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "2147483648"));
    assert_fails(aa_alloc_aligned(a, 100, (size_t)1 << 63), AA_INVALID);
}
END_TEST

START_TEST(a_size_that_no_machine_has_is_no_memory)
{
    aa_allocator *const a = create(_i);
    const aa_stats before = stats_of(a);
    assert_fails(aa_alloc(a, (size_t)1 << 61), AA_NOMEM);
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
    void *const p = aa_alloc(a, 100);
    ck_assert_ptr_nonnull(p);
    aa_free(a, p, 100);
}
END_TEST

START_TEST(an_initial_size_above_the_capacity_never_exceeds_it)
{
    aa_allocator *const a = bump_try_create(_i, &(aa_options){.capacity = 4096, .initial = 8192});
    if (a == NULL) {
        ck_assert_int_eq(aa_last_status(), AA_INVALID);
        return;
    }
    (void)aa_alloc(a, 64);
    ck_assert_uint_le(stats_of(a).committed, 4096);
}
END_TEST

/* ---- NULL ---- */

START_TEST(null_is_refused_by_alloc)
{
    assert_fails(aa_alloc(NULL, 8), AA_INVALID);
    assert_fails(aa_alloc(NULL, 0), AA_INVALID);
}
END_TEST

START_TEST(null_is_refused_by_alloc_aligned)
{
    assert_fails(aa_alloc_aligned(NULL, 8, 64), AA_INVALID);
}
END_TEST

START_TEST(null_is_refused_by_calloc)
{
    assert_fails(aa_calloc(NULL, 8, 8), AA_INVALID);
}
END_TEST

START_TEST(null_is_refused_by_new)
{
    assert_fails(AA_NEW(NULL, double, 8), AA_INVALID);
}
END_TEST

START_TEST(null_is_refused_by_realloc)
{
    char memory[8] = "kept";
    assert_fails(aa_realloc(NULL, NULL, 0, 8), AA_INVALID);
    assert_fails(aa_realloc(NULL, memory, 8, 16), AA_INVALID);
    ck_assert_str_eq(memory, "kept");
}
END_TEST

START_TEST(null_is_refused_by_free)
{
    char memory[8] = "";
    aa_last_clear();
    aa_free(NULL, memory, 8);
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
}
END_TEST

START_TEST(null_owns_nothing)
{
    char memory[8] = "";
    ck_assert(!aa_owns(NULL, memory));
    ck_assert(!aa_owns(NULL, NULL));
}
END_TEST

START_TEST(null_is_refused_by_reset)
{
    assert_status(aa_reset(NULL), AA_INVALID);
    assert_status((aa_reset)(NULL), AA_INVALID);
}
END_TEST

START_TEST(null_is_refused_by_a_team_reset)
{
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    wrong += aa_reset_team(NULL) != AA_INVALID;
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(null_gives_a_null_mark)
{
    aa_last_clear();
    ck_assert(aa_mark_is_null(aa_mark_take(NULL)));
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
}
END_TEST

START_TEST(a_null_mark_can_be_neither_rewound_nor_dropped)
{
    const aa_mark mark = aa_mark_take(NULL);
    assert_status(aa_mark_rewind(mark), AA_INVALID);
    assert_status(aa_mark_drop(mark), AA_INVALID);
}
END_TEST

START_TEST(null_opens_no_scope)
{
    aa_allocator *const a = aa_arena_create(NULL);
    int bodies = 0;
    AA_WITH(a) {
        aa_last_clear();
        const aa_scope scope = aa_scope_enter(NULL);
        ck_assert_int_eq(aa_last_status(), AA_INVALID);
        ck_assert_ptr_eq(aa_current(), a);
        assert_status(aa_scope_leave(scope), AA_OK);
        AA_WITH(NULL) {
            ck_assert_ptr_eq(aa_current(), a);
            ++bodies;
        }
        ck_assert_ptr_eq(aa_current(), a);
    }
    ck_assert_int_eq(bodies, 1);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_empty_token_opens_no_scope)
{
    static const aa_token empty;
    int bodies = 0;
    record_violations();
    AA_TASK(empty) {
        ck_assert_ptr_eq(aa_current(), aa_heap());
        ++bodies;
    }
    ck_assert_int_eq(bodies, 1);
}
END_TEST

START_TEST(null_has_no_openmp_handle)
{
    assert_fails(aa_omp_handle(NULL), AA_INVALID);
}
END_TEST

START_TEST(null_upstreams_are_refused)
{
    uint64_t requests = 5;
    assert_status(aa_upstream_usage(NULL, &requests, NULL), AA_INVALID);
    ck_assert_uint_eq(requests, 5);
    assert_status(aa_upstream_destroy(NULL), AA_OK);
}
END_TEST

START_TEST(a_custom_upstream_needs_a_table_with_alloc_and_size)
{
    aa_upstream_ops ops = {sizeof ops, counted_alloc, counted_free, counted_destroy};
    assert_fails(aa_upstream_custom(NULL, &count), AA_INVALID);
    ops.size = 0;
    assert_fails(aa_upstream_custom(&ops, &count), AA_INVALID);
    ops.size = sizeof ops;
    ops.alloc = NULL;
    assert_fails(aa_upstream_custom(&ops, &count), AA_INVALID);
}
END_TEST

AA_TEST_MAIN("misuse: arguments", TEST_KINDS(bytes_above_ptrdiff_max_overflow),
             TEST_KINDS(bytes_plus_alignment_that_overflow_are_refused),
             TEST_KINDS(a_product_that_overflows_is_refused),
             TEST_KINDS(a_realloc_that_overflows_is_refused_and_keeps_the_old),
             TEST_KINDS(an_alignment_that_is_no_power_of_two_is_refused_with_its_value),
             TEST_KINDS(an_alignment_above_one_gib_is_refused_with_its_value),
             TEST_KINDS(a_size_that_no_machine_has_is_no_memory),
             AA_TEST_BUMP(an_initial_size_above_the_capacity_never_exceeds_it),
             AA_TEST(null_is_refused_by_alloc), AA_TEST(null_is_refused_by_alloc_aligned),
             AA_TEST(null_is_refused_by_calloc), AA_TEST(null_is_refused_by_new),
             AA_TEST(null_is_refused_by_realloc), AA_TEST(null_is_refused_by_free),
             AA_TEST(null_owns_nothing), AA_TEST(null_is_refused_by_reset),
             AA_TEST(null_is_refused_by_a_team_reset), AA_TEST(null_gives_a_null_mark),
             AA_TEST(a_null_mark_can_be_neither_rewound_nor_dropped), AA_TEST(null_opens_no_scope),
             AA_TEST(an_empty_token_opens_no_scope), AA_TEST(null_has_no_openmp_handle),
             AA_TEST(null_upstreams_are_refused),
             AA_TEST(a_custom_upstream_needs_a_table_with_alloc_and_size))
