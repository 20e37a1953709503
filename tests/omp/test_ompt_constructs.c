/* With the OMPT tool the tasks of every construct see the scope of their creator: taskloop, untied, undeferred, final,
 * dependences, detached, cancelled, outside regions. */
#include "test_ompt_tasks.h"

/* clang 14 warns about conversions in the code that it makes for a taskloop itself. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wconversion"
#endif

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

OMPT_TEST_MAIN("ompt: constructs", "OMP_CANCELLATION", "true",
               AA_TEST(every_chunk_of_a_taskloop_sees_the_scope),
               AA_TEST(chunks_that_other_threads_make_and_run_see_the_scope),
               AA_TEST(untied_tasks_see_the_scope_in_every_part),
               AA_TEST(undeferred_final_and_included_tasks_see_the_scope),
               AA_TEST(tasks_with_dependences_see_the_scope),
               AA_TEST(detached_tasks_and_their_waiters_see_their_scopes),
               AA_TEST(tasks_thrown_away_by_a_cancellation_change_no_scope),
               AA_TEST(tasks_thrown_away_later_do_not_bring_an_old_scope_back),
               AA_TEST(tasks_outside_any_region_see_the_scope))
