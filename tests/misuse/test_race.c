/* Two threads inside one arena at once: a finding under checks. One goes in and stays in the upstream; the other
 * makes the arena its own meanwhile, which lets it in, too. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <setjmp.h>
#include <stdlib.h>

enum { LARGE = 8 << 20 }; /* more than is held */

static guest *waiting;

static void *slow_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    (void)least;
    if (waiting != NULL) {
        guest *const g = waiting;
        waiting = NULL;
        guest_stay(g);
    }
    void *p = NULL;
    return posix_memalign(&p, alignment < 64 ? 64 : alignment, *bytes) == 0 ? p : NULL;
}

static void slow_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

static void own_and_go_in(guest *g)
{
    aa_allocator *const arena = g->argument;
    g->wrong += aa_arena_adopt(arena) != AA_OK;
    waiting = g;
    g->wrong += aa_alloc(arena, LARGE) == NULL;
}

static jmp_buf out;
static int jumps;

static void jump(const aa_violation *violation, void *context)
{
    (void)context;
    jumps += violation->kind == AA_RACE;
    longjmp(out, 1);
}

static void two_inside(int tier, int reports)
{
    static const aa_upstream_ops ops = {sizeof ops, slow_alloc, slow_free, NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, NULL);
    aa_allocator *const arena =
        aa_arena_create(&(aa_options){.upstream = upstream, .checks = (aa_checks)tier});
    ck_assert_ptr_nonnull(aa_alloc(arena, 10));
    guest g;
    record_violations();
    guest_invite(&g, own_and_go_in, arena);
    assert_status(aa_arena_adopt(arena), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(arena, 10)); /* a finding: the call does its work */
    ck_assert_int_eq(violations_of(AA_RACE), reports);
    ck_assert_int_eq(violations_count(), reports);
    if (reports != 0) {
        ck_assert_ptr_nonnull(strstr(last_violation()->message, "inside arena"));
    }
    guest_dismiss(&g);
    ck_assert_ptr_nonnull(aa_alloc(arena, 10));
    ck_assert_int_eq(violations_count(), reports);
    assert_status(aa_destroy(arena), AA_OK);
    (void)aa_upstream_destroy(upstream);
}

START_TEST(two_threads_inside_one_checked_arena_are_one_finding)
{
    two_inside(_i, 1);
}
END_TEST

static void *adopt_and_use(void *arena);

START_TEST(a_handler_that_jumps_out_of_it_is_no_longer_inside)
{
    static const aa_upstream_ops ops = {sizeof ops, slow_alloc, slow_free, NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, NULL);
    aa_allocator *const arena =
        aa_arena_create(&(aa_options){.upstream = upstream, .checks = AA_CHECKS_API});
    ck_assert_ptr_nonnull(aa_alloc(arena, 10));
    guest g;
    guest_invite(&g, own_and_go_in, arena);
    (void)aa_set_violation_handler(jump, NULL);
    assert_status(aa_arena_adopt(arena), AA_OK);
    if (setjmp(out) == 0) {
        (void)aa_alloc(arena, 10);
    }
    ck_assert_int_eq(jumps, 1);
    record_violations();
    ck_assert_ptr_eq(on_thread(adopt_and_use, arena), arena);
    assert_no_reports();
    guest_dismiss(&g);
    assert_status(aa_arena_adopt(arena), AA_OK);
    assert_status(aa_destroy(arena), AA_OK);
    (void)aa_upstream_destroy(upstream);
}
END_TEST

static void *one_after_the_other(void *arena)
{
    void *result = arena;
    for (int i = 0; i < 100 && result != NULL; ++i) {
        void *const p = aa_alloc(arena, 100);
        result = p == NULL ? NULL : arena;
        aa_free(arena, p, 100);
    }
    return result;
}

static void *adopt_and_use(void *arena)
{
    return aa_arena_adopt(arena) == AA_OK ? one_after_the_other(arena) : NULL;
}

START_TEST(threads_that_hand_an_arena_on_are_none)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_FULL});
    record_violations();
    for (int i = 0; i < 20; ++i) {
        ck_assert_ptr_eq(on_thread(adopt_and_use, arena), arena);
    }
    ck_assert_ptr_eq(adopt_and_use(arena), arena);
    assert_no_reports();
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

AA_TEST_MAIN("misuse: race",
             AA_TEST_LOOP(two_threads_inside_one_checked_arena_are_one_finding, AA_CHECKS_API,
                          AA_CHECKS_FULL + 1),
             AA_TEST(a_handler_that_jumps_out_of_it_is_no_longer_inside),
             AA_TEST(threads_that_hand_an_arena_on_are_none))
