/* A reset, for `make reset-lines`: 64 threads use an allocator in rounds, and between two stores to `marker` it
 * is reset. The script beside counts the cache lines that lie between those stores. Prints where the marker is.
 * `reset_lines shared` or `reset_lines private`. */
#include <allocarrays.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 64, ROUNDS = 3, PIECES = 100 };

static pthread_barrier_t turn;
static aa_allocator *allocator;
static volatile long marker;

static void *use(void *missing)
{
    for (int round = 0; round < ROUNDS; ++round) {
        (void)pthread_barrier_wait(&turn);
        for (int i = 0; i < PIECES; ++i) {
            if (aa_alloc(allocator, 64) == NULL) {
                __atomic_store_n((bool *)missing, true, __ATOMIC_RELAXED);
            }
        }
        (void)pthread_barrier_wait(&turn);
    }
    return NULL;
}

static bool reset_in_rounds(void)
{
    bool good = true;
    for (int round = 0; round < ROUNDS; ++round) {
        (void)pthread_barrier_wait(&turn); /* they use it */
        (void)pthread_barrier_wait(&turn); /* they have */
        marker = 1;
        good &= aa_reset(allocator) == AA_OK;
        marker = 2;
    }
    return good;
}

int main(int count, char **arguments)
{
    const bool is_private = count > 1 && strcmp(arguments[1], "private") == 0;
    allocator = is_private ? aa_private_create(NULL) : aa_shared_create(NULL);
    if (allocator == NULL || pthread_barrier_init(&turn, NULL, THREADS + 1) != 0) {
        return EXIT_FAILURE;
    }
    pthread_t threads[THREADS];
    bool missing = false;
    for (int i = 0; i < THREADS; ++i) {
        if (pthread_create(&threads[i], NULL, use, &missing) != 0) {
            return EXIT_FAILURE; /* those that began wait for ever: end them with the process */
        }
    }
    printf("marker %p\n", (void *)(uintptr_t)&marker);
    (void)fflush(stdout);
    const bool good = reset_in_rounds();
    for (int i = 0; i < THREADS; ++i) {
        (void)pthread_join(threads[i], NULL);
    }
    return good && !missing && aa_destroy(allocator) == AA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
