/* Side library testkit: before check forks its first test. */
#include "kit.h"

#include <allocarrays/check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* There in programs built with ThreadSanitizer, which keeps a thread of its own. */
extern void __tsan_init(void) __attribute__((weak));

/* Threads of this process, 1 where that cannot be told. */
static int threads_now(void)
{
    DIR *const tasks = opendir("/proc/self/task");
    if (tasks == NULL) {
        return 1;
    }
    int count = 0;
    for (const struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(tasks);
    return count;
}

void aa_check_prepare(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* check's own is 4 s: little, on a busy machine */
    const char *const forks = getenv("CK_FORK");
    const bool stays = forks != NULL && strcmp(forks, "no") == 0;
    const int threads = stays || __tsan_init != NULL ? 1 : threads_now();
    if (threads > 1) {
        (void)fprintf(
            stderr,
            "allocarrays-check: %d threads run before the first test. If they come from a parallel "
            "region, tests may hang: check forks for each test, and with libgomp regions hang in a "
            "child forked after a region. Open none before the tests, or set CK_FORK=no\n",
            threads);
    }
}
