/* Floor 5, alloc: calls under way on this thread, and the report of violations.
 *
 * Invariant: record->calls is the stack of this thread's calls; only the innermost may be outside a callback.
 * A second call that arrives while the innermost is not in a callback came from a signal handler: AA_BUSY.
 * One for an allocator that is already in the stack came from an upstream that re-enters: AA_BUSY.
 *
 * A violation handler may leave by longjmp, and what it leaves stays on the stack. The next call drops it: a call
 * is over if the caller is not below the frame that called its handler (stacks grow down; a kilobyte of message lies
 * between that and the call), or if its op, which lies in such a frame, no longer holds its serial. A call that lives
 * has both; a dead one is mistaken for it only by a caller that is deeper and has left those very bytes unwritten. */
#include "alloc/arena.h"
#include "alloc/timeline.h"

#include "sync/team.h"

#include <stdarg.h>

__attribute__((constructor(101))) static void install_at_first_use(void)
{
    aai_first_thread = aai_fork_install;
}

/* AA_CURRENT becomes the allocator in scope. Another thread's arena is refused here at every tier: the scope
 * brings it to threads that never asked for it. */
static __attribute__((noinline)) aa_status resolve(aa_allocator **allocator, aai_site site)
{
    aa_allocator *const current = aai_resolve_asked(&site);
    *allocator = current;
    if (aai_is_anothers_arena(current)) {
        return aai_foreign_thread(aai_base_of(current), site);
    }
    return AA_OK;
}

static aai_call *innermost(aai_thread *self)
{
    return self->call_count == 0 ? NULL : &self->calls[self->call_count - 1];
}

/* Reads a frame that may be gone: on this thread's stack, so it is mapped. */
__attribute__((no_sanitize_address)) static bool is_over(const aai_call *call, const void *frame)
{
    const void *const below = call->handler != NULL ? call->handler : call->frame;
    return (uintptr_t)below <= (uintptr_t)frame || call->op->serial != call->serial;
}

/* A handler that jumped took the calls below it along. */
static void drop_left_by_jump(aai_thread *self, const void *frame)
{
    const aai_call *call = innermost(self);
    if (call == NULL || call->handler == NULL) {
        return;
    }
    while (call != NULL && is_over(call, frame)) {
        --self->call_count;
        call = innermost(self);
    }
}

/* An arena of a private allocator, which a mark names, is that allocator here. */
static const aa_allocator *handle_of(const aa_allocator *allocator)
{
    return allocator->kind == AAI_ARENA ? aai_arena_handle(allocator) : allocator;
}

AAI_INLINE aa_status push(aai_thread *self, aai_op *op, const aa_allocator *allocator,
                          aai_site site, const void *frame)
{
    for (int i = 0; i < self->call_count; ++i) {
        if (handle_of(self->calls[i].allocator) == handle_of(allocator)) {
            return aai_fail(AA_BUSY, "%s: '%s' is already serving a call of this thread",
                            site.function, aa_name(allocator));
        }
    }
    if (self->call_count == AAI_CALLS_MAX) {
        return aai_fail(AA_BUSY, "%s: calls of the library from inside its calls are %d deep",
                        site.function, AAI_CALLS_MAX);
    }
    op->serial = ++self->last_serial;
    self->calls[self->call_count] = (aai_call){
        .allocator = allocator, .op = op, .frame = frame, .site = site, .serial = op->serial};
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* complete before a signal handler can see it */
    ++self->call_count;
    return AA_OK;
}

__attribute__((noinline)) aa_status aai_enter_from(aai_op *op, aa_allocator **place,
                                                   const char *function, const char *file, int line)
{
    if (*place == NULL) {
        return aai_fail(AA_INVALID, "%s: NULL allocator", function);
    }
    if (aai_lock_any_held()) {
        return aai_fail(AA_BUSY, "%s: called from a signal handler inside the library", function);
    }
    aai_thread *const self = aai_self();
    if (self == NULL) {
        return AA_NOMEM;
    }
    drop_left_by_jump(self, __builtin_frame_address(0));
    if (self->call_count > 0 && !innermost(self)->in_callback) {
        return aai_fail(AA_BUSY, "%s: called from a signal handler during another call", function);
    }
    const aai_site site = {function, file, line};
    const aa_status resolved = (*place)->kind == AAI_CURRENT ? resolve(place, site) : AA_OK;
    return resolved != AA_OK ? resolved : push(self, op, *place, site, __builtin_frame_address(0));
}

void aai_leave(aai_op *op)
{
    aai_thread *const self = aa_tls.record;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    bool left = false;
    while (!left && self->call_count > 0) { /* with what a jump left inside this call */
        left = self->calls[--self->call_count].op == op;
    }
}

static void set_in_callback(bool inside)
{
    aai_call *const call = innermost(aa_tls.record); /* an allocator is there: so is a record */
    if (call != NULL) {
        call->in_callback = inside;
    }
}

aai_site aai_call_site(void)
{
    return innermost(aa_tls.record)->site;
}

void aai_callback_begin(void)
{
    set_in_callback(true);
}

void aai_callback_end(void)
{
    set_in_callback(false);
}

static bool is_finding(aa_violation_kind kind)
{
    return aai_violation_status(kind) == AA_OK;
}

/* Of the allocator itself, where nothing is stale. */
static aai_epochs epochs_of(const aa_allocator *allocator)
{
    const aai_cell *const cell = allocator == NULL ? NULL : aai_base_of(allocator)->cell;
    const uint64_t now = cell == NULL ? 0 : AAI_LOAD(cell->epoch) - AAI_LOAD(cell->first);
    return (aai_epochs){now, now};
}

/* Outside a call (and inside a callback, which the handler's calls are then part of) nothing is to be noted. */
static __attribute__((noinline)) void deliver(const aa_violation *violation)
{
    aai_thread *const self = aa_tls.record;
    aai_call *const call = self == NULL ? NULL : innermost(self);
    if (call == NULL || call->in_callback) {
        aai_violation_deliver(violation);
        return;
    }
    const int count = self->call_count;
    aai_base *const base = aai_base_of(violation->allocator); /* NULL of NULL */
    const uint64_t inside = base == NULL ? 0 : AAI_LOAD(base->inside);
    call->in_callback = true;
    call->handler = __builtin_frame_address(0);
    if (inside == self->id) {
        AAI_STORE(base->inside, 0); /* the handler may jump out of the arena */
    }
    aai_violation_deliver(violation);
    if (inside == self->id) {
        AAI_STORE(base->inside, inside);
    }
    self->call_count = count; /* without what a jump inside the handler left */
    call->in_callback = false;
    call->handler = NULL;
}

static __attribute__((format(printf, 5, 0))) aa_status report(aa_violation_kind kind,
                                                              const aa_allocator *allocator,
                                                              aai_site site, aai_epochs epochs,
                                                              const char *format, va_list arguments)
{
    char message[768];
    (void)vsnprintf(message, sizeof message, format, arguments);
    aai_thread *const self = aai_self();
    const aai_call *const call = self == NULL ? NULL : innermost(self);
    if (site.file == NULL && call != NULL) {
        site.file = call->site.file;
        site.line = call->site.line;
    }
    const aa_violation violation = {.kind = kind,
                                    .message = message,
                                    .allocator = allocator,
                                    .allocator_name = allocator == NULL ? "?" : aa_name(allocator),
                                    .function = site.function,
                                    .file = site.file,
                                    .line = site.line,
                                    .thread_num = aai_omp_thread_num(),
                                    .level = aai_omp_level(),
                                    .thread_id = aa_tls.thread_id,
                                    .epoch_seen = epochs.seen,
                                    .epoch_now = epochs.now};
    const aa_status status = aai_violation_status(kind);
    if (!is_finding(kind)) {
        (void)aai_fail(status, "%s: %s", site.function, message);
    }
    aai_timeline_violation(&violation);
    deliver(&violation);
    if (!is_finding(kind)) { /* again: the handler may have failed too */
        (void)aai_fail(status, "%s: %s", site.function, message);
    }
    return status;
}

aa_status aai_violate(aa_violation_kind kind, const aa_allocator *allocator, aai_site site,
                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const aa_status status = report(kind, allocator, site, epochs_of(allocator), format, arguments);
    va_end(arguments);
    return status;
}

aa_status aai_violate_stale(const aa_allocator *allocator, aai_site site, aai_epochs epochs,
                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const aa_status status = report(AA_USE_AFTER_RESET, allocator, site, epochs, format, arguments);
    va_end(arguments);
    return status;
}
