/* CG: conjugate gradients on a sparse matrix, the five-point Laplacian of a SIZE x SIZE grid in rows of columns and values
 * (CSR). The solver is a library's function: it knows no allocator, and takes its four vectors by aa_similar from the right
 * side's handle, so the caller decides where they come from. Here they come from what is in scope: once from the
 * heap handle, once from a shared allocator that is rewound after each solution.
 *
 * The solution is known: all ones.
 */
#include "loops.h"

#include <math.h>

enum { SOLUTIONS = 4 };

typedef struct matrix {
    long n;
    long *begin, *column; /* row i: entries [begin[i], begin[i + 1]) */
    double *value;
} matrix;

static double *data(const aa_array *v)
{
    return aa_data(v);
}

/* y = m x; returns x y. */
static double multiply(const matrix *m, double *y, const double *x)
{
    double dot = 0;
#pragma omp parallel for schedule(static) reduction(+ : dot)
    for (long i = 0; i < m->n; ++i) {
        double sum = 0;
        for (long k = m->begin[i]; k < m->begin[i + 1]; ++k) {
            sum += m->value[k] * x[m->column[k]];
        }
        y[i] = sum;
        dot += sum * x[i];
    }
    return dot;
}

/* x += alpha p, r -= alpha q; returns r r. */
static double step(long n, double alpha, double *x, double *r, const double *p, const double *q)
{
    double dot = 0;
#pragma omp parallel for schedule(static) reduction(+ : dot)
    for (long i = 0; i < n; ++i) {
        x[i] += alpha * p[i];
        r[i] -= alpha * q[i];
        dot += r[i] * r[i];
    }
    return dot;
}

static void turn(long n, double beta, double *p, const double *r)
{
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; ++i) {
        p[i] = r[i] + beta * p[i];
    }
}

/* Solve m x = b to a relative residual. The result is an array of the caller's; the temporaries are freed, the newest
 * first, which costs a bump allocator nothing. A null array: no memory, or no convergence. */
static aa_array solve(const matrix *m, const aa_array *b, double tolerance)
{
    aa_array x = aa_similar(b), r = aa_similar(b), p = aa_similar(b), q = aa_similar(b);
    bool done = false;
    if (!aa_is_null(&x) && !aa_is_null(&r) && !aa_is_null(&p) && !aa_is_null(&q)) {
        memset(data(&x), 0, (size_t)m->n * sizeof(double));
        memcpy(data(&r), data(b), (size_t)m->n * sizeof(double));
        memcpy(data(&p), data(b), (size_t)m->n * sizeof(double));
        double rr = step(m->n, 0, data(&x), data(&r), data(&p), data(&p));
        const double enough = tolerance * tolerance * rr;
        for (long i = 0; rr > enough && i < m->n; ++i) {
            const double alpha = rr / multiply(m, data(&q), data(&p));
            const double before = rr;
            rr = step(m->n, alpha, data(&x), data(&r), data(&p), data(&q));
            turn(m->n, rr / before, data(&p), data(&r));
        }
        done = rr <= enough;
    }
    (void)aa_array_free(&q);
    (void)aa_array_free(&p);
    (void)aa_array_free(&r);
    if (!done) {
        (void)aa_array_free(&x);
    }
    return x;
}

/* The right side of a solution of ones: sums of rows. */
static bool solve_for_ones(const matrix *m)
{
    const int64_t shape[] = {m->n};
    aa_array b = aa_empty(AA_CURRENT, AA_F64, 1, shape);
    if (aa_is_null(&b)) {
        return false;
    }
    for (long i = 0; i < m->n; ++i) {
        data(&b)[i] = 0;
        for (long k = m->begin[i]; k < m->begin[i + 1]; ++k) {
            data(&b)[i] += m->value[k];
        }
    }
    aa_array x = solve(m, &b, 1e-10);
    double worst = aa_is_null(&x) ? 1 : 0;
    for (long i = 0; i < aa_count(&x); ++i) {
        worst = fmax(worst, fabs(data(&x)[i] - 1));
    }
    (void)aa_array_free(&x);
    (void)aa_array_free(&b);
    return worst < 1e-6;
}

static bool run(source from, void *work)
{
    bool good = true;
    for (int i = 0; i < SOLUTIONS && good; ++i) {
        if (from == BY_MALLOC) {
            AA_WITH(aa_heap()) {
                good = solve_for_ones(work);
            }
        } else {
            AA_SCRATCH(AA_CURRENT) {
                good = solve_for_ones(work);
            }
        }
    }
    return good;
}

static bool make_laplacian(matrix *m, long side)
{
    static const int offsets[5][2] = {{-1, 0}, {0, -1}, {0, 0}, {0, 1}, {1, 0}};
    m->n = side * side;
    m->begin = malloc((size_t)(m->n + 1) * sizeof *m->begin);
    m->column = malloc((size_t)(5 * m->n) * sizeof *m->column);
    m->value = malloc((size_t)(5 * m->n) * sizeof *m->value);
    if (m->begin == NULL || m->column == NULL || m->value == NULL) {
        return false;
    }
    long k = 0;
    for (long i = 0; i < m->n; ++i) {
        m->begin[i] = k;
        for (int o = 0; o < 5; ++o) {
            const long y = i / side + offsets[o][0], x = i % side + offsets[o][1];
            if (y >= 0 && y < side && x >= 0 && x < side) {
                m->column[k] = y * side + x;
                m->value[k++] = o == 2 ? 4 : -1;
            }
        }
    }
    m->begin[m->n] = k;
    return true;
}

int main(int count, char **arguments)
{
    const long side = size_argument(count, arguments, 60, 1, 5000);
    matrix m = {0};
    aa_allocator *const allocator = aa_shared_create(&(aa_options){.name = "shared"});
    const bool good =
        allocator != NULL && make_laplacian(&m, side) && compare("cg", allocator, run, &m);
    free(m.value);
    free(m.column);
    free(m.begin);
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
