/* Options of create, and the environment. */
#include "child.h"
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "threads.h"
#include "upstreams.h"
#include "violations.h"

#include <stdlib.h>

START_TEST(null_options_mean_all_defaults)
{
    aa_allocator *const a = bump_create(_i, NULL);
    void *const p = aa_alloc(a, 1);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_aligned(p, 64));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_initialiser_means_all_defaults)
{
    const aa_options options = AA_OPTIONS_INIT;
    aa_allocator *const a = bump_create(_i, &options);
    void *const p = aa_alloc(a, 1);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_aligned(p, 64));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(an_alignment_that_is_no_power_of_two_is_refused_with_its_value)
{
    assert_fails(bump_try_create(_i, &(aa_options){.alignment = 48}), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "48"));
}
END_TEST

START_TEST(an_alignment_above_one_gib_is_refused_with_its_value)
{
    assert_fails(bump_try_create(_i, &(aa_options){.alignment = (size_t)1 << 31}), AA_INVALID);
    ck_assert_ptr_nonnull(strstr(aa_last_message(), "2147483648"));
}
END_TEST

START_TEST(every_allocation_has_the_alignment_of_the_options)
{
    for (size_t alignment = 1; alignment <= 1 << 21; alignment *= 2) {
        aa_allocator *const a = bump_create(_i, &(aa_options){.alignment = alignment});
        for (size_t bytes = 1; bytes < 1000; bytes += 111) {
            void *const p = aa_alloc(a, bytes);
            ck_assert_ptr_nonnull(p);
            ck_assert_msg(is_aligned(p, alignment), "%p for %zu", p, alignment);
        }
        assert_status(aa_destroy(a), AA_OK);
    }
}
END_TEST

START_TEST(a_negative_history_is_refused)
{
    assert_fails(bump_try_create(_i, &(aa_options){.history = -1}), AA_INVALID);
}
END_TEST

START_TEST(an_unknown_flag_is_refused)
{
    assert_fails(bump_try_create(_i, &(aa_options){.flags = 1U << 20}), AA_INVALID);
}
END_TEST

START_TEST(an_unknown_tier_is_refused)
{
    assert_fails(bump_try_create(_i, &(aa_options){.checks = (aa_checks)(AA_CHECKS_FULL + 1)}),
                 AA_INVALID);
}
END_TEST

START_TEST(the_name_is_copied)
{
    char name[] = "weights";
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = name});
    name[0] = 'X';
    ck_assert_str_eq(aa_name(a), "weights");
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(two_allocators_without_a_name_have_different_ones)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = bump_create(_i, NULL);
    ck_assert_str_ne(aa_name(a), "");
    ck_assert_str_ne(aa_name(a), aa_name(b));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(the_name_of_null_is_empty)
{
    ck_assert_str_eq(aa_name(NULL), "");
}
END_TEST

START_TEST(creating_takes_nothing_from_the_upstream)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    ck_assert_uint_eq(upstream_calls(&count), 0);
    ck_assert_uint_eq(stats_of(a).committed, 0);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_uint_eq(upstream_calls(&count), 0);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(a_prefaulting_arena_takes_its_first_block_at_once)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = aa_arena_create(
        &(aa_options){.upstream = upstream, .flags = AA_PREFAULT, .initial = 50000});
    ck_assert_uint_eq(count.requests, 1);
    ck_assert_uint_ge(stats_of(a).committed, 50000);
    ck_assert_ptr_nonnull(aa_alloc(a, 40000));
    ck_assert_uint_eq(count.requests, 1);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(initial_is_the_size_of_the_first_block)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.upstream = upstream, .initial = (size_t)1 << 20});
    ck_assert_ptr_nonnull(aa_alloc(a, 1));
    ck_assert_uint_eq(count.requests, 1);
    ck_assert_uint_ge(count.out, (size_t)1 << 20);
    ck_assert_uint_lt(count.out, (size_t)1 << 21);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(thousands_of_used_allocators_need_little_memory)
{
    enum { COUNT = 2000 };
    static aa_allocator *all[COUNT];
    size_t committed = 0;
    for (int i = 0; i < COUNT; ++i) {
        all[i] = bump_create(_i, NULL);
        ck_assert_ptr_nonnull(aa_alloc(all[i], 100));
        committed += stats_of(all[i]).committed;
    }
    ck_assert_uint_le(committed / COUNT, 512 << 10);
    for (int i = 0; i < COUNT; ++i) {
        assert_status(aa_destroy(all[i]), AA_OK);
    }
}
END_TEST

START_TEST(zeroed_memory_is_zero_also_when_reused)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.flags = AA_ZEROED});
    static const size_t sizes[] = {1, 64, 100, 5000, 200000, 3 << 20};
    for (int round = 0; round < 4; ++round) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
            unsigned char *const p = aa_alloc(a, sizes[i]);
            ck_assert_ptr_nonnull(p);
            ck_assert(is_zero(p, sizes[i]));
            memset(p, 0xee, sizes[i]);
        }
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(zeroed_memory_is_zero_after_rewind_and_free)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.flags = AA_ZEROED});
    for (int round = 0; round < 3; ++round) {
        const aa_mark mark = aa_mark_take(a);
        for (size_t bytes = 100; bytes < 400000; bytes *= 7) {
            unsigned char *const p = aa_alloc(a, bytes);
            ck_assert_ptr_nonnull(p);
            ck_assert(is_zero(p, bytes));
            memset(p, 0xee, bytes);
        }
        assert_status(aa_mark_rewind(mark), AA_OK);
        unsigned char *const q = aa_alloc_aligned(a, 300, 4096);
        ck_assert(is_zero(q, 300));
        memset(q, 0xee, 300);
        aa_free(a, q, 300);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(zeroed_memory_that_realloc_adds_is_zero)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.flags = AA_ZEROED});
    for (int round = 0; round < 3; ++round) {
        unsigned char *p = aa_alloc(a, 100);
        memset(p, 0xee, 100);
        p = aa_realloc(a, p, 100, 1000);
        ck_assert(is_zero(p + 128, 1000 - 128));
        memset(p, 0xee, 1000);
        ck_assert_ptr_nonnull(aa_alloc(a, 1)); /* no longer the newest */
        p = aa_realloc(a, p, 1000, 3000);
        ck_assert(is_zero(p + 1024, 3000 - 1024));
        memset(p, 0xee, 3000);
        assert_status(aa_reset(a), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- the environment: read at first use, so each in a child of its own ---- */

typedef struct variable {
    const char *name, *value;
} variable;

static void *allocate_elsewhere(void *arena)
{
    return aa_alloc(arena, 64);
}

/* Exit status 0 when an arena made without a tier lets another thread allocate, else 1. */
static void use_from_two_threads(void *variables)
{
    for (const variable *v = variables; v->name != NULL; ++v) {
        setenv(v->name, v->value, 1);
    }
    record_violations();
    aa_allocator *const first = aa_arena_create(NULL);
    aa_allocator *const arena = aa_arena_create(NULL);
    (void)aa_destroy(first);
    (void)aa_alloc(arena, 8);
    exit(on_thread(allocate_elsewhere, arena) != NULL ? 0 : 1);
}

static void run_with(child_result *result, const char *name, const char *value)
{
    variable variables[] = {{name, value}, {NULL, NULL}};
    (void)unsetenv("AA_CHECKS"); /* the test itself may run under any */
    child_run(result, use_from_two_threads, variables);
    ck_assert_msg(WIFEXITED(result->status), "%s=%s: %s", name, value, result->text);
}

START_TEST(the_environment_decides_the_tier_of_allocators_that_ask_for_none)
{
    child_result result;
    run_with(&result, "AA_CHECKS", "none");
    ck_assert_int_eq(WEXITSTATUS(result.status), 0);
    run_with(&result, "AA_CHECKS", "api");
    ck_assert_int_eq(WEXITSTATUS(result.status), 1);
    run_with(&result, "AA_CHECKS", "full");
    ck_assert_int_eq(WEXITSTATUS(result.status), 1);
}
END_TEST

START_TEST(an_unset_environment_means_no_checks)
{
    unsetenv("AA_CHECKS");
    child_result result;
    run_with(&result, "AA_UNRELATED", "1");
    ck_assert_int_eq(WEXITSTATUS(result.status), 0);
    ck_assert_str_eq(result.text, "");
}
END_TEST

START_TEST(the_options_override_the_environment)
{
    setenv("AA_CHECKS", "api", 1);
    aa_allocator *const arena = aa_arena_create(&(aa_options){.checks = AA_CHECKS_NONE});
    ck_assert_ptr_nonnull(aa_alloc(arena, 8));
    ck_assert_ptr_nonnull(on_thread(allocate_elsewhere, arena));
}
END_TEST

static const variable malformed[] = {
    {"AA_CHECKS", "sometimes"},  {"AA_CHECKS", "API"},
    {"AA_CHECKS", " none"},      {"AA_VERBOSE", "yes"},
    {"AA_VERBOSE", "2"},         {"AA_STATS", "xml"},
    {"AA_HUGETLB", "on"},        {"AA_TEAM_TIMEOUT", "0"},
    {"AA_TEAM_TIMEOUT", "-5"},   {"AA_TEAM_TIMEOUT", "60s"},
    {"AA_TEAM_TIMEOUT", "soon"}, {"AA_TEAM_TIMEOUT", "99999999999999999999"}};
enum { MALFORMED = sizeof malformed / sizeof malformed[0] };

START_TEST(a_malformed_variable_gives_one_warning_and_the_default)
{
    const variable v = malformed[_i];
    child_result result;
    run_with(&result, v.name, v.value);
    ck_assert_int_eq(WEXITSTATUS(result.status), 0); /* tier none */
    ck_assert_int_eq(occurrences(result.text, v.name), 1);
    ck_assert_ptr_nonnull(strstr(result.text, v.value));
    ck_assert_int_eq(occurrences(result.text, "\n"), 1);
}
END_TEST

START_TEST(an_empty_variable_counts_as_unset)
{
    child_result result;
    run_with(&result, "AA_CHECKS", "");
    ck_assert_int_eq(WEXITSTATUS(result.status), 0);
    ck_assert_str_eq(result.text, "");
}
END_TEST

START_TEST(verbose_prints_every_variable)
{
    child_result result;
    run_with(&result, "AA_VERBOSE", "1");
    static const char *const names[] = {"AA_CHECKS=none ",     "AA_VERBOSE=1 ", "AA_STATS=0 ",
                                        "AA_TEAM_TIMEOUT=60 ", "AA_HUGETLB=0 ", "AA_TRACE= "};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        ck_assert_msg(strstr(result.text, names[i]) != NULL, "no %s", names[i]);
    }
}
END_TEST

static void leave_one_alive(void *value)
{
    setenv("AA_STATS", value, 1);
    aa_allocator *const gone = aa_arena_create(&(aa_options){.name = "destroyed early"});
    aa_allocator *const kept = aa_arena_create(&(aa_options){.name = "alive at exit"});
    (void)aa_alloc(gone, 8);
    (void)aa_alloc(kept, 8);
    (void)aa_destroy(gone);
}

START_TEST(stats_at_exit_report_the_live_allocators_only)
{
    char text[] = "1", json[] = "json";
    child_result result;
    child_run(&result, leave_one_alive, text);
    assert_exited_well(&result);
    ck_assert_ptr_nonnull(strstr(result.text, "alive at exit"));
    ck_assert_ptr_null(strstr(result.text, "destroyed early"));
    child_run(&result, leave_one_alive, json);
    assert_exited_well(&result);
    ck_assert_ptr_nonnull(strstr(result.text, "\"alive at exit\""));
    ck_assert_ptr_null(strstr(result.text, "destroyed early"));
}
END_TEST

AA_TEST_MAIN("options", AA_TEST_BUMP(null_options_mean_all_defaults),
             AA_TEST_BUMP(the_initialiser_means_all_defaults),
             AA_TEST_BUMP(an_alignment_that_is_no_power_of_two_is_refused_with_its_value),
             AA_TEST_BUMP(an_alignment_above_one_gib_is_refused_with_its_value),
             AA_TEST_BUMP(every_allocation_has_the_alignment_of_the_options),
             AA_TEST_BUMP(a_negative_history_is_refused), AA_TEST_BUMP(an_unknown_flag_is_refused),
             AA_TEST_BUMP(an_unknown_tier_is_refused), AA_TEST_BUMP(the_name_is_copied),
             AA_TEST_BUMP(two_allocators_without_a_name_have_different_ones),
             AA_TEST(the_name_of_null_is_empty),
             AA_TEST_BUMP(creating_takes_nothing_from_the_upstream),
             AA_TEST(a_prefaulting_arena_takes_its_first_block_at_once),
             AA_TEST_BUMP(initial_is_the_size_of_the_first_block),
             AA_TEST_BUMP(thousands_of_used_allocators_need_little_memory),
             AA_TEST_BUMP(zeroed_memory_is_zero_also_when_reused),
             AA_TEST_BUMP(zeroed_memory_is_zero_after_rewind_and_free),
             AA_TEST_BUMP(zeroed_memory_that_realloc_adds_is_zero),
             AA_TEST(the_environment_decides_the_tier_of_allocators_that_ask_for_none),
             AA_TEST(an_unset_environment_means_no_checks),
             AA_TEST(the_options_override_the_environment),
             AA_TEST_LOOP(a_malformed_variable_gives_one_warning_and_the_default, 0, MALFORMED),
             AA_TEST(an_empty_variable_counts_as_unset), AA_TEST(verbose_prints_every_variable),
             AA_TEST(stats_at_exit_report_the_live_allocators_only))
