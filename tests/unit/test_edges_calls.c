/* Calls in rare places: a stale array read inside an upstream, a thread whose very first call meets another's
 * arena, what liballocarrays-omp asks for, allocators that ask each other, tasks that the test kit sees. */
#include "child.h"
#include "full.h"
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <allocarrays/impl/serve.h>
#include <allocarrays/impl/task.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>

static aa_array stale;

/* Not the allocation's finding: the upstream's own code made it, between two calls. */
static void *confused_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)least;
    *(bool *)state = aa_data(&stale) == NULL;
    void *memory = NULL;
    return posix_memalign(&memory, alignment, *bytes) != 0 ? NULL : memory;
}

static void plain_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

START_TEST(a_stale_array_read_inside_an_upstream_is_reported_and_the_call_goes_on)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = confused_alloc, .free = plain_free};
    bool refused = false;
    aa_upstream *const upstream = aa_upstream_custom(&ops, &refused);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream}), *const other =
                                                                                      bump_create(
                                                                                          _i, NULL);
    stale = aa_zeros(other, AA_F64, 1, (const int64_t[]){3});
    assert_status(aa_reset(other), AA_OK);
    record_violations();
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert(refused);
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 1);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

typedef struct first_call {
    aa_allocator *arena;
    int which;
    bool served;
    aa_status said;
} first_call;

/* Without an OpenMP runtime's inheritance: the thread binds an array of its own to the arena, or names it. */
static void *call_first(void *argument)
{
    first_call *const c = argument;
    double one = 1;
    const aa_array plain = aa_wrap(&one, AA_F64, 0, NULL, NULL);
    switch (c->which) {
    case 0:
        c->served = aa_alloc(c->arena, 16) != NULL;
        break;
    case 1: {
        const aa_array bound = aa_bind(&plain, c->arena);
        const aa_array like = aa_similar(&bound);
        c->served = !aa_is_null(&like);
        break;
    }
    default:
        c->served = aa_reset(c->arena) == AA_OK;
    }
    c->said = aa_last_status();
    return NULL;
}

START_TEST(a_threads_first_call_on_anothers_arena_is_refused)
{
    first_call c = {.arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API}), .which = _i};
    pthread_t thread;
    record_violations();
    ck_assert_int_eq(pthread_create(&thread, NULL, call_first, &c), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!c.served);
    assert_status(c.said, AA_THREAD);
    ck_assert_uint_eq(stats_of(c.arena).allocations, 0);
    assert_status(aa_destroy(c.arena), AA_OK);
}
END_TEST

/* ---- what liballocarrays-omp asks for ------------------------------------------------------------------------- */

static char pool[1 << 12] __attribute__((aligned(64)));
static size_t pool_used;
static int pool_frees;

static void *pool_alloc(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    const size_t start = (pool_used + alignment - 1) & ~(alignment - 1);
    pool_used = start + bytes;
    return pool_used <= sizeof pool ? pool + start : NULL;
}

static void pool_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)pointer;
    (void)bytes;
    ++pool_frees;
}

static aa_status pool_reset(void *state)
{
    (void)state;
    pool_used = 0;
    return AA_OK;
}

static aa_allocator *pool_create(void)
{
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = pool_alloc, .free = pool_free, .reset = pool_reset};
    pool_used = 0;
    pool_frees = 0;
    return aa_custom_create(&ops, NULL, NULL);
}

START_TEST(what_was_served_before_a_reset_is_dropped_and_not_freed)
{
    aa_allocator *const a = pool_create();
    void *const p = aai_serve_alloc(a, 100, 0);
    ck_assert_ptr_eq(aai_serve_owner(p), a);
    ck_assert_uint_eq(aai_serve_held(p).bytes, 100);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_null(aai_serve_owner(p));
    ck_assert(aai_serve_free(p));
    ck_assert_int_eq(pool_frees, 0);
    ck_assert(!aai_serve_free(p));
    void *const q = aai_serve_alloc(a, 100, 0);
    ck_assert(aai_serve_free(q));
    ck_assert_int_eq(pool_frees, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_was_served_by_an_allocator_that_is_gone_is_dropped)
{
    aa_allocator *const a = pool_create(), *const other = pool_create();
    void *const p = aai_serve_alloc(a, 100, 0);
    void *const q = aai_serve_alloc(aa_heap(), 100, 0);
    ck_assert_uint_eq(aai_serve_held(&a).bytes, 0); /* none of ours, while there is a book */
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_ptr_null(aai_serve_owner(p));
    ck_assert(aai_serve_free(p));
    ck_assert_int_eq(pool_frees, 0);
    ck_assert(aai_serve_free(q));
    assert_status(aa_destroy(other), AA_OK);
}
END_TEST

START_TEST(what_one_allocator_served_another_does_not_resize)
{
    aa_allocator *const a = bump_create(_i, NULL), *const other = bump_create(_i, NULL);
    void *const p = aai_serve_alloc(a, 100, 0);
    ck_assert(!aai_serve_resize(other, p, 200));
    ck_assert_uint_eq(aai_serve_held(p).bytes, stats_of(a).used);
    ck_assert(aai_serve_resize(a, p, 200));
    ck_assert(!aai_serve_resize(a, pool, 200));
    ck_assert(aai_serve_free(p));
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
}
END_TEST

/* ---- calls inside calls ----------------------------------------------------------------------------------------- */

enum { DEEP = 20 };
static aa_allocator *chain[DEEP + 1];
static int reached;

static void *ask_the_next(void *state, size_t bytes, size_t alignment)
{
    const int next = (int)(intptr_t)state + 1;
    reached = next > reached ? next : reached;
    return next == DEEP ? NULL : aa_alloc_aligned(chain[next], bytes, alignment);
}

START_TEST(allocators_that_ask_each_other_without_end_are_busy)
{
    static const aa_allocator_ops ops = {.size = sizeof ops, .alloc = ask_the_next};
    for (int i = 0; i < DEEP; ++i) {
        chain[i] = aa_custom_create(&ops, (void *)(intptr_t)i, NULL);
        ck_assert_ptr_nonnull(chain[i]);
    }
    ck_assert_ptr_null(aa_alloc(chain[0], 100));
    ck_assert_int_eq(reached, 16);
    for (int i = 0; i < DEEP; ++i) {
        assert_status(aa_destroy(chain[i]), AA_OK);
    }
}
END_TEST

typedef struct team_inside {
    aai_team team;
    bool asked;
} team_inside;

static void *reset_inside(void *state, size_t least, size_t *bytes, size_t alignment)
{
    team_inside *const in = state;
    void *memory = NULL;
    (void)least;
    if (in->team.go != 0 && !in->asked) {
        in->asked = true;
        aai_team_reset(&in->team);
    }
    return posix_memalign(&memory, alignment, *bytes) != 0 ? NULL : memory;
}

START_TEST(a_team_of_one_that_resets_inside_its_allocators_upstream_is_busy)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = reset_inside, .free = plain_free};
    team_inside in = {.asked = false};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &in);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    in.team = aai_team_arrive(a, __FILE__, __LINE__);
    assert_status(in.team.status, AA_OK);
    ck_assert_int_ne(in.team.go, 0);
    ck_assert_ptr_nonnull(aa_alloc(a, 10 << 20));
    ck_assert(in.asked);
    assert_status(in.team.status, AA_BUSY);
    ck_assert_uint_eq(stats_of(a).resets, 0);
    aai_team_reset(&in.team);
    assert_status(in.team.status, AA_OK);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

/* ---- tasks that the test kit sees ----------------------------------------------------------------------------- */

START_TEST(a_task_whose_creators_allocator_is_gone_is_not_told)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_allocator *const other = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    const aa_scope scope = aa_scope_enter(other);
    aai_task task, stranger;
    bool told = false, told_again = false;
    aai_task_begin(&task, token, &told);
    record_violations();
    ck_assert_ptr_nonnull(aa_alloc(AA_CURRENT, 100));
    assert_one_report("a task without its scope", AA_RACE);
    aai_task_end(&stranger); /* not the one under way: nothing ends */
    aai_task_end(&task);
    assert_status(aa_destroy(a), AA_OK);
    aai_task_begin(&task, token, &told_again);
    record_violations();
    ck_assert_ptr_nonnull(aa_alloc(AA_CURRENT, 100));
    assert_no_reports();
    aai_task_end(&task);
    assert_status(aa_scope_leave(scope), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
}
END_TEST

START_TEST(a_task_that_set_openmps_default_itself_is_not_told)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_allocator *const other = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    aai_task task;
    bool told = false;
    aai_task_begin(&task, token, &told);
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(other));
    record_violations();
    ck_assert_ptr_nonnull(aa_alloc(AA_CURRENT, 100));
    assert_no_reports();
    omp_set_default_allocator(omp_default_mem_alloc);
    aai_task_end(&task);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
}
END_TEST

START_TEST(a_task_with_a_scope_of_its_own_is_not_told)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_allocator *const other = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_token token;
    AA_WITH(a) {
        token = aa_scope_capture();
    }
    aai_task task;
    bool told = false;
    aai_task_begin(&task, token, &told);
    record_violations();
    AA_WITH(other) {
        ck_assert_ptr_nonnull(aa_alloc(AA_CURRENT, 100));
    }
    assert_no_reports();
    ck_assert(!told);
    aai_task_end(&task);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
}
END_TEST

/* ---- regions deeper than what is compared of their paths ------------------------------------------------------ */

static int deep_reset(int kind, int depth)
{
    int wrong = 0;
#pragma omp parallel num_threads(1) reduction(+ : wrong)
    {
        if (depth > 0) {
            wrong += deep_reset(kind, depth - 1);
        } else {
            aa_allocator *const a = bump_try_create(kind, NULL);
            wrong += a == NULL || aa_alloc(a, 100) == NULL;
            wrong += aa_reset(a) != AA_OK;
            wrong += aa_destroy(a) != AA_OK;
        }
    }
    return wrong;
}

START_TEST(an_allocator_made_twelve_regions_deep_is_reset_there)
{
    omp_set_max_active_levels(20);
    record_violations();
    ck_assert_int_eq(deep_reset(_i, 12), 0);
    assert_no_reports();
}
END_TEST

/* ---- what only a busy program meets ------------------------------------------------------------------------------ */

START_TEST(only_a_private_allocator_has_an_arena_for_the_thread)
{
    aa_allocator *const a = aa_shared_create(NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 100)); /* its slot of this thread leads to a lane */
    assert_fails(aa_private_arena(a), AA_INVALID);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(marks_of_the_heap_are_as_deep_as_the_others)
{
    enum { DEEPEST = 4096 };
    static aa_mark marks[DEEPEST];
    for (int i = 0; i < DEEPEST; ++i) {
        marks[i] = aa_mark_take(aa_heap());
        ck_assert(!aa_mark_is_null(marks[i]));
    }
    const aa_mark beyond = aa_mark_take(aa_heap());
    ck_assert(aa_mark_is_null(beyond));
    assert_status(aa_last_status(), AA_NOMEM);
    for (int i = DEEPEST; i > 0; --i) {
        assert_status(aa_mark_rewind(marks[i - 1]), AA_OK);
    }
}
END_TEST

static void allocate_once(guest *g)
{
    g->wrong += aa_alloc(g->argument, 100) == NULL;
    guest_stay(g);
}

/* Its lane is of the round before, and has no marks in this one. */
START_TEST(a_thread_that_stays_and_did_nothing_since_does_not_refuse_a_reset)
{
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    guest g;
    guest_invite(&g, allocate_once, a);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    const aa_mark mark = aa_mark_take(a);
    ck_assert(!aa_mark_is_null(mark));
    assert_status(aa_reset(a), AA_OK); /* the caller's own marks end with it */
    guest_dismiss(&g);
    ck_assert_int_eq(g.wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void shrink_on_the_heap(void *unused)
{
    (void)unused;
    (void)setenv("AA_CHECKS", "full", 1);
    record_violations();
    char *const p = aa_alloc(aa_heap(), 100);
    char *const q = aa_realloc(aa_heap(), p, 100, 90);
    if (q == NULL) {
        exit(1);
    }
    ((volatile char *)q)[90] = 1; /* the first byte behind it */
    aa_free(aa_heap(), q, 90);
    exit(violations_of(AA_CORRUPTION) == 1 ? 0 : 2);
}

START_TEST(a_heap_block_that_shrinks_under_full_checks_has_its_redzone_where_it_ends_now)
{
    child_result result;
    if (under_a_memory_checker()) {
        return;
    }
    child_run(&result, shrink_on_the_heap, NULL);
    assert_exited_well(&result);
}
END_TEST

AA_TEST_MAIN("edges: calls",
             AA_TEST_BUMP(a_stale_array_read_inside_an_upstream_is_reported_and_the_call_goes_on),
             AA_TEST_LOOP(a_threads_first_call_on_anothers_arena_is_refused, 0, 3),
             AA_TEST(what_was_served_before_a_reset_is_dropped_and_not_freed),
             AA_TEST(what_was_served_by_an_allocator_that_is_gone_is_dropped),
             AA_TEST_BUMP(what_one_allocator_served_another_does_not_resize),
             AA_TEST(allocators_that_ask_each_other_without_end_are_busy),
             AA_TEST_BUMP(a_task_whose_creators_allocator_is_gone_is_not_told),
             AA_TEST_BUMP(a_task_that_set_openmps_default_itself_is_not_told),
             AA_TEST_BUMP(a_team_of_one_that_resets_inside_its_allocators_upstream_is_busy),
             AA_TEST_BUMP(a_task_with_a_scope_of_its_own_is_not_told),
             AA_TEST_BUMP(an_allocator_made_twelve_regions_deep_is_reset_there),
             AA_TEST(only_a_private_allocator_has_an_arena_for_the_thread),
             AA_TEST(marks_of_the_heap_are_as_deep_as_the_others),
             AA_TEST_LOOP(a_thread_that_stays_and_did_nothing_since_does_not_refuse_a_reset, 0, 2),
             AA_TEST(a_heap_block_that_shrinks_under_full_checks_has_its_redzone_where_it_ends_now))
