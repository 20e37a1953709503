/* Floor 5, alloc: trackers: what a thread took from the heap inside its open marks.
 *
 *     newest -> older -> ... , sequence falling;  a mark holds the sequence at which it was taken
 *
 * Blocks are listed only while a mark is open on their thread. Any thread may free a block: it unlinks it
 * under the tracker's lock. Trackers are never freed but reused, so that a stale block->tracker may be
 * followed; the comparison under the lock decides. Locks: each tracker's; pool_lock. */
#include "alloc/heap.h"

typedef struct heap_mark {
    uint64_t serial, sequence;
} heap_mark;

typedef struct aai_tracker {
    aai_lock lock;
    aai_heap_block *newest;
    heap_mark *marks; /* its thread's alone, as are the numbers */
    size_t mark_count, mark_capacity;
    uint64_t next_serial, next_sequence;
    struct aai_tracker *next_free, *next; /* next: of all that were ever made */
} aai_tracker;

static aai_lock pool_lock = AAI_LOCK_INIT(AAI_RANK_TRACKER);
static aai_tracker *pool, *all;

static void unlink_locked(aai_tracker *tracker, aai_heap_block *block)
{
    if (block->newer != NULL) {
        block->newer->older = block->older;
    } else {
        tracker->newest = block->older;
    }
    if (block->older != NULL) {
        block->older->newer = block->newer;
    }
    AAI_STORE(block->tracker, NULL);
}

void aai_tracker_note(aai_heap_block *block)
{
    aai_tracker *const tracker = aai_self()->tracker;
    if (tracker == NULL || tracker->mark_count == 0) {
        return;
    }
    aai_lock_acquire(&tracker->lock);
    AAI_STORE(block->tracker, tracker);
    block->sequence = tracker->next_sequence++;
    block->older = tracker->newest;
    if (tracker->newest != NULL) {
        tracker->newest->newer = block;
    }
    tracker->newest = block;
    aai_lock_release(&tracker->lock);
}

void aai_tracker_forget(aai_heap_block *block)
{
    aai_tracker *const tracker = AAI_LOAD(block->tracker);
    if (tracker == NULL) {
        return;
    }
    aai_lock_acquire(&tracker->lock);
    if (AAI_LOAD(block->tracker) == tracker) {
        unlink_locked(tracker, block);
    }
    aai_lock_release(&tracker->lock);
}

/* Unlink the newest block if it was taken at `sequence` or later; its address, NULL if there is none. */
static void *pop(aai_tracker *tracker, uint64_t sequence)
{
    void *pointer = NULL;
    aai_lock_acquire(&tracker->lock);
    aai_heap_block *const block = tracker->newest;
    if (block != NULL && block->sequence >= sequence) {
        pointer = (char *)block + sizeof *block;
        unlink_locked(tracker, block);
    }
    aai_lock_release(&tracker->lock);
    return pointer;
}

static bool any_pinned(aai_tracker *tracker, uint64_t sequence)
{
    bool pinned = false;
    aai_lock_acquire(&tracker->lock);
    for (const aai_heap_block *block = tracker->newest;
         block != NULL && block->sequence >= sequence && !pinned; block = block->older) {
        pinned = block->cell != NULL && AAI_LOAD(block->cell->pins) != 0;
    }
    aai_lock_release(&tracker->lock);
    return pinned;
}

/* ---- one per thread ------------------------------------------------------------------------------------- */

static void thread_ends(aai_thread *self)
{
    aai_tracker *const tracker = self->tracker;
    if (tracker == NULL) {
        return;
    }
    while (pop(tracker, 0) != NULL) { /* marks left open: their blocks live on */
    }
    tracker->mark_count = 0;
    self->tracker = NULL;
    aai_lock_acquire(&pool_lock);
    tracker->next_free = pool;
    pool = tracker;
    aai_lock_release(&pool_lock);
}

static aai_tracker *my_tracker(void)
{
    aai_thread *const self = aai_self();
    if (self->tracker != NULL) {
        return self->tracker;
    }
    aai_lock_acquire(&pool_lock);
    aai_tracker *tracker = pool;
    if (tracker != NULL) {
        pool = tracker->next_free;
    }
    aai_lock_release(&pool_lock);
    if (tracker == NULL) {
        tracker = aai_calloc(sizeof *tracker);
        if (tracker == NULL) {
            return NULL;
        }
        aai_lock_init(&tracker->lock, AAI_RANK_TRACKER);
        aai_lock_acquire(&pool_lock);
        tracker->next = all;
        all = tracker;
        aai_lock_release(&pool_lock);
    }
    aai_thread_at_exit(AAI_EXIT_HEAP, thread_ends);
    self->tracker = tracker;
    return tracker;
}

aa_status aai_tracker_mark(aa_mark *mark)
{
    aai_tracker *const tracker = my_tracker();
    if (tracker == NULL || tracker->mark_count == AAI_MARK_DEPTH ||
        !aai_vector_grow((void **)&tracker->marks, &tracker->mark_capacity, tracker->mark_count,
                         sizeof *tracker->marks)) {
        return aai_fail(AA_NOMEM, "no room for one more mark of the heap (at most %d deep)",
                        AAI_MARK_DEPTH);
    }
    mark->serial = ++tracker->next_serial;
    mark->depth = (uint32_t)tracker->mark_count;
    tracker->marks[tracker->mark_count++] = (heap_mark){mark->serial, tracker->next_sequence};
    return AA_OK;
}

static aa_status refuse_pinned(aai_tracker *tracker, uint64_t sequence, aai_mark_end end)
{
    if (!any_pinned(tracker, sequence)) {
        return AA_OK;
    }
    const aa_violation_kind kind = end == AAI_END_SCRATCH ? AA_ESCAPE : AA_RESET_IN_USE;
    return aai_violate(kind, aa_heap(), aai_call_site(),
                       "an array made since the mark is still pinned; unpin it first, or make it "
                       "outside");
}

aa_status aai_tracker_unmark(const aa_mark *mark, aai_mark_end end)
{
    aai_tracker *const tracker = my_tracker();
    if (tracker == NULL || mark->depth >= tracker->mark_count ||
        tracker->marks[mark->depth].serial != mark->serial) {
        return aai_violate(AA_REWIND_ORDER, aa_heap(), aai_call_site(),
                           "this mark has ended already; marks end in reverse order, each once");
    }
    const uint64_t sequence = tracker->marks[mark->depth].sequence;
    if (end != AAI_END_DROP) {
        const aa_status status = refuse_pinned(tracker, sequence, end);
        if (status != AA_OK) {
            return status;
        }
        for (void *p = pop(tracker, sequence); p != NULL; p = pop(tracker, sequence)) {
            (void)aai_heap_claim_and_free(p);
        }
    }
    tracker->mark_count = mark->depth;
    while (tracker->mark_count == 0 &&
           pop(tracker, 0) != NULL) { /* nothing takes these back any more */
    }
    return AA_OK;
}

void aai_tracker_fork(void (*each)(aai_lock *))
{
    each(&pool_lock);
    for (aai_tracker *tracker = all; tracker != NULL; tracker = tracker->next) {
        each(&tracker->lock);
    }
}
