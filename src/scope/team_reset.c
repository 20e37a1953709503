/* Floor 6, scope: aa_reset_team: the whole team arrives, one thread resets between two barriers that stand
 * in the caller's code.
 *
 * An allocator's round counts arrivals, generation by generation, under rounds_lock:
 *     arrived < size;  the arrival that completes the team opens the next generation
 *     outcome.state: WAITING -> GO (complete) | FAILED (timed out); written under the lock with release,
 *     polled with acquire. Whoever arrives in a failed generation, also late, gets AA_BUSY and enters no
 *     barrier. Its last arrival closes it; so does a thread that comes again, for its team has gone on.
 * Two teams of one size may complete each other's count. Then all threads of both are in here, and the number
 * of resets that each generation saw when it began tells the second to reset: AA_RESET_IN_USE.
 * An outcome is reused after OUTCOMES generations; a thread still polling one of them is impossible, for its
 * team cannot pass the barrier without it. */
#include "scope/scope.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

enum { OUTCOMES = 16, SPINS = 256 };

typedef enum state { WAITING, GO, FAILED } state;

typedef struct aai_team_outcome {
    state state;
    int size;
    uint64_t regions, scopes, marks; /* the team's own for this allocator, summed on arrival */
    uint64_t resets;                 /* of the allocator when the generation began */
} outcome;

/* The first MEMBERS threads of a generation: enough to see one of them come again. */
enum { MEMBERS = 16 };

struct aai_team_round {
    uint32_t generation;
    int arrived;
    uint64_t members[MEMBERS]; /* thread ids of the generation under way */
    outcome outcomes[OUTCOMES];
};

static aai_lock rounds_lock = AAI_LOCK_INIT(AAI_RANK_ALLOCATOR);

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
    /* release: pairs with the acquire above */
    if (!__atomic_compare_exchange_n(&base->round, &known, made, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        aai_mfree(made);
        return known;
    }
    return made;
}

static void set_state(outcome *o, state now)
{
    __atomic_store_n(&o->state, now, __ATOMIC_RELEASE);
}

static state state_of(const outcome *o)
{
    return __atomic_load_n(&o->state, __ATOMIC_ACQUIRE);
}

/* Close a failed generation when one of its threads comes again. Under the lock. */
static void close_failed(struct aai_team_round *round, uint64_t thread)
{
    const outcome *const o = &round->outcomes[round->generation % OUTCOMES];
    bool again = false;
    for (int i = 0; i < round->arrived && i < MEMBERS; ++i) {
        again = again || round->members[i] == thread;
    }
    if (round->arrived > 0 && o->state == FAILED && again) {
        round->arrived = 0;
        ++round->generation;
    }
}

static void open_if_first(struct aai_team_round *round, outcome *o, int size, uint64_t resets)
{
    if (round->arrived == 0) {
        *o = (outcome){.size = size, .resets = resets};
    }
}

/* Count one arrival. NULL: a team of another size is in the middle of one. */
static outcome *arrive(aai_base *base, struct aai_team_round *round, int size, aai_marks marks)
{
    const uint64_t regions = aai_regions_own(&base->head);
    const uint64_t scopes = aai_scopes_own(&base->head);
    aai_lock_acquire(&rounds_lock);
    close_failed(round, aai_self()->id);
    outcome *o = &round->outcomes[round->generation % OUTCOMES];
    open_if_first(round, o, size, AAI_LOAD(base->resets));
    if (o->size != size) {
        o = NULL;
    } else {
        o->regions += regions;
        o->scopes += scopes;
        o->marks += marks.own;
        if (round->arrived < MEMBERS) {
            round->members[round->arrived] = aai_self()->id;
        }
        if (++round->arrived == size) {
            if (o->state == WAITING) {
                set_state(o, GO);
            }
            round->arrived = 0;
            ++round->generation;
        }
    }
    aai_lock_release(&rounds_lock);
    return o;
}

/* The first to run out of patience fails the generation; how many had arrived, 0: it was decided already. */
static int give_up(struct aai_team_round *round, outcome *o)
{
    int arrived = 0;
    aai_lock_acquire(&rounds_lock);
    if (o->state == WAITING) {
        arrived = round->arrived;
        set_state(o, FAILED);
    }
    aai_lock_release(&rounds_lock);
    return arrived;
}

static int64_t milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Spin a little, then let others run. False: time is up. */
static bool wait_while_open(const outcome *o)
{
    const int64_t deadline = milliseconds() + (int64_t)aai_settings_get()->team_timeout * 1000;
    const int kept = errno;
    for (unsigned round = 0; state_of(o) == WAITING; ++round) {
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

static aa_status report_missing(const aa_allocator *allocator, aai_site site, int arrived, int size)
{
    return aai_violate(
        AA_RESET_IN_PARALLEL, allocator, site,
        "only %d of %d threads arrived within %d s; every thread of the team must call "
        "aa_reset_team",
        arrived, size, aai_settings_get()->team_timeout);
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
    const aai_marks marks =
        a->ops->marks == NULL ? (aai_marks){0, 0} : a->ops->marks(a, aai_self()->id);
    outcome *const o = arrive(base, round, size, marks);
    if (o == NULL) {
        return aai_violate(
            AA_RESET_IN_USE, a, site,
            "a team of another size is resetting '%s' at the same time; one team at a "
            "time",
            base->name);
    }
    team->outcome = o;
    if (!wait_while_open(o)) {
        const int arrived = give_up(round, o);
        if (arrived != 0) {
            return report_missing(a, site, arrived, size);
        }
    }
    if (state_of(o) == FAILED) {
        return aai_fail(AA_BUSY, "aa_reset_team: not all of the team's %d threads arrived in time",
                        size);
    }
    team->go = 1;
    return AA_OK;
}

aai_team aai_team_arrive(aa_allocator *allocator, const char *file, int line)
{
    aai_team team = {.allocator = allocator, .outcome = NULL, .file = file, .line = line, .go = 0};
    aai_op op;
    aai_omp_look_again();
    const aai_site site = {"aa_reset_team", file, line};
    team.status = aai_enter_at(&op, &team.allocator, site);
    if (team.status == AA_OK) {
        team.status = join(&team, site);
        aai_leave(&op);
    }
    return team;
}

static aa_status reset_for_team(const aai_team *team)
{
    aa_allocator *const a = team->allocator;
    const aai_site site = {"aa_reset_team", team->file, team->line};
    const outcome *const o = team->outcome;
    if (AAI_LOAD(aai_base_of(a)->resets) != o->resets) {
        return aai_violate(AA_RESET_IN_USE, a, site,
                           "another team reset '%s' while this one arrived; one team at a time",
                           aa_name(a));
    }
    const aa_status alone = aai_prove_team_alone(a, site);
    if (alone != AA_OK) {
        return alone;
    }
    const uint64_t mine = a->ops->marks == NULL ? 0 : a->ops->marks(a, aai_self()->id).own;
    const aa_status quiet = aai_prove_no_holders(a, site, o->regions, o->scopes, o->marks - mine);
    return quiet != AA_OK ? quiet : aai_reset_now(a, site);
}

void aai_team_reset(aai_team *team)
{
    aai_op op;
    aa_status status =
        aai_enter_at(&op, &team->allocator, (aai_site){"aa_reset_team", team->file, team->line});
    if (status == AA_OK) {
        status = reset_for_team(team);
        aai_leave(&op);
    }
    team->status = status; /* copyprivate gives it to the whole team */
}
