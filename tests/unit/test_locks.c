/* What each call takes it lets go: the points of the locks, counted around every call of the interface that has any. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <allocarrays/impl/inject.h>
#include <allocarrays/impl/serve.h>
#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

static int held, points, wrong; /* of all threads */
static __thread int held_here;

static void count(unsigned where)
{
    const int change = (where & AAI_POINT_RELEASED) != 0 ? -1 : 1;
    (void)__atomic_add_fetch(&points, 1, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&held, change, __ATOMIC_RELAXED);
    held_here += change;
    if (held_here < 0) {
        (void)__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
    }
}

/* In a child, whose status says which. */
#define BALANCED(call)                                                                             \
    do {                                                                                           \
        call;                                                                                      \
        if (held != 0 || held_here != 0 || wrong != 0) {                                           \
            fprintf(stderr, "%s: %d locks held, %d here, %d let go untaken\n", #call, held,        \
                    held_here, wrong);                                                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { CUSTOM = BUMP_KINDS, HEAP, KINDS };

static void *pool_alloc(void *state, size_t bytes, size_t alignment)
{
    void *p = NULL;
    (void)state;
    return posix_memalign(&p, alignment, bytes) == 0 ? p : NULL;
}

static void pool_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

static void *pool_mark(void *state)
{
    return state;
}

static aa_status pool_rewind(void *state, void *mark)
{
    (void)state;
    (void)mark;
    return AA_OK;
}

static aa_status pool_reset(void *state)
{
    (void)state;
    return AA_OK;
}

static aa_allocator *create(int kind, const aa_options *options)
{
    static const aa_allocator_ops ops = {.size = sizeof ops,
                                         .alloc = pool_alloc,
                                         .free = pool_free,
                                         .mark = pool_mark,
                                         .rewind = pool_rewind,
                                         .reset = pool_reset};
    static int state;
    return kind < CUSTOM    ? bump_try_create(kind, options)
           : kind == CUSTOM ? aa_custom_create(&ops, &state, NULL)
                            : aa_heap();
}

static const int64_t shape[] = {10};

static void take_and_give(aa_allocator *a)
{
    void *p, *q;
    BALANCED(p = aa_alloc(a, 100));
    BALANCED(p = aa_realloc(a, p, 100, 50000));
    BALANCED(q = aa_alloc_aligned(a, 3000, 4096));
    BALANCED((void)aa_owns(a, q));
    BALANCED(aa_free(a, q, 3000));
    BALANCED(aa_free(a, p, 50000));
    BALANCED(p = aai_serve_alloc(a, 100, 0));
    BALANCED((void)aai_serve_owner(p));
    BALANCED((void)aai_serve_held(p));
    BALANCED((void)aai_serve_resize(a, p, 50));
    BALANCED((void)aai_serve_free(p));
}

static void hold_arrays(aa_allocator *a)
{
    aa_array x, copy;
    BALANCED(x = aa_zeros(a, AA_F64, 1, shape));
    BALANCED(copy = aa_copy(&x));
    BALANCED((void)aa_pin(&x));
    BALANCED((void)aa_reset(a)); /* refused */
    BALANCED((void)aa_unpin(&x));
    BALANCED((void)aa_array_free(&copy));
    BALANCED((void)aa_data(&x));
}

static void mark(aa_allocator *a)
{
    aa_mark outer, inner;
    BALANCED(outer = aa_mark_take(a));
    BALANCED((void)aa_zeros(a, AA_F64, 1, shape));
    BALANCED(inner = aa_mark_take(a));
    BALANCED((void)aa_alloc(a, 100));
    BALANCED((void)aa_mark_drop(inner));
    BALANCED((void)aa_mark_rewind(outer));
    BALANCED((void)aa_mark_rewind(outer)); /* refused */
}

static void scope(aa_allocator *a)
{
    aa_scope outer, inner;
    aa_token token;
    uintptr_t handle;
    BALANCED(handle = aa_omp_handle(a));
    BALANCED((void)aa_from_omp_handle(handle));
    BALANCED((void)aai_serve_uncut((uint32_t)handle));
    BALANCED(outer = aa_scope_enter(a));
    BALANCED(token = aa_scope_capture());
    BALANCED(inner = aa_token_enter(token));
    BALANCED((void)aa_alloc(AA_CURRENT, 100));
    BALANCED((void)aa_scope_leave(inner));
    BALANCED((void)aa_scope_leave(outer));
}

static void tell(aa_allocator *a)
{
    static char text[1 << 16];
    aa_stats stats;
    FILE *const file = fmemopen(text, sizeof text, "w");
    BALANCED((void)aa_stats_get(a, &stats));
    BALANCED((void)aa_report(file, a));
    BALANCED((void)aa_report_json(file));
    BALANCED((void)aai_pins(a));
    (void)fclose(file);
}

/* Takes memory, and ends inside a mark and a scope. */
static void *come_and_go(void *allocator)
{
    (void)aa_alloc(allocator, 100);
    (void)aa_alloc(allocator, 1 << 20);
    (void)aa_mark_take(allocator);
    (void)aa_zeros(allocator, AA_F64, 1, shape);
    (void)aa_scope_enter(allocator);
    return NULL;
}

static void reset_in_a_team(aa_allocator *a)
{
#pragma omp parallel num_threads(2)
    {
        (void)aa_alloc(a, 100);
        (void)aa_reset_team(a);
    }
}

static void all(const aa_options *options, int kind)
{
    aa_allocator *a;
    aai_injection_set(count);
    BALANCED(a = create(kind, options));
    for (int round = 0; round < 2; ++round) {
        take_and_give(a);
        hold_arrays(a);
        mark(a);
        scope(a);
        tell(a);
        BALANCED((void)aa_reset(a));
    }
    if (kind != ARENA) {
        BALANCED((void)on_thread(come_and_go, a));
        BALANCED((void)on_thread(come_and_go, a));
        BALANCED(reset_in_a_team(a));
    }
    if (kind != HEAP) {
        BALANCED((void)aa_destroy(a));
    }
    aai_injection_set(NULL);
    exit(points > 20 ? 0 : 2);
}

static void ignore(const aa_violation *violation, void *context)
{
    (void)violation;
    (void)context;
}

static int kind_of_test, how;

static void use_everything(void *unused)
{
    static const aa_options options[] = {{.checks = AA_CHECKS_NONE},
                                         {.checks = AA_CHECKS_FULL},
                                         {.flags = AA_GUARD},
                                         {.capacity = 1 << 23, .lease = 4096}};
    (void)unused;
    (void)aa_set_violation_handler(ignore, NULL);
    all(&options[how], kind_of_test);
}

START_TEST(every_lock_that_a_call_takes_it_lets_go)
{
    char trace[] = "/tmp/aa_locks_XXXXXX";
    child_result result;
    const int file = mkstemp(trace);
    ck_assert_int_ge(file, 0);
    if (_i >= KINDS) {
        (void)setenv("AA_TRACE", trace, 1);
        (void)setenv("AA_CHECKS", "full", 1);
    }
    kind_of_test = _i % KINDS;
    for (how = 0; how < (kind_of_test < CUSTOM ? 4 : 1); ++how) {
        child_run(&result, use_everything, NULL);
        assert_exited_well(&result);
        ck_assert_int_eq(lseek(file, 0, SEEK_END) > 0, _i >= KINDS);
    }
    (void)close(file);
    (void)unlink(trace);
}
END_TEST

AA_TEST_MAIN("locks", AA_TEST_LOOP(every_lock_that_a_call_takes_it_lets_go, 0, 2 * KINDS))
