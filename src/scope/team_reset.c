/* Floor 6, scope: aa_reset_team: the whole team arrives, one thread resets between two barriers that stand
 * in the caller's code.
 *
 * A gathering is one arrival of a team, under rounds_lock:
 *     arrived < size while it is open;  the arrival that completes it closes it
 *     verdict: WAITING -> GO (complete) | FAILED (timed out); written under the lock with release, polled with
 *     acquire. After FAILED nobody enters a barrier: every thread of it gets AA_BUSY, and one has reported.
 *     readers == its threads that have not read the verdict; its slot is used again at 0
 * Who comes after a failure opens the next gathering, whether it is late or never came to the failed one: from
 * its history nobody can tell these apart. The others can: when they come too, it is complete and the reset
 * passes. When it times out as well, and no thread of the failed one had come, its threads were the late ones:
 * AA_BUSY, and no second report.
 *     round.failure == serial of the last failure, 0: none since a gathering was complete
 *     thread.team_failure == the failure that it was part of
 * Threads that came a different number of times are paired as they come: all are in here, so the reset is safe.
 * Two teams of one size may complete each other's count. When all their threads come, all are in here, and the number
 * of resets that each gathering saw when it began tells the second to reset: AA_RESET_IN_USE. When only some come, or
 * tasks on all threads, the count is complete all the same, and they wait in OpenMP's barrier: nothing that a runtime tells
 * distinguishes these (thread numbers repeat, and that a task is running is unknown before OpenMP 5.2). */
#include "scope/scope.h"

#include "alloc/timeline.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

enum { GATHERINGS = 16, SPINS = 256 };

typedef enum verdict { WAITING, GO, FAILED } verdict;

typedef struct gathering {
    verdict verdict;
    int size, arrived, readers;
    bool again;           /* one of its threads was part of the failure before */
    uint64_t failure;     /* FAILED: its serial */
    aai_team_holds holds; /* the team's own for this allocator, summed on arrival */
    uint64_t resets;      /* of the allocator when it began */
    uint64_t numbers;     /* bit n: OpenMP thread n arrived, for the first 64 */
} gathering;

struct aai_team_round {
    gathering *open; /* NULL: the next to come opens one */
    uint64_t failure;
    gathering slots[GATHERINGS];
};

static aai_lock rounds_lock = AAI_LOCK_INIT(AAI_RANK_ROUNDS);
static uint64_t last_failure; /* under the lock */

/* The allocator's round, made at the first team reset and freed with the allocator. */
static struct aai_team_round *round_of(aai_base *base)
{
    struct aai_team_round *known = __atomic_load_n(&base->round, __ATOMIC_ACQUIRE);
    if (known != NULL) {
        return known;
    }
    struct aai_team_round *const made = aai_calloc(sizeof *made);
    if (made == NULL) {
        (void)aai_fail(AA_NOMEM, "aa_reset_team: no memory");
        return NULL;
    }
    /* acquire and release: pairs with itself on the thread that was second */
    if (!__atomic_compare_exchange_n(&base->round, &known, made, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        aai_mfree(made);
        return known;
    }
    return made;
}

static void decide(struct aai_team_round *round, gathering *g, verdict now)
{
    __atomic_store_n(&g->verdict, now, __ATOMIC_RELEASE);
    round->open = NULL;
}

static verdict verdict_of(const gathering *g)
{
    return __atomic_load_n(&g->verdict, __ATOMIC_ACQUIRE);
}

/* NULL: each slot still has a thread that has not read its verdict. Under the lock. */
static gathering *open_one(struct aai_team_round *round, int size, uint64_t resets)
{
    for (int i = 0; i < GATHERINGS; ++i) {
        gathering *const g = &round->slots[i];
        if (g->readers == 0) {
            *g = (gathering){.verdict = WAITING, .size = size, .resets = resets};
            round->open = g;
            return g;
        }
    }
    return NULL;
}

/* Under the lock. */
static void count_in(struct aai_team_round *round, gathering *g, const aai_team_holds *mine)
{
    g->holds.regions += mine->regions;
    g->holds.scopes += mine->scopes;
    g->holds.marks += mine->marks;
    g->again = g->again || (round->failure != 0 && aai_self()->team_failure == round->failure);
    g->numbers |= UINT64_C(1) << ((unsigned)aai_omp_thread_num() % 64);
    ++g->readers;
    if (++g->arrived == g->size) {
        decide(round, g, GO);
        round->failure = 0;
    }
}

/* Count one arrival. NULL: a team of another size is in the middle of one. */
static gathering *arrive(aai_base *base, struct aai_team_round *round, int size)
{
    const aa_allocator *const a = &base->head;
    const aai_team_holds mine = {.regions = aai_regions_own(a),
                                 .scopes = aai_scopes_own(a),
                                 .marks = a->ops->marks(a, aai_self()->id).own};
    aai_lock_acquire(&rounds_lock);
    gathering *g =
        round->open != NULL ? round->open : open_one(round, size, AAI_LOAD(base->resets));
    if (g != NULL && g->size != size) {
        g = NULL;
    }
    if (g != NULL) {
        count_in(round, g, &mine);
    }
    aai_lock_release(&rounds_lock);
    return g;
}

typedef struct absence {
    int arrived; /* 0: nothing to report */
    uint64_t numbers;
} absence;

/* The first to run out of patience fails the gathering. Nothing to report: it was decided already, or they are
 * those who were missing before. */
static absence give_up(struct aai_team_round *round, gathering *g)
{
    absence missed = {0, 0};
    aai_lock_acquire(&rounds_lock);
    if (g->verdict == WAITING) {
        if (round->failure == 0 || g->again) {
            missed = (absence){g->arrived, g->numbers};
            round->failure = ++last_failure;
        }
        g->failure = round->failure;
        decide(round, g, FAILED);
    }
    aai_lock_release(&rounds_lock);
    return missed;
}

/* Read the verdict, once, and leave the slot. */
static verdict take_verdict(gathering *g, aai_team *team)
{
    aai_lock_acquire(&rounds_lock);
    const verdict said = g->verdict;
    team->holds = g->holds;
    team->resets = g->resets;
    if (said == FAILED) {
        aai_self()->team_failure = g->failure;
    }
    --g->readers;
    aai_lock_release(&rounds_lock);
    return said;
}

bool aai_team_is_arriving(const aa_allocator *allocator)
{
    /* acquire: pairs with the release in round_of */
    const struct aai_team_round *const round =
        __atomic_load_n(&aai_base_of(allocator)->round, __ATOMIC_ACQUIRE);
    bool arriving = false;
    if (round != NULL) {
        aai_lock_acquire(&rounds_lock);
        for (int i = 0; i < GATHERINGS && !arriving; ++i) {
            arriving = round->slots[i].readers != 0;
        }
        aai_lock_release(&rounds_lock);
    }
    return arriving;
}

void aai_team_fork(void (*each)(aai_lock *))
{
    each(&rounds_lock);
}

void aai_team_forked(aai_base *base)
{
    if (base->round != NULL) {
        *base->round = (struct aai_team_round){.open = NULL};
    }
}

static int64_t milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Spin a little, then let others run. False: time is up. */
static bool wait_while_open(const gathering *g)
{
    const int64_t deadline = milliseconds() + (int64_t)aai_settings_get()->team_timeout * 1000;
    const int kept = errno;
    for (unsigned round = 0; verdict_of(g) == WAITING; ++round) {
        AAI_POINT_YIELD();
        if (round > SPINS) {
            (void)sched_yield();
            if (round % SPINS == 0 && milliseconds() >= deadline) {
                errno = kept;
                return false;
            }
        }
    }
    errno = kept;
    return true;
}

static aa_status report_missing(const aa_allocator *allocator, aai_site site, const absence *missed,
                                int size)
{
    char who[80] = "";
    size_t used = 0;
    for (int n = 0; n < size && n < 64 && used + 16 < sizeof who; ++n) {
        if ((missed->numbers >> n & 1) == 0) {
            used +=
                (size_t)snprintf(who + used, sizeof who - used, "%s %d", used == 0 ? "" : ",", n);
        }
    }
    return aai_violate(
        AA_RESET_IN_PARALLEL, allocator, site,
        "only %d of %d threads arrived within %d s, OpenMP thread(s)%s did not; every thread "
        "of the team must call aa_reset_team, the same number of times",
        missed->arrived, size, aai_settings_get()->team_timeout, who);
}

static aa_status join(aai_team *team, aai_site site)
{
    aa_allocator *const a = team->allocator;
    if (a->kind == AAI_GONE) {
        return aai_report_gone(a, site);
    }
    if (a->ops->reset == NULL) {
        return aai_fail(AA_UNSUPPORTED, "aa_reset_team: '%s' cannot be reset", aa_name(a));
    }
    const int size = aai_omp_num_threads();
    aai_base *const base = aai_base_of(a);
    struct aai_team_round *const round = round_of(base);
    if (round == NULL) {
        return AA_NOMEM;
    }
    gathering *const g = arrive(base, round, size);
    if (g == NULL) {
        return aai_violate(
            AA_RESET_IN_USE, a, site,
            "a team of another size is resetting '%s' at the same time; one team at a "
            "time",
            base->name);
    }
    const absence missed = wait_while_open(g) ? (absence){0, 0} : give_up(round, g);
    if (take_verdict(g, team) == GO) {
        team->go = 1;
        return AA_OK;
    }
    return missed.arrived != 0 ? report_missing(a, site, &missed, size)
                               : aai_fail(AA_BUSY,
                                          "aa_reset_team: not all of the team's %d threads arrived "
                                          "in time",
                                          size);
}

aai_team aai_team_arrive(aa_allocator *allocator, const char *file, int line)
{
    aai_team team = {.allocator = allocator, .file = file, .line = line, .go = 0};
    aai_op op;
    aai_omp_look_again();
    const aai_site site = {"aa_reset_team", file, line};
    team.status = aai_enter_at(&op, &team.allocator, site);
    if (team.status == AA_OK) {
        aai_span span;
        aai_span_begin(&span, team.allocator, (aai_site){"aa_reset_team: arrive", file, line});
        team.status = join(&team, site);
        aai_span_end(&span, team.status);
        aai_leave(&op);
    }
    return team;
}

static aa_status reset_for_team(const aai_team *team)
{
    aa_allocator *const a = team->allocator;
    const aai_site site = {"aa_reset_team", team->file, team->line};
    if (AAI_LOAD(aai_base_of(a)->resets) != team->resets) {
        return aai_violate(AA_RESET_IN_USE, a, site,
                           "'%s' was reset by others while this team arrived; one at a time",
                           aa_name(a));
    }
    const aa_status alone = aai_prove_team_alone(a, site);
    if (alone != AA_OK) {
        return alone;
    }
    const uint64_t mine = a->ops->marks(a, aai_self()->id).own;
    const aa_status quiet = aai_prove_no_holders(a, site, team->holds.regions, team->holds.scopes,
                                                 team->holds.marks - mine);
    return quiet != AA_OK ? quiet : aai_reset_now(a, site);
}

void aai_team_reset(aai_team *team)
{
    aai_op op;
    const aai_site site = {"aa_reset_team", team->file, team->line};
    aa_status status = aai_enter_at(&op, &team->allocator, site);
    if (status == AA_OK) {
        aai_span span;
        aai_span_begin(&span, team->allocator, site);
        status = reset_for_team(team);
        aai_span_end(&span, status);
        aai_leave(&op);
    }
    team->status = status; /* copyprivate gives it to the whole team */
}
