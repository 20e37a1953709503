/* Calls in rare places: a stale array read inside an upstream, a thread whose very first call meets another's
 * arena. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <pthread.h>
#include <stdlib.h>

static aa_array stale;

/* Not the allocation's finding: the upstream's own code made it, between two calls. */
static void *confused_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)least;
    *(bool *)state = aa_data(&stale) == NULL;
    void *memory = NULL;
    return posix_memalign(&memory, alignment, *bytes) != 0 ? NULL : memory;
}

static void plain_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

START_TEST(a_stale_array_read_inside_an_upstream_is_reported_and_the_call_goes_on)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = confused_alloc, .free = plain_free};
    bool refused = false;
    aa_upstream *const upstream = aa_upstream_custom(&ops, &refused);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream}),
                        *const other = bump_create(_i, NULL);
    stale = aa_zeros(other, AA_F64, 1, (const int64_t[]){3});
    assert_status(aa_reset(other), AA_OK);
    record_violations();
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert(refused);
    ck_assert_int_eq(violations_of(AA_USE_AFTER_RESET), 1);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(other), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

typedef struct first_call {
    aa_allocator *arena;
    int which;
    bool served;
    aa_status said;
} first_call;

/* Without an OpenMP runtime's inheritance: the thread binds an array of its own to the arena, or names it. */
static void *call_first(void *argument)
{
    first_call *const c = argument;
    double one = 1;
    const aa_array plain = aa_wrap(&one, AA_F64, 0, NULL, NULL);
    switch (c->which) {
    case 0:
        c->served = aa_alloc(c->arena, 16) != NULL;
        break;
    case 1: {
        const aa_array bound = aa_bind(&plain, c->arena);
        const aa_array like = aa_similar(&bound);
        c->served = !aa_is_null(&like);
        break;
    }
    default:
        c->served = aa_reset(c->arena) == AA_OK;
    }
    c->said = aa_last_status();
    return NULL;
}

START_TEST(a_threads_first_call_on_anothers_arena_is_refused)
{
    first_call c = {.arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_API}), .which = _i};
    pthread_t thread;
    record_violations();
    ck_assert_int_eq(pthread_create(&thread, NULL, call_first, &c), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!c.served);
    assert_status(c.said, AA_THREAD);
    ck_assert_uint_eq(stats_of(c.arena).allocations, 0);
    assert_status(aa_destroy(c.arena), AA_OK);
}
END_TEST

AA_TEST_MAIN("edges: calls",
             AA_TEST_BUMP(a_stale_array_read_inside_an_upstream_is_reported_and_the_call_goes_on),
             AA_TEST_LOOP(a_threads_first_call_on_anothers_arena_is_refused, 0, 3))
