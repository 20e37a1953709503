/* A forked child: the scope of the thread that forked, team resets that others were in, locks. Children open no
 * region: under libgomp it would hang there, once the parent has opened one. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>
#include <sched.h>

/* ---- the current allocator: LLVM's runtime starts anew in the child and forgets it ---- */

static void look(void *a)
{
    ck_assert_ptr_eq(aa_current(), a);
    void *const p = aa_alloc(AA_CURRENT, 100);
    ck_assert(aa_owns(a, p));
    /* OpenMP's own allocation under the handle that came over */
    void *const q = omp_alloc(100, omp_null_allocator);
    ck_assert_ptr_nonnull(q);
    omp_free(q, omp_null_allocator);
    _exit(0);
}

static void with_openmp_awake(void)
{
#pragma omp parallel num_threads(2)
    (void)aa_current();
}

START_TEST(a_child_is_in_the_scope_that_its_parent_forked_in)
{
    aa_allocator *const a = aa_shared_create(NULL);
    child_result result;
    AA_WITH(a) {
        with_openmp_awake();
        child_run(&result, look, a);
    }
    assert_exited_well(&result);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void leave_without_looking(void *scope)
{
    assert_status(aa_scope_leave(*(aa_scope *)scope), AA_OK);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    _exit(0);
}

START_TEST(a_child_that_leaves_the_scope_is_outside)
{
    aa_allocator *const a = aa_shared_create(NULL);
    child_result result;
    aa_scope scope = aa_scope_enter(a);
    with_openmp_awake();
    child_run(&result, leave_without_looking, &scope);
    assert_exited_well(&result);
    assert_status(aa_scope_leave(scope), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void set_first(void *b)
{
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(b));
    ck_assert_ptr_eq(aa_current(), b);
    _exit(0);
}

/* Set by OpenMP's own call, before the library is asked anything. */
static uintptr_t others_handle;

static void set_by_openmp_first(void *b)
{
    omp_set_default_allocator((omp_allocator_handle_t)others_handle);
    ck_assert_ptr_eq(aa_current(), b);
    _exit(0);
}

START_TEST(what_a_child_sets_itself_stays)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    child_result result;
    others_handle = aa_omp_handle(b);
    AA_WITH(a) {
        with_openmp_awake();
        child_run(&result, set_first, b);
        assert_exited_well(&result);
        child_run(&result, set_by_openmp_first, b);
        assert_exited_well(&result);
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

static void *current_elsewhere(void *unused)
{
    (void)unused;
    return aa_current();
}

static void look_elsewhere_first(void *a)
{
    ck_assert_ptr_eq(on_thread(current_elsewhere, NULL), aa_heap());
    ck_assert_ptr_eq(aa_current(), a);
    ck_assert_ptr_eq(on_thread(current_elsewhere, NULL), aa_heap());
    _exit(0);
}

START_TEST(a_new_thread_of_the_child_starts_with_the_heap)
{
    aa_allocator *const a = aa_shared_create(NULL);
    child_result result;
    AA_WITH(a) {
        with_openmp_awake();
        child_run(&result, look_elsewhere_first, a);
    }
    assert_exited_well(&result);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- team resets ---- */

static void arrive_alone(guest *g)
{
    aa_allocator *const a = g->argument;
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            guest_stay(g);
        }
        while (aa_reset_team(a) != AA_OK) { /* refused when a reset of main came in between */
        }
    }
}

static void reset_and_destroy(void *a)
{
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_reset_team((aa_allocator *)a), AA_OK); /* a team of one */
    assert_status(aa_destroy(a), AA_OK);
    assert_no_reports();
    _exit(0);
}

START_TEST(a_team_that_was_arriving_in_the_parent_is_not_in_the_child)
{
    aa_allocator *const a = aa_shared_create(NULL);
    guest g;
    guest_invite(&g, arrive_alone, a);
    do {
        record_violations();
    } while (aa_reset(a) == AA_OK); /* until its thread has arrived */
    ck_assert_int_eq(last_violation()->kind, AA_RESET_IN_USE);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "aa_reset_team"));
    child_result result;
    child_run(&result, reset_and_destroy, a);
    assert_exited_well(&result);
    guest_dismiss(&g);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static int stop;

static void *reset_again_and_again(void *a)
{
    while (__atomic_load_n(&stop, __ATOMIC_RELAXED) == 0) {
        if (aa_reset_team((aa_allocator *)a) != AA_OK) {
            return NULL;
        }
    }
    return a;
}

static void reset_once(void *a)
{
    (void)alarm(20); /* a lock that the parent's thread held would be held for ever */
    assert_status(aa_reset_team((aa_allocator *)a), AA_OK);
    _exit(0);
}

START_TEST(a_child_may_reset_while_its_parents_threads_do)
{
    aa_allocator *const busy = aa_shared_create(NULL);
    aa_allocator *const own = aa_shared_create(NULL);
    pthread_t threads[3];
    child_result result;
    aa_allocator *const each[3] = {busy, aa_shared_create(NULL), aa_shared_create(NULL)};
    for (int i = 0; i < 3; ++i) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reset_again_and_again, each[i]), 0);
    }
    for (int i = 0; i < 100; ++i) {
        child_run(&result, reset_once, own);
        assert_exited_well(&result);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; ++i) {
        void *done = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &done), 0);
        ck_assert_ptr_eq(done, each[i]);
        assert_status(aa_destroy(each[i]), AA_OK);
    }
    assert_status(aa_destroy(own), AA_OK);
}
END_TEST

AA_TEST_MAIN("omp: fork", AA_TEST(a_child_is_in_the_scope_that_its_parent_forked_in),
             AA_TEST(a_child_that_leaves_the_scope_is_outside),
             AA_TEST(what_a_child_sets_itself_stays),
             AA_TEST(a_new_thread_of_the_child_starts_with_the_heap),
             AA_TEST(a_team_that_was_arriving_in_the_parent_is_not_in_the_child),
             AA_TEST(a_child_may_reset_while_its_parents_threads_do))
