/* With the OMPT tool tasks see the scope of their creator, without a token, whoever runs them, and leave no
 * trace on the thread that ran them. Each construct that makes tasks: test_ompt_constructs.c. */
#include "test_ompt_tasks.h"

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

enum { HOSTS = 4 };

typedef struct {
    found f;
    pthread_barrier_t all_done;
} hosts_work;

/* No host ends before all regions have: libomp 14 loses memory of a task whose creator's host thread ends while
 * its workers go on to another host's region, and crashes in its own code (doc/limits.md). */
static void *run_tasks(void *argument)
{
    hosts_work *const work = argument;
    found *const f = &work->f;
    aa_allocator *const a = aa_shared_create(NULL);
    AA_WITH(a) {
#pragma omp parallel num_threads(2)
#pragma omp single
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task
            look(f, a, -1);
        }
    }
    const bool destroyed = aa_destroy(a) == AA_OK;
    (void)pthread_barrier_wait(&work->all_done);
    return destroyed ? argument : NULL;
}

START_TEST(tasks_of_host_threads_see_the_scopes_of_their_own)
{
    pthread_t hosts[HOSTS];
    hosts_work work = {.f = {0, 0, 0, false}};
    ck_assert_int_eq(pthread_barrier_init(&work.all_done, NULL, HOSTS), 0);
    for (int i = 0; i < HOSTS; ++i) {
        ck_assert_int_eq(pthread_create(&hosts[i], NULL, run_tasks, &work), 0);
    }
    for (int i = 0; i < HOSTS; ++i) {
        void *result = NULL;
        ck_assert_int_eq(pthread_join(hosts[i], &result), 0);
        ck_assert_ptr_nonnull(result);
    }
    assert_all(&work.f, HOSTS * TASKS, 0);
    ck_assert_int_eq(pthread_barrier_destroy(&work.all_done), 0);
}
END_TEST

OMPT_TEST_MAIN("ompt: tasks", "OMP_CANCELLATION", "true", AA_TEST(the_mode_says_so),
               AA_TEST(tasks_run_by_other_threads_see_the_scope_of_their_creator),
               AA_TEST(each_task_sees_the_scope_it_was_made_in),
               AA_TEST(a_task_sees_the_scope_also_after_it_has_ended),
               AA_TEST(a_task_whose_allocator_is_gone_is_told_and_gets_the_heap),
               AA_TEST(a_task_leaves_no_trace_on_the_thread_that_ran_it),
               AA_TEST(what_a_task_sets_and_leaves_set_ends_with_it),
               AA_TEST(tasks_of_tasks_see_the_scope_of_their_own_creator),
               AA_TEST(a_region_inside_a_task_carries_the_scope_of_the_task),
               AA_TEST(tasks_of_nested_regions_see_the_scope),
               AA_TEST(a_token_in_a_task_goes_before_what_it_inherits),
               AA_TEST_LOOP(tasks_allocate_from_their_creators_allocator, SHARED, PRIVATE + 1),
               AA_TEST(tasks_of_host_threads_see_the_scopes_of_their_own))
