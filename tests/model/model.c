/* The model's beliefs, and the comparison of everything with the library. */
#include "model.h"

#include "patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENDS = 64 }; /* bytes compared at each end of what is too long */

/* ---- differences and reports ---------------------------------------------------------------------------- */

static int reports, report_kind;

static void note_report(const aa_violation *violation, void *context)
{
    (void)context;
    ++reports;
    report_kind = (int)violation->kind;
}

int model_reports(void)
{
    return reports;
}

int model_report_kind(void)
{
    return reports == 0 ? -1 : report_kind;
}

void model_forget_reports(void)
{
    reports = 0;
}

void model_differs(const model *m, const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "model: %s %llu (hexadecimal %0*llx), call %d: not so: %s (%s:%d)\n",
                  m->label, m->number, m->digits, m->number, m->step, condition, file, line);
    (void)fprintf(stderr, "model: last message: %s; %d report(s), the last: %s\n",
                  aa_last_message(), reports,
                  reports == 0 ? "none" : aa_violation_name((aa_violation_kind)report_kind));
    (void)fflush(stderr);
    abort();
}

bool model_may_refuse(const model *m)
{
    return m->refused > m->refused_before && aa_last_status() == AA_NOMEM;
}

/* ---- upstreams ------------------------------------------------------------------------------------------ */

static bool must_refuse(const model *m)
{
    const uint64_t n = m->metadata ? 0 : m->requests;
    return n != 0 && ((m->refuse > 0 && n == (uint64_t)m->refuse) ||
                      (m->refuse < 0 && n >= (uint64_t)-m->refuse));
}

static void *upstream_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)least;
    model_upstream *const counted = state;
    ++counted->calls;
    counted->world->requests += !counted->world->metadata;
    void *memory;
    if (must_refuse(counted->world) ||
        posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, *bytes) !=
            0) {
        ++counted->world->refused;
        return NULL;
    }
    counted->out += *bytes;
    return memory;
}

static void upstream_free(void *state, void *pointer, size_t bytes)
{
    model_upstream *const counted = state;
    ++counted->calls;
    counted->out -= bytes;
    free(pointer);
}

/* ---- the world ------------------------------------------------------------------------------------------ */

void model_init(model *m)
{
    static const aa_upstream_ops ops = {sizeof ops, upstream_alloc, upstream_free, NULL};
    memset(m, 0, sizeof *m);
    m->whole_up_to = SIZE_MAX;
    m->trace = getenv("MODEL_TRACE") != NULL;
    for (int i = 0; i < MODEL_SLOTS; ++i) {
        model_slot *const slot = &m->slots[i];
        slot->counted = (model_upstream){.world = m};
        slot->counted.upstream = aa_upstream_custom(&ops, &slot->counted);
        model_require(m, slot->counted.upstream != NULL);
    }
    m->slots[MODEL_HEAP].allocator = aa_heap();
    (void)aa_set_violation_handler(note_report, NULL);
}

static void free_heap_items(model *m)
{
    model_slot *const heap = &m->slots[MODEL_HEAP];
    while (heap->mark_count > 0) {
        model_drop(m, heap, &(model_call){.at = MODEL_HEAP});
    }
    while (heap->count > 0) {
        aa_free(aa_heap(), heap->items[heap->count - 1].memory, 0);
        model_take_back(heap, heap->count - 1);
    }
}

void model_end(model *m)
{
    m->refuse = 0;
    while (m->scope_count > 0) {
        model_leave(m, NULL, &(model_call){.which = 0});
    }
    for (int i = 0; i < MODEL_SLOTS; ++i) {
        model_slot *const slot = &m->slots[i];
        for (int k = 0; k < slot->count && slot->pins > 0; ++k) {
            for (; slot->items[k].pins > 0; --slot->items[k].pins, --slot->pins) {
                model_require(m, aa_unpin(&slot->items[k].array) == AA_OK);
            }
        }
        if (slot->allocator != NULL) {
            model_destroy(m, slot, &(model_call){.at = (unsigned)i});
        }
        slot->blurred = false; /* a destroyed allocator is exact again */
        for (unsigned k = 0; k < slot->dead_count && k < MODEL_REMEMBERED; ++k) {
            model_require(m, !aa_is_valid(&slot->dead[k]));
        }
        slot->dead_count = slot->ended_count = 0;
        slot->destroyed = NULL;
    }
    free_heap_items(m);
    m->token_count = 0;
    m->slots[MODEL_HEAP].dead_count = m->slots[MODEL_HEAP].ended_count = 0;
}

void model_fini(model *m)
{
    model_end(m);
    for (int i = 0; i < MODEL_SLOTS; ++i) {
        model_require(m, aa_upstream_destroy(m->slots[i].counted.upstream) == AA_OK);
    }
}

/* ---- beliefs -------------------------------------------------------------------------------------------- */

size_t model_rounded(const model_slot *slot, size_t bytes)
{
    const size_t alignment = slot->options.alignment != 0 ? slot->options.alignment : 64;
    return bytes == 0 ? alignment : (bytes + alignment - 1) & ~(alignment - 1);
}

void model_fill(const model *m, model_item *item)
{
    if (item->bytes <= m->whole_up_to) {
        pattern_fill(item->memory, item->bytes, item->seed);
    } else {
        pattern_fill(item->memory, ENDS, item->seed);
        pattern_fill(item->memory + item->bytes - ENDS, ENDS, item->seed);
    }
}

bool model_holds(const model *m, const model_item *item)
{
    if (item->bytes <= m->whole_up_to) {
        return pattern_holds(item->memory, item->bytes, item->seed);
    }
    return pattern_holds(item->memory, ENDS, item->seed) &&
           pattern_holds(item->memory + item->bytes - ENDS, ENDS, item->seed);
}

int model_current(const model *m, bool *gone)
{
    *gone = false;
    if (m->scope_count == 0) {
        return MODEL_HEAP;
    }
    const model_scope *const top = &m->scopes[m->scope_count - 1];
    *gone = m->slots[top->slot].generation != top->generation;
    return *gone ? MODEL_HEAP : top->slot;
}

static void bury_array(model_slot *slot, const aa_array *array)
{
    slot->dead[slot->dead_count++ % MODEL_REMEMBERED] = *array;
}

static void bury(model_slot *slot, const model_item *item)
{
    slot->used -= model_rounded(slot, item->bytes);
    if (item->is_array) {
        bury_array(slot, &item->array);
    }
    if (item->has_view) {
        bury_array(slot, &item->view);
    }
}

void model_take_back(model_slot *slot, int held)
{
    while (slot->count > held) {
        bury(slot, &slot->items[--slot->count]);
    }
}

void model_take_one(model_slot *slot, int index)
{
    bury(slot, &slot->items[index]);
    --slot->count;
    memmove(&slot->items[index], &slot->items[index + 1],
            (size_t)(slot->count - index) * sizeof slot->items[0]);
}

void model_end_marks(model_slot *slot, int count)
{
    while (slot->mark_count > count) {
        slot->ended[slot->ended_count++ % MODEL_REMEMBERED] = slot->marks[--slot->mark_count].mark;
    }
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

static void check_upstream(model *m, const model_slot *slot, const aa_stats *stats)
{
    if (slot->options.upstream == NULL) {
        return;
    }
    const model_upstream *const counted = &slot->counted;
    if (slot->options.capacity == 0) {
        model_require(m, stats->committed == counted->out);
    }
    model_require(m, stats->committed <= counted->out);
    model_require(m, m->refused > 0 || stats->upstream_calls == counted->calls);
}

void model_check_stats(model *m, const model_slot *slot)
{
    aa_stats stats;
    if (slot->allocator == NULL || slot == &m->slots[MODEL_HEAP]) {
        return;
    }
    model_require(m, aa_stats_get(slot->allocator, &stats) == AA_OK);
    model_require(m, stats.used == slot->used);
    model_require(m, stats.peak == slot->peak);
    model_require(m, stats.allocations == slot->allocations);
    model_require(m, stats.live_frees == slot->live_frees);
    model_require(m, stats.resets == slot->resets);
    model_require(m, stats.used + stats.wasted <= stats.committed);
    /* full checks hold redzones beside what the capacity counts */
    const size_t counted = slot->options.checks == AA_CHECKS_FULL ? stats.used : stats.committed;
    model_require(m, slot->options.capacity == 0 || counted <= slot->options.capacity);
    check_upstream(m, slot, &stats);
}

static void check_item(model *m, const model_slot *slot, const model_item *item)
{
    model_require(m, item->forgotten || model_holds(m, item));
    model_require(m, !item->is_array || aa_is_valid(&item->array));
    model_require(m, !item->has_view || aa_is_valid(&item->view));
    model_require(m, aa_owns(slot->allocator, item->memory));
}

void model_check_slot(model *m, model_slot *slot)
{
    for (int i = 0; i < slot->count; ++i) {
        check_item(m, slot, &slot->items[i]);
    }
    for (int i = 0; i < MODEL_SLOTS && slot->count > 0; ++i) {
        const model_slot *const other = &m->slots[i];
        model_require(m, other == slot || other->allocator == NULL ||
                             !aa_owns(other->allocator, slot->items[slot->count - 1].memory));
    }
    for (unsigned i = 0; !slot->blurred && i < slot->dead_count && i < MODEL_REMEMBERED; ++i) {
        model_require(m, !aa_is_valid(&slot->dead[i]));
    }
    model_check_stats(m, slot);
}

void model_check(model *m)
{
    bool gone;
    const int current = model_current(m, &gone);
    model_forget_reports();
    model_require(m, aa_current() == m->slots[current].allocator);
    model_require(m,
                  model_reports() == gone && (!gone || model_report_kind() == AA_USE_AFTER_RESET));
    for (int i = 0; i <= MODEL_HEAP; ++i) {
        model_check_slot(m, &m->slots[i]);
    }
}
