/* Digits: the same classification with each allocator, in rounds, measured.
 *
 * Only this file knows which allocators there are. A batch goes: open the row's scope, classify, copy the
 * predictions out of the allocator, leave the scope, reset.
 *
 * Invariant: no array that a batch made outlives its reset; what is kept was materialised (to the heap).
 */
#include "bench.h"

#include "file.h"

#include <allocarrays.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* ---- one batch ----------------------------------------------------------------------------------- */

/* Images [first, first + count) as wrapped memory: an array whose handle is AA_CURRENT, and so is that of
 * everything the network makes from it. */
static aa_array wrap_images(const bench *b, const row *r, int64_t first, int64_t count)
{
    const int64_t shape[] = {count, 1, IMAGE_SIDE, IMAGE_SIDE};
    float *const from = (float *)b->digits->images.data + first * IMAGE_PIXELS;
    const aa_array images = aa_wrap(from, AA_F32, 4, shape, NULL);
    return r->checked ? aa_checked(&images) : images;
}

/* Classify in the row's scope; what comes back lives on the heap. */
static aa_array classify(const row *r, const aa_array *images)
{
    aa_array kept = {0};
    AA_WITH(r->allocator) {
        aa_array predictions = model_classify(&r->model, images);
        if (!aa_is_null(&predictions)) {
            kept = aa_materialize(&predictions);
            (void)aa_array_free(&predictions);
        }
    }
    return kept;
}

static bool run_batch(const bench *b, row *r, int64_t first, int64_t count)
{
    const aa_array images = wrap_images(b, r, first, count);
    aa_array kept = classify(r, &images);
    if (aa_is_null(&kept)) {
        return complain("%s: %s: %s", r->name, aa_status_name(aa_last_status()), aa_last_message());
    }
    const size_t bytes = (size_t)count * CLASSES * sizeof(float);
    memcpy(r->predictions + first * CLASSES, kept.data, bytes);
    (void)aa_array_free(&kept);
    if (r->allocator != aa_heap() && aa_reset(r->allocator) != AA_OK) {
        return complain("%s: %s", r->name, aa_last_message());
    }
    return true;
}

/* ---- one pass ------------------------------------------------------------------------------------ */

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

/* The heap has no upstream of its own that counts: each of its allocations is a call. */
static uint64_t calls_of(const row *r, aa_stats *stats)
{
    *stats = (aa_stats){0};
    (void)aa_stats_get(r->allocator, stats);
    return r->allocator == aa_heap() ? stats->allocations : stats->upstream_calls;
}

static bool run_pass(const bench *b, row *r, double *seconds)
{
    aa_stats stats;
    const uint64_t calls = calls_of(r, &stats);
    const long faults = faults_now();
    const double start = now();
    for (int64_t first = 0; first < b->digits->count; first += b->batch) {
        const int64_t rest = b->digits->count - first;
        if (!run_batch(b, r, first, rest < b->batch ? rest : b->batch)) {
            return false;
        }
    }
    *seconds = now() - start;
    r->faults = faults_now() - faults;
    r->calls = calls_of(r, &stats) - calls;
    r->held = stats.committed;
    return true;
}

/* Which row has this turn. The first row and the direction change with the round, so that no row always
 * follows the same one; the warm-up goes from top to bottom. */
static int row_at(int round, int turn)
{
    const int along = round % 2 == 0 ? turn : ROWS - 1 - turn;
    return round < 0 ? turn : (round + along) % ROWS;
}

bool bench_run(bench *b, void (*progress)(int done, int all))
{
    const size_t bytes = (size_t)b->digits->count * CLASSES * sizeof(float);
    for (int round = -1; round < b->rounds; ++round) {
        for (int turn = 0; turn < ROWS; ++turn) {
            double seconds;
            row *const r = &b->rows[row_at(round, turn)];
            progress((round + 1) * ROWS + turn, (b->rounds + 1) * ROWS);
            if (!run_pass(b, r, &seconds)) {
                return false;
            }
            if (round >= 0) {
                r->seconds[round] = seconds;
            }
            /* The first pass of all is the heap's, so this is the truth from then on. */
            r->same = r->same && memcmp(r->predictions, b->rows[0].predictions, bytes) == 0;
        }
    }
    return true;
}

/* ---- results ------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the quotients of two rows of numbers, or of the first alone; NAN has no place in it. */
static double median(const bench *b, const double *over, const double *under)
{
    double *const sorted = malloc((size_t)b->rounds * sizeof *sorted);
    if (sorted == NULL) {
        return 0;
    }
    for (int i = 0; i < b->rounds; ++i) {
        sorted[i] = over[i] / (under == NULL ? 1 : under[i]);
    }
    qsort(sorted, (size_t)b->rounds, sizeof *sorted, compare);
    const double middle = (sorted[(b->rounds - 1) / 2] + sorted[b->rounds / 2]) / 2;
    free(sorted);
    return middle;
}

double bench_time(const bench *b, const row *r)
{
    return median(b, r->seconds, NULL) * 1e6 / (double)b->digits->count;
}

double bench_ratio(const bench *b, const row *r)
{
    return median(b, r->seconds, b->rows[0].seconds);
}

static int largest(const float *probabilities)
{
    int best = 0;
    for (int digit = 1; digit < CLASSES; ++digit) {
        best = probabilities[digit] > probabilities[best] ? digit : best;
    }
    return best;
}

int64_t bench_right(const bench *b, const row *r)
{
    int64_t right = 0;
    for (int64_t k = 0; k < b->digits->count; ++k) {
        right += largest(r->predictions + k * CLASSES) == b->digits->labels[k] ? 1 : 0;
    }
    return right;
}

/* ---- the rows ------------------------------------------------------------------------------------ */

/* The weights as they come from the file carry the heap as their handle: a temporary that is computed from
 * them alone (batch normalisation makes two a batch) is asked from the heap, whatever scope is open. The
 * activations are made from the images and follow AA_CURRENT. Bound to AA_CURRENT, the weights follow the
 * scope as well, and the heap is not asked for anything. */
static model with_handle(const model *m, aa_allocator *handle)
{
    model bound;
    for (int t = 0; t < TENSORS; ++t) {
        bound.tensor[t] = aa_bind(&m->tensor[t], handle);
    }
    return bound;
}

static model checked_model(const model *m)
{
    model checked;
    for (int t = 0; t < TENSORS; ++t) {
        checked.tensor[t] = aa_checked(&m->tensor[t]);
    }
    return checked;
}

static bool row_init(const bench *b, row *r, const char *name, aa_allocator *allocator,
                     const model *m)
{
    const size_t values = (size_t)b->digits->count * CLASSES;
    if (allocator == NULL) {
        return complain("%s: %s", name, aa_last_message());
    }
    r->name = name;
    r->allocator = allocator;
    r->model = *m;
    r->same = true;
    r->predictions = calloc(values, sizeof *r->predictions);
    r->seconds = calloc((size_t)b->rounds, sizeof *r->seconds);
    return (r->predictions != NULL && r->seconds != NULL) || complain("%s: no memory", name);
}

static void row_fini(row *r)
{
    free(r->predictions);
    free(r->seconds);
    if (r->allocator != NULL && r->allocator != aa_heap() && aa_destroy(r->allocator) != AA_OK) {
        (void)complain("%s: %s", r->name, aa_last_message());
    }
}

/* What one batch takes at its peak, tried on an allocator that grows; and some room to spare. 0: failed. */
static size_t size_of_batch(const bench *b, const model *m)
{
    row trial = {0};
    aa_stats stats = {0};
    const int64_t count = b->digits->count < b->batch ? b->digits->count : b->batch;
    if (row_init(b, &trial, "sizing", aa_shared_create(NULL), m) &&
        run_batch(b, &trial, 0, count)) {
        (void)aa_stats_get(trial.allocator, &stats);
    }
    row_fini(&trial);
    return stats.peak == 0 ? 0 : stats.peak + stats.peak / 8 + (1 << 20);
}

bool bench_init(bench *b, const digits *d, const model *m, int64_t batch, int rounds)
{
    *b = (bench){.digits = d, .batch = batch, .rounds = rounds};
    const model bound = with_handle(m, AA_CURRENT), checked = checked_model(m);
    const size_t bytes = size_of_batch(b, m);
    const aa_options fixed = {.name = "fixed", .capacity = bytes, .initial = bytes};
    if (bytes == 0) {
        return false;
    }
    b->rows[5].checked = true;
    return row_init(b, &b->rows[0], "heap", aa_heap(), m) &&
           row_init(b, &b->rows[1], "shared, fixed size", aa_shared_create(&fixed), m) &&
           row_init(b, &b->rows[2], "shared, autoscaling", aa_shared_create(NULL), m) &&
           row_init(b, &b->rows[3], "private", aa_private_create(NULL), m) &&
           row_init(b, &b->rows[4], "shared, weights bound too", aa_shared_create(NULL), &bound) &&
           row_init(b, &b->rows[5], "shared, checked arrays", aa_shared_create(NULL), &checked);
}

void bench_fini(bench *b)
{
    for (int i = 0; i < ROWS; ++i) {
        row_fini(&b->rows[i]);
    }
}
