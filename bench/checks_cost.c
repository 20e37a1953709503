/* What the checks cost, side by side in one run: medians of interleaved rounds, ratios taken within each round.
 * `make check-costs` builds and runs it; doc/checks.md quotes it. No test depends on it. */
#include "weights.h"

#include <allocarrays.h>
#include <allocarrays/kernels.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { ROUNDS = 51, STEPS = 1000, PAGE = 4096 };

static const size_t held = (size_t)64 << 20;

typedef struct subject {
    const char *name;
    double (*run)(const struct subject *); /* of one round: the time of one step */
    aa_allocator *allocator;
    const void *data;
    double times[ROUNDS];
} subject;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(bool fine)
{
    if (!fine) {
        fprintf(stderr, "%s\n", aa_last_message());
        exit(1);
    }
}

/* ---- what is paid for each allocation ------------------------------------------------------------------- */

static double allocate(const subject *s)
{
    must(aa_reset(s->allocator) == AA_OK);
    const double start = now();
    for (int i = 0; i < STEPS; ++i) {
        *(int *)aa_alloc(s->allocator, 64) = i;
    }
    return (now() - start) / STEPS;
}

static double make_arrays(const subject *s)
{
    must(aa_reset(s->allocator) == AA_OK);
    const double start = now();
    for (int i = 0; i < STEPS; ++i) {
        const aa_array x = aa_empty(s->allocator, AA_F64, 1, (const int64_t[]){8});
        *(int *)x.data = i;
    }
    return (now() - start) / STEPS;
}

/* ---- what is paid for each element: one array, and a matrix of its elements ---------------------------------- */

enum { ELEMENTS = 10000, SIDE = 100 };

static volatile double sink;

static double by_pointer(const subject *s)
{
    const aa_array *const array = s->data;
    const double start = now();
    const double *const x = aa_data(array);
    double sum = 0;
    for (int64_t i = 0; i < array->shape[0]; ++i) {
        sum += x[i];
    }
    sink = sum;
    return (now() - start) / ELEMENTS;
}

static double by_index(const subject *s)
{
    const aa_array *const array = s->data;
    const double start = now();
    double sum = 0;
    for (int64_t i = 0; i < array->shape[0]; ++i) {
        sum += AA_AT(double, array, i);
    }
    sink = sum;
    return (now() - start) / ELEMENTS;
}

static double by_two_indices(const subject *s)
{
    const aa_array *const array = s->data;
    const double start = now();
    double sum = 0;
    for (int64_t i = 0; i < array->shape[0]; ++i) {
        for (int64_t j = 0; j < array->shape[1]; ++j) {
            sum += AA_AT(double, array, i, j);
        }
    }
    sink = sum;
    return (now() - start) / ELEMENTS;
}

/* ---- what is paid for each kernel, in microseconds ------------------------------------------------------------- */

/* sum(b + c) of two copies, as in examples/reduction. */
static double reduce(const subject *s)
{
    const aa_array *const a = s->data;
    const int64_t repeats = aa_count(a) < ELEMENTS ? ELEMENTS / aa_count(a) : 1;
    const double start = now();
    for (int64_t r = 0; r < repeats; ++r) {
        AA_WITH(s->allocator) {
            const aa_array b = aa_copy(a), c = aa_copy(a);
            const aa_array d = aa_add(&b, &c);
            const aa_array sum = aa_sum(&d, -1);
            must(!aa_is_null(&sum));
            sink = *(const double *)aa_data(&sum);
        }
        must(aa_reset(s->allocator) == AA_OK);
    }
    return (now() - start) / 1000 / (double)repeats;
}

typedef struct network {
    model weights;
    aa_array images;
} network;

/* A batch through the network of examples/digits. */
static double classify(const subject *s)
{
    const network *const n = s->data;
    const double start = now();
    AA_WITH(s->allocator) {
        const aa_array predictions = model_classify(&n->weights, &n->images);
        must(!aa_is_null(&predictions));
        sink = *(const float *)aa_data(&predictions);
    }
    must(aa_reset(s->allocator) == AA_OK);
    return (now() - start) / 1000;
}

/* ---- what is paid for each reset: 64 MiB in use, in microseconds ------------------------------------------- */

static char *pages;

static void touch(char *start)
{
    for (size_t i = 0; i < held; i += PAGE) {
        ((volatile char *)start)[i] = 1;
    }
}

static double time_of_reset(aa_allocator *a, bool touching)
{
    touch(aa_alloc(a, held));
    const double start = now();
    must(aa_reset(a) == AA_OK);
    if (touching) {
        touch(aa_alloc(a, held));
    }
    const double taken = now() - start;
    must(aa_reset(a) == AA_OK);
    return taken / 1000;
}

static double reset(const subject *s)
{
    return time_of_reset(s->allocator, false);
}

static double reset_and_use(const subject *s)
{
    return time_of_reset(s->allocator, true);
}

static void protect_pages(void)
{
    must(mprotect(pages, held, PROT_NONE) == 0 &&
         mprotect(pages, held, PROT_READ | PROT_WRITE) == 0);
}

static void give_pages(void)
{
    must(madvise(pages, held, MADV_DONTNEED) == 0);
}

static double time_of(void (*take_back)(void), bool touching)
{
    touch(pages);
    const double start = now();
    take_back();
    if (touching) {
        touch(pages);
    }
    return (now() - start) / 1000;
}

static double protect(const subject *s)
{
    (void)s;
    return time_of(protect_pages, false);
}

static double protect_and_use(const subject *s)
{
    (void)s;
    return time_of(protect_pages, true);
}

static double give(const subject *s)
{
    (void)s;
    return time_of(give_pages, false);
}

static double give_and_use(const subject *s)
{
    (void)s;
    return time_of(give_pages, true);
}

/* ---- the rounds ------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values)
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof(double), compare);
    return sorted[ROUNDS / 2];
}

/* Each line against the first of its table. */
static void run_rounds(const char *title, subject *subjects, size_t count)
{
    for (size_t round = 0; round < ROUNDS; ++round) {
        for (size_t i = 0; i < count; ++i) {
            subject *const s = &subjects[(round + i) % count];
            s->times[round] = s->run(s);
        }
    }
    printf("\n%-44s %9s %9s\n", title, "median", "/ first");
    for (size_t i = 0; i < count; ++i) {
        double ratios[ROUNDS];
        for (size_t round = 0; round < ROUNDS; ++round) {
            ratios[round] = subjects[i].times[round] / subjects[0].times[round];
        }
        printf("%-44s %9.1f %9.2f\n", subjects[i].name, median(subjects[i].times), median(ratios));
    }
}

static aa_allocator *arena(aa_checks checks, unsigned flags)
{
    aa_allocator *const a = aa_arena_create(&(aa_options){.checks = checks, .flags = flags});
    must(a != NULL);
    return a;
}

static aa_allocator *shared(aa_checks checks, unsigned flags)
{
    aa_allocator *const a = aa_shared_create(&(aa_options){.checks = checks, .flags = flags});
    must(a != NULL);
    return a;
}

#define COUNT(subjects) (sizeof(subjects) / sizeof(subjects)[0])
#define SUBJECT(...)                                                                               \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

static void compare_allocations(void)
{
    subject raw[] = {
        SUBJECT("arena, none", allocate, arena(AA_CHECKS_NONE, 0), NULL),
        SUBJECT("arena, none, AA_GUARD", allocate, arena(AA_CHECKS_NONE, AA_GUARD), NULL),
        SUBJECT("arena, api", allocate, arena(AA_CHECKS_API, 0), NULL),
        SUBJECT("arena, full", allocate, arena(AA_CHECKS_FULL, 0), NULL),
        SUBJECT("shared, none", allocate, shared(AA_CHECKS_NONE, 0), NULL),
        SUBJECT("shared, api", allocate, shared(AA_CHECKS_API, 0), NULL),
        SUBJECT("shared, full", allocate, shared(AA_CHECKS_FULL, 0), NULL),
    };
    subject arrays[] = {
        SUBJECT("arena, none", make_arrays, arena(AA_CHECKS_NONE, 0), NULL),
        SUBJECT("arena, none, AA_GUARD", make_arrays, arena(AA_CHECKS_NONE, AA_GUARD), NULL),
        SUBJECT("arena, api", make_arrays, arena(AA_CHECKS_API, 0), NULL),
        SUBJECT("arena, full", make_arrays, arena(AA_CHECKS_FULL, 0), NULL),
    };
    run_rounds("ns for each aa_alloc of 64 bytes", raw, COUNT(raw));
    run_rounds("ns for each aa_empty of 8 doubles", arrays, COUNT(arrays));
}

static void compare_elements(void)
{
    aa_allocator *const a = arena(AA_CHECKS_NONE, 0);
    const aa_array row = aa_full(a, AA_F64, 1, (const int64_t[]){ELEMENTS}, &(double){1});
    const aa_array checked = aa_checked(&row);
    const aa_array square = aa_reshape(&row, 2, (const int64_t[]){SIDE, SIDE});
    const aa_array checked_square = aa_checked(&square);
    subject elements[] = {
        SUBJECT("by pointer", by_pointer, NULL, &row),
        SUBJECT("by AA_AT", by_index, NULL, &row),
        SUBJECT("by AA_AT, checked array", by_index, NULL, &checked),
        SUBJECT("by AA_AT of two indices", by_two_indices, NULL, &square),
        SUBJECT("by AA_AT of two indices, checked array", by_two_indices, NULL, &checked_square),
    };
    run_rounds("ns for each element: sum of 10,000 doubles", elements, COUNT(elements));
}

static void compare_reductions(int64_t count)
{
    char title[64];
    const aa_array plain = aa_full(aa_heap(), AA_F64, 1, &count, &(double){1});
    const aa_array bound = aa_bind(&plain, AA_CURRENT), checked = aa_checked(&bound);
    subject reductions[] = {
        SUBJECT("unchecked", reduce, arena(AA_CHECKS_NONE, 0), &bound),
        SUBJECT("checked arrays", reduce, arena(AA_CHECKS_NONE, 0), &checked),
        SUBJECT("AA_GUARD", reduce, arena(AA_CHECKS_NONE, AA_GUARD), &bound),
    };
    (void)snprintf(title, sizeof title, "us for sum(b + c) of %lld doubles", (long long)count);
    run_rounds(title, reductions, COUNT(reductions));
}

static void compare_digits(void)
{
    network plain, checked;
    must(weights_read(&plain.weights, DIGITS_DATA_DIR "/weights.bin"));
    const aa_array images = aa_zeros(aa_heap(), AA_F32, 4, (const int64_t[]){32, 1, 28, 28});
    plain.images = aa_bind(&images, AA_CURRENT);
    checked.images = aa_checked(&plain.images);
    for (int t = 0; t < TENSORS; ++t) {
        checked.weights.tensor[t] = aa_checked(&plain.weights.tensor[t]);
    }
    subject batches[] = {
        SUBJECT("unchecked", classify, shared(AA_CHECKS_NONE, 0), &plain),
        SUBJECT("checked arrays", classify, shared(AA_CHECKS_NONE, 0), &checked),
        SUBJECT("AA_GUARD", classify, shared(AA_CHECKS_NONE, AA_GUARD), &plain),
    };
    run_rounds("us for a batch of 32 digits", batches, COUNT(batches));
}

static void compare_resets(void)
{
    pages = mmap(NULL, held, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(pages != MAP_FAILED);
    subject resets[] = {
        SUBJECT("reset, none", reset, arena(AA_CHECKS_NONE, 0), NULL),
        SUBJECT("reset, none, AA_GUARD", reset, arena(AA_CHECKS_NONE, AA_GUARD), NULL),
        SUBJECT("mprotect away and back", protect, NULL, NULL),
        SUBJECT("MADV_DONTNEED", give, NULL, NULL),
    };
    subject uses[] = {
        SUBJECT("reset, none", reset_and_use, arena(AA_CHECKS_NONE, 0), NULL),
        SUBJECT("reset, none, AA_GUARD", reset_and_use, arena(AA_CHECKS_NONE, AA_GUARD), NULL),
        SUBJECT("mprotect away and back", protect_and_use, NULL, NULL),
        SUBJECT("MADV_DONTNEED", give_and_use, NULL, NULL),
    };
    run_rounds("us to take 64 MiB back", resets, COUNT(resets));
    run_rounds("us to take 64 MiB back and touch each page", uses, COUNT(uses));
}

int main(void)
{
    printf("AllocArrays %s, medians of %d interleaved rounds, ratios within each round\n",
           aa_version(), ROUNDS);
    compare_allocations();
    compare_elements();
    compare_reductions(1000);
    compare_reductions(100000);
    compare_digits();
    compare_resets();
    return 0;
}
