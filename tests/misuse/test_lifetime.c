/* Unusual times: at exit, in static constructors and destructors, after fork. */
#include "child.h"
#include "held.h"
#include "runner.h"
#include "sanitizers.h"
#include "threads.h"
#include "violations.h"

/* Allocate, check, reset, destroy; exits with 1 when something is wrong. */
static void use_all_kinds(void)
{
    for (int kind = 0; kind < BUMP_KINDS; ++kind) {
        aa_allocator *const a = bump_try_create(kind, NULL);
        char *const p = aa_alloc(a, 1000), *const q = aa_alloc(aa_heap(), 1000);
        if (p == NULL || q == NULL) {
            _exit(1);
        }
        pattern_fill(p, 1000, 1);
        pattern_fill(q, 1000, 2);
        bool right = pattern_holds(p, 1000, 1) && pattern_holds(q, 1000, 2);
        AA_WITH(a) {
            right = right && aa_current() == a;
        }
        aa_free(aa_heap(), q, 1000);
        if (!right || aa_reset(a) != AA_OK || aa_destroy(a) != AA_OK) {
            _exit(1);
        }
    }
}

static void register_then_use(void *unused)
{
    (void)unused;
    atexit(use_all_kinds);
    use_all_kinds();
    atexit(use_all_kinds);
}

START_TEST(the_library_works_in_exit_handlers)
{
    child_result result;
    child_run(&result, register_then_use, NULL);
    assert_exited_well(&result);
}
END_TEST

static void use_at_exit_only(void *unused)
{
    (void)unused;
    atexit(use_all_kinds);
}

START_TEST(the_first_use_may_be_an_exit_handler)
{
    child_result result;
    child_run(&result, use_at_exit_only, NULL);
    assert_exited_well(&result);
}
END_TEST

static void exit_in_use(void *unused)
{
    (void)unused;
    aa_allocator *const a = aa_shared_create(NULL);
    (void)aa_scope_enter(a);
    (void)aa_mark_take(a);
    (void)aa_alloc(a, 100);
    exit(0);
}

START_TEST(exit_inside_a_scope_and_a_scratch_is_no_violation)
{
    child_result result;
    child_run(&result, exit_in_use, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

static void exit_in_a_region(void *unused)
{
    (void)unused;
    aa_allocator *const a = aa_shared_create(NULL);
#pragma omp parallel num_threads(2)
    {
        (void)aa_alloc(a, 100);
#pragma omp barrier
#pragma omp master
        exit(0);
    }
}

START_TEST(exit_inside_a_region_is_no_violation)
{
    child_result result;
    child_run(&result, exit_in_a_region, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

/* ---- fork ---- */

/* The child sees what the parent had, and goes on by itself. */
static void go_on(void *argument)
{
    const held *const h = argument;
    bool right = pattern_holds(h->memory, HELD_BYTES, 77) && aa_is_valid(&h->array);
    char *const p = aa_alloc(h->allocator, 5000);
    right = right && p != NULL;
    pattern_fill(p, 5000, 3);
    right = right && pattern_holds(h->memory, HELD_BYTES, 77);
    right = right && aa_reset(h->allocator) == AA_OK && !aa_is_valid(&h->array);
    right = right && aa_destroy(h->allocator) == AA_OK;
    use_all_kinds();
    exit(right ? 0 : 1);
}

START_TEST(a_forked_child_goes_on_with_its_copy)
{
    held h = hold(bump_create(_i, NULL));
    child_result result;
    child_run(&result, go_on, &h);
    assert_exited_well(&result);
    assert_unharmed(&h);
    assert_status(aa_destroy(h.allocator), AA_OK);
}
END_TEST

typedef struct hammer {
    aa_allocator *allocator;
    pthread_t thread;
    int stop;
} hammer;

/* Inside locks most of the time. */
static void *hammer_main(void *argument)
{
    hammer *const h = argument;
    while (__atomic_load_n(&h->stop, __ATOMIC_RELAXED) == 0) {
        AA_SCRATCH(h->allocator) {
            (void)aa_alloc(h->allocator, 64);
            (void)aa_alloc(h->allocator, 100000);
        }
        void *const p = aa_alloc(aa_heap(), 100);
        aa_free(aa_heap(), p, 100);
        aa_allocator *const a = aa_arena_create(NULL);
        (void)aa_alloc(a, 100);
        (void)aa_destroy(a);
    }
    return NULL;
}

/* _exit: a leak checker at exit would miss the stacks of the threads that are not in the child. */
static void allocate_after_fork(void *argument)
{
    const hammer *const h = argument;
    char *const p = aa_alloc(h->allocator, 1000);
    if (p == NULL) {
        _exit(1);
    }
    pattern_fill(p, 1000, 4);
    use_all_kinds();
    _exit(pattern_holds(p, 1000, 4) ? 0 : 1);
}

static void stay_inside(guest *g)
{
    AA_WITH((aa_allocator *)g->argument) {
        AA_SCRATCH(AA_CURRENT) {
            (void)aa_alloc(AA_CURRENT, 100);
            guest_stay(g);
        }
    }
}

static void reset_after_fork(void *allocator)
{
    record_violations();
    _exit(aa_reset((aa_allocator *)allocator) == AA_OK && violations_count() == 0 ? 0 : 1);
}

START_TEST(a_forked_child_is_not_refused_by_threads_that_it_does_not_have)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    guest g;
    guest_invite(&g, stay_inside, a);
    child_result result;
    child_run(&result, reset_after_fork, a);
    assert_exited_well(&result);
    assert_refused(aa_reset(a), AA_BUSY, AA_RESET_IN_USE);
    guest_dismiss(&g);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_child_forked_while_threads_hold_locks_can_allocate)
{
    if (UNDER_ASAN) {
        return; /* its own allocator is left locked in such a child (gcc 12, clang 14) */
    }
    enum { THREADS = 3, FORKS = 60 };
    aa_allocator *const shared = aa_shared_create(&(aa_options){.lease = 1});
    hammer all[THREADS];
    for (int i = 0; i < THREADS; ++i) {
        all[i] = (hammer){.allocator = shared};
        ck_assert_int_eq(pthread_create(&all[i].thread, NULL, hammer_main, &all[i]), 0);
    }
    child_result result;
    for (int i = 0; i < FORKS; ++i) {
        child_run(&result, allocate_after_fork, &all[0]);
        assert_exited_well(&result);
    }
    for (int i = 0; i < THREADS; ++i) {
        __atomic_store_n(&all[i].stop, 1, __ATOMIC_RELAXED);
        ck_assert_int_eq(pthread_join(all[i].thread, NULL), 0);
    }
    record_violations();
    assert_status(aa_reset(shared), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

static void *heap_main(void *argument)
{
    hammer *const h = argument;
    while (__atomic_load_n(&h->stop, __ATOMIC_RELAXED) == 0) {
        aa_array array = aa_zeros(aa_heap(), AA_F64, 1, (const int64_t[]){10});
        (void)aa_array_free(&array);
    }
    return NULL;
}

static void use_the_heap(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; ++i) { /* each of its locks */
        const aa_array array = aa_zeros(aa_heap(), AA_F64, 1, (const int64_t[]){10});
        if (aa_is_null(&array)) {
            _exit(1);
        }
    }
    _exit(0);
}

/* A process that has made no allocator has the heap's locks all the same. */
START_TEST(a_child_of_a_process_that_uses_the_heap_alone_can_use_it)
{
    if (UNDER_ASAN) {
        return;
    }
    enum { THREADS = 3, FORKS = 300 };
    hammer all[THREADS];
    for (int i = 0; i < THREADS; ++i) {
        all[i] = (hammer){.stop = 0};
        ck_assert_int_eq(pthread_create(&all[i].thread, NULL, heap_main, &all[i]), 0);
    }
    child_result result;
    for (int i = 0; i < FORKS; ++i) {
        child_run(&result, use_the_heap, NULL);
        assert_exited_well(&result);
    }
    for (int i = 0; i < THREADS; ++i) {
        __atomic_store_n(&all[i].stop, 1, __ATOMIC_RELAXED);
        ck_assert_int_eq(pthread_join(all[i].thread, NULL), 0);
    }
}
END_TEST

AA_TEST_MAIN("misuse: lifetime", AA_TEST(the_library_works_in_exit_handlers),
             AA_TEST(the_first_use_may_be_an_exit_handler),
             AA_TEST(exit_inside_a_scope_and_a_scratch_is_no_violation),
             AA_TEST(exit_inside_a_region_is_no_violation),
             AA_TEST_BUMP(a_forked_child_goes_on_with_its_copy),
             AA_TEST_LOOP(a_forked_child_is_not_refused_by_threads_that_it_does_not_have, SHARED,
                          PRIVATE + 1),
             AA_TEST(a_child_forked_while_threads_hold_locks_can_allocate),
             AA_TEST(a_child_of_a_process_that_uses_the_heap_alone_can_use_it))
