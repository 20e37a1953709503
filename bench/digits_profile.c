/* Where the time of examples/digits goes: a table in Markdown, by `make digits-profile`. No test depends on it.
 *
 * The network is the example's own file, compiled here with each kernel call between two looks at the clock. The BLAS is
 * seen by standing before its function (calls inside a region count for their share of the team's time). What
 * allocations take is measured in passes of their own, by an allocator that looks at the clock and asks the shared one.
 *
 * It cannot see into a kernel beyond its BLAS: "else" is unfolding, bias, the region, and waiting for its last thread. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "idx.h"
#include "model.h"
#include "weights.h"

#include <allocarrays.h>
#include <allocarrays/kernels.h>
#include <cblas.h>
#include <dlfcn.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { PASSES = 41, BATCH = 32, STEPS = 32 };

/* One kernel call of a batch: its time in each pass. */
typedef struct step {
    const char *name;
    double all[PASSES], blas[PASSES];
} step;

static step steps[STEPS];
static int step_count, next_step, pass_now;
static double step_began, blas_seconds, alloc_seconds;
static long blas_calls, alloc_calls;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(bool fine)
{
    if (!fine) {
        fprintf(stderr, "digits_profile: %s\n", aa_last_message());
        exit(1);
    }
}

/* ---- the kernels, watched ------------------------------------------------------------------------------------ */

static void begin(void)
{
    blas_seconds = 0;
    step_began = now();
}

static void end(const char *name)
{
    must(next_step < STEPS);
    step *const s = &steps[next_step];
    s->name = name;
    s->all[pass_now] += now() - step_began;
    s->blas[pass_now] += blas_seconds;
    next_step += 1;
    step_count = next_step > step_count ? next_step : step_count;
}

static aa_array end_array(const char *name, aa_array made)
{
    end(name);
    return made;
}

static aa_status end_status(const char *name, aa_status status)
{
    end(name);
    return status;
}

#define aa_conv2d(x, w, b) (begin(), end_array("aa_conv2d", aa_conv2d(x, w, b)))
#define aa_batchnorm(x, g, b, m, v, e)                                                             \
    (begin(), end_array("aa_batchnorm", aa_batchnorm(x, g, b, m, v, e)))
#define aa_maxpool2d(x) (begin(), end_array("aa_maxpool2d", aa_maxpool2d(x)))
#define aa_dense(x, w, b) (begin(), end_array("aa_dense", aa_dense(x, w, b)))
#define aa_softmax(x) (begin(), end_array("aa_softmax", aa_softmax(x)))
#define aa_relu_into(out, a) (begin(), end_status("aa_relu_into", aa_relu_into(out, a)))
#include "model.c"

typedef void sgemm(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, float,
                   const float *, int, const float *, int, float, float *, int);
static sgemm *real_sgemm;

/* Stands before the BLAS's own, for the kernels library too. */
void cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k,
                 float alpha, const float *a, int lda, const float *b, int ldb, float beta,
                 float *c, int ldc)
{
    const double start = now();
    real_sgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    const double spent = (now() - start) / omp_get_num_threads();
#pragma omp atomic
    blas_seconds += spent;
#pragma omp atomic
    blas_calls += 1;
}

/* ---- allocations, watched ------------------------------------------------------------------------------------- */

static void *take(void *state, size_t bytes, size_t alignment)
{
    const double start = now();
    void *const p = aa_alloc_aligned(state, bytes, alignment);
    alloc_seconds += now() - start;
    alloc_calls += 1;
    return p;
}

static aa_status back(void *state)
{
    return aa_reset(state);
}

/* What two looks at the clock take, to be taken off. */
static double clock_seconds(void)
{
    enum { TIMES = 100000 };
    double all = 0;
    for (int i = 0; i < TIMES; ++i) {
        const double start = now();
        all += now() - start;
    }
    return all / TIMES;
}

/* ---- passes ---------------------------------------------------------------------------------------------------- */

static double pass_seconds[PASSES], reset_seconds[PASSES];

static void run_batch(const digits *d, const model *m, aa_allocator *a, int64_t first)
{
    const int64_t rest = d->count - first;
    const int64_t shape[] = {rest < BATCH ? rest : BATCH, 1, IMAGE_SIDE, IMAGE_SIDE};
    const aa_array images =
        aa_wrap((float *)d->images.data + first * IMAGE_PIXELS, AA_F32, 4, shape, NULL);
    next_step = 0;
    AA_WITH(a) {
        const aa_array made = model_classify(m, &images);
        must(!aa_is_null(&made));
    }
    const double start = now();
    must(aa_reset(a) == AA_OK);
    reset_seconds[pass_now] += now() - start;
}

static void run_pass(const digits *d, const model *m, aa_allocator *a, int pass)
{
    pass_now = pass;
    reset_seconds[pass] = 0;
    for (int s = 0; s < STEPS; ++s) {
        steps[s].all[pass] = steps[s].blas[pass] = 0;
    }
    const double start = now();
    for (int64_t first = 0; first < d->count; first += BATCH) {
        run_batch(d, m, a, first);
    }
    pass_seconds[pass] = now() - start;
}

static long faults_now(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *from)
{
    double sorted[PASSES];
    memcpy(sorted, from, sizeof sorted);
    qsort(sorted, PASSES, sizeof *sorted, compare);
    return sorted[PASSES / 2];
}

static void row(const char *name, double all, double blas, double whole, int64_t images)
{
    const double scale = 1e6 / (double)images;
    printf("| %s | %.2f | %.1f %% | %.2f | %.2f |\n", name, all * scale, 100 * all / whole,
           blas * scale, (all - blas) * scale);
}

static void print(const digits *d, const long *faults)
{
    const double whole = median(pass_seconds);
    double known = median(reset_seconds);
    printf("| step of a batch of %d | us an image | share | in the BLAS | else "
           "|\n|---|---|---|---|---|\n",
           BATCH);
    for (int s = 0; s < step_count; ++s) {
        char name[64];
        (void)snprintf(name, sizeof name, "%d %s", s + 1, steps[s].name);
        row(name, median(steps[s].all), median(steps[s].blas), whole, d->count);
        known += median(steps[s].all);
    }
    row("aa_reset", median(reset_seconds), 0, whole, d->count);
    row("the rest: scopes, frees, views", whole - known, 0, whole, d->count);
    row("**all**", whole, 0, whole, d->count);
    const double each = alloc_seconds / (double)alloc_calls - clock_seconds();
    const double batches = (double)((d->count + BATCH - 1) / BATCH);
    printf("\nMedians of %d passes over %lld images, %d threads. Inside the rows: %.1f allocations "
           "a batch, %.0f ns each "
           "(mean, from passes of their own; %.2f %% of the time). Page faults: %ld in the first "
           "pass, %ld in the last. "
           "Calls of the BLAS: %ld a pass.\n",
           PASSES, (long long)d->count, omp_get_max_threads(),
           (double)alloc_calls / (batches * PASSES), each * 1e9,
           100 * each * (double)alloc_calls / PASSES / whole, faults[0], faults[1],
           blas_calls / (PASSES + 1));
}

int main(void)
{
    digits d;
    model m, bound;
    real_sgemm = (sgemm *)(uintptr_t)dlsym(RTLD_NEXT, "cblas_sgemm");
    if (real_sgemm == NULL ||
        !digits_read(&d, DIGITS_DATA_DIR "/data/digits-test-images.idx3-ubyte",
                     DIGITS_DATA_DIR "/data/digits-test-labels.idx1-ubyte") ||
        !weights_read(&m, DIGITS_DATA_DIR "/weights.bin")) {
        return 1;
    }
    for (int t = 0; t < TENSORS; ++t) {
        bound.tensor[t] = aa_bind(&m.tensor[t], AA_CURRENT);
    }
    aa_allocator *const a = aa_shared_create(NULL);
    const aa_allocator_ops ops = {.size = sizeof ops, .alloc = take, .reset = back};
    aa_allocator *const watched = aa_custom_create(&ops, a, NULL);
    must(a != NULL && watched != NULL);
    for (int pass = 0; pass < PASSES; ++pass) {
        run_pass(&d, &bound, watched, pass);
    }
    must(aa_destroy(watched) == AA_OK && aa_destroy(a) == AA_OK);
    blas_calls = 0;
    aa_allocator *const fresh = aa_shared_create(NULL);
    must(fresh != NULL);
    long faults[2] = {faults_now(), 0};
    run_pass(&d, &bound, fresh, 0);
    faults[0] = faults_now() - faults[0];
    for (int pass = 0; pass < PASSES; ++pass) {
        faults[1] = faults_now();
        run_pass(&d, &bound, fresh, pass);
        faults[1] = faults_now() - faults[1];
    }
    print(&d, faults);
    must(aa_destroy(fresh) == AA_OK);
    weights_free(&m);
    digits_free(&d);
    return 0;
}
