/* An OpenMP runtime that answers as a test says: a program with functions of its own in place of one. What real runtimes
 * leave to chance (which thread they lend to whose region), or never say, is certain here. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include "ompt/abi.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

/* Of the calling thread. */
static __thread struct place {
    int level;
    bool in_parallel;
    int path[8]; /* thread numbers of the ancestors at levels 1, 2, ... */
} here;

static int team = 1, thread_num;       /* inside GOMP_parallel */
static int regions;                    /* that it was called for */
static int teams = 1;                  /* of the league */
static __thread uintptr_t current = 1; /* the default allocator: omp_default_mem_alloc */
static uintptr_t last_handle = 1000;

/* The names are the runtime's: the library finds them by their weak symbols. */
int omp_get_level(void);
int omp_in_parallel(void);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_num_teams(void);
int omp_get_ancestor_thread_num(int level);
int omp_get_team_size(int level);
uintptr_t omp_get_default_allocator(void);
void omp_set_default_allocator(uintptr_t handle);
uintptr_t omp_init_allocator(uintptr_t space, int count, const void *traits);
void omp_destroy_allocator(uintptr_t handle);
void *omp_alloc(size_t bytes, uintptr_t handle);
void omp_free(void *pointer, uintptr_t handle);
void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);

int omp_get_level(void)
{
    return here.level;
}

int omp_in_parallel(void)
{
    return here.level > 0 || here.in_parallel;
}

int omp_get_thread_num(void)
{
    return thread_num;
}

int omp_get_num_threads(void)
{
    return team;
}

int omp_get_num_teams(void)
{
    return teams;
}

int omp_get_ancestor_thread_num(int level)
{
    return level >= 1 && level <= here.level ? here.path[level - 1] : -1;
}

int omp_get_team_size(int level)
{
    return level <= here.level ? 2 : -1;
}

uintptr_t omp_get_default_allocator(void)
{
    return current;
}

void omp_set_default_allocator(uintptr_t handle)
{
    current = handle;
}

uintptr_t omp_init_allocator(uintptr_t space, int count, const void *traits)
{
    (void)space;
    (void)count;
    (void)traits;
    return __atomic_add_fetch(&last_handle, 1, __ATOMIC_RELAXED);
}

void omp_destroy_allocator(uintptr_t handle)
{
    (void)handle;
}

void *omp_alloc(size_t bytes, uintptr_t handle)
{
    (void)handle;
    return malloc(bytes);
}

void omp_free(void *pointer, uintptr_t handle)
{
    (void)handle;
    free(pointer);
}

/* A team of as many threads as the test wants, one after the other. */
void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags)
{
    (void)threads;
    (void)flags;
    ++regions;
    for (thread_num = 0; thread_num < team; ++thread_num) {
        body(context);
    }
    thread_num = 0;
}

static void go_to(int level, int first, int second)
{
    here.level = level;
    here.path[0] = first;
    here.path[1] = second;
}

/* ---- who took memory ------------------------------------------------------------------------------------------ */

typedef struct visit {
    int kind;
    bool elsewhere; /* it takes memory in another thread's inner region too */
    aa_allocator *allocator;
} visit;

/* A thread of the pool that the runtime lends to the inner region of outer thread 0, then to that of outer thread 1. */
static void *be_lent(void *argument)
{
    visit *const v = argument;
    go_to(2, 0, 1);
    v->allocator = bump_create(v->kind, NULL);
    (void)aa_alloc(v->allocator, 100);
    (void)aa_alloc(v->allocator, 100);
    if (v->elsewhere) {
        go_to(2, 1, 1);
        (void)aa_alloc(v->allocator, 100);
    }
    go_to(0, 0, 0);
    return NULL;
}

static aa_allocator *lend(int kind, bool elsewhere)
{
    visit v = {.kind = kind, .elsewhere = elsewhere};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, be_lent, &v), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_ptr_nonnull(v.allocator);
    return v.allocator;
}

START_TEST(a_creator_that_took_memory_in_anothers_region_refuses_the_reset_of_its_ancestor)
{
    aa_allocator *const a = lend(_i, true);
    go_to(1, 0, 0); /* outer thread 0, whose inner region has ended */
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_PARALLEL);
    ck_assert_ptr_nonnull(
        strstr(last_violation()->message, "its creator took memory in another thread's region"));
    go_to(0, 0, 0);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_creator_that_stayed_does_not)
{
    aa_allocator *const a = lend(_i, false);
    go_to(1, 0, 0);
    assert_status(aa_reset(a), AA_OK);
    go_to(0, 0, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Its allocations need leave no trace: only its own reset would ask. The slot is what the inline path looks at. */
START_TEST(an_allocator_of_an_outermost_region_serves_its_creator_inline)
{
    go_to(1, 0, 0);
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_NONE});
    ck_assert_ptr_nonnull(aa_alloc(a, 64));
    ck_assert_uint_eq(aa_tls.slot[a->slot].key, a->key);
    assert_status(aa_reset(a), AA_OK);
    go_to(0, 0, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* The team's threads differ at its own level: who resets for them need not be the creator. */
static void *arrive_elsewhere(void *allocator)
{
    go_to(2, 0, 1);
    aai_team mine = aai_team_arrive(allocator, __FILE__, __LINE__);
    if (mine.go != 0) {
        aai_team_reset(&mine);
    }
    go_to(0, 0, 0);
    return mine.status == AA_OK && mine.go != 0 ? allocator : NULL;
}

START_TEST(an_allocator_of_a_region_is_reset_by_any_thread_of_its_team)
{
    go_to(2, 0, 0);
    aa_allocator *const a = bump_create(_i, NULL);
    team = 2;
    pthread_t thread;
    void *there = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, arrive_elsewhere, a), 0);
    const aai_team mine = aai_team_arrive(a, __FILE__, __LINE__);
    assert_status(mine.status, AA_OK);
    ck_assert_int_eq(pthread_join(thread, &there), 0);
    ck_assert_ptr_eq(there, a);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    team = 1;
    go_to(0, 0, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *arrive_late(void *allocator)
{
    go_to(1, 1, 0);
    const aai_team mine = aai_team_arrive(allocator, __FILE__, __LINE__);
    return mine.status == AA_BUSY && mine.go == 0 ? allocator : NULL;
}

/* One report for each time a thread waited; who was missing then, and waits now, adds none. */
START_TEST(a_thread_that_waits_in_vain_again_says_so_again)
{
    ck_assert_int_eq(setenv("AA_TEAM_TIMEOUT", "1", 1), 0);
    aa_allocator *const a = aa_shared_create(NULL);
    team = 2;
    record_violations();
    go_to(1, 0, 0);
    for (int time = 1; time <= 2; ++time) {
        const aai_team mine = aai_team_arrive(a, __FILE__, __LINE__);
        assert_status(mine.status, AA_BUSY);
        ck_assert_int_eq(violations_of(AA_RESET_IN_PARALLEL), time);
    }
    pthread_t thread;
    void *there = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, arrive_late, a), 0);
    ck_assert_int_eq(pthread_join(thread, &there), 0);
    ck_assert_ptr_eq(there, a);
    ck_assert_int_eq(violations_count(), 2);
    team = 1;
    go_to(0, 0, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- handles ------------------------------------------------------------------------------------------------- */

START_TEST(a_handle_that_was_nobodys_is_found_once_it_is_ours)
{
    aa_allocator *const a = bump_create(_i, NULL), *const other = bump_create(_i, NULL);
    const uintptr_t next = last_handle + 1;
    ck_assert_ptr_null(aa_from_omp_handle(next));
    ck_assert_ptr_null(aa_from_omp_handle(next)); /* remembered by this thread */
    ck_assert_uint_eq(aa_omp_handle(a), next);
    ck_assert_ptr_eq(aa_from_omp_handle(next), a);
    ck_assert_ptr_null(aa_from_omp_handle(next + 1));
    ck_assert_uint_eq(aa_omp_handle(other), next + 1);
    ck_assert_ptr_eq(aa_from_omp_handle(next + 1), other);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- a region without a level --------------------------------------------------------------------------------- */

START_TEST(a_region_is_active_where_either_call_says_so)
{
    ck_assert(!aa_in_parallel());
    here.in_parallel = true;
    ck_assert(aa_in_parallel());
    here.in_parallel = false;
    here.level = 1;
    ck_assert(aa_in_parallel());
}
END_TEST

/* The initial threads of a league are at level 0. */
START_TEST(a_reset_in_a_league_of_teams_is_refused)
{
    aa_allocator *const a = bump_create(_i, NULL);
    teams = 2;
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_PARALLEL);
    ck_assert_int_eq(last_violation()->level, 1);
    teams = 1;
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- a team that clears --------------------------------------------------------------------------------------- */

enum { LARGE = 2 << 20 };

static bool all_zero(const char *p)
{
    for (size_t i = 0; i < LARGE; ++i) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static char *clear_old(aa_allocator *a)
{
    char *const p = aa_alloc(a, LARGE);
    ck_assert_ptr_nonnull(p);
    memset(p, 7, LARGE);
    assert_status(aa_reset(a), AA_OK);
    regions = 0;
    char *const again = aa_calloc(a, 1, LARGE);
    ck_assert_ptr_eq(again, p);
    return again;
}

START_TEST(a_team_of_more_threads_than_pages_clears_everything)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.flags = AA_FIRST_TOUCH, .checks = AA_CHECKS_NONE});
    team = 1000;
    ck_assert(all_zero(clear_old(a)));
    ck_assert_int_eq(regions, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(below_a_mebibyte_a_thread_clears_alone)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.flags = AA_FIRST_TOUCH, .checks = AA_CHECKS_NONE});
    team = 2;
    ck_assert_ptr_nonnull(aa_calloc(a, 1, (1 << 20) - 1));
    ck_assert_int_eq(regions, 0);
    ck_assert_ptr_nonnull(aa_calloc(a, 1, 1 << 20));
    ck_assert_int_ge(regions, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(inside_a_region_a_thread_clears_alone)
{
    aa_allocator *const a =
        bump_create(PRIVATE, &(aa_options){.flags = AA_FIRST_TOUCH, .checks = AA_CHECKS_NONE});
    char *const p = clear_old(a);
    memset(p, 7, LARGE);
    assert_status(aa_reset(a), AA_OK);
    team = 2;
    regions = 0;
    here.level = _i;
    here.in_parallel = true;
    ck_assert(all_zero(aa_calloc(a, 1, LARGE)));
    ck_assert_int_eq(regions, 0);
    go_to(0, 0, 0);
    here.in_parallel = false;
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- a child after a fork --------------------------------------------------------------------------------------- */

typedef struct forked {
    aa_allocator *allocator;
    uintptr_t starts_with; /* the default of the child's runtime */
    bool is_kept;          /* its parent's scope goes on */
} forked;

static void look_around(void *argument)
{
    const forked *const f = argument;
    current = f->starts_with;
    exit((aa_current() == f->allocator) == f->is_kept ? 0 : 1);
}

static void fork_under_a_scope(void *argument)
{
    const forked *const f = argument;
    child_result result;
    aa_allocator *const a = bump_create(SHARED, NULL);
    AA_WITH(a) {
        forked mine = *f;
        mine.allocator = a;
        child_run(&result, look_around, &mine);
        assert_exited_well(&result);
    }
}

START_TEST(a_child_whose_runtime_starts_anew_is_given_its_parents_scope)
{
    current = 77; /* what this runtime starts with */
    fork_under_a_scope(&(forked){.starts_with = 77, .is_kept = true});
    fork_under_a_scope(&(forked){.starts_with = 1, .is_kept = true});
}
END_TEST

/* The child set another default itself, which stays. */
START_TEST(a_child_that_has_another_default_keeps_it)
{
    current = 77;
    fork_under_a_scope(&(forked){.starts_with = 78, .is_kept = false});
}
END_TEST

/* ---- what it tells the OMPT tool -------------------------------------------------------------------------------- */

ompt_tool *ompt_start_tool(unsigned omp_version, const char *runtime_version);

static ompt_function *callbacks[16]; /* by event; NULL: not asked for */
static ompt_event seldom;            /* comes sometimes only; 0: each event comes always */

static int set_callback(ompt_event event, ompt_function *callback)
{
    enum { SOMETIMES = 3 };
    callbacks[event] = callback;
    return event == seldom ? SOMETIMES : OMPT_SET_ALWAYS;
}

static ompt_function *lookup_nothing(const char *name)
{
    (void)name;
    return NULL;
}

static ompt_function *lookup(const char *name)
{
    return strcmp(name, "ompt_set_callback") == 0 ? (ompt_function *)set_callback : NULL;
}

static ompt_tool *start_tool(void)
{
    ompt_tool *const tool = ompt_start_tool(201811, "a test's");
    ck_assert_ptr_nonnull(tool);
    return tool;
}

static void tell_of_a_region(void)
{
    ompt_word task = {0}, region = {0};
    ((ompt_on_parallel_begin *)callbacks[OMPT_PARALLEL_BEGIN])(&task, NULL, &region, 2, 0, NULL);
}

static void tell_of_its_end(void)
{
    ompt_word task = {0}, region = {0};
    ((ompt_on_parallel_end *)callbacks[OMPT_PARALLEL_END])(&region, &task, 0, NULL);
}

START_TEST(a_runtime_without_callbacks_is_given_no_tool)
{
    ompt_word data = {0};
    ck_assert_int_eq(start_tool()->initialize(lookup_nothing, 0, &data), 0);
    ck_assert_str_eq(aa_scope_mode(), "regions");
}
END_TEST

START_TEST(a_runtime_that_does_not_report_each_event_is_given_no_tool)
{
    static const ompt_event events[] = {OMPT_TASK_CREATE, OMPT_TASK_SCHEDULE, OMPT_PARALLEL_BEGIN,
                                        OMPT_PARALLEL_END};
    ompt_word data = {0};
    seldom = events[_i];
    ck_assert_int_eq(start_tool()->initialize(lookup, 0, &data), 0);
    ck_assert(callbacks[seldom] != NULL);
    ck_assert_str_eq(aa_scope_mode(), "regions");
    seldom = 0;
    ck_assert_int_eq(start_tool()->initialize(lookup, 0, &data), 1);
    ck_assert_str_eq(aa_scope_mode(), "regions+tasks (OMPT)");
    start_tool()->finalize(&data);
    ck_assert_str_eq(aa_scope_mode(), "regions");
}
END_TEST

static void *reset_elsewhere(void *allocator)
{
    return aa_reset(allocator) == AA_OK ? allocator : NULL;
}

static bool another_thread_resets(aa_allocator *a)
{
    pthread_t thread;
    void *done = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, reset_elsewhere, a), 0);
    ck_assert_int_eq(pthread_join(thread, &done), 0);
    return done == a;
}

START_TEST(the_end_of_a_region_that_never_began_ends_no_other)
{
    ompt_word data = {0};
    aa_allocator *const a = bump_create(SHARED, NULL);
    record_violations();
    ck_assert_int_eq(start_tool()->initialize(lookup, 0, &data), 1);
    tell_of_its_end();
    AA_WITH(a) {
        tell_of_its_end();
        tell_of_a_region();
    }
    ck_assert(!another_thread_resets(a)); /* under the scope that was around it */
    tell_of_its_end();
    tell_of_its_end();
    ck_assert(another_thread_resets(a));
    assert_status(aa_destroy(a), AA_OK);
    start_tool()->finalize(&data);
}
END_TEST

AA_TEST_MAIN(
    "omp: a runtime that answers as it is told",
    AA_TEST_LOOP(a_creator_that_took_memory_in_anothers_region_refuses_the_reset_of_its_ancestor,
                 SHARED, BUMP_KINDS),
    AA_TEST_LOOP(a_creator_that_stayed_does_not, SHARED, BUMP_KINDS),
    AA_TEST_LOOP(an_allocator_of_an_outermost_region_serves_its_creator_inline, SHARED, BUMP_KINDS),
    AA_TEST_LOOP(an_allocator_of_a_region_is_reset_by_any_thread_of_its_team, SHARED, BUMP_KINDS),
    AA_TEST(a_thread_that_waits_in_vain_again_says_so_again),
    AA_TEST_BUMP(a_handle_that_was_nobodys_is_found_once_it_is_ours),
    AA_TEST_BUMP(a_reset_in_a_league_of_teams_is_refused),
    AA_TEST(a_region_is_active_where_either_call_says_so),
    AA_TEST_BUMP(a_team_of_more_threads_than_pages_clears_everything),
    AA_TEST_BUMP(below_a_mebibyte_a_thread_clears_alone),
    AA_TEST_LOOP(inside_a_region_a_thread_clears_alone, 0, 2),
    AA_TEST(a_child_whose_runtime_starts_anew_is_given_its_parents_scope),
    AA_TEST(a_child_that_has_another_default_keeps_it),
    AA_TEST(a_runtime_without_callbacks_is_given_no_tool),
    AA_TEST_LOOP(a_runtime_that_does_not_report_each_event_is_given_no_tool, 0, 4),
    AA_TEST(the_end_of_a_region_that_never_began_ends_no_other))
