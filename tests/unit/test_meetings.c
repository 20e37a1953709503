/* Two calls at once, made certain: at the first, second, third ... place where a call of this thread takes or lets go a lock,
 * another thread's call begins, and ends or stays. Whatever comes of it, exactly one of two that exclude each other succeeds,
 * and nothing is lost. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <allocarrays/impl/inject.h>
#include <stdlib.h>

enum { MOST_POINTS = 100 };

static pthread_t here;
static int points, at_point, locks;
static bool met;
static void (*meet)(void *), *with;

/* Not inside a lock: the other thread may need it. */
static void pass(unsigned where)
{
    if (!pthread_equal(pthread_self(), here)) {
        return;
    }
    const bool released = (where & AAI_POINT_RELEASED) != 0;
    locks -= released;
    if (locks == 0 && ++points == at_point) {
        met = true;
        meet(with);
    }
    locks += !released;
}

/* From now on: at the n-th point. */
static void await(int n, void (*what)(void *), void *argument)
{
    here = pthread_self();
    points = locks = 0;
    at_point = n;
    met = false;
    meet = what;
    with = argument;
    aai_injection_set(pass);
}

static bool over(void)
{
    aai_injection_set(NULL);
    return !met;
}

/* ---- two frees of one array ------------------------------------------------------------------------------------- */

static char pool[2][1 << 10] __attribute__((aligned(64)));
static int frees, at_pool;

/* Always the same address, until at_pool says the other. */
static void *pool_alloc(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    (void)alignment;
    return bytes <= sizeof pool[0] ? pool[at_pool] : NULL;
}

static void pool_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)pointer;
    (void)bytes;
    ++frees;
}

typedef struct rival {
    aa_allocator *allocator;
    aa_array array, other, next;
    void *raw;
    int makes; /* at the address that is free now: an array; one, after another elsewhere took the cell; a raw block */
    aa_status said;
} rival;

static aa_array five(aa_allocator *a)
{
    return aa_zeros(a, AA_F64, 1, (const int64_t[]){5});
}

static void *free_first(void *argument)
{
    rival *const r = argument;
    r->said = aa_array_free(&r->array);
    if (r->makes == 2 && r->said == AA_OK) {
        at_pool = 1;
        r->other = five(r->allocator);
        at_pool = 0;
    }
    if (r->makes == 3 && r->said == AA_OK) {
        r->raw = aa_alloc(r->allocator, 5 * sizeof(double));
    } else if (r->makes != 0 && r->said == AA_OK) {
        r->next = five(r->allocator);
    }
    return NULL;
}

static void free_on_a_thread(void *argument)
{
    (void)on_thread(free_first, argument);
}

static bool free_at_once(aa_allocator *a, int n, int makes)
{
    const bool custom = a != aa_heap();
    aa_array mine = five(a);
    rival r = {.allocator = a, .array = mine, .makes = makes, .said = AA_STALE};
    record_violations();
    await(n, free_on_a_thread, &r);
    const aa_status said = aa_array_free(&mine);
    const bool done = over();
    ck_assert_msg((said == AA_OK) != (r.said == AA_OK), "point %d: %s and %s", n,
                  aa_status_name(said), aa_status_name(r.said));
    if (!aa_is_null(&r.next)) {
        ck_assert(aa_is_valid(&r.next));
        assert_status(aa_array_free(&r.next), AA_OK);
    }
    if (r.raw != NULL) {
        ck_assert(!custom ? aa_owns(a, r.raw) : r.raw == pool[0]);
        aa_free(a, r.raw, 5 * sizeof(double));
    }
    if (!aa_is_null(&r.other)) {
        assert_status(aa_array_free(&r.other), AA_OK);
    }
    return done;
}

START_TEST(one_of_two_frees_of_an_array_succeeds)
{
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = pool_alloc, .free = pool_free};
    const bool custom = _i % 2 != 0;
    aa_allocator *const a = custom ? aa_custom_create(&ops, NULL, NULL) : aa_heap();
    int n = 1;
    while (!free_at_once(a, n, _i / 2)) {
        ck_assert_int_lt(++n, MOST_POINTS);
    }
    ck_assert_int_gt(n, 2);
    if (custom) {
        ck_assert_int_ge(frees, n);
        assert_status(aa_destroy(a), AA_OK);
    }
}
END_TEST

/* ---- a free and a rewind ---------------------------------------------------------------------------------------- */

static void *free_pointer(void *pointer)
{
    aa_free(aa_heap(), pointer, 100);
    return NULL;
}

static void free_pointer_on_a_thread(void *pointer)
{
    (void)on_thread(free_pointer, pointer);
}

START_TEST(memory_that_another_thread_frees_during_a_rewind_is_freed_once)
{
    int n = 0;
    bool done = false;
    while (!done) {
        ck_assert_int_lt(++n, MOST_POINTS);
        const aa_mark mark = aa_mark_take(aa_heap());
        void *const p = aa_alloc(aa_heap(), 100);
        await(n, free_pointer_on_a_thread, p);
        assert_status(aa_mark_rewind(mark), AA_OK);
        done = over();
        ck_assert(!aa_owns(aa_heap(), p));
    }
    ck_assert_int_gt(n, 2);
}
END_TEST

static void *marked;

static void take_and_rewind(guest *g)
{
    const aa_mark mark = aa_mark_take(aa_heap());
    marked = aa_alloc(aa_heap(), 100);
    guest_stay(g);
    g->wrong += aa_mark_rewind(mark) != AA_OK;
}

static void dismiss(void *g)
{
    guest_dismiss(g);
}

START_TEST(memory_whose_thread_rewinds_while_another_frees_it_is_freed_once)
{
    int n = 0;
    bool done = false;
    while (!done) {
        ck_assert_int_lt(++n, MOST_POINTS);
        guest g;
        guest_invite(&g, take_and_rewind, NULL);
        await(n, dismiss, &g);
        aa_free(aa_heap(), marked, 100);
        done = over();
        if (done) {
            guest_dismiss(&g);
        }
        ck_assert(!aa_owns(aa_heap(), marked));
    }
    ck_assert_int_gt(n, 2);
}
END_TEST

/* ---- a reset and what begins while it is proved to be alone -------------------------------------------------------- */

static guest stayer;
static bool stays; /* the next request for a block stays until it is told to go on */

static void *alloc_and_stay(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    (void)least;
    if (stays) {
        stays = false;
        guest_stay(&stayer);
    }
    void *memory = NULL;
    return posix_memalign(&memory, alignment, *bytes) != 0 ? NULL : memory;
}

static void plain_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

/* Served, or refused because the reset was first. */
static void take_much(guest *g)
{
    const bool served = aa_alloc(g->argument, 10 << 20) != NULL;
    g->wrong += !served && aa_last_status() != AA_BUSY;
    guest_set(g, GUEST_STAYS); /* if it did not before */
}

static void invite(void *allocator)
{
    stays = true;
    guest_invite(&stayer, take_much, allocator);
}

START_TEST(a_reset_that_an_allocation_precedes_is_refused_with_one_report)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = alloc_and_stay, .free = plain_free};
    aa_upstream *const upstream = aa_upstream_custom(&ops, NULL);
    int refused = 0, n = 0;
    bool done = false;
    while (!done) {
        ck_assert_int_lt(++n, MOST_POINTS);
        aa_allocator *const a = aa_shared_create(&(aa_options){.upstream = upstream});
        ck_assert_ptr_nonnull(aa_alloc(a, 100));
        record_violations();
        await(n, invite, a);
        const aa_status said = aa_reset(a);
        done = over();
        ck_assert_int_eq(violations_count(), said == AA_BUSY);
        ck_assert(said == AA_OK || said == AA_BUSY);
        refused += said == AA_BUSY;
        if (!done) {
            guest_dismiss(&stayer);
        }
        stays = false;
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_eq(stats_of(a).used, 0);
        assert_status(aa_destroy(a), AA_OK);
    }
    ck_assert_int_gt(refused, 1);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

static aa_allocator *guests;

static void own_and_take(guest *g)
{
    guests = aa_arena_create(&(aa_options){.upstream = g->argument, .checks = AA_CHECKS_NONE});
    stays = true;
    g->wrong += aa_alloc(guests, 10 << 20) == NULL;
    g->wrong += aa_alloc(guests, 100) == NULL;
    g->wrong += aa_destroy(guests) != AA_OK;
}

/* Without checks another thread may reset an arena, but not while its owner waits for memory. */
START_TEST(a_reset_of_an_arena_whose_owner_is_in_its_upstream_is_refused)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = alloc_and_stay, .free = plain_free};
    aa_upstream *const upstream = aa_upstream_custom(&ops, NULL);
    guest_invite(&stayer, own_and_take, upstream);
    assert_refused(aa_reset(guests), AA_BUSY, AA_RESET_IN_USE);
    ck_assert_ptr_nonnull(strstr(last_violation()->message, "in its upstream"));
    guest_dismiss(&stayer);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

static void *unpin(void *array)
{
    return aa_unpin(array) == AA_OK ? array : NULL;
}

static void unpin_on_a_thread(void *array)
{
    (void)on_thread(unpin, array);
}

START_TEST(a_pin_that_ends_while_a_reset_looks_for_it)
{
    int refused = 0, n = 0;
    bool done = false;
    while (!done) {
        ck_assert_int_lt(++n, MOST_POINTS);
        aa_allocator *const a = bump_create(_i, NULL);
        aa_array pinned = five(a);
        assert_status(aa_pin(&pinned), AA_OK);
        record_violations();
        await(n, unpin_on_a_thread, &pinned);
        const aa_status said = aa_reset(a);
        done = over();
        ck_assert(said == AA_OK || said == AA_BUSY);
        ck_assert_int_eq(violations_of(AA_RESET_IN_USE), said == AA_BUSY);
        refused += said == AA_BUSY;
        if (done) {
            assert_status(aa_unpin(&pinned), AA_OK);
        }
        if (said != AA_OK) {
            assert_status(aa_reset(a), AA_OK);
        }
        ck_assert(!aa_is_valid(&pinned));
        assert_status(aa_destroy(a), AA_OK);
    }
    ck_assert_int_gt(refused, 0);
}
END_TEST

static void *pin(void *array)
{
    return aa_pin(array) == AA_OK ? array : NULL;
}

static bool pinned_there;

static void pin_on_a_thread(void *array)
{
    pinned_there = on_thread(pin, array) != NULL;
}

/* Whoever came first: a pin that was counted is uncounted by its unpin, and nothing is refused for its sake afterwards. */
START_TEST(a_pin_that_begins_while_a_reset_looks_for_it)
{
    int lost = 0, n = 0;
    bool done = false;
    while (!done) {
        ck_assert_int_lt(++n, MOST_POINTS);
        aa_allocator *const a = bump_create(_i, NULL);
        aa_array array = five(a);
        record_violations();
        pinned_there = false;
        await(n, pin_on_a_thread, &array);
        const aa_status said = aa_reset(a);
        done = over();
        ck_assert(said == AA_OK || said == AA_BUSY);
        if (pinned_there && said == AA_OK) { /* the next round's array has its ordinal */
            const aa_array next = five(a);
            ++lost;
            assert_status(aa_unpin(&next), AA_ORDER);
            assert_status(aa_pin(&next), AA_OK);
            assert_status(aa_unpin(&next), AA_OK);
            ck_assert_uint_eq(aai_pins(a), 1);
        }
        if (pinned_there) {
            assert_status(aa_unpin(&array), said == AA_OK ? AA_STALE : AA_OK);
        }
        ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), !done && said == AA_OK);
        ck_assert_uint_eq(aai_pins(a), 0);
        assert_status(aa_reset(a), AA_OK);
        assert_status(aa_destroy(a), AA_OK);
    }
    ck_assert_int_gt(lost,
                     0); /* a reset of an arena looks for pins before it takes its first lock */
}
END_TEST

AA_TEST_MAIN("meetings", AA_TEST_LOOP(one_of_two_frees_of_an_array_succeeds, 0, 8),
             AA_TEST(memory_that_another_thread_frees_during_a_rewind_is_freed_once),
             AA_TEST(memory_whose_thread_rewinds_while_another_frees_it_is_freed_once),
             AA_TEST(a_reset_that_an_allocation_precedes_is_refused_with_one_report),
             AA_TEST(a_reset_of_an_arena_whose_owner_is_in_its_upstream_is_refused),
             AA_TEST_BUMP(a_pin_that_ends_while_a_reset_looks_for_it),
             AA_TEST_BUMP(a_pin_that_begins_while_a_reset_looks_for_it))
