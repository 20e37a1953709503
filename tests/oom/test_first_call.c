/* As test_first_use.c, where the allocator is there and all that is new is the thread that calls, or one thing in it. */
#include "scenarios.h"

#include "kinds.h"
#include "patterns.h"
#include "runner.h"

#include <allocarrays/impl/task.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

/* What a thread that has called nothing before is given. */
typedef struct given {
    aa_allocator *allocator;
    char *memory; /* 100 bytes of it */
    aa_array array, stale;
} given;

static int reports;

static void count_report(const aa_violation *violation, void *context)
{
    (void)violation;
    ++*(int *)context;
}

/* ---- first calls ---------------------------------------------------------------------------------------------- */

static void free_it(given *g)
{
    aa_last_clear();
    aa_free(g->allocator, g->memory, 100);
    (void)GOT(aa_last_status() == AA_OK);
}

static void resize_it(given *g)
{
    char *const moved = aa_realloc(g->allocator, g->memory, 100, 5000);
    if (GOT(moved != NULL)) {
        MUST(pattern_holds(moved, 100, 3));
    }
}

static void free_the_array(given *g)
{
    aa_array array = g->array;
    MUST(DONE(aa_array_free(&array)) == aa_is_null(&array));
}

static void take_a_mark(given *g)
{
    const aa_mark mark = aa_mark_take(g->allocator);
    if (GOT(!aa_mark_is_null(mark))) {
        MUST(aa_mark_rewind(mark) == AA_OK);
    }
}

static void copy_the_array(given *g)
{
    const aa_array copy = aa_copy(&g->array);
    (void)GOT(!aa_is_null(&copy));
}

static void open_a_scope(given *g)
{
    AA_WITH(g->allocator) {
        (void)GOT(aa_current() == g->allocator);
    }
    MUST(aa_current() == aa_heap());
}

/* A thread without a record of its own reports as any other. */
static void read_a_stale_array(given *g)
{
    const int before = reports;
    MUST(aa_data(&g->stale) == NULL);
    MUST(reports == before + 1);
}

static void read_past_the_end(given *g)
{
    const int before = reports;
    const aa_array checked = aa_checked(&g->array);
    MUST(AA_AT(double, &checked, 10) == 0);
    MUST(reports == before + 1);
}

static void run_a_task(given *g)
{
    aai_task task;
    bool told = false;
    (void)g;
    aai_task_begin(&task, aai_task_creator(), &told);
    const aa_array array = aa_empty(AA_CURRENT, AA_F64, 1, SHAPE(10));
    (void)GOT(!aa_is_null(&array));
    aai_task_end(&task);
    MUST(!told);
}

static void reset_it(given *g)
{
    (void)DONE(aa_reset(g->allocator));
}

static void (*const first_calls[])(given *) = {
    free_it,           resize_it,  take_a_mark,    copy_the_array, open_a_scope, read_a_stale_array,
    read_past_the_end, run_a_task, free_the_array, reset_it};
enum { FIRST_CALLS = sizeof first_calls / sizeof first_calls[0] };

typedef struct visit {
    void (*call)(given *);
    given *what;
} visit;

static void *call_first(void *argument)
{
    const visit *const v = argument;
    v->call(v->what);
    return NULL;
}

/* Each call on a thread of its own; what it is given was made before anything is refused. */
static void new_threads(int kind)
{
    const long at = refused_at;
    refuse(0);
    given g = {.allocator = bump_create(kind == ARENA ? SHARED : kind, NULL)};
    aa_allocator *const gone = bump_create(ARENA, NULL);
    (void)aa_set_violation_handler(count_report, &reports);
    g.memory = aa_alloc(g.allocator, 100);
    pattern_fill(g.memory, 100, 3);
    g.array = aa_zeros(g.allocator, AA_F64, 1, SHAPE(10));
    g.stale = aa_zeros(gone, AA_F64, 1, SHAPE(10));
    MUST(aa_destroy(gone) == AA_OK);
    refuse(at);
    for (int i = 0; i < FIRST_CALLS; ++i) {
        pthread_t thread;
        MUST(pthread_create(&thread, NULL, call_first, &(visit){first_calls[i], &g}) == 0);
        MUST(pthread_join(thread, NULL) == 0);
    }
    MUST(aa_destroy(g.allocator) == AA_OK);
}

/* ---- many ----------------------------------------------------------------------------------------------------- */

static void *plain_alloc(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    void *p = NULL;
    return posix_memalign(&p, alignment, bytes) != 0 ? NULL : p;
}

static void plain_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

/* More than one slab of cells: each array of a custom allocator has one. */
static void custom_arrays(int kind)
{
    enum { MANY = 40 };
    static const aa_allocator_ops ops = {
        .size = sizeof ops, .alloc = plain_alloc, .free = plain_free};
    aa_array all[MANY];
    (void)kind;
    aa_allocator *const a = aa_custom_create(&ops, NULL, NULL);
    if (!GOT(a != NULL)) {
        return;
    }
    for (int i = 0; i < MANY; ++i) {
        all[i] = aa_zeros(a, AA_F64, 1, SHAPE(3));
        (void)GOT(!aa_is_null(&all[i]));
    }
    for (int i = 0; i < MANY; ++i) {
        if (!aa_is_null(&all[i])) {
            MUST(aa_is_valid(&all[i]));
            MUST(aa_array_free(&all[i]) == AA_OK);
        }
    }
    MUST(aa_destroy(a) == AA_OK);
}

/* Blocks enough for the lists of pieces to grow, kept over a reset. */
static void many_blocks(int kind)
{
    aa_allocator *const a = bump_try_create(kind, &(aa_options){.initial = 4096});
    if (!GOT(a != NULL)) {
        return;
    }
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 30; ++i) {
            char *const p = aa_alloc(a, (size_t)1000 << (i / 3));
            if (GOT(p != NULL)) {
                *p = 1;
            }
        }
        (void)DONE(aa_reset(a));
    }
    MUST(aa_destroy(a) == AA_OK);
}

static const scenario all[] = {{new_threads, AA_OK}, {custom_arrays, AA_OK}, {many_blocks, AA_OK}};
enum { SCENARIOS = sizeof all / sizeof all[0] };

START_TEST(a_refused_request_is_said_and_harms_nothing)
{
    refuse_each(&all[_i], BUMP_KINDS);
}
END_TEST

AA_TEST_MAIN("oom: first call",
             AA_TEST_LOOP(a_refused_request_is_said_and_harms_nothing, 0, SCENARIOS))
