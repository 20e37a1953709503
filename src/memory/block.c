/* Floor 4, memory: blocks and the map of their addresses. Lock: map_lock, no call out while held. */
#include "memory/guard.h"

#include "os/os.h"
#include "sync/team.h"

#include <allocarrays/allocator.h>

static aai_lock map_lock = AAI_LOCK_INIT(AAI_RANK_MAP);
static aai_node *map_root;

static void enter(aai_block *block)
{
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
    if (!guarded) {
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
                         .touched = (request->flags & AA_PREFAULT) != 0 ? bytes : 0,
                         .owner = request->owner};
    enter(block);
    return block;
}

void aai_block_give(aai_block *block)
{
    withdraw(block);
    if (block->guarded) {
        (void)aai_guard_give(block->start);
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
    const uint64_t address = (uint64_t)(uintptr_t)pointer;
    aai_lock_acquire(&map_lock);
    const aai_block *const block = block_at_locked(address);
    const aa_allocator *const owner = block == NULL ? NULL : block->owner;
    aai_lock_release(&map_lock);
    return owner;
}

void aai_memory_fork(void (*each)(aai_lock *))
{
    each(&map_lock);
    aai_guard_fork(each);
    aai_cell_fork(each);
}
