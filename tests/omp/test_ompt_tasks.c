/* With the OMPT tool tasks see the scope of their creator, without a token, whoever runs them, and leave no
 * trace on the thread that ran them. Most tests keep the creator from running tasks itself: then each task
 * runs on a thread that never saw the scope. */
#include "kinds.h"
#include "test_ompt.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4, TASKS = 32 };

/* clang 14 warns about conversions in the code that it makes for a taskloop itself. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wconversion"
#endif

/* What tasks found: how many ran, saw their allocator, and ran elsewhere than on their creator's thread. */
typedef struct found {
    int ran, right, elsewhere;
    bool slept; /* the others did not wake, so that the creator ran tasks itself */
} found;

static void look(found *f, const aa_allocator *expected, int creator)
{
    if (aa_current() == expected) {
        count_up(&f->right);
    }
    if (omp_get_thread_num() != creator) {
        count_up(&f->elsewhere);
    }
    count_up(&f->ran);
}

static void wait_for_others(found *f, const int *place, int value)
{
    f->slept |= !let_others_run(place, value);
}

static void assert_all(const found *f, int tasks, int elsewhere)
{
    ck_assert_int_eq(f->ran, tasks);
    ck_assert_int_eq(f->right, tasks);
    ck_assert_int_ge(f->elsewhere, f->slept ? 0 : elsewhere);
}

START_TEST(the_mode_says_so)
{
    ck_assert_str_eq(aa_scope_mode(), MODE_WITH_OMPT);
}
END_TEST

START_TEST(tasks_run_by_other_threads_see_the_scope_of_their_creator)
{
    aa_allocator *const a = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        AA_WITH(a) {
            const int me = omp_get_thread_num();
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(f)
                look(&f, a, me);
            }
            wait_for_others(&f, &f.ran, TASKS);
        }
    }
    assert_all(&f, TASKS, TASKS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(each_task_sees_the_scope_it_was_made_in)
{
    aa_allocator *const allocators[] = {aa_shared_create(NULL), aa_shared_create(NULL), aa_heap()};
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        {
            const int me = omp_get_thread_num();
            for (int i = 0; i < TASKS; ++i) {
                aa_allocator *const mine = allocators[i % 3];
                AA_WITH(mine) {
#pragma omp task shared(f)
                    look(&f, mine, me);
                }
            }
            wait_for_others(&f, &f.ran, TASKS);
        }
    }
    assert_all(&f, TASKS, TASKS);
    assert_status(aa_destroy(allocators[0]), AA_OK);
    assert_status(aa_destroy(allocators[1]), AA_OK);
}
END_TEST

START_TEST(a_task_sees_the_scope_also_after_it_has_ended)
{
    aa_allocator *const a = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
    int ended = 0;
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        {
            const int me = omp_get_thread_num();
            AA_WITH(a) {
#pragma omp task shared(f, ended)
                {
                    wait_for(&ended, 1);
                    look(&f, a, me);
                }
            }
            count_up(&ended);
            wait_for_others(&f, &f.ran, 1);
        }
    }
    assert_all(&f, 1, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_task_whose_allocator_is_gone_is_told_and_gets_the_heap)
{
    found f = {0, 0, 0, false};
    int gone = 0;
    record_violations();
#pragma omp parallel num_threads(2)
    {
#pragma omp single
        {
            const int me = omp_get_thread_num();
            aa_allocator *const a = aa_shared_create(NULL);
            AA_WITH(a) {
#pragma omp task shared(f, gone)
                {
                    wait_for(&gone, 1);
                    look(&f, aa_heap(), me);
                }
            }
            (void)aa_destroy(a);
            count_up(&gone);
            wait_for_others(&f, &f.ran, 1);
        }
    }
    assert_all(&f, 1, 1);
    assert_one_report("the task's aa_current", AA_USE_AFTER_RESET);
}
END_TEST

START_TEST(a_task_leaves_no_trace_on_the_thread_that_ran_it)
{
    aa_allocator *allocators[THREADS];
    for (int i = 0; i < THREADS; ++i) {
        allocators[i] = aa_shared_create(NULL);
    }
    int wrong = 0;
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        const int me = omp_get_thread_num();
        aa_allocator *const mine = allocators[me];
        AA_WITH(mine) {
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(f)
                look(&f, mine, me);
            }
#pragma omp taskwait
            wrong += aa_current() != mine;
#pragma omp taskyield
            wrong += aa_current() != mine;
        }
        wrong += aa_current() != aa_heap();
#pragma omp barrier
        wrong += aa_current() != aa_heap();
    }
    ck_assert_int_eq(wrong, 0);
    assert_all(&f, THREADS * TASKS, 0);
    for (int i = 0; i < THREADS; ++i) {
        assert_status(aa_destroy(allocators[i]), AA_OK);
    }
}
END_TEST

START_TEST(what_a_task_sets_and_leaves_set_ends_with_it)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const omp_allocator_handle_t handle = (omp_allocator_handle_t)aa_omp_handle(a);
    int wrong = 0;
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(f)
            {
                omp_set_default_allocator(handle);
                look(&f, a, 0);
            }
        }
#pragma omp taskwait
        wrong += aa_current() != aa_heap();
#pragma omp barrier
        wrong += aa_current() != aa_heap();
    }
    ck_assert_int_eq(wrong, 0);
    assert_all(&f, THREADS * TASKS, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- every construct that makes tasks ---- */

START_TEST(every_chunk_of_a_taskloop_sees_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        AA_WITH(a) {
            const int me = omp_get_thread_num();
#pragma omp taskloop num_tasks(TASKS) shared(f)
            for (int i = 0; i < TASKS; ++i) {
                look(&f, a, me);
            }
        }
    }
    assert_all(&f, TASKS, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* More chunks than the runtime makes at once (256): it splits the loop, and other threads make chunks too. */
START_TEST(chunks_that_other_threads_make_and_run_see_the_scope)
{
    enum { CHUNKS = 2000 };
    aa_allocator *const a = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        AA_WITH(a) {
            const int me = omp_get_thread_num();
#pragma omp taskloop nogroup grainsize(1) shared(f)
            for (int i = 0; i < CHUNKS; ++i) {
                look(&f, a, me);
            }
            wait_for_others(&f, &f.ran, CHUNKS);
        }
    }
    assert_all(&f, CHUNKS, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(untied_tasks_see_the_scope_in_every_part)
{
    enum { PARTS = 4 };
    aa_allocator *const pair[] = {aa_shared_create(NULL), aa_shared_create(NULL)};
    found f = {0, 0, 0, false};
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
#pragma omp single
        {
            const int me = omp_get_thread_num();
            for (int i = 0; i < TASKS; ++i) {
                aa_allocator *const mine = pair[i % 2];
                AA_WITH(mine) {
#pragma omp task untied shared(f)
                    {
                        look(&f, mine, me);
#pragma omp taskyield
                        look(&f, mine, me);
#pragma omp task shared(f)
                        look(&f, mine, me);
#pragma omp taskwait
                        look(&f, mine, me);
                    }
                }
            }
            wait_for_others(&f, &f.ran, TASKS);
            AA_WITH(pair[0]) {
#pragma omp taskwait
                wrong += aa_current() != pair[0];
            }
        }
        wrong += aa_current() != aa_heap();
    }
    ck_assert_int_eq(wrong, 0);
    assert_all(&f, TASKS * PARTS, 1);
    assert_status(aa_destroy(pair[0]), AA_OK);
    assert_status(aa_destroy(pair[1]), AA_OK);
}
END_TEST

START_TEST(undeferred_final_and_included_tasks_see_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
    int wrong = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
    AA_WITH(a) {
#pragma omp task if (0) shared(f)
        {
            look(&f, a, 0);
            omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(b));
        }
        wrong += aa_current() != a;
#pragma omp task final(1) shared(f, wrong)
        {
            look(&f, a, 0);
            AA_WITH(b) {
#pragma omp task shared(f)
                look(&f, b, 0);
            }
            wrong += aa_current() != a;
        }
#pragma omp task mergeable if (0) shared(f)
        look(&f, a, 0);
#pragma omp taskwait
        wrong += aa_current() != a;
    }
    ck_assert_int_eq(wrong, 0);
    assert_all(&f, 4, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(tasks_with_dependences_see_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
    int chain = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    {
        const int me = omp_get_thread_num();
        for (int i = 0; i < TASKS; ++i) {
            aa_allocator *const mine = i % 2 == 0 ? a : b;
            AA_WITH(mine) {
#pragma omp task shared(f, chain) depend(inout : chain)
                {
                    look(&f, mine, me);
                    ++chain;
                }
            }
        }
        AA_WITH(a) {
#pragma omp task if (0) shared(f, chain) depend(in : chain)
            look(&f, a, me);
        }
    }
    assert_all(&f, TASKS + 1, 0);
    ck_assert_int_eq(chain, TASKS);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(detached_tasks_and_their_waiters_see_their_scopes)
{
    aa_allocator *const a = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
#pragma omp single
        AA_WITH(a) {
            const int me = omp_get_thread_num();
            omp_event_handle_t event;
#pragma omp task detach(event) shared(f)
            look(&f, a, me);
            wait_for_others(&f, &f.ran, 1);
            AA_WITH(aa_heap()) {
#pragma omp task shared(f) firstprivate(event)
                {
                    look(&f, aa_heap(), me);
                    omp_fulfill_event(event);
                    look(&f, aa_heap(), me);
                }
            }
#pragma omp taskwait
            wrong += aa_current() != a;
        }
        wrong += aa_current() != aa_heap();
    }
    ck_assert_int_eq(wrong, 0);
    assert_all(&f, 3, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(tasks_thrown_away_by_a_cancellation_change_no_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
#pragma omp single
        AA_WITH(a) {
#pragma omp taskgroup
            {
                for (int i = 0; i < TASKS; ++i) {
                    AA_WITH(b) {
#pragma omp task shared(f)
                        {
                            look(&f, b, 0);
#pragma omp cancel taskgroup
                        }
                    }
                }
            }
            wrong += aa_current() != a;
        }
#pragma omp barrier
        wrong += aa_current() != aa_heap();
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(f.right, f.ran);
    ck_assert_int_lt(f.ran, TASKS);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* The canceller runs, and is left, in a scope that has ended when the rest is thrown away. */
START_TEST(tasks_thrown_away_later_do_not_bring_an_old_scope_back)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    int ran = 0, wrong = 0, done = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
        if (omp_get_thread_num() == 0) {
#pragma omp taskgroup
            {
                for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(ran)
                    count_up(&ran);
                }
                AA_WITH(a) {
#pragma omp task if (0)
                    {
#pragma omp cancel taskgroup
                    }
                }
                AA_WITH(b) {
#pragma omp taskwait
                    wrong += aa_current() != b;
                }
            }
            wrong += aa_current() != aa_heap();
            count_up(&done);
        } else {
            wait_for(&done, 1);
        }
    }
    ck_assert_int_eq(ran, 0);
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(tasks_outside_any_region_see_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
    AA_WITH(a) {
#pragma omp task shared(f)
        look(&f, a, 0);
#pragma omp taskwait
        ck_assert_ptr_eq(aa_current(), a);
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_all(&f, 1, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- tasks and other scopes ---- */

/* A task opens a scope of its own for its children, at each of `depth` levels. */
static void branch(found *f, aa_allocator *const pair[2], int depth)
{
    look(f, pair[depth % 2], -1);
    if (depth == 0) {
        return;
    }
    AA_WITH(pair[(depth + 1) % 2]) {
#pragma omp task
        branch(f, pair, depth - 1);
#pragma omp task
        branch(f, pair, depth - 1);
#pragma omp taskwait
        look(f, pair[(depth + 1) % 2], -1);
    }
    look(f, pair[depth % 2], -1);
}

START_TEST(tasks_of_tasks_see_the_scope_of_their_own_creator)
{
    enum { DEPTH = 8, NODES = (1 << (DEPTH + 1)) - 1, INNER = (1 << DEPTH) - 1 };
    aa_allocator *const pair[] = {aa_shared_create(NULL), aa_shared_create(NULL)};
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    AA_WITH(pair[DEPTH % 2]) {
        branch(&f, pair, DEPTH);
    }
    assert_all(&f, NODES + 2 * INNER, 0);
    assert_status(aa_destroy(pair[0]), AA_OK);
    assert_status(aa_destroy(pair[1]), AA_OK);
}
END_TEST

START_TEST(a_region_inside_a_task_carries_the_scope_of_the_task)
{
    aa_allocator *const a = aa_shared_create(NULL);
    found f = {0, 0, 0, false};
    int done = 0;
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
#pragma omp single
        AA_WITH(a) {
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(f, done)
                {
#pragma omp parallel num_threads(2)
                    look(&f, a, -1);
                    count_up(&done);
                }
            }
            wait_for_others(&f, &done, TASKS);
        }
    }
    assert_all(&f, 2 * TASKS, TASKS);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(tasks_of_nested_regions_see_the_scope)
{
    aa_allocator *const allocators[] = {aa_shared_create(NULL), aa_shared_create(NULL)};
    found f = {0, 0, 0, false};
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
        aa_allocator *const mine = allocators[omp_get_thread_num()];
        AA_WITH(mine) {
#pragma omp parallel num_threads(2)
#pragma omp single
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(f)
                look(&f, mine, -1);
            }
        }
    }
    assert_all(&f, 2 * TASKS, 0);
    assert_status(aa_destroy(allocators[0]), AA_OK);
    assert_status(aa_destroy(allocators[1]), AA_OK);
}
END_TEST

START_TEST(a_token_in_a_task_goes_before_what_it_inherits)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    aa_token token;
    AA_WITH(b) {
        token = aa_scope_capture();
    }
    found f = {0, 0, 0, false};
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        AA_WITH(a) {
            const int me = omp_get_thread_num();
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(f) firstprivate(token)
                {
                    AA_TASK(token) {
                        look(&f, b, me);
                    }
                    look(&f, a, me);
                }
            }
            wait_for_others(&f, &f.ran, 2 * TASKS);
        }
    }
    assert_all(&f, 2 * TASKS, 2 * TASKS);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(tasks_allocate_from_their_creators_allocator)
{
    aa_allocator *const a = bump_create(_i, NULL);
    found f = {0, 0, 0, false};
    int owned = 0;
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        AA_WITH(a) {
            const int me = omp_get_thread_num();
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(f, owned)
                {
                    if (aa_owns(a, aa_alloc(AA_CURRENT, 100))) {
                        count_up(&owned);
                    }
                    look(&f, a, me);
                }
            }
            wait_for_others(&f, &f.ran, TASKS);
        }
    }
    assert_all(&f, TASKS, TASKS);
    ck_assert_int_eq(owned, TASKS);
    ck_assert_uint_eq(stats_of(a).allocations, TASKS);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *run_tasks(void *argument)
{
    aa_allocator *const a = aa_shared_create(NULL);
    found *const f = argument;
    AA_WITH(a) {
#pragma omp parallel num_threads(2)
#pragma omp single
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task
            look(f, a, -1);
        }
    }
    return aa_destroy(a) == AA_OK ? argument : NULL;
}

START_TEST(tasks_of_host_threads_see_the_scopes_of_their_own)
{
    enum { HOSTS = 4 };
    pthread_t hosts[HOSTS];
    found f = {0, 0, 0, false};
    for (int i = 0; i < HOSTS; ++i) {
        ck_assert_int_eq(pthread_create(&hosts[i], NULL, run_tasks, &f), 0);
    }
    for (int i = 0; i < HOSTS; ++i) {
        void *result = NULL;
        ck_assert_int_eq(pthread_join(hosts[i], &result), 0);
        ck_assert_ptr_nonnull(result);
    }
    assert_all(&f, HOSTS * TASKS, 0);
}
END_TEST

OMPT_TEST_MAIN("ompt: tasks", "OMP_CANCELLATION", "true", AA_TEST(the_mode_says_so),
               AA_TEST(tasks_run_by_other_threads_see_the_scope_of_their_creator),
               AA_TEST(each_task_sees_the_scope_it_was_made_in),
               AA_TEST(a_task_sees_the_scope_also_after_it_has_ended),
               AA_TEST(a_task_whose_allocator_is_gone_is_told_and_gets_the_heap),
               AA_TEST(a_task_leaves_no_trace_on_the_thread_that_ran_it),
               AA_TEST(what_a_task_sets_and_leaves_set_ends_with_it),
               AA_TEST(every_chunk_of_a_taskloop_sees_the_scope),
               AA_TEST(chunks_that_other_threads_make_and_run_see_the_scope),
               AA_TEST(untied_tasks_see_the_scope_in_every_part),
               AA_TEST(undeferred_final_and_included_tasks_see_the_scope),
               AA_TEST(tasks_with_dependences_see_the_scope),
               AA_TEST(detached_tasks_and_their_waiters_see_their_scopes),
               AA_TEST(tasks_thrown_away_by_a_cancellation_change_no_scope),
               AA_TEST(tasks_thrown_away_later_do_not_bring_an_old_scope_back),
               AA_TEST(tasks_outside_any_region_see_the_scope),
               AA_TEST(tasks_of_tasks_see_the_scope_of_their_own_creator),
               AA_TEST(a_region_inside_a_task_carries_the_scope_of_the_task),
               AA_TEST(tasks_of_nested_regions_see_the_scope),
               AA_TEST(a_token_in_a_task_goes_before_what_it_inherits),
               AA_TEST_LOOP(tasks_allocate_from_their_creators_allocator, SHARED, PRIVATE + 1),
               AA_TEST(tasks_of_host_threads_see_the_scopes_of_their_own))
