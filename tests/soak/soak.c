/* What goes on for long keeps no memory: `make soak` runs it; argument: how many times the ordinary load.
 *
 * Four loads, each warmed up by a twentieth of itself: small allocations on an arena, a shared and a private allocator, with
 * resets; resets of a guarded arena, which move it to a fresh place; threads that come and go, each leaving
 * with a lease and an arena; nested regions, which make the runtime end threads too (libgomp after each). The resident
 * size must not grow by more than 64 KiB over any of them, once warm. Prints the figures; exit status 1 when it grew, or when a
 * call was refused, 77 where it cannot be read.
 * All threads of a round are there at once, so that the warm-up needs as much as any later round; and malloc has
 * one arena, for glibc's own grow with the contention it happens to meet (up to a MiB, with or without us). */
#include <allocarrays.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { AT_ONCE = 8, NESTED = 4, BETWEEN_RESETS = 1 << 16, ALLOWED_KIB = 64 };

static pthread_barrier_t all_of_a_round, all_nested;

static aa_allocator *arena, *shared, *private_, *guarded;
static int failures;

/* Counted page by page: /proc/self/statm may be wrong by 64 pages for each thread that there was. */
static long resident_kib(void)
{
    char line[256];
    long resident = -1;
    FILE *const file = fopen("/proc/self/smaps_rollup", "r");
    while (file != NULL && resident < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "Rss:", 4) == 0) {
            resident = atol(line + 4);
        }
    }
    if (resident < 0) {
        exit(77);
    }
    fclose(file);
    return resident;
}

static void use_both(void)
{
    char *const s = aa_alloc(shared, 3000), *const p = aa_alloc(private_, 3000);
    if (s == NULL || p == NULL) {
        __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
        return;
    }
    memset(s, 1, 3000);
    memset(p, 2, 3000);
}

static void *guest(void *unused)
{
    use_both();
    (void)pthread_barrier_wait(&all_of_a_round);
    return unused;
}

static void come_and_go(long count)
{
    for (long made = 0; made < count; made += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (int i = 0; i < AT_ONCE; ++i) {
            if (pthread_create(&threads[i], NULL, guest, NULL) != 0) {
                exit(1);
            }
        }
        for (int i = 0; i < AT_ONCE; ++i) {
            (void)pthread_join(threads[i], NULL);
        }
        failures += aa_reset(shared) != AA_OK || aa_reset(private_) != AA_OK;
    }
}

static void nest(long count)
{
    omp_set_max_active_levels(2);
    for (long i = 0; i < count; ++i) {
        AA_WITH(private_) {
#pragma omp parallel num_threads(2)
#pragma omp parallel num_threads(2)
            {
                use_both();
                (void)pthread_barrier_wait(&all_nested);
            }
        }
        failures += aa_reset(shared) != AA_OK || aa_reset(private_) != AA_OK;
    }
}

/* Sizes 8 to 519, 64 Ki of them between two resets of one allocator. Seven orders in turn, met in the warm-up: else a
 * round of uncommonly many bytes now and then would look like growth. */
static void allocate(long count)
{
    aa_allocator *const all[] = {arena, shared, private_};
    for (long done = 0, round = 0; done < count; ++round) {
        aa_allocator *const a = all[round % 3];
        unsigned size = (unsigned)(round % 7) + 1;
        for (int i = 0; i < BETWEEN_RESETS; ++i, ++done) {
            size = size * 1103515245U + 12345U;
            char *const p = aa_alloc(a, 8 + (size >> 23));
            if (p == NULL) {
                ++failures;
                return;
            }
            *p = (char)i;
        }
        failures += aa_reset(a) != AA_OK;
    }
}

static void move_away(long count)
{
    for (long i = 0; i < count; ++i) {
        char *const p = aa_alloc(guarded, 3000);
        if (p == NULL) {
            ++failures;
            return;
        }
        memset(p, (int)i, 3000);
        failures += aa_reset(guarded) != AA_OK;
    }
}

typedef struct load {
    const char *what;
    void (*run)(long count);
    long count;
} load;

static const load loads[] = {{"allocations", allocate, 2000000000},
                             {"guarded resets", move_away, 1000000},
                             {"threads", come_and_go, 100000},
                             {"nested regions", nest, 10000}};
enum { LOADS = sizeof loads / sizeof *loads };

static void create_all(void)
{
    (void)pthread_barrier_init(&all_of_a_round, NULL, AT_ONCE);
    (void)pthread_barrier_init(&all_nested, NULL, NESTED);
    arena = aa_arena_create(NULL);
    shared = aa_shared_create(NULL);
    private_ = aa_private_create(NULL);
    guarded = aa_arena_create(&(aa_options){.flags = AA_GUARD});
}

static int destroy_all(void)
{
    int refused = 0;
    aa_allocator *const all[] = {arena, shared, private_, guarded};
    for (int i = 0; i < 4; ++i) {
        refused += aa_destroy(all[i]) != AA_OK;
    }
    return refused;
}

/* Each load is warm by itself: another may have made it give memory back. */
static long grown_by(const load *it, long times)
{
    it->run(it->count / 20);
    const long before = resident_kib();
    it->run(it->count * times);
    const long growth = resident_kib() - before;
    printf("%ld %s: resident size grew by %ld KiB\n", it->count * times, it->what, growth);
    return growth;
}

int main(int argc, char **argv)
{
    const long times = argc > 1 ? atol(argv[1]) : 1;
    if (times < 1) {
        return 2;
    }
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, 1);
#endif
    omp_set_dynamic(0);
    create_all();
    long grown = 0;
    for (int i = 0; i < LOADS; ++i) {
        const long growth = grown_by(&loads[i], times);
        grown = growth > grown ? growth : grown;
    }
    aa_stats moves;
    failures += aa_stats_get(guarded, &moves) != AA_OK || moves.guard_misses != 0;
    failures += destroy_all();
    printf("soak: ");
    for (int i = 0; i < LOADS; ++i) {
        printf("%ld %s, ", loads[i].count * times, loads[i].what);
    }
    printf("%d failures, resident size grew by %ld KiB at most (%d are allowed)\n", failures, grown,
           (int)ALLOWED_KIB);
    return failures != 0 || grown > ALLOWED_KIB;
}
