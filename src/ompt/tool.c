/* Side library ompt: an OMPT tool, by which tasks inherit the scope of their creator and live regions are
 * counted for the reset proof.
 *
 * It cannot do anything for libgomp, which has no OMPT: there nothing in here is ever called. A runtime runs
 * one tool; this one gives way to Archer, which finds races.
 *
 * Invariants. With d the tool's word in a task or a region (0 at first), and var(k) task k's own
 * def-allocator-var:
 *     task k runs on thread t        =>  d(k) == 0       and  var(k) == def-allocator-var of t
 *     k waits, or has not begun yet  =>  d(k) == var(k)  which for a new task is var(creator)
 *     region r is live               =>  d(r) == the scope r was opened under | 1 if r is a league
 * So "switch from p to n" is: d(p) = def-allocator-var, unless p has ended; install d(n); d(n) = 0. A task
 * that was discarded never ran: its successor's word is 0 and nothing is installed.
 *
 * Implicit tasks need no event: the runtime itself hands a region's threads the def-allocator-var of the
 * thread that opened it. A league never counts as "around the caller", for its other teams are nobody's team.
 *
 * Who: d(k) is changed by k's creator before the runtime shows k to anyone, then by the thread that runs k or
 * takes it up; the runtime's queues order them, and report an untied task's pause before they queue it. d(r)
 * is changed by the thread that opens r, before and after the others are in it. No locks, and of the OpenMP
 * API only the two calls for def-allocator-var, which touch nothing but the calling thread. */
#include "abi.h"

#include <allocarrays/impl/ompt.h>

/* Written before the runtime reports its first event. */
static const aai_ompt_core *core;
static ompt_parallel_info_call *parallel_info;

enum { LEAGUE = 1 };

/* ---- tasks --------------------------------------------------------------------------------------------- */

/* ompt_task_status_t: how prior came to stop. The others are complete (1), cancel (3), fulfilled events. */
enum { STOPS_BY_YIELD = 2, STOPS_BY_SWITCH = 7 };

static void on_task_create(ompt_word *creator, const ompt_frame *frame, ompt_word *created,
                           int flags, int has_dependences, const void *caller)
{
    (void)creator;
    (void)frame;
    (void)flags;
    (void)has_dependences;
    (void)caller;
    created->value = core->scope_get();
}

static void on_task_schedule(ompt_word *prior, int status, ompt_word *next)
{
    if (next == NULL) { /* no switch: an event was fulfilled, or a wait for dependences ended */
        return;
    }
    const uintptr_t here = core->scope_get();
    if (status == STOPS_BY_SWITCH || status == STOPS_BY_YIELD) {
        prior->value = here;
    }
    const uintptr_t wanted = (uintptr_t)next->value;
    next->value = 0;
    if (wanted != 0 && wanted != here) {
        core->scope_set(wanted);
    }
}

/* ---- regions ------------------------------------------------------------------------------------------- */

static void on_parallel_begin(ompt_word *task, const ompt_frame *frame, ompt_word *region,
                              unsigned requested, int flags, const void *caller)
{
    (void)task;
    (void)frame;
    (void)caller;
    const uintptr_t scope = (uintptr_t)core->region_begin();
    const bool is_league = (flags & OMPT_PARALLEL_LEAGUE) != 0 && requested > 1;
    region->value = scope != 0 && is_league ? scope | LEAGUE : scope;
}

static void on_parallel_end(ompt_word *region, ompt_word *task, int flags, const void *caller)
{
    (void)task;
    (void)flags;
    (void)caller;
    const uintptr_t scope = (uintptr_t)region->value & ~(uintptr_t)LEAGUE;
    region->value = 0;
    core->region_end((const aai_region_scope *)scope);
}

static uint64_t regions_around(const aai_region_scope *scope)
{
    uint64_t count = 0;
    ompt_word *region = NULL;
    int team_size = 0;
    for (int level = 0; parallel_info(level, &region, &team_size) != OMPT_INFO_NONE; ++level) {
        count += region != NULL && region->value == (uintptr_t)scope;
    }
    return count;
}

/* ---- coming and going ---------------------------------------------------------------------------------- */

static int initialize(ompt_lookup *lookup, int initial_device, ompt_word *data)
{
    static const aai_ompt_tool tool = {.regions_around = regions_around};
    (void)initial_device;
    (void)data;
    ompt_set_callback_call *const set = (ompt_set_callback_call *)lookup("ompt_set_callback");
    parallel_info = (ompt_parallel_info_call *)lookup("ompt_get_parallel_info");
    if (set == NULL || parallel_info == NULL) {
        return 0;
    }
    core = aai_ompt_join(NULL);
    const bool all =
        set(OMPT_TASK_CREATE, (ompt_function *)on_task_create) == OMPT_SET_ALWAYS &&
        set(OMPT_TASK_SCHEDULE, (ompt_function *)on_task_schedule) == OMPT_SET_ALWAYS &&
        set(OMPT_PARALLEL_BEGIN, (ompt_function *)on_parallel_begin) == OMPT_SET_ALWAYS &&
        set(OMPT_PARALLEL_END, (ompt_function *)on_parallel_end) == OMPT_SET_ALWAYS;
    if (!all) {
        return 0;
    }
    (void)aai_ompt_join(&tool);
    return 1;
}

static void finalize(ompt_word *data)
{
    (void)data;
    (void)aai_ompt_join(NULL);
}

/* There in a program under ThreadSanitizer, for which the runtime starts Archer if no other tool comes. */
#pragma weak __tsan_init
extern void __tsan_init(void);

/* Called by the runtime, by this name, when it starts. */
AA_API ompt_tool *ompt_start_tool(unsigned omp_version, const char *runtime_version);
AA_API ompt_tool *ompt_start_tool(unsigned omp_version, const char *runtime_version)
{
    static ompt_tool tool = {.initialize = initialize, .finalize = finalize};
    (void)omp_version;
    (void)runtime_version;
    return __tsan_init != NULL ? NULL : &tool;
}
