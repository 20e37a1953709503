/* What omp_alloc + omp_free cost on our handle, on the runtime's own, and what standing before the runtime adds.
 *
 * Three programs in one: this program calls OpenMP's names, which liballocarrays-omp serves, and the runtime's
 * own functions directly, found behind it by dlsym: the same process, in turn, so that the machine's other work
 * meets both. Each figure is a median over rounds of a loop of pairs; each ratio the median of the rounds'
 * ratios. `make omp-alloc-cost` builds and runs it. No test depends on it. */
#include <allocarrays.h>
#include <dlfcn.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 301, PAIRS = 2000, DEPTH = 8, BYTES = 64 };

typedef void *alloc_call(size_t, omp_allocator_handle_t);
typedef void free_call(void *, omp_allocator_handle_t);

typedef struct subject {
    const char *name;
    alloc_call *alloc;
    free_call *free;
    omp_allocator_handle_t handle;
    double pair[ROUNDS], nest[ROUNDS]; /* ns for one alloc + free */
} subject;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* One block at a time. */
static double pairs(const subject *s)
{
    const double start = now();
    for (int i = 0; i < PAIRS; ++i) {
        char *const p = s->alloc(BYTES, s->handle);
        *(volatile char *)p = 1;
        s->free(p, s->handle);
    }
    return (now() - start) / PAIRS;
}

/* Eight, freed newest first. */
static double nests(const subject *s)
{
    const double start = now();
    for (int i = 0; i < PAIRS / DEPTH; ++i) {
        char *p[DEPTH];
        for (int k = 0; k < DEPTH; ++k) {
            p[k] = s->alloc(BYTES, s->handle);
            *(volatile char *)p[k] = 1;
        }
        for (int k = DEPTH; k > 0; --k) {
            s->free(p[k - 1], s->handle);
        }
    }
    return (now() - start) / PAIRS;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values)
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], by_value);
    return sorted[ROUNDS / 2];
}

static double median_ratio(const double *a, const double *b)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; ++i) {
        ratios[i] = a[i] / b[i];
    }
    return median(ratios);
}

static double median_difference(const double *a, const double *b)
{
    double differences[ROUNDS];
    for (int i = 0; i < ROUNDS; ++i) {
        differences[i] = a[i] - b[i];
    }
    return median(differences);
}

static void *behind(const char *name)
{
    void *const ours = dlsym(RTLD_DEFAULT, name);
    static const char *const runtimes[] = {"libgomp.so.1", "libomp.so.5"};
    for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; ++i) {
        void *const runtime = dlopen(runtimes[i], RTLD_LAZY | RTLD_NOLOAD);
        void *const theirs = runtime == NULL ? NULL : dlsym(runtime, name);
        if (theirs != NULL && theirs != ours) {
            return theirs;
        }
    }
    fprintf(stderr, "omp_alloc_cost: %s is not served by liballocarrays-omp\n", name);
    exit(1);
}

/* Bytes from one block to the next beyond what was asked: the header, where there is one. */
static size_t bytes_between(const subject *s)
{
    size_t least = SIZE_MAX;
    char *p[DEPTH];
    for (int k = 0; k < DEPTH; ++k) {
        p[k] = s->alloc(BYTES, s->handle);
    }
    for (int k = 1; k < DEPTH; ++k) {
        const size_t between =
            p[k] > p[k - 1] ? (size_t)(p[k] - p[k - 1]) : (size_t)(p[k - 1] - p[k]);
        least = between < least ? between : least;
    }
    for (int k = DEPTH; k > 0; --k) {
        s->free(p[k - 1], s->handle);
    }
    return least;
}

int main(void)
{
    aa_allocator *const ours = aa_private_create(NULL);
    omp_alloctrait_t trait = {omp_atk_alignment, 64};
    const omp_allocator_handle_t own = omp_init_allocator(omp_default_mem_space, 1, &trait);
    alloc_call *their_alloc;
    free_call *their_free;
    void *symbol = behind("omp_alloc");
    memcpy(&their_alloc, &symbol, sizeof symbol);
    symbol = behind("omp_free");
    memcpy(&their_free, &symbol, sizeof symbol);
    enum { OURS, PLAIN, PLAIN_DIRECT, OWN, OWN_DIRECT, SUBJECTS };
    static subject all[SUBJECTS];
    all[OURS] = (subject){.name = "our private handle",
                          .alloc = omp_alloc,
                          .free = omp_free,
                          .handle = (omp_allocator_handle_t)aa_omp_handle(ours)};
    all[PLAIN] = (subject){.name = "omp_default_mem_alloc, through us",
                           .alloc = omp_alloc,
                           .free = omp_free,
                           .handle = omp_default_mem_alloc};
    all[PLAIN_DIRECT] = (subject){.name = "omp_default_mem_alloc, the runtime",
                                  .alloc = their_alloc,
                                  .free = their_free,
                                  .handle = omp_default_mem_alloc};
    all[OWN] = (subject){.name = "a handle of the runtime's, through us",
                         .alloc = omp_alloc,
                         .free = omp_free,
                         .handle = own};
    all[OWN_DIRECT] = (subject){.name = "a handle of the runtime's, the runtime",
                                .alloc = their_alloc,
                                .free = their_free,
                                .handle = own};
    for (int round = 0; round < ROUNDS; ++round) {
        for (int i = 0; i < SUBJECTS; ++i) {
            subject *const s = &all[(i + round) % SUBJECTS];
            s->pair[round] = pairs(s);
            s->nest[round] = nests(s);
        }
    }
    printf("%-42s %10s %14s %16s\n", "ns for omp_alloc + omp_free, 64 bytes", "one alone",
           "eight nested", "bytes per block");
    for (int i = 0; i < SUBJECTS; ++i) {
        printf("%-42s %10.1f %14.1f %16zu\n", all[i].name, median(all[i].pair), median(all[i].nest),
               bytes_between(&all[i]));
    }
    printf("the runtime's default / ours: %.1f x alone, %.1f x nested\n",
           median_ratio(all[PLAIN_DIRECT].pair, all[OURS].pair),
           median_ratio(all[PLAIN_DIRECT].nest, all[OURS].nest));
    printf("the runtime's handle / ours:  %.1f x alone, %.1f x nested\n",
           median_ratio(all[OWN_DIRECT].pair, all[OURS].pair),
           median_ratio(all[OWN_DIRECT].nest, all[OURS].nest));
    printf("added to a foreign pair: %+.1f ns (predefined), %+.1f ns (a handle)\n",
           median_difference(all[PLAIN].pair, all[PLAIN_DIRECT].pair),
           median_difference(all[OWN].pair, all[OWN_DIRECT].pair));
    return aa_destroy(ours) != AA_OK;
}
