/* Floor 6, scope: what an OMPT tool adds: live regions are counted per allocator, for the reset proof. The
 * tool itself is a library beside the core (src/ompt), which knows nothing of it until it joins.
 *
 * Regions of one thread end in the reverse order of their beginning, so each thread keeps those it opened on
 * a stack: s1 .. sn, with si the scope that region i was opened under (nothing, where that is none of ours).
 *     cell(a).regions == number of si that are a, over all threads
 *     own(a)          == number of si that are a on the caller's stack, without leagues
 * A league never is the caller's own, for the threads of its other teams are nobody's team. A region opened
 * before the tool joined is on no stack. Once the tool has left nothing counts: the runtime is shutting down
 * and no longer says which regions end.
 *
 * Who: a stack is its thread's; a forked child ends those of the threads it has not. cell.regions is a relaxed
 * atomic that orders nothing: a reset that follows a region is ordered by the user's own synchronisation. */
#include "scope/timeline.h"

#include <allocarrays/impl/ompt.h>

static bool active; /* relaxed: a report more or less while the runtime starts or ends */

static uintptr_t scope_get(void)
{
    return aai_omp_carries() ? aai_omp_default_get() : 0;
}

static const aai_handle *scope_find(void)
{
    const aai_handle *const found = aai_handle_find(scope_get()); /* none of ours is 0 */
    const bool counts = found != NULL && found->cell != NULL && aai_alive(found->cell, found->id);
    return counts ? found : NULL;
}

/* Without memory a region is neither counted nor recorded, but keeps its place in the order: the list has a region if and
 * only if its index is below the capacity. */
static void region_begin(aai_region_kind kind)
{
    aai_scopes *const mine = aai_scopes_mine();
    if (mine == NULL) {
        return;
    }
    const aai_handle *const scope = scope_find();
    const size_t index = mine->region_depth++;
    const bool is_dense = index <= mine->region_capacity; /* not above one that found no memory */
    if (!is_dense || !aai_vector_grow((void **)&mine->regions, &mine->region_capacity, index,
                                      sizeof *mine->regions)) {
        return;
    }
    mine->regions[index] =
        (aai_region){.scope = scope, .depth = mine->depth, .is_league = kind == AAI_REGION_LEAGUE};
    aai_timeline_region_begin(&mine->regions[index]);
    if (scope != NULL) {
        AAI_ADD(scope->cell->regions, 1);
    }
}

/* The cell of an allocator that is gone may serve another by now. */
static void drop_region(aai_scopes *scopes)
{
    const size_t index = --scopes->region_depth;
    const aai_handle *const scope =
        index < scopes->region_capacity ? scopes->regions[index].scope : NULL;
    if (scope != NULL && aai_alive(scope->cell, scope->id)) {
        AAI_SUB(scope->cell->regions, 1);
    }
}

static void region_end(void)
{
    const aai_thread *const self = aai_self();
    aai_scopes *const mine = self == NULL ? NULL : self->scopes;
    if (mine != NULL && mine->region_depth > 0) {
        if (mine->region_depth <= mine->region_capacity) {
            aai_timeline_region_end(&mine->regions[mine->region_depth - 1]);
        }
        drop_region(mine);
    }
}

void aai_regions_end(aai_scopes *scopes)
{
    while (scopes->region_depth > 0) {
        drop_region(scopes);
    }
}

uint64_t aai_regions_own(const aa_allocator *allocator)
{
    const aai_thread *const self = aai_self();
    const aai_scopes *const mine = self == NULL ? NULL : self->scopes;
    const aai_base *const base = aai_base_of(allocator);
    uint64_t count = 0;
    for (size_t i = 0; mine != NULL && i < aai_min(mine->region_depth, mine->region_capacity);
         ++i) {
        const aai_region *const region = &mine->regions[i];
        count += region->scope != NULL && !region->is_league && region->scope->id == base->id;
    }
    return count;
}

uint64_t aai_regions_live(const aa_allocator *allocator)
{
    return aai_ompt_is_active() ? AAI_LOAD(aai_base_of(allocator)->cell->regions) : 0;
}

bool aai_ompt_is_active(void)
{
    return AAI_LOAD(active);
}

const aai_ompt_core *aai_ompt_take(aai_ompt_step step)
{
    static const aai_ompt_core core = {.scope_get = scope_get,
                                       .scope_set = aai_omp_default_set,
                                       .region_begin = region_begin,
                                       .region_end = region_end};
    AAI_STORE(active, step == AAI_OMPT_JOIN);
    return &core;
}
