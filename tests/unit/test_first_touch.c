/* AA_FIRST_TOUCH: large fresh memory is touched by the team that will use it. Where a page lies cannot be asked for on
 * a machine with one memory node; who took its page fault can, and that decides it. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>
#include <sys/resource.h>
#include <sys/time.h>

enum { THREADS = 2, LARGE = 64 << 20, PAGE = 4096 };

static long faults_of_this_thread(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
}

/* Page faults that each thread of the team has taken so far. */
static void count_faults(long faults[THREADS])
{
#pragma omp parallel num_threads(THREADS)
    faults[omp_get_thread_num()] = faults_of_this_thread();
}

/* Each thread writes the part that a static schedule gives it. */
static void write_all(char *p, size_t bytes)
{
#pragma omp parallel for schedule(static) num_threads(THREADS)
    for (size_t i = 0; i < bytes; i += PAGE) {
        p[i] = 1;
    }
}

static aa_allocator *create(int kind, unsigned flags)
{
    omp_set_dynamic(0);
    omp_set_num_threads(THREADS);
    return bump_create(kind, &(aa_options){.flags = flags, .checks = AA_CHECKS_NONE});
}

/* Huge pages make one fault of 512. */
enum { SHARE = LARGE / PAGE / 512 / THREADS };

static void assert_each_took_its_share(const long before[THREADS], const long after[THREADS])
{
    long all = 0;
    for (int t = 0; t < THREADS; ++t) {
        ck_assert_int_ge(after[t] - before[t], SHARE / 2);
        all += after[t] - before[t];
    }
    ck_assert_int_le(after[0] - before[0], all * 3 / 4);
}

START_TEST(each_thread_touches_the_part_that_it_will_use)
{
    aa_allocator *const a = create(_i, AA_FIRST_TOUCH);
    long before[THREADS], touched[THREADS], written[THREADS];
    count_faults(before);
    char *const p = aa_alloc(a, LARGE);
    ck_assert_ptr_nonnull(p);
    count_faults(touched);
    write_all(p, LARGE);
    count_faults(written);
    for (int t = 0; t < THREADS; ++t) {
        ck_assert_int_le(written[t] - touched[t], 16); /* its own part is there */
    }
    /* populating counts as no fault on every kernel: then nobody took one for the memory */
    if (touched[0] - before[0] > SHARE || touched[1] - before[1] > SHARE) {
        assert_each_took_its_share(before, touched);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_team_clears_large_memory_that_must_be_zero)
{
    aa_allocator *const a = create(_i, AA_FIRST_TOUCH | AA_ZEROED);
    long before[THREADS], after[THREADS];
    for (int round = 0; round < 3; ++round) {
        count_faults(before);
        char *const p = aa_alloc(a, LARGE);
        count_faults(after);
        for (size_t i = 0; i < LARGE; i += 64) {
            ck_assert_int_eq(p[i], 0);
        }
        ck_assert_int_eq(p[LARGE - 1], 0);
        if (round == 0) {
            assert_each_took_its_share(before, after);
        }
        memset(p, 7, LARGE);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(arrays_of_zeros_are_zero_to_their_last_byte)
{
    aa_allocator *const a = create(_i, AA_FIRST_TOUCH);
    for (int round = 0; round < 2; ++round) {
        for (int64_t extent = (1 << 20) - 3; extent < (1 << 20) + 4; ++extent) {
            const aa_array zeros = aa_zeros(a, AA_U8, 1, &extent);
            const uint8_t *const p = aa_data(&zeros);
            int64_t first = 0;
            while (first < extent && p[first] == 0) {
                ++first;
            }
            ck_assert_int_eq(first, extent);
            memset(zeros.data, 9, (size_t)extent);
        }
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(inside_a_region_the_caller_touches_and_no_region_is_opened)
{
    aa_allocator *const a = create(_i, AA_FIRST_TOUCH);
    int nulls = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : nulls)
    {
        if (_i != ARENA || omp_get_thread_num() == 0) {
            char *const p = aa_alloc(a, 4 << 20);
            nulls += p == NULL;
            if (p != NULL) {
                memset(p, omp_get_thread_num(), 4 << 20);
            }
        }
    }
    ck_assert_int_eq(nulls, 0);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(after_a_warm_up_a_repeated_workload_takes_no_page_fault)
{
    aa_allocator *const a = create(_i, AA_FIRST_TOUCH);
    long before[THREADS], after[THREADS];
    for (int round = 0; round < 6; ++round) {
        count_faults(before);
        for (int i = 0; i < 4; ++i) {
            char *const p = aa_alloc(a, 3 << 20);
            ck_assert_ptr_nonnull(p);
            write_all(p, 3 << 20);
            (void)aa_alloc(a, 1000);
        }
        count_faults(after);
        assert_status(aa_reset(a), AA_OK);
    }
    for (int t = 0; t < THREADS; ++t) {
        ck_assert_int_eq(after[t] - before[t], 0);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* A region of the library would hang here under libgomp. */
static void allocate_in_child(void *context)
{
    aa_allocator *const a = *(aa_allocator **)context;
    char *const p = aa_alloc(a, 8 << 20);
    exit(p != NULL ? 0 : 1);
}

START_TEST(a_forked_child_opens_no_region)
{
    aa_allocator *a = create(ARENA, AA_FIRST_TOUCH);
    (void)aa_alloc(a, 8 << 20); /* the parent's has run */
    child_result result;
    child_run(&result, allocate_in_child, &a);
    assert_exited_well(&result);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(together_with_prefault_the_team_populates_whole_blocks)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.flags = AA_FIRST_TOUCH | AA_PREFAULT,
                                                          .initial = LARGE,
                                                          .checks = AA_CHECKS_NONE});
    long before[THREADS], after[THREADS];
    char *p = aa_alloc(a, 100); /* private: the arena's block comes now */
    ck_assert_ptr_nonnull(p);
    count_faults(before);
    p = aa_alloc(a, LARGE / 2);
    ck_assert_ptr_nonnull(p);
    write_all(p, LARGE / 2);
    count_faults(after);
    for (int t = 0; t < THREADS; ++t) {
        ck_assert_int_le(after[t] - before[t], 16);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static _Alignas(PAGE) char methods_memory[2 << 20];

static void *give_it_all(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    return bytes <= sizeof methods_memory && alignment <= 64 ? methods_memory : NULL;
}

START_TEST(what_a_custom_method_hands_out_is_its_own_to_touch)
{
    static const aa_allocator_ops ops = {.size = sizeof ops, .alloc = give_it_all};
    memset(methods_memory, 0x5a, sizeof methods_memory);
    aa_allocator *const a = aa_custom_create(&ops, NULL, &(aa_options){.flags = AA_FIRST_TOUCH});
    ck_assert_ptr_nonnull(a);
    const char *const p = aa_alloc(a, sizeof methods_memory);
    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < sizeof methods_memory; i += PAGE) {
        ck_assert_int_eq(p[i], 0x5a);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("first touch", AA_TEST_BUMP(each_thread_touches_the_part_that_it_will_use),
             AA_TEST_BUMP(a_team_clears_large_memory_that_must_be_zero),
             AA_TEST_BUMP(arrays_of_zeros_are_zero_to_their_last_byte),
             AA_TEST_BUMP(inside_a_region_the_caller_touches_and_no_region_is_opened),
             AA_TEST_BUMP(after_a_warm_up_a_repeated_workload_takes_no_page_fault),
             AA_TEST(a_forked_child_opens_no_region),
             AA_TEST_BUMP(together_with_prefault_the_team_populates_whole_blocks),
             AA_TEST(what_a_custom_method_hands_out_is_its_own_to_touch))
