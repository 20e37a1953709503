/* Pools by OpenMP's traits, upstreams on the runtime's memory, and the default that the environment asks for. */
#include "child.h"
#include "runner.h"
#include "sanitizers.h"
#include "test_omp.h"
#include "threads.h"

#include <pthread.h>

enum { POOL = 64 * 1024 };

#define TRAITS(...) ((omp_alloctrait_t[]){__VA_ARGS__})
#define POOL_OF(...)                                                                               \
    aa_allocator_from_traits(omp_default_mem_space,                                                \
                             (int)(sizeof TRAITS(__VA_ARGS__) / sizeof(omp_alloctrait_t)),         \
                             TRAITS(__VA_ARGS__))

static aa_allocator *made(aa_allocator *allocator)
{
    ck_assert_msg(allocator != NULL, "%s", aa_last_message());
    return allocator;
}

/* How many KiB an allocator gives before it refuses, at most `most`. */
static size_t kib_until_refused(aa_allocator *a, size_t most)
{
    size_t count = 0;
    while (count < most && aa_alloc(a, 1024) != NULL) {
        ++count;
    }
    return count;
}

START_TEST(without_traits_it_is_a_shared_allocator)
{
    aa_allocator *const a = made(aa_allocator_from_traits(omp_default_mem_space, 0, NULL));
    ck_assert_ptr_nonnull(strstr(aa_name(a), "shared"));
    ck_assert(is_aligned(aa_alloc(a, 1), 64));
    ck_assert_ptr_nonnull(aa_alloc(a, 10 << 20));
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(access_decides_who_shares)
{
    aa_allocator *const thread = made(POOL_OF({omp_atk_access, omp_atv_thread}));
    ck_assert_ptr_nonnull(strstr(aa_name(thread), "private"));
    assert_status(aa_destroy(thread), AA_OK);
    static const omp_alloctrait_value_t others[] = {omp_atv_all, omp_atv_pteam, omp_atv_cgroup};
    for (size_t i = 0; i < 3; ++i) {
        aa_allocator *const a = made(POOL_OF({omp_atk_access, others[i]}));
        ck_assert_ptr_nonnull(strstr(aa_name(a), "shared"));
        assert_status(aa_destroy(a), AA_OK);
    }
}
END_TEST

START_TEST(pool_size_is_a_cap)
{
    aa_allocator *const a =
        made(POOL_OF({omp_atk_pool_size, POOL}, {omp_atk_fallback, omp_atv_null_fb}));
    for (int round = 0; round < 3; ++round) {
        ck_assert_uint_eq(kib_until_refused(a, 1000), POOL / 1024);
        assert_status(aa_last_status(), AA_NOMEM);
        ck_assert_uint_le(stats_of(a).committed, POOL);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_fails(omp_alloc(POOL + 1, handle_of(a)), AA_NOMEM);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *count_kib(void *a)
{
    static size_t count[1];
    count[0] = kib_until_refused(a, 1000);
    return count;
}

START_TEST(pool_size_of_threads_is_each_threads)
{
    aa_allocator *const a =
        made(POOL_OF({omp_atk_pool_size, POOL}, {omp_atk_fallback, omp_atv_null_fb},
                     {omp_atk_access, omp_atv_thread}));
    ck_assert_uint_eq(kib_until_refused(a, 1000), POOL / 1024);
    ck_assert_uint_eq(*(size_t *)on_thread(count_kib, a), POOL / 1024);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(alignment_is_of_every_allocation)
{
    aa_allocator *const a = made(POOL_OF({omp_atk_alignment, 4096}));
    for (int i = 0; i < 10; ++i) {
        ck_assert(is_aligned(aa_alloc(a, 8), 4096));
        ck_assert(is_aligned(omp_alloc(8, handle_of(a)), 4096));
    }
    assert_status(aa_destroy(a), AA_OK);
    aa_allocator *const small = made(POOL_OF({omp_atk_alignment, 1}));
    char *const p = aa_alloc(small, 1);
    ck_assert_ptr_eq(aa_alloc(small, 1), p + 16);
    assert_status(aa_destroy(small), AA_OK);
}
END_TEST

/* Beyond the pool: from its fallback, taken back by the reset, given back when the pool suffices. */
START_TEST(default_mem_fb_goes_on_beyond_the_pool)
{
    const omp_alloctrait_value_t access = _i == 0 ? omp_atv_all : omp_atv_thread;
    aa_allocator *const a = made(POOL_OF({omp_atk_pool_size, POOL}, {omp_atk_access, access}));
    for (int round = 0; round < 3; ++round) {
        unsigned char *first = aa_alloc(a, 1024);
        pattern_fill(first, 1024, 1);
        for (size_t i = 1; i < 4 * POOL / 1024; ++i) {
            unsigned char *const p = aa_alloc(a, 1024);
            ck_assert(p != NULL && aa_owns(a, p));
            memset(p, 0xff, 1024);
        }
        ck_assert(pattern_holds(first, 1024, 1));
        ck_assert_uint_eq(used_by(a), 4 * POOL);
        ck_assert_uint_ge(stats_of(a).committed, 4 * POOL);
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_eq(used_by(a), 0);
    }
    const uint64_t calls = stats_of(a).upstream_calls;
    (void)kib_until_refused(a, 4 * POOL / 1024);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_uint_eq(stats_of(a).upstream_calls, calls);
    for (int round = 0; round < 6; ++round) { /* what is remembered of the large rounds */
        ck_assert_ptr_nonnull(aa_alloc(a, 1024));
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_le(stats_of(a).committed, POOL);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void overdraw(void *unused)
{
    (void)unused;
    aa_allocator *const a =
        POOL_OF({omp_atk_pool_size, POOL}, {omp_atk_fallback, omp_atv_abort_fb});
    if (a == NULL || kib_until_refused(a, POOL / 1024) != POOL / 1024) {
        exit(1);
    }
    (void)aa_alloc(a, 1024);
    exit(2);
}

START_TEST(abort_fb_ends_the_process_with_a_sentence)
{
    child_result result;
    child_run(&result, overdraw, NULL);
    ck_assert_msg(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT,
                  "status 0x%x: %s", (unsigned)result.status, result.text);
    ck_assert_ptr_nonnull(strstr(result.text, "abort_fb"));
}
END_TEST

START_TEST(allocator_fb_asks_another_of_ours)
{
    aa_allocator *const other = bump_create(_i, NULL);
    aa_allocator *const a =
        made(POOL_OF({omp_atk_pool_size, POOL}, {omp_atk_fallback, omp_atv_allocator_fb},
                     {omp_atk_fb_data, (omp_uintptr_t)aa_omp_handle(other)}));
    const omp_allocator_handle_t h = handle_of(a);
    ck_assert_uint_eq(kib_until_refused(a, POOL / 1024), POOL / 1024);
    ck_assert_uint_eq(used_by(other), 0);
    unsigned char *const p = omp_alloc(1024, h);
    ck_assert(aa_owns(other, p) && !aa_owns(a, p));
    omp_free(p, h);
    ck_assert_uint_eq(used_by(other), 0);
    static const int64_t shape[] = {128};
    aa_array x = aa_empty(a, AA_F64, 1, shape);
    ck_assert(!aa_is_null(&x) && aa_owns(other, aa_data(&x)));
    assert_status(aa_reset(other), AA_OK);
    ck_assert(!aa_is_valid(&x));
    assert_status(aa_destroy(other), AA_OK);
    assert_fails(omp_alloc(1024, h), AA_NOMEM); /* it is gone */
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(allocator_fb_asks_a_handle_of_the_runtimes)
{
    const omp_allocator_handle_t theirs = their_handle();
    aa_allocator *const a =
        made(POOL_OF({omp_atk_pool_size, POOL}, {omp_atk_fallback, omp_atv_allocator_fb},
                     {omp_atk_fb_data, (omp_uintptr_t)theirs}));
    ck_assert_uint_eq(kib_until_refused(a, 1000), 1000);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
    omp_destroy_allocator(theirs);
}
END_TEST

/* VmLck of this process, in KiB. */
static long locked_kib(void)
{
    long kib = -1;
    char line[256];
    FILE *const status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        (void)sscanf(line, "VmLck: %ld", &kib);
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    return kib;
}

START_TEST(pinned_memory_is_locked)
{
    aa_allocator *const a = made(POOL_OF({omp_atk_pinned, omp_atv_true}, {omp_atk_pool_size, POOL},
                                         {omp_atk_fallback, omp_atv_null_fb}));
    const long before = locked_kib();
    void *const p = aa_alloc(a, 1024);
    if (p == NULL || before < 0 || UNDER_ASAN) { /* no limit, /proc or mlock */
        ck_assert(p != NULL || aa_last_status() == AA_NOMEM);
    } else {
        ck_assert_int_ge(locked_kib(), before + 4);
    }
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(locked_kib(), before);
}
END_TEST

START_TEST(spaces_and_partitions_come_from_the_runtime)
{
    static const omp_memspace_handle_t spaces[] = {omp_large_cap_mem_space, omp_const_mem_space,
                                                   omp_low_lat_mem_space};
    for (size_t i = 0; i < 3; ++i) {
        omp_alloctrait_t partition = {omp_atk_partition, omp_atv_interleaved};
        aa_allocator *const a = made(aa_allocator_from_traits(spaces[i], 1, &partition));
        ck_assert_uint_eq(kib_until_refused(a, 1000), 1000);
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_eq(kib_until_refused(a, 1000), 1000);
        assert_status(aa_destroy(a), AA_OK);
    }
    assert_fails(aa_allocator_from_traits(77, 0, NULL), AA_UNSUPPORTED);
}
END_TEST

START_TEST(defaults_and_hints_change_nothing)
{
    aa_allocator *const a =
        made(POOL_OF({omp_atk_sync_hint, omp_atv_serialized}, {omp_atk_alignment, omp_atv_default},
                     {omp_atk_access, omp_atv_default}, {omp_atk_pool_size, omp_atv_default},
                     {omp_atk_fallback, omp_atv_default}, {omp_atk_pinned, omp_atv_false},
                     {omp_atk_partition, omp_atv_nearest}));
    ck_assert_ptr_nonnull(strstr(aa_name(a), "shared"));
    ck_assert_uint_eq(kib_until_refused(a, 1000), 1000);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_cannot_be_is_refused_with_a_sentence)
{
    static const struct {
        omp_alloctrait_t trait;
        aa_status status;
        const char *word;
    } cases[] = {{{(omp_alloctrait_key_t)99, 1}, AA_UNSUPPORTED, "99"},
                 {{(omp_alloctrait_key_t)0, 1}, AA_UNSUPPORTED, "trait 0"},
                 {{omp_atk_alignment, 48}, AA_INVALID, "alignment"},
                 {{omp_atk_alignment, 0}, AA_INVALID, "alignment"},
                 {{omp_atk_access, omp_atv_true}, AA_INVALID, "access"},
                 {{omp_atk_pool_size, 0}, AA_INVALID, "pool_size"},
                 {{omp_atk_fallback, omp_atv_all}, AA_INVALID, "fallback"},
                 {{omp_atk_fallback, omp_atv_allocator_fb}, AA_INVALID, "fb_data"},
                 {{omp_atk_pinned, 2}, AA_INVALID, "pinned"},
                 {{omp_atk_partition, omp_atv_thread}, AA_INVALID, "partition"},
                 {{omp_atk_sync_hint, omp_atv_all}, AA_INVALID, "sync_hint"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        assert_fails(aa_allocator_from_traits(omp_default_mem_space, 1, &cases[i].trait),
                     cases[i].status);
        ck_assert_msg(strstr(aa_last_message(), cases[i].word) != NULL, "%s", aa_last_message());
    }
    assert_fails(aa_allocator_from_traits(omp_default_mem_space, -1, NULL), AA_INVALID);
    assert_fails(aa_allocator_from_traits(omp_default_mem_space, 1, NULL), AA_INVALID);
    aa_allocator *const custom = omp_kind_create(OMP_CUSTOM), *const gone = aa_shared_create(NULL);
    const omp_uintptr_t stale = (omp_uintptr_t)aa_omp_handle(gone);
    assert_status(aa_destroy(gone), AA_OK);
    assert_fails(POOL_OF({omp_atk_fallback, omp_atv_allocator_fb},
                         {omp_atk_fb_data, (omp_uintptr_t)aa_omp_handle(custom)}),
                 AA_UNSUPPORTED);
    assert_fails(POOL_OF({omp_atk_fallback, omp_atv_allocator_fb}, {omp_atk_fb_data, stale}),
                 AA_STALE);
    assert_status(aa_destroy(custom), AA_OK);
}
END_TEST

/* ---- aa_upstream_omp -------------------------------------------------------------------------------------- */

START_TEST(an_upstream_on_a_handle_is_asked_once_per_block)
{
    const omp_allocator_handle_t theirs = _i == 0 ? omp_default_mem_alloc : their_handle();
    aa_upstream *const upstream = aa_upstream_omp((uintptr_t)theirs);
    ck_assert_msg(upstream != NULL, "%s", aa_last_message());
    for (int kind = 0; kind < BUMP_KINDS; ++kind) {
        aa_allocator *const a =
            bump_create(kind, &(aa_options){.upstream = upstream, .alignment = 256});
        uint64_t before, after;
        assert_status(aa_upstream_usage(upstream, &before, NULL), AA_OK);
        for (int round = 0; round < 10; ++round) {
            for (int i = 0; i < 100; ++i) {
                unsigned char *const p = aa_alloc(a, 200);
                ck_assert(p != NULL && is_aligned(p, 256));
                memset(p, i, 200);
            }
            assert_status(aa_reset(a), AA_OK);
        }
        assert_status(aa_upstream_usage(upstream, &after, NULL), AA_OK);
        ck_assert_uint_eq(after - before, 1);
        assert_status(aa_destroy(a), AA_OK);
    }
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(an_upstream_that_the_runtime_refuses_is_no_memory)
{
    omp_alloctrait_t traits[] = {{omp_atk_pool_size, 1 << 20}, {omp_atk_fallback, omp_atv_null_fb}};
    const omp_allocator_handle_t theirs = omp_init_allocator(omp_default_mem_space, 2, traits);
    aa_upstream *const upstream = aa_upstream_omp((uintptr_t)theirs);
    aa_allocator *const a = made(aa_arena_create(&(aa_options){.upstream = upstream}));
    assert_fails(aa_alloc(a, 2 << 20), AA_NOMEM);
    ck_assert_ptr_nonnull(aa_alloc(a, 100 << 10));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
    omp_destroy_allocator(theirs);
}
END_TEST

START_TEST(our_own_handles_are_no_upstream)
{
    aa_allocator *const a = aa_shared_create(NULL);
    assert_fails(aa_upstream_omp(aa_omp_handle(a)), AA_INVALID);
    assert_fails(aa_upstream_omp(0), AA_INVALID);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- options.fallback --------------------------------------------------------------------------------------- */

START_TEST(a_fallback_serves_what_the_upstream_refuses)
{
    aa_upstream *const refuses = aa_upstream_failing(NULL, -1);
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.upstream = refuses, .fallback = aa_upstream_heap()});
    unsigned char *const p = aa_alloc(a, 5000);
    ck_assert_ptr_nonnull(p);
    memset(p, 1, 5000);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(a, 5000));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(refuses), AA_OK);
}
END_TEST

START_TEST(what_a_fallback_gave_leaves_the_capacity_whole)
{
    aa_upstream *const counted = aa_upstream_limit(NULL, (size_t)1 << 30);
    aa_allocator *const a = bump_create(
        _i, &(aa_options){.upstream = counted, .capacity = POOL, .fallback = aa_upstream_pages(0)});
    size_t held = 1;
    ck_assert_ptr_nonnull(aa_alloc(a, 2 * POOL));
    assert_status(aa_upstream_usage(counted, NULL, &held), AA_OK);
    ck_assert_uint_eq(held, 0);
    ck_assert_ptr_nonnull(aa_alloc(a, POOL)); /* all of the capacity */
    assert_status(aa_upstream_usage(counted, NULL, &held), AA_OK);
    ck_assert_uint_ge(held, POOL);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(counted), AA_OK);
}
END_TEST

/* ---- AA_OMP_ALLOCATOR ------------------------------------------------------------------------------------------ */

static void *current_name(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)aa_name(aa_current());
}

/* In the child: what is current, on this thread, on another, in a region; what omp_alloc gives. */
static void tell_default(void *text)
{
    setenv("AA_OMP_ALLOCATOR", text, 1);
    const char *const here = aa_name(aa_current());
    pthread_t thread;
    void *there = NULL;
    (void)pthread_create(&thread, NULL, current_name, NULL);
    (void)pthread_join(thread, &there);
    int same = 0;
#pragma omp parallel num_threads(2) reduction(+ : same)
    same += strcmp(aa_name(aa_current()), here) == 0;
    void *const p = omp_alloc(100, omp_null_allocator);
    void *const q = omp_alloc(100, omp_default_mem_alloc);
    (void)fprintf(stderr, "current %s %s %d; null %s; explicit %s\n", here, (const char *)there,
                  same, aa_owns(aa_current(), p) ? "ours" : "theirs",
                  aa_owns(aa_current(), q) ? "ours" : "theirs");
    omp_free(p, omp_null_allocator);
    omp_free(q, omp_default_mem_alloc);
    aa_allocator *const scoped = aa_shared_create(NULL);
    AA_WITH(
        scoped) { /* the default has no handle, and must not be taken for omp_null_allocator's */
        void *const s = omp_alloc(100, omp_null_allocator);
        (void)fprintf(stderr, "in scope %s\n", aa_owns(scoped, s) ? "scoped" : "default");
        omp_free(s, omp_null_allocator);
    }
}

static const struct {
    const char *text, *said;
} defaults[] = {
    {"omp_default_mem_alloc", "current heap heap 2; null theirs"},
    {"", "current heap heap 2; null theirs"},
    {"omp_thread_mem_alloc", "current private-1 private-1 2; null ours; explicit theirs"},
    {"omp_large_cap_mem_alloc", "current shared-1 shared-1 2; null ours; explicit theirs"},
    {"omp_default_mem_space", "current shared-1 shared-1 2; null ours; explicit theirs"},
    {"omp_default_mem_space:pool_size=65536,access=thread,fallback=null_fb", "current private-1"},
    {" OMP_DEFAULT_MEM_SPACE : alignment = 4096 , access = all ", "current shared-1"},
    {"omp_low_lat_mem_space:fallback=allocator_fb,fb_data=omp_const_mem_alloc", "current shared-1"},
    {"omp_default_mem_space:pool_size=default,alignment=default", "current shared-1"},
    {"omp_default_mem_space:pinned=true,pinned=true,pinned=true,pinned=true,pinned=true,"
     "pinned=true,pinned=true,pinned=true,pinned=true,access=all",
     "not understood from \"access=all\""},
    {"nonsense", "not understood from \"nonsense\""},
    {"omp_default_mem_space:pool_size", "not understood from \"\""},
    {"omp_default_mem_space:pool_size=x", "not understood from \"x\""},
    {"omp_default_mem_space:pool_size=true", "not understood from \"true\""},
    {"omp_default_mem_space:alignment=thread", "not understood from \"thread\""},
    {"omp_default_mem_space:pool_size=10,", "not understood from \"\""},
    {"omp_default_mem_space;", "not understood from \";\""},
    {"omp_thread_mem_alloc:pool_size=4", "not understood from \":pool_size=4\""},
    {"omp_default_mem_space:alignment=3",
     "is ignored: aa_allocator_from_traits: alignment cannot be 3"},
    {"omp_default_mem_space:pool_size=99999999999999999999999", "not understood"},
};

START_TEST(the_environment_chooses_the_default)
{
    child_result result;
    child_run(&result, tell_default, (void *)(uintptr_t)defaults[_i].text);
    assert_exited_well(&result);
    ck_assert_msg(strstr(result.text, defaults[_i].said) != NULL, "'%s' says: %s",
                  defaults[_i].text, result.text);
    ck_assert_ptr_nonnull(strstr(result.text, "in scope scoped"));
    const bool refused = strstr(defaults[_i].said, "current") == NULL;
    ck_assert_int_eq(strstr(result.text, "current heap heap 2; null theirs") != NULL,
                     refused || _i < 2);
}
END_TEST

AA_TEST_MAIN("omp: traits", AA_TEST(without_traits_it_is_a_shared_allocator),
             AA_TEST(access_decides_who_shares), AA_TEST(pool_size_is_a_cap),
             AA_TEST(pool_size_of_threads_is_each_threads),
             AA_TEST(alignment_is_of_every_allocation),
             AA_TEST_LOOP(default_mem_fb_goes_on_beyond_the_pool, 0, 2),
             AA_TEST(abort_fb_ends_the_process_with_a_sentence),
             AA_TEST_BUMP(allocator_fb_asks_another_of_ours),
             AA_TEST(allocator_fb_asks_a_handle_of_the_runtimes), AA_TEST(pinned_memory_is_locked),
             AA_TEST(spaces_and_partitions_come_from_the_runtime),
             AA_TEST(defaults_and_hints_change_nothing),
             AA_TEST(what_cannot_be_is_refused_with_a_sentence),
             AA_TEST_LOOP(an_upstream_on_a_handle_is_asked_once_per_block, 0, 2),
             AA_TEST(an_upstream_that_the_runtime_refuses_is_no_memory),
             AA_TEST(our_own_handles_are_no_upstream),
             AA_TEST_BUMP(a_fallback_serves_what_the_upstream_refuses),
             AA_TEST_BUMP(what_a_fallback_gave_leaves_the_capacity_whole),
             AA_TEST_LOOP(the_environment_chooses_the_default, 0,
                          (int)(sizeof defaults / sizeof defaults[0])))
