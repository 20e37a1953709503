/* The guard ring where it cannot be: other upstreams, little address space, a small ring, live memory in the way. */
#include "child.h"
#include "guard.h"
#include "kinds.h"
#include "patterns.h"
#include "sanitizers.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

/* ---- where it cannot be -------------------------------------------------------------------------------------- */

START_TEST(it_is_refused_over_other_upstreams_than_ordinary_pages)
{
    static char memory[65536];
    upstream_count count;
    aa_upstream *const all[] = {aa_upstream_heap(),
                                aa_upstream_buffer(memory, sizeof memory),
                                aa_upstream_limit(NULL, 1 << 20),
                                aa_upstream_failing(NULL, 0),
                                counted_create(&count),
                                aa_upstream_pages(AA_HUGEPAGES)};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        ck_assert_ptr_nonnull(all[i]);
        assert_fails(bump_try_create(_i, &(aa_options){.upstream = all[i], .flags = AA_GUARD}),
                     AA_UNSUPPORTED);
    }
    for (int i = 1; i < 5; ++i) { /* the heap and the pages are not ours to destroy */
        assert_status(aa_upstream_destroy(all[i]), AA_OK);
    }
    assert_fails(bump_try_create(_i, &(aa_options){.flags = AA_GUARD | AA_HUGEPAGES}),
                 AA_UNSUPPORTED);
    aa_allocator *const prefaulted = bump_create(
        _i, &(aa_options){.upstream = aa_upstream_pages(AA_PREFAULT), .flags = AA_GUARD});
    assert_status(aa_destroy(prefaulted), AA_OK);
}
END_TEST

START_TEST(full_checks_over_another_upstream_reset_in_place)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.upstream = aa_upstream_heap(), .checks = AA_CHECKS_FULL});
    void *const p = aa_alloc(a, 1000);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_eq(aa_alloc(a, 1000), p);
    ck_assert_uint_eq(stats_of(a).guard_misses, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* The program works; exits with 1 when something is wrong. */
static uint64_t misses_of_many_resets(int kind, int resets)
{
    aa_allocator *const a = bump_try_create(kind, &(aa_options){.flags = AA_GUARD});
    for (int i = 0; i < resets; ++i) {
        char *const p = aa_alloc(a, 100000);
        if (p == NULL) {
            exit(1);
        }
        pattern_fill(p, 100000, (unsigned)i);
        if (!pattern_holds(p, 100000, (unsigned)i) || aa_reset(a) != AA_OK) {
            exit(1);
        }
    }
    const uint64_t misses = stats_of(a).guard_misses;
    if (aa_destroy(a) != AA_OK) {
        exit(1);
    }
    return misses;
}

static void work_in_tight_space(void *argument)
{
    leave_address_space((size_t)256 << 20);
    exit(misses_of_many_resets(*(const int *)argument, 50) != 0 ? 0 : 1);
}

START_TEST(where_address_space_is_refused_it_resets_in_place_and_counts)
{
    int kind = _i;
    child_result result;
    if (UNDER_ASAN) {
        return;
    }
    child_run(&result, work_in_tight_space, &kind);
    assert_exited_well(&result);
}
END_TEST

/* 1 GiB is 512 slots: the ring comes round many times. */
static void go_round_a_small_ring(void *argument)
{
    leave_address_space((size_t)1600 << 20);
    exit(misses_of_many_resets(*(const int *)argument, 3000) == 0 ? 0 : 1);
}

START_TEST(a_ring_that_comes_round_is_used_again)
{
    int kind = _i;
    child_result result;
    if (UNDER_ASAN) {
        return;
    }
    child_run(&result, go_round_a_small_ring, &kind);
    assert_exited_well(&result);
}
END_TEST

/* Live memory stays where it is while the ring goes round it. */
static void go_round_live_memory(void *argument)
{
    enum { LIVE = 40 };
    aa_allocator *live[LIVE];
    void *memory[LIVE];
    leave_address_space((size_t)1600 << 20);
    for (unsigned i = 0; i < LIVE; ++i) {
        live[i] = guarded(*(const int *)argument);
        memory[i] = aa_alloc(live[i], 10000 * (size_t)(i + 1));
        pattern_fill(memory[i], 10000 * (size_t)(i + 1), i);
    }
    (void)misses_of_many_resets(ARENA, 2000);
    for (unsigned i = 0; i < LIVE; ++i) {
        if (!pattern_holds(memory[i], 10000 * (size_t)(i + 1), i)) {
            exit(1);
        }
    }
}

START_TEST(a_ring_that_comes_round_spares_live_memory)
{
    int kind = _i;
    child_result result;
    if (UNDER_ASAN) {
        return;
    }
    child_run(&result, go_round_live_memory, &kind);
    assert_exited_well(&result);
}
END_TEST

START_TEST(an_alignment_beyond_a_slots_is_served_without_it_and_counted)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.flags = AA_GUARD, .alignment = (size_t)4 << 20});
    void *const p = aa_alloc(a, 100);
    ck_assert(is_aligned(p, (size_t)4 << 20));
    ck_assert_uint_ne(stats_of(a).guard_misses, 0);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- what the logs have forgotten ------------------------------------------------------------------------------ */

enum { SLOTS_KEPT = 4096, BIRTHS_KEPT = 8192 };

static void use_what_ended_long_ago(void *argument)
{
    aa_allocator *const a = guarded(*(const int *)argument);
    const char *const p = aa_alloc(a, 100);
    for (int i = 0; i < SLOTS_KEPT + 100; ++i) {
        (void)aa_reset(a);
        (void)aa_alloc(a, 100);
    }
    read_byte(p);
}

START_TEST(a_block_that_ended_thousands_of_resets_ago_is_not_named)
{
    int kind = _i;
    child_result result;
    child_run(&result, use_what_ended_long_ago, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "of a block that ended long ago");
    ck_assert_ptr_null(strstr(result.text, "'guarded'"));
}
END_TEST

static void use_an_array_of_long_ago(void *argument)
{
    aa_allocator *const a = guarded(*(const int *)argument), *const other = guarded(ARENA);
    const aa_array x = aa_zeros(a, AA_F64, 1, (const int64_t[]){10});
    for (int i = 0; i < BIRTHS_KEPT + 100; ++i) {
        (void)aa_empty(other, AA_F64, 1, (const int64_t[]){3});
    }
    (void)aa_reset(a);
    read_byte(x.data);
}

START_TEST(an_array_that_thousands_were_made_after_is_not_named_but_its_block_is)
{
    int kind = _i;
    child_result result;
    child_run(&result, use_an_array_of_long_ago, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "allocator 'guarded', epoch 0 has ended, byte 0 of its block");
    ck_assert_ptr_null(strstr(result.text, "array f64"));
}
END_TEST

START_TEST(more_allocators_than_slots_work_and_are_counted)
{
    enum { MANY = 16384 + 20 };
    static aa_allocator *all[MANY];
    uint64_t misses = 0;
    if (UNDER_ASAN) {
        return;
    }
    for (int i = 0; i < MANY; ++i) {
        all[i] = bump_create(ARENA, &(aa_options){.flags = AA_GUARD, .initial = 4096});
        char *const p = aa_alloc(all[i], 100);
        ck_assert_msg(p != NULL, "allocator %d: %s", i, aa_last_message());
        *p = (char)i;
        misses += stats_of(all[i]).guard_misses;
    }
    ck_assert_uint_ge(misses, 20);
    assert_status(aa_reset(all[MANY - 1]), AA_OK);
    assert_status(aa_reset(all[0]), AA_OK);
    for (int i = 0; i < MANY; ++i) {
        assert_status(aa_destroy(all[i]), AA_OK);
    }
}
END_TEST

GUARD_TEST_MAIN("guard: limits",
                AA_TEST_BUMP(it_is_refused_over_other_upstreams_than_ordinary_pages),
                AA_TEST_BUMP(full_checks_over_another_upstream_reset_in_place),
                AA_TEST_BUMP(where_address_space_is_refused_it_resets_in_place_and_counts),
                AA_TEST_BUMP(a_ring_that_comes_round_is_used_again),
                AA_TEST_BUMP(a_ring_that_comes_round_spares_live_memory),
                AA_TEST_BUMP(an_alignment_beyond_a_slots_is_served_without_it_and_counted),
                AA_TEST_BUMP(a_block_that_ended_thousands_of_resets_ago_is_not_named),
                AA_TEST_BUMP(an_array_that_thousands_were_made_after_is_not_named_but_its_block_is),
                AA_TEST(more_allocators_than_slots_work_and_are_counted))
