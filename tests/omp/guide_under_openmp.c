/* The examples of doc/under-openmp.md, each doing what the page says of it: the right ones without a report,
 * the wrong ones refused, or visibly without effect. tools/check-doc-code proves that the page quotes them. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

static double one = 1;

/* Knows no allocator. */
static double work(int i)
{
    const int64_t shape[] = {64};
    const int64_t strides[] = {0};
    const aa_array x = aa_wrap(&one, AA_F64, 1, shape, strides);
    aa_array squares = aa_similar_as(&x, AA_F64, 1, shape);
    double *const to = aa_data(&squares);
    if (to == NULL) {
        return 0;
    }
    to[i % 64] = one * one;
    return to[i % 64];
}

/* ---- scopes ------------------------------------------------------------------------------------- */

/* Right: the scope reaches every thread of the region. */
static double scope_right(aa_allocator *bump)
{
    double sum = 0;
    AA_WITH(bump) {
#pragma omp parallel for reduction(+ : sum)
        for (int i = 0; i < 1000; ++i) {
            sum += work(i); /* its temporaries come from bump, on every thread */
        }
    }
    return sum;
}

START_TEST(a_scope_reaches_every_thread)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    record_violations();
    ck_assert(scope_right(bump) == 1000);
    ck_assert_uint_eq(stats_of(bump).allocations, 1000);
    assert_no_reports();
    assert_status(aa_reset(bump), AA_OK);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* Wrong: an arena has one owner. Its scope reaches the others, its memory does not. */
static int arena_wrong(aa_allocator *arena)
{
    int refused = 0;
    AA_WITH(arena) {
#pragma omp parallel num_threads(2) reduction(+ : refused)
        refused += aa_alloc(AA_CURRENT, 100) == NULL; /* AA_FOREIGN_THREAD on thread 1 */
    }
    return refused;
}

START_TEST(an_arena_in_scope_serves_its_owner_alone)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    record_violations();
    ck_assert_int_eq(arena_wrong(arena), 1);
    assert_one_report("aa_alloc", AA_FOREIGN_THREAD);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

/* Right: a thread that OpenMP does not know gets a token. */
typedef struct job {
    aa_token token;
    double result;
} job;

static void *run_job(void *argument)
{
    job *const j = argument;
    AA_TASK(j->token) {
        j->result = work(7);
    }
    return NULL;
}

static double thread_right(aa_allocator *bump)
{
    job j = {.result = 0};
    pthread_t thread;
    AA_WITH(bump) {
        j.token = aa_scope_capture();
        if (pthread_create(&thread, NULL, run_job, &j) == 0) {
            (void)pthread_join(thread, NULL);
        }
    }
    return j.result;
}

START_TEST(a_host_thread_with_a_token_sees_the_scope)
{
    aa_allocator *const bump = aa_shared_create(NULL);
    record_violations();
    ck_assert(thread_right(bump) == 1);
    ck_assert_uint_eq(stats_of(bump).allocations, 1);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- tasks -------------------------------------------------------------------------------------- */

/* Right: the token is captured where the scope is open, and travels with the task. */
static double tasks_right(aa_allocator *bump)
{
    double sum = 0;
#pragma omp parallel
#pragma omp single
    AA_WITH(bump) {
        const aa_token token = aa_scope_capture();
        for (int i = 0; i < 100; ++i) {
#pragma omp task firstprivate(token, i) shared(sum)
            {
                AA_TASK(token) {
                    const double mine = work(i);
#pragma omp atomic
                    sum += mine;
                }
            }
        }
    }
    return sum;
}

/* Wrong: the scope was opened inside the region, and the task takes no token along. */
static double tasks_wrong(aa_allocator *bump)
{
    double sum = 0;
#pragma omp parallel
#pragma omp single
    AA_WITH(bump) {
        for (int i = 0; i < 100; ++i) {
#pragma omp task firstprivate(i) shared(sum)
            {
                const double mine = work(i); /* from bump or the heap: its thread decides */
#pragma omp atomic
                sum += mine;
            }
        }
    }
    return sum;
}

/* clang 14 warns about conversions in the code that it makes for a taskloop itself. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wconversion"
#endif
/* Right: a taskloop takes its token as a task does. */
static double taskloop_right(aa_allocator *bump)
{
    double sum = 0;
    AA_WITH(bump) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel
#pragma omp single
#pragma omp taskloop firstprivate(token) shared(sum)
        for (int i = 0; i < 100; ++i) {
            AA_TASK(token) {
                const double mine = work(i);
#pragma omp atomic
                sum += mine;
            }
        }
    }
    return sum;
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

START_TEST(tasks_with_a_token_see_the_scope)
{
    aa_allocator *const bump = bump_create(SHARED + _i, NULL);
    record_violations();
    ck_assert(tasks_right(bump) == 100);
    ck_assert(taskloop_right(bump) == 100);
    ck_assert_uint_eq(stats_of(bump).allocations, 200);
    assert_no_reports();
    assert_status(aa_reset(bump), AA_OK);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(tasks_without_a_token_take_from_wherever_they_run)
{
    aa_allocator *const bump = aa_shared_create(NULL);
    const uint64_t before = stats_of(aa_heap()).allocations;
    ck_assert(tasks_wrong(bump) == 100);
    const uint64_t from_heap = stats_of(aa_heap()).allocations - before;
    ck_assert_uint_eq(stats_of(bump).allocations + from_heap, 100);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- resets ------------------------------------------------------------------------------------- */

/* Right: one reset a round, after the region. */
static int reset_right(aa_allocator *bump)
{
    int done = 0;
    AA_WITH(bump) {
        for (int round = 0; round < 10; ++round) {
#pragma omp parallel for
            for (int i = 0; i < 100; ++i) {
                (void)work(i);
            }
            done += aa_reset(bump) == AA_OK; /* one's own scope may be open */
        }
    }
    return done;
}

START_TEST(a_reset_after_each_region_passes)
{
    aa_allocator *const bump = bump_create(SHARED + _i, NULL);
    record_violations();
    ck_assert_int_eq(reset_right(bump), 10);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* Wrong: inside a region the others may be using it. A region of one thread is one, too. */
static int reset_wrong(aa_allocator *bump)
{
    int refused = 0;
    AA_WITH(bump) {
#pragma omp parallel num_threads(2) reduction(+ : refused)
        {
            (void)work(1);
            refused += aa_reset(bump) == AA_BUSY; /* AA_RESET_IN_PARALLEL; nothing has changed */
        }
    }
    return refused;
}

START_TEST(a_reset_inside_a_region_is_refused)
{
    aa_allocator *const bump = bump_create(SHARED + _i, NULL);
    record_violations();
    ck_assert_int_eq(reset_wrong(bump), 2);
    ck_assert_int_eq(violations_of(AA_RESET_IN_PARALLEL), 2);
    ck_assert_int_eq(violations_count(), 2);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* Right: the whole team calls it, between worksharing constructs. */
static int team_right(aa_allocator *bump)
{
    int refused = 0;
    AA_WITH(bump) {
#pragma omp parallel reduction(+ : refused)
        for (int round = 0; round < 10; ++round) {
#pragma omp for
            for (int i = 0; i < 100; ++i) {
                (void)work(i);
            }
            refused += aa_reset_team(bump) != AA_OK; /* the same status on every thread */
        }
    }
    return refused;
}

/* Wrong: one thread calls it. It waits AA_TEAM_TIMEOUT seconds (60) for the others and gives up. */
static int team_wrong(aa_allocator *bump)
{
    int refused = 0;
#pragma omp parallel num_threads(2) reduction(+ : refused)
    {
        if (omp_get_thread_num() == 0) {
            refused += aa_reset_team(bump) == AA_BUSY; /* "only 1 of 2 threads arrived" */
        }
    }
    return refused;
}

START_TEST(a_team_that_arrives_resets)
{
    aa_allocator *const bump = bump_create(SHARED + _i, NULL);
    record_violations();
    ck_assert_int_eq(team_right(bump), 0);
    ck_assert_uint_eq(stats_of(bump).resets, 10);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_team_that_does_not_arrive_is_refused)
{
    setenv("AA_TEAM_TIMEOUT", "1", 1);
    aa_allocator *const bump = aa_shared_create(NULL);
    record_violations();
    ck_assert_int_eq(team_wrong(bump), 1);
    assert_one_report("aa_reset_team", AA_RESET_IN_PARALLEL);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "only 1 of 2 threads arrived"));
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- inside a region ---------------------------------------------------------------------------- */

/* Right: what a thread made for itself, it resets itself, inside the region too. */
static int arena_per_thread_right(void)
{
    int wrong = 0;
#pragma omp parallel num_threads(4) reduction(+ : wrong)
    {
        aa_allocator *const mine = aa_arena_create(NULL);
        AA_WITH(mine) {
            for (int round = 0; round < 10; ++round) {
                (void)work(round);
                wrong += aa_reset(mine) != AA_OK;
            }
        }
        wrong += aa_destroy(mine) != AA_OK;
    }
    return wrong;
}

/* Right: a private allocator keeps an arena for each thread, which that thread resets. */
static int private_right(aa_allocator *each)
{
    int wrong = 0;
    AA_WITH(each) {
#pragma omp parallel num_threads(4) reduction(+ : wrong)
        for (int round = 0; round < 10; ++round) {
            (void)work(round);
            wrong += aa_reset(aa_private_arena(each)) != AA_OK; /* this thread's memory alone */
        }
    }
    return wrong;
}

/* Wrong: made by one thread inside the region, used by all, reset by its maker. */
static int born_wrong(void)
{
    int refused = 0;
    aa_allocator *bump = NULL;
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        bump = aa_shared_create(NULL);
#pragma omp barrier
        (void)aa_alloc(bump, 100);
#pragma omp barrier
#pragma omp master
        refused = aa_reset(bump) == AA_BUSY; /* AA_RESET_IN_PARALLEL: aa_reset_team is for this */
    }
    (void)aa_destroy(bump);
    return refused;
}

START_TEST(what_belongs_to_a_thread_it_resets_itself)
{
    aa_allocator *const each = aa_private_create(NULL);
    record_violations();
    ck_assert_int_eq(arena_per_thread_right(), 0);
    ck_assert_int_eq(private_right(each), 0);
    assert_no_reports();
    assert_status(aa_destroy(each), AA_OK);
}
END_TEST

START_TEST(what_others_used_its_maker_cannot_reset_alone)
{
    record_violations();
    ck_assert_int_eq(born_wrong(), 1);
    assert_one_report("aa_reset", AA_RESET_IN_PARALLEL);
}
END_TEST

/* ---- scratch ------------------------------------------------------------------------------------ */

/* Right: each iteration gives back what it took, on its own thread. */
static double scratch_right(aa_allocator *bump)
{
    double sum = 0;
    AA_WITH(bump) {
#pragma omp parallel for reduction(+ : sum)
        for (int i = 0; i < 1000; ++i) {
            AA_SCRATCH(AA_CURRENT) {
                sum += work(i);
            }
        }
    }
    return sum;
}

/* Wrong: while the thread waits inside its scratch it may run a task, whose memory then goes too. */
static aa_array scratch_wrong(aa_allocator *bump)
{
    static const int64_t shape[] = {100};
    aa_array kept = {0};
#pragma omp parallel num_threads(1)
    AA_SCRATCH(bump) {
#pragma omp task shared(kept)
        kept = aa_empty(bump, AA_F64, 1, shape); /* meant to stay */
#pragma omp taskwait
    }
    return kept; /* stale: aa_data reports AA_USE_AFTER_RESET */
}

START_TEST(scratch_in_a_loop_keeps_nothing)
{
    aa_allocator *const bump = bump_create(SHARED + _i, NULL);
    record_violations();
    ck_assert(scratch_right(bump) == 1000);
    ck_assert_uint_eq(stats_of(bump).used, 0);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_task_inside_a_waiting_scratch_loses_its_memory_and_is_told)
{
    aa_allocator *const bump = aa_shared_create(NULL);
    const aa_array kept = scratch_wrong(bump);
    ck_assert(!aa_is_null(&kept));
    assert_refused_null(aa_data(&kept), AA_STALE, AA_USE_AFTER_RESET);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* ---- explicit handles --------------------------------------------------------------------------- */

/* The thread that is asked to stay inside, while the test resets. */
static guest *staying;

static void compute(double *values)
{
    if (values != NULL) {
        values[0] = 1;
    }
    if (omp_get_thread_num() == 0) {
        guest_stay(staying);
    }
}

/* Wrong, when another host thread may reset: the handle is used without a scope, which leaves no trace. */
static void solve_wrong(aa_allocator *bump)
{
#pragma omp parallel num_threads(2)
    compute(AA_NEW(bump, double, 1000));
}

/* Right: in its scope the region is seen, and a reset elsewhere is refused while it runs. */
static void solve_right(aa_allocator *bump)
{
    AA_WITH(bump) {
#pragma omp parallel num_threads(2)
        compute(AA_NEW(bump, double, 1000));
    }
}

static void stay_in_solve_wrong(guest *g)
{
    solve_wrong(g->argument);
}

static void stay_in_solve_right(guest *g)
{
    solve_right(g->argument);
}

START_TEST(a_handle_without_a_scope_is_not_seen)
{
    aa_allocator *const bump = aa_shared_create(NULL);
    guest g;
    staying = &g;
    record_violations();
    guest_invite(&g, stay_in_solve_wrong, bump);
    assert_status(aa_reset(bump), AA_OK);
    guest_dismiss(&g);
    assert_no_reports();
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(a_handle_in_its_scope_is_seen)
{
    aa_allocator *const bump = aa_shared_create(NULL);
    guest g;
    staying = &g;
    guest_invite(&g, stay_in_solve_right, bump);
    assert_refused(aa_reset(bump), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&g);
    assert_status(aa_reset(bump), AA_OK);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

/* Right: a borrower without a scope pins what it reads. */
static double borrow_right(const aa_array *array, aa_status *reset, aa_allocator *bump)
{
    double first = 0;
    if (aa_pin(array) == AA_OK) {
        *reset = aa_reset(bump); /* AA_RESET_IN_USE, whoever asks */
        first = *(const double *)aa_data(array);
        (void)aa_unpin(array);
    }
    return first;
}

START_TEST(a_pinned_array_keeps_its_memory)
{
    static const int64_t shape[] = {10};
    aa_allocator *const bump = aa_shared_create(NULL);
    const double value = 3;
    const aa_array array = aa_full(bump, AA_F64, 1, shape, &value);
    aa_status reset = AA_OK;
    record_violations();
    ck_assert(borrow_right(&array, &reset, bump) == 3);
    ck_assert_int_eq(reset, AA_BUSY);
    assert_one_report("aa_reset", AA_RESET_IN_USE);
    assert_status(aa_reset(bump), AA_OK);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

AA_TEST_MAIN("guide: under openmp", AA_TEST_LOOP(a_scope_reaches_every_thread, SHARED, BUMP_KINDS),
             AA_TEST(an_arena_in_scope_serves_its_owner_alone),
             AA_TEST(a_host_thread_with_a_token_sees_the_scope),
             AA_TEST_LOOP(tasks_with_a_token_see_the_scope, 0, 2),
             AA_TEST(tasks_without_a_token_take_from_wherever_they_run),
             AA_TEST_LOOP(a_reset_after_each_region_passes, 0, 2),
             AA_TEST_LOOP(a_reset_inside_a_region_is_refused, 0, 2),
             AA_TEST_LOOP(a_team_that_arrives_resets, 0, 2),
             AA_TEST(a_team_that_does_not_arrive_is_refused),
             AA_TEST(what_belongs_to_a_thread_it_resets_itself),
             AA_TEST(what_others_used_its_maker_cannot_reset_alone),
             AA_TEST_LOOP(scratch_in_a_loop_keeps_nothing, 0, 2),
             AA_TEST(a_task_inside_a_waiting_scratch_loses_its_memory_and_is_told),
             AA_TEST(a_handle_without_a_scope_is_not_seen), AA_TEST(a_handle_in_its_scope_is_seen),
             AA_TEST(a_pinned_array_keeps_its_memory))
