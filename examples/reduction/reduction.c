/* Reduction: what temporaries cost. A function that knows no allocator copies its argument twice, adds the
 * copies and sums the result; it is run with each allocator, and once by hand without temporaries.
 *
 *     b = similar(a); b .= a; c = similar(a); c .= a; sum(b .+ c)      (the demo of AllocArrays.jl)
 *
 * Arguments: the sizes to run, in doubles (default: 1000 100000 10000000).
 * Exit status: 0; 1 when an allocator fails or a sum is wrong; 2 for bad options.
 */
#include <allocarrays.h>
#include <allocarrays/kernels.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROUNDS = 15, ROWS = 6 };

/* ---- the work ------------------------------------------------------------------------------------ */

/* The demo. Frees nothing: the caller's scratch or reset does, whatever the allocator is. */
static bool reduce(const aa_array *a, double *sum)
{
    aa_array b = aa_similar(a);
    aa_array c = aa_similar(a);
    if (aa_is_null(&b) || aa_is_null(&c) || aa_copy_into(&b, a) != AA_OK ||
        aa_copy_into(&c, a) != AA_OK) {
        return false;
    }
    const aa_array both = aa_add(&b, &c);
    if (aa_is_null(&both)) {
        return false;
    }
    const aa_array total = aa_sum(&both, AA_ALL_AXES);
    if (aa_is_null(&total)) {
        return false;
    }
    *sum = *(const double *)total.data;
    return true;
}

/* The same without temporaries: the buffers exist. What an allocator can reach at best. */
typedef struct buffers {
    aa_array b, c, both, total;
} buffers;

static bool reduce_by_hand(buffers *t, const aa_array *a, double *sum)
{
    const bool good = aa_copy_into(&t->b, a) == AA_OK && aa_copy_into(&t->c, a) == AA_OK &&
                      aa_add_into(&t->both, &t->b, &t->c) == AA_OK &&
                      aa_sum_into(&t->total, &t->both, AA_ALL_AXES) == AA_OK;
    *sum = good ? *(const double *)t->total.data : 0;
    return good;
}

/* ---- the rows ------------------------------------------------------------------------------------ */

typedef enum how { BY_HAND, WITH_ALLOCATOR, CHECKED } how;

typedef struct row {
    const char *name;
    how how;
    aa_allocator *allocator;
    double seconds[ROUNDS]; /* of one reduction */
    double faults;          /* page faults of one reduction, in the last round */
} row;

static bool make_rows(row *rows)
{
    rows[0] = (row){.name = "preallocated by hand", .how = BY_HAND, .allocator = aa_heap()};
    rows[1] = (row){.name = "heap", .how = WITH_ALLOCATOR, .allocator = aa_heap()};
    rows[2] = (row){.name = "arena", .how = WITH_ALLOCATOR, .allocator = aa_arena_create(NULL)};
    rows[3] = (row){.name = "shared", .how = WITH_ALLOCATOR, .allocator = aa_shared_create(NULL)};
    rows[4] = (row){.name = "private", .how = WITH_ALLOCATOR, .allocator = aa_private_create(NULL)};
    rows[5] = (row){.name = "arena, checked", .how = CHECKED, .allocator = aa_arena_create(NULL)};
    for (int i = 0; i < ROWS; ++i) {
        if (rows[i].allocator == NULL) {
            (void)fprintf(stderr, "reduction: %s: %s\n", rows[i].name, aa_last_message());
            return false;
        }
    }
    return true;
}

static bool destroy_rows(row *rows)
{
    bool good = true;
    for (int i = 0; i < ROWS; ++i) {
        good =
            rows[i].allocator == aa_heap() || aa_destroy(rows[i].allocator) == AA_OK ? good : false;
    }
    return good;
}

/* One reduction as this row does it. AA_CURRENT: the scope's allocator, which the scratch rewinds. */
static bool run_once(const row *r, buffers *t, const aa_array *a, double *sum)
{
    bool good = false;
    if (r->how == BY_HAND) {
        return reduce_by_hand(t, a, sum);
    }
    AA_SCRATCH(AA_CURRENT) {
        good = reduce(a, sum);
    }
    return good;
}

/* ---- measuring ----------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static long faults_now(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}

/* Run a row `times` times in its scope; round -1 only warms up. The truth is 2 * (0 + 1 + ...). */
static bool run_row(row *r, buffers *t, const aa_array *a, int round, int times)
{
    const double count = (double)aa_count(a), truth = count * (count - 1);
    const aa_array argument = r->how == CHECKED ? aa_checked(a) : *a;
    bool good = true;
    AA_WITH(r->allocator) {
        const long faults = faults_now();
        const double start = now();
        for (int i = 0; good && i < times; ++i) {
            double sum = 0;
            good = run_once(r, t, &argument, &sum) && sum == truth;
        }
        if (round >= 0) {
            r->seconds[round] = (now() - start) / times;
        }
        r->faults = (double)(faults_now() - faults) / times;
    }
    if (!good) {
        (void)fprintf(stderr, "reduction: %s: wrong sum or failure: %s\n", r->name,
                      aa_last_message());
    }
    return good;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of over[i] / under[i], or of over[i] where under is NULL. */
static double median(const double *over, const double *under)
{
    double sorted[ROUNDS];
    for (int i = 0; i < ROUNDS; ++i) {
        sorted[i] = over[i] / (under == NULL ? 1 : under[i]);
    }
    qsort(sorted, ROUNDS, sizeof sorted[0], compare);
    return sorted[ROUNDS / 2];
}

static void print_rows(const row *rows, int64_t count)
{
    (void)printf("\n%lld doubles%*s %12s %14s %12s\n", (long long)count, 14, "", "us", "/ by hand",
                 "page faults");
    for (int i = 0; i < ROWS; ++i) {
        (void)printf("  %-24s %14.2f %14.2f %12.1f\n", rows[i].name,
                     1e6 * median(rows[i].seconds, NULL), median(rows[i].seconds, rows[0].seconds),
                     rows[i].faults);
    }
    (void)fflush(stdout);
}

/* Every row once a round, in changing order, so that the machine's noise falls on all alike. */
static bool measure(row *rows, buffers *t, const aa_array *a)
{
    const int64_t work = 20000000 / (aa_count(a) + 1000);
    const int times = work > 1 ? (int)work : 1;
    for (int round = -2; round < ROUNDS; ++round) {
        for (int turn = 0; turn < ROWS; ++turn) {
            const int along = round % 2 == 0 ? turn : ROWS - 1 - turn;
            row *const r = &rows[(along + (round < 0 ? 0 : round)) % ROWS];
            if (!run_row(r, t, a, round, times)) {
                return false;
            }
        }
    }
    return true;
}

static bool make_buffers(buffers *t, const aa_array *like)
{
    *t = (buffers){aa_similar(like), aa_similar(like), aa_similar(like),
                   aa_similar_as(like, AA_F64, 0, NULL)};
    return !aa_is_null(&t->b) && !aa_is_null(&t->c) && !aa_is_null(&t->both) &&
           !aa_is_null(&t->total);
}

static void free_buffers(buffers *t)
{
    (void)aa_array_free(&t->total);
    (void)aa_array_free(&t->both);
    (void)aa_array_free(&t->c);
    (void)aa_array_free(&t->b);
}

/* The argument is wrapped, so its handle is AA_CURRENT: its temporaries come from the scope. */
static bool run_size(row *rows, int64_t count)
{
    buffers t = {0};
    aa_array stored = aa_empty(aa_heap(), AA_F64, 1, &count);
    bool good = !aa_is_null(&stored) && make_buffers(&t, &stored);
    if (!good) {
        (void)fprintf(stderr, "reduction: %s\n", aa_last_message());
    }
    for (int64_t i = 0; good && i < count; ++i) {
        ((double *)stored.data)[i] = (double)i;
    }
    if (good) {
        const aa_array a = aa_wrap(stored.data, AA_F64, 1, &count, NULL);
        good = measure(rows, &t, &a);
    }
    if (good) {
        print_rows(rows, count);
    }
    free_buffers(&t);
    (void)aa_array_free(&stored);
    return good;
}

/* The sizes to run, from the command line or as below; false when one is not a number that fits. */
typedef struct sizes {
    int count;
    int64_t size[8];
} sizes;

static bool parse(sizes *s, int argc, char **argv)
{
    *s = (sizes){3, {1000, 100000, 10000000}};
    if (argc > 1) {
        s->count = argc - 1;
    }
    for (int i = 1; i < argc; ++i) {
        char *end;
        const long long size = i <= 8 ? strtoll(argv[i], &end, 10) : 0;
        if (i > 8 || *end != '\0' || size < 1 || size > 50000000) {
            (void)fprintf(
                stderr, "reduction: %s: up to 8 numbers of doubles from 1 to 50000000 are wanted\n",
                argv[i]);
            return false;
        }
        s->size[i - 1] = size;
    }
    return true;
}

int main(int argc, char **argv)
{
    sizes s;
    row rows[ROWS];
    if (!parse(&s, argc, argv)) {
        return 2;
    }
    (void)printf(
        "AllocArrays %s: sum(b + c) of two copies, %d OpenMP thread%s, medians of %d rounds\n",
        aa_version(), omp_get_max_threads(), omp_get_max_threads() == 1 ? "" : "s", ROUNDS);
    bool good = make_rows(rows);
    for (int i = 0; good && i < s.count; ++i) {
        good = run_size(rows, s.size[i]);
    }
    return destroy_rows(rows) && good ? 0 : 1;
}
