/* In a process and on a thread that has used nothing yet, the n-th request of each scenario is refused, for every n, once and
 * for ever: every call does what it says or fails as out of memory, what was there stays whole, all ends without a loss;
 * then nothing is refused any more, and the same scenario succeeds. */
#include "scenarios.h"

#include "kinds.h"
#include "patterns.h"
#include "runner.h"

#include <allocarrays/impl/serve.h>
#include <allocarrays/impl/task.h>
#include <omp.h>

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static aa_array ten(aa_allocator *a)
{
    return aa_empty(a, AA_F64, 1, SHAPE(10));
}

static void end(aa_allocator *a)
{
    if (a != NULL) {
        MUST(aa_destroy(a) == AA_OK);
    }
}

/* ---- bump allocators ---------------------------------------------------------------------------------------- */

static void use(aa_allocator *a)
{
    char *const p = aa_alloc(a, 100);
    if (GOT(p != NULL)) {
        pattern_fill(p, 100, 5);
    }
    (void)GOT(aa_alloc_aligned(a, 3000, 4096) != NULL);
    (void)GOT(aa_calloc(a, 10, 10000) != NULL);
    const aa_mark mark = aa_mark_take(a);
    if (GOT(!aa_mark_is_null(mark))) {
        (void)GOT(aa_alloc(a, 200000) != NULL);
        MUST(aa_mark_rewind(mark) == AA_OK);
    }
    MUST(p == NULL || pattern_holds(p, 100, 5));
    char *const q = aa_alloc(a, 1000);
    char *const r = q == NULL ? NULL : aa_realloc(a, q, 1000, 50000);
    (void)GOT(r != NULL);
    aa_free(a, r != NULL ? r : q, r != NULL ? 50000 : 1000);
    const aa_array array = ten(a);
    if (GOT(!aa_is_null(&array))) {
        MUST(aa_is_valid(&array));
    }
    MUST(p == NULL || pattern_holds(p, 100, 5));
    const bool reset = DONE(aa_reset(a));
    MUST(aa_is_null(&array) || aa_is_valid(&array) != reset);
}

static void bump(int kind)
{
    aa_allocator *const a = bump_try_create(kind, NULL);
    if (GOT(a != NULL)) {
        use(a);
        use(a);
    }
    end(a);
}

static void bump_checked(int kind)
{
    aa_allocator *const a = bump_try_create(kind, &(aa_options){.checks = AA_CHECKS_FULL});
    if (GOT(a != NULL)) {
        use(a);
    }
    end(a);
}

static void bump_guarded(int kind)
{
    aa_allocator *const a = bump_try_create(kind, &(aa_options){.flags = AA_GUARD});
    if (GOT(a != NULL)) {
        use(a);
        use(a);
        use(a);
    }
    end(a);
}

static void bump_on_heap(int kind)
{
    aa_allocator *const a = bump_try_create(kind, &(aa_options){.upstream = aa_upstream_heap()});
    if (GOT(a != NULL)) {
        use(a);
    }
    end(a);
}

/* Marks at ever higher places, each rewound: the cell's stack of floors grows. Where it cannot, stale arrays may pass for
 * valid (memory/cell.c). */
static void bump_marks(int kind)
{
    enum { DEEP = 40 };
    aa_allocator *const a = bump_try_create(kind, NULL);
    aa_mark marks[DEEP];
    for (int i = 0; GOT(a != NULL) && i < DEEP; ++i) {
        (void)GOT(aa_alloc(a, 10) != NULL);
        aa_last_clear();
        marks[i] = aa_mark_take(a);
        (void)GOT(!aa_mark_is_null(marks[i]));
    }
    for (int i = DEEP; a != NULL && i-- > 0;) {
        if (!aa_mark_is_null(marks[i])) {
            MUST(aa_mark_rewind(marks[i]) == AA_OK);
        }
    }
    for (int i = 0; a != NULL && i < DEEP; ++i) {
        const aa_mark mark = aa_mark_take(a);
        if (GOT(!aa_mark_is_null(mark))) {
            const aa_array array = ten(a);
            (void)GOT(!aa_is_null(&array));
            MUST(aa_mark_rewind(mark) == AA_OK);
            MUST(aa_is_null(&array) || !aa_is_valid(&array) || was_refused());
        }
        (void)GOT(aa_alloc(a, 10) != NULL);
    }
    end(a);
}

/* A thread that ends leaves its memory to the next. */
static void *take_and_exit(void *allocator)
{
    (void)GOT(aa_alloc(allocator, 100) != NULL);
    (void)GOT(aa_alloc(allocator, 100000) != NULL);
    const aa_array array = ten(allocator);
    (void)GOT(!aa_is_null(&array));
    (void)GOT(aa_stats_get(allocator, &(aa_stats){0}) == AA_OK);
    return NULL;
}

static void threads(int kind)
{
    aa_allocator *const a = bump_try_create(kind == ARENA ? SHARED : kind, NULL);
    for (int i = 0; GOT(a != NULL) && i < 3; ++i) {
        pthread_t thread;
        MUST(pthread_create(&thread, NULL, take_and_exit, a) == 0);
        MUST(pthread_join(thread, NULL) == 0);
    }
    end(a);
}

/* ---- the heap and custom allocators ------------------------------------------------------------------------- */

static void on_heap(int kind)
{
    (void)kind;
    aa_allocator *const a = aa_heap();
    aa_array array = ten(a);
    if (GOT(!aa_is_null(&array))) {
        MUST(aa_is_valid(&array));
    }
    static double ones[10] = {1, 1, 1};
    const aa_array wrapped = aa_wrap(ones, AA_F64, 1, SHAPE(10), NULL);
    aa_array copy = aa_materialize(&wrapped);
    if (GOT(!aa_is_null(&copy))) {
        MUST(((double *)copy.data)[2] == 1 && aa_array_free(&copy) == AA_OK);
    }
    const aa_mark mark = aa_mark_take(a);
    void *const p = aa_alloc(a, 100);
    (void)GOT(p != NULL);
    if (!aa_mark_is_null(mark)) {
        MUST(aa_mark_rewind(mark) == AA_OK);
    } else {
        aa_free(a, p, 100);
    }
    char *const q = aa_alloc(a, 100);
    char *const r = q == NULL ? NULL : aa_realloc(a, q, 100, 100000);
    (void)GOT(r != NULL);
    aa_free(a, r != NULL ? r : q, r != NULL ? 100000 : 100);
    if (!aa_is_null(&array)) {
        MUST(aa_array_free(&array) == AA_OK);
    }
}

static char stack[1 << 16] __attribute__((aligned(64)));
static size_t stack_used;

static void *stack_alloc(void *state, size_t bytes, size_t alignment)
{
    (void)state;
    const size_t start = (stack_used + alignment - 1) & ~(alignment - 1);
    if (bytes > sizeof stack - start) {
        return NULL;
    }
    stack_used = start + bytes;
    return stack + start;
}

static void stack_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)pointer;
    (void)bytes;
}

static void *stack_mark(void *state)
{
    (void)state;
    return stack + stack_used;
}

static aa_status stack_rewind(void *state, void *mark)
{
    (void)state;
    stack_used = (size_t)((char *)mark - stack);
    return AA_OK;
}

static aa_allocator *stack_create(void)
{
    static const aa_allocator_ops ops = {sizeof ops, stack_alloc,  stack_free, NULL,
                                         stack_mark, stack_rewind, NULL,       NULL};
    stack_used = 0;
    return aa_custom_create(&ops, NULL, NULL);
}

static void custom(int kind)
{
    (void)kind;
    aa_allocator *const a = stack_create();
    if (GOT(a != NULL)) {
        aa_array before = ten(a);
        (void)GOT(!aa_is_null(&before));
        const aa_mark mark = aa_mark_take(a);
        const bool marked = GOT(!aa_mark_is_null(mark));
        const aa_array after = ten(a);
        (void)GOT(!aa_is_null(&after));
        if (marked) {
            MUST(aa_mark_rewind(mark) == AA_OK);
            MUST(aa_is_null(&after) || !aa_is_valid(&after) || was_refused());
        }
        if (!aa_is_null(&before)) {
            MUST(aa_array_free(&before) == AA_OK);
        }
    }
    end(a);
}

/* ---- upstreams ------------------------------------------------------------------------------------------------ */

static void *plain_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    (void)least;
    void *p = NULL;
    return posix_memalign(&p, alignment, *bytes) == 0 ? p : NULL;
}

static void plain_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

static void upstreams(int kind)
{
    enum { UPSTREAMS = 5 };
    static char buffer[10000];
    static const aa_upstream_ops ops = {
        .size = sizeof ops, .alloc = plain_alloc, .free = plain_free};
    for (int i = 0; i < UPSTREAMS; ++i) {
        aa_upstream *const upstream = i == 0   ? aa_upstream_limit(NULL, 1 << 20)
                                      : i == 1 ? aa_upstream_failing(NULL, 0)
                                      : i == 2 ? aa_upstream_buffer(buffer, sizeof buffer)
                                      : i == 3 ? aa_upstream_custom(&ops, NULL)
                                               : aa_upstream_omp(omp_default_mem_alloc);
        if (GOT(upstream != NULL)) {
            aa_allocator *const a = bump_try_create(kind, &(aa_options){.upstream = upstream});
            if (GOT(a != NULL)) {
                (void)GOT(aa_alloc(a, 100) != NULL);
            }
            end(a);
            MUST(aa_upstream_destroy(upstream) == AA_OK);
        }
    }
}

static void pages(int kind)
{
    aa_allocator *const a =
        bump_try_create(kind, &(aa_options){.flags = AA_HUGEPAGES | AA_PREFAULT});
    if (GOT(a != NULL)) {
        (void)GOT(aa_alloc_aligned(a, 100, 1 << 16) != NULL);
        (void)GOT(aa_alloc(a, 3 << 20) != NULL);
    }
    end(a);
}

/* ---- scopes, OpenMP's handles and traits ------------------------------------------------------------------------ */

static void enter_scopes(aa_allocator *a, int depth)
{
    const aa_scope scope = aa_scope_enter(a);
    const bool entered = aa_current() == a;
    (void)GOT(entered);
    void *const p = aa_alloc(AA_CURRENT, 100);
    (void)GOT(p != NULL);
    MUST(p == NULL || !entered || aa_owns(a, p));
    if (depth > 0) {
        enter_scopes(a, depth - 1);
    }
    const aa_status left = aa_scope_leave(scope);
    MUST(left == AA_OK || !entered);
}

static void scopes(int kind)
{
    aa_allocator *const a = bump_try_create(kind, NULL);
    if (GOT(a != NULL)) {
        enter_scopes(a, 20);
        const aa_token token = aa_scope_capture();
        const aa_scope scope = aa_token_enter(token);
        (void)aa_scope_leave(scope);
    }
    MUST(aa_current() == aa_heap());
    end(a);
}

static void tasks(int kind)
{
    aa_allocator *const a = bump_try_create(kind, NULL);
    aai_task task;
    bool told = false;
    aai_task_begin(&task, aa_scope_capture(), &told);
    if (GOT(a != NULL)) {
        const aa_scope scope = aa_scope_enter(a);
        (void)GOT(aa_alloc(AA_CURRENT, 100) != NULL);
        (void)aa_scope_leave(scope);
    }
    aai_task_end(&task);
    end(a);
}

static void handles(int kind)
{
    aa_allocator *const a = bump_try_create(kind, NULL);
    if (GOT(a != NULL)) {
        const uintptr_t handle = aa_omp_handle(a);
        (void)GOT(handle != 0);
        MUST(handle == 0 || aa_from_omp_handle(handle) == a);
    }
    end(a);
}

static void traits(int kind)
{
    const omp_alloctrait_t all[][2] = {
        {{omp_atk_pinned, omp_atv_true}, {omp_atk_pool_size, 1 << 16}},
        {{omp_atk_fallback, omp_atv_abort_fb}, {omp_atk_pool_size, 1 << 24}},
        {{omp_atk_fallback, omp_atv_null_fb}, {omp_atk_access, omp_atv_thread}},
        {{omp_atk_fallback, omp_atv_allocator_fb}, {omp_atk_fb_data, omp_large_cap_mem_alloc}},
        {{omp_atk_fallback, omp_atv_default_mem_fb}, {omp_atk_partition, omp_atv_nearest}}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        const uintptr_t space =
            kind == 0 || i == 0 ? omp_default_mem_space : omp_large_cap_mem_space;
        aa_allocator *const a = aa_allocator_from_traits(space, 2, all[i]);
        if (GOT(a != NULL) && i != 1) {
            (void)GOT(aa_alloc(a, 100) != NULL);
        }
        end(a);
    }
}

/* What liballocarrays-omp asks for. */
static void served(int kind)
{
    aa_allocator *const a = kind < BUMP_KINDS    ? bump_try_create(kind, NULL)
                            : kind == BUMP_KINDS ? aa_heap()
                                                 : stack_create();
    if (GOT(a != NULL)) {
        void *const p = aai_serve_alloc(a, 100, 0);
        if (GOT(p != NULL)) {
            MUST(aai_serve_owner(p) == a);
            (void)aai_serve_resize(a, p, 50);
            MUST(aai_serve_free(p));
        }
    }
    if (a != aa_heap()) {
        end(a);
    }
}

static void reset_by_team(int kind)
{
    aa_allocator *const a = bump_try_create(kind, NULL);
    if (GOT(a != NULL)) {
        int done = 0;
        void *const p = aa_alloc(a, 100);
        (void)GOT(p != NULL);
        /* of one thread: another would wait until its time is up */
#pragma omp parallel num_threads(1) reduction(+ : done)
        done += DONE(aa_reset_team(a));
        aa_stats now;
        MUST(aa_stats_get(a, &now) == AA_OK && (done == 0 || now.used == 0));
    }
    end(a);
}

/* ---- arrays and reports --------------------------------------------------------------------------------------- */

static void say_nothing(const aa_violation *violation, void *context)
{
    (void)violation;
    ++*(int *)context;
}

static void checked(int kind)
{
    int reports = 0;
    (void)aa_set_violation_handler(say_nothing, &reports);
    aa_allocator *const a = bump_try_create(kind, &(aa_options){.checks = AA_CHECKS_API});
    const aa_array array = a == NULL ? (aa_array){0} : ten(a);
    if (GOT(!aa_is_null(&array))) {
        aa_array all = aa_checked(&array);
        MUST(AA_AT(double, &all, 10) == 0); /* a place to read, refused or not */
        MUST(reports == 1);
        AA_AT(double, &all, 9) = 3;
        MUST(AA_AT(double, &all, 9) == 3 && reports == 1);
    }
    end(a);
}

static void reports(int kind)
{
    static char text[1 << 16];
    aa_allocator *const a = bump_try_create(kind, NULL);
    FILE *const file = fmemopen(text, sizeof text, "w");
    MUST(file != NULL);
    (void)DONE(aa_report_json(file));
    if (GOT(a != NULL)) {
        (void)DONE(aa_report(file, a));
    }
    (void)fclose(file);
    end(a);
}

/* A recorder that gets no memory records nothing, and everything else goes on. */
static void recorded(int kind)
{
    char trace[] = "/tmp/aa_first_use_XXXXXX"; /* one process may write to it */
    const int file = mkstemp(trace);
    MUST(file >= 0 && close(file) == 0);
    (void)setenv("AA_TRACE", trace, 1);
    aa_allocator *const a = bump_try_create(kind, NULL);
    MUST(unlink(trace) == 0);
    if (GOT(a != NULL)) {
        AA_WITH(a) {
            (void)GOT(aa_alloc(AA_CURRENT, 100) != NULL);
        }
        use(a);
    }
    end(a);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static const scenario all[] = {
    {bump, AA_OK},       {bump_checked, AA_OK},    {bump_guarded, AA_OK}, {bump_on_heap, AA_OK},
    {bump_marks, AA_OK}, {threads, AA_OK},         {on_heap, AA_OK},      {custom, AA_OK},
    {upstreams, AA_OK},  {pages, AA_OK},           {scopes, AA_OK},       {tasks, AA_OK},
    {handles, AA_OK},    {traits, AA_UNSUPPORTED}, {served, AA_OK},       {reset_by_team, AA_OK},
    {checked, AA_OK},    {reports, AA_OK},         {recorded, AA_OK}};
enum { SCENARIOS = sizeof all / sizeof all[0] };

START_TEST(a_refused_request_is_said_and_harms_nothing)
{
    const bool every = all[_i].run == served || all[_i].run == traits;
    refuse_each(&all[_i], BUMP_KINDS + 2 * every);
}
END_TEST

AA_TEST_MAIN("oom: first use",
             AA_TEST_LOOP(a_refused_request_is_said_and_harms_nothing, 0, SCENARIOS))
