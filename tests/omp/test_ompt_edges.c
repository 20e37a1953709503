/* With the OMPT tool, what no other test takes (doc/coverage.md): the caller's own regions and leagues under another scope, a
 * league of one team, regions under the scope of an allocator that is gone. */
#include "kinds.h"
#include "test_ompt.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

/* Made, used and reset here. */
static aa_status use_one(int kind)
{
    aa_allocator *const a = bump_try_create(kind, NULL);
    aa_status status = aa_alloc(a, 100) == NULL ? aa_last_status() : AA_OK;
    status = status == AA_OK ? aa_reset(a) : status;
    return status == AA_OK ? aa_destroy(a) : status;
}

START_TEST(what_a_region_makes_it_resets_whatever_scope_is_around)
{
    aa_allocator *const outer = aa_shared_create(NULL);
    int wrong = 0;
    record_violations();
    AA_WITH(outer) {
#pragma omp parallel num_threads(2) reduction(+ : wrong)
        wrong += use_one(_i) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
    assert_no_reports();
    assert_status(aa_destroy(outer), AA_OK);
}
END_TEST

START_TEST(what_a_team_of_a_league_makes_it_resets_whatever_scope_is_around)
{
    aa_allocator *const outer = aa_shared_create(NULL);
    int wrong = 0;
    record_violations();
    AA_WITH(outer) {
#pragma omp teams num_teams(2) reduction(+ : wrong)
        wrong += use_one(_i) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
    assert_no_reports();
    assert_status(aa_destroy(outer), AA_OK);
}
END_TEST

START_TEST(a_league_of_one_team_is_the_callers_own_region)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_status status = AA_IO;
    record_violations();
    AA_WITH(a) {
#pragma omp teams num_teams(1) shared(status)
        status = aa_reset(a);
    }
    ck_assert_int_eq(status, AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

typedef struct heirs {
    int kind;
    aa_allocator *first, *second;
} heirs;

static void stay_in_a_region_whose_scope_is_gone(guest *g)
{
    heirs *const h = g->argument;
    h->first = bump_try_create(h->kind, NULL);
    AA_WITH(h->first) {
        g->wrong += aa_destroy(h->first) != AA_OK;
        h->second = bump_try_create(h->kind, NULL); /* may get what the first had */
#pragma omp parallel num_threads(2)
        if (omp_get_thread_num() == 0) {
            guest_stay(g);
        }
    }
}

START_TEST(a_region_under_the_scope_of_one_that_is_gone_counts_for_nobody)
{
    heirs h = {.kind = _i};
    guest g;
    guest_invite(&g, stay_in_a_region_whose_scope_is_gone, &h);
    record_violations();
    assert_status(aa_reset(h.second), AA_OK);
    assert_no_reports();
    guest_dismiss(&g);
    assert_status(aa_destroy(h.second), AA_OK);
}
END_TEST

OMPT_TEST_MAIN("ompt: edges", "OMP_CANCELLATION", "false",
               AA_TEST_BUMP(what_a_region_makes_it_resets_whatever_scope_is_around),
               AA_TEST_BUMP(what_a_team_of_a_league_makes_it_resets_whatever_scope_is_around),
               AA_TEST_BUMP(a_league_of_one_team_is_the_callers_own_region),
               AA_TEST_BUMP(a_region_under_the_scope_of_one_that_is_gone_counts_for_nobody))
