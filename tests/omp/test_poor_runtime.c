/* A program whose OpenMP runtime, here one of three functions, lacks the allocator calls: a static libgomp that the linker
 * cut, gcc before 9. Scopes are then per thread, and the runtime is still asked whether a region is open. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static int level;

/* The names are the runtime's: the library finds them by their weak symbols. */
int omp_get_level(void);
int omp_in_parallel(void);
int omp_get_num_threads(void);

int omp_get_level(void)
{
    return level;
}

int omp_in_parallel(void)
{
    return level > 0;
}

int omp_get_num_threads(void)
{
    return level > 0 ? 2 : 1;
}

static void *current_of_thread(void *unused)
{
    (void)unused;
    return aa_current();
}

START_TEST(scopes_are_per_thread)
{
    aa_allocator *const a = bump_create(_i, NULL);
    AA_WITH(a) {
        ck_assert_ptr_eq(aa_current(), a);
        pthread_t thread;
        void *there = NULL;
        ck_assert_int_eq(pthread_create(&thread, NULL, current_of_thread, NULL), 0);
        ck_assert_int_eq(pthread_join(thread, &there), 0);
        ck_assert_ptr_eq(there, aa_heap());
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_needs_its_allocators_is_unsupported)
{
    aa_allocator *const a = bump_create(_i, NULL);
    assert_fails(aa_omp_handle(a), AA_UNSUPPORTED);
    assert_fails(aa_upstream_omp(1), AA_UNSUPPORTED);
    ck_assert_ptr_null(aa_from_omp_handle(77));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_in_its_region_is_refused)
{
    aa_allocator *const a = bump_create(_i, NULL);
    record_violations();
    level = 1;
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_PARALLEL);
    level = 0;
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void enter_twice(void *unused)
{
    (void)unused;
    AA_WITH(aa_heap()) {
        AA_WITH(aa_heap()) {
        }
    }
}

START_TEST(it_is_said_once_and_how_to_mend_it)
{
    child_result result;
    child_run(&result, enter_twice, NULL);
    assert_exited_well(&result);
    const char *const said = strstr(result.text, "lacks the allocator calls");
    ck_assert_ptr_nonnull(said);
    ck_assert_ptr_null(strstr(said + 1, "lacks the allocator calls"));
    ck_assert_ptr_nonnull(strstr(said, "-Wl,-u,omp_init_allocator"));
}
END_TEST

AA_TEST_MAIN("omp: a runtime without allocators", AA_TEST_BUMP(scopes_are_per_thread),
             AA_TEST_BUMP(what_needs_its_allocators_is_unsupported),
             AA_TEST_BUMP(a_reset_in_its_region_is_refused),
             AA_TEST(it_is_said_once_and_how_to_mend_it))
