/* Threads come and go: memory stays flat. `make soak` runs it; arguments: threads, nested regions.
 *
 * Threads are created and end, each taking memory from a shared and a private allocator and leaving with a
 * lease and an arena; nested regions make the runtime end threads too (libgomp after each). After a warm-up
 * the resident size must not grow by more than 64 KiB. Prints the figures; exit status 1 when it grew.
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

enum { AT_ONCE = 8, NESTED = 4, ALLOWED_KIB = 64 };

static pthread_barrier_t all_of_a_round, all_nested;

static aa_allocator *shared, *private_;
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

int main(int argc, char **argv)
{
    const long threads = argc > 1 ? atol(argv[1]) : 100000,
               regions = argc > 2 ? atol(argv[2]) : 10000;
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, 1);
#endif
    omp_set_dynamic(0);
    (void)pthread_barrier_init(&all_of_a_round, NULL, AT_ONCE);
    (void)pthread_barrier_init(&all_nested, NULL, NESTED);
    shared = aa_shared_create(NULL);
    private_ = aa_private_create(NULL);
    come_and_go(threads / 20);
    nest(regions / 20);
    const long before = resident_kib();
    come_and_go(threads);
    nest(regions);
    const long grown = resident_kib() - before;
    const int left = aa_destroy(shared) != AA_OK || aa_destroy(private_) != AA_OK;
    printf("soak: %ld threads, %ld nested regions, %d failures, resident size grew by %ld KiB (at "
           "most %d)\n",
           threads, regions, failures + left, grown, (int)ALLOWED_KIB);
    return failures + left != 0 || grown > ALLOWED_KIB;
}
