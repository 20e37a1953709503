/* The n-th request of a thread that is recorded is refused, for every n, once and for ever: the file obeys its rules all the
 * same, and the regions that an OMPT tool tells of are counted or not, but never wrong. */
#include "../oom/refused.h"
#include "run.h"
#include "runner.h"

#include "scope/scope.h"

#include <allocarrays/impl/ompt.h>
#include <omp.h>

static const aai_ompt_core *core;
static aa_allocator *common;
static aa_array stale;
static int reports;

static void count_report(const aa_violation *violation, void *context)
{
    (void)violation;
    ++*(int *)context;
}

/* ---- what the thread does ---------------------------------------------------------------------------------------- */

static void *all_kinds_of_events(void *unused)
{
    core->region_begin(AAI_REGION_PARALLEL);
    AA_WITH(common) {
        core->region_begin(AAI_REGION_LEAGUE);
        (void)GOT(aa_alloc(common, 1 << 20) != NULL);
        const int before = reports;
        MUST(aa_data(&stale) == NULL && reports == before + 1);
        core->region_end();
    }
    core->region_end();
    core->region_end(); /* it has not begun */
    aa_allocator *const own = aa_arena_create(&(aa_options){.name = "own"});
    (void)GOT(own != NULL);
    MUST(aa_destroy(own) == AA_OK);
    MUST(aai_regions_live(common) == 0);
    (void)DONE(aa_reset(common));
    return unused;
}

/* A scope and regions that end with their thread. */
static void *leave_open(void *unused)
{
    core->region_begin(AAI_REGION_PARALLEL);
    const aa_scope scope = aa_scope_enter(common);
    (void)scope;
    core->region_begin(AAI_REGION_LEAGUE);
    core->region_begin(AAI_REGION_PARALLEL);
    return unused;
}

static void *only_end(void *unused)
{
    core->region_end();
    (void)DONE(aa_reset(common));
    return unused;
}

static void *(*const threads[])(void *) = {all_kinds_of_events, leave_open, only_end};
enum { THREADS = sizeof threads / sizeof threads[0] };

/* ---- each request -------------------------------------------------------------------------------------------------- */

enum { NOT_REFUSED = 7, MOST = 200 };

static long number;
static int of_thread;
static int said; /* how many processes said that a thread is not recorded */

static void run_thread(void)
{
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, threads[of_thread], NULL) == 0);
    MUST(pthread_join(thread, NULL) == 0);
    MUST(aai_regions_live(common) == 0);
}

static void attempt(void)
{
    const int64_t extent = 10;
    MUST(omp_get_level() == 0); /* with a runtime, which carries scopes */
    core = aai_ompt_take(AAI_OMPT_JOIN);
    common = aa_shared_create(&(aa_options){.name = "common"});
    aa_allocator *const gone = aa_arena_create(NULL);
    stale = aa_zeros(gone, AA_F64, 1, &extent);
    MUST(aa_destroy(gone) == AA_OK);
    (void)aa_set_violation_handler(count_report, &reports);
    AA_WITH(common) { /* its handle is made once */
    }
    refuse(number);
    run_thread();
    const bool refused = was_refused();
    refuse(0);
    run_thread();
    MUST(aa_destroy(common) == AA_OK);
    exit(refused ? 0 : NOT_REFUSED);
}

/* Whether a request was refused. */
static bool attempt_one(void)
{
    trace t;
    child_result result;
    trace_name(&t);
    run_with(&result, attempt, t.path);
    ck_assert_msg(WIFEXITED(result.status) && (WEXITSTATUS(result.status) == NOT_REFUSED ||
                                               WEXITSTATUS(result.status) == 0),
                  "request %ld: status 0x%x: %s", number, (unsigned)result.status, result.text);
    const int unrecorded = occurrences(result.text, "AA_TRACE: no memory to record thread ");
    ck_assert_int_le(unrecorded, 1);
    said += unrecorded;
    trace_read(&t);
    trace_assert_rules(&t);
    if (of_thread != 2) { /* the thread to which nothing is refused is there in full */
        ck_assert_int_ge(trace_count(&t, 'B', "league of teams", "scope", "common #"), 1);
        ck_assert_int_ge(trace_count(&t, 'E', "league of teams", NULL, NULL), 1);
        ck_assert_int_ge(trace_count(&t, 'B', "common", NULL, NULL), 2);
    }
    trace_end(&t);
    return WEXITSTATUS(result.status) == 0;
}

START_TEST(a_refused_request_leaves_a_file_that_obeys_the_rules)
{
    of_thread = _i / 2;
    long n = 0;
    do {
        ck_assert_int_lt(++n, MOST);
        number = _i % 2 == 0 ? n : -n;
    } while (attempt_one());
    ck_assert_int_gt(n, 3);
    ck_assert_int_gt(said, 0);
}
END_TEST

/* ---- a region that outlives its scope's allocator ------------------------------------------------------------------ */

START_TEST(a_region_whose_allocator_is_gone_counts_for_no_other)
{
    core = aai_ompt_take(AAI_OMPT_JOIN);
    common = aa_shared_create(NULL);
    AA_WITH(common) {
        core->region_begin(AAI_REGION_PARALLEL);
    }
    ck_assert_uint_eq(aai_regions_live(common), 1);
    const aai_cell *const cell = aai_base_of(common)->cell;
    (void)aai_ompt_take(AAI_OMPT_LEAVE); /* from here on no region stands against it */
    ck_assert_int_eq(aa_destroy(common), AA_OK);
    aa_allocator *const next = aa_shared_create(NULL);
    ck_assert_ptr_eq(aai_base_of(next)->cell, cell);
    core->region_end();
    (void)aai_ompt_take(AAI_OMPT_JOIN);
    ck_assert_uint_eq(aai_regions_live(next), 0);
    ck_assert_int_eq(aa_destroy(next), AA_OK);
}
END_TEST

AA_TEST_MAIN("trace: refused requests",
             AA_TEST_LOOP(a_refused_request_leaves_a_file_that_obeys_the_rules, 0, 2 * THREADS),
             AA_TEST(a_region_whose_allocator_is_gone_counts_for_no_other))
