/* Taking memory back while something uses it: reset and destroy are refused, exactly one report is made, and
 * nothing has changed. What must pass: tests/unit/test_reset.c. */
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

typedef aa_status take_back(aa_allocator *);

static aa_status reset(aa_allocator *a)
{
    return aa_reset(a);
}

static take_back *const both[] = {reset, aa_destroy};

/* Each test runs for reset and destroy of every bump allocator. */
#define TEST_BOTH(name) AA_TEST_LOOP(name, 0, 2 * BUMP_KINDS)
#define TEST_BOTH_SHARING(name) AA_TEST_LOOP(name, 2 * SHARED, 2 * BUMP_KINDS)
#define KIND (_i / 2)
#define TAKE_BACK (both[_i % 2])

static aa_allocator *create(int kind)
{
    return bump_create(kind, &(aa_options){.checks = AA_CHECKS_NONE});
}

/* ---- inside a region ---- */

typedef aa_status region(take_back *, aa_allocator *);

static aa_status in_a_region(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        status = take(a);
    }
    return status;
}

static aa_status in_a_region_of_one_thread(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel num_threads(1)
    status = take(a);
    return status;
}

static aa_status in_a_region_that_is_switched_off(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel if (0)
    status = take(a);
    return status;
}

static aa_status in_a_nested_region(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
    omp_set_max_active_levels(2);
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        {
#pragma omp parallel num_threads(2)
            {
#pragma omp master
                status = take(a);
            }
        }
    }
    return status;
}

static aa_status in_a_region_of_one_inside_another(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        {
#pragma omp parallel num_threads(1)
            status = take(a);
        }
    }
    return status;
}

static aa_status after_an_inner_region_inside_another(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        {
            int threads = 0;
#pragma omp parallel num_threads(2) reduction(+ : threads)
            ++threads;
            status = threads > 0 ? take(a) : AA_IO;
        }
    }
    return status;
}

static aa_status in_a_task_of_a_region_of_one(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel num_threads(1)
    {
#pragma omp task shared(status)
        status = take(a);
#pragma omp taskwait
    }
    return status;
}

static aa_status in_an_undeferred_task(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        {
#pragma omp task if (0) shared(status)
            status = take(a);
        }
    }
    return status;
}

static aa_status in_a_loop(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel for num_threads(2) schedule(static)
    for (int i = 0; i < 2; ++i) {
        if (i == 0) {
            status = take(a);
        }
    }
    return status;
}

static aa_status in_a_critical(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
#pragma omp parallel num_threads(2)
    {
#pragma omp critical
        {
            if (omp_get_thread_num() == 0) {
                status = take(a);
            }
        }
    }
    return status;
}

static aa_status in_a_region_inside_its_scope(take_back *take, aa_allocator *a)
{
    aa_status status = AA_OK;
    AA_WITH(a) {
        status = in_a_region(take, a);
    }
    return status;
}

/* The calling thread of each is the one that made the allocator. */
static region *const regions[] = {in_a_region,
                                  in_a_region_of_one_thread,
                                  in_a_region_that_is_switched_off,
                                  in_a_nested_region,
                                  in_a_region_of_one_inside_another,
                                  after_an_inner_region_inside_another,
                                  in_a_task_of_a_region_of_one,
                                  in_an_undeferred_task,
                                  in_a_loop,
                                  in_a_critical,
                                  in_a_region_inside_its_scope};

START_TEST(inside_a_region_of_any_kind_it_is_refused)
{
    aa_allocator *const a = create(KIND);
    const held h = hold(a);
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; ++i) {
        record_violations();
        const aa_status status = regions[i](TAKE_BACK, a);
        ck_assert_msg(status == AA_BUSY, "region %zu: %s", i, aa_status_name(status));
        assert_one_report("the call in the region", AA_RESET_IN_PARALLEL);
        ck_assert_ptr_eq(last_violation()->allocator, a);
        ck_assert_int_ge(last_violation()->level, 1);
    }
    assert_unharmed(&h);
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

/* A target region on the host hides the region from the runtime's own count, but not the scope that is open in it. */
static aa_status in_a_target_region_of_a_region(take_back *take, aa_allocator *a)
{
    const uintptr_t call = (uintptr_t)take, allocator = (uintptr_t)a;
    aa_status status = AA_OK;
#pragma omp parallel num_threads(1)
    AA_WITH(a) {
#pragma omp target if (0) firstprivate(call, allocator) map(tofrom : status)
        status = ((take_back *)call)((aa_allocator *)allocator);
    }
    return status;
}

START_TEST(a_target_region_hides_no_region_that_a_scope_was_opened_in)
{
    aa_allocator *const a = create(KIND);
    const held h = hold(a);
    record_violations();
    assert_status(in_a_target_region_of_a_region(TAKE_BACK, a), AA_BUSY);
    assert_one_report("the call in the target region", AA_RESET_IN_PARALLEL);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "nesting level 1"));
    assert_unharmed(&h);
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

START_TEST(every_thread_of_a_region_is_refused)
{
    enum { THREADS = 4 };
    aa_allocator *const a = create(KIND);
    const held h = hold(a);
    record_violations();
    int refused = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : refused)
    refused += TAKE_BACK(a) == AA_BUSY;
    ck_assert_int_eq(refused, THREADS);
    ck_assert_int_eq(violations_of(AA_RESET_IN_PARALLEL), THREADS);
    ck_assert_int_eq(violations_count(), THREADS);
    assert_unharmed(&h);
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

START_TEST(tasks_on_any_thread_are_refused)
{
    enum { TASKS = 20 };
    aa_allocator *const a = create(KIND);
    const held h = hold(a);
    record_violations();
    int refused = 0;
    take_back *const take = TAKE_BACK;
#pragma omp parallel num_threads(4)
#pragma omp single
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(refused)
        {
            const int busy = take(a) == AA_BUSY;
#pragma omp atomic
            refused += busy;
        }
    }
    ck_assert_int_eq(refused, TASKS);
    ck_assert_int_eq(violations_count(), TASKS);
    assert_unharmed(&h);
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

START_TEST(what_a_region_made_only_its_creator_takes_back_there)
{
    aa_allocator *a = NULL;
    aa_status theirs = AA_OK;
    record_violations();
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            a = create(KIND);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            theirs = TAKE_BACK(a);
        }
    }
    ck_assert_int_eq(theirs, AA_BUSY);
    assert_one_report("the other thread's call", AA_RESET_IN_PARALLEL);
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

START_TEST(what_a_region_made_and_another_thread_used_is_refused_there)
{
    aa_allocator *a = NULL;
    aa_status mine = AA_OK;
    record_violations();
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            a = create(KIND);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            (void)aa_alloc(a, 100);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 0) {
            mine = TAKE_BACK(a);
        }
    }
    ck_assert_int_eq(mine, AA_BUSY);
    assert_one_report("the creator's call", AA_RESET_IN_PARALLEL);
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

START_TEST(the_region_is_over_when_it_is_over)
{
    aa_allocator *const a = create(KIND);
    (void)hold(a);
    record_violations();
    ck_assert_int_eq(in_a_region(TAKE_BACK, a), AA_BUSY);
    ck_assert_int_eq(violations_count(), 1);
    assert_status(TAKE_BACK(a), AA_OK);
    ck_assert_int_eq(violations_count(), 1);
}
END_TEST

/* ---- other threads' scopes, tokens, marks ---- */

static void stay_in_a_scope(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
        guest_stay(g);
    }
}

static void stay_in_a_token(guest *g)
{
    AA_TASK(*(const aa_token *)g->argument) {
        guest_stay(g);
    }
}

static void stay_in_a_region_under_a_scope(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
#pragma omp parallel num_threads(2)
        {
#pragma omp master
            guest_stay(g);
        }
    }
}

static void stay_in_a_scratch(guest *g)
{
    AA_SCRATCH((aa_allocator *)g->argument) {
        guest_stay(g);
    }
}

static void assert_refused_while(take_back *take, aa_allocator *a, void (*body)(guest *),
                                 void *argument)
{
    const held h = hold(a);
    guest g;
    guest_invite(&g, body, argument);
    assert_refused(take(a), AA_BUSY, AA_RESET_IN_USE);
    ck_assert_ptr_eq(last_violation()->allocator, a);
    assert_unharmed(&h);
    guest_dismiss(&g);
    record_violations();
    assert_status(take(a), AA_OK);
    assert_no_reports();
}

START_TEST(another_threads_scope_refuses_it)
{
    aa_allocator *const a = create(KIND);
    assert_refused_while(TAKE_BACK, a, stay_in_a_scope, a);
}
END_TEST

START_TEST(another_threads_token_refuses_it)
{
    aa_allocator *const a = create(KIND);
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    assert_refused_while(TAKE_BACK, a, stay_in_a_token, &token);
}
END_TEST

START_TEST(another_host_threads_region_under_a_scope_refuses_it)
{
    aa_allocator *const a = create(KIND);
    assert_refused_while(TAKE_BACK, a, stay_in_a_region_under_a_scope, a);
}
END_TEST

START_TEST(another_threads_open_mark_refuses_it)
{
    aa_allocator *const a = create(KIND);
    assert_refused_while(TAKE_BACK, a, stay_in_a_scratch, a);
}
END_TEST

START_TEST(the_callers_own_scope_and_anothers_refuse_it)
{
    aa_allocator *const a = create(KIND);
    AA_WITH(a) {
        AA_WITH(a) {
            guest g;
            guest_invite(&g, stay_in_a_scope, a);
            assert_refused(TAKE_BACK(a), AA_BUSY, AA_RESET_IN_USE);
            guest_dismiss(&g);
            ck_assert_ptr_eq(aa_current(), a);
        }
    }
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

typedef struct attempt {
    take_back *take;
    aa_allocator *allocator;
    aa_status status;
} attempt;

static void *attempt_it(void *argument)
{
    attempt *const t = argument;
    t->status = t->take(t->allocator);
    return NULL;
}

START_TEST(a_host_thread_is_refused_while_the_maker_is_in_its_scope)
{
    attempt t = {TAKE_BACK, create(KIND), AA_OK};
    const held h = hold(t.allocator);
    record_violations();
    AA_WITH(t.allocator) {
        on_thread(attempt_it, &t);
    }
    ck_assert_int_eq(t.status, AA_BUSY);
    assert_one_report("the thread's call", AA_RESET_IN_USE);
    assert_unharmed(&h);
    assert_status(TAKE_BACK(t.allocator), AA_OK);
}
END_TEST

/* ---- pins ---- */

START_TEST(a_pin_refuses_it)
{
    aa_allocator *const a = create(KIND);
    const held h = hold(a);
    assert_status(aa_pin(&h.array), AA_OK);
    assert_refused(TAKE_BACK(a), AA_BUSY, AA_RESET_IN_USE);
    assert_status(aa_pin(&h.array), AA_OK);
    assert_status(aa_unpin(&h.array), AA_OK);
    assert_refused(TAKE_BACK(a), AA_BUSY, AA_RESET_IN_USE);
    assert_status(aa_unpin(&h.array), AA_OK);
    assert_unharmed(&h);
    record_violations();
    assert_status(TAKE_BACK(a), AA_OK);
    assert_no_reports();
}
END_TEST

static void pin_and_stay(guest *g)
{
    g->wrong += aa_pin(g->argument) != AA_OK;
    guest_stay(g);
    g->wrong += aa_unpin(g->argument) != AA_OK;
}

START_TEST(another_threads_pin_refuses_it)
{
    aa_allocator *const a = create(KIND);
    held h = hold(a);
    guest g;
    guest_invite(&g, pin_and_stay, &h.array);
    assert_refused(TAKE_BACK(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&g);
    assert_unharmed(&h);
    assert_status(TAKE_BACK(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("misuse: barrier", TEST_BOTH(inside_a_region_of_any_kind_it_is_refused),
             TEST_BOTH(a_target_region_hides_no_region_that_a_scope_was_opened_in),
             TEST_BOTH(every_thread_of_a_region_is_refused),
             TEST_BOTH(tasks_on_any_thread_are_refused),
             TEST_BOTH(what_a_region_made_only_its_creator_takes_back_there),
             TEST_BOTH_SHARING(what_a_region_made_and_another_thread_used_is_refused_there),
             TEST_BOTH(the_region_is_over_when_it_is_over),
             TEST_BOTH(another_threads_scope_refuses_it),
             TEST_BOTH(another_threads_token_refuses_it),
             TEST_BOTH(another_host_threads_region_under_a_scope_refuses_it),
             TEST_BOTH_SHARING(another_threads_open_mark_refuses_it),
             TEST_BOTH(the_callers_own_scope_and_anothers_refuse_it),
             TEST_BOTH(a_host_thread_is_refused_while_the_maker_is_in_its_scope),
             TEST_BOTH(a_pin_refuses_it), TEST_BOTH(another_threads_pin_refuses_it))
