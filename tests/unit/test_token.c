/* Tokens: the scope taken along to tasks and host threads. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4, TASKS = 32 };

START_TEST(every_task_with_a_token_sees_its_parents_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(THREADS)
#pragma omp single
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task firstprivate(token) shared(seen)
            {
                AA_TASK(token) {
                    const int right = aa_current() == a && aa_owns(a, aa_alloc(AA_CURRENT, 100));
#pragma omp atomic
                    seen += right;
                }
            }
        }
    }
    ck_assert_int_eq(seen, TASKS);
    ck_assert_uint_eq(stats_of(a).allocations, TASKS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(tasks_take_the_scope_of_the_thread_that_made_them)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    int seen = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < TASKS; ++i) {
        aa_allocator *const mine = i % 2 == 0 ? a : b;
        AA_WITH(mine) {
            const aa_token token = aa_scope_capture();
#pragma omp task firstprivate(token, mine) shared(seen)
            {
                AA_TASK(token) {
                    const int right = aa_current() == mine;
#pragma omp atomic
                    seen += right;
                }
            }
        }
    }
    ck_assert_int_eq(seen, TASKS);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(a_task_restores_the_scope_of_its_thread)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    aa_token token;
    AA_WITH(b) {
        token = aa_scope_capture();
    }
    int wrong = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
        {
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task firstprivate(token)
                {
                    AA_TASK(token) {
                        (void)aa_alloc(AA_CURRENT, 10);
                    }
                }
            }
#pragma omp taskwait
            wrong += aa_current() != a;
#pragma omp barrier
            wrong += aa_current() != a;
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(stats_of(b).allocations, THREADS * TASKS);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

enum { FALL_THROUGH, BREAK, CONTINUE, RETURN, GOTO, WAYS };

static int leave_task(aa_token token, int way)
{
    AA_TASK(token) {
        if (way == BREAK) {
            break;
        }
        if (way == CONTINUE) {
            continue;
        }
        if (way == RETURN) {
            return RETURN;
        }
        if (way == GOTO) {
            goto out;
        }
    }
    return way;
out:
    return GOTO;
}

START_TEST(every_way_out_of_a_task_restores_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int wrong = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
        AA_WITH(aa_heap()) {
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
            {
#pragma omp task firstprivate(token)
                (void)leave_task(token, _i);
#pragma omp taskwait
                wrong += aa_current() != aa_heap();
            }
        }
    }
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static int count_leaves(aa_allocator *a, int depth)
{
    if (depth == 0) {
        return aa_current() == a;
    }
    int left = 0, right = 0;
    const aa_token token = aa_scope_capture();
#pragma omp task firstprivate(token) shared(left)
    {AA_TASK(token){left = count_leaves(a, depth - 1);
}
}
#pragma omp task firstprivate(token) shared(right)
{
    AA_TASK(token) {
        right = count_leaves(a, depth - 1);
    }
}
#pragma omp taskwait
return left + right;
}

START_TEST(tasks_of_tasks_see_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS)
#pragma omp single
        seen = count_leaves(a, 7);
    }
    ck_assert_int_eq(seen, 128);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* clang 14 warns about conversions in the code that it makes for a taskloop itself. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wconversion"
#endif
START_TEST(taskloops_see_the_scope_through_a_token)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(THREADS)
#pragma omp single
#pragma omp taskloop grainsize(1) firstprivate(token) shared(seen)
        for (int i = 0; i < TASKS; ++i) {
            AA_TASK(token) {
                const int right = aa_current() == a;
#pragma omp atomic
                seen += right;
            }
        }
    }
    ck_assert_int_eq(seen, TASKS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST
#ifdef __clang__
#pragma clang diagnostic pop
#endif

START_TEST(undeferred_and_final_tasks_see_the_scope_through_a_token)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(2)
#pragma omp single
        {
#pragma omp task if (0) firstprivate(token) shared(seen)
            {AA_TASK(token){seen += aa_current() == a;
        }
    }
#pragma omp task final(1) firstprivate(token) shared(seen)
    {
        AA_TASK(token) {
#pragma omp atomic
            seen += aa_current() == a;
        }
    }
}
}
ck_assert_int_eq(seen, 2);
assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- host threads ---- */

typedef struct errand {
    aa_token token;
    aa_allocator *inside, *after;
    void *memory;
} errand;

static void *run_errand(void *argument)
{
    errand *const e = argument;
    AA_TASK(e->token) {
        e->inside = aa_current();
        e->memory = aa_alloc(AA_CURRENT, 100);
    }
    e->after = aa_current();
    return NULL;
}

START_TEST(a_token_carries_the_scope_to_a_host_thread)
{
    aa_allocator *const a = bump_create(_i, NULL);
    errand e = {.inside = NULL};
    AA_WITH(a) {
        e.token = aa_scope_capture();
    }
    on_thread(run_errand, &e);
    ck_assert_ptr_eq(e.inside, a);
    ck_assert_ptr_eq(e.after, aa_heap());
    ck_assert(aa_owns(a, e.memory));
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *run_region(void *argument)
{
    const errand *const e = argument;
    int wrong = 0;
    AA_TASK(e->token) {
#pragma omp parallel num_threads(3) reduction(+ : wrong)
        wrong += aa_current() != e->inside;
    }
    return wrong == 0 ? argument : NULL;
}

START_TEST(regions_of_a_host_thread_see_its_token)
{
    aa_allocator *const a = aa_shared_create(NULL);
    errand e = {.inside = a};
    AA_WITH(a) {
        e.token = aa_scope_capture();
        ck_assert_ptr_nonnull(on_thread(run_region, &e));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_token_of_the_heap_means_the_heap)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const aa_token token = aa_scope_capture();
    AA_WITH(a) {
        AA_TASK(token) {
            ck_assert_ptr_eq(aa_current(), aa_heap());
        }
        ck_assert_ptr_eq(aa_current(), a);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_token_is_valid_after_its_scope_while_the_allocator_lives)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    record_violations();
    for (int i = 0; i < 3; ++i) {
        AA_TASK(token) {
            ck_assert_ptr_eq(aa_current(), a);
        }
        assert_status(aa_reset(a), AA_OK);
    }
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_token_taken_from_openmps_own_scope_works)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const omp_allocator_handle_t before = omp_get_default_allocator();
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(a));
    errand e = {.token = aa_scope_capture()};
    omp_set_default_allocator(before);
    on_thread(run_errand, &e);
    ck_assert_ptr_eq(e.inside, a);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_callers_own_token_does_not_refuse_a_reset)
{
    aa_allocator *const a = aa_shared_create(NULL);
    record_violations();
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
        AA_TASK(token) {
            assert_status(aa_reset(a), AA_OK);
        }
    }
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("token", AA_TEST(every_task_with_a_token_sees_its_parents_scope),
             AA_TEST(tasks_take_the_scope_of_the_thread_that_made_them),
             AA_TEST(a_task_restores_the_scope_of_its_thread),
             AA_TEST_LOOP(every_way_out_of_a_task_restores_the_scope, 0, WAYS),
             AA_TEST(tasks_of_tasks_see_the_scope),
             AA_TEST(taskloops_see_the_scope_through_a_token),
             AA_TEST(undeferred_and_final_tasks_see_the_scope_through_a_token),
             AA_TEST_LOOP(a_token_carries_the_scope_to_a_host_thread, SHARED, PRIVATE + 1),
             AA_TEST(regions_of_a_host_thread_see_its_token),
             AA_TEST(a_token_of_the_heap_means_the_heap),
             AA_TEST(a_token_is_valid_after_its_scope_while_the_allocator_lives),
             AA_TEST(a_token_taken_from_openmps_own_scope_works),
             AA_TEST(the_callers_own_token_does_not_refuse_a_reset))
