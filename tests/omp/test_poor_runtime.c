/* A program whose OpenMP runtime, here one of three functions, lacks the allocator calls: a static libgomp that the linker
 * cut, gcc before 9. Scopes are then per thread, and the runtime is still asked whether a region is open. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <allocarrays/impl/ompt.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static int level, team;

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
    return level > 0 ? team : 1;
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

/* It does not say which thread of an outer team this is: all of them look like one. */
START_TEST(an_allocator_of_its_region_can_be_reset_there_by_its_creator)
{
    level = 1;
    team = 2;
    aa_allocator *const a = bump_create(_i, NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 0);
    level = 0;
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* What aa_reset_team is for a compiler with OpenMP: all arrive, then one resets. */
static void *arrive(void *allocator)
{
    const aai_team here = aai_team_arrive(allocator, __FILE__, __LINE__);
    return here.status == AA_OK && here.go ? allocator : NULL;
}

/* Nor does it say how many threads an outer team has: as many as there are without one. */
START_TEST(two_threads_of_an_inner_region_reset_as_a_team)
{
    aa_allocator *const a = bump_create(_i, NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    level = 2;
    team = 2;
    pthread_t thread;
    void *there = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, arrive, a), 0);
    aai_team mine = aai_team_arrive(a, __FILE__, __LINE__);
    ck_assert_int_eq(pthread_join(thread, &there), 0);
    ck_assert_ptr_eq(there, a);
    ck_assert_int_ne(mine.go, 0);
    aai_team_reset(&mine);
    assert_status(mine.status, AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 0);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    level = 0;
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Where no runtime carries scopes a tool has none to hand on, and its regions stand against no allocator. */
START_TEST(a_tool_is_given_no_scope)
{
    const aai_ompt_core *const core = aai_ompt_take(AAI_OMPT_JOIN);
    aa_allocator *const a = bump_create(_i, NULL);
    AA_WITH(a) {
        ck_assert_uint_eq(core->scope_get(), 0);
        core->region_begin(AAI_REGION_PARALLEL);
    }
    assert_status(aa_reset(a), AA_OK);
    core->region_end();
    assert_status(aa_destroy(a), AA_OK);
    (void)aai_ompt_take(AAI_OMPT_LEAVE);
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
             AA_TEST_BUMP(an_allocator_of_its_region_can_be_reset_there_by_its_creator),
             AA_TEST_LOOP(two_threads_of_an_inner_region_reset_as_a_team, SHARED, BUMP_KINDS),
             AA_TEST_BUMP(a_tool_is_given_no_scope), AA_TEST(it_is_said_once_and_how_to_mend_it))
