/* What no other test noticed when tools/mutate changed it: bounds, refusals and reports at their very edge. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <allocarrays/impl/inject.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

START_TEST(a_reshape_to_a_negative_extent_beside_an_open_one_is_refused)
{
    const aa_array a = aa_zeros(aa_heap(), AA_F64, 2, SHAPE(10, 10));
    const aa_array refused = aa_reshape(&a, 2, SHAPE(-2, -1));
    ck_assert(aa_is_null(&refused));
    assert_status(aa_last_status(), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "axis 0 is -2"));
}
END_TEST

/* ---- an upstream that can be told to refuse ---- */

typedef struct gate {
    bool shut;
    int returns;
} gate;

static void *gate_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)least;
    void *memory = NULL;
    return ((gate *)state)->shut || posix_memalign(&memory, alignment, *bytes) != 0 ? NULL : memory;
}

static void gate_free(void *state, void *pointer, size_t bytes)
{
    (void)bytes;
    ++((gate *)state)->returns;
    free(pointer);
}

static aa_upstream *gate_create(gate *g)
{
    static const aa_upstream_ops ops = {.size = sizeof ops, .alloc = gate_alloc, .free = gate_free};
    *g = (gate){0};
    aa_upstream *const upstream = aa_upstream_custom(&ops, g);
    ck_assert_ptr_nonnull(upstream);
    return upstream;
}

static void fill(aa_allocator *a, int blocks)
{
    for (int i = 0; i < 100000 && stats_of(a).blocks < (uint64_t)blocks; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, 4000));
    }
    ck_assert_uint_ge(stats_of(a).blocks, (uint64_t)blocks);
}

START_TEST(a_reset_whose_larger_block_is_refused_keeps_the_blocks_there_are)
{
    gate g;
    aa_upstream *const upstream = gate_create(&g);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream, .initial = 65536});
    fill(a, 2);
    const aa_stats before = stats_of(a);
    g.shut = true;
    assert_status(aa_reset(a), AA_OK);
    ck_assert_int_eq(g.returns, 0);
    ck_assert_uint_eq(stats_of(a).committed, before.committed);
    ck_assert_uint_eq(stats_of(a).blocks, before.blocks);
    for (size_t taken = 0; taken + 4096 <= before.used; taken += 4096) {
        ck_assert_ptr_nonnull(aa_alloc(a, 4000));
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(an_unknown_flag_is_named_alone)
{
    assert_fails(bump_try_create(_i, &(aa_options){.flags = AA_ZEROED | 0x4000}), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "0x4000"));
}
END_TEST

START_TEST(a_block_is_half_as_large_again_as_all_before_it)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.initial = 16 << 20});
    fill(a, 2);
    const uint64_t two = stats_of(a).committed;
    fill(a, 3);
    ck_assert_uint_ge(stats_of(a).committed, two + two + two / 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_without_a_guard_gives_the_same_memory_again)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *const first = aa_alloc(a, 1000);
    ck_assert_ptr_nonnull(first);
    for (int i = 0; i < 3; ++i) {
        assert_status(aa_reset(a), AA_OK);
        ck_assert_ptr_eq(aa_alloc(a, 1000), first);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(similar_of_eight_axes_has_the_same_extents_and_strides)
{
    const aa_array a = aa_zeros(aa_heap(), AA_I8, 8, SHAPE(2, 3, 2, 5, 2, 3, 2, 3));
    const aa_array like = aa_similar(&a);
    ck_assert(!aa_is_null(&like));
    int64_t stride = 1;
    for (int axis = 7; axis >= 0; --axis) {
        ck_assert_int_eq(like.shape[axis], a.shape[axis]);
        ck_assert_int_eq(like.strides[axis], stride);
        stride *= a.shape[axis];
    }
}
END_TEST

START_TEST(large_memory_that_a_team_clears_is_zero)
{
    enum { BYTES = 3 << 20 };
    aa_allocator *const a = bump_create(_i, &(aa_options){.flags = AA_FIRST_TOUCH});
    for (int round = 0; round < 2; ++round) { /* the second time it was used before */
        unsigned char *const p = aa_calloc(a, 1, BYTES);
        ck_assert_ptr_nonnull(p);
        size_t wrong = 0;
        for (size_t i = 0; i < BYTES; ++i) {
            wrong += p[i] != 0;
        }
        ck_assert_uint_eq(wrong, 0);
        memset(p, 7, BYTES);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- a call that comes while another of this thread is under way, as from a signal handler ---- */

static int interruptions;
static void *served;
static aa_status said;

static void interrupt(unsigned where)
{
    (void)where;
    if (interruptions++ == 0) {
        served = aa_alloc(AA_CURRENT, 16);
        said = aa_last_status();
    }
}

START_TEST(a_call_during_another_is_busy_though_what_is_in_scope_has_room)
{
    aa_allocator *const a = aa_arena_create(NULL), *const shared = aa_shared_create(NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    AA_WITH(a) {
        const size_t used = stats_of(a).used;
        aai_injection_set(interrupt); /* first at the lock that the new lease takes */
        ck_assert_ptr_nonnull(aa_alloc(shared, 100000));
        aai_injection_set(NULL);
        ck_assert_int_gt(interruptions, 0);
        ck_assert_ptr_null(served);
        assert_status(said, AA_BUSY);
        ck_assert_uint_eq(stats_of(a).used, used);
    }
    assert_status(aa_destroy(shared), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static int busy;

static void interrupt_each(unsigned where)
{
    static bool inside; /* its own locks have points too */
    (void)where;
    if (!inside) {
        inside = true;
        busy += aa_alloc(AA_CURRENT, 16) == NULL && aa_last_status() == AA_BUSY;
        inside = false;
    }
}

/* No call is under way in a report, but a lock of ours may be held. */
START_TEST(a_call_under_a_lock_of_the_library_is_busy)
{
    static char text[1 << 14];
    aa_allocator *const a = aa_arena_create(NULL), *const shared = aa_shared_create(NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert_ptr_nonnull(aa_alloc(shared, 100));
    FILE *const file = fmemopen(text, sizeof text, "w");
    AA_WITH(a) {
        aai_injection_set(interrupt_each);
        assert_status(aa_report_json(file), AA_OK);
        aai_injection_set(NULL);
        ck_assert_int_gt(busy, 0);
        ck_assert_ptr_nonnull(aa_alloc(AA_CURRENT, 16));
    }
    (void)fclose(file);
    assert_status(aa_destroy(shared), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(one_byte_at_alignment_one_takes_one_byte)
{
    aa_allocator *const a = bump_create(
        _i % BUMP_KINDS,
        &(aa_options){.alignment = 1, .checks = _i < BUMP_KINDS ? AA_CHECKS_NONE : AA_CHECKS_FULL});
    for (unsigned count = 1; count <= 3; ++count) { /* the first opens the block */
        ck_assert_ptr_nonnull(aa_alloc(a, 1));
        ck_assert_uint_eq(stats_of(a).used, count);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- methods that use the library themselves ---- */

typedef struct busy_methods {
    char memory[4096];
    size_t used;
    int served; /* calls of the library from inside a method that were served */
} busy_methods;

static void use_the_library(busy_methods *m)
{
    void *const p = aa_alloc(aa_heap(), 10);
    m->served += p != NULL;
    aa_free(aa_heap(), p, 10);
}

static void *busy_alloc(void *state, size_t bytes, size_t alignment)
{
    busy_methods *const m = state;
    use_the_library(m);
    const size_t start = (m->used + alignment - 1) & ~(alignment - 1);
    m->used = start + bytes;
    return m->memory + start;
}

static void busy_free(void *state, void *pointer, size_t bytes)
{
    (void)pointer;
    (void)bytes;
    use_the_library(state);
}

static aa_status busy_reset(void *state)
{
    use_the_library(state);
    return AA_OK;
}

static void *busy_mark(void *state)
{
    use_the_library(state);
    return state;
}

static aa_status busy_rewind(void *state, void *mark)
{
    (void)mark;
    use_the_library(state);
    return AA_OK;
}

static void busy_destroy(void *state)
{
    use_the_library(state);
}

START_TEST(each_method_of_a_custom_allocator_may_call_the_library)
{
    static const aa_allocator_ops ops = {.size = sizeof ops,
                                         .alloc = busy_alloc,
                                         .free = busy_free,
                                         .reset = busy_reset,
                                         .mark = busy_mark,
                                         .rewind = busy_rewind,
                                         .destroy = busy_destroy};
    static busy_methods m __attribute__((aligned(64)));
    aa_allocator *const a = aa_custom_create(&ops, &m, NULL);
    void *const p = aa_alloc(a, 100);
    ck_assert_int_eq(m.served, 1);
    aa_free(a, p, 100);
    ck_assert_int_eq(m.served, 2);
    const aa_mark mark = aa_mark_take(a);
    ck_assert_int_eq(m.served, 3);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_int_eq(m.served, 4);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_int_eq(m.served, 5);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(m.served, 6);
}
END_TEST

START_TEST(a_copy_of_a_stale_array_has_no_place_in_the_source)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_array array = aa_zeros(a, AA_F64, 1, SHAPE(3));
    assert_status(aa_reset(a), AA_OK);
    record_violations();
    const aa_array copy = aa_copy(&array);
    ck_assert(aa_is_null(&copy));
    assert_one_report("aa_copy", AA_USE_AFTER_RESET);
    ck_assert_str_eq(last_violation()->function, "aa_copy");
    ck_assert_ptr_null(last_violation()->file);
    ck_assert_int_eq(last_violation()->line, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_report_that_cannot_be_written_leaves_errno_alone)
{
    aa_allocator *const a = bump_create(_i, NULL);
    FILE *const full = fopen("/dev/full", "w");
    if (full != NULL) {
        ck_assert_int_eq(setvbuf(full, NULL, _IONBF, 0), 0);
        errno = 7;
        (void)aa_report(full, a);
        ck_assert_int_eq(errno, 7);
        (void)aa_report_json(full);
        ck_assert_int_eq(errno, 7);
        ck_assert_int_ne(ferror(full), 0);
        (void)fclose(full);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_report_without_an_allocator_has_no_epochs)
{
    aa_allocator *const a = bump_create(_i, NULL), *const handle = bump_create(_i, NULL);
    const aa_array plain = aa_zeros(a, AA_F64, 1, SHAPE(3)), array = aa_bind(&plain, handle);
    assert_status(aa_destroy(handle), AA_OK);
    record_violations();
    const aa_array like = aa_similar(&array);
    ck_assert(aa_is_null(&like));
    assert_one_report("aa_similar", AA_USE_AFTER_RESET);
    ck_assert_ptr_null(last_violation()->allocator);
    ck_assert_uint_eq(last_violation()->epoch_seen, 0);
    ck_assert_uint_eq(last_violation()->epoch_now, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* What was needed in the last rounds is kept, in the blocks there are: the capacity's and those of the fallback. */
START_TEST(resets_without_an_allocation_between_lose_no_memory)
{
    enum { CAPACITY = 1 << 16, EACH = 16000, MANY = 7 };
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.capacity = CAPACITY, .fallback = aa_upstream_heap()});
    for (int i = 0; i < MANY; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, EACH));
    }
    for (int i = 0; i < 3; ++i) {
        assert_status(aa_reset(a), AA_OK);
    }
    const aa_stats before = stats_of(a);
    ck_assert_uint_ge(before.blocks, 2);
    for (int i = 0; i < MANY; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, EACH));
    }
    ck_assert_uint_eq(stats_of(a).committed, before.committed);
    ck_assert_uint_eq(stats_of(a).upstream_calls, before.upstream_calls);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(nobody_pins_the_heap_itself_or_nothing)
{
    const aa_array array = aa_zeros(aa_heap(), AA_F64, 1, SHAPE(3));
    assert_status(aa_pin(&array), AA_OK);
    ck_assert_uint_eq(aai_pins(aa_heap()), 0); /* its arrays have a cell each */
    ck_assert_uint_eq(aai_pins(NULL), 0);
    assert_status(aa_unpin(&array), AA_OK);
}
END_TEST

/* ---- an arena that is handed on from inside a call ---- */

typedef struct handover {
    aa_allocator *arena;
    void *(*takes_over)(void *);
    char *memory; /* 64 bytes, for those that free or resize */
    int left;     /* how often it is still to be handed on */
    int taken;    /* threads that adopted it and got memory */
} handover;

static void *adopt_and_take(void *argument)
{
    handover *const h = argument;
    const bool taken = aa_arena_adopt(h->arena) == AA_OK && aa_alloc(h->arena, 1 << 20) != NULL;
    h->taken += taken;
    return NULL;
}

static void *alloc_and_hand_over(void *state, size_t least, size_t *bytes, size_t alignment)
{
    handover *const h = state;
    (void)least;
    pthread_t thread;
    if (h->left > 0) {
        --h->left;
        if (pthread_create(&thread, NULL, h->takes_over, h) == 0) {
            (void)pthread_join(thread, NULL);
        }
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

/* The second thread is told that the first is inside; after that report it is inside itself, as the third is told. */
START_TEST(after_a_report_its_thread_is_still_inside_the_arena)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = alloc_and_hand_over, .free = plain_free};
    handover h = {.takes_over = adopt_and_take};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &h);
    h.arena = aa_arena_create(
        &(aa_options){.upstream = upstream, .checks = AA_CHECKS_API, .initial = 4096});
    record_violations();
    h.left = 2;
    ck_assert_ptr_nonnull(aa_alloc(h.arena, 1 << 20));
    ck_assert_int_eq(h.taken, 2);
    ck_assert_int_eq(violations_of(AA_RACE), 2);
    ck_assert_int_eq(violations_count(), 2);
    assert_status(aa_arena_adopt(h.arena), AA_OK);
    assert_status(aa_destroy(h.arena), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

static void *adopt_and_free(void *argument)
{
    handover *const h = argument;
    h->taken += aa_arena_adopt(h->arena) == AA_OK;
    aa_free(h->arena, h->memory, 64);
    return NULL;
}

static void *adopt_and_resize(void *argument)
{
    handover *const h = argument;
    h->taken += aa_arena_adopt(h->arena) == AA_OK;
    h->taken += aa_realloc(h->arena, h->memory, 64, 60) == h->memory;
    return NULL;
}

START_TEST(a_free_or_a_resize_beside_the_former_owners_call_is_a_race)
{
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = alloc_and_hand_over, .free = plain_free};
    handover h = {.takes_over = _i == 0 ? adopt_and_free : adopt_and_resize};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &h);
    h.arena = aa_arena_create(
        &(aa_options){.upstream = upstream, .checks = AA_CHECKS_API, .initial = 4096});
    h.memory = aa_alloc(h.arena, 64);
    record_violations();
    h.left = 1;
    ck_assert_ptr_nonnull(aa_alloc(h.arena, 1 << 20));
    ck_assert_int_eq(h.taken, 1 + _i);
    assert_one_report("beside the former owner", AA_RACE);
    assert_status(aa_arena_adopt(h.arena), AA_OK);
    assert_status(aa_destroy(h.arena), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_reshape_to_two_open_extents_is_refused)
{
    const aa_array a = aa_zeros(aa_heap(), AA_F64, 2, SHAPE(10, 10));
    const aa_array refused = aa_reshape(&a, 2, SHAPE(-1, -1));
    ck_assert(aa_is_null(&refused));
    assert_status(aa_last_status(), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "axes 0 and 1 are both -1"));
}
END_TEST

AA_TEST_MAIN("mutants", AA_TEST(a_reshape_to_a_negative_extent_beside_an_open_one_is_refused),
             AA_TEST_BUMP(a_reset_whose_larger_block_is_refused_keeps_the_blocks_there_are),
             AA_TEST_BUMP(an_unknown_flag_is_named_alone),
             AA_TEST_BUMP(a_block_is_half_as_large_again_as_all_before_it),
             AA_TEST_BUMP(a_reset_without_a_guard_gives_the_same_memory_again),
             AA_TEST(similar_of_eight_axes_has_the_same_extents_and_strides),
             AA_TEST_BUMP(large_memory_that_a_team_clears_is_zero),
             AA_TEST(a_call_during_another_is_busy_though_what_is_in_scope_has_room),
             AA_TEST(a_call_under_a_lock_of_the_library_is_busy),
             AA_TEST_LOOP(one_byte_at_alignment_one_takes_one_byte, 0, 2 * BUMP_KINDS),
             AA_TEST(each_method_of_a_custom_allocator_may_call_the_library),
             AA_TEST(after_a_report_its_thread_is_still_inside_the_arena),
             AA_TEST_BUMP(a_copy_of_a_stale_array_has_no_place_in_the_source),
             AA_TEST_BUMP(a_report_that_cannot_be_written_leaves_errno_alone),
             AA_TEST_BUMP(a_report_without_an_allocator_has_no_epochs),
             AA_TEST_BUMP(resets_without_an_allocation_between_lose_no_memory),
             AA_TEST_LOOP(a_free_or_a_resize_beside_the_former_owners_call_is_a_race, 0, 2),
             AA_TEST(a_reshape_to_two_open_extents_is_refused),
             AA_TEST(nobody_pins_the_heap_itself_or_nothing))
