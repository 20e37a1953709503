/* Floor 4, memory: the guard ring; see guard.h. */
#include "memory/guard.h"

#include "os/fault.h"
#include "os/os.h"

enum { SLOTS_MAX = 16384, ENDED_LOGGED = 4096, BIRTHS_LOGGED = 8192 };

static const size_t largest_ring = (size_t)128 << 30, smallest_ring = (size_t)1 << 30;

typedef struct slot {
    aai_node node; /* key: start */
    size_t bytes;  /* readable and writable */
    size_t span;   /* with the gap */
    uint64_t id, epoch;
    char name[40];
} slot;

/* What a slot was, for the report. */
typedef struct ended {
    const char *start;
    size_t bytes;
    uint64_t id, epoch;
    char name[40];
} ended;

static aai_lock guard_lock = AAI_LOCK_INIT(AAI_RANK_GUARD);
static char *ring;
static size_t ring_bytes, cursor, live;
static aai_node *slots;
static ended ended_log[ENDED_LOGGED];
static uint64_t ended_count;
static aai_guard_birth *birth_log; /* BIRTHS_LOGGED, made with the ring */
static uint64_t birth_count;

static slot *slot_of(aai_node *node)
{
    return node == NULL ? NULL : aai_container_of(node, slot, node);
}

/* ---- the report of a fault: no lock, no malloc, write() alone ------------------------------------------- */

static const ended *find_ended(const char *address)
{
    const uint64_t count = AAI_LOAD(ended_count);
    for (uint64_t back = 1; back <= count && back <= ENDED_LOGGED; ++back) {
        const ended *const e = &ended_log[(count - back) % ENDED_LOGGED];
        if (address >= e->start && address < e->start + e->bytes) {
            return e;
        }
    }
    return NULL;
}

static const aai_guard_birth *find_birth(const char *address)
{
    const uint64_t count = AAI_LOAD(birth_count);
    for (uint64_t back = 1; back <= count && back <= BIRTHS_LOGGED; ++back) {
        const aai_guard_birth *const b = &birth_log[(count - back) % BIRTHS_LOGGED];
        if (address >= b->start && address < b->start + b->bytes) {
            return b;
        }
    }
    return NULL;
}

static void report_birth(aai_fault_line *line, const aai_guard_birth *b)
{
    aai_fault_text(line, ", array ");
    aai_fault_text(line, b->dtype);
    aai_fault_text(line, " (");
    for (int axis = 0; axis < b->ndim; ++axis) {
        aai_fault_text(line, axis > 0 ? ", " : "");
        aai_fault_number(line, (uint64_t)b->shape[axis]);
    }
    aai_fault_text(line, ") made at ");
    aai_fault_text(line, b->place);
}

/* Installed when the ring and the log are there. */
static bool report_fault(const void *pointer)
{
    const char *const address = pointer;
    if (address < ring || address >= ring + ring_bytes) {
        return false;
    }
    const ended *const e = find_ended(address);
    const aai_guard_birth *const b = e == NULL ? NULL : find_birth(address);
    aai_fault_line line = {.length = 0};
    aai_fault_text(&line, "allocarrays: AA_USE_AFTER_RESET, found by its guard: ");
    if (e == NULL) {
        aai_fault_text(&line, "an address beyond a block, or of a block that ended long ago");
    } else {
        aai_fault_text(&line, "allocator '");
        aai_fault_text(&line, e->name);
        aai_fault_text(&line, "', epoch ");
        aai_fault_number(&line, e->epoch);
        aai_fault_text(&line, " has ended");
    }
    if (b != NULL) {
        report_birth(&line, b);
        aai_fault_text(&line, ", byte ");
        aai_fault_number(&line, (uint64_t)(address - b->start));
    } else if (e != NULL) {
        aai_fault_text(&line, ", byte ");
        aai_fault_number(&line, (uint64_t)(address - e->start));
        aai_fault_text(&line, " of its block");
    }
    aai_fault_write(&line);
    return true;
}

/* ---- slots ------------------------------------------------------------------------------------------------ */

/* Reserve the ring, halving on refusal. Made at the first need; stays. */
static bool have_ring(void)
{
    static int refused;
    if (__atomic_load_n(&ring, __ATOMIC_ACQUIRE) != NULL) {
        return true;
    }
    if (AAI_LOAD(refused) != 0) {
        return false;
    }
    aai_guard_birth *const births = aai_calloc(BIRTHS_LOGGED * sizeof *births);
    size_t bytes = largest_ring;
    char *made = NULL;
    while (births != NULL && made == NULL && bytes >= smallest_ring) {
        made = aai_pages_reserve(bytes, AAI_HUGE_PAGE);
        bytes = made == NULL ? bytes / 2 : bytes;
    }
    if (made == NULL) {
        AAI_STORE(refused, 1);
        aai_mfree(births);
        return false;
    }
    aai_lock_acquire(&guard_lock);
    const bool first = ring == NULL;
    if (first) {
        birth_log = births;
        ring_bytes = bytes;
        __atomic_store_n(&ring, made, __ATOMIC_RELEASE); /* pairs with the acquire above */
    }
    aai_lock_release(&guard_lock);
    if (!first) {
        aai_pages_unmap(made, bytes);
        aai_mfree(births);
    } else {
        aai_fault_install(report_fault);
    }
    return true;
}

/* The first free span from `from` on; SIZE_MAX if none. Under the lock. */
static size_t find_span(size_t from, size_t span)
{
    size_t at = from;
    while (span <= ring_bytes && at <= ring_bytes - span) {
        const uint64_t last = (uint64_t)(uintptr_t)(ring + at + span - 1);
        const slot *const before = slot_of(aai_tree_floor(slots, last));
        if (before == NULL) {
            return at;
        }
        const size_t end = (size_t)((char *)(uintptr_t)before->node.key - ring) + before->span;
        if (end <= at) {
            return at;
        }
        at = end;
    }
    return SIZE_MAX;
}

/* A slot that is reserved but not yet mapped; NULL: refused. */
static slot *reserve_slot(size_t bytes, const aai_guard_owner *owner)
{
    size_t span;
    if (!have_ring() ||
        !aai_round_up(bytes, AAI_HUGE_PAGE - 1,
                      &span) || /* below AAI_MAX_BYTES: no overflow next */
        !aai_round_up(bytes + aai_page_size(), AAI_HUGE_PAGE - 1, &span)) {
        return NULL;
    }
    slot *const made = aai_calloc(sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->bytes = bytes;
    made->span = span;
    made->id = owner->id;
    made->epoch = owner->epoch;
    (void)snprintf(made->name, sizeof made->name, "%s", owner->name);
    aai_lock_acquire(&guard_lock);
    size_t at = live < SLOTS_MAX ? find_span(cursor, span) : SIZE_MAX;
    if (at == SIZE_MAX && live < SLOTS_MAX) {
        at = find_span(0, span); /* the ring comes round */
    }
    if (at != SIZE_MAX) {
        made->node.key = (uint64_t)(uintptr_t)(ring + at);
        aai_tree_insert(&slots, &made->node);
        cursor = at + span;
        ++live;
    }
    aai_lock_release(&guard_lock);
    if (at == SIZE_MAX) {
        aai_mfree(made);
        return NULL;
    }
    return made;
}

static slot *find_slot(const void *start)
{
    aai_lock_acquire(&guard_lock);
    slot *const found = slot_of(aai_tree_find(slots, (uint64_t)(uintptr_t)start));
    aai_lock_release(&guard_lock);
    return found;
}

static void log_ended(const slot *s)
{
    ended *const e = &ended_log[ended_count % ENDED_LOGGED];
    e->start = (const char *)(uintptr_t)s->node.key;
    e->bytes = s->bytes;
    e->id = s->id;
    e->epoch = s->epoch;
    memcpy(e->name, s->name, sizeof e->name);
    AAI_STORE(ended_count, ended_count + 1);
}

/* The slot's span is free for the ring's next round. */
static void end_slot(slot *s, bool was_used)
{
    aai_lock_acquire(&guard_lock);
    if (was_used) {
        log_ended(s);
    }
    (void)aai_tree_remove(&slots, s->node.key);
    --live;
    aai_lock_release(&guard_lock);
    aai_mfree(s);
}

void *aai_guard_take(size_t bytes, const aai_guard_owner *owner)
{
    slot *const s = reserve_slot(bytes, owner);
    if (s == NULL) {
        return NULL;
    }
    void *const start = (void *)(uintptr_t)s->node.key;
    if (!aai_pages_open(start, bytes)) {
        end_slot(s, false);
        return NULL;
    }
    return start;
}

void aai_guard_give(void *start)
{
    slot *const s = find_slot(start);
    aai_assert(s != NULL);
    aai_pages_close(start, s->bytes);
    end_slot(s, true);
}

void *aai_guard_move(void *start, const aai_guard_owner *owner)
{
    slot *const from = find_slot(start);
    aai_assert(from != NULL);
    slot *const to = reserve_slot(from->bytes, owner);
    if (to == NULL) {
        return NULL;
    }
    void *const target = (void *)(uintptr_t)to->node.key;
    if (!aai_pages_move(start, target, from->bytes)) {
        end_slot(to, false);
        return NULL;
    }
    end_slot(from, true);
    return target;
}

void aai_guard_note_birth(const aai_guard_birth *birth)
{
    aai_lock_acquire(&guard_lock);
    if (birth_log != NULL) {
        birth_log[birth_count % BIRTHS_LOGGED] = *birth;
        AAI_STORE(birth_count, birth_count + 1);
    }
    aai_lock_release(&guard_lock);
}

void aai_guard_fork(void (*each)(aai_lock *))
{
    each(&guard_lock);
}
