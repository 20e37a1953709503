/* Under ThreadSanitizer the OMPT tool gives way to Archer. The sanitizer is only played here, by a function of
 * its name, unless the whole build is under it. */
#include "runner.h"
#include "test_ompt.h"

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

START_TEST(the_tool_gives_way_under_thread_sanitizer)
{
    int threads = 0;
#pragma omp parallel num_threads(2) reduction(+ : threads)
    ++threads;
    ck_assert_int_gt(threads, 0);
    ck_assert_str_eq(aa_scope_mode(), "regions");
}
END_TEST

AA_TEST_MAIN("ompt: archer", AA_TEST(the_tool_gives_way_under_thread_sanitizer))
