/* make trace-cost: what AA_TRACE costs a scope and a reset, without it and with it, in processes that take turns. Processor
 * time of the thread, medians over the processes; what a busy machine adds is left out. */
#include <allocarrays.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 15, ROUNDS = 9, TIMES = 20000 };

typedef struct cost {
    double scope, reset; /* ns */
} cost;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *of, size_t count)
{
    qsort(of, count, sizeof *of, by_size);
    return of[count / 2];
}

static cost measure(void)
{
    double scopes[ROUNDS], resets[ROUNDS];
    aa_allocator *const a = aa_arena_create(NULL);
    for (int round = 0; round < ROUNDS; ++round) {
        const double began = now();
        for (int i = 0; i < TIMES; ++i) {
            AA_WITH(a) {
                __asm__ volatile("" ::: "memory");
            }
        }
        const double amid = now();
        for (int i = 0; i < TIMES; ++i) {
            (void)aa_reset(a);
        }
        scopes[round] = (amid - began) / TIMES;
        resets[round] = (now() - amid) / TIMES;
    }
    return (cost){median(scopes, ROUNDS), median(resets, ROUNDS)};
}

static cost in_a_process(const char *file)
{
    int ends[2];
    cost measured = {0, 0};
    if (pipe(ends) != 0) {
        exit(1);
    }
    const pid_t child = fork();
    if (child == 0) {
        if (file != NULL) {
            (void)setenv("AA_TRACE", file, 1);
        }
        measured = measure();
        exit(write(ends[1], &measured, sizeof measured) == (ssize_t)sizeof measured ? 0 : 1);
    }
    int status = 1;
    const bool whole = read(ends[0], &measured, sizeof measured) == (ssize_t)sizeof measured;
    if (!whole || waitpid(child, &status, 0) != child || status != 0) {
        exit(1);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return measured;
}

int main(int argc, char **argv)
{
    double scopes[2][TURNS], resets[2][TURNS];
    (void)unsetenv("AA_TRACE");
    for (int turn = 0; turn < TURNS; ++turn) {
        for (int on = 0; on < 2; ++on) {
            const cost c = in_a_process(on == 0 ? NULL : argc > 1 ? argv[1] : "/dev/null");
            scopes[on][turn] = c.scope;
            resets[on][turn] = c.reset;
        }
    }
    printf("%-12s %22s %12s\n", "ns", "scope, entered + left", "reset");
    for (int on = 0; on < 2; ++on) {
        printf("%-12s %22.1f %12.1f\n", on == 0 ? "not recorded" : "recorded",
               median(scopes[on], TURNS), median(resets[on], TURNS));
    }
    return 0;
}
