/* Floor 5, alloc: a thread's latest allocations, whose free will not say how many bytes they have: what is not
 * inline. allocarrays/impl/serve.h draws them and states their invariants.
 *
 * Cannot see what another thread allocated or freed. Its thread's alone: no locks. */
#include "alloc/lane.h"
#include "alloc/served.h"

static const uint64_t no_key = 1; /* what the key of no way, 0, is compared with */
#define NO_WAY                                                                                     \
    {                                                                                              \
        .handle = AAI_NO_HANDLE, .key_at = &no_key                                                 \
    }
static aai_recent nobodys = {.ways = {NO_WAY, NO_WAY, NO_WAY, NO_WAY}};

__thread aai_recent *aai_recent_mine = &nobodys;

static aai_recent_entry *entry_at(aai_recent *recent, size_t index)
{
    return &recent->at[index % AAI_RECENT];
}

static size_t bytes_of(const aai_recent_entry *entry)
{
    return (entry->end & ~(AAI_FREED | AAI_FIRST)) - (uintptr_t)entry->start;
}

static bool is_freed(const aai_recent_entry *entry)
{
    return (entry->end & AAI_FREED) != 0;
}

/* No way's key is 0: there is no such key. */
static bool may_believe(const aai_way *way)
{
    return AAI_LOAD(*way->key_at) == way->key &&
           (way->allocator->kind != AAI_ARENA ||
            aai_base_of(way->allocator)->creator == aa_tls.thread_id);
}

static void thread_ends(aai_thread *self)
{
    (void)self;
    if (aai_recent_mine != &nobodys) {
        aai_mfree(aai_recent_mine->raw);
        aai_recent_mine = &nobodys;
    }
}

static aai_recent *make_mine(void)
{
    char *const raw = aai_self() == NULL ? NULL : aai_malloc(sizeof(aai_recent) + 64);
    if (raw == NULL) {
        return NULL;
    }
    aai_recent *const made = (void *)(raw + aai_padding(raw, 63));
    *made = nobodys;
    made->raw = raw;
    aai_thread_at_exit(AAI_EXIT_RECENT, thread_ends);
    aai_recent_mine = made;
    return made;
}

/* ---- ways --------------------------------------------------------------------------------------------------- */

/* One that was born in a region must be told who takes memory: origin.c. */
static bool serves_inline(const aa_allocator *allocator)
{
    const aai_base *const base = aai_base_of(allocator);
    return allocator->kind != AAI_ARENA && aai_is_fast(base) && base->birth_level == 0;
}

static bool make_way(aai_way *way, aa_allocator *allocator)
{
    aai_lane *const lane = aai_own_lane(allocator);
    if (lane == NULL) {
        return false;
    }
    const aai_cell *const home = AAI_LOAD(lane->cell->home);
    const aai_base *const base = aai_base_of(allocator);
    const uintptr_t handle = AAI_LOAD(base->handle);
    *way = (aai_way){.handle = serves_inline(allocator) && handle != 0 ? handle : AAI_NO_HANDLE,
                     .key_at = &home->key,
                     .key = AAI_LOAD(home->key),
                     .window = lane->window,
                     .edge = &lane->edge,
                     .mask = lane->mask,
                     .allocator = allocator};
    return true;
}

/* The way to an allocator comes first, and the others keep their order; false: it can have none. */
static bool put_way_first(aai_recent *recent, aa_allocator *allocator)
{
    aai_way way;
    if (!make_way(&way, allocator)) {
        return false;
    }
    size_t at = 0;
    while (at < AAI_WAYS - 1 && recent->ways[at].edge != way.edge) {
        ++at;
    }
    memmove(&recent->ways[1], &recent->ways[0], at * sizeof way);
    recent->ways[0] = way;
    recent->undo = 0; /* until find_waiting has looked */
    return true;
}

/* The lane that an entry is a living allocation of, NULL where that is not known. */
static const aai_way *way_of(const aai_recent *recent, const aai_recent_entry *entry)
{
    for (int i = 0; i < AAI_WAYS; ++i) {
        const aai_way *const way = &recent->ways[i];
        if (may_believe(way) && way->edge->version == entry->version) {
            return way;
        }
    }
    return NULL;
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static size_t lowest(const aai_recent *recent)
{
    const size_t count = recent->top - recent->bottom;
    return count > AAI_RECENT ? recent->top - AAI_RECENT : recent->bottom;
}

/* Whether some entry is freed and waits for younger ones: then no free is done inline. */
static void find_waiting(aai_recent *recent)
{
    bool waits = false;
    for (size_t i = recent->top; i != lowest(recent) && !waits; --i) {
        const aai_recent_entry *const e = entry_at(recent, i - 1);
        waits = e->start != NULL && is_freed(e);
    }
    const aai_way *const first = &recent->ways[0];
    const bool is_inline = may_believe(first) && serves_inline(first->allocator);
    recent->undo = waits || !is_inline ? 0 : first->key;
}

/* Without memory nothing is remembered. */
void aai_recent_note(aa_allocator *allocator, void *pointer, size_t bytes)
{
    aai_recent *const recent = aai_recent_mine != &nobodys ? aai_recent_mine : make_mine();
    if (recent == NULL) {
        return;
    }
    const bool is_first = may_believe(&recent->ways[0]) && recent->ways[0].allocator == allocator;
    if (is_first || put_way_first(recent, allocator)) {
        const size_t mask = recent->ways[0].mask;
        aai_recent_push(recent, pointer, (((uintptr_t)pointer + bytes + mask) & ~mask) | AAI_FIRST,
                        recent->ways[0].edge->version);
        find_waiting(recent);
    }
}

/* Give an entry back if it is its lane's newest allocation and the calling thread is in no other call. */
static bool take_back(aai_recent *recent, aai_recent_entry *e)
{
    const aai_way *const way = way_of(recent, e);
    if (way == NULL || aa_tls.record->call_count != 0) {
        return false;
    }
    aai_lane *const lane = aai_container_of(way->edge, aai_lane, edge);
    const size_t bytes = lane->watch != NULL ? aai_watch_bytes(lane, e->start) : bytes_of(e);
    if (!aai_lane_is_newest(lane, e->start, bytes)) {
        return false;
    }
    if (way->allocator->tier == AA_CHECKS_NONE) {
        (void)aai_lane_free(lane, e->start, bytes, NULL);
    } else {
        aa_free(way->allocator, e->start, bytes); /* the door that looks at everything */
    }
    *e = (aai_recent_entry){.start = NULL};
    return true;
}

/* Freed before what was taken back now, but older: they may follow. */
static void take_back_waiting(aai_recent *recent)
{
    for (size_t i = recent->top; i != lowest(recent); --i) {
        aai_recent_entry *const e = entry_at(recent, i - 1);
        if (e->start != NULL && is_freed(e)) {
            (void)take_back(recent, e);
        }
    }
}

static void drop_top(aai_recent *recent)
{
    recent->bottom = lowest(recent);
    while (recent->top != recent->bottom && entry_at(recent, recent->top - 1)->start == NULL) {
        --recent->top;
    }
}

static aai_recent_entry *find(aai_recent *recent, const void *pointer)
{
    for (size_t i = recent->top; i != lowest(recent); --i) {
        aai_recent_entry *const e = entry_at(recent, i - 1);
        if (e->start == pointer && !is_freed(e)) {
            return e;
        }
    }
    return NULL;
}

bool aai_recent_free(void *pointer)
{
    aai_recent *const recent = aai_recent_mine;
    aai_recent_entry *const e = find(recent, pointer);
    if (e == NULL) {
        return false;
    }
    if (take_back(recent, e)) {
        take_back_waiting(recent);
    } else {
        e->end |= AAI_FREED;
    }
    drop_top(recent);
    find_waiting(recent);
    return true;
}

size_t aai_recent_bytes(const void *pointer)
{
    aai_recent *const recent = aai_recent_mine;
    const aai_recent_entry *const e = find(recent, pointer);
    const aai_way *const way = e == NULL ? NULL : way_of(recent, e);
    if (way == NULL) {
        return 0;
    }
    const aai_lane *const lane = aai_container_of(way->edge, aai_lane, edge);
    return lane->watch != NULL ? aai_watch_bytes(lane, pointer) : bytes_of(e);
}

bool aai_recent_resize(const aa_allocator *allocator, void *pointer, size_t bytes)
{
    aai_recent *const recent = aai_recent_mine;
    aai_recent_entry *const e = find(recent, pointer);
    const aai_way *const way = e == NULL ? NULL : way_of(recent, e);
    if (way == NULL || way->allocator != allocator || aa_tls.record->call_count != 0) {
        return false;
    }
    aai_lane *const lane = aai_container_of(way->edge, aai_lane, edge);
    if (aai_lane_resize(lane, pointer, bytes_of(e), bytes) != AAI_RESIZED) {
        return false;
    }
    e->end = (((uintptr_t)pointer + bytes + way->mask) & ~way->mask) | AAI_FIRST;
    return true;
}

/* In one version a younger entry lies higher: whoever frees the newest without us meets the first entry only. */
void aai_recent_cut(const aai_lane *lane, const char *start, size_t rounded)
{
    aai_recent *const recent = aai_recent_mine;
    for (size_t i = recent->top; i != lowest(recent); --i) {
        aai_recent_entry *const e = entry_at(recent, i - 1);
        if (e->start == NULL || e->version != lane->edge.version) {
            continue;
        }
        if (e->start < start) {
            break;
        }
        if (e->start == start && rounded != 0) {
            e->end = ((uintptr_t)start + rounded) | (e->end & (AAI_FREED | AAI_FIRST));
        } else {
            e->start = NULL;
        }
    }
}
