/* Floor 5, alloc: private: one arena per thread behind one handle.
 *
 *     every arena of the list is either some live thread's place, or idle (its thread has ended)
 *
 * Lock: the list and the idle list. A thread finds its arena by identity (places.c), without this lock; the
 * arena of a thread that ends becomes idle with its memory untouched, for others may still read it, and the
 * next new thread adopts it, so that threads that come and go leak nothing. */
#include "alloc/arena.h"

#include <allocarrays/private.h>

typedef struct aai_private {
    aai_base base;
    aai_lock lock;
    aa_options options; /* of its arenas */
    aai_arena *arenas, *idle;
    size_t count;
} aai_private;

static aai_private *private_of(const aa_allocator *allocator)
{
    return (aai_private *)(uintptr_t)allocator;
}

/* One of those that are traced, or not. */
static aai_arena *adopt_idle(aai_private *p, uint64_t owner, bool traced)
{
    aai_lock_acquire(&p->lock);
    aai_arena **at = &p->idle;
    while (*at != NULL && (*at)->base.traced != traced) {
        at = &(*at)->next_idle;
    }
    aai_arena *const arena = *at;
    if (arena != NULL) {
        *at = arena->next_idle;
        arena->next_idle = NULL;
        arena->base.creator = owner;
        AAI_STORE(arena->lane.mark_count, 0); /* its thread ended inside them */
    }
    aai_lock_release(&p->lock);
    return arena;
}

static aai_arena *make_arena(aai_private *p, bool traced)
{
    aai_arena *const arena = aai_arena_make(&p->options);
    if (arena == NULL) {
        return NULL;
    }
    arena->parent = p;
    if (traced) {
        aai_arena_trace(arena, &p->base);
    }
    aai_lock_acquire(&p->lock);
    arena->next = p->arenas;
    p->arenas = arena;
    ++p->count;
    aai_lock_release(&p->lock);
    return arena;
}

static void make_idle(aai_private *p, aai_arena *arena)
{
    aai_lock_acquire(&p->lock);
    arena->next_idle = p->idle;
    arena->settled = 0; /* what it was stays among the takers while its memory is in use */
    p->idle = arena;
    AAI_STORE(arena->lane.owner, 0);
    aai_lock_release(&p->lock);
}

void aai_private_detach(aai_lane *lane)
{
    aai_arena *const arena = aai_arena_of_lane(lane);
    make_idle(arena->parent, arena);
}

/* The calling thread's arena, made or adopted at first need. */
static aai_arena *my_arena(aa_allocator *allocator)
{
    aai_private *const p = private_of(allocator);
    aai_thread *const self = aai_self();
    aai_lane *const lane = aai_place_find(self, p->base.id);
    if (lane != NULL) {
        return aai_arena_of_lane(lane);
    }
    const uint64_t settled = p->base.birth_level == 0 ? 0 : aai_origin_settled(&p->base);
    const bool traced = p->base.birth_level != 0 && settled == 0;
    aai_arena *arena = adopt_idle(p, self->id, traced);
    if (arena == NULL) {
        arena = make_arena(p, traced);
    }
    if (arena != NULL && !aai_place_add(self, p->base.id, &arena->lane)) {
        make_idle(p, arena);
        (void)aai_fail(AA_NOMEM, "no memory for this thread's place in '%s'", p->base.name);
        return NULL;
    }
    if (arena != NULL) {
        const bool unused =
            aai_lane_used(&arena->lane) == 0; /* else its earlier thread counts, too */
        arena->settled = settled;
        AAI_STORE(arena->base.takers, settled | (unused ? 0 : AAI_LOAD(arena->base.takers)));
    }
    return arena;
}

static void *private_alloc(aa_allocator *allocator, aai_request *request)
{
    aai_arena *const arena = my_arena(allocator);
    if (arena != NULL) {
        aai_arena_note_taking(arena);
    }
    void *const p = arena == NULL ? NULL : aai_lane_alloc(&arena->lane, request);
    if (p != NULL && aai_is_fast(&arena->base)) {
        aai_slot_set(allocator, arena->lane.window);
    }
    return p;
}

aa_allocator *aai_arena_handle(const aa_allocator *allocator)
{
    aai_arena *const arena = aai_arena_of(allocator);
    return arena->parent == NULL ? &arena->base.head : &arena->parent->base.head;
}

static bool private_owns(const aa_allocator *allocator, const void *pointer)
{
    const aa_allocator *const owner = aai_map_owner(pointer);
    return owner != NULL && owner->kind == AAI_ARENA &&
           aai_arena_of(owner)->parent == private_of(allocator);
}

/* Checked tiers: memory of this thread's arena is checked exactly, of another's only that it is ours. */
static aa_status check_pointer(const aa_allocator *allocator, const aai_arena *arena,
                               const void *pointer)
{
    const bool elsewhere = allocator->tier != AA_CHECKS_NONE &&
                           aai_map_owner(pointer) != &arena->base.head &&
                           private_owns(allocator, pointer);
    return elsewhere ? AA_OK : aai_lane_check_pointer(&arena->lane, pointer);
}

static aa_status private_free(aa_allocator *allocator, void *pointer, size_t bytes,
                              const aai_validity *born)
{
    aai_arena *const arena = my_arena(allocator);
    if (arena == NULL) {
        return aa_last_status();
    }
    const aa_status known = check_pointer(allocator, arena, pointer);
    if (known != AA_OK) {
        return known;
    }
    (void)aai_lane_free(&arena->lane, pointer, bytes, born);
    return AA_OK;
}

static aai_resized private_resize(aa_allocator *allocator, void *pointer, size_t old_bytes,
                                  size_t new_bytes)
{
    aai_arena *const arena = my_arena(allocator);
    if (arena == NULL || check_pointer(allocator, arena, pointer) != AA_OK) {
        return AAI_REFUSED;
    }
    aai_arena_note_taking(arena);
    return aai_lane_resize(&arena->lane, pointer, old_bytes, new_bytes);
}

/* A mark of a private allocator is one of this thread's arena. */
static aa_status private_mark(aa_allocator *allocator, aa_mark *mark)
{
    aai_arena *const arena = my_arena(allocator);
    if (arena == NULL) {
        return aa_last_status();
    }
    mark->allocator = &arena->base.head;
    mark->cell = arena->base.cell;
    mark->id = arena->base.id;
    return aai_lane_mark_take(&arena->lane, mark);
}

/* Ask for what a reset will read and write of an arena: its own lines, then what they point to, as far as no call
 * that may be under way in it changes that. A reset visits all arenas several times; long after the last one each line
 * would be waited for alone. */
static void fetch_ahead(const aai_arena *arena)
{
    for (const char *line = (const char *)arena; line < (const char *)(arena + 1); line += 64) {
        __builtin_prefetch(line, 1);
    }
}

static void fetch_behind(const aai_arena *arena)
{
    __builtin_prefetch(arena->base.cell, 1);
    __builtin_prefetch(arena->chain.history, 1);
}

/* The rest, when the reset is proved to be alone. */
static void fetch_pieces(const aai_arena *arena)
{
    __builtin_prefetch(arena->lane.pieces.at, 1);
    __builtin_prefetch(arena->lane.spare_windows.at, 1);
}

static aa_status private_reset(aa_allocator *allocator)
{
    aai_private *const p = private_of(allocator);
    const uint64_t first = aai_unique_draw_many(p->count + 1);
    if (first == 0) {
        return aai_fail(AA_OVERFLOW, "aa_reset: the epoch counter is at its end");
    }
    uint64_t key = first;
    for (aai_arena *arena = p->arenas; arena != NULL; arena = arena->next) {
        if (arena->next != NULL) {
            fetch_pieces(arena->next);
        }
        aai_arena_reset_to(arena, key++);
    }
    AAI_ADD(p->base.resets, 1);
    return AA_OK;
}

static void destroy_arena(aai_arena *arena)
{
    aai_lock_acquire(&aai_registry_lock);
    aai_place_remove(&arena->lane);
    aai_lock_release(&aai_registry_lock);
    aai_base_end(&arena->base);
}

static void private_destroy(aa_allocator *allocator)
{
    aai_private *const p = private_of(allocator);
    while (p->arenas != NULL) {
        aai_arena *const arena = p->arenas;
        p->arenas = arena->next;
        destroy_arena(arena);
    }
    aai_lock_fini(&p->lock);
}

static void private_stats(const aa_allocator *allocator, aa_stats *stats)
{
    aai_private *const p = private_of(allocator);
    aai_lock_acquire(&p->lock);
    for (const aai_arena *arena = p->arenas; arena != NULL; arena = arena->next) {
        aai_arena_stats_add(arena, stats);
    }
    aai_lock_release(&p->lock);
    stats->resets = AAI_LOAD(p->base.resets);
}

static void private_sizing(const aa_allocator *allocator, aai_sizing *sizing)
{
    aai_private *const p = private_of(allocator);
    aai_lock_acquire(&p->lock);
    for (const aai_arena *arena = p->arenas; arena != NULL; arena = arena->next) {
        aai_arena_sizing_add(arena, sizing);
    }
    aai_lock_release(&p->lock);
}

static aai_marks private_marks(const aa_allocator *allocator, uint64_t thread)
{
    aai_private *const p = private_of(allocator);
    aai_marks marks = {0};
    aai_lock_acquire(&p->lock);
    for (const aai_arena *arena = p->arenas; arena != NULL; arena = arena->next) {
        if (arena->next != NULL) {
            fetch_ahead(arena->next);
        }
        const uint64_t owner = AAI_LOAD(arena->lane.owner);
        fetch_behind(arena);
        if (owner != 0) {
            aai_marks_add(&marks, owner == thread, AAI_LOAD(arena->lane.mark_count), owner,
                          AAI_LOAD(arena->lane.oldest_mark));
        }
    }
    aai_lock_release(&p->lock);
    return marks;
}

static uint64_t private_takers(const aa_allocator *allocator)
{
    aai_private *const p = private_of(allocator);
    uint64_t takers = 0;
    aai_lock_acquire(&p->lock);
    for (const aai_arena *arena = p->arenas; arena != NULL; arena = arena->next) {
        takers |= aai_lane_used(&arena->lane) != 0 ? AAI_LOAD(arena->base.takers) : 0;
    }
    aai_lock_release(&p->lock);
    return takers;
}

/* The caller is in none of them: a second call of one thread is refused before it comes here. */
static uint64_t private_busy(const aa_allocator *allocator)
{
    aai_private *const p = private_of(allocator);
    uint64_t busy = 0;
    aai_lock_acquire(&p->lock);
    for (const aai_arena *arena = p->arenas; arena != NULL && busy == 0; arena = arena->next) {
        busy = AAI_LOAD(arena->base.calls) != 0 ? AAI_LOAD(arena->base.caller) : 0;
    }
    aai_lock_release(&p->lock);
    return busy;
}

static bool private_find_pin(const aa_allocator *allocator, aai_pinned *pin)
{
    aai_private *const p = private_of(allocator);
    bool found = false;
    aai_lock_acquire(&p->lock);
    for (const aai_arena *arena = p->arenas; arena != NULL && !found; arena = arena->next) {
        found = aai_cell_find_pin(arena->base.cell, pin);
    }
    aai_lock_release(&p->lock);
    return found;
}

static uint64_t private_inner_pins(const aa_allocator *allocator)
{
    aai_private *const p = private_of(allocator);
    uint64_t pins = 0;
    aai_lock_acquire(&p->lock);
    for (const aai_arena *arena = p->arenas; arena != NULL; arena = arena->next) {
        pins += AAI_LOAD(arena->base.cell->pins);
    }
    aai_lock_release(&p->lock);
    return pins;
}

static void private_lock(const aa_allocator *allocator, void (*each)(aai_lock *))
{
    each(&private_of(allocator)->lock);
}

static const aai_ops private_ops = {.kind = "private",
                                    .alloc = private_alloc,
                                    .free = private_free,
                                    .resize = private_resize,
                                    .mark = private_mark,
                                    .reset = private_reset,
                                    .destroy = private_destroy,
                                    .owns = private_owns,
                                    .stats = private_stats,
                                    .sizing = private_sizing,
                                    .marks = private_marks,
                                    .takers = private_takers,
                                    .inner_pins = private_inner_pins,
                                    .find_pin = private_find_pin,
                                    .busy = private_busy,
                                    .locks = private_lock};

aa_allocator *aa_private_create(const aa_options *options)
{
    static const aa_options none = AA_OPTIONS_INIT;
    aai_private *const p = aai_calloc(sizeof *p);
    if (p == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for a private allocator");
        return NULL;
    }
    if (aai_base_init(&p->base, &private_ops, AAI_PRIVATE, options) != AA_OK) {
        aai_mfree(p);
        return NULL;
    }
    p->options = options != NULL ? *options : none;
    p->options.name = p->base.name; /* the caller's may not live as long */
    p->options.checks = (aa_checks)p->base.head.tier;
    aai_lock_init(&p->lock, AAI_RANK_ALLOCATOR);
    aai_base_go_live(&p->base);
    return &p->base.head;
}

aa_allocator *aa_private_arena(aa_allocator *allocator)
{
    if (allocator != NULL && aa_tls.slot[allocator->slot].key == allocator->key &&
        allocator->kind == AAI_PRIVATE) {
        aai_window *const window = aa_tls.slot[allocator->slot].window;
        return aai_container_of(window, aa_allocator, window);
    }
    aai_op op;
    if (aai_enter(&op, &allocator, "aa_private_arena") != AA_OK) {
        return NULL;
    }
    aai_arena *arena = NULL;
    if (allocator->kind == AAI_GONE) {
        (void)aai_report_gone(allocator, aai_call_site());
    } else if (allocator->kind != AAI_PRIVATE) {
        (void)aai_fail(AA_INVALID, "aa_private_arena: '%s' is not a private allocator",
                       aa_name(allocator));
    } else {
        arena = my_arena(allocator);
    }
    if (arena != NULL && aai_is_fast(&arena->base)) {
        aai_slot_set(allocator, arena->lane.window);
    }
    aai_leave(&op);
    return arena == NULL ? NULL : &arena->base.head;
}
