/* Floor 5, alloc: the watch of a fully checked lane; see watch.h. */
#include "alloc/watch.h"

#include "alloc/lane.h"
#include "base/plant.h"
#include "os/tools.h"

#include <inttypes.h>

enum { REDZONE_BYTE = 0xfb, SEARCHED = 65536 };

/* As floats and as doubles NaN, and easily seen in a debugger. */
#define JUNK 0xa5, 0xa5, 0xff, 0xff
#define JUNK_4 JUNK, JUNK, JUNK, JUNK
static const unsigned char junk[64] = {JUNK_4, JUNK_4, JUNK_4, JUNK_4};

/* Doubles what it has written, up to a page at a time: each step a multiple of the pattern but the last. */
void aai_watch_junk(char *start, size_t bytes)
{
    enum { CHUNK = 4096 };
    size_t done = aai_min(bytes, sizeof junk);
    memcpy(start, junk, done);
    while (done < bytes) {
        const size_t more = aai_min(aai_min(done, CHUNK), bytes - done);
        memcpy(start + done, start, more);
        done += more;
    }
}

bool aai_watch_attach(aai_lane *lane)
{
    if (lane->allocator->tier != AA_CHECKS_FULL) {
        return true;
    }
    lane->watch = aai_calloc(sizeof *lane->watch);
    if (lane->watch == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for the checks of '%s'", aa_name(lane->allocator));
    }
    return lane->watch != NULL;
}

void aai_watch_free(aai_lane *lane)
{
    if (lane->watch != NULL) {
        aai_mfree(lane->watch->log);
        aai_mfree(lane->watch);
    }
}

bool aai_watch_round(const aai_lane *lane, size_t bytes, size_t *taken)
{
    const size_t wanted = AAI_PLANT(ZERO_IS_NOTHING) ? bytes : aai_max(bytes, 1);
    if (lane->watch == NULL) {
        return aai_round_up(wanted, lane->mask, taken);
    }
    return wanted <= AAI_MAX_BYTES - AAI_REDZONE &&
           aai_round_up(wanted + AAI_REDZONE, lane->mask, taken);
}

static size_t plain_round(const aai_lane *lane, size_t bytes)
{
    return (aai_max(bytes, 1) + lane->mask) & ~lane->mask;
}

bool aai_watch_reserve(aai_lane *lane, size_t bytes)
{
    aai_watch *const watch = lane->watch;
    if (watch == NULL) {
        return true;
    }
    if (!aai_vector_grow((void **)&watch->log, &watch->capacity, lane->window->count,
                         sizeof *watch->log)) {
        (void)aai_fail(AA_NOMEM, "no memory for the log of '%s'", aa_name(lane->allocator));
        return false;
    }
    aai_base *const base = aai_base_of(lane->allocator);
    const size_t rounded = plain_round(lane, bytes);
    const size_t before = __atomic_fetch_add(&base->watched, rounded, __ATOMIC_RELAXED);
    if (base->capacity != 0 && base->fallback == NULL &&
        (rounded > base->capacity || before > base->capacity - rounded)) {
        AAI_SUB(base->watched, rounded);
        (void)aai_fail(AA_NOMEM, "'%s': %zu bytes asked, %zu held, capacity %zu", base->name, bytes,
                       before, base->capacity);
        return false;
    }
    return true;
}

void aai_watch_cancel(aai_lane *lane, size_t bytes)
{
    if (lane->watch != NULL) {
        AAI_SUB(aai_base_of(lane->allocator)->watched, plain_round(lane, bytes));
    }
}

void aai_watch_born(aai_lane *lane, char *start, size_t bytes, size_t taken)
{
    aai_watch *const watch = lane->watch;
    if (watch == NULL) {
        return;
    }
    watch->count = lane->window->count;
    watch->log[watch->count - 1] = (struct aai_watched){start, bytes, false};
    AAI_STORE(lane->guards, lane->guards + taken - plain_round(lane, bytes));
    aai_tools_unpoison(start, taken, true);
    aai_watch_junk(start, bytes);
    memset(start + bytes, REDZONE_BYTE, taken - bytes);
    aai_tools_unpoison(start, bytes, false);
    aai_tools_poison(start + bytes, taken - bytes);
}

size_t aai_watch_bytes(const aai_lane *lane, const void *start)
{
    const aai_watch *const watch = lane->watch;
    for (uint64_t i = watch->count; i > 0; --i) {
        if (watch->log[i - 1].start == start) {
            return watch->log[i - 1].bytes;
        }
    }
    return 0;
}

bool aai_watch_is(const aai_lane *lane, const void *start, size_t bytes)
{
    if (lane->watch == NULL) {
        return true;
    }
    const struct aai_watched *const newest = &lane->watch->log[lane->window->count - 1];
    return newest->start == start && newest->bytes == bytes;
}

static struct aai_watched *find_logged(const aai_lane *lane, const void *start)
{
    const aai_watch *const watch = lane->watch;
    const uint64_t count = watch == NULL ? 0 : watch->count;
    const uint64_t last = count > SEARCHED ? count - SEARCHED : 0;
    for (uint64_t i = count; i > last; --i) {
        if (watch->log[i - 1].start == start) {
            return &watch->log[i - 1];
        }
    }
    return NULL;
}

void aai_watch_freed(aai_lane *lane, const void *start)
{
    struct aai_watched *const at = find_logged(lane, start);
    if (at != NULL) {
        at->freed = true;
        aai_watch_junk(at->start, at->bytes);
        aai_tools_poison(at->start, at->bytes);
    }
}

bool aai_watch_was_freed(const aai_lane *lane, const void *start)
{
    const struct aai_watched *const at = find_logged(lane, start);
    return at != NULL && at->freed;
}

/* Bytes taken for a logged allocation. */
static size_t taken_of(const aai_lane *lane, const struct aai_watched *at)
{
    size_t taken = 0;
    const bool fits = aai_watch_round(lane, at->bytes, &taken);
    aai_assert(fits); /* it did when it was handed out */
    return taken;
}

/* Offset from the start of the first redzone byte that was written, 0 if none was. */
static size_t overwritten(const aai_lane *lane, const struct aai_watched *at)
{
    const size_t taken = taken_of(lane, at);
    for (size_t i = at->bytes; i < taken; ++i) {
        if ((unsigned char)at->start[i] != REDZONE_BYTE) {
            return i;
        }
    }
    return 0;
}

static bool is_broken(const aai_lane *lane, const struct aai_watched *at, size_t *offset)
{
    *offset = overwritten(lane, at);
    return *offset != 0 || (at->bytes == 0 && (unsigned char)at->start[0] != REDZONE_BYTE);
}

void aai_watch_verify(aai_lane *lane, uint64_t first)
{
    if (lane->watch == NULL ||
        aai_tools_poisoning()) { /* the tool has reported it, and would report us */
        return;
    }
    uint64_t broken = 0;
    struct aai_watched worst = {NULL, 0, false};
    size_t offset = 0;
    for (uint64_t i = first; i < lane->watch->count; ++i) {
        size_t where;
        if (is_broken(lane, &lane->watch->log[i], &where)) {
            if (broken++ == 0) {
                worst = lane->watch->log[i];
                offset = where;
            }
        }
    }
    if (broken != 0) {
        (void)aai_violate(AA_CORRUPTION, lane->allocator, aai_call_site(),
                          "%" PRIu64
                          " block(s) were written past their end; the first: %zu bytes at %p, "
                          "byte %zu overwritten",
                          broken, worst.bytes, (void *)worst.start, offset);
    }
}

void aai_watch_end(aai_lane *lane, uint64_t first)
{
    if (lane->watch == NULL) {
        return;
    }
    size_t guards = 0, rounded = 0;
    for (uint64_t i = first; i < lane->watch->count; ++i) {
        const struct aai_watched *const at = &lane->watch->log[i];
        const size_t taken = taken_of(lane, at);
        guards += taken - plain_round(lane, at->bytes);
        rounded += plain_round(lane, at->bytes);
        aai_tools_unpoison(at->start, taken, true);
        aai_watch_junk(at->start, taken);
        aai_tools_poison(at->start, taken);
    }
    lane->watch->count = aai_min(lane->watch->count, first);
    AAI_STORE(lane->guards, lane->guards - guards);
    AAI_SUB(aai_base_of(lane->allocator)->watched, rounded);
}
