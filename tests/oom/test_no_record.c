/* A thread that gets no memory for its record: what is refused to it, it is told, and nothing of it is lost. */
#include "refused.h"

#include "child.h"
#include "runner.h"

#include <omp.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

typedef struct heard {
    int count;
    aa_violation last;
    char message[512];
} heard;

static void keep_last(const aa_violation *violation, void *context)
{
    heard *const h = context;
    ++h->count;
    h->last = *violation;
    (void)snprintf(h->message, sizeof h->message, "%s", violation->message);
}

static aa_array ten(aa_allocator *a)
{
    return aa_empty(a, AA_F64, 1, SHAPE(10));
}

/* ---- elements outside ------------------------------------------------------------------------------- */

static void *look_outside(void *array)
{
    refuse(-1);
    double *const common = &AA_AT(double, (const aa_array *)array, 10);
    MUST(*common == 0);
    *common = 3;
    MUST(&AA_AT(double, (const aa_array *)array, 11) == common && *common == 0);
    refuse(0);
    double *const own = &AA_AT(double, (const aa_array *)array, 12);
    MUST(own != common && *own == 0);
    return NULL;
}

static void look_without_a_record(void *nothing)
{
    (void)nothing;
    heard h = {.count = 0};
    (void)aa_set_violation_handler(keep_last, &h);
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_array made = ten(a), array = aa_checked(&made);
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, look_outside, (void *)(uintptr_t)&array) == 0);
    MUST(pthread_join(thread, NULL) == 0);
    MUST(h.count == 3 && h.last.kind == AA_OUT_OF_BOUNDS && h.last.thread_id == 2);
    MUST(aa_destroy(a) == AA_OK);
}

START_TEST(a_thread_without_a_record_is_refused_into_memory_that_it_shares)
{
    child_result result;
    child_run(&result, look_without_a_record, NULL);
    assert_exited_well(&result);
}
END_TEST

/* ---- the current allocator --------------------------------------------------------------------------- */

static void ask_without_a_record(void *nothing)
{
    (void)nothing;
    heard h = {.count = 0};
    (void)aa_set_violation_handler(keep_last, &h);
    aa_allocator *const a = aa_arena_create(NULL);
    int made = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(2) reduction(+ : made)
        if (omp_get_thread_num() == 1) {
            refuse(-1);
            const aa_array array = ten(AA_CURRENT);
            made += !aa_is_null(&array);
            refuse(0);
        }
    }
    MUST(made == 0 && h.count == 1);
    MUST(h.last.kind == AA_FOREIGN_THREAD && h.last.thread_id == 0);
    MUST(strstr(h.message, "and thread 0 asked it for an array") != NULL);
    MUST(aa_destroy(a) == AA_OK);
}

START_TEST(a_thread_without_a_record_is_told_that_the_current_arena_is_anothers)
{
    child_result result;
    child_run(&result, ask_without_a_record, NULL);
    assert_exited_well(&result);
}
END_TEST

/* ---- an array of a guarded arena --------------------------------------------------------------------- */

static void *make_one(void *arena)
{
    refuse(-1);
    const aa_array made = ten(arena);
    refuse(0);
    MUST(!aa_is_null(&made));
    return NULL;
}

static void make_without_a_record(void *nothing)
{
    (void)nothing;
    aa_allocator *const a =
        aa_arena_create(&(aa_options){.checks = AA_CHECKS_NONE, .flags = AA_GUARD});
    const aa_array first = ten(a); /* from now on its window has room */
    MUST(!aa_is_null(&first));
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, make_one, a) == 0);
    MUST(pthread_join(thread, NULL) == 0);
    MUST(aa_destroy(a) == AA_OK);
}

START_TEST(a_thread_without_a_record_makes_arrays_of_a_guarded_arena)
{
    child_result result;
    child_run(&result, make_without_a_record, NULL);
    assert_exited_well(&result);
}
END_TEST

AA_TEST_MAIN("oom: a thread without a record",
             AA_TEST(a_thread_without_a_record_is_refused_into_memory_that_it_shares),
             AA_TEST(a_thread_without_a_record_is_told_that_the_current_arena_is_anothers),
             AA_TEST(a_thread_without_a_record_makes_arrays_of_a_guarded_arena))
