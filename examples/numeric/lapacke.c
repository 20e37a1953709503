/* LAPACKE: SIZE least-squares fits of a cubic, each with its own matrix, in a parallel loop.
 *
 * The high-level LAPACKE_dgels asks how large its workspace should be, takes it by malloc and frees it, in every call. The
 * function behind it, LAPACKE_dgels_work, lets the caller give one: asked for once, taken from a scratch in each iteration,
 * beside the matrix and the right side that the routine overwrites.
 */
#include "../loops/loops.h"

#include <lapacke.h>
#include <math.h>

enum { POINTS = 40, COEFFICIENTS = 4 };

typedef struct fits {
    long count;
    lapack_int work; /* doubles that a fit needs besides */
} fits;

/* Points on the curve 1 + 2 t + 3 t^2 + 4 t^3, each fit with t of its own. By columns. */
static void sample(long number, double *a, double *y)
{
    for (int i = 0; i < POINTS; ++i) {
        const double t = (double)(i + 1) / (double)(POINTS + number % 7);
        double power = 1;
        y[i] = 0;
        for (int j = 0; j < COEFFICIENTS; ++j) {
            a[j * POINTS + i] = power;
            y[i] += (j + 1) * power;
            power *= t;
        }
    }
}

static bool is_fitted(const double *y)
{
    double worst = 0;
    for (int j = 0; j < COEFFICIENTS; ++j) {
        worst = fmax(worst, fabs(y[j] - (j + 1)));
    }
    return worst < 1e-9;
}

static bool fit_by_malloc(long number)
{
    double *const a = malloc(sizeof *a * POINTS * COEFFICIENTS), *const y =
                                                                     malloc(sizeof *y * POINTS);
    bool good = a != NULL && y != NULL;
    if (good) {
        sample(number, a, y);
        good = LAPACKE_dgels(LAPACK_COL_MAJOR, 'N', POINTS, COEFFICIENTS, 1, a, POINTS, y,
                             POINTS) == 0 &&
               is_fitted(y);
    }
    free(y);
    free(a);
    return good;
}

static bool fit_from_scope(const fits *f, long number)
{
    bool good = false;
    AA_SCRATCH(AA_CURRENT) {
        double *const a = AA_NEW(AA_CURRENT, double, POINTS *COEFFICIENTS);
        double *const y = AA_NEW(AA_CURRENT, double, POINTS);
        double *const work = AA_NEW(AA_CURRENT, double, f->work);
        if (a != NULL && y != NULL && work != NULL) {
            sample(number, a, y);
            good = LAPACKE_dgels_work(LAPACK_COL_MAJOR, 'N', POINTS, COEFFICIENTS, 1, a, POINTS, y,
                                      POINTS, work, f->work) == 0 &&
                   is_fitted(y);
        }
    }
    return good;
}

static bool run(source from, void *work)
{
    const fits *const f = work;
    bool good = true;
#pragma omp parallel for schedule(static) reduction(&& : good)
    for (long i = 0; i < f->count; ++i) {
        good = (from == BY_MALLOC ? fit_by_malloc(i) : fit_from_scope(f, i)) && good;
    }
    return good;
}

int main(int count, char **arguments)
{
    fits f = {.count = size_argument(count, arguments, 5000, 1, 100000000)};
    double a, y, wanted = 0;
    if (LAPACKE_dgels_work(LAPACK_COL_MAJOR, 'N', POINTS, COEFFICIENTS, 1, &a, POINTS, &y, POINTS,
                           &wanted, -1) != 0) {
        return EXIT_FAILURE;
    }
    f.work = (lapack_int)wanted;
    aa_allocator *const allocator = aa_private_create(&(aa_options){.name = "private"});
    const bool good = allocator != NULL && compare("lapacke", allocator, run, &f);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
