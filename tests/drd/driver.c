/* Threads of plain pthreads on the library, for the race checkers that do not understand OpenMP (Valgrind's helgrind and
 * DRD) and for ThreadSanitizer without a runtime:
 *
 *     driver            leases, blocks, marks, arrays read by others, threads that end, allocators that come and go
 *     driver planted    the same with two threads in one arena, a race of the user's that must be reported
 *
 * What the contract leaves to the user is ordered by a barrier or a join. */
#include <allocarrays.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 6, TAKEN = 40 };

static aa_allocator *shared, *private_, *arena;
static pthread_barrier_t together;
static aa_array published[THREADS];
static int broken[THREADS];

static void require(int self, int holds)
{
    broken[self] += !holds;
}

static void take_some(int self)
{
    for (int i = 0; i < TAKEN; ++i) {
        const size_t bytes = 16 + (size_t)(i * 97 + self * 31) % 700;
        char *const p = aa_alloc(i % 2 == 0 ? shared : private_, bytes);
        require(self, p != NULL);
        memset(p, self, bytes);
    }
}

/* Others ask meanwhile whether an array below the mark is valid: its steps grow with each rewind. */
static void go_there_and_back(int self)
{
    const int64_t shape[] = {50};
    AA_SCRATCH(
        shared) { /* so that the array below lies above a step: asking for it looks at all steps */
        require(self, aa_alloc(shared, 8) != NULL);
    }
    published[self] = aa_empty(shared, AA_F64, 1, shape);
    (void)pthread_barrier_wait(&together);
    for (int i = 0; i < 12; ++i) {
        AA_SCRATCH(shared) {
            const aa_array temporary = aa_empty(AA_CURRENT, AA_F64, 1, shape);
            const aa_array above = aa_empty(shared, AA_F64, 1, shape);
            require(self, !aa_is_null(&above) && aa_is_valid(&above));
            (void)temporary;
        }
        const aa_array *const other = &published[(self + i) % THREADS];
        require(self, aa_is_valid(other));
        require(self, aa_pin(other) == AA_OK && aa_unpin(other) == AA_OK);
    }
    (void)pthread_barrier_wait(&together);
}

static void make_and_destroy(int self)
{
    aa_allocator *const mine = self % 2 == 0 ? aa_shared_create(NULL) : aa_arena_create(NULL);
    AA_WITH(mine) {
        const aa_array made = aa_zeros(AA_CURRENT, AA_I32, 1, (int64_t[]){100});
        require(self, aa_is_valid(&made));
    }
    require(self, aa_reset(mine) == AA_OK && aa_destroy(mine) == AA_OK);
}

static void *work(void *argument)
{
    const int self = (int)((aa_array *)argument - published);
    take_some(self);
    go_there_and_back(self);
    make_and_destroy(self);
    return NULL;
}

/* The planted race: an arena is its owner's alone. */
static void *trespass(void *argument)
{
    for (int i = 0; i < 100; ++i) {
        char *const p = aa_alloc(arena, 100);
        if (p != NULL) {
            memset(p, 1, 100);
        }
    }
    return work(argument);
}

static int run_round(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    int wrong = 0;
    for (int i = 0; i < THREADS; ++i) {
        wrong += pthread_create(&threads[i], NULL, body, &published[i]) != 0;
    }
    for (int i = 0; i < THREADS; ++i) {
        wrong += pthread_join(threads[i], NULL) != 0;
    }
    wrong += aa_reset(shared) != AA_OK;
    wrong += aa_reset(private_) != AA_OK;
    for (int i = 0; i < THREADS; ++i) {
        wrong += broken[i] + aa_is_valid(&published[i]);
    }
    return wrong;
}

int main(int count, char **arguments)
{
    const int planted = count > 1 && strcmp(arguments[1], "planted") == 0;
    shared = aa_shared_create(&(aa_options){.lease = 4096, .initial = 8192});
    private_ = aa_private_create(NULL);
    arena = aa_arena_create(NULL);
    if (shared == NULL || private_ == NULL || arena == NULL ||
        pthread_barrier_init(&together, NULL, THREADS) != 0) {
        return 2;
    }
    int wrong = 0;
    for (int round = 0; round < ROUNDS; ++round) {
        wrong += run_round(planted ? trespass : work);
    }
    wrong +=
        aa_destroy(shared) != AA_OK || aa_destroy(private_) != AA_OK || aa_destroy(arena) != AA_OK;
    printf("driver: %d threads, %d rounds, %d broken promises\n", THREADS, ROUNDS, wrong);
    return wrong != 0;
}
