/* Histogram: SIZE counters, added up by all threads. The obvious way is an array reduction,
 *
 *     #pragma omp parallel for reduction(+ : counts[:n])
 *
 * whose private copies lie on each thread's stack: with enough counters the program dies of it (OMP_STACKSIZE, and for the
 * first thread `ulimit -s`). Here each thread's copy comes from its arena, and the stack holds a pointer.
 *
 * Said and shown: a child process tries the obvious way first.
 */
#include "loops.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAMPLES = 2000000 };

typedef struct histogram {
    long n;
    double *counts;
} histogram;

/* The counter of sample i: any, but the same for everybody. */
static long counter_of(long i, long n)
{
    return (long)(((uint64_t)i * 2654435761U) % (uint64_t)n);
}

static bool is_counted(const histogram *h)
{
    double total = 0;
    for (long i = 0; i < h->n; ++i) {
        total += h->counts[i];
    }
    long of_first = 0; /* and one of them is counted again */
    for (long i = 0; i < SAMPLES; ++i) {
        of_first += counter_of(i, h->n) == 0;
    }
    return total == SAMPLES && h->counts[0] == (double)of_first;
}

static bool count_on_stacks(histogram *h)
{
    double *const counts = h->counts;
    const long n = h->n;
#pragma omp parallel for schedule(static) reduction(+ : counts[:n])
    for (long i = 0; i < SAMPLES; ++i) {
        counts[counter_of(i, n)] += 1;
    }
    return is_counted(h);
}

/* What the obvious way comes to, in a process of its own: nothing of OpenMP runs before, so it may open a region. */
static void try_stacks(histogram *h)
{
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        _exit(count_on_stacks(h) ? 0 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        printf("reduction(+ : counts[:%ld]): not tried\n", h->n);
    } else if (WIFSIGNALED(status)) {
        printf("reduction(+ : counts[:%ld]): died of signal %d\n", h->n, WTERMSIG(status));
    } else {
        printf("reduction(+ : counts[:%ld]): %s\n", h->n,
               WEXITSTATUS(status) == 0 ? "fits on these stacks" : "wrong");
    }
}

/* A thread's part: counts into a copy of its own, and adds that up, a thread at a time. */
static void count_part(double *mine, const histogram *h)
{
#pragma omp for schedule(static)
    for (long i = 0; i < SAMPLES; ++i) {
        if (mine != NULL) {
            mine[counter_of(i, h->n)] += 1;
        }
    }
#pragma omp critical(add_up)
    for (long i = 0; mine != NULL && i < h->n; ++i) {
        h->counts[i] += mine[i];
    }
}

static bool run(source from, void *work)
{
    const histogram *const h = work;
    memset(h->counts, 0, (size_t)h->n * sizeof *h->counts);
    bool good = true;
#pragma omp parallel reduction(&& : good)
    {
        double *mine;
        if (from == BY_MALLOC) {
            mine = calloc((size_t)h->n, sizeof *mine);
        } else {
            mine = aa_calloc(AA_CURRENT, (size_t)h->n, sizeof *mine); /* until the reset */
        }
        count_part(mine, h);
        good = mine != NULL;
        if (from == BY_MALLOC) {
            free(mine);
        }
    }
    return good && is_counted(h);
}

int main(int count, char **arguments)
{
    histogram h = {.n = size_argument(count, arguments, 1L << 21, 1, 1L << 32)};
    h.counts = calloc((size_t)h.n, sizeof *h.counts);
    if (h.counts == NULL) {
        return EXIT_FAILURE;
    }
    try_stacks(&h);
    aa_allocator *const allocator = aa_private_create(&(aa_options){.name = "private"});
    const bool good = allocator != NULL && compare("histogram", allocator, run, &h);
    free(h.counts);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
