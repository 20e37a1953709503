/* Floor 6, scope: what an OMPT tool adds: live regions are counted per allocator, for the reset proof. The
 * tool itself is a library beside the core (src/ompt), which knows nothing of it until it joins.
 *
 * With R(a) the live regions of this process that were opened while a was current on the opening thread:
 *     cell.regions == (forks before this process, |R(a)|)
 *     clause 0 of the proof: |R(a)| == |{ r in R(a) : the caller runs inside r }|
 * A region opened before the tool joined is not counted; nothing counts after it left, when the runtime shuts
 * down and no longer says which regions end. A forked child has none of its parent's threads: what they
 * counted is of another process there, hence zero.
 *
 * Who: cell.regions is a relaxed atomic. It orders nothing: a reset that follows a region is ordered by the
 * user's own synchronisation, as the region's memory is. forks: changed in a child of one thread. */
#include "scope/scope.h"

#include <allocarrays/impl/ompt.h>

#include <pthread.h>

static const aai_ompt_tool *joined; /* release in join pairs with the acquire in tool */
static uint32_t forks;

static const aai_ompt_tool *tool(void)
{
    return __atomic_load_n(&joined, __ATOMIC_ACQUIRE);
}

static uint64_t count_of(uint64_t regions)
{
    return regions >> 32 == forks ? (uint32_t)regions : 0;
}

static uint64_t with_count(uint64_t count)
{
    return (uint64_t)forks << 32 | count;
}

static void count_up(aai_cell *cell)
{
    uint64_t now = AAI_LOAD(cell->regions);
    while (!__atomic_compare_exchange_n(&cell->regions, &now, with_count(count_of(now) + 1), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* Not below zero: a region around a fork may end in the child, where it never began. */
static void count_down(aai_cell *cell)
{
    uint64_t now = AAI_LOAD(cell->regions);
    while (count_of(now) > 0 &&
           !__atomic_compare_exchange_n(&cell->regions, &now, with_count(count_of(now) - 1), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static uintptr_t scope_get(void)
{
    return aai_omp_carries() ? aai_omp_default_get() : 0;
}

/* The thread's record of scopes remembers the last handle: only a change takes the lock of the table. */
static const aai_region_scope *region_begin(void)
{
    const uintptr_t handle = scope_get();
    if (handle == 0) {
        return NULL;
    }
    (void)aai_scopes_mine();
    const aai_handle *const scope = aai_handle_find(handle);
    if (scope == NULL || scope->cell == NULL || !aai_alive(scope->cell, scope->id)) {
        return NULL;
    }
    count_up(scope->cell);
    return scope;
}

/* The cell of an allocator that is gone may serve another by now. */
static void region_end(const aai_region_scope *scope)
{
    if (scope != NULL && aai_alive(scope->cell, scope->id)) {
        count_down(scope->cell);
    }
}

static void forked(void)
{
    ++forks;
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forked);
}

const aai_ompt_core *aai_ompt_join(const aai_ompt_tool *who)
{
    static const aai_ompt_core core = {.scope_get = scope_get,
                                       .scope_set = aai_omp_default_set,
                                       .region_begin = region_begin,
                                       .region_end = region_end};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    __atomic_store_n(&joined, who, __ATOMIC_RELEASE);
    return &core;
}

bool aai_ompt_is_active(void)
{
    return tool() != NULL;
}

uint64_t aai_ompt_regions_of_others(const aa_allocator *allocator)
{
    const aai_base *const base = aai_base_of(allocator);
    const aai_ompt_tool *const who = tool();
    const uint64_t live = who == NULL ? 0 : count_of(AAI_LOAD(base->cell->regions));
    if (live == 0) {
        return 0;
    }
    const uint64_t around = who->regions_around(aai_handle_find(AAI_LOAD(base->handle)));
    return live > around ? live - around : 0;
}
