/* Digits: the same classification with each allocator, in rounds, measured. */
#ifndef DIGITS_BENCH_H
#define DIGITS_BENCH_H

#include "idx.h"
#include "model.h"

enum { ROWS = 6 };

/* One row of the table: an allocator, the network as it is used with it, and what was measured. */
typedef struct row {
    const char *name;
    aa_allocator *allocator;
    model model;        /* views of the weights, with the handle that this row wants */
    bool checked;       /* the images are a checked array */
    float *predictions; /* of the last pass: count * CLASSES */
    double *seconds;    /* one per round */
    uint64_t calls;     /* last pass: upstream calls; the heap's own allocations on its row */
    size_t held;        /* bytes held from the upstream, at the end */
    long faults;        /* last pass: minor page faults of the process */
    bool same;          /* every pass gave the first row's bits */
} row;

typedef struct bench {
    const digits *digits;
    int64_t batch;
    int rounds;
    row rows[ROWS]; /* rows[0] is the heap: what the others are compared with */
} bench;

/* Make the allocators; false after a complaint. End it with bench_fini in both cases. */
bool bench_init(bench *b, const digits *d, const model *m, int64_t batch, int rounds);

/* Run a warm-up round and b->rounds measured ones, each row once in each, in changing order, so that the
 * machine's noise falls on all alike. progress is told how many of how many passes are done. */
bool bench_run(bench *b, void (*progress)(int done, int all));

/* Medians over the rounds: milliseconds for 1,000 images; time against the first row's of the same round. */
double bench_time(const bench *b, const row *r);
double bench_ratio(const bench *b, const row *r);

/* How many of the digits the last pass got right. */
int64_t bench_right(const bench *b, const row *r);

void bench_fini(bench *b);

#endif
