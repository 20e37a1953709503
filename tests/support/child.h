/* A child process, for what ends a process, is printed, or depends on the environment at first use.
 * Fork before the first parallel region: under libgomp the child's regions hang otherwise. */
#ifndef AA_TESTS_SUPPORT_CHILD_H
#define AA_TESTS_SUPPORT_CHILD_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct child_result {
    int status;       /* of waitpid */
    char text[16384]; /* what it wrote to stderr, cut to fit */
} child_result;

/* Run body(argument) in a child whose stderr is captured; it exits with 0 unless body ends it. */
static inline void child_run(child_result *result, void (*body)(void *), void *argument)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    ck_assert_int_ne(child, -1);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        body(argument);
        exit(0);
    }
    (void)close(ends[1]);
    size_t length = 0;
    char rest[256]; /* read to the end, lest the child blocks */
    for (;;) {
        const size_t room = sizeof result->text - 1 - length;
        const ssize_t got = room > 0 ? read(ends[0], result->text + length, room)
                                     : read(ends[0], rest, sizeof rest);
        if (got <= 0) {
            break;
        }
        length += room > 0 ? (size_t)got : 0;
    }
    result->text[length] = '\0';
    (void)close(ends[0]);
    ck_assert_int_eq(waitpid(child, &result->status, 0), child);
}

/* How often a word occurs in a text. */
static inline int occurrences(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + strlen(word), word)) {
        ++count;
    }
    return count;
}

#define assert_exited_well(result)                                                                 \
    ck_assert_msg(WIFEXITED((result)->status) && WEXITSTATUS((result)->status) == 0,               \
                  "the child ended with status 0x%x: %s", (unsigned)(result)->status,              \
                  (result)->text)

#endif
