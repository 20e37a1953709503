/* What the design takes for granted about OpenMP runtimes, asked of the runtime itself and not of the
 * library: a runtime that behaves differently fails here, and not in a user's program.
 *
 * Asserted is only what is exact. That a task run by another thread does not inherit the default
 * allocator is not: nothing relies on it. */
#include "runner.h"
#include "threads.h"

#include <dlfcn.h>
#include <omp.h>
#include <stdint.h>

enum { THREADS = 4 };

/* Kept in sight of leak checkers and never destroyed, for a destroyed one's value is used again. */
static omp_allocator_handle_t made[400];
static int made_count;

static omp_allocator_handle_t make_handle(void)
{
    omp_alloctrait_t trait = {omp_atk_alignment, 64};
    const omp_allocator_handle_t handle = omp_init_allocator(omp_default_mem_space, 1, &trait);
    ck_assert(handle != omp_null_allocator);
    made[made_count++] = handle;
    return handle;
}

START_TEST(the_allocator_calls_are_there_for_weak_symbols)
{
    static const char *const names[] = {
        "omp_get_level",       "omp_in_parallel",           "omp_get_thread_num",
        "omp_get_num_threads", "omp_get_default_allocator", "omp_set_default_allocator",
        "omp_init_allocator"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        ck_assert_msg(dlsym(RTLD_DEFAULT, names[i]) != NULL, "no %s", names[i]);
    }
}
END_TEST

START_TEST(live_handles_are_different)
{
    enum { COUNT = 300 };
    omp_allocator_handle_t handles[COUNT];
    for (int i = 0; i < COUNT; ++i) {
        handles[i] = make_handle();
        for (int k = 0; k < i; ++k) {
            ck_assert(handles[i] != handles[k]);
        }
    }
}
END_TEST

START_TEST(a_handle_fits_into_an_integer_as_wide_as_a_pointer)
{
    ck_assert_uint_le(sizeof(omp_allocator_handle_t), sizeof(uintptr_t));
    const omp_allocator_handle_t handle = make_handle();
    ck_assert((omp_allocator_handle_t)(uintptr_t)handle == handle);
}
END_TEST

START_TEST(the_default_allocator_is_what_was_set_bit_for_bit)
{
    const omp_allocator_handle_t before = omp_get_default_allocator();
    const omp_allocator_handle_t handle = make_handle();
    omp_set_default_allocator(handle);
    ck_assert(omp_get_default_allocator() == handle);
    omp_set_default_allocator(before);
    ck_assert(omp_get_default_allocator() == before);
}
END_TEST

START_TEST(a_region_inherits_the_default_allocator_also_in_a_reused_team)
{
    int seen = 0;
    for (int round = 0; round < 10; ++round) {
        const omp_allocator_handle_t handle = make_handle();
        omp_set_default_allocator(handle);
#pragma omp parallel num_threads(THREADS) reduction(+ : seen)
        seen += omp_get_default_allocator() == handle;
    }
    ck_assert_int_eq(seen, 10 * THREADS);
}
END_TEST

START_TEST(nested_regions_inherit_the_default_allocator)
{
    omp_set_max_active_levels(3);
    const omp_allocator_handle_t handle = make_handle();
    omp_set_default_allocator(handle);
    int seen = 0;
#pragma omp parallel num_threads(2) reduction(+ : seen)
    {
#pragma omp parallel num_threads(2) reduction(+ : seen)
        {
#pragma omp parallel num_threads(2) reduction(+ : seen)
            seen += omp_get_default_allocator() == handle;
        }
    }
    ck_assert_int_eq(seen, 8);
}
END_TEST

START_TEST(a_nested_region_inherits_what_its_own_thread_set)
{
    omp_set_max_active_levels(2);
    const omp_allocator_handle_t handles[] = {make_handle(), make_handle()};
    int seen = 0;
#pragma omp parallel num_threads(2) reduction(+ : seen)
    {
        const omp_allocator_handle_t mine = handles[omp_get_thread_num()];
        omp_set_default_allocator(mine);
#pragma omp parallel num_threads(2) reduction(+ : seen)
        seen += omp_get_default_allocator() == mine;
    }
    ck_assert_int_eq(seen, 4);
}
END_TEST

START_TEST(regions_of_one_thread_inherit_the_default_allocator)
{
    const omp_allocator_handle_t handle = make_handle();
    omp_set_default_allocator(handle);
    int seen = 0;
#pragma omp parallel num_threads(1) reduction(+ : seen)
    seen += omp_get_default_allocator() == handle;
#pragma omp parallel if (0) reduction(+ : seen)
    seen += omp_get_default_allocator() == handle;
    ck_assert_int_eq(seen, 2);
}
END_TEST

START_TEST(loops_and_sections_inherit_the_default_allocator)
{
    const omp_allocator_handle_t handle = make_handle();
    omp_set_default_allocator(handle);
    int seen = 0;
#pragma omp parallel for num_threads(THREADS) schedule(dynamic) reduction(+ : seen)
    for (int i = 0; i < 64; ++i) {
        seen += omp_get_default_allocator() == handle;
    }
#pragma omp parallel sections num_threads(2) reduction(+ : seen)
    {
#pragma omp section
        seen += omp_get_default_allocator() == handle;
#pragma omp section
        seen += omp_get_default_allocator() == handle;
    }
    ck_assert_int_eq(seen, 66);
}
END_TEST

START_TEST(what_a_region_sets_ends_with_it)
{
    const omp_allocator_handle_t outer = make_handle(), inner = make_handle();
    omp_set_default_allocator(outer);
    int seen = 0;
#pragma omp parallel num_threads(THREADS)
    omp_set_default_allocator(inner);
    ck_assert(omp_get_default_allocator() == outer);
#pragma omp parallel num_threads(THREADS) reduction(+ : seen)
    seen += omp_get_default_allocator() == outer;
    ck_assert_int_eq(seen, THREADS);
}
END_TEST

START_TEST(what_a_thread_sets_is_not_seen_by_its_team)
{
    const omp_allocator_handle_t outer = make_handle(), inner = make_handle();
    omp_set_default_allocator(outer);
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        const int odd = omp_get_thread_num() % 2;
        if (odd) {
            omp_set_default_allocator(inner);
        }
#pragma omp barrier
        wrong += omp_get_default_allocator() != (odd ? inner : outer);
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(what_a_task_sets_and_restores_leaves_no_trace)
{
    const omp_allocator_handle_t outer = make_handle(), inner = make_handle();
    omp_set_default_allocator(outer);
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        for (int i = 0; i < 32; ++i) {
#pragma omp task
            {
                const omp_allocator_handle_t found = omp_get_default_allocator();
                omp_set_default_allocator(inner);
                omp_set_default_allocator(found);
            }
        }
#pragma omp taskwait
        wrong += omp_get_default_allocator() != outer;
#pragma omp barrier
        wrong += omp_get_default_allocator() != outer;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

static void *default_here(void *place)
{
    *(omp_allocator_handle_t *)place = omp_get_default_allocator();
    return NULL;
}

START_TEST(a_new_host_thread_starts_with_the_runtimes_default_allocator)
{
    const omp_allocator_handle_t first = omp_get_default_allocator();
    omp_set_default_allocator(make_handle());
    omp_allocator_handle_t theirs = omp_null_allocator;
    on_thread(default_here, &theirs);
    ck_assert(theirs == first);
}
END_TEST

/* ---- levels ---- */

START_TEST(the_level_counts_regions_of_one_thread_and_in_parallel_does_not)
{
    int level = -1, in_parallel = -1;
    ck_assert_int_eq(omp_get_level(), 0);
    ck_assert_int_eq(omp_in_parallel(), 0);
#pragma omp parallel num_threads(1)
    {
        level = omp_get_level();
        in_parallel = omp_in_parallel();
    }
    ck_assert_int_eq(level, 1);
    ck_assert_int_eq(in_parallel, 0);
#pragma omp parallel if (0)
    {
        level = omp_get_level();
        in_parallel = omp_in_parallel();
    }
    ck_assert_int_eq(level, 1);
    ck_assert_int_eq(in_parallel, 0);
    ck_assert_int_eq(omp_get_level(), 0);
}
END_TEST

START_TEST(the_level_counts_nested_regions)
{
    omp_set_max_active_levels(2);
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
        wrong += omp_get_level() != 1;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
        wrong += omp_get_level() != 2;
#pragma omp parallel num_threads(1) reduction(+ : wrong)
        wrong += omp_get_level() != 2 || !omp_in_parallel();
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(a_task_has_the_level_of_its_region)
{
    int level = -1;
#pragma omp parallel num_threads(1)
    {
#pragma omp task shared(level)
        level = omp_get_level();
#pragma omp taskwait
    }
    ck_assert_int_eq(level, 1);
}
END_TEST

START_TEST(after_a_cancelled_region_the_level_is_zero)
{
#pragma omp parallel num_threads(THREADS)
    {
#pragma omp cancel parallel
    } ck_assert_int_eq(omp_get_level(), 0);
    ck_assert_int_eq(omp_in_parallel(), 0);
}
END_TEST

static void stay_in_a_region(guest *g)
{
#pragma omp parallel num_threads(2)
    {
#pragma omp master
        guest_stay(g);
    }
}

START_TEST(another_host_threads_region_is_not_seen)
{
    guest g;
    guest_invite(&g, stay_in_a_region, NULL);
    ck_assert_int_eq(omp_get_level(), 0);
    ck_assert_int_eq(omp_in_parallel(), 0);
    guest_dismiss(&g);
}
END_TEST

static void *level_here(void *place)
{
    *(int *)place = omp_get_level() + omp_in_parallel();
    return NULL;
}

START_TEST(a_host_thread_made_inside_a_region_is_outside_it)
{
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
        int level = -1;
        pthread_t thread;
        wrong += pthread_create(&thread, NULL, level_here, &level) != 0;
        wrong += pthread_join(thread, NULL) != 0;
        wrong += level != 0;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(thread_numbers_repeat_in_nested_regions)
{
    omp_set_max_active_levels(2);
    int zeros = 0, ones = 0;
#pragma omp parallel num_threads(2) reduction(+ : zeros, ones)
    {
#pragma omp parallel num_threads(2) reduction(+ : zeros, ones)
        {
            zeros += omp_get_thread_num() == 0;
            ones += omp_get_thread_num() == 1;
        }
    }
    ck_assert_int_eq(zeros, 2);
    ck_assert_int_eq(ones, 2);
}
END_TEST

/* ---- what the macros are made of ---- */

static void count_one(int *counter)
{
#pragma omp atomic
    ++*counter;
}

static __thread int *ended_counter;

static void end_one(const int *unused)
{
    (void)unused;
    count_one(ended_counter);
}

START_TEST(a_cleanup_runs_in_a_task_on_every_way_out)
{
    int ended = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < 32; ++i) {
#pragma omp task shared(ended)
        {
            ended_counter = &ended;
            for (int once __attribute__((cleanup(end_one))) = 1; once; once = 0) {
                if (i % 3 == 0) {
                    break;
                }
                if (i % 3 == 1) {
                    continue;
                }
            }
        }
    }
    ck_assert_int_eq(ended, 32);
}
END_TEST

START_TEST(barrier_and_single_work_inside_an_expression)
{
    int singles = 0, wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    for (int round = 1; round <= 10; ++round) {
        const int seen = __extension__({
            _Pragma("omp barrier") _Pragma("omp single")
            {
                ++singles;
            }
            singles;
        });
        wrong += seen != round;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(singles, 10);
}
END_TEST

AA_TEST_MAIN("openmp facts", AA_TEST(the_allocator_calls_are_there_for_weak_symbols),
             AA_TEST(live_handles_are_different),
             AA_TEST(a_handle_fits_into_an_integer_as_wide_as_a_pointer),
             AA_TEST(the_default_allocator_is_what_was_set_bit_for_bit),
             AA_TEST(a_region_inherits_the_default_allocator_also_in_a_reused_team),
             AA_TEST(nested_regions_inherit_the_default_allocator),
             AA_TEST(a_nested_region_inherits_what_its_own_thread_set),
             AA_TEST(regions_of_one_thread_inherit_the_default_allocator),
             AA_TEST(loops_and_sections_inherit_the_default_allocator),
             AA_TEST(what_a_region_sets_ends_with_it),
             AA_TEST(what_a_thread_sets_is_not_seen_by_its_team),
             AA_TEST(what_a_task_sets_and_restores_leaves_no_trace),
             AA_TEST(a_new_host_thread_starts_with_the_runtimes_default_allocator),
             AA_TEST(the_level_counts_regions_of_one_thread_and_in_parallel_does_not),
             AA_TEST(the_level_counts_nested_regions), AA_TEST(a_task_has_the_level_of_its_region),
             AA_TEST(after_a_cancelled_region_the_level_is_zero),
             AA_TEST(another_host_threads_region_is_not_seen),
             AA_TEST(a_host_thread_made_inside_a_region_is_outside_it),
             AA_TEST(thread_numbers_repeat_in_nested_regions),
             AA_TEST(a_cleanup_runs_in_a_task_on_every_way_out),
             AA_TEST(barrier_and_single_work_inside_an_expression))
