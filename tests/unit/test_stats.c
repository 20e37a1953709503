/* Stats are exact; reports name what lives. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "upstreams.h"
#include "violations.h"

#include <stdlib.h>
#include <unistd.h>

START_TEST(a_new_allocator_has_zero_everywhere)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_stats stats = stats_of(a), zero = {0};
    ck_assert_mem_eq(&stats, &zero, sizeof zero);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(used_counts_aligned_bytes)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.alignment = 32});
    static const size_t sizes[] = {1, 32, 33, 100, 0, 1000, 50000, 1000000};
    static const size_t rounded[] = {32, 32, 64, 128, 32, 1024, 50016, 1000000};
    size_t used = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        (void)aa_alloc(a, sizes[i]);
        used += rounded[i];
        ck_assert_uint_eq(stats_of(a).used, used);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(allocations_count_every_served_request_across_resets)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.capacity = 1 << 20});
    for (uint64_t round = 1; round <= 5; ++round) {
        (void)aa_alloc(a, 100);
        (void)aa_alloc(a, 0);
        (void)aa_calloc(a, 10, 10);
        (void)aa_alloc_aligned(a, 100, 1024);
        (void)aa_alloc(a, 100000);
        (void)aa_alloc(a, 2 << 20); /* refused */
        (void)aa_alloc(a, SIZE_MAX);
        const aa_mark mark = aa_mark_take(a);
        (void)aa_alloc(a, 100);
        assert_status(aa_mark_rewind(mark), AA_OK);
        void *const p = aa_alloc(a, 100);
        aa_free(a, p, 100);
        ck_assert_uint_eq(stats_of(a).allocations, 7 * round);
        assert_status(aa_reset(a), AA_OK);
        ck_assert_uint_eq(stats_of(a).allocations, 7 * round);
        ck_assert_uint_eq(stats_of(a).resets, round);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(peak_is_the_largest_use_so_far)
{
    aa_allocator *const a = bump_create(_i, NULL);
    (void)aa_alloc(a, 64000);
    ck_assert_uint_eq(stats_of(a).peak, 64000);
    assert_status(aa_reset(a), AA_OK);
    (void)aa_alloc(a, 640);
    ck_assert_uint_eq(stats_of(a).peak, 64000);
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 128000);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 640);
    ck_assert_uint_eq(stats_of(a).peak, 128640);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(committed_and_blocks_are_what_the_upstream_gave)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream, .initial = 4096});
    for (int i = 0; i < 300; ++i) {
        (void)aa_alloc(a, (size_t)(i * 37 % 9000));
        const aa_stats stats = stats_of(a);
        ck_assert_uint_eq(stats.committed, count.out);
        ck_assert_uint_eq(stats.blocks, count.requests - count.returns);
        ck_assert_uint_eq(stats.upstream_calls, upstream_calls(&count));
        if (i % 100 == 99) {
            assert_status(aa_reset(a), AA_OK);
            ck_assert_uint_eq(stats_of(a).committed, count.out);
            ck_assert_uint_eq(stats_of(a).upstream_calls, upstream_calls(&count));
        }
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(growths_are_the_blocks_beyond_the_first)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream, .initial = 4096});
    (void)aa_alloc(a, 64);
    ck_assert_uint_eq(stats_of(a).growths, 0);
    for (int i = 0; i < 300; ++i) {
        (void)aa_alloc(a, 3000);
    }
    ck_assert_uint_gt(count.requests, 1);
    ck_assert_uint_eq(stats_of(a).growths, count.requests - 1);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(used_and_wasted_fit_into_committed)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.initial = 4096});
    for (int i = 0; i < 500; ++i) {
        (void)aa_alloc_aligned(a, (size_t)(i * 911 % 7000), (size_t)1 << (i % 13));
        const aa_stats stats = stats_of(a);
        ck_assert_uint_le(stats.used + stats.wasted, stats.committed);
        ck_assert_uint_ge(stats.peak, stats.used);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_failed_call_leaves_the_stats_as_they_were)
{
    aa_allocator *const a =
        bump_create(_i, &(aa_options){.capacity = 100000, .checks = AA_CHECKS_NONE});
    (void)aa_alloc(a, 50000);
    const aa_stats before = stats_of(a);
    (void)aa_alloc(a, 60000);
    (void)aa_alloc(a, SIZE_MAX - 5);
    (void)aa_alloc_aligned(a, 1, 3);
    (void)aa_alloc_aligned(a, 1, (size_t)1 << 30);
    (void)aa_calloc(a, SIZE_MAX, 2);
    const aa_stats after = stats_of(a);
    assert_same_holdings(before, after);
    ck_assert_uint_eq(after.upstream_calls, before.upstream_calls);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(stats_can_be_read_through_the_current_handle)
{
    aa_allocator *const a = bump_create(_i, NULL);
    AA_WITH(a) {
        (void)aa_alloc(AA_CURRENT, 100);
        ck_assert_uint_eq(stats_of(AA_CURRENT).used, 128);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(stats_need_an_allocator_and_a_place)
{
    aa_allocator *const a = aa_arena_create(NULL);
    aa_stats stats = {.used = 12345};
    assert_status(aa_stats_get(NULL, &stats), AA_INVALID);
    assert_status(aa_stats_get(a, NULL), AA_INVALID);
    ck_assert_uint_eq(stats.used, 12345);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- reports ---- */

static char *text_of(const aa_allocator *allocator)
{
    char *text = NULL;
    size_t length = 0;
    FILE *const file = open_memstream(&text, &length);
    assert_status(aa_report(file, allocator), AA_OK);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

static char *json(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *const file = open_memstream(&text, &length);
    assert_status(aa_report_json(file), AA_OK);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

START_TEST(a_report_names_the_allocator_and_its_numbers)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = "conv workspace"});
    (void)aa_alloc(a, 12345 * 64);
    char *const text = text_of(a);
    ck_assert_ptr_nonnull(strstr(text, "conv workspace"));
    ck_assert_msg(strstr(text, "790080") != NULL || strstr(text, "771.6") != NULL, "%s", text);
    free(text);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_heap_can_be_reported)
{
    char *const text = text_of(aa_heap());
    ck_assert_str_ne(text, "");
    free(text);
}
END_TEST

/* Braces and brackets close in order, strings end: what every JSON text obeys. */
static bool is_balanced(const char *text)
{
    char open[64];
    int depth = 0;
    for (const char *c = text; *c != '\0'; ++c) {
        if (*c == '"') {
            for (++c; *c != '"'; ++c) {
                if (*c == '\0' || (unsigned char)*c < 0x20) {
                    return false;
                }
                c += *c == '\\';
            }
        } else if (*c == '{' || *c == '[') {
            if (depth == 64) {
                return false;
            }
            open[depth++] = *c;
        } else if (*c == '}' || *c == ']') {
            if (depth == 0 || open[--depth] != (*c == '}' ? '{' : '[')) {
                return false;
            }
        }
    }
    return depth == 0;
}

START_TEST(json_holds_the_live_allocators_and_no_others)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "first one"});
    aa_allocator *const b = aa_shared_create(&(aa_options){.name = "second one"});
    aa_allocator *const c = aa_private_create(&(aa_options){.name = "third one"});
    assert_status(aa_destroy(b), AA_OK);
    char *const text = json();
    ck_assert_int_eq(text[0], '{');
    ck_assert(is_balanced(text));
    ck_assert_ptr_nonnull(strstr(text, "\"first one\""));
    ck_assert_ptr_null(strstr(text, "second one"));
    ck_assert_ptr_nonnull(strstr(text, "\"third one\""));
    free(text);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(c), AA_OK);
}
END_TEST

START_TEST(json_escapes_names)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "a \"b\" \\ c\nd\te\x01"});
    char *const text = json();
    ck_assert_msg(is_balanced(text), "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "a \\\"b\\\" \\\\ c"));
    free(text);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* Each byte that begins a character is followed by as many as it says. */
static bool has_whole_characters(const char *text)
{
    int wanted = 0;
    for (const char *c = text; *c != '\0'; ++c) {
        const unsigned byte = (unsigned char)*c;
        const bool goes_on = (byte & 0xc0) == 0x80;
        if (goes_on != (wanted > 0)) {
            return false;
        }
        wanted = goes_on ? wanted - 1 : byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
    return wanted == 0;
}

START_TEST(json_is_utf_8_whatever_names_are)
{
    static const char cut[] = "gr\xc3\xb6\xc3\x9f\x65 \xff\xc0\x80\xe2\x82";
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = cut});
    char longest[400] = ""; /* cut somewhere: in a character or not, by how long it is before */
    aa_allocator *many[3];
    for (int i = 0; i < 3; ++i) {
        memset(longest, 'x', (size_t)i);
        for (size_t at = (size_t)i; at < sizeof longest - 4; at += 3) {
            memcpy(longest + at, "\xe2\x82\xac", 4);
        }
        many[i] = aa_arena_create(&(aa_options){.name = longest});
    }
    char *const text = json();
    ck_assert_msg(is_balanced(text), "%s", text);
    ck_assert_msg(strstr(text, "\"gr\xc3\xb6\xc3\x9f\x65 \?\?\?\?\?\"") != NULL, "%s", text);
    ck_assert_msg(has_whole_characters(text), "%s", text);
    free(text);
    assert_status(aa_destroy(a), AA_OK);
    for (int i = 0; i < 3; ++i) {
        assert_status(aa_destroy(many[i]), AA_OK);
    }
}
END_TEST

START_TEST(json_without_allocators_is_still_an_object)
{
    char *const text = json();
    ck_assert_int_eq(text[0], '{');
    ck_assert(is_balanced(text));
    free(text);
}
END_TEST

/* ---- what the first block should have been ---- */

/* A number of the only row of JSON with this name. */
static size_t json_number(const char *name, const char *field)
{
    char *const text = json();
    const char *const row = strstr(text, name);
    ck_assert_msg(row != NULL, "no %s in %s", name, text);
    const char *const at = strstr(row, field);
    ck_assert_msg(at != NULL, "no %s in %s", field, text);
    const size_t number = strtoul(at + strlen(field) + strlen("\": "), NULL, 10);
    free(text);
    return number;
}

enum { ROUNDS = 4, LARGEST = 30000 };

/* Rounds of different sizes, the second the largest; the last is not reset. */
static void work(aa_allocator *a)
{
    static const int counts[ROUNDS] = {1000, LARGEST, 10, 10};
    for (int round = 0; round < ROUNDS; ++round) {
        for (int i = 0; i < counts[round]; ++i) {
            ck_assert_ptr_nonnull(aa_alloc(a, 64));
        }
        if (round + 1 < ROUNDS) {
            assert_status(aa_reset(a), AA_OK);
        }
    }
}

START_TEST(the_first_block_that_a_report_names_would_have_held_every_round)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = "grown"});
    work(a);
    const size_t initial = json_number("grown", "first_block");
    ck_assert_uint_ge(initial, LARGEST * 64);
    ck_assert_uint_ge(json_number("grown", "blocks_taken"), 3);
    char *const text = text_of(a);
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "(.initial = %zu) would have held every round", initial);
    ck_assert_msg(strstr(text, wanted) != NULL, "%s: %s", wanted, text);
    free(text);
    aa_allocator *const b = bump_create(_i, &(aa_options){.name = "known", .initial = initial});
    work(b);
    ck_assert_uint_eq(stats_of(b).growths, 0);
    ck_assert_uint_eq(json_number("known", "blocks_taken"), 1);
    char *const held = text_of(b);
    ck_assert_msg(strstr(held, "the first block held every round") != NULL, "%s", held);
    free(held);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(a_first_block_of_a_page_less_would_not_have_held_it)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "grown"});
    work(a);
    const size_t initial = json_number("grown", "first_block");
    ck_assert_uint_lt(initial - LARGEST * 64, 4096);
    aa_allocator *const b = aa_arena_create(&(aa_options){.initial = initial - 4096});
    work(b);
    ck_assert_uint_ge(stats_of(b).growths, 1);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(the_round_under_way_counts_for_the_first_block)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = "once"});
    for (int i = 0; i < 30000; ++i) {
        ck_assert_ptr_nonnull(aa_alloc(a, 64));
    }
    ck_assert_uint_ge(json_number("once", "first_block"), 30000 * 64);
    ck_assert_uint_lt(json_number("once", "first_block"), 30000 * 64 + 4096);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_first_block_of_a_private_allocator_is_the_largest_of_its_threads)
{
    aa_allocator *const a = aa_private_create(&(aa_options){.name = "each"});
    work(a);
    const size_t one = json_number("each", "first_block");
    int refused = 0;
#pragma omp parallel num_threads(2) reduction(+ : refused)
    for (int i = 0; i < 100; ++i) {
        refused += aa_alloc(a, 64) == NULL;
    }
    ck_assert_int_eq(refused, 0);
    ck_assert_uint_eq(json_number("each", "first_block"), one);
    char *const text = text_of(a);
    ck_assert_msg(strstr(text, "every round of each thread (") != NULL, "%s", text);
    free(text);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(what_took_no_block_has_no_first_block)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.name = "idle"});
    char *const text = text_of(a);
    ck_assert_msg(strstr(text, "first block") == NULL, "%s", text);
    free(text);
    ck_assert_uint_eq(json_number("idle", "first_block"), 0);
    ck_assert_uint_eq(json_number("idle", "blocks_taken"), 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_first_block_is_never_above_the_capacity)
{
    aa_allocator *const a =
        aa_arena_create(&(aa_options){.name = "capped", .initial = 100, .capacity = 10000});
    while (aa_alloc(a, 64) != NULL) {
    }
    ck_assert_uint_gt(json_number("capped", "first_block"), 10000 - 128);
    ck_assert_uint_le(json_number("capped", "first_block"), 10000);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(reports_need_a_file_and_an_allocator)
{
    aa_allocator *const a = aa_arena_create(NULL);
    assert_status(aa_report(NULL, a), AA_INVALID);
    assert_status(aa_report(stdout, NULL), AA_INVALID);
    assert_status(aa_report_json(NULL), AA_INVALID);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_report_that_cannot_be_written_says_so)
{
    aa_allocator *const a = aa_arena_create(NULL);
    FILE *const file = fopen("/dev/full", "w");
    if (file == NULL) {
        return; /* no such device here */
    }
    setvbuf(file, NULL, _IONBF, 0);
    assert_status(aa_report(file, a), AA_IO);
    assert_status(aa_report_json(file), AA_IO);
    (void)fclose(file);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("stats", AA_TEST_BUMP(a_new_allocator_has_zero_everywhere),
             AA_TEST_BUMP(used_counts_aligned_bytes),
             AA_TEST_BUMP(allocations_count_every_served_request_across_resets),
             AA_TEST_BUMP(peak_is_the_largest_use_so_far),
             AA_TEST_BUMP(committed_and_blocks_are_what_the_upstream_gave),
             AA_TEST_BUMP(growths_are_the_blocks_beyond_the_first),
             AA_TEST_BUMP(used_and_wasted_fit_into_committed),
             AA_TEST_BUMP(a_failed_call_leaves_the_stats_as_they_were),
             AA_TEST_BUMP(stats_can_be_read_through_the_current_handle),
             AA_TEST(stats_need_an_allocator_and_a_place),
             AA_TEST_BUMP(a_report_names_the_allocator_and_its_numbers),
             AA_TEST(the_heap_can_be_reported),
             AA_TEST(json_holds_the_live_allocators_and_no_others), AA_TEST(json_escapes_names),
             AA_TEST(json_is_utf_8_whatever_names_are),
             AA_TEST(json_without_allocators_is_still_an_object),
             AA_TEST_BUMP(the_first_block_that_a_report_names_would_have_held_every_round),
             AA_TEST(a_first_block_of_a_page_less_would_not_have_held_it),
             AA_TEST(the_round_under_way_counts_for_the_first_block),
             AA_TEST(the_first_block_of_a_private_allocator_is_the_largest_of_its_threads),
             AA_TEST_BUMP(what_took_no_block_has_no_first_block),
             AA_TEST(the_first_block_is_never_above_the_capacity),
             AA_TEST(reports_need_a_file_and_an_allocator),
             AA_TEST(a_report_that_cannot_be_written_says_so))
