/* The test kit under ThreadSanitizer, which keeps a thread of its own: none are warned of. The sanitizer is only played
 * here, by a function of its name, unless the whole build is under it. */
#include "child.h"
#include "runner.h"

#include <allocarrays/check.h>
#include <pthread.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#endif

#if !defined(UNDER_TSAN) && !defined(__SANITIZE_THREAD__)
void __tsan_init(void);
void __tsan_init(void)
{
}
#endif

static void *wait_for_ever(void *argument)
{
    for (;;) {
        (void)pause();
    }
    return argument;
}

static void prepare_beside_a_thread(void *nothing)
{
    pthread_t thread;
    (void)nothing;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) {
        _exit(1);
    }
    aa_check_prepare();
}

START_TEST(under_thread_sanitizer_no_threads_are_warned_of)
{
    child_result result;
    ck_assert_int_eq(unsetenv("CK_FORK"), 0);
    child_run(&result, prepare_beside_a_thread, NULL);
    assert_exited_well(&result);
    ck_assert_str_eq(result.text, "");
}
END_TEST

AA_TEST_MAIN("testkit: races", AA_TEST(under_thread_sanitizer_no_threads_are_warned_of))
