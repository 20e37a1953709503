/* The test kit where no other test goes (doc/coverage.md): a system that does not tell of threads, a function that asks for
 * more when it is run again, blocks that find no room. */
#include "child.h"
#include "runner.h"

#include <allocarrays/check.h>
#include <pthread.h>
#include <sys/resource.h>

static void *wait_for_ever(void *argument)
{
    for (;;) {
        (void)pause();
    }
    return argument;
}

/* No file can be opened, as without /proc; afterwards some can, for what counts branches at the end. */
static void prepare_blindly(void *nothing)
{
    pthread_t thread;
    struct rlimit files;
    (void)nothing;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0 ||
        getrlimit(RLIMIT_NOFILE, &files) != 0) {
        _exit(1);
    }
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = files.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &none) != 0) {
        _exit(2);
    }
    aa_check_prepare();
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        _exit(3);
    }
}

START_TEST(where_threads_cannot_be_counted_none_are_warned_of)
{
    child_result result;
    ck_assert_int_eq(unsetenv("CK_FORK"), 0);
    child_run(&result, prepare_blindly, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

/* Two requests each second time that it is run, else one. */
static aa_status asks_more_each_second_time(aa_upstream *upstream, void *context)
{
    int *const runs = context;
    aa_status status = AA_OK;
    ++*runs;
    for (int i = 0; i < 1 + (*runs % 2 == 0) && status == AA_OK; ++i) {
        aa_allocator *const arena = aa_arena_create(&(aa_options){.upstream = upstream});
        status = aa_alloc(arena, 100) != NULL ? AA_OK : aa_last_status();
        ck_assert_int_eq(aa_destroy(arena), AA_OK);
    }
    return status;
}

START_TEST(a_function_is_run_until_neither_way_of_refusing_reaches_a_request)
{
    int runs = 0;
    aa_check_every_failure(NULL, asks_more_each_second_time, &runs);
    ck_assert_int_eq(runs, 6); /* the second request was refused for ever alone */
}
END_TEST

START_TEST(a_block_that_found_no_room_closes_no_other)
{
    enum { ROOM = 32 };
    aai_check_block blocks[ROOM];
    for (int i = 0; i < ROOM; ++i) {
        blocks[i] = aai_check_violations_open(AA_CORRUPTION, 0, __FILE__, __LINE__);
        ck_assert_ptr_null(blocks[i].refused);
    }
    const aai_check_block beyond = aai_check_violations_open(AA_CORRUPTION, 0, __FILE__, __LINE__);
    ck_assert_ptr_nonnull(beyond.refused);
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_mark mark = aa_mark_take(arena);
    ck_assert_int_eq(aa_mark_rewind(mark), AA_OK);
    ck_assert_int_eq(aa_mark_rewind(mark), AA_ORDER); /* reported to the innermost block */
    ck_assert_ptr_null(aai_check_block_close(&beyond));
    ck_assert_ptr_nonnull(aai_check_block_close(&blocks[ROOM - 1]));
    for (int i = ROOM - 2; i >= 0; --i) {
        ck_assert_ptr_null(aai_check_block_close(&blocks[i]));
    }
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

AA_TEST_MAIN("testkit: edges", AA_TEST(where_threads_cannot_be_counted_none_are_warned_of),
             AA_TEST(a_function_is_run_until_neither_way_of_refusing_reaches_a_request),
             AA_TEST(a_block_that_found_no_room_closes_no_other))
