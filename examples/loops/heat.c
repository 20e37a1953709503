/* Heat: the two-dimensional heat equation, explicit five-point stencil, on a plate of SIZE x SIZE points whose edges
 * are kept at 0.
 *
 * Threads take blocks of rows. A block is copied with a halo of STEPS rows on either side into a temporary of the
 * thread, advanced STEPS times there, where it stays in cache, and written to the next plate: a halo loses one row to
 * each step. So each block needs two temporaries, made in the loop and gone with it.
 *
 * The first plate is an eigenvector of the stencil, so that the last one is known.
 */
#include "loops.h"

#include <math.h>

enum { STEPS = 8, ROWS = 32, PASSES = 4 };
static const double pi = 3.14159265358979323846, ratio = 0.2; /* of time step to spacing squared */

typedef struct plate {
    long n;
    double *now, *next;
} plate;

static long smaller(long a, long b)
{
    return a < b ? a : b;
}

/* Advance rows [first, first + rows) by STEPS, in two temporaries of `tile` rows that begin at row `low`. */
static void advance(const plate *p, double *a, double *b, long low, long tile, long first)
{
    const size_t row = (size_t)p->n * sizeof *a;
    const long rows = smaller(ROWS, p->n - first);
    memcpy(a, &p->now[low * p->n], (size_t)tile * row);
    memcpy(b, a, (size_t)tile * row); /* the edges, which no step writes */
    for (int step = 0; step < STEPS; ++step) {
        for (long i = 1; i + 1 < tile; ++i) {
            const double *const up = &a[(i - 1) * p->n], *const here = &a[i * p->n];
            const double *const down = &a[(i + 1) * p->n];
            double *const out = &b[i * p->n];
            for (long j = 1; j + 1 < p->n; ++j) {
                out[j] =
                    here[j] + ratio * (up[j] + down[j] + here[j - 1] + here[j + 1] - 4 * here[j]);
            }
        }
        double *const swap = a;
        a = b;
        b = swap;
    }
    memcpy(&p->next[first * p->n], &a[(first - low) * p->n], (size_t)rows * row);
}

/* A block with temporaries of its own. False: no memory for them. */
static bool advance_block(const plate *p, source from, long first)
{
    const long low = first < STEPS ? 0 : first - STEPS;
    const long tile = smaller(first + ROWS + STEPS, p->n) - low;
    const size_t bytes = (size_t)(tile * p->n) * sizeof(double);
    bool good = false;
    if (from == BY_MALLOC) {
        double *const a = malloc(bytes), *const b = malloc(bytes);
        good = a != NULL && b != NULL;
        if (good) {
            advance(p, a, b, low, tile, first);
        }
        free(b);
        free(a);
        return good;
    }
    AA_SCRATCH(AA_CURRENT) {
        double *const a = aa_alloc(AA_CURRENT, bytes), *const b = aa_alloc(AA_CURRENT, bytes);
        good = a != NULL && b != NULL;
        if (good) {
            advance(p, a, b, low, tile, first);
        }
    }
    return good;
}

static void heat_up(plate *p)
{
    const double h = pi / (double)(p->n - 1);
    for (long i = 0; i < p->n; ++i) {
        for (long j = 0; j < p->n; ++j) {
            const bool edge = i == 0 || j == 0 || i == p->n - 1 || j == p->n - 1;
            p->now[i * p->n + j] = edge ? 0 : sin(h * (double)i) * sin(h * (double)j);
        }
    }
}

/* Each step multiplies the first plate by the eigenvalue. */
static bool is_right(const plate *p)
{
    const double h = pi / (double)(p->n - 1), s = sin(h / 2);
    const double factor = pow(1 - 8 * ratio * s * s, STEPS * PASSES);
    double worst = 0;
    for (long i = 1; i + 1 < p->n; ++i) {
        for (long j = 1; j + 1 < p->n; ++j) {
            const double expected = factor * sin(h * (double)i) * sin(h * (double)j);
            worst = fmax(worst, fabs(p->now[i * p->n + j] - expected));
        }
    }
    return worst < 1e-12;
}

static bool run(source from, void *work)
{
    plate *const p = work;
    heat_up(p);
    bool good = true;
    for (int pass = 0; pass < PASSES; ++pass) {
#pragma omp parallel for schedule(dynamic) reduction(&& : good)
        for (long first = 0; first < p->n; first += ROWS) {
            good = advance_block(p, from, first) && good;
        }
        double *const swap = p->now;
        p->now = p->next;
        p->next = swap;
    }
    return good && is_right(p);
}

int main(int count, char **arguments)
{
    plate p = {.n = size_argument(count, arguments, 500, 3, 20000)};
    const size_t points = (size_t)(p.n * p.n);
    p.now = calloc(points, sizeof(double));
    p.next = calloc(points, sizeof(double));
    aa_allocator *const allocator = aa_private_create(&(aa_options){.name = "private"});
    const bool good =
        p.now != NULL && p.next != NULL && allocator != NULL && compare("heat", allocator, run, &p);
    free(p.next);
    free(p.now);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
