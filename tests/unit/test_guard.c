/* The guard ring: a reset moves the memory, stale pointers fault and are named. What dies does so in a child. */
#include "child.h"
#include "guard.h"
#include "kinds.h"
#include "patterns.h"
#include "sanitizers.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- stale pointers ---------------------------------------------------------------------------------------- */

static void assert_stale_access_is_named(stale_use how, const char *epoch)
{
    child_result result;
    child_run(&result, use_stale, &how);
    assert_died_of_a_fault(&result);
    ck_assert_int_eq(occurrences(result.text, "allocarrays: "), 1);
    assert_says(&result, "AA_USE_AFTER_RESET");
    assert_says(&result, "'guarded'");
    assert_says(&result, epoch);
    if (!how.raw) {
        assert_says(&result, "array f64 (8, 100) made at ");
        assert_says(&result, "test_guard");
        assert_says(&result, "byte 184\n");
    }
}

START_TEST(reading_by_a_stale_pointer_after_a_reset_faults_and_is_named)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = READ, .resets = 1}, "epoch 0 ");
}
END_TEST

START_TEST(writing_by_a_stale_pointer_after_a_reset_faults_and_is_named)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = WRITE, .resets = 1}, "epoch 0 ");
}
END_TEST

START_TEST(a_stale_pointer_of_many_resets_ago_is_named_with_its_epoch)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = READ, .resets = 100}, "epoch 0 ");
}
END_TEST

START_TEST(a_stale_pointer_after_destroy_faults_and_is_named)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = READ, .destroyed = true},
                                 "epoch 0 ");
}
END_TEST

START_TEST(a_stale_pointer_to_raw_memory_is_named_by_its_block)
{
    child_result result;
    stale_use how = {.kind = _i, .how = READ, .resets = 1, .raw = true};
    child_run(&result, use_stale, &how);
    assert_died_of_a_fault(&result);
    assert_says(&result, "allocator 'guarded', epoch 0 has ended");
    assert_says(&result, "of its block");
    ck_assert_ptr_null(strstr(result.text, ", array "));
}
END_TEST

static void grow_then_use_stale(void *argument)
{
    aa_allocator *const a = guarded(*(const int *)argument);
    char *blocks[200];
    for (size_t i = 0; i < 200; ++i) {
        blocks[i] = aa_alloc(a, 20000);
        *blocks[i] = 1;
    }
    if (stats_of(a).blocks < 3 || stats_of(a).guard_misses != 0 || aa_reset(a) != AA_OK ||
        stats_of(a).blocks != 1) {
        exit(1);
    }
    read_byte(blocks[100]);
}

START_TEST(stale_pointers_into_a_chain_that_was_folded_fault)
{
    int kind = _i;
    child_result result;
    child_run(&result, grow_then_use_stale, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "allocator 'guarded', epoch 0 has ended");
}
END_TEST

static aa_allocator *of_all;
static char *of_another;

static void allocate_and_stay(guest *g)
{
    of_another = aa_alloc(of_all, 1000);
    *of_another = 1;
    guest_stay(g);
}

static void reset_what_threads_use(void *argument)
{
    guest g;
    of_all = guarded(*(const int *)argument);
    char *const mine = aa_alloc(of_all, 1000);
    *mine = 1;
    guest_invite(&g, allocate_and_stay, NULL);
    if (aa_reset(of_all) != AA_OK || stats_of(of_all).guard_misses != 0) {
        exit(1);
    }
    read_byte(of_another);
}

START_TEST(a_reset_moves_what_all_threads_were_given)
{
    int kind = _i;
    if (kind == ARENA) {
        return;
    }
    child_result result;
    child_run(&result, reset_what_threads_use, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded'");
}
END_TEST

static void reset_with_the_team(void *argument)
{
    aa_allocator *const a = guarded(*(const int *)argument);
#pragma omp parallel num_threads(2)
    {
        char *const p = aa_alloc(a, 100);
        *p = 1;
        const aa_status status = aa_reset_team(a);
        if (status != AA_OK) {
            exit(1);
        }
#pragma omp single
        read_byte(p);
    }
}

START_TEST(a_team_reset_moves_the_memory_too)
{
    int kind = _i;
    if (kind == ARENA) {
        return;
    }
    child_result result;
    child_run(&result, reset_with_the_team, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded', epoch 0 has ended");
}
END_TEST

static void use_stale_in_full(void *unused)
{
    (void)unused;
    aa_allocator *const a =
        aa_arena_create(&(aa_options){.name = "guarded", .checks = AA_CHECKS_FULL});
    char *const p = aa_alloc(a, 1000);
    *p = 1;
    (void)aa_reset(a);
    read_byte(p);
}

START_TEST(full_checks_bring_the_guard)
{
    if (UNDER_ASAN) { /* its poison comes first */
        return;
    }
    child_result result;
    child_run(&result, use_stale_in_full, NULL);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded', epoch 0 has ended");
}
END_TEST

/* ---- what is not stale ------------------------------------------------------------------------------------- */

START_TEST(memory_that_was_not_reset_keeps_its_contents)
{
    aa_allocator *const kept = guarded(_i), *const reset = guarded(_i);
    void *blocks[100];
    for (unsigned i = 0; i < 100; ++i) {
        blocks[i] = aa_alloc(kept, 10000);
        pattern_fill(blocks[i], 10000, i);
        pattern_fill(aa_alloc(reset, 10000), 10000, 200);
        if (i % 10 == 9) {
            assert_status(aa_reset(reset), AA_OK);
        }
    }
    assert_status(aa_destroy(reset), AA_OK);
    for (unsigned i = 0; i < 100; ++i) {
        ck_assert(pattern_holds(blocks[i], 10000, i));
        ck_assert(aa_owns(kept, blocks[i]));
    }
    assert_status(aa_destroy(kept), AA_OK);
}
END_TEST

START_TEST(resetting_one_threads_arena_of_a_private_allocator_leaves_the_others)
{
    guest g;
    of_all = guarded(PRIVATE);
    guest_invite(&g, allocate_and_stay, NULL);
    (void)aa_alloc(of_all, 1000);
    assert_status(aa_reset(aa_private_arena(of_all)), AA_OK);
    ck_assert_int_eq(*of_another, 1);
    guest_dismiss(&g);
    ck_assert_int_eq(*of_another, 1); /* its thread has ended: others may still read */
    assert_status(aa_destroy(of_all), AA_OK);
}
END_TEST

START_TEST(a_rewind_does_not_move_the_memory)
{
    aa_allocator *const a = guarded(_i);
    char *const before = aa_alloc(a, 100);
    char *inside = NULL;
    pattern_fill(before, 100, 1);
    AA_SCRATCH(a) {
        inside = aa_alloc(a, 100);
    }
    ck_assert(pattern_holds(before, 100, 1));
    ck_assert_ptr_eq(aa_alloc(a, 100), inside);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(each_reset_gives_other_addresses_and_owns_follows)
{
    aa_allocator *const a = guarded(_i);
    void *before = aa_alloc(a, 1000);
    for (int i = 0; i < 50; ++i) {
        assert_status(aa_reset(a), AA_OK);
        ck_assert(!aa_owns(a, before));
        void *const now = aa_alloc(a, 1000);
        ck_assert_ptr_ne(now, before);
        ck_assert(aa_owns(a, now));
        pattern_fill(now, 1000, 1);
        before = now;
    }
    ck_assert_uint_eq(stats_of(a).guard_misses, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_asks_nothing_of_the_upstream_after_the_first_rounds)
{
    aa_allocator *const a = guarded(_i);
    uint64_t calls = 0;
    for (int round = 0; round < 20; ++round) {
        for (int i = 0; i < 100; ++i) {
            *(volatile char *)aa_alloc(a, 20000) = 1;
        }
        calls = round == 2 ? stats_of(a).upstream_calls : calls;
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_eq(stats_of(a).upstream_calls, calls);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_capacity_holds_with_a_guard)
{
    enum { BLOCKS = 64, EACH = 1024 };
    const size_t capacity = (size_t)BLOCKS * EACH;
    aa_allocator *const a = bump_create(
        _i, &(aa_options){.flags = AA_GUARD, .capacity = capacity, .checks = AA_CHECKS_NONE});
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < BLOCKS; ++i) {
            void *const p = aa_alloc(a, EACH);
            ck_assert_msg(p != NULL, "block %d of %d: %s", i, BLOCKS, aa_last_message());
            pattern_fill(p, EACH, (unsigned)i);
        }
        assert_fails(aa_alloc(a, 1), AA_NOMEM);
        ck_assert_uint_le(stats_of(a).committed, capacity);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(zeroed_and_prefaulted_allocators_stay_so)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.flags = AA_GUARD | AA_ZEROED | AA_PREFAULT});
    for (int round = 0; round < 5; ++round) {
        void *const p = aa_alloc(a, 100000);
        ck_assert(is_zero(p, 100000));
        memset(p, 1, 100000);
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_eq(stats_of(a).guard_misses, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(errno_is_kept)
{
    aa_allocator *const a = guarded(_i);
    errno = 77;
    (void)aa_alloc(a, 1000000);
    ck_assert_int_eq(errno, 77);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_int_eq(errno, 77);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(errno, 77);
}
END_TEST

/* ---- what it costs the process --------------------------------------------------------------------------- */

static int mappings(void)
{
    FILE *const maps = fopen("/proc/self/maps", "r");
    int lines = 0, c;
    if (maps == NULL) {
        return 0;
    }
    while ((c = getc(maps)) != EOF) {
        lines += c == '\n';
    }
    (void)fclose(maps);
    return lines;
}

START_TEST(twenty_thousand_resets_keep_the_number_of_mappings)
{
    enum { RESETS = 20000, WARM = 100 };
    aa_allocator *const a = guarded(_i);
    int before = 0;
    for (int i = 0; i < WARM + RESETS; ++i) {
        before = i == WARM ? mappings() : before;
        *(volatile char *)aa_alloc(a, 100000) = 1;
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_int_le(mappings(), before + 20);
    ck_assert_uint_eq(stats_of(a).guard_misses, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(allocators_that_come_and_go_keep_the_number_of_mappings)
{
    int before = 0;
    for (int i = 0; i < 2000; ++i) {
        before = i == 100 ? mappings() : before;
        aa_allocator *const a = guarded(_i);
        *(volatile char *)aa_alloc(a, 100000) = 1;
        assert_status(aa_reset(a), AA_OK);
        *(volatile char *)aa_alloc(a, 100000) = 1;
        assert_status(aa_destroy(a), AA_OK);
    }
    ck_assert_int_le(mappings(), before + 20);
}
END_TEST

/* The arena's inline window serves whoever has the handle; where an array was made is noted on the thread's record. */
static void *make_an_array(void *allocator)
{
    static const int64_t shape[] = {8};
    const aa_array made = aa_zeros(allocator, AA_F64, 1, shape);
    return made.data;
}

START_TEST(a_thread_whose_first_call_makes_an_array_of_anothers_arena_is_served)
{
    aa_allocator *const a =
        aa_arena_create(&(aa_options){.checks = AA_CHECKS_NONE, .flags = AA_GUARD});
    ck_assert_ptr_nonnull(make_an_array(a));
    char *const p = on_thread(make_an_array, a);
    ck_assert(aa_owns(a, p));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

GUARD_TEST_MAIN("guard", AA_TEST_BUMP(reading_by_a_stale_pointer_after_a_reset_faults_and_is_named),
                AA_TEST_BUMP(writing_by_a_stale_pointer_after_a_reset_faults_and_is_named),
                AA_TEST_BUMP(a_stale_pointer_of_many_resets_ago_is_named_with_its_epoch),
                AA_TEST_BUMP(a_stale_pointer_after_destroy_faults_and_is_named),
                AA_TEST_BUMP(a_stale_pointer_to_raw_memory_is_named_by_its_block),
                AA_TEST_BUMP(stale_pointers_into_a_chain_that_was_folded_fault),
                AA_TEST_BUMP(a_reset_moves_what_all_threads_were_given),
                AA_TEST_BUMP(a_team_reset_moves_the_memory_too),
                AA_TEST(full_checks_bring_the_guard),
                AA_TEST_BUMP(memory_that_was_not_reset_keeps_its_contents),
                AA_TEST(resetting_one_threads_arena_of_a_private_allocator_leaves_the_others),
                AA_TEST_BUMP(a_rewind_does_not_move_the_memory),
                AA_TEST_BUMP(each_reset_gives_other_addresses_and_owns_follows),
                AA_TEST_BUMP(a_reset_asks_nothing_of_the_upstream_after_the_first_rounds),
                AA_TEST_BUMP(the_capacity_holds_with_a_guard),
                AA_TEST_BUMP(zeroed_and_prefaulted_allocators_stay_so), AA_TEST_BUMP(errno_is_kept),
                AA_TEST_BUMP(twenty_thousand_resets_keep_the_number_of_mappings),
                AA_TEST_BUMP(allocators_that_come_and_go_keep_the_number_of_mappings),
                AA_TEST(a_thread_whose_first_call_makes_an_array_of_anothers_arena_is_served))
