/* With the OMPT tool a recording has the regions, on the threads that opened them. */
#include "../omp/test_ompt.h"
#include "child.h"
#include "trace.h"

#include <omp.h>

enum { REGIONS = 5 };

/* Regions under a scope and under none, one inside another, of one thread, and one that a thread's end leaves. */
static void open_regions(void *path)
{
    (void)setenv("AA_TRACE", path, 1);
    int missing = 0;
    omp_set_max_active_levels(2);
    aa_allocator *const a = aa_shared_create(&(aa_options){.name = "rows"});
    for (int i = 0; i < REGIONS; ++i) {
        AA_WITH(a) {
#pragma omp parallel num_threads(2) reduction(+ : missing)
            missing += aa_alloc(AA_CURRENT, 64) == NULL;
        }
    }
#pragma omp parallel num_threads(2) reduction(+ : missing)
    {
#pragma omp parallel num_threads(2) reduction(+ : missing)
        missing += aa_current() != aa_heap();
    }
    const bool fine = missing == 0 && aa_reset(a) == AA_OK && aa_destroy(a) == AA_OK;
    exit(fine ? 0 : 1);
}

START_TEST(regions_are_spans_that_name_their_scope)
{
    trace t;
    child_result result;
    trace_name(&t);
    child_run(&result, open_regions, t.path);
    assert_exited_well(&result);
    trace_read(&t);
    trace_assert_rules(&t);
    ck_assert_int_eq(trace_count(&t, 'B', "parallel region", "scope", "rows #"), REGIONS);
    ck_assert_int_eq(trace_count(&t, 'B', "parallel region", NULL, NULL), REGIONS + 3);
    ck_assert_int_eq(trace_count(&t, 'E', "parallel region", NULL, NULL), REGIONS + 3);
    const event *const scope = trace_find(&t, 'B', "rows", NULL, NULL);
    const event *const region = trace_find(&t, 'B', "parallel region", "scope", "rows #");
    ck_assert_int_eq(region->tid, scope->tid);
    ck_assert_int_ge(region->ns, scope->ns);
    trace_end(&t);
}
END_TEST

OMPT_TEST_MAIN("regions in a recording", "OMP_MAX_ACTIVE_LEVELS", "2",
               AA_TEST(regions_are_spans_that_name_their_scope))
