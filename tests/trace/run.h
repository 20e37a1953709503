/* Runs a program in a child with AA_TRACE set, and reads its file. */
#ifndef AA_TESTS_TRACE_RUN_H
#define AA_TESTS_TRACE_RUN_H

#include "child.h"
#include "trace.h"

#include <allocarrays.h>
#include <pthread.h>

typedef struct job {
    void (*body)(void);
    const char *path;
} job;

static inline void set_and_run(void *argument)
{
    const job *const j = argument;
    (void)setenv("AA_TRACE", j->path, 1);
    j->body();
}

static inline void run_with(child_result *result, void (*body)(void), const char *path)
{
    job j = {body, path};
    child_run(result, set_and_run, &j);
}

/* Before each sentence of the library; a race detector of the runtime says what it likes. */
#define SAYS "allocarrays: "

/* The program ends well, says nothing, and its file obeys the rules. */
static inline void record(trace *t, void (*body)(void))
{
    child_result result;
    trace_name(t);
    run_with(&result, body, t->path);
    assert_exited_well(&result);
    ck_assert_msg(occurrences(result.text, SAYS) == 0, "%s", result.text);
    trace_read(t);
    trace_assert_rules(t);
}

/* In children: what must not fail there. */
static inline void must(bool fine)
{
    if (!fine) {
        (void)fprintf(stderr, "a child of the test failed: %s\n", aa_last_message());
        abort();
    }
}

enum { MANY = 20000 };

static inline void *enter_many(void *name)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.name = name});
    for (int i = 0; i < MANY; ++i) {
        AA_WITH(a) {
        }
    }
    must(aa_destroy(a) == AA_OK);
    return NULL;
}

static inline void overflow_two_buffers(void)
{
    pthread_t other;
    must(pthread_create(&other, NULL, enter_many, "there") == 0);
    (void)enter_many("here");
    must(pthread_join(other, NULL) == 0);
}

#endif
