/* Floor 5, alloc: the heap: malloc behind a handle, aligned, exact about what is live.
 *
 * Lock: one per shard, by address; nothing is called while it is held. */
#include "alloc/heap.h"

#include "alloc/watch.h"
#include "os/tools.h"
#include "sync/team.h"

enum { SHARDS = 64, ALIGNMENT = 64, REDZONE = 64, REDZONE_BYTE = 0xfb };

typedef struct shard {
    aai_lock lock;
    aai_node *root;
    size_t used, peak;
    uint64_t allocations;
} __attribute__((aligned(128))) shard; /* neighbours do not share a cache line */

#define ONE                                                                                        \
    {                                                                                              \
        .lock = AAI_LOCK_INIT(AAI_RANK_SHARD)                                                      \
    }
#define FOUR ONE, ONE, ONE, ONE
#define SIXTEEN FOUR, FOUR, FOUR, FOUR
static shard shards[SHARDS] = {SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN};

static shard *shard_of(const void *pointer)
{
    const uint64_t mixed = (uint64_t)(uintptr_t)pointer * UINT64_C(0x9e3779b97f4a7c15);
    return &shards[mixed >> 58];
}

static aai_heap_block *block_of(aai_node *node)
{
    return aai_container_of(node, aai_heap_block, node);
}

static void publish(aai_heap_block *block, void *pointer)
{
    shard *const s = shard_of(pointer);
    block->node = (aai_node){.key = (uint64_t)(uintptr_t)pointer};
    aai_lock_acquire(&s->lock);
    aai_tree_insert(&s->root, &block->node);
    s->used += block->rounded;
    s->peak = aai_max(s->peak, s->used);
    ++s->allocations;
    aai_lock_release(&s->lock);
}

/* Not another array that has the address, and even the cell, by now. */
static bool is_that(const aai_heap_block *block, const aai_validity *born)
{
    return block->cell == born->cell && AAI_LOAD(block->cell->key) == born->key;
}

static aai_heap_block *claim(const void *pointer, const aai_validity *born)
{
    shard *const s = shard_of(pointer);
    const uint64_t key = (uint64_t)(uintptr_t)pointer;
    aai_heap_block *block = NULL;
    aai_lock_acquire(&s->lock);
    aai_node *const node = aai_tree_find(s->root, key);
    if (node != NULL && (born == NULL || is_that(block_of(node), born))) {
        block = block_of(aai_tree_remove(&s->root, key));
        s->used -= block->rounded;
    }
    aai_lock_release(&s->lock);
    return block;
}

/* ---- AA_CHECKS=full in the environment, for the heap has no options ---------------------------------------- */

static size_t strays; /* relaxed */

static bool is_watching(void)
{
    return aai_settings_get()->checks == AA_CHECKS_FULL;
}

static char *memory_of(aai_heap_block *block)
{
    return (char *)block + sizeof *block;
}

/* From the first byte after the request, over the rounding's rest. */
static size_t redzone_bytes(const aai_heap_block *block)
{
    return block->rounded - block->asked + REDZONE;
}

static void watch_born(aai_heap_block *block, const aai_request *request)
{
    char *const start = memory_of(block);
    block->watched = true;
    block->asked = request->bytes;
    block->in_region =
        (request->how & (AAI_BORN | AAI_EXPLICIT)) == AAI_BORN && aai_omp_level() > 0;
    if (block->in_region) {
        AAI_ADD(strays, 1);
    }
    aai_watch_junk(start, block->asked);
    memset(start + block->asked, REDZONE_BYTE, redzone_bytes(block));
    aai_tools_unpoison(start, block->asked, false);
    aai_tools_poison(start + block->asked, redzone_bytes(block));
}

static void verify(aai_heap_block *block)
{
    const char *const start = memory_of(block), *const redzone = start + block->asked;
    for (size_t i = 0; i < redzone_bytes(block); ++i) {
        if ((unsigned char)redzone[i] != REDZONE_BYTE) {
            (void)aai_violate(AA_CORRUPTION, aa_heap(), aai_call_site(),
                              "%zu bytes of the heap at %p were written past their end: byte %zu",
                              block->asked, (const void *)start, block->asked + i);
            return;
        }
    }
}

static void watch_end(aai_heap_block *block)
{
    if (!aai_tools_poisoning()) { /* the tool has reported it, and would report us */
        verify(block);
    }
    aai_tools_unpoison(memory_of(block), block->rounded + REDZONE, true);
    aai_watch_junk(memory_of(block), block->asked);
    if (block->in_region) {
        AAI_SUB(strays, 1);
    }
}

void aai_heap_warn_of_strays(void)
{
    static int warned;
    const size_t left = AAI_LOAD(strays);
    if (left != 0) {
        aai_warn_once(&warned,
                      "%zu array(s) made through AA_CURRENT inside parallel regions fell to the "
                      "heap and were "
                      "never freed; did a task run without its creator's token (aa_scope_capture)?",
                      left);
    }
}

/* ---- the end of a block ------------------------------------------------------------------------------------ */

static void release(aai_heap_block *block)
{
    if (block->watched) {
        watch_end(block);
    }
    aai_tracker_forget(block);
    if (block->cell != NULL) {
        aai_cell_give(block->cell);
    }
    aai_mfree(block->raw);
}

bool aai_heap_claim_and_free(void *pointer)
{
    aai_heap_block *const block = claim(pointer, NULL);
    if (block != NULL) {
        release(block);
    }
    return block != NULL;
}

/* Memory with a header in front, not yet published. */
static aai_heap_block *make_block(size_t rounded, size_t alignment)
{
    const size_t around = sizeof(aai_heap_block) + alignment + (is_watching() ? REDZONE : 0);
    char *const raw = rounded > AAI_MAX_BYTES - around ? NULL : aai_malloc(rounded + around);
    if (raw == NULL) {
        (void)aai_fail(AA_NOMEM, "the heap has no %zu bytes", rounded);
        return NULL;
    }
    char *const after = raw + sizeof(aai_heap_block);
    char *const pointer = after + aai_padding(after, alignment - 1);
    aai_heap_block *const block = (void *)(pointer - sizeof(aai_heap_block));
    *block = (aai_heap_block){.raw = raw, .rounded = rounded};
    return block;
}

static bool give_cell(aai_heap_block *block, aai_request *request)
{
    const uint64_t key = aai_unique_draw();
    block->cell = key == 0 ? NULL : aai_cell_take(key, key, NULL);
    if (block->cell == NULL) {
        (void)aai_fail(key == 0 ? AA_OVERFLOW : AA_NOMEM, "no validity for an array on the heap");
        return false;
    }
    request->born = (aai_validity){
        .cell = block->cell, .key = key, .epoch = AAI_LOAD(block->cell->epoch), .ordinal = 0};
    return true;
}

static void *heap_alloc(aa_allocator *allocator, aai_request *request)
{
    (void)allocator;
    size_t rounded;
    if (!aai_round_up(aai_max(request->bytes, 1), ALIGNMENT - 1, &rounded)) {
        (void)aai_fail(AA_OVERFLOW, "%zu bytes are more than any object may have", request->bytes);
        return NULL;
    }
    aai_heap_block *const block = make_block(rounded, aai_max(request->alignment, ALIGNMENT));
    if (block == NULL) {
        return NULL;
    }
    if ((request->how & AAI_BORN) != 0 && !give_cell(block, request)) {
        aai_mfree(block->raw);
        return NULL;
    }
    void *const pointer = memory_of(block);
    if (is_watching()) {
        watch_born(block, request);
    }
    if ((request->how & AAI_EXPLICIT) == 0) {
        aai_tracker_note(block);
    }
    publish(block, pointer);
    return pointer;
}

static aa_status heap_free(aa_allocator *allocator, void *pointer, size_t bytes,
                           const aai_validity *born)
{
    (void)allocator;
    (void)bytes;
    aai_heap_block *const block = claim(pointer, born);
    if (block == NULL) {
        return aai_fail(AA_INVALID, "aa_free: this pointer is not a live allocation of the heap");
    }
    release(block);
    return AA_OK;
}

static aai_resized heap_resize(aa_allocator *allocator, void *pointer, size_t old_bytes,
                               size_t new_bytes)
{
    (void)allocator;
    (void)old_bytes;
    shard *const s = shard_of(pointer);
    aai_lock_acquire(&s->lock);
    aai_node *const node = aai_tree_find(s->root, (uint64_t)(uintptr_t)pointer);
    const bool fits =
        node != NULL && new_bytes <= block_of(node)->rounded && !block_of(node)->watched;
    aai_lock_release(&s->lock);
    if (node == NULL) {
        (void)aai_fail(AA_INVALID, "aa_realloc: this pointer is not a live allocation of the heap");
        return AAI_REFUSED;
    }
    return fits ? AAI_RESIZED : AAI_MUST_MOVE;
}

static aa_status heap_mark(aa_allocator *allocator, aa_mark *mark)
{
    (void)allocator;
    return aai_tracker_mark(mark);
}

static bool heap_owns(const aa_allocator *allocator, const void *pointer)
{
    (void)allocator;
    shard *const s = shard_of(pointer);
    aai_lock_acquire(&s->lock);
    const bool found = aai_tree_find(s->root, (uint64_t)(uintptr_t)pointer) != NULL;
    aai_lock_release(&s->lock);
    return found;
}

static void heap_stats(const aa_allocator *allocator, aa_stats *stats)
{
    (void)allocator;
    for (size_t i = 0; i < SHARDS; ++i) {
        aai_lock_acquire(&shards[i].lock);
        stats->used += shards[i].used;
        stats->peak += shards[i].peak;
        stats->allocations += shards[i].allocations;
        aai_lock_release(&shards[i].lock);
    }
    stats->committed = stats->used;
}

void aai_heap_fork(void (*each)(aai_lock *))
{
    for (size_t i = 0; i < SHARDS; ++i) {
        each(&shards[i].lock);
    }
}

static const aai_ops heap_ops = {.kind = "heap",
                                 .alloc = heap_alloc,
                                 .free = heap_free,
                                 .resize = heap_resize,
                                 .mark = heap_mark,
                                 .unmark = aai_tracker_unmark,
                                 .owns = heap_owns,
                                 .stats = heap_stats};

aa_allocator *aa_heap(void)
{
    static char name[] = "heap";
    static aai_base heap = {.head = {.mask = ALIGNMENT - 1,
                                     .key = UINT64_MAX, /* no TLS slot has it */
                                     .kind = AAI_HEAP,
                                     .tier = AA_CHECKS_NONE,
                                     .ops = &heap_ops},
                            .name = name};
    return &heap.head;
}
