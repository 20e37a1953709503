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
static aa_status resolve(aa_allocator **allocator, const char *function)
{
    if ((*allocator)->kind != AAI_CURRENT) {
        return AA_OK;
    }
    aa_allocator *const current = aai_resolve_current();
    *allocator = current;
    if (current->kind == AAI_ARENA && aai_base_of(current)->creator != aa_tls.record->id) {
        return aai_foreign_thread(aai_base_of(current), (aai_site){function, NULL, 0});
    }
    return AA_OK;
}

aa_status aai_enter(aai_op *op, aa_allocator **place, const char *function)
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
    if (self->op != NULL && !self->op->in_callback) {
        return aai_fail(AA_BUSY, "%s: called from a signal handler during another call", function);
    }
    const aa_status resolved = resolve(place, function);
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
    *op = (aai_op){.allocator = allocator, .outer = self->op};
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* complete before a signal handler can see it */
    self->op = op;
    return AA_OK;
}

void aai_leave(aai_op *op)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    aa_tls.record->op = op->outer;
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

aa_status aai_violate(aa_violation_kind kind, const aa_allocator *allocator, aai_site site,
                      uint64_t seen, const char *format, ...)
{
    char message[768];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const aai_base *const base = allocator == NULL ? NULL : aai_base_of(allocator);
    const aai_cell *const cell = base == NULL ? NULL : base->cell;
    const aai_thread *const self = aai_self();
    const aa_violation violation = {.kind = kind,
                                    .message = message,
                                    .allocator = allocator,
                                    .allocator_name = base == NULL ? "?" : aa_name(allocator),
                                    .function = site.function,
                                    .file = site.file,
                                    .line = site.line,
                                    .thread_num = aai_omp_thread_num(),
                                    .level = aai_omp_level(),
                                    .thread_id = self == NULL ? 0 : self->id,
                                    .epoch_seen = seen,
                                    .epoch_now = cell == NULL ? 0 : AAI_LOAD(cell->key)};
    const aa_status status = aai_violation_status(kind);
    if (!is_finding(kind)) {
        (void)aai_fail(status, "%s: %s", site.function, message);
    }
    const bool inside = self != NULL && self->op != NULL && !self->op->in_callback;
    if (inside) {
        aai_callback_begin();
    }
    aai_violation_deliver(&violation);
    if (inside) {
        aai_callback_end();
    }
    if (!is_finding(kind)) {
        (void)aai_fail(status, "%s: %s", site.function, message); /* the handler may have failed too */
    }
    return status;
}
