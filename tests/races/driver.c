/* Regions on the library for ThreadSanitizer with Archer, without the test framework:
 *
 *     driver            scopes, leases, marks, team resets, tasks with tokens, nested regions, threads that come and go
 *     driver planted    a user's race: the main thread resets beside another host thread's region, and looks at a flag
 *                       that orders nothing. It must be reported, every time. */
#include <allocarrays.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 5, TAKEN = 60 };

static int fill_some(aa_allocator *allocator, int seed)
{
    int broken = 0;
    for (int i = 0; i < TAKEN; ++i) {
        const size_t bytes = 16 + (size_t)(i * 97 + seed * 31) % 3000;
        char *const p = aa_alloc(allocator, bytes);
        broken += p == NULL;
        if (p != NULL) {
            memset(p, seed, bytes);
        }
    }
    return broken;
}

/* Each thread rewinds and asks for its neighbour's array meanwhile. */
static int rewind_beside(aa_allocator *shared, aa_array *arrays)
{
    const int self = omp_get_thread_num();
    int broken = 0;
    AA_SCRATCH(
        shared) { /* so that the array below lies above a step: asking for it looks at all steps */
        broken += aa_alloc(shared, 8) == NULL;
    }
    arrays[self] = aa_empty(shared, AA_F64, 1, (int64_t[]){64});
#pragma omp barrier
    for (int i = 0; i < 12; ++i) {
        const aa_array *const other = &arrays[(self + i) % THREADS];
        AA_SCRATCH(shared) {
            const aa_array temporary = aa_similar(&arrays[self]);
            broken += !aa_is_valid(&temporary);
        }
        broken += !aa_is_valid(other);
        broken += aa_pin(other) != AA_OK || aa_unpin(other) != AA_OK;
    }
#pragma omp barrier
    return broken;
}

/* Atomic, though the region's end orders them: Archer of LLVM 14 now and then misses the end of an inner region of gcc's, and
 * reported the sum of a reduction, which is this program's own. */
static int nested(void)
{
    int broken = 0, all;
#pragma omp parallel num_threads(2) shared(broken)
    {
        const int mine = fill_some(AA_CURRENT, omp_get_thread_num());
#pragma omp atomic
        broken += mine;
    }
#pragma omp atomic read
    all = broken;
    return all;
}

static int with_tasks(void)
{
    int broken = 0;
    const aa_token token = aa_scope_capture();
    for (int i = 0; i < 8; ++i) {
#pragma omp task firstprivate(token, i) shared(broken)
        {
            int mine = 0;
            AA_TASK(token) {
                mine = fill_some(AA_CURRENT, i);
            }
#pragma omp atomic
            broken += mine;
        }
    }
#pragma omp taskwait
    return broken;
}

static int run_round(aa_allocator *shared, aa_allocator *private_)
{
    aa_array arrays[THREADS];
    int broken = 0;
    AA_WITH(shared) {
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
        {
            broken += fill_some(AA_CURRENT, omp_get_thread_num());
            broken += fill_some(private_, omp_get_thread_num());
            broken += rewind_beside(shared, arrays);
            broken += aa_reset_team(shared) != AA_OK;
            broken += aa_is_valid(&arrays[omp_get_thread_num()]);
            aa_allocator *const mine = aa_shared_create(NULL);
            broken += fill_some(mine, 1);
            broken += aa_destroy(mine) != AA_OK;
            broken += nested();
        }
#pragma omp parallel num_threads(THREADS) reduction(+ : broken)
#pragma omp single
        broken += with_tasks();
    }
    return broken + (aa_reset(shared) != AA_OK) + (aa_reset(private_) != AA_OK);
}

static void *host(void *argument)
{
    aa_allocator *const shared = argument, *const private_ = aa_private_create(NULL);
    return fill_some(shared, 1) + fill_some(private_, 2) + (aa_destroy(private_) != AA_OK) == 0
               ? argument
               : NULL;
}

/* Threads that end while others come. */
static int hosts(aa_allocator *shared)
{
    pthread_t threads[THREADS];
    int broken = 0;
    for (int i = 0; i < THREADS; ++i) {
        broken += pthread_create(&threads[i], NULL, host, shared) != 0;
    }
    for (int i = 0; i < THREADS; ++i) {
        void *result = NULL;
        broken += pthread_join(threads[i], &result) != 0 || result != shared;
    }
    return broken + (aa_reset(shared) != AA_OK);
}

static int is_done, may_end;

static void *open_region(void *shared)
{
#pragma omp parallel num_threads(2)
    (void)fill_some(shared, omp_get_thread_num());
    __atomic_store_n(&is_done, 1, __ATOMIC_RELAXED);
    while (!__atomic_load_n(
        &may_end, __ATOMIC_RELAXED)) { /* its end takes a lock, which would order the two */
        (void)sched_yield();
    }
    return NULL;
}

static int reset_beside(aa_allocator *shared)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, open_region, shared) != 0) {
        return 1;
    }
    while (!__atomic_load_n(&is_done, __ATOMIC_RELAXED)) {
        (void)sched_yield();
    }
    const int broken = aa_reset(shared) != AA_OK;
    __atomic_store_n(&may_end, 1, __ATOMIC_RELAXED);
    return broken + (pthread_join(thread, NULL) != 0);
}

int main(int count, char **arguments)
{
    aa_allocator *const shared = aa_shared_create(&(aa_options){.lease = 8192, .initial = 16384});
    aa_allocator *const private_ = aa_private_create(NULL);
    int broken = 0;
    omp_set_max_active_levels(2);
    if (count > 1 && strcmp(arguments[1], "planted") == 0) {
        broken += reset_beside(shared);
    } else {
        for (int round = 0; round < ROUNDS; ++round) {
            broken += run_round(shared, private_) + hosts(shared);
        }
    }
    broken += aa_destroy(shared) != AA_OK || aa_destroy(private_) != AA_OK;
    printf("races driver: %d broken promises\n", broken);
    return broken != 0;
}
