/* AA_CHECKS=full: writes behind a request are found, memory that was taken back is junk, and neither costs
 * the user's own bytes. */
#include "full.h"
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

static aa_allocator *create(int kind)
{
    return bump_create(kind, &(aa_options){.checks = AA_CHECKS_FULL, .name = "watched"});
}

/* The byte behind a request; AddressSanitizer would stop the test itself. */
static void write_behind(char *p, size_t bytes)
{
    volatile char *const behind = p + bytes;
    *behind = (char)(*behind + 1);
}

START_TEST(writing_all_of_a_request_is_no_corruption)
{
    aa_allocator *const a = create(_i);
    record_violations();
    for (size_t bytes = 0; bytes < 300; ++bytes) {
        char *const p = aa_alloc(a, bytes);
        ck_assert_ptr_nonnull(p);
        memset(p, 0xee, bytes);
    }
    memset(aa_alloc(a, 500000), 0xee, 500000);
    memset(aa_alloc_aligned(a, 1000, 4096), 0xee, 1000);
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static const size_t requests[] = {0, 1, 7, 63, 64, 65, 1000, 100000, 3 << 20};
enum { REQUESTS = sizeof requests / sizeof requests[0] };

START_TEST(a_byte_written_behind_a_request_is_found_at_reset)
{
    if (under_a_memory_checker()) {
        return;
    }
    const size_t bytes = requests[_i / BUMP_KINDS];
    aa_allocator *const a = create(_i % BUMP_KINDS);
    (void)aa_alloc(a, 100);
    write_behind(aa_alloc(a, bytes), bytes);
    (void)aa_alloc(a, 100);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_one_report("aa_reset", AA_CORRUPTION);
    ck_assert_ptr_nonnull(strstr(last_violation()->file, "test_full.c"));
    ck_assert_str_eq(last_violation()->allocator_name, "watched");
    ck_assert_uint_eq(stats_of(a).used, 0);
    record_violations();
    (void)aa_alloc(a, 100);
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_byte_written_behind_a_request_is_found_at_rewind)
{
    if (under_a_memory_checker()) {
        return;
    }
    aa_allocator *const a = create(_i);
    char *const kept = aa_alloc(a, 100);
    pattern_fill(kept, 100, 1);
    const aa_mark mark = aa_mark_take(a);
    write_behind(aa_alloc(a, 50), 50);
    record_violations();
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_one_report("aa_mark_rewind", AA_CORRUPTION);
    ck_assert_str_eq(last_violation()->function, "aa_mark_rewind");
    ck_assert(pattern_holds(kept, 100, 1));
    ck_assert_uint_eq(stats_of(a).used, 128);
    record_violations();
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_byte_written_behind_a_request_is_found_at_the_end_of_a_scratch)
{
    if (under_a_memory_checker()) {
        return;
    }
    aa_allocator *const a = create(_i);
    record_violations();
    AA_SCRATCH(a) {
        write_behind(aa_alloc(a, 50), 50);
    }
    assert_one_report("the end of the scratch", AA_CORRUPTION);
    ck_assert_str_eq(last_violation()->function, "AA_SCRATCH");
    ck_assert_ptr_nonnull(strstr(last_violation()->file, "test_full.c"));
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_byte_written_behind_a_freed_request_is_found_at_the_latest_at_reset)
{
    if (under_a_memory_checker()) {
        return;
    }
    aa_allocator *const a = create(_i);
    char *const p = aa_alloc(a, 50);
    write_behind(p, 50);
    record_violations();
    aa_free(a, p, 50);
    assert_status(aa_reset(a), AA_OK);
    assert_one_report("aa_free or aa_reset", AA_CORRUPTION);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_byte_written_by_another_thread_is_found_at_reset)
{
    if (under_a_memory_checker()) {
        return;
    }
    aa_allocator *const a = create(_i);
    record_violations();
#pragma omp parallel num_threads(3)
    {
        char *const p = aa_alloc(a, 50);
        if (omp_get_thread_num() == 2) {
            write_behind(p, 50);
        }
    }
    assert_status(aa_reset(a), AA_OK);
    assert_one_report("aa_reset", AA_CORRUPTION);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(redzones_count_neither_as_used_nor_against_the_capacity)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL, .capacity = 64 * 1000});
    for (size_t i = 1; i <= 1000; ++i) {
        ck_assert_msg(aa_alloc(a, 64) != NULL, "request %zu: %s", i, aa_last_message());
        ck_assert_uint_eq(stats_of(a).used, 64 * i);
    }
    assert_fails(aa_alloc(a, 64), AA_NOMEM);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(memory_is_junk_after_a_reset)
{
    enum { COUNT = 1000 };
    aa_allocator *const a = create(_i);
    double *numbers = AA_NEW(a, double, COUNT);
    for (int i = 0; i < COUNT; ++i) {
        numbers[i] = i;
    }
    assert_status(aa_reset(a), AA_OK);
    numbers = AA_NEW(a, double, COUNT);
    for (int i = 0; i < COUNT; ++i) {
        ck_assert(isnan(numbers[i]));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(zeroed_memory_is_zero_under_full_checks_too)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_FULL, .flags = AA_ZEROED});
    for (int round = 0; round < 3; ++round) {
        char *const p = aa_alloc(a, 1000);
        ck_assert(is_zero(p, 1000));
        memset(p, 0xee, 1000);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(resizing_in_place_moves_the_redzone_along)
{
    aa_allocator *const a = create(_i);
    record_violations();
    char *p = aa_alloc(a, 100);
    static const size_t steps[] = {101, 200, 150, 64, 1000, 10};
    size_t bytes = 100;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; ++i) {
        p = aa_realloc(a, p, bytes, steps[i]);
        bytes = steps[i];
        memset(p, 0xee, bytes);
    }
    assert_status(aa_reset(a), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- api's checks hold under full, too ---- */

static void *allocate_here(void *arena)
{
    return aa_alloc(arena, 100);
}

START_TEST(another_threads_arena_is_refused_under_full_checks_too)
{
    aa_allocator *const a = create(ARENA);
    const held h = hold(a);
    record_violations();
    ck_assert_ptr_null(on_thread(allocate_here, a));
    assert_one_report("aa_alloc", AA_FOREIGN_THREAD);
    assert_unharmed(&h);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("misuse: full checks", AA_TEST_BUMP(writing_all_of_a_request_is_no_corruption),
             AA_TEST_LOOP(a_byte_written_behind_a_request_is_found_at_reset, 0,
                          REQUESTS *BUMP_KINDS),
             AA_TEST_BUMP(a_byte_written_behind_a_request_is_found_at_rewind),
             AA_TEST_BUMP(a_byte_written_behind_a_request_is_found_at_the_end_of_a_scratch),
             AA_TEST_BUMP(a_byte_written_behind_a_freed_request_is_found_at_the_latest_at_reset),
             AA_TEST_LOOP(a_byte_written_by_another_thread_is_found_at_reset, SHARED, PRIVATE + 1),
             AA_TEST_BUMP(redzones_count_neither_as_used_nor_against_the_capacity),
             AA_TEST_BUMP(memory_is_junk_after_a_reset),
             AA_TEST_BUMP(zeroed_memory_is_zero_under_full_checks_too),
             AA_TEST_BUMP(resizing_in_place_moves_the_redzone_along),
             AA_TEST(another_threads_arena_is_refused_under_full_checks_too))
