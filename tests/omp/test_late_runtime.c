/* A program without OpenMP, linked with liballocarrays-omp: what needs a runtime says so until a plug-in brings one, and
 * then works. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <allocarrays/impl/task.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

extern void *omp_alloc(size_t bytes, uintptr_t handle);
extern void omp_free(void *pointer, uintptr_t handle);

enum { NULL_ALLOCATOR, DEFAULT_ALLOCATOR, LARGE_CAP_SPACE = 1 };

/* As a plug-in does: not among the global names. */
static bool load_a_runtime(void)
{
    static const char *const names[] = {"libgomp.so.1", "libomp.so.5"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        if (dlopen(names[i], RTLD_NOW | RTLD_LOCAL) != NULL) {
            return true;
        }
    }
    return false;
}

START_TEST(without_a_runtime_what_needs_one_is_unsupported)
{
    aa_allocator *const a = bump_create(_i, NULL);
    assert_fails(aa_omp_handle(a), AA_UNSUPPORTED);
    assert_fails(aa_upstream_omp(DEFAULT_ALLOCATOR), AA_UNSUPPORTED);
    assert_fails(aa_allocator_from_traits(LARGE_CAP_SPACE, 0, NULL), AA_UNSUPPORTED);
    ck_assert(!aa_in_parallel());
    ck_assert_ptr_null(aa_from_omp_handle(77));
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(without_a_runtime_the_scope_alone_serves_omp_alloc)
{
    aa_allocator *const a = bump_create(_i, NULL);
    AA_WITH(a) {
        void *const p = omp_alloc(100, NULL_ALLOCATOR);
        ck_assert(aa_owns(a, p));
        omp_free(p, NULL_ALLOCATOR);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void ask_for_the_default(void *handle)
{
    (void)omp_alloc(100, (uintptr_t)handle);
}

START_TEST(without_a_runtime_its_own_allocators_end_the_process_with_a_sentence)
{
    child_result result;
    child_run(&result, ask_for_the_default, (void *)(uintptr_t)_i);
    ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.text, "no OpenMP runtime with omp_alloc stands behind"));
}
END_TEST

START_TEST(a_task_without_a_runtime_that_has_a_scope_of_its_own_is_not_told)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_allocator *const other = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aai_task task;
    bool told = false;
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    record_violations();
    aai_task_begin(&task, token, &told);
    AA_WITH(other) {
        ck_assert_ptr_nonnull(aa_alloc(AA_CURRENT, 100));
    }
    assert_no_reports();
    aai_task_end(&task);
    AA_WITH(other) {
        aai_task_begin(&task, token, &told);
        ck_assert_ptr_nonnull(aa_alloc(AA_CURRENT, 100));
        aai_task_end(&task);
    }
    assert_one_report("a task in another's scope", AA_RACE);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
}
END_TEST

START_TEST(a_runtime_that_comes_late_serves_from_then_on)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture(); /* before there is anything to carry it */
    }
    ck_assert(load_a_runtime());
    AA_TASK(token) {
        ck_assert_ptr_eq(aa_current(), a);
        void *const p = omp_alloc(100, NULL_ALLOCATOR);
        ck_assert(aa_owns(a, p));
        omp_free(p, NULL_ALLOCATOR);
    }
    ck_assert_uint_ne(aa_omp_handle(a), 0);
    void *const q = omp_alloc(100, DEFAULT_ALLOCATOR);
    ck_assert_ptr_nonnull(q);
    ck_assert(!aa_owns(a, q));
    omp_free(q, DEFAULT_ALLOCATOR);
    aa_upstream *const upstream = aa_upstream_omp(DEFAULT_ALLOCATOR);
    ck_assert_ptr_nonnull(upstream);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static bool stop;

static void *enter_scopes(void *none)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        AA_WITH(aa_heap()) {
        }
    }
    return none;
}

START_TEST(asking_for_a_handle_finds_a_runtime_that_came_late)
{
    aa_allocator *const a = bump_create(_i, NULL);
    assert_fails(aa_omp_handle(a), AA_UNSUPPORTED);
    ck_assert(load_a_runtime());
    ck_assert_uint_ne(aa_omp_handle(a), 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A scope looks whether a runtime was loaded, under the loader's lock, which no child inherits free. */
START_TEST(a_child_forked_while_a_thread_looks_for_a_runtime_goes_on)
{
    enum { CHILDREN = 400 };
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, enter_scopes, NULL), 0);
    int ended_well = 0;
    for (int i = 0; i < CHILDREN; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            (void)alarm(10);
            AA_WITH(aa_heap()) {
            }
            _exit(0);
        }
        int status = 0;
        ended_well += waitpid(child, &status, 0) == child && status == 0;
        if (ended_well <= i) {
            break;
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(ended_well, CHILDREN);
}
END_TEST

/* No team that could share the work. */
START_TEST(without_a_runtime_the_caller_touches_and_clears_alone)
{
    enum { LARGE = 4 << 20 };
    static const unsigned flags[] = {AA_FIRST_TOUCH, AA_FIRST_TOUCH | AA_PREFAULT,
                                     AA_FIRST_TOUCH | AA_ZEROED};
    for (size_t f = 0; f < sizeof flags / sizeof flags[0]; ++f) {
        aa_allocator *const a = bump_create(_i, &(aa_options){.flags = flags[f]});
        for (int round = 0; round < 2; ++round) {
            char *const p = aa_alloc(a, LARGE);
            ck_assert_ptr_nonnull(p);
            for (size_t i = 0; (flags[f] & AA_ZEROED) != 0 && i < LARGE; i += 512) {
                ck_assert_int_eq(p[i], 0);
            }
            memset(p, 7, LARGE);
            assert_status(aa_reset(a), AA_OK);
        }
        assert_status(aa_destroy(a), AA_OK);
    }
}
END_TEST

AA_TEST_MAIN("late runtime", AA_TEST_BUMP(without_a_runtime_what_needs_one_is_unsupported),
             AA_TEST_BUMP(without_a_runtime_the_caller_touches_and_clears_alone),
             AA_TEST_BUMP(without_a_runtime_the_scope_alone_serves_omp_alloc),
             AA_TEST_LOOP(without_a_runtime_its_own_allocators_end_the_process_with_a_sentence, 0,
                          2),
             AA_TEST_BUMP(a_task_without_a_runtime_that_has_a_scope_of_its_own_is_not_told),
             AA_TEST_BUMP(a_runtime_that_comes_late_serves_from_then_on),
             AA_TEST_BUMP(asking_for_a_handle_finds_a_runtime_that_came_late),
             AA_TEST(a_child_forked_while_a_thread_looks_for_a_runtime_goes_on))
