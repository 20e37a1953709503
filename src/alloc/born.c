/* Floor 5, alloc: allocation for arrays: the fast path that also says what was born, and validity. */
#include "alloc/arena.h"

/* The lane whose window this thread may bump through now, NULL: take the slow path. */
static aai_lane *fast_lane(aa_allocator *allocator)
{
    if (allocator->kind == AAI_ARENA) {
        return aai_is_fast(aai_base_of(allocator)) ? &aai_arena_of(allocator)->lane : NULL;
    }
    if (aa_tls.slot[allocator->slot].key != allocator->key) {
        return NULL;
    }
    aai_window *const window = aa_tls.slot[allocator->slot].window;
    if (allocator->kind == AAI_SHARED) {
        return aai_container_of(window, aai_lane, own);
    }
    aa_allocator *const arena = aai_container_of(window, aa_allocator, window);
    return &aai_arena_of(arena)->lane;
}

aai_lane *aai_own_lane(aa_allocator *allocator)
{
    if (allocator->kind == AAI_ARENA) {
        return aai_base_of(allocator)->creator == aa_tls.thread_id ? &aai_arena_of(allocator)->lane
                                                                   : NULL;
    }
    aai_lane *const fast = fast_lane(allocator);
    if (fast != NULL || aai_self() == NULL) {
        return fast;
    }
    aai_lane *const lane = aai_place_find(aai_self(), aai_base_of(allocator)->id);
    const bool is_old =
        lane != NULL && allocator->kind == AAI_SHARED && lane->key != allocator->key;
    return is_old ? NULL : lane;
}

static void *bump_born(aai_lane *lane, aai_request *request)
{
    const size_t rounded = (request->bytes + lane->mask) & ~lane->mask;
    if (request->alignment > lane->mask + 1 || !aai_fits(lane->window, rounded)) {
        return NULL;
    }
    request->born = (aai_validity){.cell = lane->cell,
                                   .key = lane->allocator->key,
                                   .epoch = AAI_LOAD(lane->cell->epoch),
                                   .ordinal = lane->window->count};
    return aai_bump(lane->window, rounded);
}

void *aai_alloc_born(aa_allocator *allocator, aai_request *request)
{
    request->how |= AAI_BORN;
    aai_lane *const lane = fast_lane(allocator);
    void *const p = lane == NULL ? NULL : bump_born(lane, request);
    return p != NULL ? p : aai_serve(allocator, request, "aa_empty");
}

bool aai_valid(const aai_validity *v)
{
    if (v->cell == NULL) {
        return true;
    }
    const aai_cell *const home = AAI_LOAD(v->cell->home);
    return AAI_LOAD(home->key) == v->key && aai_cell_survived(v->cell, v->epoch, v->ordinal);
}
