/* Floor 5, alloc: the blocks behind a lane. Growth is geometric (half as much again as is held, so that n
 * bytes need O(log n) blocks); a reset folds the chain into one block of 1.1 x the largest use among the
 * last resets and gives memory back when that is under half of what is held.
 *
 *     committed = sum of the blocks' usable bytes;  beyond = those of blocks that the fallback gave
 *     committed - beyond <= capacity (when there is one), also during a fold
 *
 * Source: AllocArrays.jl's AutoscalingAllocBuffer. */
#include "alloc/lane.h"
#include "alloc/timeline.h"

#include "base/plant.h"
#include "memory/guard.h"
#include "os/tools.h"

enum { FIRST_BLOCK = 64 * 1024, FIRST_SHARED_BLOCK = 256 * 1024, LOST_RESETS = 8 };
enum { LAST_FALLBACK = 4 * 1024 * 1024 }; /* what is beyond a capacity does not grow with it */

/* Fully checked allocators count against their capacity elsewhere (watch.c), for redzones do not count. */
static size_t cap_of(const aai_base *base)
{
    return base->head.tier == AA_CHECKS_FULL && base->fallback == NULL ? 0 : base->capacity;
}

static size_t first_block(const aai_base *base)
{
    if (base->initial != 0) {
        return base->initial;
    }
    if (base->capacity != 0) {
        return base->capacity;
    }
    return base->head.kind == AAI_SHARED ? FIRST_SHARED_BLOCK : FIRST_BLOCK;
}

/* Of the pages that its blocks are to have. */
static size_t whole_pages(const aai_base *base, size_t bytes)
{
    const bool huge = (base->head.flags & AA_HUGEPAGES) != 0 && bytes >= AAI_HUGE_PAGE;
    size_t rounded;
    return aai_round_up(bytes, (huge ? AAI_HUGE_PAGE : aai_page_size()) - 1, &rounded) ? rounded
                                                                                       : bytes;
}

static size_t left(const aai_base *base, const aai_chain *chain)
{
    const size_t cap = cap_of(base);
    return cap == 0 ? AAI_MAX_BYTES : cap - (chain->committed - chain->beyond);
}

static aai_guard_owner guard_owner(const aai_base *base)
{
    return (aai_guard_owner){.name = base->name, .id = base->id, .epoch = AAI_LOAD(base->resets)};
}

bool aai_chain_is_full(const aai_base *base, const aai_chain *chain, size_t least)
{
    return base->fallback != NULL && least > left(base, chain);
}

aai_block_request aai_chain_plan(const aai_base *base, const aai_chain *chain, size_t least,
                                 size_t alignment)
{
    const size_t room = left(base, chain);
    const size_t step =
        chain->count == 0
            ? first_block(base)
            : whole_pages(base, aai_add_capped(chain->committed, chain->committed / 2));
    const bool beyond = aai_chain_is_full(base, chain, least);
    const size_t wanted = beyond                  ? aai_max(aai_min(step, LAST_FALLBACK), least)
                          : base->upstream->whole ? room
                                                  : aai_min(aai_max(step, least), room);
    return (aai_block_request){.upstream = beyond ? base->fallback : base->upstream,
                               .beyond = beyond,
                               .least = beyond || least <= room ? least : 0,
                               .wanted = wanted,
                               .alignment = aai_max(alignment, base->head.mask + 1),
                               .flags = base->head.flags,
                               .owner = &base->head};
}

aai_block *aai_chain_take(aai_base *base, aai_block_request *request)
{
    const aai_guard_owner owner = guard_owner(base);
    request->guard = base->guard && !request->beyond ? &owner : NULL;
    AAI_ADD(base->upstream_calls, 1);
    AAI_STORE(base->caller, aai_self()->id);
    AAI_ADD(base->calls, 1);
    aai_callback_begin();
    aai_block *block = aai_block_take(request);
    if (block == NULL && base->fallback != NULL && !request->beyond) {
        request->upstream = base->fallback;
        request->beyond = true;
        request->guard = NULL;
        block = aai_block_take(request);
    }
    aai_callback_end();
    AAI_SUB(base->calls, 1);
    request->guard = NULL; /* it was ours */
    if (block != NULL && base->guard && !block->guarded) {
        AAI_ADD(base->guard_misses, 1);
    }
    aai_timeline_block(base, request->wanted, block == NULL ? 0 : block->bytes);
    return block;
}

/* An allocator that only grows: say so once, with the blocks it took. */
static void warn_of_lost_resets(aai_base *base, const aai_chain *chain)
{
    if (chain->count < LOST_RESETS || AAI_LOAD(base->resets) != 0 || AAI_LOAD(base->warned) != 0) {
        return;
    }
    char curve[256] = "";
    size_t used = 0;
    for (const aai_block *block = chain->blocks; block != NULL && used < sizeof curve - 24;
         block = block->next) {
        used += (size_t)snprintf(curve + used, sizeof curve - used, " %zu", block->bytes);
    }
    aai_warn_once(&base->warned,
                  "'%s' grew to %zu bytes in %zu blocks and was never reset; newest first:%s",
                  base->name, chain->committed, chain->count, curve);
}

size_t aai_chain_add(aai_base *base, aai_chain *chain, aai_block *block)
{
    const size_t usable = block->beyond ? block->bytes : aai_min(block->bytes, left(base, chain));
    chain->beyond += block->beyond ? usable : 0;
    if (chain->blocks != NULL) {
        AAI_ADD(base->growths, 1);
    }
    block->usable = usable;
    block->next = chain->blocks;
    chain->blocks = block;
    AAI_STORE(chain->count, chain->count + 1);
    AAI_STORE(chain->taken, chain->taken + 1);
    AAI_STORE(chain->committed, chain->committed + usable);
    if (base->head.tier == AA_CHECKS_FULL) {
        aai_tools_poison(block->start, block->bytes);
        warn_of_lost_resets(base, chain);
    }
    return usable;
}

void aai_chain_refused(const aai_base *base, const aai_chain *chain, size_t bytes)
{
    if (base->capacity != 0) {
        (void)aai_fail(AA_NOMEM, "'%s': %zu bytes asked, %zu held, capacity %zu", base->name, bytes,
                       chain->committed, base->capacity);
    } else {
        (void)aai_fail(AA_NOMEM, "'%s': %zu bytes asked, %zu held; the upstream refused",
                       base->name, bytes, chain->committed);
    }
}

static void give_blocks(aai_base *base, aai_block *block)
{
    aai_callback_begin();
    while (block != NULL) {
        aai_block *const next = block->next;
        AAI_ADD(base->upstream_calls, 1);
        if (base->head.tier == AA_CHECKS_FULL) {
            aai_tools_unpoison(block->start, block->bytes, false);
        }
        aai_block_give(block);
        block = next;
    }
    aai_callback_end();
}

bool aai_chain_grow(aai_base *base, aai_chain *chain, size_t least, size_t alignment,
                    aai_piece *piece)
{
    aai_block_request request = aai_chain_plan(base, chain, least, alignment);
    aai_block *const block = request.least == 0 ? NULL : aai_chain_take(base, &request);
    if (block == NULL) {
        return false;
    }
    const size_t usable = aai_chain_add(base, chain, block);
    piece->start = block->start;
    piece->limit = block->start + usable;
    return true;
}

bool aai_chain_init(aai_base *base, aai_chain *chain, aai_lane *lane)
{
    chain->history = aai_calloc((size_t)base->history * sizeof *chain->history);
    if (chain->history == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for an allocator's history");
        return false;
    }
    if ((base->head.flags & AA_PREFAULT) == 0) {
        return true;
    }
    aai_piece piece;
    if (aai_chain_grow(base, chain, base->head.mask + 1, base->head.mask + 1, &piece) &&
        aai_lane_offer(lane, piece.start, piece.limit)) {
        aai_lane_open_spare(lane);
        return true;
    }
    aai_chain_refused(base, chain, first_block(base));
    aai_chain_fini(base, chain);
    return false;
}

/* ---- autoscaling --------------------------------------------------------------------------------------- */

static size_t remember(const aai_base *base, aai_chain *chain, size_t use)
{
    AAI_STORE(chain->largest, aai_max(chain->largest, use));
    chain->history[chain->next] = use;
    chain->next = (chain->next + 1) % base->history;
    chain->remembered += chain->remembered < base->history;
    size_t largest = 0;
    for (int i = 0; i < chain->remembered; ++i) {
        largest = aai_max(largest, chain->history[i]);
    }
    return largest;
}

/* A cap without a first size is one block for good; so is a caller's buffer. */
static bool is_fixed(const aai_base *base)
{
    return (cap_of(base) != 0 && base->initial == 0) || base->upstream->whole;
}

static aai_block *take_folded(aai_base *base, size_t bytes, size_t touched)
{
    aai_block_request request = {.upstream = base->upstream,
                                 .least = bytes,
                                 .wanted = bytes,
                                 .alignment = base->head.mask + 1,
                                 .flags = base->head.flags,
                                 .owner = &base->head};
    aai_block *const block = aai_chain_take(base, &request);
    if (block != NULL && (base->head.flags & AA_FIRST_TOUCH) == 0) { /* else by who uses it */
        aai_pages_populate(block->start, aai_min(touched, block->bytes));
    }
    return block;
}

static void drop_blocks(aai_base *base, aai_chain *chain)
{
    aai_block *const old = chain->blocks;
    chain->blocks = NULL;
    chain->beyond = 0;
    AAI_STORE(chain->count, 0);
    AAI_STORE(chain->committed, 0);
    give_blocks(base, AAI_PLANT(FOLD_LEAKS) && old != NULL ? old->next : old);
}

/* Replace the chain by one block. Under a cap the old memory goes first; else the new one comes first, and
 * when it is refused everything stays as it is. */
static bool fold(aai_base *base, aai_chain *chain, aai_lane *lane, size_t bytes, size_t touched)
{
    aai_block *block = NULL;
    if (cap_of(base) == 0) {
        block = take_folded(base, bytes, touched);
        if (block == NULL) {
            return false;
        }
    }
    aai_lane_clear(lane); /* while its memory is there */
    drop_blocks(base, chain);
    if (block == NULL) {
        block = take_folded(base, bytes, touched);
    }
    if (block != NULL) {
        const size_t usable = aai_chain_add(base, chain, block);
        const bool noted = aai_lane_offer(lane, block->start, block->start + usable);
        aai_assert(noted); /* the lane had at least one piece before */
    }
    return true;
}

/* Guarded: the same pages at new addresses, the lane starts over on them. One that must stay is counted. */
static void move_blocks(aai_base *base, aai_chain *chain, aai_lane *lane)
{
    const aai_guard_owner owner = guard_owner(base);
    aai_lane_clear(lane);
    for (aai_block *block = chain->blocks; block != NULL; block = block->next) {
        if (!aai_block_move(block, &owner)) {
            AAI_ADD(base->guard_misses, 1);
        } else if (base->head.tier == AA_CHECKS_FULL) {
            aai_tools_poison(block->start, block->bytes);
        }
        const bool noted = aai_lane_offer(lane, block->start, block->start + block->usable);
        aai_assert(noted); /* the lane had a piece for each block before */
    }
}

void aai_chain_reset(aai_base *base, aai_chain *chain, aai_lane *lane, size_t use, size_t extra)
{
    const size_t largest = remember(base, chain, use);
    size_t target = aai_add_capped(aai_add_capped(largest, largest / 10), extra);
    target = whole_pages(base, aai_max(target, first_block(base)));
    if (cap_of(base) != 0) {
        target = aai_min(target, cap_of(base));
    }
    const bool shrinks = target < chain->committed / 2;
    const bool folds =
        chain->beyond != 0
            ? cap_of(base) == 0 || aai_add_capped(largest, extra) <= cap_of(base)
            : !is_fixed(base) && (chain->count > 1 || (chain->count == 1 && shrinks));
    if (!folds || !fold(base, chain, lane, target, aai_add_capped(largest, extra))) {
        if (base->guard) {
            move_blocks(base, chain, lane);
        } else {
            aai_lane_recycle(lane);
        }
    }
    aai_lane_open_spare(lane);
}

void aai_chain_sizing(const aai_chain *chain, const aai_lane *lane, aai_sizing *sizing)
{
    const size_t largest = aai_max(AAI_LOAD(chain->largest), aai_lane_round_seen(lane));
    const uint64_t taken = AAI_LOAD(chain->taken);
    sizing->bytes = aai_max(sizing->bytes, whole_pages(aai_base_of(lane->allocator), largest));
    sizing->blocks += taken;
    sizing->chains += taken != 0;
}

void aai_chain_fini(aai_base *base, aai_chain *chain)
{
    drop_blocks(base, chain);
    aai_mfree(chain->history);
    chain->history = NULL;
}
