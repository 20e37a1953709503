/* Side library testkit: notes that threads take inside regions, and the team runner's rounds.
 *
 * The region itself is in the test's own compilation (allocarrays/check.h), so that it is one of the test's runtime;
 * this file knows no OpenMP.
 *
 * Invariants: notes are taken while open, under the lock; the fields of `team` change between regions only, but
 * `arrived` and `given`, which are relaxed atomics.
 * Lock: notes.lock, a leaf, taken only when a condition did not hold. */
#include "kit.h"

#include <allocarrays/check.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

/* ---- notes ------------------------------------------------------------------------------------------ */

enum { MOST_NOTES = 16, MOST_THREADS = 4096 };

typedef struct note {
    int thread_num;
    uint64_t thread_id; /* thread numbers repeat in nested regions */
    const char *condition, *file;
    int line;
    aa_status status; /* of the thread's last failure */
    char message[160];
} note;

static struct {
    pthread_mutex_t lock;
    bool open;
    int count; /* conditions that did not hold, those not kept included */
    int kept;
    note at[MOST_NOTES];
} notes = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *aai_notes_open(void)
{
    (void)pthread_mutex_lock(&notes.lock);
    const bool was_open = notes.open;
    if (!was_open) {
        notes.open = true;
        notes.count = 0;
        notes.kept = 0;
    }
    (void)pthread_mutex_unlock(&notes.lock);
    return was_open ? aai_kit_say("a team or an AA_CHECK_REGION is open already: they do not nest")
                    : NULL;
}

void aai_notes_close(void)
{
    (void)pthread_mutex_lock(&notes.lock);
    notes.open = false;
    (void)pthread_mutex_unlock(&notes.lock);
}

int aai_notes_count(void)
{
    (void)pthread_mutex_lock(&notes.lock);
    const int count = notes.count;
    (void)pthread_mutex_unlock(&notes.lock);
    return count;
}

/* An address is unique among the threads alive; a region's threads all are. */
static uint64_t this_thread(void)
{
    static __thread char anchor;
    return (uint64_t)(uintptr_t)&anchor;
}

static void keep_locked(const note *wanted)
{
    for (int i = 0; i < notes.kept; ++i) {
        if (notes.at[i].thread_id == wanted->thread_id) {
            return;
        }
    }
    if (notes.kept < MOST_NOTES) {
        notes.at[notes.kept++] = *wanted;
    }
}

void aai_check_note(const char *condition, const char *file, int line, int thread_num)
{
    note n = {.thread_num = thread_num,
              .thread_id = this_thread(),
              .condition = condition,
              .file = file,
              .line = line,
              .status = aa_last_status()};
    (void)snprintf(n.message, sizeof n.message, "%s", aa_last_message());
    (void)pthread_mutex_lock(&notes.lock);
    const bool open = notes.open;
    if (open) {
        ++notes.count;
        keep_locked(&n);
    }
    (void)pthread_mutex_unlock(&notes.lock);
    if (!open) {
        aai_kit_die(
            file, line,
            "AA_CHECK_IN_TEAM(%s) does not hold, and no aa_check_team or AA_CHECK_REGION is "
            "open to fail the test; outside regions use ck_assert",
            condition);
    }
}

void aai_notes_add(void)
{
    (void)pthread_mutex_lock(&notes.lock);
    for (int i = 0; i < notes.kept; ++i) {
        const note *const n = &notes.at[i];
        (void)aai_kit_add("\n    thread %d at %s:%d: %s", n->thread_num, n->file, n->line,
                          n->condition);
        if (n->status != AA_OK) {
            (void)aai_kit_add("\n        its last failure: %s, %s", aa_status_name(n->status),
                              n->message);
        }
    }
    (void)pthread_mutex_unlock(&notes.lock);
}

/* ---- the team --------------------------------------------------------------------------------------- */

static struct {
    aa_check_team_options options; /* seed: that of the first round */
    const char *file;
    int round; /* running or last run; -1 before the first */
    uint64_t seed;
    int arrived, given; /* given: threads of a team that came out smaller */
    char place[320];
} team;

const char *aai_check_team_open(const aa_check_team_options *options, const char *file, int line)
{
    aai_check_require_place(file, line);
    if (options->threads < 1 || options->threads > MOST_THREADS || options->repeats < 1 ||
        (options->flags & ~(unsigned)(AA_CHECK_NO_GATE | AA_CHECK_CALM)) != 0) {
        return aai_kit_say(
            "aa_check_team: %d threads (1 to %d), %d repeats (1 or more), flags 0x%x",
            options->threads, MOST_THREADS, options->repeats, options->flags);
    }
    const char *const why = aai_notes_open();
    if (why != NULL) {
        return why;
    }
    team.options = *options;
    team.options.seed = aai_seed_first(options->seed);
    team.file = file;
    team.round = -1;
    team.given = options->threads;
    return NULL;
}

bool aai_check_round_open(void)
{
    if (aai_notes_count() > 0 || team.given != team.options.threads ||
        team.round + 1 == team.options.repeats) {
        return false;
    }
    ++team.round;
    team.seed = aai_seed_of_round(team.options.seed, team.round);
    team.arrived = 0;
    aai_schedule_start(team.seed, (team.options.flags & AA_CHECK_CALM) != 0
                                      ? AAI_SCHEDULE_CALM
                                      : AAI_SCHEDULE_DISTURBED);
    return true;
}

const char *aai_check_round_place(void)
{
    (void)snprintf(team.place, sizeof team.place, "%.256s (AA_CHECK_SEED=%llu)", team.file,
                   (unsigned long long)team.seed);
    return team.place;
}

/* Relaxed: a gate that ordered the threads would order their accesses before it, for the tools. */
static void pass_gate(int threads)
{
    (void)__atomic_fetch_add(&team.arrived, 1, __ATOMIC_RELAXED);
    for (unsigned tries = 0; __atomic_load_n(&team.arrived, __ATOMIC_RELAXED) < threads; ++tries) {
        if (tries > 1000) { /* fewer processors than threads */
            (void)sched_yield();
        }
    }
}

void aai_check_member(int thread_num, int threads, aa_check_team_function *function, void *context)
{
    if (threads != team.options.threads) {
        __atomic_store_n(&team.given, threads, __ATOMIC_RELAXED);
        return;
    }
    aa_last_clear();
    aai_schedule_sit_down(thread_num);
    if ((team.options.flags & AA_CHECK_NO_GATE) == 0) {
        pass_gate(threads);
    }
    aa_check_point();
    function(thread_num, context);
}

void aai_check_round_close(void)
{
    aai_schedule_stop();
}

int aa_check_round(void)
{
    return team.round < 0 ? 0 : team.round;
}

const char *aai_check_team_close(void)
{
    const int round = team.round;
    team.round = -1;
    aai_notes_close();
    if (team.given != team.options.threads) {
        return aai_kit_say("aa_check_team: asked for %d threads, the OpenMP runtime gave %d: is "
                           "OMP_THREAD_LIMIT set?",
                           team.options.threads, team.given);
    }
    if (aai_notes_count() == 0) {
        return NULL;
    }
    (void)aai_kit_say(
        "%d condition(s) did not hold in round %d of %d, seed %llu; AA_CHECK_SEED=%llu "
        "gives every round this seed",
        aai_notes_count(), round + 1, team.options.repeats, (unsigned long long)team.seed,
        (unsigned long long)team.seed);
    aai_notes_add();
    return aai_kit_add("%s", "");
}
