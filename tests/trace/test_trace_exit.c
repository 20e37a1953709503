/* AA_TRACE: the process ends while other threads record. Without OpenMP: LLVM's runtime does not bear that host threads
 * call it while it shuts down. */
#include "run.h"
#include "runner.h"

#include <allocarrays.h>
#include <sched.h>

static int rounds_beside;

static void *record_for_ever(void *allocator)
{
    for (;;) {
        AA_WITH((aa_allocator *)allocator) {
            __atomic_fetch_add(&rounds_beside, 1, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

static void exit_beside_recorders(void)
{
    enum { RECORDERS = 3 };
    pthread_t thread;
    aa_allocator *const a = aa_shared_create(&(aa_options){.name = "beside"});
    for (int i = 0; i < RECORDERS; ++i) {
        must(pthread_create(&thread, NULL, record_for_ever, a) == 0);
    }
    while (__atomic_load_n(&rounds_beside, __ATOMIC_RELAXED) < 3000) {
        (void)sched_yield();
    }
}

START_TEST(an_exit_beside_threads_that_record_completes_the_file)
{
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, exit_beside_recorders, t.path);
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, SAYS) == 0, "%s", result.text);
    trace_read(&t);
    trace_assert_rules_so_far(&t);
    ck_assert_int_ge(trace_count(&t, 'B', "beside", NULL, NULL), 2900); /* the count is relaxed */
    trace_end(&t);
}
END_TEST

AA_TEST_MAIN("trace at exit", AA_TEST(an_exit_beside_threads_that_record_completes_the_file))
