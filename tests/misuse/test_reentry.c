/* Calls that arrive inside a call: from an upstream, a method, a violation handler, a signal handler. AA_BUSY,
 * never a deadlock, and the outer call goes on. */
#include "held.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <signal.h>
#include <sys/time.h>

/* ---- an upstream that calls back into the allocator it serves ---- */

typedef aa_status inner_call(aa_allocator *);

static aa_status inner_nothing(aa_allocator *a)
{
    return a != NULL ? AA_OK : AA_INVALID;
}

static aa_status inner_alloc(aa_allocator *a)
{
    return aa_alloc(a, 1 << 20) != NULL ? AA_OK : aa_last_status();
}

static aa_status inner_alloc_aligned(aa_allocator *a)
{
    return aa_alloc_aligned(a, 100, 1 << 20) != NULL ? AA_OK : aa_last_status();
}

static aa_status inner_free(aa_allocator *a)
{
    static char memory[64];
    aa_last_clear();
    aa_free(a, memory, 64);
    return aa_last_status();
}

static aa_status inner_mark(aa_allocator *a)
{
    return aa_mark_is_null(aa_mark_take(a)) ? aa_last_status() : AA_OK;
}

static aa_status inner_reset(aa_allocator *a)
{
    return aa_reset(a);
}

static inner_call *const inner_calls[] = {inner_alloc, inner_alloc_aligned, inner_free,
                                          inner_mark,  inner_reset,         aa_destroy};
enum { INNER_CALLS = sizeof inner_calls / sizeof inner_calls[0] };

typedef struct re_entrant {
    upstream_count count;
    inner_call *call;
    aa_allocator *allocator;
    aa_status on_alloc, on_free;
} re_entrant;

static void *re_entrant_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    re_entrant *const r = state;
    r->on_alloc = r->call(r->allocator);
    return counted_alloc(&r->count, least, bytes, alignment);
}

static void re_entrant_free(void *state, void *pointer, size_t bytes)
{
    re_entrant *const r = state;
    r->on_free = r->call(r->allocator);
    counted_free(&r->count, pointer, bytes);
}

static aa_upstream *re_entrant_create(re_entrant *r, inner_call *call)
{
    static const aa_upstream_ops ops = {sizeof ops, re_entrant_alloc, re_entrant_free, NULL};
    *r = (re_entrant){.call = call, .on_alloc = AA_IO, .on_free = AA_IO};
    return aa_upstream_custom(&ops, r);
}

START_TEST(an_upstream_that_re_enters_its_allocator_is_refused)
{
    re_entrant r;
    aa_upstream *const upstream = re_entrant_create(&r, inner_calls[_i % INNER_CALLS]);
    aa_allocator *const a = bump_create(_i / INNER_CALLS, &(aa_options){.upstream = upstream});
    r.allocator = a;
    record_violations();
    char *const p = aa_alloc(a, 100);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(r.on_alloc, AA_BUSY);
    pattern_fill(p, 100, 1);
    char *const q = aa_alloc(a, 1 << 22);
    ck_assert_ptr_nonnull(q);
    ck_assert_int_eq(r.on_alloc, AA_BUSY);
    ck_assert(pattern_holds(p, 100, 1));
    ck_assert_uint_eq(stats_of(a).allocations, 2);
    assert_status(aa_reset(a), AA_OK); /* folds: gives and takes */
    ck_assert_int_eq(r.on_free, AA_BUSY);
    r.on_free = AA_IO;
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(r.on_free, AA_BUSY);
    assert_no_reports();
    ck_assert_uint_eq(r.count.out, 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

static aa_status inner_small_alloc(aa_allocator *a)
{
    char *const p = aa_alloc(a, 64);
    if (p == NULL) {
        return aa_last_status();
    }
    pattern_fill(p, 64, 5);
    return AA_OK;
}

/* What fits into the open window needs no upstream and is not seen by the library: harmless. */
START_TEST(a_small_request_of_an_upstream_is_refused_or_harmless)
{
    re_entrant r;
    aa_upstream *const upstream = re_entrant_create(&r, inner_small_alloc);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    r.allocator = a;
    char *const first = aa_alloc(a, 100);
    pattern_fill(first, 100, 1);
    char *const large = aa_alloc(a, 1 << 22);
    ck_assert_ptr_nonnull(large);
    ck_assert(r.on_alloc == AA_BUSY || r.on_alloc == AA_OK);
    pattern_fill(large, 1 << 22, 2);
    char *const last = aa_alloc(a, 100);
    pattern_fill(last, 100, 3);
    ck_assert(pattern_holds(first, 100, 1) && pattern_holds(large, 1 << 22, 2));
    r.call = inner_nothing;
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(an_upstream_that_takes_a_block_back_gets_no_memory_of_it)
{
    re_entrant r;
    aa_upstream *const upstream = re_entrant_create(&r, inner_small_alloc);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    r.allocator = a;
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert_ptr_nonnull(aa_alloc(a, 1 << 22));
    assert_status(aa_reset(a), AA_OK); /* folds: gives both blocks back */
    ck_assert_int_eq(r.on_free, AA_BUSY);
    ck_assert_uint_eq(stats_of(a).used, 0);
    r.on_free = AA_IO;
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(r.on_free, AA_BUSY);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(an_upstream_may_use_another_allocator)
{
    re_entrant r;
    aa_upstream *const upstream = re_entrant_create(&r, inner_alloc);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    aa_allocator *const other = bump_create(_i, NULL);
    r.allocator = other;
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert_int_eq(r.on_alloc, AA_OK);
    ck_assert_uint_eq(stats_of(other).allocations, 1);
    r.call = inner_nothing;
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_circle_of_two_upstreams_is_refused_where_it_closes)
{
    re_entrant r, s;
    aa_upstream *const one = re_entrant_create(&r, inner_alloc);
    aa_upstream *const two = re_entrant_create(&s, inner_alloc);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = one});
    aa_allocator *const b = bump_create(_i, &(aa_options){.upstream = two});
    r.allocator = b;
    s.allocator = a;
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert_int_eq(r.on_alloc, AA_OK);
    ck_assert_int_eq(s.on_alloc, AA_BUSY);
    r.call = s.call = inner_nothing;
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
    assert_status(aa_upstream_destroy(one), AA_OK);
    assert_status(aa_upstream_destroy(two), AA_OK);
}
END_TEST

/* ---- an operation of another thread on the slow path ---- */

typedef struct slow {
    upstream_count count;
    guest *guest; /* stays inside the upstream, once */
    aa_allocator *allocator;
} slow;

static void *slow_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    slow *const s = state;
    guest *const g = s->guest;
    if (g != NULL) {
        s->guest = NULL;
        guest_stay(g);
    }
    return counted_alloc(&s->count, least, bytes, alignment);
}

static void slow_free(void *state, void *pointer, size_t bytes)
{
    counted_free(&((slow *)state)->count, pointer, bytes);
}

static void grow_slowly(guest *g)
{
    slow *const s = g->argument;
    s->guest = g;
    g->wrong += aa_alloc(s->allocator, 1 << 22) == NULL;
}

START_TEST(a_call_of_another_thread_inside_the_upstream_refuses_a_reset)
{
    static const aa_upstream_ops ops = {sizeof ops, slow_alloc, slow_free, NULL};
    slow s = {.guest = NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &s);
    s.allocator = aa_shared_create(&(aa_options){.upstream = upstream});
    const held h = hold(s.allocator);
    guest g;
    guest_invite(&g, grow_slowly, &s);
    assert_refused(aa_reset(s.allocator), AA_BUSY, AA_RESET_IN_USE);
    ck_assert(pattern_holds(h.memory, HELD_BYTES, 77));
    ck_assert(aa_is_valid(&h.array));
    ck_assert_ptr_nonnull(aa_alloc(s.allocator, 100)); /* nor does it block other threads */
    guest_dismiss(&g);
    record_violations();
    assert_status(aa_reset(s.allocator), AA_OK);
    assert_no_reports();
    assert_status(aa_destroy(s.allocator), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_call_of_another_thread_inside_the_upstream_refuses_a_destroy)
{
    static const aa_upstream_ops ops = {sizeof ops, slow_alloc, slow_free, NULL};
    slow s = {.guest = NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &s);
    s.allocator = aa_shared_create(&(aa_options){.upstream = upstream});
    const held h = hold(s.allocator);
    guest g;
    guest_invite(&g, grow_slowly, &s);
    assert_refused(aa_destroy(s.allocator), AA_BUSY, AA_RESET_IN_USE);
    ck_assert(pattern_holds(h.memory, HELD_BYTES, 77));
    guest_dismiss(&g);
    assert_status(aa_destroy(s.allocator), AA_OK);
    ck_assert_uint_eq(s.count.out, 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

/* ---- a method of a custom allocator ---- */

typedef struct looking_back {
    aa_allocator *self;
    aa_status inner;
} looking_back;

static void *looking_back_alloc(void *state, size_t bytes, size_t alignment)
{
    static char memory[4096] __attribute__((aligned(64)));
    looking_back *const l = state;
    l->inner = aa_alloc(l->self, 8) == NULL ? aa_last_status() : AA_OK;
    return bytes <= sizeof memory && alignment <= 64 ? memory : NULL;
}

START_TEST(a_method_that_calls_its_own_allocator_is_refused)
{
    const aa_allocator_ops ops = {.size = sizeof ops, .alloc = looking_back_alloc};
    looking_back l = {.inner = AA_IO};
    l.self = aa_custom_create(&ops, &l, NULL);
    ck_assert_ptr_nonnull(aa_alloc(l.self, 100));
    ck_assert_int_eq(l.inner, AA_BUSY);
    assert_status(aa_destroy(l.self), AA_OK);
}
END_TEST

/* ---- a violation handler ---- */

static void curious(const aa_violation *violation, void *context)
{
    int *const right = context;
    aa_stats stats;
    *right += aa_stats_get(violation->allocator, &stats) == AA_OK && stats.used == 128;
    *right += strcmp(aa_name(violation->allocator), "asked about") == 0;
    *right += aa_alloc(aa_heap(), SIZE_MAX) == NULL; /* a failure of its own */
}

START_TEST(a_violation_handler_may_ask_about_the_allocator)
{
    int right = 0;
    aa_set_violation_handler(curious, &right);
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = "asked about"});
    (void)aa_alloc(a, 100);
    const aa_mark mark = aa_mark_take(a);
    assert_status(aa_mark_drop(mark), AA_OK);
    assert_status(aa_mark_drop(mark), AA_ORDER);
    ck_assert_int_eq(aa_last_status(), AA_ORDER);
    ck_assert_int_eq(right, _i == PRIVATE ? right : 3); /* a private one's mark is its arena's */
    ck_assert_int_ge(right, 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void allocating(const aa_violation *violation, void *context)
{
    (void)context;
    aa_allocator *const a = (aa_allocator *)(uintptr_t)violation->allocator;
    (void)aa_alloc(a, 100);
    (void)aa_reset(a);
}

START_TEST(a_violation_handler_that_uses_the_allocator_does_not_hang)
{
    aa_set_violation_handler(allocating, NULL);
    aa_allocator *const a = bump_create(_i, &(aa_options){.checks = AA_CHECKS_API});
    aa_status status = AA_OK;
#pragma omp parallel num_threads(1)
    status = aa_reset(a);
    ck_assert_int_eq(status, AA_BUSY);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_violation_handler_may_be_replaced_from_inside_itself)
{
    aa_set_violation_handler((aa_violation_handler *)record_one, &recorded);
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_mark mark = aa_mark_take(a);
    assert_status(aa_mark_drop(mark), AA_OK);
    assert_refused(aa_mark_drop(mark), AA_ORDER, AA_REWIND_ORDER);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- a signal handler ---- */

static aa_allocator *volatile signalled;
static volatile sig_atomic_t busy, served, other;

static void allocate_on_signal(int number)
{
    (void)number;
    char *const p = aa_alloc(signalled, 64);
    if (p != NULL) {
        memset(p, 0xee, 64);
        ++served;
    } else if (aa_last_status() == AA_BUSY) {
        ++busy;
    } else {
        ++other;
    }
}

static aa_status raise_signal(aa_allocator *a)
{
    signalled = a;
    return raise(SIGUSR1) == 0 ? AA_OK : AA_IO;
}

START_TEST(a_signal_handler_that_allocates_during_an_allocation_is_refused)
{
    signal(SIGUSR1, allocate_on_signal);
    re_entrant r;
    aa_upstream *const upstream = re_entrant_create(&r, raise_signal);
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.upstream = upstream, .checks = AA_CHECKS_API});
    r.allocator = a;
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert_int_eq(r.on_alloc, AA_OK);
    ck_assert_int_eq(busy, 1);
    ck_assert_int_eq(served + other, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

/* Signals at any moment of checked calls (an unchecked bump is inline and takes no part in this). */
START_TEST(signals_at_any_moment_lose_and_block_nothing)
{
    enum { ROUNDS = 300, COUNT = 300 };
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.checks = AA_CHECKS_API, .lease = 1, .initial = 4 << 20});
    ck_assert_ptr_nonnull(aa_alloc(a, 64));
    signalled = a;
    signal(SIGALRM, allocate_on_signal);
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    int broken = 0;
    for (int round = 0; round < ROUNDS; ++round) {
        char *at[COUNT];
        ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
        for (unsigned i = 0; i < COUNT; ++i) {
            at[i] = aa_alloc(a, 64);
            if (at[i] != NULL) {
                pattern_fill(at[i], 64, i);
            }
        }
        ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
        for (unsigned i = 0; i < COUNT; ++i) {
            broken += at[i] == NULL || !pattern_holds(at[i], 64, i);
        }
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_int_eq(other, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("misuse: re-entry",
             AA_TEST_LOOP(an_upstream_that_re_enters_its_allocator_is_refused, 0,
                          INNER_CALLS *BUMP_KINDS),
             AA_TEST_BUMP(a_small_request_of_an_upstream_is_refused_or_harmless),
             AA_TEST_BUMP(an_upstream_that_takes_a_block_back_gets_no_memory_of_it),
             AA_TEST_BUMP(an_upstream_may_use_another_allocator),
             AA_TEST_BUMP(a_circle_of_two_upstreams_is_refused_where_it_closes),
             AA_TEST(a_call_of_another_thread_inside_the_upstream_refuses_a_reset),
             AA_TEST(a_call_of_another_thread_inside_the_upstream_refuses_a_destroy),
             AA_TEST(a_method_that_calls_its_own_allocator_is_refused),
             AA_TEST_BUMP(a_violation_handler_may_ask_about_the_allocator),
             AA_TEST_BUMP(a_violation_handler_that_uses_the_allocator_does_not_hang),
             AA_TEST_BUMP(a_violation_handler_may_be_replaced_from_inside_itself),
             AA_TEST_BUMP(a_signal_handler_that_allocates_during_an_allocation_is_refused),
             AA_TEST_BUMP(signals_at_any_moment_lose_and_block_nothing))
