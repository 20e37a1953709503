/* Cholesky: a batch of SIZE small dense systems, solved by Cholesky's factorisation, one per iteration of a
 * parallel loop. Each needs a matrix, a factor and two vectors, and is done with them when the iteration ends: AA_SCRATCH.
 *
 * Order and coefficients depend on the number of the system; the solution is known: all ones.
 */
#include "loops.h"

#include <math.h>

enum { SMALLEST = 4, LARGEST = 28 };

typedef struct small {
    long m;
    double *a, *l, *x, *y; /* m x m, m x m, m, m */
} small;

/* Symmetric, its diagonal above the sum of the others; y = a times ones. */
static void fill(small *s, long number)
{
    for (long i = 0; i < s->m; ++i) {
        s->y[i] = 0;
        for (long j = 0; j < s->m; ++j) {
            const long low = i < j ? i : j, high = i < j ? j : i;
            const double off = (double)((number + 7 * low + 3 * high) % 11) / 11;
            s->a[i * s->m + j] = i == j ? (double)s->m + off : off;
            s->y[i] += s->a[i * s->m + j];
        }
    }
}

static void factor(small *s)
{
    for (long i = 0; i < s->m; ++i) {
        for (long j = 0; j <= i; ++j) {
            double sum = s->a[i * s->m + j];
            for (long k = 0; k < j; ++k) {
                sum -= s->l[i * s->m + k] * s->l[j * s->m + k];
            }
            s->l[i * s->m + j] = i == j ? sqrt(sum) : sum / s->l[j * s->m + j];
        }
    }
}

/* l l^T x = y, and how far x is from ones. */
static double solve(small *s)
{
    for (long i = 0; i < s->m; ++i) {
        double sum = s->y[i];
        for (long k = 0; k < i; ++k) {
            sum -= s->l[i * s->m + k] * s->x[k];
        }
        s->x[i] = sum / s->l[i * s->m + i];
    }
    double worst = 0;
    for (long i = s->m - 1; i >= 0; --i) {
        double sum = s->x[i];
        for (long k = i + 1; k < s->m; ++k) {
            sum -= s->l[k * s->m + i] * s->x[k];
        }
        s->x[i] = sum / s->l[i * s->m + i];
        worst = fmax(worst, fabs(s->x[i] - 1));
    }
    return worst;
}

static bool is_solved(small *s, long number)
{
    if (s->a == NULL || s->l == NULL || s->x == NULL || s->y == NULL) {
        return false;
    }
    fill(s, number);
    factor(s);
    return solve(s) < 1e-12;
}

static bool one(source from, long number)
{
    small s = {.m = SMALLEST + number % (LARGEST - SMALLEST + 1)};
    const size_t vector = (size_t)s.m * sizeof(double), matrix = (size_t)s.m * vector;
    bool good = false;
    if (from == BY_MALLOC) {
        s.a = malloc(matrix);
        s.l = malloc(matrix);
        s.x = malloc(vector);
        s.y = malloc(vector);
        good = is_solved(&s, number);
        free(s.y);
        free(s.x);
        free(s.l);
        free(s.a);
        return good;
    }
    AA_SCRATCH(AA_CURRENT) {
        s.a = aa_alloc(AA_CURRENT, matrix);
        s.l = aa_alloc(AA_CURRENT, matrix);
        s.x = aa_alloc(AA_CURRENT, vector);
        s.y = aa_alloc(AA_CURRENT, vector);
        good = is_solved(&s, number);
    }
    return good;
}

static bool run(source from, void *work)
{
    const long systems = *(const long *)work;
    bool good = true;
#pragma omp parallel for schedule(static) reduction(&& : good)
    for (long i = 0; i < systems; ++i) {
        good = one(from, i) && good;
    }
    return good;
}

int main(int count, char **arguments)
{
    long systems = size_argument(count, arguments, 20000, 1, 100000000);
    aa_allocator *const allocator = aa_private_create(&(aa_options){.name = "private"});
    const bool good = allocator != NULL && compare("cholesky", allocator, run, &systems);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
