/* What a memory checker is told: this program has its two calls, and remembers what may be touched. */
#include "child.h"
#include "full.h"
#include "guard.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <stdint.h>
#include <stdlib.h>

typedef struct told {
    uintptr_t start, end;
    bool poisoned;
} told;

enum { TOLD = 1 << 16 };

static told all[TOLD];
static size_t count;

static void note(const volatile void *start, size_t bytes, bool poisoned)
{
    all[count % TOLD] = (told){(uintptr_t)start, (uintptr_t)start + bytes, poisoned};
    ++count;
}

#if !UNDER_ASAN
/* The names are AddressSanitizer's: the library finds them by their weak symbols. */
void __asan_poison_memory_region(const volatile void *start, size_t bytes);
void __asan_unpoison_memory_region(const volatile void *start, size_t bytes);

void __asan_poison_memory_region(const volatile void *start, size_t bytes)
{
    note(start, bytes, true);
}

void __asan_unpoison_memory_region(const volatile void *start, size_t bytes)
{
    note(start, bytes, false);
}
#endif

/* The latest word on a byte; without one it may be touched. */
static bool is_poisoned(const char *byte)
{
    const size_t known = count < TOLD ? count : TOLD;
    for (size_t i = count; i > count - known; --i) {
        const told *const t = &all[(i - 1) % TOLD];
        if ((uintptr_t)byte >= t->start && (uintptr_t)byte < t->end) {
            return t->poisoned;
        }
    }
    return false;
}

static aa_allocator *watched(int kind)
{
    return bump_create(kind, &(aa_options){.checks = AA_CHECKS_FULL,
                                           .upstream = aa_upstream_heap(),
                                           .initial = 1 << 16});
}

START_TEST(what_is_handed_out_may_be_touched_and_nothing_beside_it)
{
    aa_allocator *const a = watched(_i);
    const char *const p = aa_alloc(a, 100), *const next = aa_alloc(a, 1);
    ck_assert(!is_poisoned(p) && !is_poisoned(p + 99));
    ck_assert(is_poisoned(p + 100) && is_poisoned(p + 127) && is_poisoned(next + 1));
    ck_assert(!is_poisoned(next));
    ck_assert(is_poisoned(next + 1000)); /* of the block, handed out to nobody */
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_is_given_back_may_not_be_touched)
{
    aa_allocator *const a = watched(_i);
    const char *const kept = aa_alloc(a, 100), *const marked = aa_alloc(a, 50);
    const aa_mark mark = aa_mark_take(a);
    char *const p = aa_alloc(a, 100);
    aa_free(a, p, 100);
    ck_assert(is_poisoned(p) && is_poisoned(p + 99));
    const char *const q = aa_alloc(a, 100);
    ck_assert(!is_poisoned(q));
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert(is_poisoned(q));
    ck_assert(!is_poisoned(kept) && !is_poisoned(marked));
    assert_status(aa_reset(a), AA_OK);
    ck_assert(is_poisoned(kept) && is_poisoned(marked));
    assert_status(aa_destroy(a), AA_OK);
    ck_assert(!is_poisoned(kept) && !is_poisoned(q)); /* its upstream's again */
}
END_TEST

START_TEST(without_full_checks_the_checker_is_told_nothing)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_API, .upstream = aa_upstream_heap()});
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* The checker has seen the write, and would see ours look at the redzone. */
START_TEST(a_write_past_the_end_is_left_to_the_checker)
{
    aa_allocator *const a = watched(_i);
    char *const p = aa_alloc(a, 100);
    record_violations();
    poke(p, 100);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(violations_count(), 0);
}
END_TEST

START_TEST(the_heap_tells_it_too)
{
    ck_assert_int_eq(setenv("AA_CHECKS", "full", 1), 0);
    record_violations();
    char *const p = aa_alloc(aa_heap(), 100);
    ck_assert(!is_poisoned(p + 99));
    ck_assert(is_poisoned(p + 100));
    poke(p, 100);
    aa_free(aa_heap(), p, 100);
    ck_assert(!is_poisoned(p + 100)); /* the C heap's again */
    ck_assert_int_eq(violations_count(), 0);
}
END_TEST

/* A ring of 512 slots, each poisoned by an allocator with full checks, and then used by one without. */
static void go_round_after_full_checks(void *unused)
{
    (void)unused;
    leave_address_space((size_t)1600 << 20);
    aa_allocator *const full =
        bump_try_create(ARENA, &(aa_options){.flags = AA_GUARD, .checks = AA_CHECKS_FULL});
    const char *stale = NULL;
    for (int i = 0; i < 600; ++i) {
        const char *const p = aa_alloc(full, 1000);
        stale = i == 5 ? p : stale;
        if (p == NULL || aa_reset(full) != AA_OK) {
            exit(1);
        }
    }
    const bool was_poisoned = is_poisoned(stale);
    bool came_round = false;
    for (int i = 0; i < 600; ++i) {
        aa_allocator *const plain =
            bump_try_create(ARENA, &(aa_options){.flags = AA_GUARD, .checks = AA_CHECKS_API});
        const char *const p = aa_alloc(plain, 1000);
        if (p == NULL || is_poisoned(p) || is_poisoned(p + 999)) {
            exit(2);
        }
        came_round = came_round || (stale >= p && stale < p + 1000);
        if (aa_reset(plain) != AA_OK || aa_destroy(plain) != AA_OK) {
            exit(1);
        }
    }
    exit(was_poisoned && came_round ? 0 : 3);
}

START_TEST(a_slot_of_the_ring_that_is_used_again_may_be_touched)
{
    child_result result;
    child_run(&result, go_round_after_full_checks, NULL);
    assert_exited_well(&result);
}
END_TEST

int main(void)
{
    const aa_test tests[] = {AA_TEST_BUMP(what_is_handed_out_may_be_touched_and_nothing_beside_it),
                             AA_TEST_BUMP(what_is_given_back_may_not_be_touched),
                             AA_TEST_BUMP(without_full_checks_the_checker_is_told_nothing),
                             AA_TEST_BUMP(a_write_past_the_end_is_left_to_the_checker),
                             AA_TEST(the_heap_tells_it_too),
                             AA_TEST(a_slot_of_the_ring_that_is_used_again_may_be_touched)};
    if (UNDER_ASAN || under_valgrind()) {
        puts("tools: a real checker is here");
        return 77;
    }
    return aa_test_run("tools: a memory checker", sizeof tests / sizeof tests[0], tests);
}
