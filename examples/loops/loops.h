/* What the loops of this folder share: a clock, a size from the command line, rounds of two ways in turn, a line. */
#ifndef LOOPS_H
#define LOOPS_H

#include <allocarrays.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 5 };

/* Where temporaries come from: malloc, or the allocator that is in scope. */
typedef enum source { BY_MALLOC, FROM_SCOPE, SOURCES } source;

static inline double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The first argument, a whole number between the limits; or the standard size. Anything else ends the program. */
static inline long size_argument(int count, char **arguments, long standard, long least, long most)
{
    if (count == 1) {
        return standard;
    }
    char *end = arguments[1];
    errno = 0;
    const long size = strtol(arguments[1], &end, 10);
    if (count != 2 || errno != 0 || end == arguments[1] || *end != '\0' || size < least ||
        size > most) {
        (void)fprintf(stderr, "usage: %s [SIZE], SIZE from %ld to %ld (default %ld)\n",
                      arguments[0], least, most, standard);
        _Exit(2); /* nothing is open yet */
    }
    return size;
}

/* Run both ways in turn and print the least time of each. False, and a sentence, when a run fails: it checks its own
 * result. The allocator is in scope for both, and is reset after each run. */
static inline bool compare(const char *name, aa_allocator *allocator,
                           bool (*run)(source from, void *work), void *work)
{
    double least[SOURCES] = {0};
    for (int round = 0; round <= ROUNDS; ++round) { /* the first warms up */
        for (source from = BY_MALLOC; from < SOURCES; ++from) {
            bool good = false;
            const double start = now();
            AA_WITH(allocator) {
                good = run(from, work);
            }
            const double seconds = now() - start;
            if (!good || aa_reset(allocator) != AA_OK) {
                (void)fprintf(stderr, "%s: failed or wrong: %s\n", name, aa_last_message());
                return false;
            }
            least[from] = round <= 1 || seconds < least[from] ? seconds : least[from];
        }
    }
    printf("%-10s malloc %9.3f ms   %s %9.3f ms   %.2f times as fast\n", name,
           1e3 * least[BY_MALLOC], aa_name(allocator), 1e3 * least[FROM_SCOPE],
           least[BY_MALLOC] / least[FROM_SCOPE]);
    return true;
}

#endif
