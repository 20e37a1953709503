/* Upstreams: where blocks come from, and how much. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

static size_t bytes_out(const aa_upstream *upstream)
{
    size_t bytes = 0;
    ck_assert_int_eq(aa_upstream_usage(upstream, NULL, &bytes), AA_OK);
    return bytes;
}

static uint64_t requests_of(const aa_upstream *upstream)
{
    uint64_t requests = 0;
    ck_assert_int_eq(aa_upstream_usage(upstream, &requests, NULL), AA_OK);
    return requests;
}

START_TEST(heap_and_pages_are_constants)
{
    ck_assert_ptr_nonnull(aa_upstream_heap());
    ck_assert_ptr_eq(aa_upstream_heap(), aa_upstream_heap());
    ck_assert_ptr_nonnull(aa_upstream_pages(0));
    ck_assert_ptr_eq(aa_upstream_pages(0), aa_upstream_pages(0));
    ck_assert_ptr_ne(aa_upstream_pages(0), aa_upstream_pages(AA_HUGEPAGES));
    ck_assert_ptr_ne(aa_upstream_pages(AA_PREFAULT), aa_upstream_pages(AA_HUGEPAGES | AA_PREFAULT));
}
END_TEST

START_TEST(constants_cannot_be_destroyed)
{
    assert_status(aa_upstream_destroy(aa_upstream_heap()), AA_UNSUPPORTED);
    assert_status(aa_upstream_destroy(aa_upstream_pages(0)), AA_UNSUPPORTED);
}
END_TEST

START_TEST(constants_do_not_count_their_use)
{
    uint64_t requests = 77;
    assert_status(aa_upstream_usage(aa_upstream_heap(), &requests, NULL), AA_UNSUPPORTED);
    assert_status(aa_upstream_usage(aa_upstream_pages(0), &requests, NULL), AA_UNSUPPORTED);
    ck_assert_uint_eq(requests, 77);
}
END_TEST

START_TEST(pages_refuse_other_flags)
{
    assert_fails(aa_upstream_pages(AA_ZEROED), AA_INVALID);
    assert_fails(aa_upstream_pages(AA_PREFAULT | 1U << 25), AA_INVALID);
}
END_TEST

START_TEST(every_constant_serves_every_kind)
{
    aa_upstream *const all[] = {NULL,
                                aa_upstream_heap(),
                                aa_upstream_pages(0),
                                aa_upstream_pages(AA_PREFAULT),
                                aa_upstream_pages(AA_HUGEPAGES),
                                aa_upstream_pages(AA_HUGEPAGES | AA_PREFAULT)};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = all[i]});
        for (size_t bytes = 1; bytes < (size_t)5 << 20; bytes = bytes * 3 + 1) {
            void *const p = aa_alloc(a, bytes);
            ck_assert_ptr_nonnull(p);
            pattern_fill(p, bytes, 1);
        }
        assert_status(aa_reset(a), AA_OK);
        assert_status(aa_destroy(a), AA_OK);
    }
}
END_TEST

START_TEST(a_block_can_be_aligned_to_a_gib)
{
    aa_allocator *const a = bump_create(_i, NULL);
    char *const p = aa_alloc_aligned(a, 100, (size_t)1 << 30);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_aligned(p, (size_t)1 << 30));
    pattern_fill(p, 100, 3);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_buffer_gives_the_callers_memory_and_no_other)
{
    static char memory[100000];
    aa_upstream *const upstream = aa_upstream_buffer(memory, sizeof memory);
    ck_assert_ptr_nonnull(upstream);
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.upstream = upstream, .checks = AA_CHECKS_NONE});
    size_t served = 0;
    for (;;) {
        char *const p = aa_alloc(a, 640);
        if (p == NULL) {
            break;
        }
        ck_assert(lies_in(p, 640, memory, sizeof memory));
        served += 640;
    }
    ck_assert_int_eq(aa_last_status(), AA_NOMEM);
    ck_assert_uint_gt(served, sizeof memory - 2 * 640);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(bytes_out(upstream), 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_buffer_may_begin_at_an_odd_address)
{
    static char memory[10001];
    aa_upstream *const upstream = aa_upstream_buffer(memory + 1, sizeof memory - 1);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    char *const p = aa_alloc(a, 9800);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_aligned(p, 64));
    ck_assert(lies_in(p, 9800, memory + 1, sizeof memory - 1));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_buffer_serves_one_allocator_at_a_time)
{
    static char memory[4096];
    aa_upstream *const upstream = aa_upstream_buffer(memory, sizeof memory);
    aa_allocator *const a = aa_arena_create(&(aa_options){.upstream = upstream});
    aa_allocator *const b = aa_arena_create(&(aa_options){.upstream = upstream});
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_fails(aa_alloc(b, 100), AA_NOMEM);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(b, 100));
    assert_status(aa_destroy(b), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_full_buffer_is_usable_again_after_reset)
{
    static char memory[4096 + 64];
    aa_upstream *const upstream = aa_upstream_buffer(memory, sizeof memory);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    for (int round = 0; round < 10; ++round) {
        ck_assert_ptr_nonnull(aa_alloc(a, 4096));
        assert_fails(aa_alloc(a, 4096), AA_NOMEM);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_buffer_needs_memory_and_bytes)
{
    char byte;
    assert_fails(aa_upstream_buffer(NULL, 100), AA_INVALID);
    assert_fails(aa_upstream_buffer(&byte, 0), AA_INVALID);
}
END_TEST

START_TEST(a_limit_holds_for_all_its_allocators_together)
{
    aa_upstream *const limit = aa_upstream_limit(NULL, 1 << 20);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = limit});
    aa_allocator *const b = bump_create(_i, &(aa_options){.upstream = limit});
    size_t served = 0;
    while (aa_alloc(a, 10000) != NULL && aa_alloc(b, 10000) != NULL) {
        served += 20000;
        ck_assert_uint_le(bytes_out(limit), 1 << 20);
    }
    ck_assert_int_eq(aa_last_status(), AA_NOMEM);
    ck_assert_uint_gt(served, 1 << 18);
    ck_assert_uint_eq(bytes_out(limit), stats_of(a).committed + stats_of(b).committed);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
    ck_assert_uint_eq(bytes_out(limit), 0);
    assert_status(aa_upstream_destroy(limit), AA_OK);
}
END_TEST

START_TEST(a_limit_can_be_used_up_exactly)
{
    aa_upstream *const limit = aa_upstream_limit(NULL, 1 << 20);
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.upstream = limit, .checks = AA_CHECKS_NONE});
    ck_assert_ptr_nonnull(aa_alloc(a, 1 << 20));
    ck_assert_uint_eq(bytes_out(limit), 1 << 20);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(limit), AA_OK);
}
END_TEST

START_TEST(a_limit_that_gives_memory_back_can_give_it_again)
{
    aa_upstream *const limit = aa_upstream_limit(NULL, 1 << 20);
    for (int i = 0; i < 10; ++i) {
        aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = limit});
        ck_assert_ptr_nonnull(aa_alloc(a, 900000));
        assert_status(aa_destroy(a), AA_OK);
    }
    assert_status(aa_upstream_destroy(limit), AA_OK);
}
END_TEST

START_TEST(a_limit_of_nothing_refuses_everything)
{
    aa_upstream *const limit = aa_upstream_limit(NULL, 0);
    aa_allocator *const a = aa_arena_create(&(aa_options){.upstream = limit});
    assert_fails(aa_alloc(a, 1), AA_NOMEM);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(limit), AA_OK);
}
END_TEST

START_TEST(a_limit_is_never_passed_by_threads_at_once)
{
    enum { LIMIT = 4 << 20, THREADS = 8 };
    upstream_count count;
    aa_upstream *const inner = counted_create(&count);
    aa_upstream *const limit = aa_upstream_limit(inner, LIMIT);
    int refused = 0, broken = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : refused, broken)
    for (int round = 0; round < 50; ++round) {
        aa_allocator *const a =
            aa_arena_create(&(aa_options){.upstream = limit, .initial = 100000});
        for (int i = 0; i < 20; ++i) {
            refused += aa_alloc(a, 100000) == NULL;
        }
        broken += aa_destroy(a) != AA_OK;
    }
    ck_assert_int_eq(broken, 0);
    ck_assert_int_ge(refused, 0);
    ck_assert_uint_le(count.most, LIMIT);
    ck_assert_uint_gt(count.most, 0);
    ck_assert_uint_eq(bytes_out(limit), 0);
    assert_status(aa_upstream_destroy(limit), AA_OK);
    assert_status(aa_upstream_destroy(inner), AA_OK);
}
END_TEST

START_TEST(a_limit_around_a_buffer_gives_all_that_both_allow)
{
    static char memory[1 << 20];
    enum { LIMIT = 900000 };
    aa_upstream *const buffer = aa_upstream_buffer(memory, sizeof memory);
    aa_upstream *const limit = aa_upstream_limit(buffer, LIMIT);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = limit});
    size_t served = 0;
    while (aa_alloc(a, 1000) != NULL) {
        served += 1000;
    }
    ck_assert_uint_gt(served, LIMIT / 10 * 9);
    ck_assert_uint_le(served, LIMIT);
    ck_assert_uint_le(bytes_out(limit), LIMIT);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(limit), AA_OK);
    assert_status(aa_upstream_destroy(buffer), AA_OK);
}
END_TEST

START_TEST(a_failing_upstream_refuses_one_request)
{
    aa_upstream *const failing = aa_upstream_failing(NULL, 2);
    aa_allocator *const a = aa_arena_create(&(aa_options){.upstream = failing, .initial = 4096});
    ck_assert_ptr_nonnull(aa_alloc(a, 4096));
    assert_fails(aa_alloc(a, 4096), AA_NOMEM);
    ck_assert_ptr_nonnull(aa_alloc(a, 4096));
    ck_assert_uint_eq(requests_of(failing), 3);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(bytes_out(failing), 0);
    assert_status(aa_upstream_destroy(failing), AA_OK);
}
END_TEST

START_TEST(a_failing_upstream_can_refuse_for_ever)
{
    aa_upstream *const failing = aa_upstream_failing(NULL, -2);
    aa_allocator *const a = aa_arena_create(&(aa_options){.upstream = failing, .initial = 4096});
    ck_assert_ptr_nonnull(aa_alloc(a, 4096));
    for (int i = 0; i < 5; ++i) {
        assert_fails(aa_alloc(a, 4096), AA_NOMEM);
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(failing), AA_OK);
}
END_TEST

START_TEST(a_failing_upstream_with_number_zero_refuses_nothing)
{
    aa_upstream *const failing = aa_upstream_failing(NULL, 0);
    aa_allocator *const a = aa_arena_create(&(aa_options){.upstream = failing, .initial = 4096});
    for (int i = 0; i < 100; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, 50000));
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(failing), AA_OK);
}
END_TEST

START_TEST(wrappers_can_be_nested)
{
    static char memory[1 << 16];
    aa_upstream *const buffer = aa_upstream_buffer(memory, sizeof memory);
    aa_upstream *const limit = aa_upstream_limit(buffer, 40000);
    aa_upstream *const failing = aa_upstream_failing(limit, 1);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = failing});
    assert_fails(aa_alloc(a, 100), AA_NOMEM);
    char *const p = aa_alloc(a, 100);
    ck_assert(lies_in(p, 100, memory, sizeof memory));
    ck_assert_uint_le(bytes_out(buffer), 40000);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(failing), AA_OK);
    assert_status(aa_upstream_destroy(limit), AA_OK);
    assert_status(aa_upstream_destroy(buffer), AA_OK);
}
END_TEST

START_TEST(an_upstream_in_use_cannot_be_destroyed)
{
    aa_upstream *const limit = aa_upstream_limit(NULL, 1 << 20);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = limit});
    char *const p = aa_alloc(a, 100);
    pattern_fill(p, 100, 4);
    assert_status(aa_upstream_destroy(limit), AA_BUSY);
    ck_assert(pattern_holds(p, 100, 4));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(limit), AA_OK);
}
END_TEST

START_TEST(a_custom_upstream_is_asked_and_given_back_to_exactly)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    for (int i = 0; i < 100; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, 30000));
    }
    const aa_stats stats = stats_of(a);
    ck_assert_uint_eq(stats.committed, count.out);
    ck_assert_uint_eq(stats.blocks, count.requests - count.returns);
    ck_assert_uint_eq(stats.upstream_calls, upstream_calls(&count));
    ck_assert_uint_eq(bytes_out(upstream), count.out);
    ck_assert_uint_eq(requests_of(upstream), count.requests);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    ck_assert_uint_eq(count.requests, count.returns);
    ck_assert_int_eq(count.destroyed, 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
    ck_assert_int_eq(count.destroyed, 1);
}
END_TEST

START_TEST(a_table_of_an_older_version_has_fewer_methods)
{
    upstream_count count = {0};
    const aa_upstream_ops ops = {offsetof(aa_upstream_ops, destroy), counted_alloc, counted_free,
                                 counted_destroy};
    aa_upstream *const upstream = aa_upstream_custom(&ops, &count);
    aa_allocator *const a = aa_arena_create(&(aa_options){.upstream = upstream});
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(count.out, 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
    ck_assert_int_eq(count.destroyed, 0);
}
END_TEST

static char *pool_next;

static void *pool_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    char *const end = state;
    char *const start = pool_next + (size_t)(-(uintptr_t)pool_next & (alignment - 1));
    if (start > end || (size_t)(end - start) < least) {
        return NULL;
    }
    *bytes = least; /* fewer than asked */
    pool_next = start + least;
    return start;
}

START_TEST(a_custom_upstream_may_give_less_than_asked_and_take_nothing_back)
{
    static char pool[1 << 20];
    pool_next = pool;
    const aa_upstream_ops ops = {sizeof ops, pool_alloc, NULL, NULL};
    aa_upstream *const upstream = aa_upstream_custom(&ops, pool + sizeof pool);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream, .initial = 10000});
    for (unsigned i = 0; i < 20; ++i) {
        void *const p = aa_alloc(a, 3000);
        ck_assert_ptr_nonnull(p);
        pattern_fill(p, 3000, i);
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

/* Knows nothing of `least`. */
static void *all_or_nothing(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)least;
    size_t *const left = state;
    void *memory = NULL;
    if (*bytes > *left || posix_memalign(&memory, alignment, *bytes) != 0) {
        return NULL;
    }
    *left -= *bytes;
    return memory;
}

static void free_it(void *state, void *pointer, size_t bytes)
{
    *(size_t *)state += bytes;
    free(pointer);
}

START_TEST(a_custom_upstream_that_ignores_least_is_asked_again_for_just_that)
{
    static const aa_upstream_ops ops = {sizeof ops, all_or_nothing, free_it, NULL};
    size_t left = 10000;
    aa_upstream *const upstream = aa_upstream_custom(&ops, &left);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    ck_assert_msg(aa_alloc(a, 9000) != NULL, "%s", aa_last_message());
    assert_fails(aa_alloc(a, 9001), AA_NOMEM);
    ck_assert_msg(strstr(aa_last_message(), "9001 bytes asked") != NULL, "%s", aa_last_message());
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(left, 10000);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

static char bad_memory[1 << 16] __attribute__((aligned(4096)));

static void *too_few(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state, (void)alignment;
    *bytes = least - 1;
    return bad_memory;
}

static void *misaligned(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state, (void)least, (void)alignment;
    return *bytes + 1 <= sizeof bad_memory ? bad_memory + 1 : NULL;
}

START_TEST(an_upstream_that_breaks_its_contract_counts_as_refusing)
{
    const aa_upstream_ops few = {sizeof few, too_few, NULL, NULL};
    const aa_upstream_ops odd = {sizeof odd, misaligned, NULL, NULL};
    const aa_upstream_ops *const both[] = {&few, &odd};
    for (int i = 0; i < 2; ++i) {
        aa_upstream *const upstream = aa_upstream_custom(both[i], NULL);
        aa_allocator *const a =
            aa_arena_create(&(aa_options){.upstream = upstream, .initial = 4096});
        assert_fails(aa_alloc(a, 100), AA_NOMEM);
        ck_assert_uint_eq(stats_of(a).committed, 0);
        assert_status(aa_destroy(a), AA_OK);
        assert_status(aa_upstream_destroy(upstream), AA_OK);
    }
}
END_TEST

AA_TEST_MAIN("upstream", AA_TEST(heap_and_pages_are_constants),
             AA_TEST(constants_cannot_be_destroyed), AA_TEST(constants_do_not_count_their_use),
             AA_TEST(pages_refuse_other_flags), AA_TEST_BUMP(every_constant_serves_every_kind),
             AA_TEST_BUMP(a_block_can_be_aligned_to_a_gib),
             AA_TEST_BUMP(a_buffer_gives_the_callers_memory_and_no_other),
             AA_TEST_BUMP(a_buffer_may_begin_at_an_odd_address),
             AA_TEST(a_buffer_serves_one_allocator_at_a_time),
             AA_TEST_BUMP(a_full_buffer_is_usable_again_after_reset),
             AA_TEST(a_buffer_needs_memory_and_bytes),
             AA_TEST_BUMP(a_limit_holds_for_all_its_allocators_together),
             AA_TEST_BUMP(a_limit_can_be_used_up_exactly),
             AA_TEST_BUMP(a_limit_that_gives_memory_back_can_give_it_again),
             AA_TEST(a_limit_of_nothing_refuses_everything),
             AA_TEST(a_limit_is_never_passed_by_threads_at_once),
             AA_TEST_BUMP(a_limit_around_a_buffer_gives_all_that_both_allow),
             AA_TEST_BUMP(a_custom_upstream_that_ignores_least_is_asked_again_for_just_that),
             AA_TEST(a_failing_upstream_refuses_one_request),
             AA_TEST(a_failing_upstream_can_refuse_for_ever),
             AA_TEST(a_failing_upstream_with_number_zero_refuses_nothing),
             AA_TEST_BUMP(wrappers_can_be_nested),
             AA_TEST_BUMP(an_upstream_in_use_cannot_be_destroyed),
             AA_TEST_BUMP(a_custom_upstream_is_asked_and_given_back_to_exactly),
             AA_TEST(a_table_of_an_older_version_has_fewer_methods),
             AA_TEST_BUMP(a_custom_upstream_may_give_less_than_asked_and_take_nothing_back),
             AA_TEST(an_upstream_that_breaks_its_contract_counts_as_refusing))
