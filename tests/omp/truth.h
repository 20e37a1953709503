/* The truth table: what the library answers in every situation that an OpenMP program can be in.
 *
 * A row is one situation. It runs in a process of its own (truth_table.c: exec, never fork alone, because a
 * process that has run a region of libgomp must not open one in a forked child), once for each kind of
 * allocator it is about, and four things are measured:
 *
 *     reset, destroy   what the two calls (or the one that the row names) answer there, with the violation;
 *                      "!..." is added when what must go with the answer did not: one report that names the
 *                      call, the state unchanged, memory stale after success
 *     scope            how many of those who looked saw the scope that the situation is about
 *     threads          how many threads took part; "own": each had an arena and a lane of its own
 *
 * Nothing here uses the check framework: tools/truth-table compiles these files by themselves. */
#ifndef AA_TESTS_OMP_TRUTH_H
#define AA_TESTS_OMP_TRUTH_H

#include <allocarrays.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum { ARENA, SHARED, PRIVATE, KINDS };

/* Which kinds a row is about. */
enum {
    ON_ARENA = 1 << ARENA,
    ON_SHARED = 1 << SHARED,
    ON_PRIVATE = 1 << PRIVATE,
    ON_MANY = ON_SHARED | ON_PRIVATE,
    ON_ALL = ON_MANY | ON_ARENA
};

/* An allocator that is asked about, and the memory whose fate is watched. */
typedef struct subject {
    aa_allocator *allocator;
    int kind;
    pid_t owner; /* thread: an arena is used by it alone */
    aa_array witness;
    unsigned char *bytes;
    bool reset, destroyed;
} subject;

enum { CELL_TEXT = 400, CELL_THREADS = 64, CELL_CHUNKS = 512 };

typedef struct chunk {
    unsigned char *at;
    unsigned seed;
} chunk;

typedef struct cell {
    pthread_mutex_t lock; /* around every question, so that stats can be compared */
    subject subject;
    aa_allocator *lanes, *arenas; /* shared and private: who gets what of them is measured */
    char reset[CELL_TEXT], destroy[CELL_TEXT];
    int looked, saw;
    struct {
        pid_t thread;
        aa_allocator *arena;
    } people[CELL_THREADS];
    int people_count;
    chunk chunks[CELL_CHUNKS];
    int chunk_count;
    char wrong[CELL_TEXT];
    int reports, reports_of[AA_CORRUPTION + 1]; /* of all threads */
    int flag;                                   /* for the rows; with atomics */
} cell;

typedef struct outcome {
    const char *reset, *destroy, *scope, *threads; /* destroy NULL: as reset */
} outcome;

typedef struct row {
    const char *name, *situation; /* plain words, for the page */
    const char *call;             /* NULL: aa_reset */
    void (*run)(cell *);
    int kinds;
    const char *environment; /* NULL, or NAME=VALUE */
    int seconds;             /* it may take; 0: ROW_SECONDS */
    outcome gomp;
    outcome omp;  /* NULL: as gomp */
    outcome ompt; /* with liballocarrays-ompt; NULL: as omp */
} row;

typedef struct group {
    const char *title;
    const row *rows;
    size_t count;
} group;

#define GROUP(name, words, ...)                                                                    \
    static const row name##_rows[] = {__VA_ARGS__};                                                \
    const group name = {words, name##_rows, sizeof name##_rows / sizeof name##_rows[0]}

extern const group truth_serial, truth_regions, truth_tasks, truth_devices, truth_threads,
    truth_owners, truth_marks, truth_born, truth_team, truth_ends, truth_planted;

#define OK "AA_OK"
#define IN_PARALLEL "AA_BUSY AA_RESET_IN_PARALLEL"
#define IN_USE "AA_BUSY AA_RESET_IN_USE"
#define FOREIGN "AA_THREAD AA_FOREIGN_THREAD"
#define NONE "-"

/* ---- asking: on any thread, in any situation ---- */

void ask(cell *c);                      /* aa_reset, then aa_destroy, of the row's subject */
void ask_about(cell *c, subject *s);    /* ... of another */
void ask_reset_of(cell *c, subject *s); /* aa_reset alone */
void answer(cell *c,
            aa_status status); /* what any other call answered, with this thread's report */
void see(cell *c, const aa_allocator *wanted); /* count whether aa_current() is this one */
void stand(cell *c);                           /* this thread takes part: identity and memory */
void take_part(cell *c);                       /* see the row's subject, and stand */
void wrong(cell *c, const char *what);         /* what no row may have */

/* The status and, after exactly one report of this thread since the last call of forget, its kind. */
void forget(void);
int reported(void); /* how many reports of this thread since then */

bool subject_make(subject *s, int kind, const char *name); /* false: wrong, and said so */
void subject_take(subject *s);                             /* memory, where this thread may */
void subject_end(cell *c, subject *s);                     /* afterwards it resets and ends */

/* What all threads of a team got from one aa_reset_team each: statuses in [0, count). A refusal is one report of
 * all of them. */
void answer_of_team(cell *c, const aa_status *statuses, int count);

/* Print the cells and forget them: for rows whose process ends inside. */
void cell_print(const cell *c);

/* ---- another host thread that stays somewhere while something is asked ---- */

typedef struct visitor {
    pthread_t thread;
    sem_t arrived, leave;
    void (*body)(struct visitor *);
    cell *c;
} visitor;

void visitor_invite(visitor *v, void (*body)(visitor *), cell *c); /* returns when it stays */
void visitor_stay(visitor *v);                                     /* by the body, once */
void visitor_dismiss(visitor *v);                                  /* returns when it has ended */
void on_another_thread(void (*body)(cell *), cell *c);             /* runs to its end */

/* ---- which runtime this is, where they differ in what can be forced ---- */

bool on_libgomp(void);

/* ---- rendezvous of threads that OpenMP's own barriers cannot order ---- */

void flag_raise(cell *c);             /* one more */
void flag_await(cell *c, int wanted); /* yields until so many were raised */
void meet(cell *c, int wanted);       /* raise, and await */

#endif
