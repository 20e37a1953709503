/* Floor 5, alloc: the life of an allocator, and the public calls that every kind shares.
 *
 *     created -> live (in the list, id in its cell) -> destroyed (cell retired, methods replaced by those of
 *     gone.c) -> quarantined (the last 4,096) -> freed
 *
 * Lock: the registry lock for the list and the quarantine. */
#include "alloc/alloc.h"

#include "alloc/report.h"
#include "alloc/timeline.h"
#include "base/plant.h"
#include "os/tools.h"
#include "sync/team.h"

aai_lock aai_registry_lock = AAI_LOCK_INIT(AAI_RANK_REGISTRY);
static aai_base *live;

static aai_base *quarantine[AAI_QUARANTINE];
static size_t quarantine_next;

/* ---- options ------------------------------------------------------------------------------------------ */

static aa_status check_options(const aa_options *o)
{
    if (o->alignment != 0 && (!aai_is_pow2(o->alignment) || o->alignment > AAI_MAX_ALIGNMENT)) {
        return aai_fail(AA_INVALID, "alignment %zu is not a power of two up to 1 GiB",
                        o->alignment);
    }
    if (o->history < 0 || o->history > AAI_HISTORY_MAX) {
        return aai_fail(AA_INVALID, "history %d is not within 0 .. %d", o->history,
                        AAI_HISTORY_MAX);
    }
    if ((int)o->checks < AA_CHECKS_DEFAULT || o->checks > AA_CHECKS_FULL) {
        return aai_fail(AA_INVALID, "checks %d is no aa_checks", (int)o->checks);
    }
    const unsigned known = AA_ZEROED | AA_PREFAULT | AA_HUGEPAGES | AA_FIRST_TOUCH | AA_GUARD;
    if ((o->flags & ~known) != 0) {
        return aai_fail(AA_INVALID, "unknown flags 0x%x", o->flags & ~known);
    }
    if (o->capacity > AAI_MAX_BYTES || o->initial > AAI_MAX_BYTES) {
        return aai_fail(AA_INVALID, "capacity %zu or initial %zu is more than any object may have",
                        o->capacity, o->initial);
    }
    if (o->capacity != 0 && o->initial > o->capacity) {
        return aai_fail(AA_INVALID, "initial %zu is above the capacity %zu", o->initial,
                        o->capacity);
    }
    return AA_OK;
}

static char *make_name(const char *wanted, const char *kind, uint64_t id)
{
    char text[48];
    if (wanted == NULL) {
        (void)snprintf(text, sizeof text, "%s-%llu", kind, (unsigned long long)id);
        wanted = text;
    }
    const size_t bytes = strlen(wanted) + 1;
    char *const name = aai_malloc(bytes);
    if (name != NULL) {
        memcpy(name, wanted, bytes);
    }
    return name;
}

static uint8_t tier_of(const aa_options *o)
{
    return (uint8_t)(o->checks == AA_CHECKS_DEFAULT ? aai_settings_get()->checks : (int)o->checks);
}

/* With AA_FIRST_TOUCH blocks are populated by the team, not by the upstream. */
static unsigned pages_flags(unsigned flags)
{
    return AA_HUGEPAGES | ((flags & AA_FIRST_TOUCH) == 0 ? AA_PREFAULT : 0u);
}

aa_status aai_base_init(aai_base *base, const aai_ops *ops, int kind, const aa_options *options)
{
    static const aa_options none = AA_OPTIONS_INIT;
    const aa_options *const o = options != NULL ? options : &none;
    const aa_status status = check_options(o);
    if (status != AA_OK) {
        return status;
    }
    aai_trace_start();
    const uint64_t id = aai_unique_draw(), key = aai_unique_draw();
    const aai_thread *const self = aai_self();
    if (id == 0 || key == 0) {
        return aai_fail(AA_OVERFLOW, "the epoch counter is at its end");
    }
    base->head.mask = (o->alignment != 0 ? o->alignment : 64) - 1;
    base->head.key = key;
    base->head.slot = (uint32_t)(id % AAI_TLS_SLOTS);
    base->head.kind = (uint8_t)kind;
    base->head.tier = tier_of(o);
    base->head.flags = (uint16_t)o->flags;
    base->head.ops = ops;
    base->id = id;
    base->capacity = o->capacity;
    base->initial = o->initial;
    base->history = o->history != 0 ? o->history : 5;
    base->upstream =
        o->upstream != NULL ? o->upstream : aa_upstream_pages(o->flags & pages_flags(o->flags));
    base->fallback = o->fallback;
    base->guard = kind != AAI_CUSTOM && aai_upstream_can_guard(base->upstream) &&
                  ((o->flags & AA_GUARD) != 0 || base->head.tier == AA_CHECKS_FULL);
    if ((o->flags & AA_GUARD) != 0 && !base->guard) {
        return aai_fail(AA_UNSUPPORTED, "AA_GUARD needs ordinary pages as upstream");
    }
    aai_origin_note(base);
    base->name = make_name(o->name, ops->kind, id);
    base->cell = aai_cell_take(id, key, NULL);
    if (self == NULL || base->name == NULL || base->cell == NULL) {
        aai_base_fini(base);
        return aai_fail(AA_NOMEM, "no memory for an allocator");
    }
    base->creator = self->id;
    return AA_OK;
}

void aai_base_fini(aai_base *base)
{
    if (base->cell != NULL) {
        aai_cell_give(base->cell);
    }
    aai_mfree(base->name);
}

bool aai_is_fast(const aai_base *base)
{
    const bool touches = (base->head.flags & AA_FIRST_TOUCH) != 0 && base->head.kind != AAI_SHARED;
    return base->head.tier == AA_CHECKS_NONE && (base->head.flags & AA_ZEROED) == 0 && !touches &&
           !base->traced && !aai_tools_race_detecting();
}

/* ---- the list of live allocators ------------------------------------------------------------------------ */

void aai_base_go_live(aai_base *base)
{
    aai_report_at_exit();
    aai_lock_acquire(&aai_registry_lock);
    base->live_next = live;
    if (live != NULL) {
        live->live_prev = base;
    }
    live = base;
    aai_lock_release(&aai_registry_lock);
    aai_timeline_created(base);
}

static void unlink_live(aai_base *base)
{
    if (base->live_prev != NULL) {
        base->live_prev->live_next = base->live_next;
    } else {
        live = base->live_next;
    }
    if (base->live_next != NULL) {
        base->live_next->live_prev = base->live_prev;
    }
}

void aai_each_live_locked(void (*visit)(aai_base *, void *), void *context)
{
    for (aai_base *base = live; base != NULL; base = base->live_next) {
        visit(base, context);
    }
}

void aai_each_live(void (*visit)(aai_base *, void *), void *context)
{
    aai_lock_acquire(&aai_registry_lock);
    aai_each_live_locked(visit, context);
    aai_lock_release(&aai_registry_lock);
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

extern const aai_ops aai_gone_ops;

static void make_gone(aai_base *base)
{
    base->head.window = (aai_window){NULL, NULL, 0};
    base->head.kind = AAI_GONE;
    base->head.ops = &aai_gone_ops;
    base->cell = NULL;
    base->upstream = NULL;
}

void aai_base_destroy(aai_base *base)
{
    aai_lock_acquire(&aai_registry_lock);
    unlink_live(base);
    aai_lock_release(&aai_registry_lock);
    aai_base_end(base);
}

void aai_base_end(aai_base *base)
{
    const aai_ops *const ops = base->head.ops;
    aai_cell *const cell = base->cell;
    AAI_STORE(cell->id, 0);
    base->head.key = UINT64_MAX; /* no TLS slot leads here any more */
    ops->destroy(&base->head);
    (void)aa_upstream_destroy(base->owned[0]);
    (void)aa_upstream_destroy(base->owned[1]);
    aai_mfree(base->round);
    base->round = NULL;
    make_gone(base);
    aai_cell_give(cell);
    aai_lock_acquire(&aai_registry_lock);
    aai_base *const oldest = quarantine[quarantine_next];
    quarantine[quarantine_next] = base;
    quarantine_next = (quarantine_next + 1) % AAI_QUARANTINE;
    aai_lock_release(&aai_registry_lock);
    if (oldest != NULL) {
        aai_mfree(oldest->name);
        aai_mfree(oldest);
    }
}

void aai_base_rekey(aai_base *base, uint64_t key)
{
    AAI_STORE(base->head.key,
              AAI_PLANT(KEY_KEPT) ? base->head.key : key); /* statistics may be read */
    if (!AAI_PLANT(EPOCH_KEPT)) {
        aai_cell_restart(base->cell, key);
    }
    AAI_STORE(base->takers, 0);
    AAI_ADD(base->resets, 1);
}

/* ---- public calls ------------------------------------------------------------------------------------------ */

aa_allocator *(*aai_resolve_current)(void);
aa_allocator *(*aai_resolve_asked)(const aai_site *site);
uint64_t aai_omp_handles;

/* From here on the threads of a team share the first touch, and the clearing, of an allocation: below, one thread's
 * cache holds it all and a region costs more than it saves. */
enum { TEAM_BYTES = 1 << 20 };

static void clear(char *start, size_t bytes)
{
    memset(start, 0, bytes);
}

static bool is_for_team(const aa_allocator *allocator, size_t bytes)
{
    return (allocator->flags & AA_FIRST_TOUCH) != 0 && bytes >= TEAM_BYTES;
}

void aai_clear(const aa_allocator *allocator, void *pointer, size_t bytes)
{
    if (is_for_team(allocator, bytes)) {
        aai_omp_split(clear, pointer, bytes, aai_page_size());
    } else {
        memset(pointer, 0, bytes);
    }
}

/* What nobody has touched yet, by the thread of the part that a static schedule gives it. */
static void touch_first(const aa_allocator *allocator, char *p, size_t bytes)
{
    const size_t fresh = is_for_team(allocator, bytes) ? aai_block_fresh(p, bytes) : 0;
    if (fresh != 0) {
        aai_omp_split(aai_pages_populate, p, bytes, aai_page_size());
    }
}

/* Inside an op. */
static void *serve_entered(aa_allocator *allocator, aai_request *request)
{
    char *const p = allocator->ops->alloc(allocator, request);
    if (p == NULL) {
        return NULL;
    }
    if ((allocator->flags & AA_ZEROED) != 0) {
        aai_clear(allocator, p, request->bytes);
    } else {
        touch_first(allocator, p, request->bytes);
    }
    return p;
}

/* Another allocator serves what this one has no memory for. Outside the op: two that lead to each other end in
 * AA_BUSY, or where both are full. */
static void *ask_delegate(const aa_allocator *allocator, aai_request *request, const char *function)
{
    const aai_base *const base = aai_base_of(allocator);
    if (base->delegate == NULL || aa_last_status() != AA_NOMEM ||
        !aai_alive(base->delegate_cell, base->delegate_id)) {
        return NULL;
    }
    aa_allocator *const delegate = base->delegate;
    if (aai_is_anothers_arena(delegate)) {
        (void)aai_foreign_thread(aai_base_of(delegate), (aai_site){function, NULL, 0});
        return NULL;
    }
    aai_callback_begin();
    void *const p = aai_serve(delegate, request, function);
    aai_callback_end();
    return p;
}

void *aai_serve(aa_allocator *allocator, aai_request *request, const char *function)
{
    aai_op op;
    if (aai_enter(&op, &allocator, function) != AA_OK) {
        return NULL;
    }
    void *p = serve_entered(allocator, request);
    if (AAI_UNLIKELY(p == NULL)) {
        p = ask_delegate(allocator, request, function);
    }
    aai_leave(&op);
    aai_tools_race_read(&allocator->mask); /* after the locks of the call, which would order it */
    return p;
}

/* No call is under way on this thread: what is in scope may be resolved, and its inline path tried, at once. */
static bool is_idle(void)
{
    const aai_thread *const self = aa_tls.record;
    return self != NULL && self->call_count == 0 && !aai_lock_any_held();
}

void *aai_alloc_slow(aa_allocator *allocator, size_t bytes)
{
    static const aai_site site = {"aa_alloc", NULL, 0};
    aai_request request = {.bytes = bytes};
    if (allocator != NULL && allocator->kind == AAI_CURRENT && is_idle()) {
        aa_allocator *const current = aai_resolve_asked(&site);
        if (!aai_is_anothers_arena(current)) {
            return aai_alloc(current, bytes);
        }
    }
    return aai_serve(allocator, &request, "aa_alloc");
}

void *aai_alloc_failed_product(size_t count, size_t bytes)
{
    (void)aai_fail(AA_OVERFLOW, "%zu x %zu bytes do not fit", count, bytes);
    return NULL;
}

void *aa_alloc_aligned(aa_allocator *allocator, size_t bytes, size_t alignment)
{
    if (alignment != 0 && (!aai_is_pow2(alignment) || alignment > AAI_MAX_ALIGNMENT)) {
        (void)aai_fail(AA_INVALID,
                       "aa_alloc_aligned: alignment %zu is not a power of two up to 1 GiB",
                       alignment);
        return NULL;
    }
    if (allocator != NULL && alignment <= allocator->mask + 1) {
        return aai_alloc(allocator, bytes);
    }
    aai_request request = {.bytes = bytes, .alignment = alignment};
    return aai_serve(allocator, &request, "aa_alloc_aligned");
}

void *aa_calloc(aa_allocator *allocator, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        return aai_alloc_failed_product(count, bytes);
    }
    void *const p = aai_alloc(allocator, total);
    if (p != NULL && total != 0) {
        aai_clear(allocator, p, total);
    }
    return p;
}

/* Inside an op. */
static void *realloc_entered(aa_allocator *allocator, void *pointer, size_t old_bytes,
                             size_t new_bytes)
{
    const size_t common = aai_min(old_bytes, new_bytes);
    const aai_resized in_place =
        allocator->ops->resize == NULL
            ? AAI_MUST_MOVE
            : allocator->ops->resize(allocator, pointer, old_bytes, new_bytes);
    if (in_place == AAI_RESIZED && (allocator->flags & AA_ZEROED) != 0) {
        aai_clear(allocator, (char *)pointer + common, new_bytes - common);
    }
    if (in_place != AAI_MUST_MOVE) {
        return in_place == AAI_RESIZED ? pointer : NULL;
    }
    aai_request request = {.bytes = new_bytes};
    void *const moved = serve_entered(allocator, &request);
    if (moved != NULL) {
        memcpy(moved, pointer, common);
        (void)allocator->ops->free(allocator, pointer, old_bytes, NULL);
    }
    return moved;
}

void *aa_realloc(aa_allocator *allocator, void *pointer, size_t old_bytes, size_t new_bytes)
{
    aai_op op;
    if (pointer == NULL) {
        return aai_alloc(allocator, new_bytes);
    }
    if (aai_enter(&op, &allocator, "aa_realloc") != AA_OK) {
        return NULL;
    }
    void *const p = realloc_entered(allocator, pointer, old_bytes, new_bytes);
    aai_leave(&op);
    return p;
}

static aa_status give_back(aa_allocator *allocator, void *pointer, size_t bytes,
                           const aai_validity *born)
{
    aai_op op;
    const aa_status status = aai_enter(&op, &allocator, "aa_free");
    if (status != AA_OK) {
        return status;
    }
    const aa_status freed = allocator->ops->free(allocator, pointer, bytes, born);
    aai_leave(&op);
    return freed;
}

void aa_free(aa_allocator *allocator, void *pointer, size_t bytes)
{
    if (pointer != NULL) {
        (void)give_back(allocator, pointer, bytes, NULL);
    }
}

aa_status aai_free_born(aa_allocator *allocator, void *pointer, size_t bytes,
                        const aai_validity *born)
{
    return give_back(allocator, pointer, bytes, born);
}

bool aa_owns(const aa_allocator *allocator, const void *pointer)
{
    const aa_allocator *const real =
        allocator != NULL && allocator->kind == AAI_CURRENT ? aai_resolve_current() : allocator;
    return real != NULL && pointer != NULL && real->ops->owns != NULL &&
           real->ops->owns(real, pointer);
}

const char *aa_name(const aa_allocator *allocator)
{
    if (allocator == NULL || allocator->kind == AAI_CURRENT) {
        return allocator == NULL ? "" : "current";
    }
    return aai_base_of(allocator)->name;
}
