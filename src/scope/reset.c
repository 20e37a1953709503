/* Floor 6, scope: the reset barrier: prove that nothing is using an allocator, then take its memory back.
 *
 * The proof is a conjunction; each clause is a rule of the report. With a = the allocator, t = the caller:
 *     0  (OMPT) regions live under the scope of a == those that the caller opened
 *     1  level(t) <= birth_level(a)                        no region is open around the caller
 *     2  level(t) == birth_level(a) > 0  =>  t made a, and nobody else there or outside took memory since;
 *        0 < level(t) < birth_level(a)   =>  a was made inside t's own inner regions, and nobody outside took any;
 *                                            an arena, whose bumps leave no trace: t made it
 *        (a team: no outer region between has other threads, and the same of its common ancestors)
 *     3  holders(a) == the caller's own open scopes and tokens for a
 *     4  no other thread has an open mark in a;  5  nothing of a is pinned
 *     6  (shared) no thread is between the lock and the upstream; the reset method asks again, under its lock
 *     7  no thread waits in aa_reset_team for a
 * A private allocator's arena is its thread's alone: clauses 1 and 2 give way to "t owns it".
 * Leases of other threads and arrays count for nothing. What inline bumps do leaves no trace: another host
 * thread's region that uses an explicit handle and no scope is not seen. */
#include "scope/scope.h"

#include "alloc/timeline.h"
#include "base/plant.h"
#include "os/tools.h"

#include <allocarrays/array.h>
#include <allocarrays/impl/inject.h>

bool aa_in_parallel(void)
{
    return aai_omp_level() > 0 || aai_omp_in_parallel();
}

/* The nesting level around the caller. A target region on the host hides it from the runtime, but not a scope
 * that this thread opened inside a region and still has open. */
static int level_of_caller(void)
{
    const int level = aai_omp_level(), opened = aai_scopes_deepest();
    return level > opened ? level : opened;
}

/* takers: who took memory, as far as this reset minds. */
static aa_status refuse_others(const aai_base *base, aai_site site, uint64_t takers)
{
    const char *const who =
        (takers & AAI_TAKEN_BESIDE) != 0    ? "threads beside its creator took memory"
        : (takers & AAI_TAKEN_OUTSIDE) != 0 ? "threads elsewhere took memory"
        : (takers & AAI_TAKEN_AWAY) != 0    ? "its creator took memory in another thread's region"
                                            : "threads that are not here may have it";
    return aai_violate(
        AA_RESET_IN_PARALLEL, &base->head, site,
        "other threads of an open region may be using '%s', which thread %llu created at "
        "level %d: %s since reset %llu; use aa_reset_team where all of them can call it, or "
        "reset after the region",
        base->name, (unsigned long long)base->creator, base->birth_level, who,
        (unsigned long long)AAI_LOAD(base->resets));
}

/* Clauses 1 and 2. */
static aa_status refuse_level(const aai_base *base, aai_site site)
{
    const int level = level_of_caller();
    if (level > base->birth_level) {
        return aai_violate(
            AA_RESET_IN_PARALLEL, &base->head, site,
            "a parallel region is active: nesting level %d, here thread %d of %d, and '%s' "
            "was created at level %d; reset after the region, or with aa_reset_team by "
            "all its threads",
            level, aai_omp_thread_num(), aai_omp_num_threads(), base->name, base->birth_level);
    }
    if (level == 0) {
        return AA_OK;
    }
    if (level == base->birth_level && aai_self()->id != base->creator) {
        return aai_violate(
            AA_RESET_IN_PARALLEL, &base->head, site,
            "'%s' was created inside this region by thread %llu; only that thread may "
            "reset it here (or all of them, with aa_reset_team)",
            base->name, (unsigned long long)base->creator);
    }
    const bool is_creator = aai_self()->id == base->creator;
    const uint64_t minded = (level == base->birth_level ? AAI_TAKEN_BESIDE : 0) |
                            (is_creator ? 0 : AAI_TAKEN_AWAY) | AAI_TAKEN_OUTSIDE;
    const bool untraced = base->head.kind == AAI_ARENA && !is_creator; /* its owner bumps inline */
    const uint64_t takers = aai_origin_takers(&base->head) & minded;
    const bool others = !aai_origin_shared_to(base, level) || untraced || takers != 0;
    return others ? refuse_others(base, site, takers) : AA_OK;
}

aa_status aai_prove_team_alone(const aa_allocator *allocator, aai_site site)
{
    const aai_base *const base = aai_base_of(allocator);
    const int level = aai_omp_level(), birth = base->birth_level;
    bool alone = true;
    for (int outer = birth + 1; outer < level && alone; ++outer) {
        alone = aai_omp_team_size(outer) == 1;
    }
    const int common =
        birth < level - 1 ? birth : level - 1; /* above that the team's threads differ */
    alone = alone && aai_origin_shared_to(base, common);
    const uint64_t takers = birth == 0 || level < birth ? 0 : aai_origin_takers(allocator);
    const uint64_t strangers =
        takers & (level > birth ? AAI_TAKEN_BESIDE | AAI_TAKEN_OUTSIDE
                                : AAI_TAKEN_OUTSIDE); /* at the level of birth all are here */
    return alone && strangers == 0 ? AA_OK : refuse_others(base, site, strangers);
}

/* thread 0: it has left meanwhile. */
static aa_status refuse_busy(const aa_allocator *allocator, aai_site site, uint64_t thread)
{
    char which[48] = "another thread";
    if (thread != 0) {
        (void)snprintf(which, sizeof which, "thread %llu", (unsigned long long)thread);
    }
    return aai_violate(
        AA_RESET_IN_USE, allocator, site,
        "%s is inside a call to '%s' right now, in its upstream; let it return, then reset", which,
        aa_name(allocator));
}

static aa_status refuse_marks(const aa_allocator *allocator, aai_site site, const aai_marks *marks,
                              uint64_t count)
{
    return aai_violate(
        AA_RESET_IN_USE, allocator, site,
        "other threads have %llu open mark(s) or scratch(es) in '%s': thread %llu since its "
        "allocation %llu; end them, then reset",
        (unsigned long long)count, aa_name(allocator), (unsigned long long)marks->other,
        (unsigned long long)marks->since);
}

static aa_status refuse_pins(const aa_allocator *allocator, aai_site site, uint64_t count)
{
    aai_pinned pin;
    char which[96] = "";
    const bool found = allocator->ops->find_pin != NULL
                           ? allocator->ops->find_pin(allocator, &pin)
                           : aai_cell_find_pin(aai_base_of(allocator)->cell, &pin);
    if (found) {
        (void)snprintf(which, sizeof which, " thread %llu pinned allocation %llu of its thread;",
                       (unsigned long long)pin.thread, (unsigned long long)pin.ordinal);
    }
    return aai_violate(
        AA_RESET_IN_USE, allocator, site,
        "%llu pin(s) on arrays of '%s':%s a kernel or borrower is using them; aa_unpin, "
        "then reset",
        (unsigned long long)count, aa_name(allocator), which);
}

static aa_status refuse_regions(const aa_allocator *allocator, aai_site site, uint64_t own)
{
    const uint64_t live = aai_regions_live(allocator);
    if (live <= own) {
        return AA_OK;
    }
    char where[256];
    aai_scopes_describe(allocator, where, sizeof where);
    return aai_violate(
        AA_RESET_IN_PARALLEL, allocator, site,
        "%llu parallel region(s) that other threads opened under the scope of '%s' are "
        "live (counted by OMPT):%s wait until they have ended, then reset",
        (unsigned long long)(live - own), aa_name(allocator), where);
}

uint64_t aai_pins(const aa_allocator *allocator)
{
    const aai_cell *const cell = allocator == NULL ? NULL : aai_base_of(allocator)->cell;
    if (cell == NULL) { /* the heap's arrays have a cell each; a destroyed one's are gone */
        return 0;
    }
    const uint64_t inner =
        allocator->ops->inner_pins == NULL ? 0 : allocator->ops->inner_pins(allocator);
    return AAI_LOAD(cell->pins) + inner;
}

aa_status aai_prove_no_holders(const aa_allocator *allocator, aai_site site, uint64_t own_regions,
                               uint64_t own_scopes, uint64_t own_marks)
{
    const aa_status regions = refuse_regions(allocator, site, own_regions);
    if (regions != AA_OK) {
        return regions;
    }
    const aai_base *const base = aai_base_of(allocator);
    const uint64_t holders = AAI_LOAD(base->cell->holders);
    if (holders > own_scopes && !AAI_PLANT(SCOPES_UNASKED)) {
        char where[256];
        aai_scopes_describe(allocator, where, sizeof where);
        return aai_violate(
            AA_RESET_IN_USE, allocator, site,
            "%llu scope(s) or token(s) of other threads are open for '%s':%s end them, "
            "then reset",
            (unsigned long long)(holders - own_scopes), base->name, where);
    }
    const aai_marks marks = allocator->ops->marks(allocator, aai_self()->id);
    if (marks.others > own_marks && !AAI_PLANT(MARKS_UNASKED)) {
        return refuse_marks(allocator, site, &marks, marks.others - own_marks);
    }
    const uint64_t pins = aai_pins(allocator);
    if (pins != 0) {
        return refuse_pins(allocator, site, pins);
    }
    const uint64_t busy = allocator->ops->busy == NULL ? 0 : allocator->ops->busy(allocator);
    return busy != 0 ? refuse_busy(allocator, site, busy) : AA_OK;
}

static bool is_foreign(const aai_base *base)
{
    const bool owned = base->head.kind == AAI_ARENA &&
                       (base->head.tier != AA_CHECKS_NONE || aai_arena_is_private(&base->head));
    return owned && aai_self()->id != base->creator;
}

aa_status aai_prove_quiescent(const aa_allocator *allocator, aai_site site)
{
    const aai_base *const base = aai_base_of(allocator);
    if (is_foreign(base)) {
        return aai_foreign_thread(base, site);
    }
    if (!aai_arena_is_private(allocator)) {
        const aa_status level = refuse_level(base, site);
        if (level != AA_OK) {
            return level;
        }
    }
    const aa_status held = aai_prove_no_holders(allocator, site, aai_regions_own(allocator),
                                                aai_scopes_own(allocator), 0);
    if (held == AA_OK && aai_team_is_arriving(allocator)) {
        return aai_violate(AA_RESET_IN_USE, allocator, site,
                           "a team is arriving at aa_reset_team for '%s'; let it finish first",
                           base->name);
    }
    return held;
}

/* A method of ours that found calls under way, which began after the proof, has changed nothing. A user's method that says
 * AA_BUSY means something else, and custom.c has said it. */
aa_status aai_reset_now(aa_allocator *allocator, aai_site site)
{
    aai_tools_race_write(
        &allocator->mask); /* before the locks of the reset, which would order it */
    const aa_status status = allocator->ops->reset(allocator);
    const bool found_calls = status == AA_BUSY && allocator->kind != AAI_CUSTOM;
    return found_calls ? refuse_busy(allocator, site, 0) : status;
}

static aa_status reset_entered(aa_allocator *allocator, aai_site site)
{
    if (allocator->kind == AAI_GONE) {
        return aai_report_gone(allocator, site);
    }
    if (allocator->ops->reset == NULL) {
        return aai_fail(AA_UNSUPPORTED, "aa_reset: '%s' cannot be reset", aa_name(allocator));
    }
    aai_omp_look_again();
    const aa_status quiet = aai_prove_quiescent(allocator, site);
    return quiet != AA_OK ? quiet : aai_reset_now(allocator, site);
}

aa_status aai_reset_at(aa_allocator *allocator, const char *file, int line)
{
    aai_op op;
    const aai_site site = {"aa_reset", file, line};
    const aa_status entered = aai_enter_at(&op, &allocator, site);
    if (entered != AA_OK) {
        return entered;
    }
    aai_span span;
    aai_span_begin(&span, allocator, site);
    const aa_status status = reset_entered(allocator, site);
    aai_span_end(&span, status);
    aai_leave(&op);
    return status;
}

aa_status(aa_reset)(aa_allocator *allocator)
{
    return aai_reset_at(allocator, NULL, 0);
}

static aa_status destroy_entered(aa_allocator *allocator, aai_site site)
{
    if (allocator->kind == AAI_GONE) {
        return aai_report_gone(allocator, site);
    }
    if (allocator->ops->destroy == NULL) {
        return aai_fail(AA_UNSUPPORTED, "aa_destroy: '%s' is for good", aa_name(allocator));
    }
    if (aai_arena_is_private(allocator)) {
        return aai_fail(AA_INVALID, "aa_destroy: an arena of a private allocator ends with it");
    }
    aai_omp_look_again();
    const aa_status quiet = aai_prove_quiescent(allocator, site);
    if (quiet != AA_OK) {
        return quiet;
    }
    aai_base_destroy(aai_base_of(allocator));
    return AA_OK;
}

aa_status aa_destroy(aa_allocator *allocator)
{
    if (allocator == NULL) {
        return AA_OK;
    }
    aai_op op;
    const aai_site site = {"aa_destroy", NULL, 0};
    const aa_status entered = aai_enter_at(&op, &allocator, site);
    if (entered != AA_OK) {
        return entered;
    }
    aai_span span;
    aai_span_begin(&span, allocator, site);
    const aa_status status = destroy_entered(allocator, site);
    aai_span_end(&span, status);
    aai_leave(&op);
    return status;
}
