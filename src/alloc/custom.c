/* Floor 5, alloc: custom: the user's method table behind our handle. Methods are called with no lock held.
 *
 * Lock: the mark vector, and rewinds of the cell. Ordinals count the allocations of all threads, for a custom rewind takes back
 * whatever came after the mark, whoever asked for it. */
#include "alloc/alloc.h"

typedef struct custom_mark {
    uint64_t serial, thread, count;
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
    uint64_t count; /* relaxed: ordinals */
    size_t used;    /* relaxed */
} aai_custom;

static aai_custom *custom_of(const aa_allocator *allocator)
{
    return (aai_custom *)(uintptr_t)allocator;
}

static void *custom_alloc(aa_allocator *allocator, aai_request *request)
{
    aai_custom *const c = custom_of(allocator);
    const size_t bytes = aai_max(request->bytes, 1);
    if (bytes > AAI_MAX_BYTES) {
        (void)aai_fail(AA_OVERFLOW, "%zu bytes are more than any object may have", request->bytes);
        return NULL;
    }
    aai_callback_begin();
    void *const p = c->ops.alloc(c->state, bytes, aai_max(request->alignment, allocator->mask + 1));
    aai_callback_end();
    if (p == NULL) {
        (void)aai_fail(AA_NOMEM, "custom allocator '%s' gave no %zu bytes", c->base.name, bytes);
        return NULL;
    }
    (void)aai_origin_take(&c->base, &c->base);
    AAI_ADD(c->used, bytes);
    const uint64_t ordinal = __atomic_fetch_add(&c->count, 1, __ATOMIC_RELAXED);
    if ((request->how & AAI_BORN) != 0) {
        request->born = (aai_validity){.cell = c->base.cell,
                                       .key = allocator->key,
                                       .epoch = AAI_LOAD(c->base.cell->epoch),
                                       .ordinal = ordinal};
    }
    return p;
}

static aa_status custom_free(aa_allocator *allocator, void *pointer, size_t bytes,
                             const aai_validity *born)
{
    (void)born;
    aai_custom *const c = custom_of(allocator);
    if (c->ops.free != NULL) {
        aai_callback_begin();
        c->ops.free(c->state, pointer, bytes);
        aai_callback_end();
        AAI_SUB(c->used, aai_max(bytes, 1));
    }
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
    const bool room = c->mark_count < AAI_MARK_DEPTH &&
                      aai_vector_grow((void **)&c->marks, &c->mark_capacity, c->mark_count,
                                      sizeof *c->marks);
    if (room) {
        mark->serial = ++c->next_serial;
        c->marks[c->mark_count++] =
            (custom_mark){mark->serial, mark->thread_id, AAI_LOAD(c->count), users};
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
    custom_mark found = {0, 0, 0, NULL};
    if (mark->state == MARK_NONE) {
        return AA_OK;
    }
    if (!find_mark(c, mark, &found)) {
        const aai_site site = {end == AAI_END_DROP ? "aa_mark_drop" : "aa_mark_rewind", NULL, 0};
        return aai_violate(AA_REWIND_ORDER, mark->allocator, site, mark->serial,
                           "this mark has ended already; marks end in reverse order, each once");
    }
    if (end == AAI_END_DROP) {
        remove_marks(c, mark);
        return AA_OK;
    }
    const aa_status unpinned = aai_refuse_pinned(mark->allocator, c->base.cell, found.count, end);
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
    aai_cell_rewind(c->base.cell, found.count);
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
    stats->allocations = AAI_LOAD(c->count);
    stats->resets = AAI_LOAD(c->base.resets);
}

static aai_marks custom_marks(const aa_allocator *allocator, uint64_t thread)
{
    aai_custom *const c = custom_of(allocator);
    aai_marks marks = {0, 0};
    aai_lock_acquire(&c->lock);
    for (size_t i = 0; i < c->mark_count; ++i) {
        ++*(c->marks[i].thread == thread ? &marks.own : &marks.others);
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
