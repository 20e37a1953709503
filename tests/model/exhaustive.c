/* Every sequence of LENGTH (6) calls out of 16 concrete ones agrees with the model; those of shared and private allocators
 * are one call shorter, or as long where ALL is set. `exhaustive` runs them on all processors and prints a line;
 * `exhaustive KIND SEQUENCE`, hexadecimal digits, runs one and lists its calls.
 *
 * Sequences are numbers to the base 16, the first call being the highest digit. A call is compared in the first sequence
 * that has it after the same calls before: where all digits behind it are 0. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 16, KINDS = 3, MOST = 10 };

/* On slot 0: blocks of 1 KiB at first, so that the larger ones make it grow. */
static const model_call calls[CALLS] = {
    {.op = MODEL_ALLOC, .bytes = 64},
    {.op = MODEL_ALLOC, .bytes = 0},
    {.op = MODEL_ALLOC, .bytes = 1000},
    {.op = MODEL_ALLOC_ALIGNED, .bytes = 72, .alignment = 512},
    {.op = MODEL_ARRAY, .at = MODEL_CURRENT, .bytes = 160, .which = 1},
    {.op = MODEL_ARRAY, .bytes = 400},
    {.op = MODEL_VIEW, .bytes = 0},
    {.op = MODEL_FREE},
    {.op = MODEL_FREE, .which = 1},
    {.op = MODEL_REALLOC, .bytes = 700},
    {.op = MODEL_MARK},
    {.op = MODEL_REWIND},
    {.op = MODEL_REWIND, .which = 1},
    {.op = MODEL_ENTER},
    {.op = MODEL_LEAVE},
    {.op = MODEL_RESET},
};

static const char *const kinds[KINDS] = {"arena", "shared", "private"};

static void begin(model *m, int kind)
{
    const unsigned initial = 3u << 4, lease = 2u << 6; /* of 1 KiB; one allocation at a time */
    m->step = -1;
    m->blind = true;
    model_run(m, &(model_call){.op = MODEL_CREATE, .code = (unsigned)kind << 8 | initial | lease});
}

static void run_sequence(model *m, int kind, uint64_t number, int length)
{
    begin(m, kind);
    for (int left = length; left-- > 0;) {
        const uint64_t behind = number & ((UINT64_C(1) << 4 * left) - 1);
        m->blind = behind != 0;
        model_run(m, &calls[number >> 4 * left & (CALLS - 1)]);
        if (!m->blind) {
            model_check(m);
        }
    }
    model_end(m);
}

/* A shared or private allocator bumps in the same lanes, so its sequences are one call shorter, unless all are wanted. */
static int length_of(int kind, int length)
{
    return kind == 0 || getenv("ALL") != NULL ? length : length - 1;
}

static uint64_t count_of(int kind, int length)
{
    return UINT64_C(1) << 4 * length_of(kind, length);
}

/* Each part is a run of numbers, so that neighbours share their first calls. */
static void run_part(int length, uint64_t part, uint64_t parts)
{
    static model m;
    model_init(&m);
    m.whole_up_to = 128;
    for (int kind = 0; kind < KINDS; ++kind) {
        const uint64_t count = count_of(kind, length);
        const uint64_t end = part + 1 == parts ? count : count / parts * (part + 1);
        const int own_length = length_of(kind, length);
        (void)snprintf(m.label, sizeof m.label, "exhaustive %s, length %d,", kinds[kind],
                       own_length);
        m.digits = own_length;
        for (m.number = count / parts * part; m.number < end; ++m.number) {
            run_sequence(&m, kind, m.number, own_length);
        }
    }
    model_fini(&m);
}

static bool run_all(int length, long processes)
{
    bool fine = true;
    for (long i = 0; i < processes; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            run_part(length, (uint64_t)i, (uint64_t)processes);
            exit(EXIT_SUCCESS);
        }
        fine = fine && child > 0;
    }
    for (int status; wait(&status) > 0;) {
        fine = fine && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    }
    return fine;
}

static int run_one(const char *kind, const char *digits)
{
    static model m;
    model_init(&m);
    m.trace = true;
    for (int i = 0; i < KINDS; ++i) {
        if (strcmp(kinds[i], kind) == 0) {
            (void)snprintf(m.label, sizeof m.label, "exhaustive %s", kinds[i]);
            m.number = strtoull(digits, NULL, 16);
            m.digits = (int)strlen(digits);
            run_sequence(&m, i, m.number, (int)strlen(digits));
            return EXIT_SUCCESS;
        }
    }
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        return run_one(argv[1], argv[2]);
    }
    const char *const wanted = getenv("LENGTH");
    const int length = wanted == NULL || *wanted == '\0' ? 6 : atoi(wanted);
    if (argc != 1 || length < 2 || length > MOST) {
        (void)fprintf(stderr, "usage: [LENGTH=2..%d] [ALL=1] %s [KIND SEQUENCE]\n", MOST, argv[0]);
        return 2;
    }
    struct timespec start, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    const bool fine = run_all(length, sysconf(_SC_NPROCESSORS_ONLN));
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    const double seconds =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("check-exhaustive: %llu sequences of %d calls out of %d for arenas, %llu of %d for "
           "shared and private "
           "ones, %.1f s: %s\n",
           (unsigned long long)count_of(0, length), length, CALLS,
           2 * (unsigned long long)count_of(1, length), length_of(1, length), seconds,
           fine ? "all agree with the model" : "FAILED");
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
