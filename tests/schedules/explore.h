/* What a program of the schedule explorer is. Its threads run one at a time; which, the explorer decides at the points of
 * src/base/point.h and at those below, by a seed. */
#ifndef AA_EXPLORE_H
#define AA_EXPLORE_H

#include <allocarrays.h>
#include <stdbool.h>
#include <stdint.h>

enum { EXPLORE_THREADS = 4 };

typedef struct program {
    const char *name, *what;
    int threads;
    unsigned steps; /* about how many points a schedule has: change points are drawn from these */
    bool ends;      /* its threads are new in each schedule, and end in it */
    bool planted;   /* is wrong: it must be found */
    void (*begin)(void);   /* before the threads run; nothing is explored here */
    void (*run)(int self); /* on each thread */
    void (*finish)(void);  /* after they ended */
} program;

extern const program *const programs[];
extern const int program_count;

/* In run, begin and finish: what must hold, else the schedule has failed; the first such is said. Returns it. */
bool explore_require(bool holds, const char *what);
/* In run: wait until a place is woken; have its waiters go on. */
void aai_explore_wait(const void *place);
void aai_explore_wake(const void *place);
void aai_explore_point(void);
void aai_explore_yield(void);
/* In run: wait until so many threads have come here. */
typedef struct meeting {
    int come, round;
} meeting;
void explore_meet(meeting *m, int count);
/* In run: wait for a flag that another thread raises. */
void explore_raise(int *flag);
void explore_await(const int *flag);

/* Violations reported in this schedule so far, by kind. */
extern int explore_reports[AA_CORRUPTION + 1];
int explore_report_count(void);

/* Memory that is handed out in this schedule: given twice, it fails. Any thread of it. */
void explore_given(const void *start, size_t bytes, unsigned round);
void explore_taken_back(unsigned round); /* what was given in that round or a later one */
void explore_freed(const void *start);

#endif
