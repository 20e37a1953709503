/* Floor 5, alloc: calls under way on this thread, and the report of violations.
 *
 * Invariant: record->op is the stack of this thread's calls; only the innermost may be outside a callback.
 * A second call that arrives while the innermost is not in a callback came from a signal handler: AA_BUSY.
 * One for an allocator that is already in the stack came from an upstream that re-enters: AA_BUSY. */
#include "alloc/alloc.h"

#include "sync/team.h"

#include <stdarg.h>

/* AA_CURRENT becomes the allocator in scope. Another thread's arena is refused here at every tier: the scope
 * brings it to threads that never asked for it. */
static aa_status resolve(aa_allocator **allocator, aai_site site)
{
    if ((*allocator)->kind != AAI_CURRENT) {
        return AA_OK;
    }
    aa_allocator *const current = aai_resolve_current();
    *allocator = current;
    if (current->kind == AAI_ARENA && aai_base_of(current)->creator != aa_tls.record->id) {
        return aai_foreign_thread(aai_base_of(current), site);
    }
    return AA_OK;
}

aa_status aai_enter_at(aai_op *op, aa_allocator **place, aai_site site)
{
    const char *const function = site.function;
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
    if (self->op != NULL && !self->op->in_callback) {
        return aai_fail(AA_BUSY, "%s: called from a signal handler during another call", function);
    }
    const aa_status resolved = resolve(place, site);
    if (resolved != AA_OK) {
        return resolved;
    }
    const aa_allocator *const allocator = *place;
    for (const aai_op *outer = self->op; outer != NULL; outer = outer->outer) {
        if (outer->allocator == allocator) {
            return aai_fail(AA_BUSY, "%s: '%s' is already serving a call of this thread", function,
                            aa_name(allocator));
        }
    }
    *op = (aai_op){.allocator = allocator, .site = site, .outer = self->op};
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* complete before a signal handler can see it */
    self->op = op;
    return AA_OK;
}

aa_status aai_enter(aai_op *op, aa_allocator **place, const char *function)
{
    return aai_enter_at(op, place, (aai_site){function, NULL, 0});
}

void aai_leave(aai_op *op)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    aa_tls.record->op = op->outer;
}

aai_site aai_call_site(void)
{
    return aa_tls.record->op->site;
}

void aai_callback_begin(void)
{
    if (aa_tls.record != NULL && aa_tls.record->op != NULL) {
        aa_tls.record->op->in_callback = true;
    }
}

void aai_callback_end(void)
{
    if (aa_tls.record != NULL && aa_tls.record->op != NULL) {
        aa_tls.record->op->in_callback = false;
    }
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

/* Call the handler, as user code inside the call under way. */
static void deliver(const aa_violation *violation, const aai_thread *self)
{
    const bool inside = self != NULL && self->op != NULL && !self->op->in_callback;
    if (inside) {
        aai_callback_begin();
    }
    aai_violation_deliver(violation);
    if (inside) {
        aai_callback_end();
    }
}

static aa_status report(const aa_violation *what, aai_site site)
{
    const aai_thread *const self = aai_self();
    if (site.file == NULL && self != NULL && self->op != NULL) {
        site.file = self->op->site.file;
        site.line = self->op->site.line;
    }
    aa_violation violation = *what;
    violation.allocator_name = what->allocator == NULL ? "?" : aa_name(what->allocator);
    violation.function = site.function;
    violation.file = site.file;
    violation.line = site.line;
    violation.thread_num = aai_omp_thread_num();
    violation.level = aai_omp_level();
    violation.thread_id = self == NULL ? 0 : self->id;
    const aa_status status = aai_violation_status(what->kind);
    if (!is_finding(what->kind)) {
        (void)aai_fail(status, "%s: %s", site.function, what->message);
    }
    deliver(&violation, self);
    if (!is_finding(what->kind)) {
        (void)aai_fail(status, "%s: %s", site.function,
                       what->message); /* the handler may have failed too */
    }
    return status;
}

enum { MESSAGE = 768 };

aa_status aai_violate(aa_violation_kind kind, const aa_allocator *allocator, aai_site site,
                      const char *format, ...)
{
    char message[MESSAGE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const aai_epochs epochs = epochs_of(allocator);
    const aa_violation what = {.kind = kind,
                               .message = message,
                               .allocator = allocator,
                               .epoch_seen = epochs.seen,
                               .epoch_now = epochs.now};
    return report(&what, site);
}

aa_status aai_violate_stale(const aa_allocator *allocator, aai_site site, aai_epochs epochs,
                            const char *format, ...)
{
    char message[MESSAGE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const aa_violation what = {.kind = AA_USE_AFTER_RESET,
                               .message = message,
                               .allocator = allocator,
                               .epoch_seen = epochs.seen,
                               .epoch_now = epochs.now};
    return report(&what, site);
}
