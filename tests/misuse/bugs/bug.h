/* What the one-bug programs share. Each plants ONE mistake that a user could make, and main returns 0 when
 * nobody noticed it. tools/misuse-table runs them all and says by which means each is caught.
 *
 * The comment at the head of a program has two parts, the first of which the table shows:
 *     Mistake:  what is done wrong
 *     Cure:     what to do instead
 *
 * From the environment: AA_CHECKS is the library's own. It has no variable for the guard flag, which is an
 * option of each allocator: BUG_FLAGS=guard is read here and gives every allocator AA_GUARD.
 *
 * A program ends with bug_result() where a user would look at a number, and with bug_refused() where a call
 * cannot return its status and a user would ask for it. One that includes allocarrays/check.h is a test of the
 * kit's, and fails. Everything else is caught by dying. */
#ifndef AA_TESTS_MISUSE_BUGS_BUG_H
#define AA_TESTS_MISUSE_BUGS_BUG_H

#include <allocarrays.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUG_UNNOTICED = 0, BUG_NAN = 3, BUG_REFUSED = 4 };

static inline unsigned bug_flags(void)
{
    const char *const wanted = getenv("BUG_FLAGS");
    return wanted != NULL && strcmp(wanted, "guard") == 0 ? AA_GUARD : 0;
}

static inline aa_allocator *bug_arena(const char *name)
{
    return aa_arena_create(&(aa_options){.name = name, .flags = bug_flags()});
}

static inline aa_allocator *bug_shared(const char *name)
{
    return aa_shared_create(&(aa_options){.name = name, .flags = bug_flags()});
}

static inline aa_allocator *bug_private(const char *name)
{
    return aa_private_create(&(aa_options){.name = name, .flags = bug_flags()});
}

/* A vector of doubles, all of one value. */
static inline aa_array bug_vector(aa_allocator *dispatch, int64_t count, double value)
{
    return aa_full(dispatch, AA_F64, 1, &count, &value);
}

/* The end of a program whose result a user would read: a NaN is noticed. */
static inline int bug_result(double result)
{
    printf("%g\n", result);
    if (result != result) {
        fprintf(stderr, "bug: the result is NaN\n");
        return BUG_NAN;
    }
    return BUG_UNNOTICED;
}

/* The end of a program whose last call may have been refused: the status is noticed. */
static inline int bug_refused(void)
{
    if (aa_last_status() != AA_OK) {
        fprintf(stderr, "bug: refused with %s: %s\n", aa_status_name(aa_last_status()),
                aa_last_message());
        return BUG_REFUSED;
    }
    return BUG_UNNOTICED;
}

/* Run a function on another host thread, to its end. */
static inline void bug_on_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument) != 0 || pthread_join(thread, NULL) != 0) {
        abort();
    }
}

/* Steps make threads overlap in one order. Relaxed: they must not order the program's own accesses, or a
 * race detector would take the race for synchronised. */
static inline void bug_step(int *step)
{
    (void)__atomic_fetch_add(step, 1, __ATOMIC_RELAXED);
}

static inline void bug_await(const int *step, int reached)
{
    while (__atomic_load_n(step, __ATOMIC_RELAXED) < reached) {
        (void)usleep(500);
    }
}

#endif
