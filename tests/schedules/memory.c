/* Explored programs whose threads take memory: leases and resets, marks, threads that end. */
#include "programs.h"

#include <string.h>

aa_allocator *the_allocator;
static meeting together;

static void make_shared(void)
{
    the_allocator = aa_shared_create(
        &(aa_options){.lease = 512, .initial = 2048, .upstream = aa_upstream_heap()});
    together = (meeting){0, 0};
    explore_require(the_allocator != NULL, "no shared allocator");
}

static void end_shared(void)
{
    explore_require(aa_destroy(the_allocator) == AA_OK, "destroy was refused at the end");
    explore_require(explore_report_count() == 0, "a violation was reported");
}

aa_array take_array(aa_allocator *allocator, int64_t bytes, unsigned round)
{
    const aa_array made = aa_empty(allocator, AA_U8, 1, &bytes);
    explore_given(made.data, (size_t)bytes, round);
    return made;
}

/* ---- lease ------------------------------------------------------------------------------------------------ */

/* Take from leases, whole pieces and new blocks at once; all meet; one resets. */
static void run_lease(int self)
{
    for (unsigned round = 0; round < 2; ++round) {
        const aa_array small = take_array(the_allocator, 100, round);
        explore_given(aa_alloc(the_allocator, 300), 300,
                      round); /* beyond a quarter of a lease: whole */
        const aa_array second = take_array(the_allocator, 120, round);
        explore_given(aa_alloc(the_allocator, 128), 128, round);
        explore_given(aa_alloc(the_allocator, 128), 128, round);
        explore_require(aa_is_valid(&small) && aa_is_valid(&second),
                        "a live array is called stale");
        explore_meet(&together, 3);
        if (self == 0) {
            explore_require(aa_reset(the_allocator) == AA_OK, "a reset was refused after all met");
            explore_taken_back(0);
        }
        explore_meet(&together, 3);
        explore_require(!aa_is_valid(&small) && !aa_is_valid(&second),
                        "an array is valid after the reset");
    }
}

static void finish_lease(void)
{
    aa_stats stats;
    explore_require(aa_stats_get(the_allocator, &stats) == AA_OK && stats.used == 0 &&
                        stats.resets == 2,
                    "the statistics are wrong");
    explore_require(stats.allocations == 2 * 3 * 5, "allocations were lost from the count");
    end_shared();
}

/* ---- marks ------------------------------------------------------------------------------------------------ */

static int marked, tried;

static void begin_marks(void)
{
    make_shared();
    marked = tried = 0;
}

/* What is taken above a mark goes at the rewind, what lies below stays. */
static void go_there_and_back(unsigned round)
{
    const aa_array below = take_array(the_allocator, 90, 0);
    aa_mark mark;
    explore_require((mark = aa_mark_take(the_allocator)).serial != 0, "a mark was refused");
    const aa_array first = take_array(the_allocator, 100, round);
    const aa_array second = take_array(the_allocator, 400, round);
    const bool both = aa_is_valid(&first) && aa_is_valid(&second);
    explore_require(both, "an array above the mark is called stale");
    explore_freed(first.data); /* before: from the rewind on they may be handed out again */
    explore_freed(second.data);
    explore_require(aa_mark_rewind(mark) == AA_OK, "a rewind was refused");
    explore_require(!aa_is_valid(&first) && !aa_is_valid(&second), "valid after the rewind");
    explore_require(aa_is_valid(&below), "an array below the mark went with the rewind");
}

/* Thread 2 keeps a mark open while thread 0 asks for a reset. */
static void run_marks(int self)
{
    go_there_and_back(1);
    if (self == 2) {
        const aa_mark mark = aa_mark_take(the_allocator);
        explore_raise(&marked);
        go_there_and_back(1);
        explore_await(&tried);
        explore_require(aa_mark_rewind(mark) == AA_OK,
                        "a rewind was refused after a refused reset");
    } else if (self == 0) {
        explore_await(&marked);
        explore_require(aa_reset(the_allocator) == AA_BUSY, "a reset passed under another's mark");
        explore_require(explore_reports[AA_RESET_IN_USE] == 1, "not reported as AA_RESET_IN_USE");
        explore_raise(&tried);
    } else {
        go_there_and_back(1);
    }
    explore_meet(&together, 3);
    if (self == 1) {
        explore_require(aa_reset(the_allocator) == AA_OK, "a reset was refused without marks");
        explore_taken_back(0);
    }
    explore_meet(&together, 3);
    (void)take_array(the_allocator, 100, 1);
}

static void finish_marks(void)
{
    --explore_reports[AA_RESET_IN_USE]; /* the one that was asked for */
    end_shared();
}

/* ---- adopt ------------------------------------------------------------------------------------------------ */

enum { LEAVERS = 4 };

static aa_allocator *the_private;
static aa_array left[LEAVERS][4];

static void begin_adopt(void)
{
    make_shared();
    the_private = aa_private_create(&(aa_options){.initial = 1024, .upstream = aa_upstream_heap()});
    explore_require(the_private != NULL, "no private allocator");
}

/* Threads end whenever they are done: the next adopt their places, and what they left stays readable. */
static void run_adopt(int self)
{
    for (int step = 0; step < 4; ++step) {
        const int i = step ^ (self & 1); /* half of them begin in the private allocator */
        left[self][i] = take_array(i % 2 == 0 ? the_allocator : the_private, 100 + 60 * i, 0);
        memset(left[self][i].data, 16 * self + i, (size_t)left[self][i].shape[0]);
    }
}

static bool holds(const aa_array *array, int value)
{
    const unsigned char *const bytes = aa_data(array);
    for (int64_t i = 0; bytes != NULL && i < array->shape[0]; ++i) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return bytes != NULL;
}

static void finish_adopt(void)
{
    aa_stats shared, private_;
    for (int t = 0; t < LEAVERS; ++t) {
        for (int i = 0; i < 4; ++i) {
            explore_require(holds(&left[t][i], 16 * t + i),
                            "what an ended thread left has changed");
        }
    }
    explore_require(aa_stats_get(the_allocator, &shared) == AA_OK &&
                        shared.used == LEAVERS * (128 + 256) && shared.allocations == LEAVERS * 2,
                    "the statistics of the shared allocator lost an ended thread");
    explore_require(aa_stats_get(the_private, &private_) == AA_OK &&
                        private_.used == LEAVERS * (192 + 320) &&
                        private_.allocations == LEAVERS * 2,
                    "the statistics of the private allocator lost an ended thread");
    explore_require(aa_reset(the_private) == AA_OK && aa_reset(the_allocator) == AA_OK,
                    "a reset was refused after all threads ended");
    explore_require(aa_destroy(the_private) == AA_OK, "destroy was refused at the end");
    end_shared();
}

/* ---- exit ------------------------------------------------------------------------------------------------- */

static int users;

static void begin_exit(void)
{
    begin_adopt();
    users = 0;
}

/* Thread 0 destroys once the others need the allocators no more; they may still be on their way out. */
static void run_exit(int self)
{
    if (self == 0) {
        while (users < 2) {
            aai_explore_wait(&users);
        }
        explore_require(aa_destroy(the_allocator) == AA_OK,
                        "destroy was refused when nobody was inside");
        explore_require(aa_destroy(the_private) == AA_OK,
                        "destroy was refused when nobody was inside");
        return;
    }
    (void)take_array(the_allocator, 100, 0);
    (void)take_array(the_private, 100, 0);
    ++users;
    aai_explore_wake(&users);
    aai_explore_point();
}

static void finish_exit(void)
{
    explore_require(explore_report_count() == 0, "a violation was reported");
}

/* ---- planted ---------------------------------------------------------------------------------------------- */

/* Wrong on purpose: thread 0 resets when it sees that thread 1 is done, but looks at a flag that says so too
 * early. The window of the mistake is one allocation wide. */
static int is_done;

static void begin_planted(void)
{
    make_shared();
    is_done = 0;
}

static void run_planted(int self)
{
    if (self == 1) {
        void *const first = aa_alloc(the_allocator, 100);
        explore_given(first, 100, 0);
        explore_freed(first); /* it does without from here on */
        is_done = 1;
        const aa_array last = take_array(the_allocator, 300, 1);
        explore_require(aa_is_valid(&last), "a live array went with another thread's reset");
        explore_freed(last.data);
        return;
    }
    void *const mine = aa_alloc(the_allocator, 200);
    explore_given(mine, 200, 0);
    aai_explore_point();
    if (is_done && aa_reset(the_allocator) == AA_OK) {
        explore_freed(mine);
        explore_given(aa_alloc(the_allocator, 300), 300, 2);
    }
}

static void finish_planted(void)
{
    (void)aa_destroy(the_allocator);
}

const program lease_program = {.name = "lease",
                               .what = "leases and blocks against resets",
                               .threads = 3,
                               .steps = 570,
                               .begin = make_shared,
                               .run = run_lease,
                               .finish = finish_lease};
const program marks_program = {.name = "marks",
                               .what = "marks and rewinds against a reset and each other",
                               .threads = 3,
                               .steps = 210,
                               .begin = begin_marks,
                               .run = run_marks,
                               .finish = finish_marks};
const program adopt_program = {.name = "adopt",
                               .what = "threads that end against threads that come",
                               .threads = LEAVERS,
                               .steps = 500,
                               .ends = true,
                               .begin = begin_adopt,
                               .run = run_adopt,
                               .finish = finish_adopt};
const program exit_program = {.name = "exit",
                              .what = "threads that end against destroy",
                              .threads = 3,
                              .steps = 400,
                              .ends = true,
                              .begin = begin_exit,
                              .run = run_exit,
                              .finish = finish_exit};
const program planted_program = {.name = "planted",
                                 .what =
                                     "a reset that does not wait for a thread's last allocation",
                                 .threads = 2,
                                 .steps = 210,
                                 .planted = true,
                                 .begin = begin_planted,
                                 .run = run_planted,
                                 .finish = finish_planted};
