/* FFTW: SIZE signals through a low-pass filter, in a parallel loop. One plan serves all: fftw_execute_dft_r2c takes other
 * arrays than those that were planned with, if they are aligned alike. What an allocator of this library gives is aligned to
 * 64 bytes, always; fftw_alignment_of says so.
 */
#include "../loops/loops.h"

#include <fftw3.h>
#include <math.h>

enum { LENGTH = 4096, BINS = LENGTH / 2 + 1, LOW = 5, HIGH = 900, CUT = 100 };
static const double pi = 3.14159265358979323846;

typedef struct filter {
    long signals;
    fftw_plan forward, backward;
} filter;

/* A low tone, different in each signal, under a high one. */
static double tone(long number, int i)
{
    return sin(2 * pi * (double)(LOW + number % 9) * i / LENGTH);
}

static bool is_filtered(const filter *f, long number, double *x, fftw_complex *bins)
{
    if (x == NULL || bins == NULL || fftw_alignment_of(x) != 0 ||
        fftw_alignment_of((double *)bins) != 0) {
        return false;
    }
    for (int i = 0; i < LENGTH; ++i) {
        x[i] = tone(number, i) + 0.5 * cos(2 * pi * HIGH * i / LENGTH);
    }
    fftw_execute_dft_r2c(f->forward, x, bins);
    memset(&bins[CUT], 0, (BINS - CUT) * sizeof *bins);
    fftw_execute_dft_c2r(f->backward, bins, x);
    double worst = 0;
    for (int i = 0; i < LENGTH; ++i) {
        worst = fmax(worst, fabs(x[i] / LENGTH - tone(number, i)));
    }
    return worst < 1e-10;
}

static bool one(const filter *f, source from, long number)
{
    bool good = false;
    if (from == BY_MALLOC) {
        double *const x = fftw_malloc(LENGTH * sizeof *x);
        fftw_complex *const bins = fftw_malloc(BINS * sizeof *bins);
        good = is_filtered(f, number, x, bins);
        fftw_free(bins);
        fftw_free(x);
        return good;
    }
    AA_SCRATCH(AA_CURRENT) {
        double *const x = AA_NEW(AA_CURRENT, double, LENGTH);
        fftw_complex *const bins = AA_NEW(AA_CURRENT, fftw_complex, BINS);
        good = is_filtered(f, number, x, bins);
    }
    return good;
}

static bool run(source from, void *work)
{
    const filter *const f = work;
    bool good = true;
#pragma omp parallel for schedule(static) reduction(&& : good)
    for (long i = 0; i < f->signals; ++i) {
        good = one(f, from, i) && good;
    }
    return good;
}

int main(int count, char **arguments)
{
    filter f = {.signals = size_argument(count, arguments, 200, 1, 100000000)};
    aa_allocator *const allocator = aa_private_create(&(aa_options){.name = "private"});
    double *const x = aa_alloc(allocator, LENGTH * sizeof *x); /* to plan with; until the reset */
    fftw_complex *const bins = aa_alloc(allocator, BINS * sizeof *bins);
    bool good = x != NULL && bins != NULL;
    if (good) {
        f.forward = fftw_plan_dft_r2c_1d(LENGTH, x, bins, FFTW_ESTIMATE);
        f.backward = fftw_plan_dft_c2r_1d(LENGTH, bins, x, FFTW_ESTIMATE);
        good = f.forward != NULL && f.backward != NULL && compare("fftw", allocator, run, &f);
        fftw_destroy_plan(f.backward);
        fftw_destroy_plan(f.forward);
    }
    fftw_cleanup();
    return aa_destroy(allocator) == AA_OK && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
