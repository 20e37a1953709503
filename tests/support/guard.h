/* Of the tests of the guard ring. */
#ifndef AA_TESTS_SUPPORT_GUARD_H
#define AA_TESTS_SUPPORT_GUARD_H

#include "child.h"
#include "kinds.h"
#include "runner.h"
#include "sanitizers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static inline bool under_valgrind(void)
{
    const char *const preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static inline aa_allocator *guarded(int kind)
{
    return bump_create(kind, &(aa_options){.name = "guarded", .flags = AA_GUARD});
}

/* A ring of 1 GiB needs some 1.5 times that; with less there is none. */
static inline size_t address_space(void)
{
    size_t pages = 0;
    FILE *const statm = fopen("/proc/self/statm", "r");
    if (statm == NULL || fscanf(statm, "%zu", &pages) != 1) {
        _exit(1);
    }
    (void)fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static inline void leave_address_space(size_t more)
{
    const rlim_t bytes = address_space() + more;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes}) != 0) {
        _exit(1);
    }
}

static inline void read_byte(const void *pointer)
{
    (void)*(const volatile char *)pointer;
}

enum { READ, WRITE };

typedef struct stale_use {
    int kind;       /* of allocator */
    int how;        /* READ or WRITE */
    int resets;     /* before the access */
    bool destroyed; /* and then */
    bool raw;       /* memory, not an array */
} stale_use;

/* Element (0, 23) of an array of doubles, 8 x 100. */
static inline void use_stale(void *argument)
{
    const stale_use *const how = argument;
    aa_allocator *const a = guarded(how->kind);
    (void)aa_alloc(a, 100); /* so that the array is not where its block begins */
    const aa_array x = aa_empty(a, AA_F64, 2, (const int64_t[]){8, 100});
    char *const p = how->raw ? aa_alloc(a, 1000) : x.data;
    (void)aa_empty(a, AA_F64, 1, (const int64_t[]){10}); /* so that it is not the newest either */
    p[184] = 1;
    for (int i = 0; i < how->resets; ++i) {
        (void)aa_reset(a);
        (void)aa_alloc(a, 100);
    }
    if (how->destroyed) {
        (void)aa_destroy(a);
    }
    volatile char *const stale = &p[184];
    if (how->how == WRITE) {
        *stale = 2;
    } else {
        read_byte(&p[184]);
    }
}

static inline const char *died_of(const child_result *result)
{
    static char text[64];
    (void)snprintf(text, sizeof text, "exit %d, signal %d", WEXITSTATUS(result->status),
                   WIFSIGNALED(result->status) ? WTERMSIG(result->status) : 0);
    return text;
}

/* AddressSanitizer's handler is the one that ours passes the signal on to; it ends with a status. */
#define assert_died_of_a_fault(result)                                                             \
    ck_assert_msg(                                                                                 \
        (WIFSIGNALED((result)->status) && WTERMSIG((result)->status) == SIGSEGV) ||                \
            (UNDER_ASAN && WIFEXITED((result)->status) && WEXITSTATUS((result)->status) != 0),     \
        "%s: %s", died_of(result), (result)->text)

#define assert_says(result, word)                                                                  \
    ck_assert_msg(strstr((result)->text, (word)) != NULL, "'%s' is not in: %s", word,              \
                  (result)->text)

/* Valgrind has no mremap that leaves its place reserved, so no reset moves there. */
#define GUARD_TEST_MAIN(suite, ...)                                                                \
    int main(void)                                                                                 \
    {                                                                                              \
        const aa_test tests[] = {__VA_ARGS__};                                                     \
        if (under_valgrind()) {                                                                    \
            puts("guard: Valgrind cannot move memory as the ring needs it");                       \
            return 77;                                                                             \
        }                                                                                          \
        return aa_test_run((suite), sizeof tests / sizeof tests[0], tests);                        \
    }

#endif
