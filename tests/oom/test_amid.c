/* While the library asks the C heap for memory (linked with --wrap) something else happens: what other threads do at a place
 * that they cannot be made to hit, and a refusal. */
#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <pthread.h>
#include <stdlib.h>

static void (*amid)(void); /* at the next request, once */
static bool refuses;       /* the next request, or that one */

static bool is_refused(void)
{
    void (*const then)(void) = amid;
    amid = NULL;
    if (then != NULL) {
        then();
    }
    const bool refused = refuses;
    refuses = false;
    return refused;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return is_refused() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : __real_calloc(count, bytes);
}

/* ---- reports ------------------------------------------------------------------------------------------------------ */

enum { LATE = 20 };

static aa_allocator *late[LATE];

static void create_more(void)
{
    for (int i = 0; i < LATE; ++i) {
        late[i] = bump_create(SHARED, &(aa_options){.name = "late"});
    }
}

START_TEST(a_report_lists_as_many_allocators_as_were_counted)
{
    aa_allocator *const a = bump_create(SHARED, &(aa_options){.name = "early"});
    char *text = NULL;
    size_t length = 0;
    FILE *const file = open_memstream(&text, &length);
    amid = create_more;
    assert_status(aa_report_json(file), AA_OK);
    (void)fclose(file);
    ck_assert_ptr_nonnull(late[LATE - 1]);
    ck_assert_msg(occurrences(text, "\"name\": ") == 2, "%s", text);
    free(text);
    for (int i = 0; i < LATE; ++i) {
        assert_status(aa_destroy(late[i]), AA_OK);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void refuse_next(void)
{
    refuses = true;
}

static void report_at_exit(void *refused)
{
    (void)setenv("AA_STATS", "1", 1);
    (void)bump_create(SHARED, &(aa_options){.name = "unsaid"});
    if (refused != NULL) {
        (void)atexit(refuse_next); /* before the report, which was registered earlier */
    }
}

START_TEST(a_report_at_exit_that_finds_no_memory_says_nothing)
{
    child_result result;
    child_run(&result, report_at_exit, NULL);
    assert_exited_well(&result);
    ck_assert_int_eq(occurrences(result.text, "allocator 'unsaid'"), 1);
    child_run(&result, report_at_exit, &result);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

/* ---- the default of AA_OMP_ALLOCATOR ------------------------------------------------------------------------------ */

static aa_allocator *made;

static void *make_it(void *unused)
{
    made = aa_current();
    return unused;
}

static void make_it_elsewhere(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, make_it, NULL) == 0) {
        (void)pthread_join(thread, NULL);
    }
}

static void make_it_elsewhere_and_refuse(void)
{
    make_it_elsewhere();
    refuses = true;
}

static size_t count_live(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *const file = open_memstream(&text, &length);
    assert_status(aa_report_json(file), AA_OK);
    (void)fclose(file);
    const int count = occurrences(text, "\"name\": ");
    free(text);
    return (size_t)count;
}

/* In children. */
static void must(bool fine)
{
    if (!fine) {
        (void)fprintf(stderr, "a child of the test failed: %s\n", aa_last_message());
        abort();
    }
}

/* Another thread makes the default while this one is about to. */
static void be_second(void *refused)
{
    (void)setenv("AA_OMP_ALLOCATOR", "omp_default_mem_space:pool_size=1048576", 1);
    aa_allocator *const other =
        bump_create(SHARED, NULL); /* what a process asks for once is there */
    must(aa_alloc(other, 100) != NULL);
    const size_t before = count_live();
    amid = refused != NULL ? make_it_elsewhere_and_refuse : make_it_elsewhere;
    aa_allocator *const mine = aa_current();
    must(amid == NULL && !refuses && mine != aa_heap());
    must(mine == made && mine == aa_current());
    must(refused == NULL || aa_last_status() == AA_NOMEM);
    must(count_live() == before + 1 && aa_alloc(mine, 1000) != NULL);
}

START_TEST(of_two_threads_that_make_the_default_at_once_one_does)
{
    child_result result;
    child_run(&result, be_second, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

START_TEST(who_finds_no_memory_for_the_default_takes_the_one_that_another_made)
{
    child_result result;
    child_run(&result, be_second, &result);
    assert_exited_well(&result);
    ck_assert_int_eq(occurrences(result.text, "is ignored: "), 1);
}
END_TEST

AA_TEST_MAIN("oom: amid a request", AA_TEST(a_report_lists_as_many_allocators_as_were_counted),
             AA_TEST(a_report_at_exit_that_finds_no_memory_says_nothing),
             AA_TEST(of_two_threads_that_make_the_default_at_once_one_does),
             AA_TEST(who_finds_no_memory_for_the_default_takes_the_one_that_another_made))
