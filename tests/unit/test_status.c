/* Outcomes: names, the thread's last failure, the violation handler. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <errno.h>
#include <omp.h>

START_TEST(every_status_has_the_name_of_its_constant)
{
    ck_assert_str_eq(aa_status_name(AA_OK), "AA_OK");
    ck_assert_str_eq(aa_status_name(AA_BUSY), "AA_BUSY");
    ck_assert_str_eq(aa_status_name(AA_IO), "AA_IO");
#define SAME(name, text) ck_assert_str_eq(aa_status_name(name), #name);
    AA_STATUS_LIST(SAME)
#undef SAME
}
END_TEST

START_TEST(every_violation_has_the_name_of_its_constant)
{
#define SAME(name, status) ck_assert_str_eq(aa_violation_name(name), #name);
    AA_VIOLATION_LIST(SAME)
#undef SAME
}
END_TEST

START_TEST(a_status_outside_the_enum_has_a_placeholder_name)
{
    ck_assert_str_eq(aa_status_name((aa_status)(AA_IO + 1)), "AA_?");
    ck_assert_str_eq(aa_status_name((aa_status)0x7fffffff), "AA_?");
}
END_TEST

START_TEST(a_violation_outside_the_enum_has_a_placeholder_name)
{
    ck_assert_str_eq(aa_violation_name((aa_violation_kind)(AA_CORRUPTION + 1)), "AA_?");
}
END_TEST

START_TEST(a_thread_that_never_failed_has_no_message)
{
    ck_assert_str_eq(aa_last_message(), "");
    ck_assert_int_eq(aa_last_status(), AA_OK);
}
END_TEST

START_TEST(a_failure_leaves_its_status_and_a_sentence)
{
    ck_assert_ptr_null(aa_alloc(aa_heap(), SIZE_MAX));
    ck_assert_int_eq(aa_last_status(), AA_OVERFLOW);
    ck_assert_uint_gt(strlen(aa_last_message()), 10);
}
END_TEST

START_TEST(a_success_does_not_clear_the_last_failure)
{
    ck_assert_ptr_null(aa_alloc(aa_heap(), SIZE_MAX));
    void *const p = aa_alloc(aa_heap(), 8);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(aa_last_status(), AA_OVERFLOW);
    aa_free(aa_heap(), p, 8);
}
END_TEST

START_TEST(clearing_forgets_the_last_failure)
{
    ck_assert_ptr_null(aa_alloc(aa_heap(), SIZE_MAX));
    aa_last_clear();
    ck_assert_int_eq(aa_last_status(), AA_OK);
    ck_assert_str_eq(aa_last_message(), "");
}
END_TEST

static void *status_of_thread(void *status)
{
    *(aa_status *)status = aa_last_status();
    (void)aa_alloc(NULL, 1);
    return NULL;
}

START_TEST(a_failure_is_seen_by_its_own_thread_only)
{
    ck_assert_ptr_null(aa_alloc(aa_heap(), SIZE_MAX));
    aa_status elsewhere = AA_IO;
    on_thread(status_of_thread, &elsewhere);
    ck_assert_int_eq(elsewhere, AA_OK);
    ck_assert_int_eq(aa_last_status(), AA_OVERFLOW);
}
END_TEST

START_TEST(failures_in_a_region_stay_apart)
{
    int wrong = 0;
#pragma omp parallel num_threads(4) reduction(+ : wrong)
    {
        aa_last_clear();
        const bool odd = omp_get_thread_num() % 2 == 1;
        if (odd) {
            (void)aa_alloc(aa_heap(), SIZE_MAX);
        } else {
            (void)aa_alloc_aligned(aa_heap(), 8, 3);
        }
#pragma omp barrier
        wrong += aa_last_status() != (odd ? AA_OVERFLOW : AA_INVALID);
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(errno_is_not_touched_by_successes_and_failures)
{
    errno = 12345;
    aa_allocator *const arena = aa_arena_create(&(aa_options){.capacity = 1 << 16});
    (void)aa_alloc(arena, 100);
    (void)aa_alloc(arena, 1 << 20);
    (void)aa_alloc(arena, SIZE_MAX);
    void *const p = aa_alloc(aa_heap(), (size_t)1 << 20);
    aa_free(aa_heap(), p, (size_t)1 << 20);
    (void)aa_alloc(aa_heap(), (size_t)1 << 62);
    (void)aa_reset(arena);
    (void)aa_destroy(arena);
    ck_assert_int_eq(errno, 12345);
}
END_TEST

static void ignore_violation(const aa_violation *violation, void *context)
{
    (void)violation;
    (void)context;
}

START_TEST(the_handler_and_its_context_can_be_put_back)
{
    int first, second;
    ck_assert_ptr_null((void *)(uintptr_t)aa_set_violation_handler(ignore_violation, &first));
    void *context = &second;
    ck_assert(aa_get_violation_handler(&context) == ignore_violation);
    ck_assert_ptr_eq(context, &first);
    ck_assert(aa_set_violation_handler(NULL, NULL) == ignore_violation);
    ck_assert(aa_get_violation_handler(NULL) == NULL);
    ck_assert(aa_set_violation_handler(ignore_violation, context) == NULL);
    ck_assert(aa_get_violation_handler(&context) == ignore_violation);
    ck_assert_ptr_eq(context, &first);
}
END_TEST

/* A rule that any thread can break anywhere. */
static aa_status rewind_twice(aa_allocator *arena)
{
    const aa_mark mark = aa_mark_take(arena);
    (void)aa_mark_rewind(mark);
    return aa_mark_rewind(mark);
}

START_TEST(the_handler_is_told_what_happened_and_where)
{
    aa_allocator *const arena = aa_arena_create(&(aa_options){.name = "pages of a book"});
    record_violations();
    assert_status(rewind_twice(arena), AA_ORDER);
    const aa_violation *const v = last_violation();
    ck_assert_int_eq(v->kind, AA_REWIND_ORDER);
    ck_assert_ptr_eq(v->allocator, arena);
    ck_assert_str_eq(v->allocator_name, "pages of a book");
    ck_assert_str_eq(v->function, "aa_mark_rewind");
    ck_assert_uint_gt(strlen(v->message), 10);
    ck_assert_int_eq(v->level, 0);
    ck_assert_int_eq(v->thread_num, 0);
    ck_assert_uint_ne(v->thread_id, 0);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_reset_reports_the_line_of_its_caller)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    int line = 0;
    record_violations();
#pragma omp parallel num_threads(1)
    {
        line = __LINE__ + 1;
        (void)aa_reset(arena);
    }
    ck_assert_int_eq(violations_of(AA_RESET_IN_PARALLEL), 1);
    ck_assert_int_eq(last_violation()->line, line);
    ck_assert_ptr_nonnull(last_violation()->file);
    ck_assert_ptr_nonnull(strstr(last_violation()->file, "test_status.c"));
    ck_assert_int_eq(last_violation()->level, 1);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_violation_leaves_its_status_as_the_last_failure)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    record_violations();
    (void)rewind_twice(arena);
    ck_assert_int_eq(aa_last_status(), AA_ORDER);
    ck_assert_str_ne(aa_last_message(), "");
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

static void collect_ids(const aa_violation *violation, void *context)
{
    uint64_t *const ids = context;
    ids[violation->thread_num] = violation->thread_id;
}

START_TEST(the_handler_is_told_which_thread_broke_the_rule)
{
    uint64_t ids[3] = {0, 0, 0};
    aa_set_violation_handler(collect_ids, ids);
    aa_allocator *const shared = aa_shared_create(NULL);
#pragma omp parallel num_threads(3)
    (void)rewind_twice(shared);
    for (int i = 0; i < 3; ++i) {
        ck_assert_uint_ne(ids[i], 0);
    }
    ck_assert_uint_ne(ids[0], ids[1]);
    ck_assert_uint_ne(ids[0], ids[2]);
    ck_assert_uint_ne(ids[1], ids[2]);
    assert_status(aa_destroy(shared), AA_OK);
}
END_TEST

START_TEST(without_a_handler_a_violation_aborts)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    ck_assert_ptr_nonnull(arena);
    (void)rewind_twice(arena);
}
END_TEST

static void break_a_rule(void *unused)
{
    (void)unused;
    (void)rewind_twice(aa_arena_create(&(aa_options){.name = "lost luggage"}));
}

START_TEST(the_default_handler_names_rule_allocator_and_cure_before_it_aborts)
{
    child_result result;
    child_run(&result, break_a_rule, NULL);
    ck_assert(WIFSIGNALED(result.status));
    ck_assert_int_eq(WTERMSIG(result.status), SIGABRT);
    ck_assert_ptr_nonnull(strstr(result.text, "AA_REWIND_ORDER"));
    ck_assert_ptr_nonnull(strstr(result.text, "lost luggage"));
    ck_assert_ptr_nonnull(strstr(result.text, "thread"));
    ck_assert_ptr_nonnull(strstr(result.text, "level"));
}
END_TEST

START_TEST(the_version_begins_with_a_number)
{
    ck_assert_int_ge(aa_version()[0], '0');
    ck_assert_int_le(aa_version()[0], '9');
}
END_TEST

AA_TEST_MAIN("status", AA_TEST(every_status_has_the_name_of_its_constant),
             AA_TEST(every_violation_has_the_name_of_its_constant),
             AA_TEST(a_status_outside_the_enum_has_a_placeholder_name),
             AA_TEST(a_violation_outside_the_enum_has_a_placeholder_name),
             AA_TEST(a_thread_that_never_failed_has_no_message),
             AA_TEST(a_failure_leaves_its_status_and_a_sentence),
             AA_TEST(a_success_does_not_clear_the_last_failure),
             AA_TEST(clearing_forgets_the_last_failure),
             AA_TEST(a_failure_is_seen_by_its_own_thread_only),
             AA_TEST(failures_in_a_region_stay_apart),
             AA_TEST(errno_is_not_touched_by_successes_and_failures),
             AA_TEST(the_handler_and_its_context_can_be_put_back),
             AA_TEST(the_handler_is_told_what_happened_and_where),
             AA_TEST(a_reset_reports_the_line_of_its_caller),
             AA_TEST(a_violation_leaves_its_status_as_the_last_failure),
             AA_TEST(the_handler_is_told_which_thread_broke_the_rule),
             AA_TEST_SIGNAL(without_a_handler_a_violation_aborts, SIGABRT),
             AA_TEST(the_default_handler_names_rule_allocator_and_cure_before_it_aborts),
             AA_TEST(the_version_begins_with_a_number))
