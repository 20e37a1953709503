/* The test kit: what it checks is seen to pass; test_testkit_faults.c sees it fail. */
#include "child.h"
#include "runner.h"

#include <allocarrays/check.h>
#include <allocarrays/impl/inject.h>
#include <pthread.h>
#include <sys/mman.h>

/* ---- before the tests --------------------------------------------------------------------------------- */

/* ThreadSanitizer's thread is there always, so nothing is said under it. */
extern void __tsan_init(void) __attribute__((weak));

static void *wait_for_ever(void *argument)
{
    for (;;) {
        (void)pause();
    }
    return argument;
}

static void prepare_with_threads(void *argument)
{
    pthread_t thread;
    for (int i = 0; i < *(int *)argument; ++i) {
        (void)pthread_create(&thread, NULL, wait_for_ever, NULL);
    }
    aa_check_prepare();
}

START_TEST(threads_before_the_first_test_are_warned_of)
{
    child_result result;
    int threads = 0;
    child_run(&result, prepare_with_threads, &threads);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
    if (__tsan_init != NULL) {
        return;
    }
    threads = 2;
    child_run(&result, prepare_with_threads, &threads);
    assert_exited_well(&result);
    ck_assert_msg(strstr(result.text, "3 threads run before the first test") != NULL, "%s",
                  result.text);
    ck_assert_int_eq(setenv("CK_FORK", "yes", 1), 0);
    child_run(&result, prepare_with_threads, &threads);
    ck_assert_ptr_nonnull(strstr(result.text, "3 threads run before the first test"));
    ck_assert_int_eq(setenv("CK_FORK", "no", 1), 0);
    child_run(&result, prepare_with_threads, &threads);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

/* ---- statements and blocks ---------------------------------------------------------------------------- */

static const int64_t shape[] = {10};

START_TEST(statements_that_hold_pass)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array array = aa_zeros(arena, AA_I32, 1, shape);
    AA_CHECK_VALID(&array);
    AA_CHECK_OK(aa_reset(arena));
    AA_CHECK_STALE(&array);
    AA_CHECK_STATUS(aa_destroy(aa_heap()), AA_UNSUPPORTED);
    AA_CHECK_FAILS(aa_alloc_aligned(arena, 8, 3), AA_INVALID);
    AA_CHECK_OK(aa_destroy(arena));
}
END_TEST

static void use_after_reset(void)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.name = "short-lived"});
    const aa_array array = aa_zeros(arena, AA_I32, 1, shape);
    AA_CHECK_OK(aa_reset(arena));
    ck_assert_ptr_null(aa_data(&array));
    AA_CHECK_OK(aa_destroy(arena));
}

START_TEST(an_expected_violation_passes_and_can_be_read)
{
    ck_assert_ptr_null(aa_check_last_violation());
    AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
        use_after_reset();
    }
    const aa_violation *const last = aa_check_last_violation();
    ck_assert_int_eq(last->kind, AA_USE_AFTER_RESET);
    ck_assert_str_eq(last->allocator_name, "short-lived");
    ck_assert_str_eq(last->function, "aa_data");
    ck_assert_ptr_nonnull(strstr(last->message, "i32 (10)"));
}
END_TEST

START_TEST(several_or_some_or_no_violations_can_be_expected)
{
    AA_CHECK_VIOLATIONS(AA_USE_AFTER_RESET, 2) {
        use_after_reset();
        use_after_reset();
    }
    AA_CHECK_VIOLATIONS(AA_USE_AFTER_RESET, AA_CHECK_SOME) {
        use_after_reset();
        use_after_reset();
        use_after_reset();
    }
    AA_CHECK_NO_VIOLATION() {
        ck_assert_ptr_nonnull(aa_current());
    }
}
END_TEST

START_TEST(a_violation_counts_for_the_innermost_block)
{
    AA_CHECK_NO_VIOLATION() {
        AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
            AA_CHECK_NO_VIOLATION() {
            }
            use_after_reset();
        }
    }
}
END_TEST

static int told;

static void tell(const aa_violation *violation, void *context)
{
    (void)violation;
    ++*(int *)context;
}

static void leave_in_every_way(int way)
{
    for (int i = 0; i < 1; ++i) {
        AA_CHECK_VIOLATION(AA_USE_AFTER_RESET) {
            use_after_reset();
            (void)aa_set_violation_handler(NULL, NULL); /* the block's end does not care */
            if (way == 0) {
                return;
            }
            if (way == 1) {
                break;
            }
            if (way == 2) {
                continue;
            }
            if (way == 3) {
                goto out;
            }
        }
    }
out:
    return;
}

START_TEST(the_handler_of_before_is_back_after_every_way_out)
{
    (void)aa_set_violation_handler(tell, &told);
    leave_in_every_way(_i);
    void *context = NULL;
    ck_assert(aa_get_violation_handler(&context) == tell);
    ck_assert_ptr_eq(context, &told);
    ck_assert_int_eq(told, 0);
    use_after_reset();
    ck_assert_int_eq(told, 1);
}
END_TEST

START_TEST(what_is_given_back_has_not_escaped)
{
    aa_allocator *const allocators[] = {aa_heap(), aa_arena_create(NULL), aa_shared_create(NULL),
                                        aa_private_create(NULL)};
    for (int i = 0; i < 4; ++i) {
        aa_allocator *const a = allocators[i];
        void *const kept = aa_alloc(a, 1000);
        AA_CHECK_NO_ESCAPE(a) {
            aa_free(a, aa_alloc(a, 200), 200);
            AA_SCRATCH(a) {
                ck_assert_ptr_nonnull(aa_alloc(a, 300));
            }
            AA_WITH(a) {
                AA_CHECK_NO_ESCAPE(AA_CURRENT) {
                    aa_array array = aa_zeros(AA_CURRENT, AA_I32, 1, shape);
                    AA_CHECK_OK(aa_pin(&array));
                    AA_CHECK_OK(aa_unpin(&array));
                    AA_CHECK_OK(aa_array_free(&array));
                }
            }
        }
        aa_free(a, kept, 1000);
    }
}
END_TEST

START_TEST(an_escape_is_a_violation_where_one_is_expected)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.name = "leaky"});
    AA_CHECK_VIOLATION(AA_ESCAPE) {
        AA_CHECK_NO_ESCAPE(arena) {
            ck_assert_ptr_nonnull(aa_alloc(arena, 100));
        }
    }
    ck_assert_ptr_eq(aa_check_last_violation()->allocator, arena);
    ck_assert_str_eq(aa_check_last_violation()->allocator_name, "leaky");
}
END_TEST

START_TEST(a_steady_workload_makes_no_upstream_call)
{
    aa_allocator *const a = _i == 0 ? aa_arena_create(NULL) : aa_shared_create(NULL);
    for (int round = 0; round < 2; ++round) {
        ck_assert_ptr_nonnull(aa_alloc(a, 3000000));
        AA_CHECK_OK(aa_reset(a));
    }
    AA_CHECK_NO_UPSTREAM_CALLS(a) {
        for (int round = 0; round < 10; ++round) {
            ck_assert_ptr_nonnull(aa_alloc(a, 3000000));
            AA_CHECK_OK(aa_reset(a));
        }
    }
}
END_TEST

/* ---- teams -------------------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 20 };

typedef struct meeting {
    int inside, met, rounds;
    uint64_t numbers[ROUNDS][THREADS];
} meeting;

/* Waits until all are inside: ends only if they are at once. */
static void meet(int thread_num, void *context)
{
    meeting *const m = context;
    (void)__atomic_fetch_add(&m->inside, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&m->inside, __ATOMIC_RELAXED) < THREADS * (aa_check_round() + 1)) {
        (void)sched_yield();
    }
    (void)__atomic_fetch_add(&m->met, 1, __ATOMIC_RELAXED);
#pragma omp barrier
    (void)AA_CHECK_IN_TEAM(__atomic_load_n(&m->met, __ATOMIC_RELAXED) ==
                           THREADS * (aa_check_round() + 1));
    m->numbers[aa_check_round()][thread_num] = aa_check_random();
    if (thread_num == 0) {
        ++m->rounds;
    }
}

START_TEST(every_round_runs_all_threads_at_once)
{
    static meeting m;
    const unsigned flags[] = {0, AA_CHECK_NO_GATE, AA_CHECK_CALM, AA_CHECK_NO_GATE | AA_CHECK_CALM};
    aa_check_team_with((&(aa_check_team_options){THREADS, ROUNDS, 1, flags[_i]}), meet, &m);
    ck_assert_int_eq(m.rounds, ROUNDS);
    ck_assert_int_eq(m.met, ROUNDS * THREADS);
}
END_TEST

START_TEST(random_numbers_depend_on_seed_and_thread_alone)
{
    static meeting first, again, other;
    aa_check_team(THREADS, meet, &first, ROUNDS, 42);
    aa_check_team_with((&(aa_check_team_options){THREADS, ROUNDS, 42, AA_CHECK_CALM}), meet,
                       &again);
    ck_assert_int_eq(memcmp(first.numbers, again.numbers, sizeof first.numbers), 0);
    aa_check_team(THREADS, meet, &other, ROUNDS, 43);
    for (int t = 0; t < THREADS; ++t) {
        ck_assert_uint_ne(other.numbers[0][t], first.numbers[0][t]);
        ck_assert_uint_eq(other.numbers[0][t],
                          first.numbers[1][t]); /* the next round's seed is one more */
        ck_assert_uint_ne(first.numbers[0][t], first.numbers[0][(t + 1) % THREADS]);
    }
}
END_TEST

static void draw_one(void *number)
{
    *(uint64_t *)number = aa_check_random();
}

START_TEST(a_seed_in_the_environment_is_given_to_every_round)
{
    static meeting m;
    ck_assert_int_eq(setenv("AA_CHECK_SEED", "0x2b", 1), 0);
    aa_check_team(THREADS, meet, &m, ROUNDS, 7);
    for (int r = 1; r < ROUNDS; ++r) {
        ck_assert_int_eq(memcmp(m.numbers[r], m.numbers[0], sizeof m.numbers[0]), 0);
    }
}
END_TEST

START_TEST(a_seed_in_the_environment_is_that_of_numbers_outside_teams)
{
    ck_assert_int_eq(unsetenv("AA_CHECK_SEED"), 0);
    child_result result;
    uint64_t *const drawn =
        mmap(NULL, 2 * sizeof *drawn, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child_run(&result, draw_one, &drawn[0]);
    assert_exited_well(&result);
    ck_assert_int_eq(setenv("AA_CHECK_SEED", "77", 1), 0);
    child_run(&result, draw_one, &drawn[1]);
    assert_exited_well(&result);
    ck_assert_uint_ne(drawn[0], 0);
    ck_assert_uint_ne(drawn[0], drawn[1]);
    const uint64_t once = drawn[1];
    child_run(&result, draw_one, &drawn[1]);
    ck_assert_uint_eq(drawn[1], once);
}
END_TEST

START_TEST(seed_zero_is_another_seed_each_time)
{
    static meeting m, n;
    ck_assert_int_eq(unsetenv("AA_CHECK_SEED"), 0);
    aa_check_team(THREADS, meet, &m, 1, 0);
    aa_check_team(THREADS, meet, &n, 1, 0);
    ck_assert_uint_ne(m.numbers[0][0], n.numbers[0][0]);
}
END_TEST

START_TEST(random_numbers_outside_teams_are_a_sequence_of_their_own)
{
    static meeting m;
    ck_assert_int_eq(unsetenv("AA_CHECK_SEED"), 0);
    const uint64_t first = aa_check_random();
    aa_check_team(THREADS, meet, &m, 1, 1);
    ck_assert_uint_ne(aa_check_random(), first);
    ck_assert_int_eq(aa_check_round(), 0);
}
END_TEST

/* A counter with a hole between its load and its store: the disturbed schedule falls into it. */
static void lose_an_update(int thread_num, void *context)
{
    (void)thread_num;
    int *const counter = context;
    for (int i = 0; i < 10; ++i) {
        const int seen = __atomic_load_n(counter, __ATOMIC_RELAXED);
        aa_check_point();
        __atomic_store_n(counter, seen + 1, __ATOMIC_RELAXED);
    }
}

START_TEST(a_lost_update_is_found_in_a_few_rounds)
{
    int lost = 0;
    for (int round = 0; round < 50; ++round) {
        int counter = 0;
        aa_check_team(THREADS, lose_an_update, &counter, 1, (uint64_t)round + 1);
        lost += counter < 10 * THREADS;
    }
    ck_assert_int_gt(lost, 10);
}
END_TEST

static void reset_inside(int thread_num, void *context)
{
    (void)thread_num;
    (void)AA_CHECK_IN_TEAM(aa_reset(context) == AA_BUSY);
}

START_TEST(violations_of_a_team_are_counted)
{
    aa_allocator *const shared = aa_shared_create(NULL);
    AA_CHECK_VIOLATIONS(AA_RESET_IN_PARALLEL, 3 * THREADS) {
        aa_check_team(THREADS, reset_inside, shared, 3, 1);
    }
    AA_CHECK_OK(aa_reset(shared));
}
END_TEST

START_TEST(regions_and_nested_regions_pass_when_nothing_is_wrong)
{
    int inside = 0;
    AA_CHECK_REGION(1) {
#pragma omp parallel num_threads(2)
#pragma omp parallel num_threads(2)
        {
            (void)AA_CHECK_IN_TEAM(aa_current() == aa_heap());
            aa_check_point();
#pragma omp atomic
            ++inside;
        }
    }
    ck_assert_int_ge(inside, 2);
}
END_TEST

/* ---- the core's injection points ------------------------------------------------------------------------ */

static int taken, released;

static void count_points(unsigned where)
{
    (void)__atomic_fetch_add((where & AAI_POINT_RELEASED) != 0 ? &released : &taken, 1,
                             __ATOMIC_RELAXED);
}

START_TEST(every_lock_is_a_point_before_and_after)
{
    aa_allocator *const shared = aa_shared_create(&(aa_options){.lease = 1});
    ck_assert_ptr_nonnull(aa_alloc(shared, 100));
    aai_injection_set(count_points);
    for (int i = 0; i < 10; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(shared, 100));
    }
    aai_injection_set(NULL);
    ck_assert_int_ge(taken, 10);
    ck_assert_int_eq(released, taken);
    const int before = taken;
    ck_assert_ptr_nonnull(aa_alloc(shared, 100));
    ck_assert_int_eq(taken, before);
}
END_TEST

START_TEST(the_inline_path_has_no_points)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    ck_assert_ptr_nonnull(aa_alloc(arena, 100));
    aai_injection_set(count_points);
    for (int i = 0; i < 10; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(arena, 100));
    }
    aai_injection_set(NULL);
    ck_assert_int_eq(taken, 0);
}
END_TEST

/* Each thread takes, fills, checks and frees; the disturbed schedule changes nothing that it sees. */
static void use_shared(int thread_num, void *context)
{
    for (int i = 0; i < 50; ++i) {
        const size_t bytes = 1 + aa_check_random() % 5000;
        unsigned char *const p = aa_alloc(context, bytes);
        if (!AA_CHECK_IN_TEAM(p != NULL)) {
            return;
        }
        memset(p, thread_num, bytes);
        aa_check_point();
        (void)AA_CHECK_IN_TEAM(p[0] == thread_num && p[bytes - 1] == thread_num);
    }
}

START_TEST(a_shared_allocator_stands_the_disturbance)
{
    aa_allocator *const shared = aa_shared_create(&(aa_options){.lease = _i == 0 ? 0 : 1});
    for (int round = 0; round < 5; ++round) {
        aa_check_team(THREADS, use_shared, shared, 4, 100 * (uint64_t)round + 1);
        AA_CHECK_OK(aa_reset(shared));
    }
    AA_CHECK_OK(aa_destroy(shared));
}
END_TEST

/* ---- memory that is refused ------------------------------------------------------------------------- */

static int runs;

static aa_status fill_an_arena(aa_upstream *upstream, void *context)
{
    ++*(int *)context;
    aa_allocator *const arena = aa_arena_create(&(aa_options){.upstream = upstream});
    aa_status status = AA_OK;
    for (int i = 0; i < 6 && status == AA_OK; ++i) {
        status = aa_alloc(arena, (size_t)1 << (16 + i)) != NULL ? AA_OK : aa_last_status();
    }
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
    return status;
}

START_TEST(a_function_that_reports_and_gives_back_passes)
{
    aa_check_every_failure(NULL, fill_an_arena, &runs);
    ck_assert_int_gt(runs, 4);
    aa_check_every_failure(aa_upstream_heap(), fill_an_arena, &runs);
}
END_TEST

AA_TEST_MAIN("testkit", AA_TEST(threads_before_the_first_test_are_warned_of),
             AA_TEST(statements_that_hold_pass),
             AA_TEST(an_expected_violation_passes_and_can_be_read),
             AA_TEST(several_or_some_or_no_violations_can_be_expected),
             AA_TEST(a_violation_counts_for_the_innermost_block),
             AA_TEST_LOOP(the_handler_of_before_is_back_after_every_way_out, 0, 5),
             AA_TEST(what_is_given_back_has_not_escaped),
             AA_TEST(an_escape_is_a_violation_where_one_is_expected),
             AA_TEST_LOOP(a_steady_workload_makes_no_upstream_call, 0, 2),
             AA_TEST_LOOP(every_round_runs_all_threads_at_once, 0, 4),
             AA_TEST(random_numbers_depend_on_seed_and_thread_alone),
             AA_TEST(a_seed_in_the_environment_is_given_to_every_round),
             AA_TEST(a_seed_in_the_environment_is_that_of_numbers_outside_teams),
             AA_TEST(seed_zero_is_another_seed_each_time),
             AA_TEST(random_numbers_outside_teams_are_a_sequence_of_their_own),
             AA_TEST(a_lost_update_is_found_in_a_few_rounds),
             AA_TEST(violations_of_a_team_are_counted),
             AA_TEST(regions_and_nested_regions_pass_when_nothing_is_wrong),
             AA_TEST(every_lock_is_a_point_before_and_after),
             AA_TEST(the_inline_path_has_no_points),
             AA_TEST_LOOP(a_shared_allocator_stands_the_disturbance, 0, 2),
             AA_TEST(a_function_that_reports_and_gives_back_passes))
