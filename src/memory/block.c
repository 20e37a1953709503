/* Floor 4, memory: blocks and the map of their addresses. Lock: map_lock, no call out while held.
 *
 * In front of the map stands a count of blocks per granule of addresses, by its low bits:
 *     aai_granules[g mod AAI_GRANULES] == number of live (block, granule it touches with that remainder)
 * so that 0 proves, without the lock, that an address is none of ours: who has a pointer from us got it after
 * its block was counted. Relaxed: whatever brought the pointer ordered the count. A block is counted before it
 * is entered and until after it is withdrawn. */
#include "memory/guard.h"

#include "os/os.h"
#include "os/tools.h"
#include "sync/team.h"

#include <allocarrays/allocator.h>
#include <allocarrays/impl/serve.h>

static aai_lock map_lock = AAI_LOCK_INIT(AAI_RANK_MAP);
static aai_node *map_root;

uint32_t aai_granules[AAI_GRANULES];

/* Add one (or take it away: -1) to each granule that a block touches. */
static void count_granules(const aai_block *block, uint32_t change)
{
    const uintptr_t first = (uintptr_t)block->start >> AAI_GRANULE_BITS;
    const uintptr_t last = ((uintptr_t)block->start + block->bytes - 1) >> AAI_GRANULE_BITS;
    const uintptr_t count = last - first < AAI_GRANULES ? last - first + 1 : AAI_GRANULES;
    for (uintptr_t i = 0; i < count; ++i) {
        AAI_ADD(aai_granules[(first + i) % AAI_GRANULES], change);
    }
}

static void enter(aai_block *block)
{
    count_granules(block, 1);
    aai_lock_acquire(&map_lock);
    aai_tree_insert(&map_root, &block->node);
    aai_lock_release(&map_lock);
}

static void withdraw(aai_block *block)
{
    aai_lock_acquire(&map_lock);
    const aai_node *const removed = aai_tree_remove(&map_root, block->node.key);
    aai_lock_release(&map_lock);
    aai_assert(removed == &block->node);
    count_granules(block, UINT32_MAX);
}

/* AA_FIRST_TOUCH: each thread's part lies near it. */
static void populate(char *start, size_t bytes, unsigned flags)
{
    if ((flags & AA_FIRST_TOUCH) != 0) {
        aai_omp_split(aai_pages_populate, start, bytes, aai_page_size());
    } else {
        aai_pages_populate(start, bytes);
    }
}

aai_block *aai_block_take(const aai_block_request *request)
{
    aai_block *const block = aai_malloc(sizeof *block);
    if (block == NULL) {
        return NULL;
    }
    size_t bytes = aai_max(request->wanted, request->least);
    char *start = NULL;
    if (request->guard != NULL && request->alignment <= AAI_HUGE_PAGE) {
        start = aai_guard_take(bytes, request->guard);
    }
    const bool guarded = start != NULL;
    if (guarded) {
        aai_tools_unpoison(start, bytes,
                           true); /* what was there a round of the ring ago left it so */
    } else {
        start = aai_upstream_take(request->upstream, request->least, &bytes, request->alignment);
    }
    if (start == NULL) {
        aai_mfree(block);
        return NULL;
    }
    const bool populated = !guarded && aai_upstream_populates(request->upstream);
    if ((request->flags & AA_PREFAULT) != 0 && !populated) {
        populate(start, bytes, request->flags);
    }
    *block = (aai_block){.node = {.key = (uint64_t)(uintptr_t)start},
                         .start = start,
                         .bytes = bytes,
                         .upstream = request->upstream,
                         .usable = bytes,
                         .guarded = guarded,
                         .beyond = request->beyond,
                         .touched = (request->flags & AA_PREFAULT) != 0 ? bytes : 0,
                         .owner = request->owner};
    enter(block);
    return block;
}

void aai_block_give(aai_block *block)
{
    withdraw(block);
    if (block->guarded) {
        aai_guard_give(block->start);
    } else {
        aai_upstream_give(block->upstream, block->start, block->bytes);
    }
    aai_mfree(block);
}

bool aai_block_move(aai_block *block, const aai_guard_owner *guard)
{
    char *const moved = block->guarded ? aai_guard_move(block->start, guard) : NULL;
    if (moved == NULL) {
        return false;
    }
    aai_tools_unpoison(moved, block->bytes, true);
    withdraw(block);
    block->start = moved;
    block->node.key = (uint64_t)(uintptr_t)moved;
    enter(block);
    return true;
}

static aai_block *block_at_locked(uint64_t address)
{
    aai_node *const node = aai_tree_floor(map_root, address);
    aai_block *const block = node == NULL ? NULL : aai_container_of(node, aai_block, node);
    return block != NULL && address - node->key < block->bytes ? block : NULL;
}

const aa_allocator *aai_map_find(const void *pointer, size_t *room)
{
    const uint64_t address = (uint64_t)(uintptr_t)pointer;
    const aa_allocator *owner = NULL;
    if (AAI_LOAD(aai_granules[(address >> AAI_GRANULE_BITS) % AAI_GRANULES]) == 0) {
        return NULL;
    }
    aai_lock_acquire(&map_lock);
    const aai_block *const block = block_at_locked(address);
    if (block != NULL) {
        owner = block->owner;
        *room = block->bytes - (size_t)(address - block->node.key);
    }
    aai_lock_release(&map_lock);
    return owner;
}

size_t aai_block_fresh(const void *pointer, size_t bytes)
{
    const uint64_t address = (uint64_t)(uintptr_t)pointer;
    size_t fresh = 0;
    aai_lock_acquire(&map_lock);
    aai_block *const block = block_at_locked(address);
    if (block != NULL) {
        const size_t end = (size_t)(address - block->node.key) + bytes;
        fresh = end > block->touched ? aai_min(end - block->touched, bytes) : 0;
        block->touched = aai_max(block->touched, end);
    }
    aai_lock_release(&map_lock);
    return fresh;
}

const aa_allocator *aai_map_owner(const void *pointer)
{
    size_t room;
    return aai_map_find(pointer, &room);
}

void aai_memory_fork(void (*each)(aai_lock *))
{
    each(&map_lock);
    aai_guard_fork(each);
    aai_cell_fork(each);
}
