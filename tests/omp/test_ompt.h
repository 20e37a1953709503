/* What the tests of the OMPT tool share. They are linked with it, and run where the runtime has OMPT. */
#ifndef AA_TESTS_OMP_TEST_OMPT_H
#define AA_TESTS_OMP_TEST_OMPT_H

#include "runner.h"

#include <allocarrays.h>
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SKIPPED = 77 };

#define MODE_WITH_OMPT "regions+tasks (OMPT)"

/* Why the tool cannot work in this process, NULL if it must. Calls neither OpenMP nor the library. */
static inline const char *no_ompt_because(void)
{
    /* What compiled code calls in LLVM's runtime and its relatives; libgomp, which has no OMPT, lacks it. */
    if (dlsym(RTLD_DEFAULT, "__kmpc_fork_call") == NULL) {
        return "the OpenMP runtime has no OMPT";
    }
    return dlsym(RTLD_DEFAULT, "__tsan_init") != NULL ? "under ThreadSanitizer the tool is Archer"
                                                      : NULL;
}

/* With one environment variable for the runtime. It is set here because the runtime may start before the
 * first statement of a test: compilers ask for the thread's number at the head of a function. */
#define OMPT_TEST_MAIN(suite, variable, value, ...)                                                \
    int main(void)                                                                                 \
    {                                                                                              \
        const char *const why = no_ompt_because();                                                 \
        if (why != NULL) {                                                                         \
            printf("%s: not run: %s\n", (suite), why);                                             \
            return SKIPPED;                                                                        \
        }                                                                                          \
        setenv((variable), (value), 1);                                                            \
        const aa_test tests[] = {__VA_ARGS__};                                                     \
        return aa_test_run((suite), sizeof tests / sizeof tests[0], tests);                        \
    }

static inline void count_up(int *place)
{
    __atomic_fetch_add(place, 1, __ATOMIC_ACQ_REL);
}

/* Wait until a place has been counted up. No task scheduling point: the caller runs no task meanwhile. */
static inline void wait_for(const int *place, int value)
{
    while (__atomic_load_n(place, __ATOMIC_ACQUIRE) < value) {
        (void)sched_yield();
    }
}

/* Wait until tasks of the caller have counted a place up, on other threads, which wait at the barrier of its
 * region. They may sleep there, and a new task wakes one; but a runtime may lose that call, so false: they did
 * not within some seconds, and the caller will run the tasks itself at the barrier. */
static inline bool let_others_run(const int *place, int value)
{
    enum { ROUNDS = 1000, SECONDS = 10 };
    const time_t end = time(NULL) + SECONDS;
    for (int round = 1; __atomic_load_n(place, __ATOMIC_ACQUIRE) < value; ++round) {
        if (round % ROUNDS == 0) {
#pragma omp task
            (void)sched_yield();
            if (time(NULL) > end) {
                return false;
            }
        }
        (void)sched_yield();
    }
    return true;
}

#endif
