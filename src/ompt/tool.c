/* Side library ompt: an OMPT tool, by which tasks inherit the scope of their creator and live regions are
 * counted for the reset proof.
 *
 * It cannot do anything for libgomp, which has no OMPT: there nothing in here is ever called. A runtime runs
 * one tool; this one gives way to Archer, which finds races.
 *
 * Invariant. With d(k) the tool's word in task k (0 at first) and var(k) the task's own def-allocator-var:
 *     task k runs on thread t        =>  d(k) == 0       and  var(k) == def-allocator-var of t
 *     k waits, or has not begun yet  =>  d(k) == var(k)  which for a new task is var(creator)
 * So "switch from p to n" is: d(p) = def-allocator-var, unless p has ended; install d(n); d(n) = 0. A task
 * that was discarded never ran: its successor's word is 0 and nothing is installed.
 *
 * Implicit tasks need no event: the runtime itself hands a region's threads the def-allocator-var of the
 * thread that opened it. Regions need no word: LLVM's runtime reports the end of a nested region when its
 * word may already serve another, so the core keeps a stack for each thread.
 *
 * Who: d(k) is changed by k's creator before the runtime shows k to anyone, then by the thread that runs k or
 * takes it up; the runtime's queues order them, and report an untied task's pause before they queue it. No
 * locks, and of the OpenMP API only the two calls for def-allocator-var, which touch the calling thread alone. */
#include "abi.h"

#include <allocarrays/impl/ompt.h>

/* Written before the runtime reports its first event. */
static const aai_ompt_core *core;

static ompt_on_task_create on_task_create;
static ompt_on_task_schedule on_task_schedule;
static ompt_on_parallel_begin on_parallel_begin;
static ompt_on_parallel_end on_parallel_end;

/* ---- tasks --------------------------------------------------------------------------------------------- */

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
    const bool goes_on = status == OMPT_STOPS_BY_SWITCH || status == OMPT_STOPS_BY_YIELD;
    const uintptr_t here = goes_on ? core->scope_get() : 0;
    if (goes_on) {
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
    (void)region;
    (void)caller;
    const bool is_league = (flags & OMPT_PARALLEL_LEAGUE) != 0 && requested > 1;
    core->region_begin(is_league ? AAI_REGION_LEAGUE : AAI_REGION_PARALLEL);
}

static void on_parallel_end(ompt_word *region, ompt_word *task, int flags, const void *caller)
{
    (void)region;
    (void)task;
    (void)flags;
    (void)caller;
    core->region_end();
}

/* ---- coming and going ---------------------------------------------------------------------------------- */

static int initialize(ompt_lookup *lookup, int initial_device, ompt_word *data)
{
    (void)initial_device;
    (void)data;
    ompt_set_callback_call *const set = (ompt_set_callback_call *)lookup("ompt_set_callback");
    if (set == NULL) {
        return 0;
    }
    core = aai_ompt_take(AAI_OMPT_LEAVE); /* joined below, when all events are sure to come */
    const bool all =
        set(OMPT_TASK_CREATE, (ompt_function *)on_task_create) == OMPT_SET_ALWAYS &&
        set(OMPT_TASK_SCHEDULE, (ompt_function *)on_task_schedule) == OMPT_SET_ALWAYS &&
        set(OMPT_PARALLEL_BEGIN, (ompt_function *)on_parallel_begin) == OMPT_SET_ALWAYS &&
        set(OMPT_PARALLEL_END, (ompt_function *)on_parallel_end) == OMPT_SET_ALWAYS;
    if (!all) {
        return 0;
    }
    (void)aai_ompt_take(AAI_OMPT_JOIN);
    return 1;
}

static void finalize(ompt_word *data)
{
    (void)data;
    (void)aai_ompt_take(AAI_OMPT_LEAVE);
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
