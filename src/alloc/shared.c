/* Floor 5, alloc: shared: a bump allocator for any number of threads.
 *
 *     central lane (under the lock): blocks ----- cut -----> leases and whole pieces of thread lanes
 *
 * Invariants: a byte of a block is in at most one lane's piece, or in `tails`, or still central's;
 *     a lane's pieces are of the round lane.key; lane.key == head.key, or the lane is empty for all purposes
 *     (reset draws a new key and visits no lane; the lane's own thread restarts it at its next slow call);
 *     a TLS slot leads to lane L of thread T only in T, and only while its key is head.key.
 * Who: a lane by its own thread; central, tails and the lists by the holder of the lock; `calls` (threads
 *     between lock and upstream) and `resetting` under the lock. The upstream is asked outside the lock.
 * A thread that ends leaves its unused memory in `tails` and its lane in the idle list, for the next thread. */
#include "alloc/lane.h"

#include "base/plant.h"

#include <allocarrays/shared.h>
#include <sched.h>

enum { FIRST_LEASE = 64 * 1024, LAST_LEASE = 1024 * 1024, TAILS_TRIED = 8 };

typedef struct aai_shared {
    aai_base base;
    aai_lock lock;
    aai_lane central;
    aai_chain chain;
    aai_pieces tails; /* unused memory of threads that ended */
    struct seat *seats, *idle;
    size_t lease; /* of the options; 0 = doubling */
    size_t lane_count, largest_lease;
    uint64_t calls;
    bool resetting;
    uint64_t
        marked; /* relaxed: the round (key) in which a mark was last taken: in any other no lane has one */
} aai_shared;

/* A thread's lane and its place in the lists. */
typedef struct seat {
    aai_lane lane;
    aai_shared *shared;
    size_t next_lease;
    struct seat *next, *next_idle;
} seat;

static aai_shared *shared_of(const aa_allocator *allocator)
{
    return (aai_shared *)(uintptr_t)allocator;
}

static seat *seat_of(aai_lane *lane)
{
    return aai_container_of(lane, seat, lane);
}

/* ---- leases ------------------------------------------------------------------------------------------- */

static size_t lease_cap(const aai_shared *s)
{
    return s->base.capacity == 0 ? SIZE_MAX : s->base.capacity / 64;
}

static void set_lease(seat *me, size_t bytes)
{
    me->next_lease = aai_min(bytes, lease_cap(me->shared)) & ~me->lane.mask;
    me->lane.whole_above = me->next_lease / 4;
}

static char *cut(aai_shared *s, size_t bytes, size_t alignment)
{
    aai_request request = {.bytes = bytes, .alignment = alignment};
    return aai_lane_alloc(&s->central, &request);
}

/* A tail of an ended thread that is large enough, tried before the blocks are cut further. */
static bool take_tail(aai_shared *s, size_t bytes, size_t align_mask, size_t tried,
                      aai_piece *piece)
{
    const size_t stop = s->tails.count > tried ? s->tails.count - tried : 0;
    for (size_t i = s->tails.count; i > stop; --i) {
        aai_piece *const tail = &s->tails.at[i - 1];
        if (aai_padding(tail->start, align_mask) == 0 &&
            (size_t)(tail->limit - tail->start) >= bytes) {
            *piece = *tail;
            *tail = s->tails.at[--s->tails.count];
            return true;
        }
    }
    return false;
}

static bool cut_piece(aai_shared *s, size_t bytes, size_t alignment, aai_piece *piece)
{
    piece->start = cut(s, bytes, alignment);
    piece->limit = piece->start == NULL ? NULL : piece->start + bytes;
    return piece->start != NULL;
}

/* One block more, taken outside the lock. False: refused. Called and left with the lock held. */
static bool grow(aai_shared *s, size_t least, size_t wanted, size_t alignment)
{
    aai_block_request request = aai_chain_plan(&s->base, &s->chain, least, alignment);
    if (request.least == 0) {
        return false;
    }
    request.wanted = aai_max(request.wanted, request.least);
    if (!request.upstream->whole && (s->base.capacity == 0 || request.beyond)) {
        request.wanted = aai_max(request.wanted, wanted);
    }
    if (s->calls !=
        0) { /* one at a time: what the other brings may do for both, and the cap stays exact */
        aai_lock_release(&s->lock);
        (void)sched_yield();
        AAI_POINT_YIELD();
        aai_lock_acquire(&s->lock);
        return true;
    }
    ++s->calls;
    aai_lock_release(&s->lock);
    aai_block *const block = aai_chain_take(&s->base, &request);
    aai_lock_acquire(&s->lock);
    --s->calls;
    if (block == NULL) {
        return false;
    }
    const size_t usable = aai_chain_add(&s->base, &s->chain, block);
    const bool noted = aai_lane_offer(&s->central, block->start, block->start + usable);
    return noted;
}

/* In this order: what ended threads left, a full lease of what is held, more from the upstream, and before
 * AA_NOMEM exactly what is asked. */
static bool find_memory(aai_shared *s, size_t least, size_t wanted, size_t alignment,
                        aai_piece *piece)
{
    const size_t mask = alignment - 1;
    if (take_tail(s, aai_max(least, wanted / 4), mask, TAILS_TRIED, piece) ||
        cut_piece(s, wanted, alignment, piece)) {
        return true;
    }
    if (aai_chain_is_full(&s->base, &s->chain, least) &&
        (cut_piece(s, least, alignment, piece) ||
         take_tail(s, least, mask, s->tails.count, piece))) {
        return true; /* the last of the capacity, before the fallback */
    }
    while (grow(s, least, wanted, alignment)) {
        if (cut_piece(s, wanted, alignment, piece) || cut_piece(s, least, alignment, piece)) {
            return true;
        } /* another thread was quicker: once more */
    }
    return cut_piece(s, least, alignment, piece) ||
           take_tail(s, least, mask, s->tails.count, piece);
}

static bool feed(aai_lane *lane, aai_piece_kind kind, size_t least, size_t alignment,
                 aai_piece *piece)
{
    seat *const me = seat_of(lane);
    aai_shared *const s = me->shared;
    size_t lease;
    if (!aai_round_up(aai_max(me->next_lease, least), lane->mask, &lease)) {
        lease = least;
    }
    const size_t wanted = kind == AAI_PIECE_WHOLE ? least : lease;
    AAI_ADD(s->base.lease_misses, 1);
    const bool cut_unlocked = AAI_PLANT(LEASE_UNLOCKED) && cut_piece(s, wanted, alignment, piece);
    aai_lock_acquire(&s->lock);
    const bool busy = s->resetting;
    const bool found = cut_unlocked || (!busy && find_memory(s, least, wanted, alignment, piece));
    if (found) {
        s->largest_lease = aai_max(s->largest_lease, kind == AAI_PIECE_WHOLE ? 0 : wanted);
    } else if (!busy) {
        aai_chain_refused(&s->base, &s->chain, lane->asked);
    }
    aai_lock_release(&s->lock);
    if (busy) {
        (void)aai_fail(AA_BUSY, "aa_alloc: '%s' is being reset", s->base.name);
    } else if (found && kind == AAI_PIECE_WINDOW && s->lease == 0) {
        set_lease(me, aai_min(aai_max(aai_lane_used(lane) / 4, FIRST_LEASE), LAST_LEASE));
    }
    return found;
}

/* ---- seats -------------------------------------------------------------------------------------------- */

/* A round began since this thread was last here. */
static void restart(seat *me)
{
    aai_lane *const lane = &me->lane;
    if (!AAI_PLANT(STALE_LANE)) {
        aai_lane_clear(lane);
    }
    aai_cell_restart(lane->cell, 0);
    AAI_STORE(lane->key, me->shared->base.head.key);
    set_lease(me, me->shared->lease != 0 ? me->shared->lease : FIRST_LEASE);
}

static seat *adopt_idle(aai_shared *s)
{
    aai_lock_acquire(&s->lock);
    seat *const idle = s->idle;
    if (idle != NULL) {
        s->idle = idle->next_idle;
        idle->next_idle = NULL;
    }
    aai_lock_release(&s->lock);
    return idle;
}

static seat *make_seat(aai_shared *s)
{
    seat *const made = aai_calloc(sizeof *made);
    aai_cell *const cell = made == NULL ? NULL : aai_cell_take(0, 0, s->base.cell);
    if (cell == NULL) {
        aai_mfree(made);
        (void)aai_fail(AA_NOMEM, "no memory for this thread's place in '%s'", s->base.name);
        return NULL;
    }
    made->shared = s;
    aai_lane_init(&made->lane, &s->base.head, cell, feed);
    if (!aai_watch_attach(&made->lane)) {
        aai_cell_give(cell);
        aai_mfree(made);
        return NULL;
    }
    aai_lock_acquire(&s->lock);
    made->next = s->seats;
    s->seats = made;
    ++s->lane_count;
    aai_lock_release(&s->lock);
    return made;
}

static void make_idle(seat *me)
{
    aai_shared *const s = me->shared;
    aai_lock_acquire(&s->lock);
    AAI_STORE(me->lane.owner, 0);
    me->next_idle = s->idle;
    s->idle = me;
    aai_lock_release(&s->lock);
}

/* The calling thread's seat, of this round. */
static seat *my_seat(aa_allocator *allocator)
{
    aai_shared *const s = shared_of(allocator);
    aai_thread *const self = aai_self();
    aai_lane *const lane = aai_place_find(self, s->base.id);
    seat *me = lane != NULL ? seat_of(lane) : NULL;
    if (me == NULL) {
        me = adopt_idle(s);
        if (me == NULL) {
            me = make_seat(s);
        }
        if (me == NULL) {
            return NULL;
        }
        if (!aai_place_add(self, s->base.id, &me->lane)) {
            make_idle(me);
            (void)aai_fail(AA_NOMEM, "no memory for this thread's place in '%s'", s->base.name);
            return NULL;
        }
    }
    if (me->lane.key != allocator->key) {
        restart(me);
    }
    return me;
}

/* Note unused memory for later threads; without memory to note it, it waits for the reset. */
static void leave_tail(aai_shared *s, char *start, char *limit)
{
    if (start < limit && aai_vector_grow((void **)&s->tails.at, &s->tails.capacity, s->tails.count,
                                         sizeof *s->tails.at)) {
        s->tails.at[s->tails.count++] = (aai_piece){.start = start, .limit = limit};
    }
}

/* The thread ends: what it handed out stays until the reset, what it did not goes to `tails`. */
void aai_shared_detach(aai_lane *lane)
{
    seat *const me = seat_of(lane);
    aai_shared *const s = me->shared;
    if (AAI_PLANT(IDLE_EARLY)) {
        make_idle(me);
    }
    if (lane->key == s->base.head.key) {
        aai_lock_acquire(&s->lock);
        leave_tail(s, lane->window->cursor, lane->window->limit);
        for (size_t i = 0; i < lane->spare_windows.count; ++i) {
            leave_tail(s, lane->spare_windows.at[i].start, lane->spare_windows.at[i].limit);
        }
        for (size_t i = 0; i < lane->spare_wholes.count; ++i) {
            leave_tail(s, lane->spare_wholes.at[i].start, lane->spare_wholes.at[i].limit);
        }
        if (!AAI_PLANT(TAIL_KEPT)) {
            aai_lane_retire(lane);
        }
        aai_lock_release(&s->lock);
    }
    if (!AAI_PLANT(IDLE_EARLY)) {
        make_idle(me);
    }
}

/* ---- methods -------------------------------------------------------------------------------------------- */

static void *shared_alloc(aa_allocator *allocator, aai_request *request)
{
    seat *const me = my_seat(allocator);
    void *const p = me == NULL ? NULL : aai_lane_alloc(&me->lane, request);
    aai_base *const base = aai_base_of(allocator);
    if (p != NULL && aai_origin_take(base, base) && aai_is_fast(base)) {
        aai_slot_set(allocator, &me->lane.own);
    }
    return p;
}

static aa_status shared_free(aa_allocator *allocator, void *pointer, size_t bytes,
                             const aai_validity *born)
{
    seat *const me = my_seat(allocator);
    if (me == NULL) {
        return aa_last_status();
    }
    const aa_status known = aai_lane_check_pointer(&me->lane, pointer);
    if (known != AA_OK) {
        return known;
    }
    (void)aai_lane_free(&me->lane, pointer, bytes,
                        born); /* another thread's is not the newest here */
    return AA_OK;
}

static aai_resized shared_resize(aa_allocator *allocator, void *pointer, size_t old_bytes,
                                 size_t new_bytes)
{
    seat *const me = my_seat(allocator);
    if (me == NULL || aai_lane_check_pointer(&me->lane, pointer) != AA_OK) {
        return AAI_REFUSED;
    }
    aai_base *const base = aai_base_of(allocator);
    (void)aai_origin_take(base, base);
    return aai_lane_resize(&me->lane, pointer, old_bytes, new_bytes);
}

static aa_status shared_mark(aa_allocator *allocator, aa_mark *mark)
{
    seat *const me = my_seat(allocator);
    aai_shared *const s = shared_of(allocator);
    if (me != NULL &&
        AAI_LOAD(s->marked) != allocator->key) { /* read by all, written once a round */
        AAI_STORE(s->marked, allocator->key);
    }
    return me == NULL ? aa_last_status() : aai_lane_mark_take(&me->lane, mark);
}

static aa_status shared_unmark(const aa_mark *mark, aai_mark_end end)
{
    seat *const me = my_seat(mark->allocator);
    return me == NULL ? aa_last_status() : aai_lane_unmark(&me->lane, mark, end);
}

static bool begin_reset(aai_shared *s)
{
    aai_lock_acquire(&s->lock);
    const bool quiet = s->calls == 0 && !s->resetting;
    s->resetting = quiet ? true : s->resetting;
    if (quiet) {
        AAI_STORE(s->base.caller, aai_self()->id);
    }
    aai_lock_release(&s->lock);
    return quiet;
}

static void end_reset(aai_shared *s)
{
    aai_lock_acquire(&s->lock);
    s->resetting = false;
    aai_lock_release(&s->lock);
}

/* Fully checked: verify what all threads were given. Nobody is inside. */
static void verify_all(aai_shared *s)
{
    if (s->base.head.tier != AA_CHECKS_FULL) {
        return;
    }
    for (seat *at = s->seats; at != NULL; at = at->next) {
        if (at->lane.key == AAI_LOAD(s->base.cell->key)) { /* head.key is gone in a destroy */
            aai_watch_verify(&at->lane, 0);
            aai_lane_clear(&at->lane);
        }
    }
}

static aa_status shared_reset(aa_allocator *allocator)
{
    aai_shared *const s = shared_of(allocator);
    if (!begin_reset(s)) {
        return AA_BUSY;
    }
    const uint64_t key = aai_unique_draw();
    if (key == 0) {
        end_reset(s);
        return aai_fail(AA_OVERFLOW, "aa_reset: the epoch counter is at its end");
    }
    verify_all(s);
    const size_t use = aai_lane_round_use(&s->central);
    const size_t extra = s->lane_count * s->largest_lease;
    s->tails.count = 0;
    s->largest_lease = 0;
    aai_base_rekey(&s->base, key);
    aai_chain_reset(&s->base, &s->chain, &s->central, use, extra);
    end_reset(s);
    return AA_OK;
}

static void shared_destroy(aa_allocator *allocator)
{
    aai_shared *const s = shared_of(allocator);
    verify_all(s);
    aai_lock_acquire(&aai_registry_lock);
    for (seat *at = s->seats; at != NULL; at = at->next) {
        aai_place_remove(&at->lane);
    }
    aai_lock_release(&aai_registry_lock);
    while (s->seats != NULL) {
        seat *const at = s->seats;
        s->seats = at->next;
        aai_cell_give(at->lane.cell);
        aai_lane_fini(&at->lane);
        aai_mfree(at);
    }
    aai_chain_fini(&s->base, &s->chain);
    aai_lane_fini(&s->central);
    aai_mfree(s->tails.at);
    aai_lock_fini(&s->lock);
}

static bool shared_owns(const aa_allocator *allocator, const void *pointer)
{
    return aai_map_owner(pointer) == allocator;
}

static void shared_stats(const aa_allocator *allocator, aa_stats *stats)
{
    aai_shared *const s = shared_of(allocator);
    aai_lock_acquire(&s->lock);
    for (const seat *at = s->seats; at != NULL; at = at->next) {
        const bool now = AAI_LOAD(at->lane.key) == AAI_LOAD(allocator->key);
        const size_t used = now ? aai_lane_used(&at->lane) : 0;
        stats->used += used;
        stats->peak += aai_max(AAI_LOAD(at->lane.peak), aai_lane_used(&at->lane));
        stats->wasted += now ? AAI_LOAD(at->lane.wasted) : 0;
        stats->allocations += aai_lane_allocations(&at->lane);
        stats->live_frees += AAI_LOAD(at->lane.live_frees);
    }
    stats->live_frees += AAI_LOAD(s->base.unsized_frees);
    stats->wasted += AAI_LOAD(s->central.wasted);
    stats->committed = AAI_LOAD(s->chain.committed);
    stats->blocks = AAI_LOAD(s->chain.count);
    aai_lock_release(&s->lock);
    stats->resets = AAI_LOAD(s->base.resets);
    stats->growths = AAI_LOAD(s->base.growths);
    stats->upstream_calls = AAI_LOAD(s->base.upstream_calls);
    stats->guard_misses = AAI_LOAD(s->base.guard_misses);
    stats->lease_misses = AAI_LOAD(s->base.lease_misses);
}

/* What threads leased counts as used: the next round leases it again. */
static void shared_sizing(const aa_allocator *allocator, aai_sizing *sizing)
{
    aai_shared *const s = shared_of(allocator);
    aai_lock_acquire(&s->lock);
    aai_chain_sizing(&s->chain, &s->central, sizing);
    aai_lock_release(&s->lock);
}

static aai_marks shared_marks(const aa_allocator *allocator, uint64_t thread)
{
    aai_shared *const s = shared_of(allocator);
    aai_marks marks = {0};
    if (AAI_LOAD(s->marked) != allocator->key) { /* else a walk over lanes, cold ones too */
        return marks;
    }
    aai_lock_acquire(&s->lock);
    for (const seat *at = s->seats; at != NULL; at = at->next) {
        const uint64_t owner = AAI_LOAD(at->lane.owner);
        if (owner != 0 && AAI_LOAD(at->lane.key) == allocator->key) {
            aai_marks_add(&marks, owner == thread, AAI_LOAD(at->lane.mark_count), owner,
                          AAI_LOAD(at->lane.oldest_mark));
        }
    }
    aai_lock_release(&s->lock);
    return marks;
}

static void shared_forked(aa_allocator *allocator)
{
    aai_shared *const s = shared_of(allocator);
    s->calls = 0;
    s->resetting = false;
}

static uint64_t shared_busy(const aa_allocator *allocator)
{
    aai_shared *const s = shared_of(allocator);
    aai_lock_acquire(&s->lock);
    const bool busy = s->calls != 0 || s->resetting;
    const uint64_t thread = busy ? AAI_LOAD(s->base.caller) : 0;
    aai_lock_release(&s->lock);
    return thread;
}

static bool shared_find_pin(const aa_allocator *allocator, aai_pinned *pin)
{
    aai_shared *const s = shared_of(allocator);
    bool found = false;
    aai_lock_acquire(&s->lock);
    for (const seat *at = s->seats; at != NULL && !found; at = at->next) {
        found = aai_cell_find_pin(at->lane.cell, pin);
    }
    aai_lock_release(&s->lock);
    return found;
}

static void shared_lock(const aa_allocator *allocator, void (*each)(aai_lock *))
{
    each(&shared_of(allocator)->lock);
}

static const aai_ops shared_ops = {.kind = "shared",
                                   .alloc = shared_alloc,
                                   .free = shared_free,
                                   .resize = shared_resize,
                                   .mark = shared_mark,
                                   .unmark = shared_unmark,
                                   .reset = shared_reset,
                                   .destroy = shared_destroy,
                                   .owns = shared_owns,
                                   .stats = shared_stats,
                                   .sizing = shared_sizing,
                                   .marks = shared_marks,
                                   .find_pin = shared_find_pin,
                                   .busy = shared_busy,
                                   .locks = shared_lock,
                                   .forked = shared_forked};

aa_allocator *aa_shared_create(const aa_options *options)
{
    aai_shared *const s = aai_calloc(sizeof *s);
    if (s == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for a shared allocator");
        return NULL;
    }
    if (aai_base_init(&s->base, &shared_ops, AAI_SHARED, options) != AA_OK) {
        aai_mfree(s);
        return NULL;
    }
    s->lease = options != NULL ? options->lease : 0;
    if (s->base.head.tier == AA_CHECKS_FULL) {
        s->lease = 1; /* each block of its own, with its redzone */
    }
    aai_lock_init(&s->lock, AAI_RANK_ALLOCATOR);
    aai_lane_init(&s->central, &s->base.head, s->base.cell, NULL);
    if (!aai_chain_init(&s->base, &s->chain, &s->central)) {
        aai_lane_fini(&s->central);
        aai_lock_fini(&s->lock);
        aai_base_fini(&s->base);
        aai_mfree(s);
        return NULL;
    }
    aai_base_go_live(&s->base);
    return &s->base.head;
}
