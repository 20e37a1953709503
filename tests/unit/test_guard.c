/* The guard ring: a reset moves the memory, stale pointers fault and are named. What dies does so in a child. */
#include "child.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "sanitizers.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

static bool under_valgrind(void)
{
    const char *const preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static aa_allocator *guarded(int kind)
{
    return bump_create(kind, &(aa_options){.name = "guarded", .flags = AA_GUARD});
}

static void read_byte(const void *pointer)
{
    (void)*(const volatile char *)pointer;
}

/* ---- stale pointers ---------------------------------------------------------------------------------------- */

enum { READ, WRITE };

typedef struct stale_use {
    int kind;       /* of allocator */
    int how;        /* READ or WRITE */
    int resets;     /* before the access */
    bool destroyed; /* and then */
    bool raw;       /* memory, not an array */
} stale_use;

/* Element (0, 23) of an array of doubles, 8 x 100. */
static void use_stale(void *argument)
{
    const stale_use *const how = argument;
    aa_allocator *const a = guarded(how->kind);
    (void)aa_alloc(a, 100); /* so that the array is not where its block begins */
    const aa_array x = aa_empty(a, AA_F64, 2, (const int64_t[]){8, 100});
    char *const p = how->raw ? aa_alloc(a, 1000) : x.data;
    p[184] = 1;
    for (int i = 0; i < how->resets; ++i) {
        (void)aa_reset(a);
        (void)aa_alloc(a, 100);
    }
    if (how->destroyed) {
        (void)aa_destroy(a);
    }
    volatile char *const stale = &p[184];
    if (how->how == WRITE) {
        *stale = 2;
    } else {
        read_byte(&p[184]);
    }
}

static const char *died_of(const child_result *result)
{
    static char text[64];
    (void)snprintf(text, sizeof text, "exit %d, signal %d", WEXITSTATUS(result->status),
                   WIFSIGNALED(result->status) ? WTERMSIG(result->status) : 0);
    return text;
}

/* AddressSanitizer's handler is the one that ours passes the signal on to; it ends with a status. */
#define assert_died_of_a_fault(result)                                                             \
    ck_assert_msg(                                                                                 \
        (WIFSIGNALED((result)->status) && WTERMSIG((result)->status) == SIGSEGV) ||                \
            (UNDER_ASAN && WIFEXITED((result)->status) && WEXITSTATUS((result)->status) != 0),     \
        "%s: %s", died_of(result), (result)->text)

#define assert_says(result, word)                                                                  \
    ck_assert_msg(strstr((result)->text, (word)) != NULL, "'%s' is not in: %s", word,              \
                  (result)->text)

static void assert_stale_access_is_named(stale_use how, const char *epoch)
{
    child_result result;
    child_run(&result, use_stale, &how);
    assert_died_of_a_fault(&result);
    ck_assert_int_eq(occurrences(result.text, "allocarrays: "), 1);
    assert_says(&result, "AA_USE_AFTER_RESET");
    assert_says(&result, "'guarded'");
    assert_says(&result, epoch);
    if (!how.raw) {
        assert_says(&result, "array f64 (8, 100) made at ");
        assert_says(&result, "test_guard");
        assert_says(&result, "byte 184\n");
    }
}

START_TEST(reading_by_a_stale_pointer_after_a_reset_faults_and_is_named)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = READ, .resets = 1}, "epoch 0 ");
}
END_TEST

START_TEST(writing_by_a_stale_pointer_after_a_reset_faults_and_is_named)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = WRITE, .resets = 1}, "epoch 0 ");
}
END_TEST

START_TEST(a_stale_pointer_of_many_resets_ago_is_named_with_its_epoch)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = READ, .resets = 100}, "epoch 0 ");
}
END_TEST

START_TEST(a_stale_pointer_after_destroy_faults_and_is_named)
{
    assert_stale_access_is_named((stale_use){.kind = _i, .how = READ, .destroyed = true},
                                 "epoch 0 ");
}
END_TEST

START_TEST(a_stale_pointer_to_raw_memory_is_named_by_its_block)
{
    child_result result;
    stale_use how = {.kind = _i, .how = READ, .resets = 1, .raw = true};
    child_run(&result, use_stale, &how);
    assert_died_of_a_fault(&result);
    assert_says(&result, "allocator 'guarded', epoch 0 has ended");
    assert_says(&result, "of its block");
    ck_assert_ptr_null(strstr(result.text, ", array "));
}
END_TEST

static void grow_then_use_stale(void *argument)
{
    aa_allocator *const a = guarded(*(const int *)argument);
    char *blocks[200];
    for (size_t i = 0; i < 200; ++i) {
        blocks[i] = aa_alloc(a, 20000);
        *blocks[i] = 1;
    }
    if (stats_of(a).blocks < 3 || stats_of(a).guard_misses != 0 || aa_reset(a) != AA_OK ||
        stats_of(a).blocks != 1) {
        exit(1);
    }
    read_byte(blocks[100]);
}

START_TEST(stale_pointers_into_a_chain_that_was_folded_fault)
{
    int kind = _i;
    child_result result;
    child_run(&result, grow_then_use_stale, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "allocator 'guarded', epoch 0 has ended");
}
END_TEST

static aa_allocator *of_all;
static char *of_another;

static void allocate_and_stay(guest *g)
{
    of_another = aa_alloc(of_all, 1000);
    *of_another = 1;
    guest_stay(g);
}

static void reset_what_threads_use(void *argument)
{
    guest g;
    of_all = guarded(*(const int *)argument);
    char *const mine = aa_alloc(of_all, 1000);
    *mine = 1;
    guest_invite(&g, allocate_and_stay, NULL);
    if (aa_reset(of_all) != AA_OK || stats_of(of_all).guard_misses != 0) {
        exit(1);
    }
    read_byte(of_another);
}

START_TEST(a_reset_moves_what_all_threads_were_given)
{
    int kind = _i;
    if (kind == ARENA) {
        return;
    }
    child_result result;
    child_run(&result, reset_what_threads_use, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded'");
}
END_TEST

static void reset_with_the_team(void *argument)
{
    aa_allocator *const a = guarded(*(const int *)argument);
#pragma omp parallel num_threads(2)
    {
        char *const p = aa_alloc(a, 100);
        *p = 1;
        const aa_status status = aa_reset_team(a);
        if (status != AA_OK) {
            exit(1);
        }
#pragma omp single
        read_byte(p);
    }
}

START_TEST(a_team_reset_moves_the_memory_too)
{
    int kind = _i;
    if (kind == ARENA) {
        return;
    }
    child_result result;
    child_run(&result, reset_with_the_team, &kind);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded', epoch 0 has ended");
}
END_TEST

static void use_stale_in_full(void *unused)
{
    (void)unused;
    aa_allocator *const a =
        aa_arena_create(&(aa_options){.name = "guarded", .checks = AA_CHECKS_FULL});
    char *const p = aa_alloc(a, 1000);
    *p = 1;
    (void)aa_reset(a);
    read_byte(p);
}

START_TEST(full_checks_bring_the_guard)
{
    if (UNDER_ASAN) { /* its poison comes first */
        return;
    }
    child_result result;
    child_run(&result, use_stale_in_full, NULL);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded', epoch 0 has ended");
}
END_TEST

/* ---- what is not stale ------------------------------------------------------------------------------------- */

START_TEST(memory_that_was_not_reset_keeps_its_contents)
{
    aa_allocator *const kept = guarded(_i), *const reset = guarded(_i);
    void *blocks[100];
    for (unsigned i = 0; i < 100; ++i) {
        blocks[i] = aa_alloc(kept, 10000);
        pattern_fill(blocks[i], 10000, i);
        pattern_fill(aa_alloc(reset, 10000), 10000, 200);
        if (i % 10 == 9) {
            assert_status(aa_reset(reset), AA_OK);
        }
    }
    assert_status(aa_destroy(reset), AA_OK);
    for (unsigned i = 0; i < 100; ++i) {
        ck_assert(pattern_holds(blocks[i], 10000, i));
        ck_assert(aa_owns(kept, blocks[i]));
    }
    assert_status(aa_destroy(kept), AA_OK);
}
END_TEST

START_TEST(resetting_one_threads_arena_of_a_private_allocator_leaves_the_others)
{
    guest g;
    of_all = guarded(PRIVATE);
    guest_invite(&g, allocate_and_stay, NULL);
    (void)aa_alloc(of_all, 1000);
    assert_status(aa_reset(aa_private_arena(of_all)), AA_OK);
    ck_assert_int_eq(*of_another, 1);
    guest_dismiss(&g);
    ck_assert_int_eq(*of_another, 1); /* its thread has ended: others may still read */
    assert_status(aa_destroy(of_all), AA_OK);
}
END_TEST

START_TEST(a_rewind_does_not_move_the_memory)
{
    aa_allocator *const a = guarded(_i);
    char *const before = aa_alloc(a, 100);
    char *inside = NULL;
    pattern_fill(before, 100, 1);
    AA_SCRATCH(a) {
        inside = aa_alloc(a, 100);
    }
    ck_assert(pattern_holds(before, 100, 1));
    ck_assert_ptr_eq(aa_alloc(a, 100), inside);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(each_reset_gives_other_addresses_and_owns_follows)
{
    aa_allocator *const a = guarded(_i);
    void *before = aa_alloc(a, 1000);
    for (int i = 0; i < 50; ++i) {
        assert_status(aa_reset(a), AA_OK);
        ck_assert(!aa_owns(a, before));
        void *const now = aa_alloc(a, 1000);
        ck_assert_ptr_ne(now, before);
        ck_assert(aa_owns(a, now));
        pattern_fill(now, 1000, 1);
        before = now;
    }
    ck_assert_uint_eq(stats_of(a).guard_misses, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_asks_nothing_of_the_upstream_after_the_first_rounds)
{
    aa_allocator *const a = guarded(_i);
    uint64_t calls = 0;
    for (int round = 0; round < 20; ++round) {
        for (int i = 0; i < 100; ++i) {
            *(volatile char *)aa_alloc(a, 20000) = 1;
        }
        calls = round == 2 ? stats_of(a).upstream_calls : calls;
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_eq(stats_of(a).upstream_calls, calls);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_capacity_holds_with_a_guard)
{
    enum { BLOCKS = 64, EACH = 1024 };
    const size_t capacity = (size_t)BLOCKS * EACH;
    aa_allocator *const a = bump_create(_i, &(aa_options){.flags = AA_GUARD, .capacity = capacity});
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < BLOCKS; ++i) {
            void *const p = aa_alloc(a, EACH);
            ck_assert_msg(p != NULL, "block %d of %d: %s", i, BLOCKS, aa_last_message());
            pattern_fill(p, EACH, (unsigned)i);
        }
        assert_fails(aa_alloc(a, 1), AA_NOMEM);
        ck_assert_uint_le(stats_of(a).committed, capacity);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(zeroed_and_prefaulted_allocators_stay_so)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.flags = AA_GUARD | AA_ZEROED | AA_PREFAULT});
    for (int round = 0; round < 5; ++round) {
        void *const p = aa_alloc(a, 100000);
        ck_assert(is_zero(p, 100000));
        memset(p, 1, 100000);
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_uint_eq(stats_of(a).guard_misses, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(errno_is_kept)
{
    aa_allocator *const a = guarded(_i);
    errno = 77;
    (void)aa_alloc(a, 1000000);
    ck_assert_int_eq(errno, 77);
    assert_status(aa_reset(a), AA_OK);
    ck_assert_int_eq(errno, 77);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(errno, 77);
}
END_TEST

/* ---- what it costs the process --------------------------------------------------------------------------- */

static int mappings(void)
{
    FILE *const maps = fopen("/proc/self/maps", "r");
    int lines = 0, c;
    if (maps == NULL) {
        return 0;
    }
    while ((c = getc(maps)) != EOF) {
        lines += c == '\n';
    }
    (void)fclose(maps);
    return lines;
}

START_TEST(twenty_thousand_resets_keep_the_number_of_mappings)
{
    enum { RESETS = 20000, WARM = 100 };
    aa_allocator *const a = guarded(_i);
    int before = 0;
    for (int i = 0; i < WARM + RESETS; ++i) {
        before = i == WARM ? mappings() : before;
        *(volatile char *)aa_alloc(a, 100000) = 1;
        assert_status(aa_reset(a), AA_OK);
    }
    ck_assert_int_le(mappings(), before + 20);
    ck_assert_uint_eq(stats_of(a).guard_misses, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(allocators_that_come_and_go_keep_the_number_of_mappings)
{
    int before = 0;
    for (int i = 0; i < 2000; ++i) {
        before = i == 100 ? mappings() : before;
        aa_allocator *const a = guarded(_i);
        *(volatile char *)aa_alloc(a, 100000) = 1;
        assert_status(aa_reset(a), AA_OK);
        *(volatile char *)aa_alloc(a, 100000) = 1;
        assert_status(aa_destroy(a), AA_OK);
    }
    ck_assert_int_le(mappings(), before + 20);
}
END_TEST

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

static size_t address_space(void)
{
    size_t pages = 0;
    FILE *const statm = fopen("/proc/self/statm", "r");
    if (statm == NULL || fscanf(statm, "%zu", &pages) != 1) {
        _exit(1);
    }
    (void)fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void leave_address_space(size_t more)
{
    const rlim_t bytes = address_space() + more;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes}) != 0) {
        _exit(1);
    }
}

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

/* ---- other handlers --------------------------------------------------------------------------------------- */

static const void *seen;

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        _exit(1);
    }
}

static void on_fault_with_info(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    seen = info->si_addr;
    say("the program's own handler\n");
    _exit(42);
}

static void on_fault_plain(int number)
{
    (void)number;
    say("the program's own handler\n");
    _exit(42);
}

/* argument: whether the handler takes the info. */
static void install_own_handler(const bool *with_info)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    if (*with_info) {
        action.sa_flags = SA_SIGINFO;
        action.sa_sigaction = on_fault_with_info;
    } else {
        action.sa_handler = on_fault_plain;
    }
    if (sigaction(SIGSEGV, &action, NULL) != 0) {
        exit(1);
    }
}

static void use_stale_under_a_handler(void *with_info)
{
    install_own_handler(with_info);
    use_stale(&(stale_use){.kind = ARENA, .how = READ, .resets = 1});
}

/* _i: whether the handler takes the info. */
START_TEST(a_handler_installed_before_is_called_after_the_report)
{
    bool with_info = _i != 0;
    child_result result;
    child_run(&result, use_stale_under_a_handler, &with_info);
    ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 42, "%s: %s",
                  died_of(&result), result.text);
    const char *const report = strstr(result.text, "AA_USE_AFTER_RESET");
    const char *const own = strstr(result.text, "the program's own handler");
    ck_assert_ptr_nonnull(report);
    ck_assert_ptr_nonnull(own);
    ck_assert(report < own);
}
END_TEST

static void fault_elsewhere(void)
{
    aa_allocator *const a = guarded(ARENA);
    (void)aa_alloc(a, 100);
    (void)aa_reset(a);
    const void *const forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    read_byte(forbidden);
}

static void fault_elsewhere_under_a_handler(void *with_info)
{
    install_own_handler(with_info);
    fault_elsewhere();
}

START_TEST(a_fault_outside_the_ring_reaches_that_handler_without_a_report)
{
    bool with_info = _i != 0;
    child_result result;
    child_run(&result, fault_elsewhere_under_a_handler, &with_info);
    ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 42, "%s: %s",
                  died_of(&result), result.text);
    ck_assert_ptr_null(strstr(result.text, "allocarrays"));
}
END_TEST

static void fault_elsewhere_without_a_handler(void *unused)
{
    (void)unused;
    fault_elsewhere();
}

START_TEST(a_fault_outside_the_ring_without_a_handler_ends_the_process)
{
    child_result result;
    child_run(&result, fault_elsewhere_without_a_handler, NULL);
    assert_died_of_a_fault(&result);
    ck_assert_ptr_null(strstr(result.text, "allocarrays: "));
}
END_TEST

static void fault_elsewhere_ignored(void *unused)
{
    (void)unused;
    (void)signal(SIGSEGV, SIG_IGN);
    fault_elsewhere();
}

START_TEST(an_ignored_fault_ends_the_process_and_does_not_loop)
{
    child_result result;
    child_run(&result, fault_elsewhere_ignored, NULL);
    assert_died_of_a_fault(&result);
}
END_TEST

static void send_the_signal(void *unused)
{
    (void)unused;
    (void)aa_alloc(guarded(ARENA), 100);
    (void)kill(getpid(), SIGSEGV);
}

START_TEST(the_signal_sent_by_kill_ends_the_process_as_without_the_ring)
{
    child_result result;
    child_run(&result, send_the_signal, NULL);
    assert_died_of_a_fault(&result);
    ck_assert_ptr_null(strstr(result.text, "allocarrays: "));
}
END_TEST

static void ignore_the_signal_sent(void *unused)
{
    (void)signal(SIGSEGV, SIG_IGN);
    send_the_signal(unused);
    send_the_signal(unused);
}

START_TEST(the_signal_sent_by_kill_stays_ignored_where_it_was)
{
    child_result result;
    child_run(&result, ignore_the_signal_sent, NULL);
    assert_exited_well(&result);
}
END_TEST

/* ---- fork -------------------------------------------------------------------------------------------------- */

typedef struct forked {
    aa_allocator *allocator;
    char *memory;
} forked;

static void go_on_in_the_child(void *argument)
{
    const forked *const f = argument;
    if (!pattern_holds(f->memory, 5000, 1)) {
        exit(1);
    }
    pattern_fill(f->memory, 5000, 2);
    for (int i = 0; i < 10; ++i) {
        if (aa_reset(f->allocator) != AA_OK) {
            exit(1);
        }
        pattern_fill(aa_alloc(f->allocator, 5000), 5000, 3);
    }
    read_byte(f->memory);
}

START_TEST(a_forked_child_goes_on_and_its_stale_pointers_fault_there_alone)
{
    aa_allocator *const a = guarded(_i);
    (void)aa_alloc(a, 100);
    assert_status(aa_reset(a), AA_OK);
    forked f = {a, aa_alloc(a, 5000)};
    pattern_fill(f.memory, 5000, 1);
    child_result result;
    child_run(&result, go_on_in_the_child, &f);
    assert_died_of_a_fault(&result);
    assert_says(&result, "'guarded', epoch 1 has ended");
    ck_assert(pattern_holds(f.memory, 5000, 1));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_ptr_nonnull(aa_alloc(a, 5000));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------------------------ */

/* Each thread resets an arena of its own, at once; the ring is one. */
START_TEST(threads_that_reset_at_once_do_not_take_each_others_memory)
{
    enum { THREADS = 4, RESETS = 500 };
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        aa_allocator *const a = aa_arena_create(&(aa_options){.flags = AA_GUARD});
        for (unsigned i = 0; i < RESETS; ++i) {
            char *const p = aa_alloc(a, 30000);
            pattern_fill(p, 30000, i);
            wrong += !pattern_holds(p, 30000, i);
            wrong += aa_reset(a) != AA_OK;
        }
        wrong += aa_destroy(a) != AA_OK;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* By hand and not AA_TEST_MAIN: Valgrind has no mremap that leaves its place reserved, so no reset moves there. */
int main(void)
{
    const aa_test tests[] = {
        AA_TEST_BUMP(reading_by_a_stale_pointer_after_a_reset_faults_and_is_named),
        AA_TEST_BUMP(writing_by_a_stale_pointer_after_a_reset_faults_and_is_named),
        AA_TEST_BUMP(a_stale_pointer_of_many_resets_ago_is_named_with_its_epoch),
        AA_TEST_BUMP(a_stale_pointer_after_destroy_faults_and_is_named),
        AA_TEST_BUMP(a_stale_pointer_to_raw_memory_is_named_by_its_block),
        AA_TEST_BUMP(stale_pointers_into_a_chain_that_was_folded_fault),
        AA_TEST_BUMP(a_reset_moves_what_all_threads_were_given),
        AA_TEST_BUMP(a_team_reset_moves_the_memory_too),
        AA_TEST(full_checks_bring_the_guard),
        AA_TEST_BUMP(memory_that_was_not_reset_keeps_its_contents),
        AA_TEST(resetting_one_threads_arena_of_a_private_allocator_leaves_the_others),
        AA_TEST_BUMP(a_rewind_does_not_move_the_memory),
        AA_TEST_BUMP(each_reset_gives_other_addresses_and_owns_follows),
        AA_TEST_BUMP(a_reset_asks_nothing_of_the_upstream_after_the_first_rounds),
        AA_TEST_BUMP(the_capacity_holds_with_a_guard),
        AA_TEST_BUMP(zeroed_and_prefaulted_allocators_stay_so),
        AA_TEST_BUMP(errno_is_kept),
        AA_TEST_BUMP(twenty_thousand_resets_keep_the_number_of_mappings),
        AA_TEST_BUMP(allocators_that_come_and_go_keep_the_number_of_mappings),
        AA_TEST_BUMP(it_is_refused_over_other_upstreams_than_ordinary_pages),
        AA_TEST_BUMP(full_checks_over_another_upstream_reset_in_place),
        AA_TEST_BUMP(where_address_space_is_refused_it_resets_in_place_and_counts),
        AA_TEST_BUMP(a_ring_that_comes_round_is_used_again),
        AA_TEST_BUMP(a_ring_that_comes_round_spares_live_memory),
        AA_TEST_BUMP(an_alignment_beyond_a_slots_is_served_without_it_and_counted),
        AA_TEST(more_allocators_than_slots_work_and_are_counted),
        AA_TEST_LOOP(a_handler_installed_before_is_called_after_the_report, 0, 2),
        AA_TEST_LOOP(a_fault_outside_the_ring_reaches_that_handler_without_a_report, 0, 2),
        AA_TEST(a_fault_outside_the_ring_without_a_handler_ends_the_process),
        AA_TEST(an_ignored_fault_ends_the_process_and_does_not_loop),
        AA_TEST(the_signal_sent_by_kill_ends_the_process_as_without_the_ring),
        AA_TEST(the_signal_sent_by_kill_stays_ignored_where_it_was),
        AA_TEST_BUMP(a_forked_child_goes_on_and_its_stale_pointers_fault_there_alone),
        AA_TEST(threads_that_reset_at_once_do_not_take_each_others_memory)};
    if (under_valgrind()) {
        puts("guard: Valgrind cannot move memory as the ring needs it");
        return 77;
    }
    return aa_test_run("guard", sizeof tests / sizeof tests[0], tests);
}
