/* Checked arrays given bad indices, types and stale memory: AA_AT refuses, and designates a dummy. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"
#include <allocarrays.h>

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})
#define RANGES(...) ((const aa_range[]){__VA_ARGS__})

static void assert_says(const char *text, const char *word)
{
    ck_assert_msg(strstr(text, word) != NULL, "\"%s\" does not say \"%s\"", text, word);
}

static aa_array hundred(aa_allocator *allocator)
{
    const aa_array a = aa_full(allocator, AA_F64, 2, SHAPE(10, 10), &(double){1});
    ck_assert(!aa_is_null(&a));
    return a;
}

/* ---- checked access ---------------------------------------------------------------------------------- */

/* One access is refused with this report, reads 0, and writes nowhere. */
#define assert_at_refused(type, kind, word, ...)                                                   \
    do {                                                                                           \
        record_violations();                                                                       \
        AA_AT(type, __VA_ARGS__) = 77;                                                             \
        assert_one_report("AA_AT", kind);                                                          \
        assert_says(last_violation()->message, word);                                              \
        ck_assert_str_eq(last_violation()->function, "AA_AT");                                     \
        assert_says(last_violation()->file, "test_array");                                         \
        ck_assert_int_gt(last_violation()->line, 0);                                               \
        ck_assert(AA_AT(type, __VA_ARGS__) == 0);                                                  \
        ck_assert_int_eq(violations_count(), 2);                                                   \
    } while (0)

static void assert_unwritten(const aa_array *a)
{
    for (int64_t i = 0; i < aa_count(a); ++i) {
        ck_assert_double_eq(((double *)a->data)[i], 1);
    }
}

START_TEST(an_index_outside_a_checked_array_is_reported_and_reads_zero)
{
    const aa_array plain = hundred(AA_CURRENT);
    const aa_array a = aa_checked(&plain);
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "index 10 is outside axis 0 of extent 10", &a, 10,
                      0);
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "index -1 is outside axis 1", &a, 0, -1);
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "axis 1", &a, 9, INT64_MAX);
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "axis 0", &a, INT64_MIN, 0);
    assert_unwritten(&plain);
    const aa_array empty = aa_slice(&a, RANGES({0, 0, 1}, AA_ALL));
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "axis 0", &empty, 0, 0);
}
END_TEST

START_TEST(fewer_or_more_indices_than_axes_are_reported)
{
    const aa_array plain = hundred(AA_CURRENT);
    const aa_array a = aa_checked(&plain);
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "1 indices", &a, 0);
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "3 indices", &a, 0, 0, 0);
    record_violations();
    AA_AT(double, &a) = 77;
    assert_one_report("AA_AT", AA_OUT_OF_BOUNDS);
    assert_unwritten(&plain);
}
END_TEST

typedef struct large {
    char bytes[4000];
} large;

START_TEST(a_wrong_type_is_reported_even_when_its_size_fits)
{
    const aa_array plain = hundred(AA_CURRENT);
    const aa_array a = aa_checked(&plain);
    assert_at_refused(float, AA_OUT_OF_BOUNDS, "f32", &a, 0, 0);
    assert_at_refused(int64_t, AA_OUT_OF_BOUNDS, "i64", &a, 0, 0);
    record_violations();
    const large all = AA_AT(large, &a, 0, 0);
    assert_one_report("AA_AT", AA_OUT_OF_BOUNDS);
    assert_says(last_violation()->message, "4000 bytes");
    ck_assert_int_eq(all.bytes[3999], 0);
    assert_unwritten(&plain);
}
END_TEST

START_TEST(an_access_to_a_stale_checked_array_is_reported_and_reads_zero)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_array plain = hundred(bump);
    const aa_array a = aa_checked(&plain);
    const aa_array view = aa_slice(&a, RANGES({0, 5, 1}, AA_ALL));
    assert_status(aa_reset(bump), AA_OK);
    const aa_array next = hundred(bump);
    assert_at_refused(double, AA_USE_AFTER_RESET, "f64 (10, 10)", &a, 0, 0);
    assert_at_refused(double, AA_USE_AFTER_RESET, "f64 (5, 10)", &view, 0, 0);
    assert_at_refused(double, AA_USE_AFTER_RESET, "f64 (10, 10)", &a, 99, 0);
    assert_unwritten(&next);
    assert_status(aa_destroy(bump), AA_OK);
    assert_at_refused(double, AA_USE_AFTER_RESET, "f64 (10, 10)", &a, 0, 0);
}
END_TEST

START_TEST(an_access_to_a_null_checked_array_is_reported_and_reads_zero)
{
    aa_array plain = hundred(AA_CURRENT);
    aa_array a = aa_checked(&plain);
    a.data = NULL;
    assert_at_refused(double, AA_OUT_OF_BOUNDS, "null", &a, 0, 0);
    a = aa_checked(&plain);
    assert_status(aa_array_free(&a), AA_OK);
    a.flags = AAI_ARRAY_CHECKED;
    record_violations();
    AA_AT(double, &a) = 77;
    assert_one_report("AA_AT", AA_OUT_OF_BOUNDS);
}
END_TEST

START_TEST(a_report_says_when_it_is_unknown_where_an_array_was_made)
{
    aa_array a = hundred(AA_CURRENT), copy = a;
    copy.made_at = NULL;
    assert_status(aa_array_free(&a), AA_OK);
    assert_refused_null(aa_data(&copy), AA_STALE, AA_USE_AFTER_RESET);
    assert_says(last_violation()->message, "an unknown place");
    copy.made_at = &copy; /* on the stack: in no module */
    assert_refused_null(aa_data(&copy), AA_STALE, AA_USE_AFTER_RESET);
    assert_says(last_violation()->message, "made at address 0x");
}
END_TEST

/* This stands before the C library's, and forgets the name of the object that it finds. */
static bool nameless;

int dladdr(const void *address, Dl_info *found)
{
    union {
        void *data;
        int (*function)(const void *address, Dl_info *found);
    } behind = {.data = dlsym(RTLD_NEXT, "dladdr")};
    const int is_found = behind.function(address, found);
    if (nameless) {
        found->dli_fname = NULL;
    }
    return is_found;
}

/* This program exports its functions (-rdynamic). */
__attribute__((noinline, visibility("default"))) aa_array made_by_name(aa_allocator *allocator);
aa_array made_by_name(aa_allocator *allocator)
{
    const aa_array made = hundred(allocator), similar = aa_similar(&made);
    ck_assert(!aa_is_null(&similar));
    return similar;
}

START_TEST(a_report_names_the_exported_function_and_the_object_that_made_an_array)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = made_by_name(arena);
    assert_status(aa_reset(arena), AA_OK);
    assert_refused_null(aa_data(&a), AA_STALE, AA_USE_AFTER_RESET);
    assert_says(last_violation()->message, "test_array_checked+0x");
    assert_says(last_violation()->message, " (made_by_name): ");
    nameless = true;
    assert_refused_null(aa_data(&a), AA_STALE, AA_USE_AFTER_RESET);
    assert_says(last_violation()->message, "made at address 0x");
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_report_on_an_array_that_was_overwritten_names_no_more_axes_than_there_can_be)
{
    aa_array a = hundred(AA_CURRENT), copy = a;
    copy.ndim = AA_MAX_NDIM + 3;
    assert_status(aa_array_free(&a), AA_OK);
    assert_refused_null(aa_data(&copy), AA_STALE, AA_USE_AFTER_RESET);
    assert_says(last_violation()->message, "array f64 (10, 10, 0, 0, 0, 0, 0, 0) made at ");
}
END_TEST

START_TEST(an_array_between_two_marks_that_were_rewound_is_read)
{
    aa_allocator *const bump = bump_create(_i, NULL);
    const aa_mark first = aa_mark_take(bump);
    const aa_array gone = hundred(bump);
    assert_status(aa_mark_rewind(first), AA_OK);
    const aa_array plain = hundred(bump), a = aa_checked(&plain);
    const aa_mark second = aa_mark_take(bump);
    (void)hundred(bump);
    assert_status(aa_mark_rewind(second), AA_OK);
    ck_assert(!aai_at_fresh(&a)); /* a closer look is needed */
    record_violations();
    ck_assert_double_eq(AA_AT(double, &a, 9, 9), 1);
    assert_no_reports();
    const aa_array late = aa_checked(&gone);
    assert_at_refused(double, AA_USE_AFTER_RESET, "f64 (10, 10)", &late, 0, 0);
    assert_status(aa_destroy(bump), AA_OK);
}
END_TEST

START_TEST(each_thread_is_refused_into_a_dummy_of_its_own)
{
    const aa_array plain = hundred(AA_CURRENT);
    const aa_array a = aa_checked(&plain);
    double *dummies[4] = {NULL};
    int wrong = 0;
    record_violations();
#pragma omp parallel for num_threads(4) schedule(static, 1) reduction(+ : wrong)
    for (int t = 0; t < 4; ++t) {
        dummies[t] = &AA_AT(double, &a, 10, t);
        wrong += *dummies[t] != 0;
        *dummies[t] = t + 1;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(violations_of(AA_OUT_OF_BOUNDS), 4);
    for (int t = 0; t < 4; ++t) {
        ck_assert_double_eq(*dummies[t], t + 1);
    }
    assert_unwritten(&plain);
}
END_TEST

/* ---- without a handler that returns --------------------------------------------------------------------- */

START_TEST(reading_a_stale_array_ends_the_program_by_default)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array a = hundred(arena);
    ck_assert_int_eq(aa_reset(arena), AA_OK);
    (void)aa_data(&a);
}
END_TEST

AA_TEST_MAIN(
    "misuse: checked arrays", AA_TEST(an_index_outside_a_checked_array_is_reported_and_reads_zero),
    AA_TEST(fewer_or_more_indices_than_axes_are_reported),
    AA_TEST(a_wrong_type_is_reported_even_when_its_size_fits),
    AA_TEST_BUMP(an_access_to_a_stale_checked_array_is_reported_and_reads_zero),
    AA_TEST(an_access_to_a_null_checked_array_is_reported_and_reads_zero),
    AA_TEST(a_report_says_when_it_is_unknown_where_an_array_was_made),
    AA_TEST(a_report_names_the_exported_function_and_the_object_that_made_an_array),
    AA_TEST(a_report_on_an_array_that_was_overwritten_names_no_more_axes_than_there_can_be),
    AA_TEST_BUMP(an_array_between_two_marks_that_were_rewound_is_read),
    AA_TEST(each_thread_is_refused_into_a_dummy_of_its_own),
    AA_TEST_SIGNAL(reading_a_stale_array_ends_the_program_by_default, SIGABRT))
