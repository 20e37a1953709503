/* Floor 4, memory: blocks and the map of their addresses. Lock: map_lock, no call out while held. */
#include "memory/memory.h"

#include "os/os.h"

#include <allocarrays/allocator.h>

static aai_lock map_lock = AAI_LOCK_INIT(AAI_RANK_MAP);
static aai_node *map_root;

aai_block *aai_block_take(const aai_block_request *request)
{
    aai_block *const block = aai_malloc(sizeof *block);
    if (block == NULL) {
        return NULL;
    }
    size_t bytes = aai_max(request->wanted, request->least);
    char *const start =
        aai_upstream_take(request->upstream, request->least, &bytes, request->alignment);
    if (start == NULL) {
        aai_mfree(block);
        return NULL;
    }
    if ((request->flags & AA_PREFAULT) != 0 && !aai_upstream_is_pages(request->upstream)) {
        aai_pages_populate(start, bytes);
    }
    *block = (aai_block){.node = {.key = (uint64_t)(uintptr_t)start},
                         .start = start,
                         .bytes = bytes,
                         .upstream = request->upstream,
                         .owner = request->owner};
    aai_lock_acquire(&map_lock);
    aai_tree_insert(&map_root, &block->node);
    aai_lock_release(&map_lock);
    return block;
}

void aai_block_give(aai_block *block)
{
    aai_lock_acquire(&map_lock);
    const aai_node *const removed = aai_tree_remove(&map_root, block->node.key);
    aai_lock_release(&map_lock);
    aai_assert(removed == &block->node);
    aai_upstream_give(block->upstream, block->start, block->bytes);
    aai_mfree(block);
}

const aa_allocator *aai_map_owner(const void *pointer)
{
    const uint64_t address = (uint64_t)(uintptr_t)pointer;
    const aa_allocator *owner = NULL;
    aai_lock_acquire(&map_lock);
    aai_node *const node = aai_tree_floor(map_root, address);
    if (node != NULL) {
        const aai_block *const block = aai_container_of(node, aai_block, node);
        owner = address - node->key < block->bytes ? block->owner : NULL;
    }
    aai_lock_release(&map_lock);
    return owner;
}

void aai_memory_fork(void (*each)(aai_lock *))
{
    each(&map_lock);
    aai_cell_fork(each);
}
