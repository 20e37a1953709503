/* A program that knows nothing of the OMPT tool gets it by OMP_TOOL_LIBRARIES. */
#include "test_ompt.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <unistd.h>

enum { THREADS = 4, TASKS = 32 };

START_TEST(it_is_loaded)
{
    ck_assert_str_eq(aa_scope_mode(), MODE_WITH_OMPT);
}
END_TEST

START_TEST(tasks_inherit_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int ran = 0, right = 0;
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        AA_WITH(a) {
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(ran, right)
                {
                    if (aa_current() == a) {
                        count_up(&right);
                    }
                    count_up(&ran);
                }
            }
            (void)let_others_run(&ran, TASKS);
        }
    }
    ck_assert_int_eq(ran, TASKS);
    ck_assert_int_eq(right, TASKS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void stay_in_a_region(guest *g)
{
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(g->argument));
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        guest_stay(g);
    }
}

START_TEST(live_regions_are_counted)
{
    aa_allocator *const a = aa_shared_create(NULL);
    guest g;
    guest_invite(&g, stay_in_a_region, a);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_PARALLEL);
    guest_dismiss(&g);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* OMPT_LIBRARY: the tool as it was built, a shared library. */
int main(void)
{
    const char *const why =
        access(OMPT_LIBRARY, R_OK) != 0 ? "no " OMPT_LIBRARY : no_ompt_because();
    if (why != NULL) {
        printf("ompt: load: not run: %s\n", why);
        return SKIPPED;
    }
    setenv("OMP_TOOL_LIBRARIES", OMPT_LIBRARY, 1);
    const aa_test tests[] = {AA_TEST(it_is_loaded), AA_TEST(tasks_inherit_the_scope),
                             AA_TEST(live_regions_are_counted)};
    return aa_test_run("ompt: load", sizeof tests / sizeof tests[0], tests);
}
