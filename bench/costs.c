/* What the library's steps cost, side by side in one run: medians of interleaved rounds, in nanoseconds.
 * `make costs` builds and runs it. No test depends on it. */
#include <allocarrays.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 101, STEPS = 2000, REGIONS = 200, REGISTERED = 64 };

typedef struct subject {
    const char *name;
    double (*run)(void); /* nanoseconds per step of one round */
    double times[ROUNDS];
} subject;

static aa_allocator *arena, *shared, *private_, *registered;
static char *buffer;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- allocation: 64 bytes, the first 8 touched --------------------------------------------------------- */

typedef struct hand {
    char *cursor, *limit;
    size_t mask;
} hand;

static __attribute__((noinline)) void hand_run(hand *h)
{
    for (long i = 0; i < STEPS; ++i) {
        const size_t rounded = (64 + h->mask) & ~h->mask;
        if (rounded - 1 >= (size_t)(h->limit - h->cursor)) {
            abort();
        }
        *(long *)(void *)h->cursor = i;
        h->cursor += rounded;
    }
}

static double by_hand(void)
{
    hand h = {buffer, buffer + 64 * STEPS, 63};
    const double start = now();
    hand_run(&h);
    return (now() - start) / STEPS;
}

static __attribute__((noinline)) double allocate(aa_allocator *allocator)
{
    const double start = now();
    for (long i = 0; i < STEPS; ++i) {
        *(long *)aa_alloc(allocator, 64) = i;
    }
    return (now() - start) / STEPS;
}

static double fresh(aa_allocator *allocator, aa_allocator *asked)
{
    if (aa_reset(allocator) != AA_OK) {
        abort();
    }
    return allocate(asked);
}

static double from_arena(void)
{
    return fresh(arena, arena);
}

static double from_shared(void)
{
    return fresh(shared, shared);
}

static double from_private(void)
{
    return fresh(private_, private_);
}

static double from_hoisted(void)
{
    return fresh(private_, aa_private_arena(private_));
}

static double from_heap(void)
{
    const double start = now();
    for (long i = 0; i < STEPS; ++i) {
        aa_free(aa_heap(), aa_alloc(aa_heap(), 64), 64);
    }
    return (now() - start) / STEPS;
}

/* ---- arrays, scopes, marks ------------------------------------------------------------------------------- */

static double similar_through_scope(void)
{
    static float numbers[16];
    const aa_array model = aa_wrap(numbers, AA_F32, 2, (int64_t[]){4, 4}, NULL);
    double spent = 0;
    (void)aa_reset(arena);
    AA_WITH(arena) {
        const double start = now();
        for (int i = 0; i < STEPS; ++i) {
            const aa_array made = aa_similar(&model);
            __asm__ volatile("" ::"r"(&made) : "memory");
        }
        spent = now() - start;
    }
    return spent / STEPS;
}

static double scope(void)
{
    const double start = now();
    for (int i = 0; i < STEPS; ++i) {
        AA_WITH(shared) {
            __asm__ volatile("" ::: "memory");
        }
    }
    return (now() - start) / STEPS;
}

static double scratch(void)
{
    const double start = now();
    for (int i = 0; i < STEPS; ++i) {
        AA_SCRATCH(arena) {
            *(int *)aa_alloc(arena, 64) = i;
        }
    }
    return (now() - start) / STEPS;
}

static double reset_registered(void)
{
    const double start = now();
    for (int i = 0; i < STEPS; ++i) {
        (void)aa_reset(registered);
    }
    return (now() - start) / STEPS;
}

/* ---- regions ---------------------------------------------------------------------------------------------- */

static double regions(void)
{
    int sum = 0;
    const double start = now();
    for (int i = 0; i < REGIONS; ++i) {
#pragma omp parallel num_threads(2) reduction(+ : sum)
        sum += 1;
    }
    const double spent = now() - start;
    return sum == 2 * REGIONS ? spent / REGIONS : -1;
}

static double regions_in_scope(void)
{
    double spent = 0;
    AA_WITH(shared) {
        spent = regions();
    }
    return spent;
}

/* ---- the rounds --------------------------------------------------------------------------------------------- */

static pthread_barrier_t all_here;

static void *use_once(void *unused)
{
    (void)aa_alloc(registered, 64);
    (void)pthread_barrier_wait(&all_here); /* all are alive at once: no lane is handed on */
    (void)pthread_barrier_wait(&all_here);
    return unused;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run_rounds(subject *subjects, size_t count)
{
    for (int round = 0; round < ROUNDS; ++round) {
        for (size_t i = 0; i < count; ++i) {
            subject *const s = &subjects[((size_t)round + i) % count];
            s->times[round] = s->run();
        }
    }
    printf("%-52s %9s %9s %9s\n", "medians of 101 interleaved rounds, ns", "lowest", "median", "third q.");
    for (size_t i = 0; i < count; ++i) {
        qsort(subjects[i].times, ROUNDS, sizeof(double), compare);
        printf("%-52s %9.1f %9.1f %9.1f\n", subjects[i].name, subjects[i].times[0],
               subjects[i].times[ROUNDS / 2], subjects[i].times[3 * ROUNDS / 4]);
    }
}

int main(void)
{
    subject subjects[] = {{"64 bytes, a bump written by hand", by_hand, {0}},
                          {"64 bytes, arena", from_arena, {0}},
                          {"64 bytes, shared", from_shared, {0}},
                          {"64 bytes, private", from_private, {0}},
                          {"64 bytes, private, handle hoisted", from_hoisted, {0}},
                          {"64 bytes, heap, allocate and free", from_heap, {0}},
                          {"aa_similar (4, 4) through the scope", similar_through_scope, {0}},
                          {"AA_WITH, enter and leave", scope, {0}},
                          {"AA_SCRATCH with one allocation", scratch, {0}},
                          {"aa_reset, shared, 64 threads registered", reset_registered, {0}},
                          {"region of 2 threads, no scope", regions, {0}},
                          {"region of 2 threads, inside AA_WITH", regions_in_scope, {0}}};
    const aa_options large = {.initial = (size_t)1 << 20};
    pthread_t threads[REGISTERED];
    buffer = aligned_alloc(64, 64 * STEPS);
    arena = aa_arena_create(&large);
    shared = aa_shared_create(&large);
    private_ = aa_private_create(&large);
    registered = aa_shared_create(NULL);
    if (buffer == NULL || arena == NULL || shared == NULL || private_ == NULL || registered == NULL) {
        return 1;
    }
    memset(buffer, 0, 64 * STEPS);
    (void)pthread_barrier_init(&all_here, NULL, REGISTERED + 1);
    for (int i = 0; i < REGISTERED; ++i) {
        if (pthread_create(&threads[i], NULL, use_once, NULL) != 0) {
            return 1;
        }
    }
    (void)pthread_barrier_wait(&all_here);
    printf("AllocArrays %s, OpenMP %d, scopes: %s\n", aa_version(), _OPENMP, aa_scope_mode());
    run_rounds(subjects, sizeof subjects / sizeof subjects[0]);
    (void)pthread_barrier_wait(&all_here);
    for (int i = 0; i < REGISTERED; ++i) {
        (void)pthread_join(threads[i], NULL);
    }
    free(buffer);
    return 0;
}
