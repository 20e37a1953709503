/* Requests near the largest object there is, of every upstream: where a sum on the way could wrap, nothing is mapped, and
 * the allocator goes on. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>
#include <stdint.h>

static aa_upstream *upstream_of(int which)
{
    switch (which) {
    case 0:
        return aa_upstream_pages(0);
    case 1:
        return aa_upstream_pages(AA_HUGEPAGES | AA_PREFAULT);
    case 2:
        return aa_upstream_heap();
    case 3:
        return aa_upstream_limit(NULL, SIZE_MAX);
    default:
        (void)omp_get_level(); /* so that the linker keeps the runtime */
        return aa_upstream_omp(omp_default_mem_alloc);
    }
}

enum { UPSTREAMS = 5 };

static const size_t below[] = {0,    1,    63,   64,    65,    127,   128,     129,     192,
                               4095, 4096, 4097, 65535, 65536, 65537, 1 << 21, 3 << 21, 1 << 30};
static const size_t alignments[] = {0, 64, 4096, 1 << 16, 1 << 21, 1 << 22, 1 << 30};
enum {
    SIZES = sizeof below / sizeof below[0],
    ALIGNMENTS = sizeof alignments / sizeof alignments[0]
};

static void refuse_all(aa_allocator *a)
{
    const aa_stats before = stats_of(a);
    for (int i = 0; i < SIZES; ++i) {
        for (int k = 0; k < ALIGNMENTS; ++k) {
            aa_last_clear();
            ck_assert_ptr_null(aa_alloc_aligned(a, PTRDIFF_MAX - below[i], alignments[k]));
            const aa_status said = aa_last_status();
            ck_assert_msg(said == AA_OVERFLOW || said == AA_NOMEM,
                          "PTRDIFF_MAX - %zu, alignment %zu: %s", below[i], alignments[k],
                          aa_status_name(said));
        }
    }
    ck_assert_uint_eq(stats_of(a).used, before.used);
    ck_assert_uint_eq(stats_of(a).committed, before.committed);
}

static void refuse_and_go_on(aa_allocator *a)
{
    ck_assert_ptr_nonnull(a);
    char *const p = aa_alloc(a, 100);
    ck_assert_ptr_nonnull(p);
    *p = 7;
    refuse_all(a);
    ck_assert_int_eq(*p, 7);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
}

START_TEST(of_each_upstream_they_are_refused)
{
    for (int kind = 0; kind < BUMP_KINDS; ++kind) {
        aa_upstream *const upstream = upstream_of(_i);
        ck_assert_msg(upstream != NULL, "upstream %d: %s", _i, aa_last_message());
        refuse_and_go_on(bump_create(kind, &(aa_options){.upstream = upstream}));
        if (_i > 2) { /* the others are nobody's to destroy */
            assert_status(aa_upstream_destroy(upstream), AA_OK);
        }
    }
}
END_TEST

START_TEST(of_guarded_memory_they_are_refused)
{
    refuse_and_go_on(bump_create(_i, &(aa_options){.flags = AA_GUARD}));
    refuse_and_go_on(bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL}));
}
END_TEST

START_TEST(of_the_heap_they_are_refused)
{
    refuse_all(aa_heap());
    void *const p = aa_alloc(aa_heap(), 100);
    ck_assert_ptr_nonnull(p);
    aa_free(aa_heap(), p, 100);
}
END_TEST

START_TEST(of_pinned_memory_they_are_refused)
{
    const omp_alloctrait_t pinned[] = {{omp_atk_pinned, omp_atv_true},
                                       {omp_atk_fallback, omp_atv_null_fb}};
    refuse_and_go_on(aa_allocator_from_traits(omp_default_mem_space, 2, pinned));
}
END_TEST

AA_TEST_MAIN("misuse: huge requests", AA_TEST_LOOP(of_each_upstream_they_are_refused, 0, UPSTREAMS),
             AA_TEST_BUMP(of_guarded_memory_they_are_refused),
             AA_TEST(of_the_heap_they_are_refused), AA_TEST(of_pinned_memory_they_are_refused))
