/* What the OMPT tool costs a region and a task, in nanoseconds, on a runtime with OMPT.
 *
 * The program runs itself, in turn with OMP_TOOL=disabled and enabled, so that both see the same machine, and
 * prints for each step the least of all rounds' medians: what the machine's other work adds is left out.
 * `make ompt-cost` builds and runs it. No test depends on it. */
#include <allocarrays.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 8, ROUNDS = 41, REGIONS = 500, TASKS = 200 };

static aa_allocator *allocator;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double regions(int threads)
{
    const double start = now();
    for (int i = 0; i < REGIONS; ++i) {
#pragma omp parallel num_threads(threads)
        __asm__ volatile("");
    }
    return (now() - start) / REGIONS;
}

static double under_scope(double (*measure)(int), int argument)
{
    double spent = 0;
    AA_WITH(allocator) {
        spent = measure(argument);
    }
    return spent;
}

/* Deferred where a team has two threads, of which either may run them; else run at once. */
static double tasks(int threads)
{
    double spent = 0;
#pragma omp parallel num_threads(threads)
#pragma omp single
    {
        const double start = now();
        for (int i = 0; i < TASKS; ++i) {
#pragma omp task
            __asm__ volatile("");
        }
#pragma omp taskwait
        spent = (now() - start) / TASKS;
    }
    return spent;
}

static double region_1(void)
{
    return regions(1);
}

static double region_1_under_scope(void)
{
    return under_scope(regions, 1);
}

static double region_2(void)
{
    return regions(2);
}

static double region_2_under_scope(void)
{
    return under_scope(regions, 2);
}

static double task_1(void)
{
    return tasks(1);
}

static double task_1_under_scope(void)
{
    return under_scope(tasks, 1);
}

static double task_2_under_scope(void)
{
    return under_scope(tasks, 2);
}

static const struct step {
    const char *name;
    double (*run)(void); /* nanoseconds for one of it */
} steps[] = {
    {"a region of 1 thread", region_1},
    {"... under a scope", region_1_under_scope},
    {"a region of 2 threads", region_2},
    {"... under a scope", region_2_under_scope},
    {"a task in a region of 1 thread", task_1},
    {"... under a scope", task_1_under_scope},
    {"a task in a region of 2 threads, under a scope", task_2_under_scope},
};
enum { STEPS = sizeof steps / sizeof steps[0] };

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* In the child: one median for each step, as a line of numbers. */
static int measure(void)
{
    allocator = aa_shared_create(NULL);
    for (size_t i = 0; i < STEPS; ++i) {
        double times[ROUNDS];
        for (int round = 0; round < ROUNDS; ++round) {
            times[round] = steps[i].run();
        }
        qsort(times, ROUNDS, sizeof times[0], by_value);
        printf("%.1f ", times[ROUNDS / 2]);
    }
    printf("%s\n", aa_scope_mode());
    return aa_destroy(allocator) != AA_OK;
}

/* Run this program as a child and lower each step's time to what it found. Its scope mode, NULL on failure. */
static const char *take_turn(const char *program, const char *tool, double *least)
{
    static char mode[64];
    char command[4096];
    (void)snprintf(command, sizeof command, "OMP_TOOL=%s '%s' measure", tool, program);
    FILE *const child = popen(command, "r");
    if (child == NULL) {
        return NULL;
    }
    bool whole = true;
    for (size_t i = 0; i < STEPS && whole; ++i) {
        double time = 0;
        whole = fscanf(child, "%lf", &time) == 1;
        least[i] = least[i] == 0 || time < least[i] ? time : least[i];
    }
    whole = whole && fscanf(child, " %63[^\n]", mode) == 1;
    return pclose(child) == 0 && whole ? mode : NULL;
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "measure") == 0) {
        return measure();
    }
    double without[STEPS] = {0}, with[STEPS] = {0};
    const char *mode = NULL;
    for (int turn = 0; turn < TURNS; ++turn) {
        if (take_turn(arguments[0], "disabled", without) == NULL ||
            (mode = take_turn(arguments[0], "enabled", with)) == NULL) {
            fprintf(stderr, "ompt_cost: %s could not be run\n", arguments[0]);
            return 1;
        }
    }
    printf("%-48s %8s %8s %8s   with: %s\n", "nanoseconds", "without", "with", "more", mode);
    for (size_t i = 0; i < STEPS; ++i) {
        printf("%-48s %8.0f %8.0f %+8.0f\n", steps[i].name, without[i], with[i],
               with[i] - without[i]);
    }
    return 0;
}
