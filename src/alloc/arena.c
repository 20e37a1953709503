/* Floor 5, alloc: the arena: one lane fed by its own blocks. Owner thread only, no lock.
 *
 *     fast tier: head.window is the lane's window;  checked or zeroed: head.window stays empty */
#include "alloc/arena.h"

#include <allocarrays/arena.h>

static bool feed(aai_lane *lane, aai_piece_kind kind, size_t least, size_t alignment,
                 aai_piece *piece)
{
    (void)kind; /* whole_above is SIZE_MAX: always a window */
    aai_arena *const arena = aai_arena_of_lane(lane);
    if (aai_chain_grow(&arena->base, &arena->chain, least, alignment, piece)) {
        return true;
    }
    aai_chain_refused(&arena->base, &arena->chain, lane->asked);
    return false;
}

bool aai_arena_is_private(const aa_allocator *allocator)
{
    return allocator->kind == AAI_ARENA && aai_arena_of(allocator)->parent != NULL;
}

/* Checked tiers: the caller must be the owner. */
static aa_status check_owner(const aai_arena *arena)
{
    if (arena->base.head.tier == AA_CHECKS_NONE || aai_self()->id == arena->base.creator) {
        return AA_OK;
    }
    return aai_foreign_thread(&arena->base, aai_call_site());
}

/* Checked tiers: come in after check_owner. Two at once is possible when a call hands the arena on, by
 * aa_arena_adopt, that its former owner is still inside. Relaxed: a race detector must see the users' race. */
static void come_in(aai_arena *arena)
{
    if (arena->base.head.tier == AA_CHECKS_NONE) {
        return;
    }
    const uint64_t self = aai_self()->id;
    const uint64_t other = __atomic_exchange_n(&arena->base.inside, self, __ATOMIC_RELAXED);
    if (other != 0) { /* not this thread: the door lets it in once */
        (void)aai_violate(
            AA_RACE, &arena->base.head, aai_call_site(),
            "threads %llu and %llu are inside arena '%s' at once, and it has no lock; hand "
            "an arena on between calls, or take a shared allocator",
            (unsigned long long)other, (unsigned long long)self, arena->base.name);
    }
}

static void go_out(aai_arena *arena)
{
    if (arena->base.head.tier != AA_CHECKS_NONE) {
        AAI_STORE(arena->base.inside, 0);
    }
}

aa_status aai_foreign_thread(const aai_base *base, aai_site site)
{
    return aai_violate(
        AA_FOREIGN_THREAD, &base->head, site,
        "arena '%s' belongs to thread %llu; only its owner may use it (aa_arena_adopt "
        "moves it, shared and private serve many threads)",
        base->name, (unsigned long long)base->creator);
}

static void *arena_alloc(aa_allocator *allocator, aai_request *request)
{
    aai_arena *const arena = aai_arena_of(allocator);
    if (check_owner(arena) != AA_OK) {
        return NULL;
    }
    come_in(arena);
    aai_arena_note_taking(arena);
    void *const p = aai_lane_alloc(&arena->lane, request);
    go_out(arena);
    return p;
}

static aa_status arena_free(aa_allocator *allocator, void *pointer, size_t bytes,
                            const aai_validity *born)
{
    aai_arena *const arena = aai_arena_of(allocator);
    const aa_status status = check_owner(arena);
    if (status != AA_OK) {
        return status;
    }
    const aa_status known = aai_lane_check_pointer(&arena->lane, pointer);
    if (known != AA_OK) {
        return known;
    }
    come_in(arena);
    (void)aai_lane_free(&arena->lane, pointer, bytes, born);
    go_out(arena);
    return AA_OK;
}

static aai_resized arena_resize(aa_allocator *allocator, void *pointer, size_t old_bytes,
                                size_t new_bytes)
{
    aai_arena *const arena = aai_arena_of(allocator);
    if (check_owner(arena) != AA_OK || aai_lane_check_pointer(&arena->lane, pointer) != AA_OK) {
        return AAI_REFUSED;
    }
    come_in(arena);
    aai_arena_note_taking(arena);
    const aai_resized resized = aai_lane_resize(&arena->lane, pointer, old_bytes, new_bytes);
    go_out(arena);
    return resized;
}

static aa_status arena_mark(aa_allocator *allocator, aa_mark *mark)
{
    aai_arena *const arena = aai_arena_of(allocator);
    const aa_status status = check_owner(arena);
    return status != AA_OK ? status : aai_lane_mark_take(&arena->lane, mark);
}

static aa_status arena_unmark(const aa_mark *mark, aai_mark_end end)
{
    return aai_lane_unmark(&aai_arena_of(mark->allocator)->lane, mark, end);
}

void aai_arena_reset_to(aai_arena *arena, uint64_t key)
{
    aai_watch_verify(&arena->lane, 0);
    const size_t use = aai_lane_round_use(&arena->lane);
    aai_base_rekey(&arena->base, key);
    AAI_STORE(arena->base.takers, arena->settled); /* it counts once memory is taken again */
    aai_chain_reset(&arena->base, &arena->chain, &arena->lane, use, 0);
}

static aa_status arena_reset(aa_allocator *allocator)
{
    aai_arena *const arena = aai_arena_of(allocator);
    const uint64_t key = aai_unique_draw();
    if (key == 0) {
        return aai_fail(AA_OVERFLOW, "aa_reset: the epoch counter is at its end");
    }
    aai_arena_reset_to(arena, key);
    return AA_OK;
}

static void arena_destroy(aa_allocator *allocator)
{
    aai_arena *const arena = aai_arena_of(allocator);
    aai_watch_verify(&arena->lane, 0);
    aai_lane_clear(&arena->lane); /* before user code, the upstream, could bump through it */
    aai_chain_fini(&arena->base, &arena->chain);
    aai_lane_fini(&arena->lane);
}

static bool arena_owns(const aa_allocator *allocator, const void *pointer)
{
    return aai_map_owner(pointer) == allocator;
}

void aai_arena_stats_add(const aai_arena *arena, aa_stats *stats)
{
    const aai_base *const base = &arena->base;
    const size_t used = aai_lane_used(&arena->lane);
    stats->used += used;
    stats->peak += aai_max(AAI_LOAD(arena->lane.peak), used);
    stats->committed += AAI_LOAD(arena->chain.committed);
    stats->wasted += AAI_LOAD(arena->lane.wasted);
    stats->blocks += AAI_LOAD(arena->chain.count);
    stats->allocations += aai_lane_allocations(&arena->lane);
    stats->resets += AAI_LOAD(base->resets);
    stats->growths += AAI_LOAD(base->growths);
    stats->upstream_calls += AAI_LOAD(base->upstream_calls);
    stats->guard_misses += AAI_LOAD(base->guard_misses);
    stats->live_frees += AAI_LOAD(arena->lane.live_frees) + AAI_LOAD(base->unsized_frees);
}

static void arena_stats(const aa_allocator *allocator, aa_stats *stats)
{
    aai_arena_stats_add(aai_arena_of(allocator), stats);
}

void aai_arena_sizing_add(const aai_arena *arena, aai_sizing *sizing)
{
    aai_chain_sizing(&arena->chain, &arena->lane, sizing);
}

static void arena_sizing(const aa_allocator *allocator, aai_sizing *sizing)
{
    aai_arena_sizing_add(aai_arena_of(allocator), sizing);
}

/* Its marks are the owner's. */
static aai_marks arena_marks(const aa_allocator *allocator, uint64_t thread)
{
    const aai_arena *const arena = aai_arena_of(allocator);
    const uint64_t count = AAI_LOAD(arena->lane.mark_count);
    const uint64_t owner = arena->base.creator;
    aai_marks marks = {0};
    aai_marks_add(&marks, thread == owner, count, owner, AAI_LOAD(arena->lane.oldest_mark));
    return marks;
}

static uint64_t arena_busy(const aa_allocator *allocator)
{
    const aai_base *const base = aai_base_of(allocator);
    return AAI_LOAD(base->calls) != 0 ? AAI_LOAD(base->caller) : 0;
}

static const aai_ops arena_ops = {.kind = "arena",
                                  .alloc = arena_alloc,
                                  .free = arena_free,
                                  .resize = arena_resize,
                                  .mark = arena_mark,
                                  .unmark = arena_unmark,
                                  .reset = arena_reset,
                                  .destroy = arena_destroy,
                                  .owns = arena_owns,
                                  .stats = arena_stats,
                                  .sizing = arena_sizing,
                                  .marks = arena_marks,
                                  .busy = arena_busy};

aai_arena *aai_arena_make(const aa_options *options)
{
    aai_arena *const arena = aai_calloc(sizeof *arena);
    if (arena == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for an arena");
        return NULL;
    }
    if (aai_base_init(&arena->base, &arena_ops, AAI_ARENA, options) != AA_OK) {
        aai_mfree(arena);
        return NULL;
    }
    aai_lane_init(&arena->lane, &arena->base.head, arena->base.cell, feed);
    if (aai_is_fast(&arena->base)) {
        arena->lane.window = &arena->base.head.window;
    }
    if (!aai_watch_attach(&arena->lane) ||
        !aai_chain_init(&arena->base, &arena->chain, &arena->lane)) {
        aai_lane_fini(&arena->lane);
        aai_base_fini(&arena->base);
        aai_mfree(arena);
        return NULL;
    }
    return arena;
}

void aai_arena_trace(aai_arena *arena, const aai_base *origin)
{
    arena->base.traced = true;
    arena->origin = origin;
    arena->lane.own = *arena->lane.window;
    *arena->lane.window = (aai_window){NULL, NULL, 0};
    arena->lane.window = &arena->lane.own;
}

aa_allocator *aa_arena_create(const aa_options *options)
{
    aai_arena *const arena = aai_arena_make(options);
    if (arena == NULL) {
        return NULL;
    }
    aai_base_go_live(&arena->base);
    return &arena->base.head;
}

aa_status aa_arena_adopt(aa_allocator *allocator)
{
    aai_op op;
    const aa_status entered = aai_enter(&op, &allocator, "aa_arena_adopt");
    if (entered != AA_OK) {
        return entered;
    }
    aa_status status = AA_OK;
    aai_arena *const arena = aai_arena_of(allocator);
    if (allocator->kind == AAI_GONE) {
        status = aai_report_gone(allocator, aai_call_site());
    } else if (allocator->kind != AAI_ARENA || arena->parent != NULL) {
        status = aai_fail(AA_INVALID, "aa_arena_adopt: '%s' is not an arena of its own",
                          aa_name(allocator));
    } else if (AAI_LOAD(arena->lane.mark_count) != 0) {
        status = aai_fail(AA_BUSY, "aa_arena_adopt: '%s' has open marks", aa_name(allocator));
    } else if (arena->base.creator != aai_self()->id) {
        arena->base.creator = aai_self()->id;
        aai_lane_renew(&arena->lane);
    }
    aai_leave(&op);
    return status;
}
