/* One cell of doc/openmp-allocators.md: the construct that CELL names, with our allocator, in one program, for a
 * compiler may refuse it. Prints where its memory came from: "arena", "elsewhere", or "wrong" (values). Built and
 * run by tools/omp-table, once for each cell and compiler. */
#include <allocarrays.h>
#include <allocarrays/omp.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

/* For #if, which knows no enum; tools/omp-table counts the same. */
#define OMP_ALLOC 1
#define OMP_ALIGNED 2
#define OMP_CALLOC 3
#define OMP_REALLOC 4
#define OMP_NULL 5
#define PARALLEL_PRIVATE 6
#define PARALLEL_FIRSTPRIVATE 7
#define PARALLEL_REDUCTION 8
#define PARALLEL_SCOPE 9
#define FOR_PRIVATE 10
#define FOR_LASTPRIVATE 11
#define FOR_REDUCTION 12
#define SECTIONS_FIRSTPRIVATE 13
#define SINGLE_PRIVATE 14
#define TASK_PRIVATE 15
#define TASK_FIRSTPRIVATE 16
#define TASKLOOP_FIRSTPRIVATE 17
#define CLAUSE_ALIGN 18
#define DIRECTIVE 19
#define DIRECTIVE_SCOPE 20

enum { COUNT = 32, THREADS = 3 };

static aa_allocator *a;
static int elsewhere, wrong;

static void look(const void *p, int is_right)
{
#pragma omp atomic
    elsewhere += !aa_owns(a, p);
#pragma omp atomic
    wrong += !is_right;
}

static void run(omp_allocator_handle_t h)
{
    int x[COUNT] = {7}, last = -1;
    (void)x;
    (void)last;
    (void)h;
#if CELL == OMP_ALLOC
    char *const p = omp_alloc(100, h);
    look(p, p != NULL);
    omp_free(p, h);
#elif CELL == OMP_ALIGNED
    char *const p = omp_aligned_alloc(4096, 100, h);
    look(p, p != NULL && (uintptr_t)p % 4096 == 0);
    omp_free(p, h);
#elif CELL == OMP_CALLOC
    char *const p = omp_calloc(10, 10, h);
    look(p, p != NULL && p[0] == 0 && p[99] == 0);
    omp_free(p, omp_null_allocator);
#elif CELL == OMP_REALLOC
    char *p = omp_alloc(100, omp_default_mem_alloc);
    memset(p, 5, 100);
    p = omp_realloc(p, 1000, h, omp_default_mem_alloc);
    look(p, p != NULL && p[99] == 5);
    omp_free(p, h);
#elif CELL == OMP_NULL
    AA_WITH(a) {
        char *const p = omp_alloc(100, omp_null_allocator);
        look(p, p != NULL);
        omp_free(p, omp_null_allocator);
    }
#elif CELL == PARALLEL_PRIVATE
#pragma omp parallel num_threads(THREADS) private(x) allocate(h : x)
    {
        x[0] = omp_get_thread_num();
        look(x, x[0] == omp_get_thread_num());
    }
#elif CELL == PARALLEL_FIRSTPRIVATE
#pragma omp parallel num_threads(THREADS) firstprivate(x) allocate(h : x)
    look(x, x[0] == 7);
#elif CELL == PARALLEL_REDUCTION
    int sum = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : sum) allocate(h : sum)
    {
        sum += 1;
        look(&sum, 1);
    }
    wrong += sum != THREADS;
#elif CELL == PARALLEL_SCOPE
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) firstprivate(x) allocate(x)
        look(x, x[0] == 7);
    }
#elif CELL == FOR_PRIVATE
#pragma omp parallel num_threads(THREADS)
#pragma omp for private(x) allocate(h : x)
    for (int i = 0; i < COUNT; ++i) {
        x[0] = i;
        look(x, x[0] == i);
    }
#elif CELL == FOR_LASTPRIVATE
#pragma omp parallel num_threads(THREADS)
#pragma omp for lastprivate(last) allocate(h : last)
    for (int i = 0; i < COUNT; ++i) {
        last = i;
        look(&last, 1);
    }
    wrong += last != COUNT - 1;
#elif CELL == FOR_REDUCTION
    int sum = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp for reduction(+ : sum) allocate(h : sum)
    for (int i = 0; i < COUNT; ++i) {
        sum += 1;
        look(&sum, 1);
    }
    wrong += sum != COUNT;
#elif CELL == SECTIONS_FIRSTPRIVATE
#pragma omp parallel sections num_threads(THREADS) firstprivate(x) allocate(h : x)
    {
#pragma omp section
        look(x, x[0] == 7);
#pragma omp section
        look(x, x[0] == 7);
    }
#elif CELL == SINGLE_PRIVATE
#pragma omp parallel num_threads(THREADS)
#pragma omp single private(x) allocate(h : x)
    {
        x[0] = 3;
        look(x, x[0] == 3);
    }
#elif CELL == TASK_PRIVATE
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < COUNT; ++i) {
#pragma omp task private(x) allocate(h : x)
        {
            x[0] = i;
            look(x, x[0] == i);
        }
    }
#elif CELL == TASK_FIRSTPRIVATE
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < COUNT; ++i) {
        x[1] = i;
#pragma omp task firstprivate(x) allocate(h : x)
        look(x, x[0] == 7 && x[1] == i);
    }
#elif CELL == TASKLOOP_FIRSTPRIVATE
#pragma omp parallel num_threads(THREADS)
#pragma omp single
#pragma omp taskloop firstprivate(x) allocate(h : x)
    for (int i = 0; i < COUNT; ++i) {
        look(x, x[0] == 7);
    }
#elif CELL == CLAUSE_ALIGN
#pragma omp parallel num_threads(THREADS) firstprivate(x) allocate(align(1024), allocator(h) : x)
    look(x, x[0] == 7 && (uintptr_t)x % 1024 == 0);
#elif CELL == DIRECTIVE
    int y[COUNT];
#pragma omp allocate(y) allocator(h)
    y[0] = 1;
    look(y, y[0] == 1);
#elif CELL == DIRECTIVE_SCOPE
    omp_allocator_handle_t null = omp_null_allocator;
    AA_WITH(a) {
        int y[COUNT];
#pragma omp allocate(y) allocator(null)
        y[0] = 1;
        look(y, y[0] == 1);
    }
#else
#error "CELL names no construct"
#endif
}

int main(void)
{
    a = aa_private_create(NULL);
    for (int round = 0; round < 3; ++round) {
        run(aa_omp_allocator(a));
    }
    printf("%s\n", wrong != 0 ? "wrong" : elsewhere != 0 ? "elsewhere" : "arena");
    return aa_destroy(a) != AA_OK;
}
