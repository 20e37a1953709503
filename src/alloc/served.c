/* Floor 5, alloc: memory served to callers that will not say its size, or whose it is, when they free it.
 *
 * Three places know a pointer, asked in this order:
 *     recent.c          this thread's latest allocations, with their size: freed as by aa_free
 *     the address map   any other memory of a bump allocator, whoever took it: freeing it is counted, no more
 *     the book, below   memory of the heap and of custom allocators, which must really be freed: every one, with
 *                       its size.  aai_booked == number of entries;  0: nobody looks there
 * A pointer that none of them knows is none of ours. An entry of a custom allocator that was reset or destroyed
 * since stays until its address comes again or is freed, and is then dropped: the memory went with the reset.
 *
 * Lock: book_lock, nothing called while it is held. aai_booked: relaxed, for whoever has a pointer got it after
 * its entry was counted. */
#include "alloc/served.h"

#include "alloc/arena.h"

typedef struct booked {
    aai_node node; /* key: the address */
    aa_allocator *allocator;
    const aai_cell *cell; /* NULL: the heap */
    uint64_t id, key;
    size_t bytes;
} booked;

static aai_lock book_lock = AAI_LOCK_INIT(AAI_RANK_SERVED);
static aai_node *book;
size_t aai_booked;

static booked *remove_locked(const void *pointer)
{
    aai_node *const node = aai_tree_remove(&book, (uint64_t)(uintptr_t)pointer);
    AAI_SUB(aai_booked, node != NULL);
    return node == NULL ? NULL : aai_container_of(node, booked, node);
}

static void book_enter(booked *entry)
{
    aai_lock_acquire(&book_lock);
    booked *const stale = remove_locked((void *)(uintptr_t)entry->node.key);
    aai_tree_insert(&book, &entry->node);
    AAI_ADD(aai_booked, 1);
    aai_lock_release(&book_lock);
    aai_mfree(stale);
}

/* What the book says of an address; start 0 in it: nothing. */
static booked book_read(const void *pointer)
{
    booked found = {.allocator = NULL};
    if (AAI_LOAD(aai_booked) == 0) {
        return found;
    }
    aai_lock_acquire(&book_lock);
    aai_node *const node = aai_tree_find(book, (uint64_t)(uintptr_t)pointer);
    if (node != NULL) {
        found = *aai_container_of(node, booked, node);
    }
    aai_lock_release(&book_lock);
    return found;
}

static bool is_current(const booked *entry)
{
    return entry->cell == NULL ||
           (AAI_LOAD(entry->cell->id) == entry->id && AAI_LOAD(entry->cell->key) == entry->key);
}

static bool book_free(void *pointer)
{
    if (AAI_LOAD(aai_booked) == 0) {
        return false;
    }
    aai_lock_acquire(&book_lock);
    booked *const entry = remove_locked(pointer);
    aai_lock_release(&book_lock);
    if (entry != NULL && is_current(entry)) {
        aa_free(entry->allocator, pointer, entry->bytes);
    }
    aai_mfree(entry);
    return entry != NULL;
}

static void *alloc_booked(aa_allocator *allocator, aai_request *request)
{
    booked *const entry = aai_calloc(sizeof *entry);
    if (entry == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory to note an allocation of '%s'", aa_name(allocator));
        return NULL;
    }
    request->how = AAI_EXPLICIT; /* no scratch takes it back: its own free will come */
    void *const p = aai_serve(allocator, request, "omp_alloc");
    if (p == NULL) {
        aai_mfree(entry);
        return NULL;
    }
    const aai_base *const base = aai_base_of(allocator);
    *entry = (booked){.node = {.key = (uint64_t)(uintptr_t)p},
                      .allocator = allocator,
                      .cell = base->cell,
                      .id = base->id,
                      .key = base->cell == NULL ? 0 : AAI_LOAD(base->cell->key),
                      .bytes = request->bytes};
    book_enter(entry);
    return p;
}

void *aai_served_alloc(aa_allocator *allocator, size_t bytes, size_t alignment)
{
    aai_request request = {.bytes = bytes, .alignment = alignment};
    const bool is_bump = allocator->kind == AAI_ARENA || allocator->kind == AAI_SHARED ||
                         allocator->kind == AAI_PRIVATE;
    if (AAI_UNLIKELY(!is_bump)) {
        return alloc_booked(allocator, &request);
    }
    if (AAI_UNLIKELY(aai_is_anothers_arena(allocator))) {
        (void)aai_foreign_thread(aai_base_of(allocator), (aai_site){"omp_alloc", NULL, 0});
        return NULL;
    }
    void *const p = aai_serve(allocator, &request, "omp_alloc");
    aa_allocator *const owner = p == NULL                                  ? NULL
                                : aai_base_of(allocator)->delegate == NULL ? allocator
                                                                           : aai_served_owner(p);
    if (owner != NULL) {
        aai_recent_note(owner, p, request.bytes);
    }
    return p;
}

bool aai_served_free(void *pointer)
{
    const aa_allocator *const owner = aai_map_owner(pointer);
    if (owner == NULL) {
        return book_free(pointer);
    }
    if (!aai_recent_free(pointer)) {
        AAI_ADD(aai_base_of(owner)->unsized_frees, 1);
    }
    return true;
}

aa_allocator *aai_served_owner(const void *pointer)
{
    const aa_allocator *const owner = aai_map_owner(pointer);
    if (owner != NULL) {
        return owner->kind == AAI_ARENA ? aai_arena_handle(owner) : &aai_base_of(owner)->head;
    }
    const booked entry = book_read(pointer);
    return entry.allocator != NULL && is_current(&entry) ? entry.allocator : NULL;
}

aai_held aai_served_held(const void *pointer)
{
    const size_t known = aai_recent_bytes(pointer);
    if (known != 0) {
        return (aai_held){known, true};
    }
    size_t room = 0;
    const aa_allocator *const owner = aai_map_find(pointer, &room);
    if (owner == NULL) {
        return (aai_held){book_read(pointer).bytes, true};
    }
    const aai_lane *const lane = aai_own_lane(&aai_base_of(owner)->head);
    if (lane != NULL && lane->watch != NULL) {
        const size_t asked = aai_watch_bytes(lane, pointer);
        return (aai_held){asked, true};
    }
    const size_t held = lane == NULL ? 0 : aai_lane_held(lane, pointer);
    return (aai_held){held != 0 ? held : room, false};
}

bool aai_served_resize(const aa_allocator *allocator, void *pointer, size_t bytes)
{
    return aai_recent_resize(allocator, pointer, bytes);
}

void aai_served_fork(void (*each)(aai_lock *))
{
    each(&book_lock);
}
