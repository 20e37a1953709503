/* Floor 5, alloc: custom: the user's method table behind our handle. Methods are called with no lock held.
 *
 * It cannot know what the methods do: a rewind is taken to take back whatever came after its mark, whoever asked
 * for it, so ordinals count the allocations of all threads.
 * Where the table has a free, each array has a cell of its own (a `held`), so that a free stales its copies alone:
 *     array alive  =>  its held is in the tree under its address, and in the list newest -> older -> ... -> oldest
 *     held unused  =>  every array that ever had it is stale: its cell was rewound to 0 (memory.h, floor(e)), or
 *                      the allocator's key is another
 * Lock: the tree, the lists, the marks, rewinds of cells. */
#include "alloc/alloc.h"

typedef struct held {
    aai_node node; /* key: the array's address */
    aai_cell *cell;
    uint64_t ordinal;
    struct held *older, *newer; /* older: also the next free one */
} held;

typedef struct custom_mark {
    uint64_t serial, thread, count;
    size_t used;
    void *users;
} custom_mark;

typedef struct aai_custom {
    aai_base base;
    aa_allocator_ops ops;
    void *state;
    aai_lock lock;
    custom_mark *marks;
    size_t mark_count, mark_capacity;
    uint64_t next_serial;
    aai_node *root;
    held *newest, *oldest, *unused;
    uint64_t count;    /* relaxed: ordinals */
    size_t used, peak; /* relaxed */
} aai_custom;

static aai_custom *custom_of(const aa_allocator *allocator)
{
    return (aai_custom *)(uintptr_t)allocator;
}

/* ---- arrays that can be freed one by one ----------------------------------------------------------- */

static held *pop_unused(aai_custom *c)
{
    aai_lock_acquire(&c->lock);
    held *const h = c->unused;
    if (h != NULL) {
        c->unused = h->older;
    }
    aai_lock_release(&c->lock);
    return h;
}

/* Room for one more array; NULL without memory. */
static held *take_held(aai_custom *c)
{
    held *h = pop_unused(c);
    if (h != NULL) {
        return h;
    }
    h = aai_calloc(sizeof *h);
    if (h == NULL) {
        return NULL;
    }
    h->cell = aai_cell_take(0, 0, c->base.cell);
    if (h->cell == NULL) {
        aai_mfree(h);
        return NULL;
    }
    return h;
}

static void give_unused(aai_custom *c, held *h)
{
    aai_lock_acquire(&c->lock);
    h->older = c->unused;
    c->unused = h;
    aai_lock_release(&c->lock);
}

/* Its array is gone. Under the lock; out of the tree. */
static void retire_locked(aai_custom *c, held *h)
{
    if (h->newer != NULL) {
        h->newer->older = h->older;
    } else {
        c->newest = h->older;
    }
    if (h->older != NULL) {
        h->older->newer = h->newer;
    } else {
        c->oldest = h->newer;
    }
    aai_cell_unpin_above(h->cell, 0); /* its unpin can only come too late */
    aai_cell_rewind(h->cell, 0);
    h->older = c->unused;
    c->unused = h;
}

static held *find_locked(aai_custom *c, const void *pointer)
{
    aai_node *const node = aai_tree_find(c->root, (uint64_t)(uintptr_t)pointer);
    return node == NULL ? NULL : aai_container_of(node, held, node);
}

static void end_locked(aai_custom *c, held *h)
{
    (void)aai_tree_remove(&c->root, h->node.key);
    retire_locked(c, h);
}

/* The array at an address lives from now on; one that the methods gave out before and never took is gone. */
static void hold(aai_custom *c, held *h, const void *pointer)
{
    aai_lock_acquire(&c->lock);
    held *const before = find_locked(c, pointer);
    if (before != NULL) {
        end_locked(c, before);
    }
    h->node = (aai_node){.key = (uint64_t)(uintptr_t)pointer};
    h->ordinal = __atomic_fetch_add(&c->count, 1, __ATOMIC_RELAXED);
    h->newer = NULL;
    h->older = c->newest;
    if (c->newest != NULL) {
        c->newest->newer = h;
    } else {
        c->oldest = h;
    }
    c->newest = h;
    aai_tree_insert(&c->root, &h->node);
    aai_lock_release(&c->lock);
}

/* Claim what is freed: false when what was born so is no longer there. Another array may have its address and its cell by now,
 * but not its key. */
static bool let_go(aai_custom *c, const void *pointer, const aai_validity *born)
{
    aai_lock_acquire(&c->lock);
    held *const h = find_locked(c, pointer);
    const bool mine = h != NULL && (born == NULL || aai_valid(born));
    if (mine) {
        end_locked(c, h);
    }
    aai_lock_release(&c->lock);
    return mine || born == NULL;
}

/* All arrays are stale by a new key. */
static void let_all_go(aai_custom *c)
{
    aai_lock_acquire(&c->lock);
    if (c->oldest != NULL) {
        c->oldest->older = c->unused;
        c->unused = c->newest;
    }
    c->newest = c->oldest = NULL;
    c->root = NULL;
    aai_lock_release(&c->lock);
}

/* A pinned array with ordinal >= floor; NULL if there is none. */
static aai_cell *find_pinned(aai_custom *c, uint64_t floor)
{
    aai_cell *found = NULL;
    aai_lock_acquire(&c->lock);
    for (const held *h = c->newest; h != NULL && h->ordinal >= floor && found == NULL;
         h = h->older) {
        found = aai_cell_pinned_above(h->cell, 0) ? h->cell : NULL;
    }
    aai_lock_release(&c->lock);
    return found;
}

static aa_status refuse_pinned(aai_custom *c, uint64_t floor, aai_mark_end end)
{
    aa_status status = aai_refuse_pinned(&c->base.head, c->base.cell, floor, end);
    aai_cell *pinned = AAI_LOAD(c->base.cell->pins) == 0 ? NULL : find_pinned(c, floor);
    if (pinned != NULL) {
        status = aai_refuse_pinned(&c->base.head, pinned, 0, end);
    }
    for (; status == AA_OK && pinned != NULL; pinned = find_pinned(c, floor)) {
        aai_cell_unpin_above(pinned, 0); /* one report is enough */
    }
    return status;
}

static void free_all(held *h)
{
    while (h != NULL) {
        held *const older = h->older;
        aai_cell_give(h->cell);
        aai_mfree(h);
        h = older;
    }
}

/* ---- the methods ------------------------------------------------------------------------------------- */

static aai_validity born_in(const aai_custom *c, const aai_cell *cell, uint64_t ordinal)
{
    return (aai_validity){
        .cell = cell, .key = c->base.head.key, .epoch = AAI_LOAD(cell->epoch), .ordinal = ordinal};
}

static void raise_peak(aai_custom *c, size_t used)
{
    size_t peak = AAI_LOAD(c->peak);
    while (peak < used && !__atomic_compare_exchange_n(&c->peak, &peak, used, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static void *ask(aai_custom *c, const aai_request *request)
{
    const size_t bytes = aai_max(request->bytes, 1);
    aai_callback_begin();
    void *const p =
        c->ops.alloc(c->state, bytes, aai_max(request->alignment, c->base.head.mask + 1));
    aai_callback_end();
    if (p == NULL) {
        (void)aai_fail(AA_NOMEM, "custom allocator '%s' gave no %zu bytes", c->base.name, bytes);
        return NULL;
    }
    (void)aai_origin_take(&c->base, &c->base);
    raise_peak(c, __atomic_add_fetch(&c->used, bytes, __ATOMIC_RELAXED));
    return p;
}

static void *custom_alloc(aa_allocator *allocator, aai_request *request)
{
    aai_custom *const c = custom_of(allocator);
    const bool born = (request->how & AAI_BORN) != 0;
    if (request->bytes > AAI_MAX_BYTES) {
        (void)aai_fail(AA_OVERFLOW, "%zu bytes are more than any object may have", request->bytes);
        return NULL;
    }
    if (!born || c->ops.free == NULL) {
        void *const p = ask(c, request);
        if (p != NULL) {
            const uint64_t ordinal = __atomic_fetch_add(&c->count, 1, __ATOMIC_RELAXED);
            request->born = born_in(c, c->base.cell, ordinal);
        }
        return p;
    }
    held *const h = take_held(c);
    if (h == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for one more array of '%s'", c->base.name);
        return NULL;
    }
    void *const p = ask(c, request);
    if (p == NULL) {
        give_unused(c, h);
        return NULL;
    }
    hold(c, h, p);
    request->born = born_in(c, h->cell, 0);
    return p;
}

static aa_status custom_free(aa_allocator *allocator, void *pointer, size_t bytes,
                             const aai_validity *born)
{
    aai_custom *const c = custom_of(allocator);
    if (c->ops.free == NULL) {
        return AA_OK;
    }
    if (!let_go(c, pointer, born)) {
        return aai_fail(AA_STALE, "aa_array_free: another thread has freed this array");
    }
    aai_callback_begin();
    c->ops.free(c->state, pointer, bytes);
    aai_callback_end();
    AAI_SUB(c->used, aai_max(bytes, 1));
    return AA_OK;
}

enum { MARK_NONE = 2 }; /* aa_mark.state of a mark that does nothing */

static aa_status custom_mark_take(aa_allocator *allocator, aa_mark *mark)
{
    aai_custom *const c = custom_of(allocator);
    if (c->ops.mark == NULL || c->ops.rewind == NULL) {
        mark->state = MARK_NONE;
        return AA_OK;
    }
    aai_callback_begin();
    void *const users = c->ops.mark(c->state);
    aai_callback_end();
    aai_lock_acquire(&c->lock);
    const bool room =
        c->mark_count < AAI_MARK_DEPTH &&
        aai_vector_grow((void **)&c->marks, &c->mark_capacity, c->mark_count, sizeof *c->marks);
    if (room) {
        mark->serial = ++c->next_serial;
        c->marks[c->mark_count++] = (custom_mark){.serial = mark->serial,
                                                  .thread = mark->thread_id,
                                                  .count = AAI_LOAD(c->count),
                                                  .used = AAI_LOAD(c->used),
                                                  .users = users};
    }
    aai_lock_release(&c->lock);
    return room ? AA_OK : aai_fail(AA_NOMEM, "no room for one more mark of '%s'", c->base.name);
}

static bool find_mark(aai_custom *c, const aa_mark *mark, custom_mark *found)
{
    bool seen = false;
    aai_lock_acquire(&c->lock);
    for (size_t i = 0; i < c->mark_count && !seen; ++i) {
        seen = c->marks[i].serial == mark->serial;
        *found = c->marks[i];
    }
    aai_lock_release(&c->lock);
    return seen;
}

/* Remove a mark and those this thread took after it. */
static void remove_marks(aai_custom *c, const aa_mark *mark)
{
    bool seen = false;
    size_t kept = 0;
    aai_lock_acquire(&c->lock);
    for (size_t i = 0; i < c->mark_count; ++i) {
        const custom_mark at = c->marks[i];
        seen = seen || at.serial == mark->serial;
        if (!seen || at.thread != mark->thread_id) {
            c->marks[kept++] = at;
        }
    }
    c->mark_count = kept;
    aai_lock_release(&c->lock);
}

static aa_status custom_unmark(const aa_mark *mark, aai_mark_end end)
{
    aai_custom *const c = custom_of(mark->allocator);
    custom_mark found = {.serial = 0};
    if (mark->state == MARK_NONE) {
        return AA_OK;
    }
    if (!find_mark(c, mark, &found)) {
        const aai_site site = {end == AAI_END_DROP ? "aa_mark_drop" : "aa_mark_rewind", NULL, 0};
        return aai_violate(AA_REWIND_ORDER, mark->allocator, site,
                           "this mark has ended already; marks end in reverse order, each once");
    }
    if (end == AAI_END_DROP) {
        remove_marks(c, mark);
        return AA_OK;
    }
    const aa_status unpinned = refuse_pinned(c, found.count, end);
    if (unpinned != AA_OK) {
        return unpinned;
    }
    aai_callback_begin();
    const aa_status status = c->ops.rewind(c->state, found.users);
    aai_callback_end();
    if (status != AA_OK) {
        return aai_fail(status, "the rewind method of '%s' failed", c->base.name);
    }
    remove_marks(c, mark);
    aai_lock_acquire(&c->lock); /* any thread may rewind: one at a time */
    AAI_STORE(c->used,
              aai_min(AAI_LOAD(c->used), found.used)); /* older blocks may have been freed since */
    aai_cell_rewind(c->base.cell, found.count);
    while (c->newest != NULL && c->newest->ordinal >= found.count) {
        end_locked(c, c->newest);
    }
    aai_lock_release(&c->lock);
    return AA_OK;
}

static aa_status custom_reset(aa_allocator *allocator)
{
    aai_custom *const c = custom_of(allocator);
    if (c->ops.reset == NULL) {
        return aai_fail(AA_UNSUPPORTED, "aa_reset: custom allocator '%s' has no reset method",
                        c->base.name);
    }
    const uint64_t key = aai_unique_draw();
    if (key == 0) {
        return aai_fail(AA_OVERFLOW, "aa_reset: the epoch counter is at its end");
    }
    aai_callback_begin();
    const aa_status status = c->ops.reset(c->state);
    aai_callback_end();
    if (status != AA_OK) {
        return aai_fail(status, "the reset method of '%s' failed", c->base.name);
    }
    c->mark_count = 0;
    AAI_STORE(c->used, 0);
    let_all_go(c);
    aai_base_rekey(&c->base, key);
    return AA_OK;
}

static void custom_destroy(aa_allocator *allocator)
{
    aai_custom *const c = custom_of(allocator);
    if (c->ops.destroy != NULL) {
        aai_callback_begin();
        c->ops.destroy(c->state);
        aai_callback_end();
    }
    let_all_go(c);
    free_all(c->unused);
    aai_mfree(c->marks);
    aai_lock_fini(&c->lock);
}

static bool custom_owns(const aa_allocator *allocator, const void *pointer)
{
    const aai_custom *const c = custom_of(allocator);
    return c->ops.owns != NULL && c->ops.owns(c->state, pointer);
}

static void custom_stats(const aa_allocator *allocator, aa_stats *stats)
{
    const aai_custom *const c = custom_of(allocator);
    stats->used = AAI_LOAD(c->used);
    stats->peak = AAI_LOAD(c->peak);
    stats->allocations = AAI_LOAD(c->count);
    stats->resets = AAI_LOAD(c->base.resets);
}

static aai_marks custom_marks(const aa_allocator *allocator, uint64_t thread)
{
    aai_custom *const c = custom_of(allocator);
    aai_marks marks = {0};
    aai_lock_acquire(&c->lock);
    for (size_t i = 0; i < c->mark_count; ++i) {
        const custom_mark *const mark = &c->marks[i];
        aai_marks_add(&marks, mark->thread == thread, 1, mark->thread, mark->count);
    }
    aai_lock_release(&c->lock);
    return marks;
}

static void custom_forked(aa_allocator *allocator)
{
    aai_custom *const c = custom_of(allocator);
    size_t kept = 0;
    for (size_t i = 0; i < c->mark_count; ++i) {
        if (c->marks[i].thread == aa_tls.thread_id) {
            c->marks[kept++] = c->marks[i];
        }
    }
    c->mark_count = kept;
}

static void custom_locks(const aa_allocator *allocator, void (*each)(aai_lock *))
{
    each(&custom_of(allocator)->lock);
}

static const aai_ops custom_ops = {.kind = "custom",
                                   .alloc = custom_alloc,
                                   .free = custom_free,
                                   .mark = custom_mark_take,
                                   .unmark = custom_unmark,
                                   .reset = custom_reset,
                                   .destroy = custom_destroy,
                                   .owns = custom_owns,
                                   .stats = custom_stats,
                                   .marks = custom_marks,
                                   .locks = custom_locks,
                                   .forked = custom_forked};

aa_allocator *aa_custom_create(const aa_allocator_ops *ops, void *state, const aa_options *options)
{
    if (ops == NULL || ops->size < offsetof(aa_allocator_ops, free) || ops->alloc == NULL) {
        (void)aai_fail(AA_INVALID, "aa_custom_create: needs a table with size and alloc");
        return NULL;
    }
    aai_custom *const c = aai_calloc(sizeof *c);
    if (c == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for a custom allocator");
        return NULL;
    }
    memcpy(&c->ops, ops, aai_min(ops->size, sizeof c->ops));
    c->state = state;
    if (aai_base_init(&c->base, &custom_ops, AAI_CUSTOM, options) != AA_OK) {
        aai_mfree(c);
        return NULL;
    }
    aai_lock_init(&c->lock, AAI_RANK_ALLOCATOR);
    aai_base_go_live(&c->base);
    return &c->base.head;
}

bool aai_custom_marks(const aa_allocator *allocator)
{
    const aai_custom *const c = custom_of(allocator);
    return c->ops.mark != NULL && c->ops.rewind != NULL;
}
