/* With the test kit: who else is told that a task has lost its scope, and what the kit must not ask or need. Programs
 * that the kit is loaded into are in tests/omp/task-kit. */
#include "child.h"
#include "test_ompt.h"
#include "violations.h"

#include <allocarrays/check.h>
#include <omp.h>

#ifdef __clang__
/* clang 14 warns about conversions in the code that it makes for a taskloop itself. */
#pragma clang diagnostic ignored "-Wconversion"
#endif

static aa_allocator *checked(void)
{
    record_violations();
    return aa_shared_create(&(aa_options){.name = "wanted", .checks = AA_CHECKS_API});
}

/* The first task runs on a thread without the scope, and makes the second there. */
static void lose_and_pass_on(aa_allocator *a, int *ran)
{
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 0) {
        AA_WITH(a) {
#pragma omp task shared(ran)
            {
#pragma omp task shared(ran)
                {
                    (void)aa_alloc(AA_CURRENT, 8);
                    count_up(ran);
                }
                count_up(ran);
            }
        }
        (void)let_others_run(ran, 2);
    }
}

START_TEST(a_task_of_a_task_that_lost_its_scope_is_reported)
{
    aa_allocator *const a = checked();
    int ran = 0;
    lose_and_pass_on(a, &ran);
    ck_assert_int_eq(ran, 2);
    ck_assert_int_eq(violations_count(), 1);
    ck_assert_int_eq(violations_of(AA_RACE), 1);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "'wanted'"));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* AA_WITH(AA_CURRENT) asks for it as an allocation does: what it opens is no scope of the task's own. */
START_TEST(a_task_that_opens_the_scope_it_finds_is_reported)
{
    aa_allocator *const a = checked();
    int ran = 0;
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 0) {
        AA_WITH(a) {
#pragma omp task shared(ran)
            {
                AA_WITH(AA_CURRENT) {
                    (void)aa_alloc(AA_CURRENT, 8);
                }
                count_up(&ran);
            }
        }
        (void)let_others_run(&ran, 1);
    }
    ck_assert_int_eq(violations_count(), 1);
    ck_assert_int_eq(violations_of(AA_RACE), 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* LLVM's runtime calls an untied task anew after each of its scheduling points. */
START_TEST(an_untied_task_in_parts_is_reported_once)
{
    aa_allocator *const a = checked();
    int ran = 0;
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 0) {
        AA_WITH(a) {
#pragma omp task untied shared(ran)
            {
                (void)aa_alloc(AA_CURRENT, 8);
#pragma omp taskyield
                (void)aa_alloc(AA_CURRENT, 8);
#pragma omp taskyield
                (void)aa_alloc(AA_CURRENT, 8);
                count_up(&ran);
            }
        }
        (void)let_others_run(&ran, 1);
    }
    ck_assert_int_eq(violations_count(), 1);
    ck_assert_int_eq(violations_of(AA_RACE), 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Only what asks for the current allocator is told that it is gone. */
START_TEST(making_a_task_does_not_ask_for_the_current_allocator)
{
    aa_allocator *const a = checked();
    const omp_allocator_handle_t before = omp_get_default_allocator();
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(a));
    assert_status(aa_destroy(a), AA_OK);
    int ran = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
    for (int i = 0; i < 10; ++i) {
#pragma omp task shared(ran)
        count_up(&ran);
    }
    ck_assert_int_eq(ran, 10);
    assert_no_reports();
    ck_assert_ptr_eq(aa_current(), aa_heap());
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 1);
    omp_set_default_allocator(before);
}
END_TEST

/* libgomp lays out all copies on the stack where it is told how to copy. */
START_TEST(a_taskloop_of_very_many_tasks_needs_no_more_stack)
{
    enum { MANY = 200000 };
    long sum = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
#pragma omp taskloop grainsize(1) shared(sum)
    for (int i = 0; i < MANY; ++i) {
        (void)__atomic_add_fetch(&sum, i, __ATOMIC_RELAXED);
    }
    ck_assert_int_eq(sum, (long)MANY * (MANY - 1) / 2);
}
END_TEST

/* gcc copies an array by a function of its own and a vector as bytes. */
START_TEST(large_and_wide_copies_are_the_tasks_own)
{
    typedef double vector __attribute__((vector_size(1024)));
    typedef struct large {
        _Alignas(128) char bytes[5000];
    } large;
    int ran = 0, wrong = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
    for (int i = 0; i < 100; ++i) {
        large l;
        memset(&l, i, sizeof l);
        vector v = (vector){0} + i;
#pragma omp task firstprivate(l, i) shared(ran, wrong) if (i % 3 != 0)
        {
            if (l.bytes[0] != (char)i || l.bytes[sizeof l.bytes - 1] != (char)i) {
                count_up(&wrong);
            }
            memset(&l, -1, sizeof l);
            count_up(&ran);
        }
#pragma omp task firstprivate(v, i) shared(ran, wrong) if (i % 3 != 0)
        {
            if (v[0] < i || v[127] < i || v[127] > i) {
                count_up(&wrong);
            }
            count_up(&ran);
        }
        v = (vector){0} - 1;
        if (l.bytes[0] != (char)i || v[1] > 0) {
            count_up(&wrong);
        }
    }
    ck_assert_int_eq(ran, 200);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Where the function that copies is called, the task's bounds are in its data already, or come after. */
START_TEST(copies_of_a_taskloop_are_its_tasks_own)
{
    typedef struct large {
        char bytes[5000];
    } large;
    enum { COUNT = 100 };
    int ran[COUNT] = {0}, wrong = 0;
    large l;
    memset(&l, 7, sizeof l);
#pragma omp parallel num_threads(2)
#pragma omp single
#pragma omp taskloop grainsize(1) firstprivate(l) shared(ran, wrong)
    for (int i = 0; i < COUNT; ++i) {
        if (l.bytes[0] != 7 || l.bytes[sizeof l.bytes - 1] != 7) {
            count_up(&wrong);
        }
        memset(&l, -1, sizeof l);
        count_up(&ran[i]);
    }
    for (int i = 0; i < COUNT; ++i) {
        ck_assert_int_eq(ran[i], 1);
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* gcc's runtime puts the event into the data of an undeferred task before it is copied. */
START_TEST(an_undeferred_task_with_copies_has_its_event)
{
    typedef struct large {
        char bytes[5000];
    } large;
    int ran = 0;
    large l;
    memset(&l, 7, sizeof l);
#pragma omp parallel num_threads(2)
#pragma omp single
    {
        omp_event_handle_t event;
#pragma omp task detach(event) firstprivate(l) shared(ran) if (0)
        {
            if (l.bytes[sizeof l.bytes - 1] == 7) {
                count_up(&ran);
            }
            omp_fulfill_event(event); /* of another number none knows it, and it never ends */
        }
    }
    ck_assert_int_eq(ran, 1);
}
END_TEST

/* ---- without what the kit needs ---------------------------------------------------------------------- */

#ifdef __clang__
enum { BY_GCC = 0 }; /* its tasks have their records in memory of the runtime's */
#else
enum { BY_GCC = 1 };
#endif

static int records, refused;

/* This stands before the C library's; the kit alone asks for such memory here. */
void *aligned_alloc(size_t alignment, size_t bytes)
{
    void *p = NULL;
    records += refused;
    const size_t least = alignment > sizeof p ? alignment : sizeof p;
    return refused || posix_memalign(&p, least, bytes) != 0 ? NULL : p;
}

START_TEST(a_task_whose_record_finds_no_memory_runs_unseen)
{
    typedef double vector __attribute__((vector_size(1024)));
    aa_allocator *const a = checked();
    vector v = (vector){0} + 5;
    int ran = 0, wrong = 0;
#pragma omp parallel num_threads(2)
    if (omp_get_thread_num() == 0) {
        AA_WITH(a) {
            refused = 1;
#pragma omp task firstprivate(v) shared(ran, wrong)
            {
                (void)aa_alloc(AA_CURRENT, 8);
                if (v[0] < 5 || v[127] > 5) {
                    count_up(&wrong);
                }
                count_up(&ran);
            }
            refused = 0;
        }
        (void)let_others_run(&ran, 1);
    }
    ck_assert_int_eq(ran, 1);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(records, BY_GCC);
    ck_assert_int_eq(violations_count(), 1 - BY_GCC);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* What the kit learns of the library that made a task: its name, none, an empty one (a program's own, started so), nothing. */
typedef enum told { NAMED, NAMELESS, EMPTY, UNKNOWN, TOLD } told;

static told is_told;

/* This stands before the C library's. */
int dladdr(const void *address, Dl_info *found)
{
    union {
        void *data;
        int (*function)(const void *address, Dl_info *found);
    } behind = {.data = dlsym(RTLD_NEXT, "dladdr")};
    const int is_found = behind.function(address, found);
    if (is_told != NAMED) {
        static const char *const said[TOLD] = {[EMPTY] = "", [UNKNOWN] = (const char *)1};
        found->dli_fname = said[is_told]; /* of what is unknown nothing may be read */
    }
    return is_told == UNKNOWN ? 0 : is_found;
}

/* What clang's programs call, where gcc's runtime alone is there. */
typedef int task_entry(int thread, void *task);
void *__kmpc_omp_task_alloc(void *location, int thread, int flags, size_t task_bytes,
                            size_t shared_bytes, task_entry *entry);

/* As from a function of the C library, which knows no runtime. */
static void make_a_task_of_clang(void *nothing)
{
    (void)nothing;
    union {
        void *data;
        task_entry *function;
    } const in_libc = {.data = dlsym(RTLD_DEFAULT, "qsort")};
    (void)__kmpc_omp_task_alloc(NULL, 0, 1, 64, 0, in_libc.function);
}

START_TEST(a_task_without_a_runtime_that_has_it_ends_the_program)
{
    if (dlsym(RTLD_DEFAULT, "__kmpc_fork_call") != NULL) {
        return; /* LLVM's runtime has it */
    }
    child_result result;
    is_told = (told)_i;
    child_run(&result, make_a_task_of_clang, NULL);
    ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
    ck_assert_msg(strstr(result.text, "allocarrays-check: no OpenMP runtime with "
                                      "__kmpc_omp_task_alloc stands behind this library") != NULL,
                  "%s", result.text);
}
END_TEST

AA_TEST_MAIN("tasks with the test kit", AA_TEST(a_task_of_a_task_that_lost_its_scope_is_reported),
             AA_TEST(a_task_that_opens_the_scope_it_finds_is_reported),
             AA_TEST(an_untied_task_in_parts_is_reported_once),
             AA_TEST(making_a_task_does_not_ask_for_the_current_allocator),
             AA_TEST(a_taskloop_of_very_many_tasks_needs_no_more_stack),
             AA_TEST(large_and_wide_copies_are_the_tasks_own),
             AA_TEST(copies_of_a_taskloop_are_its_tasks_own),
             AA_TEST(an_undeferred_task_with_copies_has_its_event),
             AA_TEST(a_task_whose_record_finds_no_memory_runs_unseen),
             AA_TEST_LOOP(a_task_without_a_runtime_that_has_it_ends_the_program, 0, TOLD))
