/* Checks for users' own tests, in the framework check (https://libcheck.github.io/check/): liballocarrays-check.
 *
 * doc/verify-thread-safety.md shows them at work; pkg-config: allocarrays-check.
 *
 * Statements fail the running test at once. Blocks, AA_CHECK_...(...) { ... }, fail it when they end; they are loops
 * that run once, so that break, continue, return and goto out end them too. Both belong to the test's own thread,
 * outside parallel regions: check cannot fail a test from inside one (used there they say so and abort).
 * Inside, AA_CHECK_IN_TEAM notes what is wrong, and aa_check_team or AA_CHECK_REGION fails the test after the region.
 *
 * Linked before the OpenMP runtime (-fopenmp puts it last) the library also sees explicit tasks: under AA_CHECKS=api
 * or full one that asks AA_CURRENT without the scope of its creator, a token or a scope of its own is AA_RACE. Each task
 * then costs a capture of the scope more.
 *
 * check forks for each test. A process that has run a region of libgomp hangs in the regions of its forked
 * children: main must open none, nor may unchecked fixtures, which run in main's process. AA_CHECK_MAIN is such a
 * main. A test that was given up with CK_FORK=no (check then jumps out of it) leaves its blocks open:
 * aa_check_teardown, a checked fixture's teardown, closes them; AA_CHECK_MAIN has it.
 */
#ifndef ALLOCARRAYS_CHECK_H
#define ALLOCARRAYS_CHECK_H

#include <allocarrays.h>
#include <check.h>
#ifdef _OPENMP
#include <omp.h>
#endif

AAI_BEGIN_DECLS

/* ---- statements ---------------------------------------------------------------------------------- */

/**
 * AA_CHECK_STATUS(call, expected): fail the test unless call returns the aa_status `expected`; the failure quotes
 * both names and aa_last_message. AA_CHECK_OK(call): unless it returns AA_OK. Threads: quiescent.
 */
#define AA_CHECK_STATUS(call, expected)                                                            \
    aai_check_require(aai_check_status((call), (expected), #call), __FILE__, __LINE__)
#define AA_CHECK_OK(call) AA_CHECK_STATUS(call, AA_OK)

/**
 * AA_CHECK_FAILS(call, expected): fail the test unless call gives NULL, false or 0 and this thread's last failure
 * has the status `expected`. Forgets earlier failures of the thread. Threads: quiescent.
 */
#define AA_CHECK_FAILS(call, expected)                                                             \
    do {                                                                                           \
        aa_last_clear();                                                                           \
        aai_check_require(aai_check_fails(!(call), (expected), #call), __FILE__, __LINE__);        \
    } while (0)

/**
 * AA_CHECK_VALID(array), AA_CHECK_STALE(array): fail the test unless the memory of an `aa_array *` is its own, or
 * was taken back. A null array fails both. Make no report: stale arrays may be looked at. Threads: quiescent.
 */
#define AA_CHECK_VALID(array)                                                                      \
    aai_check_require(aai_check_valid((array), #array), __FILE__, __LINE__)
#define AA_CHECK_STALE(array)                                                                      \
    aai_check_require(aai_check_stale((array), #array), __FILE__, __LINE__)

/* ---- blocks -------------------------------------------------------------------------------------- */

/**
 * AA_CHECK_VIOLATIONS(kind, count) { ... }: fail the test unless, in the block, exactly `count` violations were
 * reported, on whatever threads, all of that aa_violation_kind. count: AA_CHECK_SOME means one or more. They reach
 * no other handler and do not abort: the calls return what aa_set_violation_handler says, so test that too. The
 * handler of before is put back on every way out. Blocks nest; a violation counts for the innermost.
 * AA_CHECK_VIOLATION(kind): exactly one. AA_CHECK_NO_VIOLATION(): none.
 * Threads: quiescent.
 */
#define AA_CHECK_VIOLATIONS(kind, count)                                                           \
    AAI_CHECK_BLOCK(aai_check_violations_open((kind), (count), __FILE__, __LINE__))
#define AA_CHECK_VIOLATION(kind) AA_CHECK_VIOLATIONS(kind, 1)
#define AA_CHECK_NO_VIOLATION() AA_CHECK_VIOLATIONS(AA_CORRUPTION, 0)
enum { AA_CHECK_SOME = -1 };

/**
 * Return the latest violation that a block of this kit was told, NULL if there was none. It and its strings live
 * until the next one. Threads: quiescent.
 */
AA_API const aa_violation *aa_check_last_violation(void);

/**
 * AA_CHECK_NO_ESCAPE(allocator) { ... }: fail the test unless, at the end of the block, the allocator has as many
 * bytes in use as at its start (everything that it handed out was given back, rewound or reset) and no more pins.
 * That is the finding AA_ESCAPE; directly or indirectly inside AA_CHECK_VIOLATIONS it is reported there instead.
 * allocator: any kind, alive until the end; AA_CURRENT resolves at the start. What it cannot see: a block taken
 * for one of the same size given back. Threads: quiescent. Source: Bumper.jl's @no_escape, turned into a test.
 */
#define AA_CHECK_NO_ESCAPE(allocator)                                                              \
    AAI_CHECK_BLOCK(aai_check_escape_open((allocator), __FILE__, __LINE__))

/**
 * AA_CHECK_NO_UPSTREAM_CALLS(allocator) { ... }: fail the test if the allocator asked its upstream for memory in
 * the block, or gave some back: a repeated workload that resets in each round must not, after its first rounds.
 * allocator: as AA_CHECK_NO_ESCAPE. Threads: quiescent.
 */
#define AA_CHECK_NO_UPSTREAM_CALLS(allocator)                                                      \
    AAI_CHECK_BLOCK(aai_check_upstream_open((allocator), __FILE__, __LINE__))

/* ---- many threads -------------------------------------------------------------------------------- */

/**
 * AA_CHECK_IN_TEAM(condition): inside a parallel region, note a condition that does not hold; a bool, the
 * condition's value, so that the thread can return. The test fails after the region: one failure per thread is
 * kept, with file:line and the thread's last failure. In an aa_check_team or AA_CHECK_REGION only: elsewhere a
 * condition that does not hold aborts. Cost: that of the condition. Threads: any; also tasks, nested regions.
 */
#define AA_CHECK_IN_TEAM(condition)                                                                \
    aai_check_in_team(!!(condition), #condition, __FILE__, __LINE__, AAI_CHECK_THREAD_NUM)

/**
 * AA_CHECK_REGION(seed) { ... }: fail the test if any thread noted something in the block: around a call of a
 * function that opens parallel regions of its own. The schedule is disturbed as by aa_check_team, without its
 * repeats, and without forcing the threads to overlap. Does not nest. Threads: quiescent.
 */
#define AA_CHECK_REGION(seed) AAI_CHECK_BLOCK(aai_check_region_open((seed), __FILE__, __LINE__))

/**
 * What each thread of a team runs. thread_num: OpenMP's, from 0. Every thread of the team calls it, so that an
 * `omp barrier` in it binds to the team; tasks and nested regions are fine; ck_assert and the statements and
 * blocks above are not.
 */
typedef void aa_check_team_function(int thread_num, void *context);

enum {
    AA_CHECK_NO_GATE = 1 << 0, /* threads start as the runtime starts them, not together */
    AA_CHECK_CALM = 1 << 1     /* the schedule is not disturbed */
};

/** Sizes and numbers of aa_check_team. */
typedef struct aa_check_team_options {
    int threads;    /* exactly; 1 to 4,096 */
    int repeats;    /* rounds; 1 or more */
    uint64_t seed;  /* of the first round, the next one's is one more; 0: a new one in every run */
    unsigned flags; /* AA_CHECK_NO_GATE, AA_CHECK_CALM, or-ed */
} aa_check_team_options;

/**
 * aa_check_team(threads, function, context, repeats, seed): run function(thread_num, context) on a team of
 * exactly `threads` threads, `repeats` times, each in a parallel region of its own; fail the test after the first
 * region in which AA_CHECK_IN_TEAM noted something, or whose team came out smaller.
 *
 * The threads are let go at one moment, by a gate of relaxed atomics that orders nothing and so hides no race
 * from ThreadSanitizer. In every round they are disturbed in another way: at the library's injection points
 * (where its slow path takes and leaves a lock) and at aa_check_point each thread yields, spins or sleeps by
 * random numbers of its own, drawn from the round's seed and the thread's number.
 *
 * A failure names the round's seed; AA_CHECK_SEED=<seed> in the environment gives it to every round, which makes
 * the same thing likely again (the system's scheduler is not repeated). A crash, abort or time-out names it too: the
 * last place that check reports then carries it.
 * Cost: a region per round, and some 10 us for each thread that is disturbed. Threads: quiescent.
 * Needs -fopenmp in the test's own compilation, whose OpenMP runtime is used: libgomp, libomp, any.
 */
#define aa_check_team(threads, function, context, repeats, seed)                                   \
    aai_check_team((threads), (repeats), (seed), 0, (function), (context), __FILE__, __LINE__)

/** aa_check_team_with(options, function, context): the same, with flags. options: not NULL. */
#define aa_check_team_with(options, function, context)                                             \
    aai_check_team((options)->threads, (options)->repeats, (options)->seed, (options)->flags,      \
                   (function), (context), __FILE__, __LINE__)

/**
 * Return the number of the current round, from 0; 0 outside aa_check_team. Threads: any.
 */
AA_API int aa_check_round(void);

/**
 * Draw a number from the calling thread's own sequence: in a team it depends on the round's seed and the thread's
 * number alone, so that random work is repeated by AA_CHECK_SEED. Elsewhere it depends on AA_CHECK_SEED (unset: 1)
 * alone. Threads: any. Source: splitmix64.
 */
AA_API uint64_t aa_check_random(void);

/**
 * Disturb the calling thread if a team or an AA_CHECK_REGION is being disturbed: an injection point of your own, in
 * a macro of the code under test that is empty outside tests. Orders nothing. Threads: any.
 */
AA_API void aa_check_point(void);

/* ---- memory that is refused ---------------------------------------------------------------------- */

/**
 * What aa_check_every_failure runs: make allocators over `upstream`, do the work, verify its results, destroy the
 * allocators. Returns AA_OK, or AA_NOMEM if the work said that there was no memory.
 */
typedef aa_status aa_check_failing_function(aa_upstream *upstream, void *context);

/**
 * aa_check_every_failure(inner, function, context): run function with the n-th request to its upstream refused,
 * once and then for ever, for n = 1, 2, ... until a run makes no n-th request. Fails the test when a run
 *     returns another status than AA_OK and AA_NOMEM, or AA_NOMEM although nothing was refused;
 *     returns AA_OK although every request was refused: it does not report failure;
 *     keeps memory of its upstream (aa_upstream_usage);
 * when no run makes any request, or still some at n = 1,000. AA_OK after a refusal is fine: allocators ask
 * again for less. inner: where memory comes from, NULL = pages. Threads: quiescent.
 * Source: GraphBLAS's tests of malloc failures.
 */
#define aa_check_every_failure(inner, function, context)                                           \
    aai_check_require(aai_check_every_failure((inner), (function), (context), __FILE__, __LINE__), \
                      __FILE__, __LINE__)

/* ---- main ---------------------------------------------------------------------------------------- */

/**
 * AA_CHECK_MAIN(suite, test, test, ...): a main that runs these tests (names of START_TEST), each in a case of its
 * name, so that CK_RUN_CASE=name runs one; 60 s each, unless CK_DEFAULT_TIMEOUT says otherwise. Exit status 0 if
 * there was at least one and none failed. Opens no parallel region and calls nothing of the library before the
 * tests have run; says so on stderr when threads are already there (opened by a constructor), for then they may hang.
 * Tests with signals, loops or fixtures need a main by hand: call aa_check_prepare in it before the first of check's
 * calls, and add aa_check_teardown to the cases.
 */
#define AA_CHECK_MAIN(suite, ...)                                                                  \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const aai_check_tests[] = {__VA_ARGS__};                                      \
        return aai_check_main((suite), sizeof aai_check_tests / sizeof aai_check_tests[0],         \
                              aai_check_tests);                                                    \
    }

/** Set CK_DEFAULT_TIMEOUT to 60 if it is unset; warn if there are threads already. Threads: quiescent. */
AA_API void aa_check_prepare(void);

/**
 * Close what a test that was given up has left open: handlers are put back, the schedule is calm again. For
 * tcase_add_checked_fixture(tcase, NULL, aa_check_teardown); of use with CK_FORK=no. Threads: quiescent.
 */
AA_API void aa_check_teardown(void);

/* ---- bodies --------------------------------------------------------------------------------------
 * All calls of check are in these, not in the library: it has one copy, the program's. */

typedef struct aai_check_block {
    const char *file, *refused; /* refused: why it could not be opened, NULL */
    int line, depth, once;
} aai_check_block;

AA_API const char *aai_check_status(aa_status got, aa_status expected, const char *call);
AA_API const char *aai_check_fails(int failed, aa_status expected, const char *call);
AA_API const char *aai_check_valid(const aa_array *array, const char *text);
AA_API const char *aai_check_stale(const aa_array *array, const char *text);
AA_API aai_check_block aai_check_violations_open(aa_violation_kind kind, int count,
                                                 const char *file, int line);
AA_API aai_check_block aai_check_escape_open(aa_allocator *allocator, const char *file, int line);
AA_API aai_check_block aai_check_upstream_open(aa_allocator *allocator, const char *file, int line);
AA_API aai_check_block aai_check_region_open(uint64_t seed, const char *file, int line);
AA_API const char *aai_check_block_close(const aai_check_block *block);
AA_API const char *aai_check_every_failure(aa_upstream *inner, aa_check_failing_function *function,
                                           void *context, const char *file, int line);
AA_API AAI_COLD void aai_check_note(const char *condition, const char *file, int line,
                                    int thread_num);
AA_API void aai_check_require_place(const char *file, int line);

AA_API const char *aai_check_team_open(const aa_check_team_options *options, const char *file,
                                       int line);
AA_API bool aai_check_round_open(void);
AA_API const char *aai_check_round_place(void);
AA_API void aai_check_member(int thread_num, int threads, aa_check_team_function *function,
                             void *context);
AA_API void aai_check_round_close(void);
AA_API const char *aai_check_team_close(void);

#ifdef _OPENMP
#define AAI_CHECK_THREAD_NUM omp_get_thread_num()
#else
#define AAI_CHECK_THREAD_NUM 0
#endif

static inline __attribute__((unused)) void aai_check_require(const char *why, const char *file,
                                                             int line)
{
    aai_check_require_place(file, line);
    if (why != NULL) {
        _ck_assert_failed(file, line, "Failed", "%s", why);
    }
    _mark_point(file, line);
}

AAI_INLINE bool aai_check_in_team(bool holds, const char *condition, const char *file, int line,
                                  int thread_num)
{
    if (AAI_UNLIKELY(!holds)) {
        aai_check_note(condition, file, line, thread_num);
    }
    return holds;
}

static inline __attribute__((unused)) aai_check_block aai_check_block_begin(aai_check_block block)
{
    if (block.refused != NULL) {
        _ck_assert_failed(block.file, block.line, "Failed", "%s", block.refused);
    }
    _mark_point(block.file, block.line);
    return block;
}

static inline __attribute__((unused)) void aai_check_block_end(aai_check_block *block)
{
    const char *const why = aai_check_block_close(block);
    if (why != NULL) {
        _ck_assert_failed(block->file, block->line, "Failed", "%s", why);
    }
}

#define AAI_CHECK_BLOCK(open) AAI_CHECK_BLOCK_(AAI_UNIQUE(aai_check_block_), open)
#define AAI_CHECK_BLOCK_(name, open)                                                               \
    for (aai_check_block name                                                                      \
         __attribute__((cleanup(aai_check_block_end))) = aai_check_block_begin(open);              \
         name.once; name.once = 0)

#ifdef _OPENMP
static inline __attribute__((unused)) void aai_check_team(int threads, int repeats, uint64_t seed,
                                                          unsigned flags,
                                                          aa_check_team_function *function,
                                                          void *context, const char *file, int line)
{
    const aa_check_team_options options = {threads, repeats, seed, flags};
    aai_check_require(aai_check_team_open(&options, file, line), file, line);
    const int dynamic = omp_get_dynamic();
    if (dynamic) {
        omp_set_dynamic(0);
    }
    while (aai_check_round_open()) {
        _mark_point(aai_check_round_place(), line);
#pragma omp parallel num_threads(threads)
        aai_check_member(omp_get_thread_num(), omp_get_num_threads(), function, context);
        aai_check_round_close();
    }
    if (dynamic) {
        omp_set_dynamic(dynamic);
    }
    aai_check_require(aai_check_team_close(), file, line);
}
#else
void aai_check_team(int threads, int repeats, uint64_t seed, unsigned flags,
                    aa_check_team_function *function, void *context, const char *file, int line)
    __attribute__((error("aa_check_team opens a parallel region: compile the test with -fopenmp")));
#endif

static inline __attribute__((unused)) int aai_check_main(const char *name, size_t count,
                                                         const TTest *const *tests)
{
    aa_check_prepare();
    Suite *const suite = suite_create(name);
    for (size_t i = 0; i < count; ++i) {
        TCase *const tcase = tcase_create(tests[i]->name);
        tcase_add_checked_fixture(tcase, NULL, aa_check_teardown);
        tcase_add_test(tcase, tests[i]);
        suite_add_tcase(suite, tcase);
    }
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (run == 0) {
        (void)fprintf(stderr, "%s: no test was run (is CK_RUN_CASE right?)\n", name);
    }
    return run > 0 && failed == 0 ? 0 : 1;
}

AAI_END_DECLS

#endif
