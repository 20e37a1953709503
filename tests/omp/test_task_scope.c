/* With the test kit: a task that allocates without the scope of its creator is AA_RACE, for gcc's and clang's tasks;
 * and tasks go on as without the kit, whatever they take along. */
#include "test_ompt.h"
#include "violations.h"

#include <allocarrays/check.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __clang__
/* clang 14 warns about conversions in the code that it makes for a taskloop itself. */
#pragma clang diagnostic ignored "-Wconversion"
#endif

enum { THREADS = 4, TASKS = 24 };

typedef struct seen {
    int ran, elsewhere;
} seen;

/* Twice from AA_CURRENT: the second of a task is not reported again. */
static void allocate(seen *s, int creator)
{
    (void)aa_alloc(AA_CURRENT, 8);
    aa_array a = aa_empty(AA_CURRENT, AA_F64, 1, (int64_t[]){4});
    (void)aa_array_free(&a);
    if (omp_get_thread_num() != creator) {
        count_up(&s->elsewhere);
    }
    count_up(&s->ran);
}

static aa_allocator *checked(void)
{
    record_violations();
    return aa_shared_create(&(aa_options){.name = "wanted", .checks = AA_CHECKS_API});
}

/* Each task that another thread ran, and no other, is a report. */
static void assert_reported(const seen *s, int tasks)
{
    ck_assert_int_eq(s->ran, tasks);
    ck_assert_int_eq(violations_count(), s->elsewhere);
    ck_assert_int_eq(violations_of(AA_RACE), s->elsewhere);
}

START_TEST(a_task_without_the_scope_of_its_creator_is_reported_once)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
    bool slept = false;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    {
        const int me = omp_get_thread_num();
        AA_WITH(a) {
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(s)
                allocate(&s, me);
            }
        }
        slept = !let_others_run(&s.ran, TASKS);
    }
    assert_reported(&s, TASKS);
    ck_assert_int_eq(s.elsewhere, slept ? s.elsewhere : TASKS);
    ck_assert_str_eq(last_violation()->allocator_name, "heap");
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "'wanted'"));
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "AA_TASK"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(so_is_one_of_a_taskloop)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
    int sum = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    {
        const int me = omp_get_thread_num();
        AA_WITH(a) {
#pragma omp taskloop shared(s, sum) num_tasks(TASKS)
            for (int i = 10; i < 10 + TASKS; ++i) {
                allocate(&s, me);
                (void)__atomic_add_fetch(&sum, i, __ATOMIC_RELAXED);
            }
        }
    }
    assert_reported(&s, TASKS);
    ck_assert_int_eq(sum, TASKS * 10 + TASKS * (TASKS - 1) / 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void meet(void){
#pragma omp barrier
}

/* The other way round: the creator has no scope, and the thread that runs the task has. */
START_TEST(and_one_that_takes_from_the_scope_of_the_thread_that_runs_it)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
    int made = 0;
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 0) {
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(s)
            allocate(&s, 0);
        }
        count_up(&made);
        wait_for(&s.ran, TASKS);
        meet();
    } else {
        wait_for(&made, 1);
        AA_WITH(a) {
            meet();
        }
    }
    assert_reported(&s, TASKS);
    ck_assert_int_eq(s.elsewhere, TASKS);
    ck_assert_str_eq(last_violation()->allocator_name, "wanted");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- what is right ----------------------------------------------------------------------------------------- */

#define TASKS_OF_ONE(allocator_in_scope, ...)                                                      \
    _Pragma("omp parallel num_threads(THREADS)") _Pragma("omp single")                             \
    {                                                                                              \
        const int me = omp_get_thread_num();                                                       \
        AA_WITH(allocator_in_scope) {                                                              \
            const aa_token token = aa_scope_capture();                                             \
            (void)token, (void)me;                                                                 \
            for (int i = 0; i < TASKS; ++i) {                                                      \
                __VA_ARGS__                                                                        \
            }                                                                                      \
        }                                                                                          \
        (void)let_others_run(&s.ran, TASKS);                                                       \
    }

static void assert_silent(const seen *s, aa_allocator *allocator)
{
    ck_assert_int_eq(s->ran, TASKS);
    assert_no_reports();
    assert_status(aa_destroy(allocator), AA_OK);
}

START_TEST(a_task_with_a_token_is_not)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
    TASKS_OF_ONE(
        a, _Pragma("omp task shared(s) firstprivate(token)") AA_TASK(token) { allocate(&s, me); })
    assert_silent(&s, a);
}
END_TEST

START_TEST(nor_one_with_a_scope_of_its_own)
{
    aa_allocator *const a = checked();
    aa_allocator *const b = aa_private_create(&(aa_options){.checks = AA_CHECKS_API});
    seen s = {0, 0};
    TASKS_OF_ONE(
        a, _Pragma("omp task shared(s)") AA_WITH(b) { allocate(&s, me); })
    assert_silent(&s, a);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(nor_one_that_names_its_allocator)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
    TASKS_OF_ONE(
        a, _Pragma("omp task shared(s)") {
            (void)aa_alloc(a, 8);
            count_up(&s.ran);
        })
    assert_silent(&s, a);
}
END_TEST

START_TEST(nor_one_that_is_run_at_once)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
    TASKS_OF_ONE(a, _Pragma("omp task shared(s) if (0)") allocate(&s, me);)
    ck_assert_int_eq(s.elsewhere, 0);
    assert_silent(&s, a);
}
END_TEST

START_TEST(nor_one_where_nothing_is_checked)
{
    record_violations();
    aa_allocator *const a = aa_shared_create(&(aa_options){.checks = AA_CHECKS_NONE});
    seen s = {0, 0};
    TASKS_OF_ONE(a, _Pragma("omp task shared(s)") allocate(&s, me);)
    assert_silent(&s, a);
}
END_TEST

START_TEST(nor_one_whose_creator_had_the_scope_of_the_whole_team)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS)
#pragma omp single
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(s)
            allocate(&s, -1);
        }
    }
    assert_silent(&s, a);
}
END_TEST

START_TEST(nor_what_a_thread_does_after_a_task)
{
    aa_allocator *const a = checked();
    seen s = {0, 0};
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp single
        AA_WITH(a) {
            for (int i = 0; i < TASKS; ++i) {
#pragma omp task shared(s)
                count_up(&s.ran);
            }
        }
        (void)aa_alloc(AA_CURRENT, 8);
    }
    assert_silent(&s, a);
}
END_TEST

/* ---- what tasks take along --------------------------------------------------------------------------------- */

typedef struct wide {
    _Alignas(64) double d[3];
} wide;

START_TEST(tasks_get_their_own_copies_of_any_kind)
{
    int ran = 0, wrong = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < TASKS; ++i) {
        wide w = {{i, i + 1, i + 2}};
        char c = (char)i;
#pragma omp task firstprivate(w, c) shared(ran, wrong)
        {
            if ((uintptr_t)&w % _Alignof(wide) != 0 || w.d[2] != i + 2 || c != (char)i) {
                count_up(&wrong);
            }
            count_up(&ran);
        }
        memset(&w, 0, sizeof w);
    }
    ck_assert_int_eq(ran, TASKS);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

#ifndef __clang__ /* which has no such copies */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvla"
/* Such an array is copied by a function of the compiler's, not as bytes. */
START_TEST(tasks_get_their_own_copies_of_variable_length)
{
    int ran = 0, wrong = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < TASKS; ++i) {
        const int n = i + 1;
        double numbers[n];
        for (int k = 0; k < n; ++k) {
            numbers[k] = i * k;
        }
#pragma omp task firstprivate(numbers) shared(ran, wrong) if (i % 4 != 0)
        {
            for (int k = 0; k < n; ++k) {
                wrong += numbers[k] != i * k;
            }
            count_up(&ran);
        }
        memset(numbers, 0, sizeof numbers);
    }
    ck_assert_int_eq(ran, TASKS);
    ck_assert_int_eq(wrong, 0);
}
END_TEST
#pragma GCC diagnostic pop
#define WITH_VARIABLE_LENGTH AA_TEST(tasks_get_their_own_copies_of_variable_length),
#else
#define WITH_VARIABLE_LENGTH
#endif

START_TEST(taskloops_get_their_bounds_reductions_and_last_values)
{
    enum { N = 1000 };
    unsigned long long sum = 0, top = 0;
    long signed_sum = 0;
    int last = -1;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    {
        const unsigned long long first = UINT64_C(1) << 63;
#pragma omp taskloop reduction(+ : sum) grainsize(7)
        for (unsigned long long i = first; i < first + N; ++i) {
            sum += i - first;
        }
#pragma omp taskloop reduction(+ : signed_sum) lastprivate(last) num_tasks(5)
        for (int i = N - 1; i >= 0; i -= 3) {
            signed_sum += i;
            last = i;
        }
#pragma omp taskloop if (0) shared(top)
        for (unsigned long long i = 0; i < 3; ++i) {
            top += i;
        }
    }
    ck_assert_uint_eq(sum, N * (N - 1) / 2);
    ck_assert_int_eq(last, 0);
    ck_assert_int_eq(signed_sum, 3 * (333 * 334 / 2));
    ck_assert_uint_eq(top, 3);
}
END_TEST

START_TEST(tasks_wait_for_those_that_they_depend_on)
{
    int steps[TASKS + 1] = {0}, wrong = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task depend(in : steps[i]) depend(out : steps[i + 1]) shared(steps, wrong) priority(i)
        {
            if (i > 0 && steps[i] != i) {
                count_up(&wrong);
            }
            steps[i + 1] = i + 1;
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(steps[TASKS], TASKS);
}
END_TEST

static long fibonacci(int n)
{
    long a = 0, b = 0;
    if (n < 2) {
        return n;
    }
#pragma omp task shared(a) final(n < 5)
    a = fibonacci(n - 1);
#pragma omp task shared(b) mergeable
    b = fibonacci(n - 2);
#pragma omp taskwait
    return a + b;
}

START_TEST(tasks_in_tasks_return_what_they_found)
{
    long result = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    result = fibonacci(16);
    ck_assert_int_eq(result, 987);
}
END_TEST

START_TEST(an_untied_task_goes_on_after_its_pauses)
{
    int ran = 0, wrong = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < TASKS; ++i) {
#pragma omp task untied firstprivate(i) shared(ran, wrong)
        {
            int inner = 0;
#pragma omp task shared(inner)
            inner = i + 1;
#pragma omp taskwait
            if (inner != i + 1) {
                count_up(&wrong);
            }
            count_up(&ran);
        }
    }
    ck_assert_int_eq(ran, TASKS);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(a_detached_task_ends_with_its_event)
{
    int ran = 0, fulfilled = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    {
        omp_event_handle_t event;
        char padding[40] = "padding";
#pragma omp task detach(event) firstprivate(padding) shared(ran, fulfilled)
        {
            count_up(&ran);
            fulfilled = padding[0] == 'p';
            omp_fulfill_event(event);
        }
#pragma omp taskwait
    }
    ck_assert_int_eq(ran, 1);
    ck_assert_int_eq(fulfilled, 1);
}
END_TEST

AA_TEST_MAIN("scopes of tasks, with the test kit",
             AA_TEST(a_task_without_the_scope_of_its_creator_is_reported_once),
             AA_TEST(so_is_one_of_a_taskloop),
             AA_TEST(and_one_that_takes_from_the_scope_of_the_thread_that_runs_it),
             AA_TEST(a_task_with_a_token_is_not), AA_TEST(nor_one_with_a_scope_of_its_own),
             AA_TEST(nor_one_that_names_its_allocator), AA_TEST(nor_one_that_is_run_at_once),
             AA_TEST(nor_one_where_nothing_is_checked),
             AA_TEST(nor_one_whose_creator_had_the_scope_of_the_whole_team),
             AA_TEST(nor_what_a_thread_does_after_a_task),
             AA_TEST(tasks_get_their_own_copies_of_any_kind),
             WITH_VARIABLE_LENGTH AA_TEST(taskloops_get_their_bounds_reductions_and_last_values),
             AA_TEST(tasks_wait_for_those_that_they_depend_on),
             AA_TEST(tasks_in_tasks_return_what_they_found),
             AA_TEST(an_untied_task_goes_on_after_its_pauses),
             AA_TEST(a_detached_task_ends_with_its_event))
