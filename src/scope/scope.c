/* Floor 6, scope: entering and leaving. See scope.h for the invariants. */
#include "scope/timeline.h"
#include "scope/traits.h"

/* ---- the stack ------------------------------------------------------------------------------------------- */

static aai_scopes *all;

aai_entry *aai_entry_at(aai_scopes *scopes, size_t index)
{
    return index < AAI_ENTRIES_FIXED ? &scopes->first[index]
                                     : &scopes->more[index - AAI_ENTRIES_FIXED];
}

static void drop_top(aai_scopes *scopes)
{
    const aai_entry *const top = aai_entry_at(scopes, scopes->depth - 1);
    AAI_STORE(scopes->depth, scopes->depth - 1);
    if (top->cell != NULL && aai_alive(top->cell, top->id)) {
        AAI_SUB(top->cell->holders, 1);
    }
}

/* End what is open and leave the list of all. Under the registry lock. */
static void end_scopes(aai_scopes *scopes)
{
    while (scopes->depth > 0) {
        drop_top(scopes);
    }
    aai_regions_end(scopes);
    if (scopes->prev != NULL) {
        scopes->prev->next = scopes->next;
    } else {
        all = scopes->next;
    }
    if (scopes->next != NULL) {
        scopes->next->prev = scopes->prev;
    }
}

static void free_scopes(aai_scopes *scopes)
{
    aai_mfree(scopes->more);
    aai_mfree(scopes->regions);
    aai_mfree(scopes);
}

static void thread_ends(aai_thread *self)
{
    aai_scopes *const scopes = self->scopes;
    if (scopes == NULL) {
        return;
    }
    aai_timeline_end(scopes);
    aai_lock_acquire(&aai_registry_lock);
    end_scopes(scopes);
    aai_lock_release(&aai_registry_lock);
    self->scopes = NULL;
    free_scopes(scopes);
}

static void forget_team(aai_base *base, void *context)
{
    (void)context;
    aai_team_forked(base);
}

/* In a forked child: the scopes and team resets of the threads that are gone end. */
static void abandon(void)
{
    const aai_scopes *const mine = aa_tls.record == NULL ? NULL : aa_tls.record->scopes;
    aai_lock_acquire(&aai_registry_lock);
    aai_scopes *next;
    for (aai_scopes *scopes = all; scopes != NULL; scopes = next) {
        next = scopes->next;
        if (scopes != mine) {
            end_scopes(scopes);
            free_scopes(scopes);
        }
    }
    aai_each_live_locked(forget_team, NULL);
    aai_lock_release(&aai_registry_lock);
}

static aai_scopes *make_scopes(aai_thread *self)
{
    aai_scopes *const made = aai_calloc(sizeof *made);
    if (made == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for this thread's scopes");
        return NULL;
    }
    made->thread = self->id;
    aai_trace_start();
    const uint64_t traced = aai_tracing() ? AAI_SERIAL_TRACED : 0;
    made->next_serial = self->id << 32 | traced; /* no thread has another's */
    aai_thread_at_exit(AAI_EXIT_SCOPES, thread_ends);
    aai_lock_acquire(&aai_registry_lock);
    made->next = all;
    if (all != NULL) {
        all->prev = made;
    }
    all = made;
    aai_lock_release(&aai_registry_lock);
    self->scopes = made;
    return made;
}

aai_scopes *aai_scopes_mine(void)
{
    aai_thread *const self = aai_self();
    if (self == NULL) {
        return NULL;
    }
    return self->scopes != NULL ? self->scopes : make_scopes(self);
}

uint64_t aai_scopes_own(const aa_allocator *allocator)
{
    const aai_thread *const self = aai_self();
    aai_scopes *const mine = self == NULL ? NULL : self->scopes;
    const aai_base *const base = aai_base_of(allocator);
    uint64_t count = 0;
    for (size_t i = 0; mine != NULL && i < mine->depth; ++i) {
        const aai_entry *const entry = aai_entry_at(mine, i);
        count += entry->cell == base->cell && entry->id == base->id;
    }
    return count;
}

int aai_scopes_deepest(void)
{
    const aai_thread *const self = aai_self();
    aai_scopes *const mine = self == NULL ? NULL : self->scopes;
    int deepest = 0;
    for (size_t i = 0; mine != NULL && i < mine->depth; ++i) {
        const int level = aai_entry_at(mine, i)->level;
        deepest = level > deepest ? level : deepest;
    }
    return deepest;
}

static size_t describe_entry(const aai_scopes *scopes, const aai_entry *entry, char *text,
                             size_t bytes)
{
    const char *const file = AAI_LOAD(entry->file);
    char where[192] = "";
    if (file != NULL) {
        (void)snprintf(where, sizeof where, " at %s:%d", file, AAI_LOAD(entry->line));
    }
    const int length =
        snprintf(text, bytes, " thread %llu (%s%s, level %d, since reset %llu);",
                 (unsigned long long)scopes->thread, AAI_LOAD(entry->how), where,
                 AAI_LOAD(entry->level), (unsigned long long)AAI_LOAD(entry->resets));
    return length < 0 ? 0 : aai_min((size_t)length, bytes - 1);
}

void aai_scopes_describe(const aa_allocator *allocator, char *text, size_t bytes)
{
    const aai_base *const base = aai_base_of(allocator);
    const uint64_t self = aai_self()->id;
    size_t used = 0;
    text[0] = '\0';
    aai_lock_acquire(&aai_registry_lock);
    for (aai_scopes *scopes = all; scopes != NULL; scopes = scopes->next) {
        const size_t depth = aai_min(AAI_LOAD(scopes->depth), AAI_ENTRIES_FIXED);
        for (size_t i = 0; i < depth && scopes->thread != self; ++i) {
            if (AAI_LOAD(scopes->first[i].id) == base->id) {
                used += describe_entry(scopes, &scopes->first[i], text + used, bytes - used);
            }
        }
    }
    aai_lock_release(&aai_registry_lock);
}

/* ---- entering ---------------------------------------------------------------------------------------------- */

/* Relaxed stores: reports of other threads may read. */
static bool push(aai_scopes *scopes, const aai_entry *entry)
{
    const size_t index = scopes->depth;
    if (index >= AAI_ENTRIES_FIXED &&
        !aai_vector_grow((void **)&scopes->more, &scopes->more_capacity, index - AAI_ENTRIES_FIXED,
                         sizeof *scopes->more)) {
        return false;
    }
    aai_entry *const at = aai_entry_at(scopes, index);
    at->serial = entry->serial;
    at->allocator = entry->allocator;
    at->cell = entry->cell;
    at->handle = entry->handle;
    at->saved = entry->saved;
    at->frame = entry->frame;
    AAI_STORE(at->id, entry->id);
    AAI_STORE(at->how, entry->how);
    AAI_STORE(at->resets, entry->resets);
    AAI_STORE(at->file, entry->file);
    AAI_STORE(at->line, entry->line);
    AAI_STORE(at->level, entry->level);
    AAI_STORE(scopes->depth, index + 1);
    return true;
}

static void restore(const aai_entry *entry)
{
    if (entry->handle != 0) {
        aai_omp_default_set(entry->saved);
    }
}

/* Stacks grow downwards: an entry of a frame below a new one belongs to a function that has returned
 * without ending its scope (longjmp). Only where both lie on this thread's own stack. */
static void repair(aai_scopes *scopes, const void *frame)
{
    bool repaired = false;
    while (frame != NULL && scopes->depth > 0) {
        const aai_entry *const top = aai_entry_at(scopes, scopes->depth - 1);
        if (top->frame == NULL || (uintptr_t)top->frame >= (uintptr_t)frame ||
            (!repaired && !(aai_on_own_stack(frame) && aai_on_own_stack(top->frame)))) {
            break;
        }
        restore(top);
        if (aai_serial_is_traced(top->serial)) {
            aai_timeline_leave(scopes, scopes->depth - 1);
        }
        drop_top(scopes);
        repaired = true;
    }
    if (repaired) {
        (void)aai_fail(AA_ORDER,
                       "AA_WITH: a function was left (longjmp?) inside a scope; the scope was "
                       "ended now");
    }
}

/* The body runs once whatever happened; serial 0: there is nothing to leave. */
static aa_scope unchanged(void)
{
    return (aa_scope){.serial = 0, .depth = 0, .once = 1};
}

/* entry: allocator, cell, id, handle, frame, file, line. handle 0: no runtime carries scopes. */
static aa_scope open_entry(aai_entry *entry)
{
    aai_scopes *const scopes = aai_scopes_mine();
    if (scopes == NULL) {
        return unchanged();
    }
    repair(scopes, entry->frame);
    entry->serial = ++scopes->next_serial;
    entry->level = aai_omp_regions();
    entry->saved = entry->handle != 0 ? aai_omp_default_get() : 0;
    if (!push(scopes, entry)) {
        (void)aai_fail(AA_NOMEM, "no memory for one more scope");
        return unchanged();
    }
    if (entry->cell != NULL) {
        AAI_ADD(entry->cell->holders, 1);
    }
    if (entry->handle != 0) {
        aai_omp_default_set(entry->handle);
    }
    if (aai_serial_is_traced(entry->serial)) {
        aai_timeline_enter(entry);
    }
    return (aa_scope){.serial = entry->serial, .depth = (uint32_t)(scopes->depth - 1), .once = 1};
}

/* Whether scopes are carried by OpenMP; looks again for a runtime that came late. */
static bool carried(void)
{
    aai_omp_look_again();
    return aai_omp_carries();
}

aa_scope aai_scope_enter_at(aa_allocator *allocator, void *frame, const char *file, int line)
{
    const aai_site site = {"AA_WITH", file, line};
    aa_allocator *const real =
        allocator != NULL && allocator->kind == AAI_CURRENT ? aai_current_asked(&site) : allocator;
    if (real == NULL) {
        static int warned;
        (void)aai_fail(AA_INVALID, "AA_WITH: NULL allocator; the scope is unchanged");
        aai_warn_once(&warned, "AA_WITH(NULL) at %s:%d: the body runs under the unchanged scope",
                      file != NULL ? file : "aa_scope_enter", line);
        return unchanged();
    }
    if (real->kind == AAI_GONE) {
        const aai_base *const base = aai_base_of(real);
        (void)aai_violate(AA_USE_AFTER_RESET, real, site,
                          "allocator '%s' was destroyed; the body runs under the unchanged scope",
                          base->name);
        return unchanged();
    }
    const aai_base *const base = aai_base_of(real);
    aai_entry entry = {.allocator = real,
                       .cell = base->cell,
                       .id = base->id,
                       .resets = AAI_LOAD(base->resets),
                       .frame = frame,
                       .how = file != NULL ? "AA_WITH" : "aa_scope_enter",
                       .file = file,
                       .line = line};
    if (carried()) {
        entry.handle = aa_omp_handle(real);
        if (entry.handle == 0) {
            return unchanged();
        }
    }
    return open_entry(&entry);
}

aa_scope aa_scope_enter(aa_allocator *allocator)
{
    return aai_scope_enter_at(allocator, NULL, NULL, 0);
}

/* ---- tokens ------------------------------------------------------------------------------------------------ */

aa_token aa_scope_capture(void)
{
    aa_allocator *const current = aa_current();
    const aai_base *const base = aai_base_of(current);
    return (aa_token){.allocator = current,
                      .cell = base->cell,
                      .id = base->id,
                      .handle = aai_omp_carries() ? aai_omp_default_get() : 0};
}

aa_scope aai_token_enter_at(aa_token token, void *frame, const char *file, int line)
{
    if (token.allocator == NULL) {
        (void)aai_fail(AA_INVALID, "AA_TASK: an empty token; the scope is unchanged");
        return unchanged();
    }
    if (!aai_alive(token.cell, token.id)) {
        (void)aai_violate(
            AA_USE_AFTER_RESET, NULL, (aai_site){"AA_TASK", file, line},
            "the token's allocator was destroyed; the body runs under the current scope");
        return unchanged();
    }
    aai_entry entry = {.allocator = token.allocator,
                       .cell = (aai_cell *)(uintptr_t)token.cell,
                       .id = token.id,
                       .handle = token.handle,
                       .resets = AAI_LOAD(aai_base_of(token.allocator)->resets),
                       .how = file != NULL ? "AA_TASK" : "aa_token_enter",
                       .frame = frame,
                       .file = file,
                       .line = line};
    if (entry.handle == 0 && carried()) { /* captured before the runtime was found */
        entry.handle = aa_omp_handle(token.allocator);
    }
    return open_entry(&entry);
}

aa_scope aa_token_enter(aa_token token)
{
    return aai_token_enter_at(token, NULL, NULL, 0);
}

/* ---- leaving ------------------------------------------------------------------------------------------------ */

/* By its parts: a scope was written member by member, and read whole it would wait for all of them. */
static aa_status leave(uint64_t serial, uint32_t depth)
{
    if (serial == 0) {
        return AA_OK;
    }
    const aai_thread *const self = aai_self();
    aai_scopes *const scopes = self == NULL ? NULL : self->scopes;
    if (scopes == NULL || depth >= scopes->depth || aai_entry_at(scopes, depth)->serial != serial) {
        return aai_fail(AA_ORDER, "aa_scope_leave: this scope has ended, or was entered elsewhere");
    }
    restore(aai_entry_at(scopes, depth));
    if (aai_serial_is_traced(serial)) {
        aai_timeline_leave(scopes, depth);
    }
    const bool inner = scopes->depth > (size_t)depth + 1;
    while (scopes->depth > depth) {
        drop_top(scopes);
    }
    return inner
               ? aai_fail(AA_ORDER, "aa_scope_leave: inner scopes were still open; they ended too")
               : AA_OK;
}

aa_status aa_scope_leave(aa_scope scope)
{
    return leave(scope.serial, scope.depth);
}

void aai_scope_end(aa_scope *scope)
{
    (void)leave(scope->serial, scope->depth);
}

/* ---- asking ------------------------------------------------------------------------------------------------- */

static aa_allocator *allocator_of_thread(void)
{
    const aai_thread *const self = aai_self();
    aai_scopes *const scopes = self == NULL ? NULL : self->scopes;
    if (scopes == NULL || scopes->depth == 0) {
        return aai_default_allocator();
    }
    const aai_entry *const top = aai_entry_at(scopes, scopes->depth - 1);
    return aai_alive(top->cell, top->id) ? top->allocator : NULL;
}

aa_allocator *aai_current_quietly(void)
{
    return aai_omp_carries() ? aai_allocator_of_icv() : allocator_of_thread();
}

static AAI_COLD aa_allocator *heap_instead(void)
{
    (void)aai_violate(AA_USE_AFTER_RESET, NULL, (aai_site){"aa_current", NULL, 0},
                      "the current allocator was destroyed while its scope was open; the heap "
                      "serves instead");
    return aa_heap();
}

aa_allocator *aa_current(void)
{
    aa_allocator *const current = aai_current_quietly();
    return AAI_UNLIKELY(current == NULL) ? heap_instead() : current;
}

aa_allocator *aai_current_asked(const aai_site *site)
{
    aa_allocator *const current = aa_current();
    if (AAI_UNLIKELY(AAI_LOAD(aai_tasks_seen))) {
        aai_task_look(current, *site);
    }
    return current;
}

const char *aa_scope_mode(void)
{
    if (!carried()) {
        return "threads";
    }
    (void)aai_omp_default_get(); /* starts the runtime, and with it a tool */
    return aai_ompt_is_active() ? "regions+tasks (OMPT)" : "regions";
}

/* ---- AA_CURRENT ---------------------------------------------------------------------------------------------- */

/* Never entered: every call resolves it first. Its window is empty, its key matches no TLS slot, and its mask
 * promises no alignment. */
static const aai_ops current_ops = {.kind = "current"};
aa_allocator aai_current_handle = {
    .mask = 0, .key = UINT64_MAX, .kind = AAI_CURRENT, .ops = &current_ops};

__attribute__((constructor(101))) static void install_resolver(void)
{
    aai_resolve_current = aa_current;
    aai_resolve_asked = aai_current_asked;
    aai_fork_scopes = abandon;
}
