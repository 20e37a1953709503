/* The calls that take and give memory, and model_run. */
#include "model.h"

#include "patterns.h"

#include <stdio.h>
#include <string.h>

/* ---- what came --------------------------------------------------------------------------------------------- */

/* NULL is right only where there is a cap, or the upstream refused just now; and it has changed nothing. */
static void refused(model *m, model_slot *slot)
{
    model_require(m, slot->options.capacity != 0 || m->refused > m->refused_before);
    model_require(m, aa_last_status() == AA_NOMEM);
    model_check_slot(m, slot);
}

/* A range that came shares no byte with what is held, in any slot. */
static void check_apart(model *m, const char *memory, size_t bytes, const model_item *except)
{
    const size_t mine = bytes == 0 ? 1 : bytes;
    for (int s = 0; s <= MODEL_HEAP; ++s) {
        const model_slot *const slot = &m->slots[s];
        for (int i = 0; i < slot->count; ++i) {
            const model_item *const it = &slot->items[i];
            const size_t theirs = it->bytes == 0 ? 1 : it->bytes;
            model_require(m, it == except || it->forgotten || memory + mine <= it->memory ||
                                 it->memory + theirs <= memory);
        }
    }
}

static void note_peak(model_slot *slot)
{
    slot->peak = slot->used > slot->peak ? slot->used : slot->peak;
}

static model_item *took(model *m, model_slot *slot, char *memory, size_t bytes, size_t alignment)
{
    if (memory == NULL) {
        refused(m, slot);
        return NULL;
    }
    ++slot->allocations;
    model_require(m, is_aligned(memory, alignment));
    model_require(m,
                  is_aligned(memory, slot->options.alignment != 0 ? slot->options.alignment : 64));
    check_apart(m, memory, bytes, NULL);
    model_require(m, (slot->options.flags & AA_ZEROED) == 0 || is_zero(memory, bytes));
    model_item *const item = &slot->items[slot->count++];
    item->memory = memory;
    item->bytes = bytes;
    item->sequence = slot->next_sequence++;
    item->seed = (unsigned)m->step;
    item->pins = 0;
    item->forgotten = item->is_array = item->has_view = false;
    item->tracked = true;
    slot->used += model_rounded(slot, bytes);
    note_peak(slot);
    model_fill(m, item);
    return item;
}

/* ---- raw memory ------------------------------------------------------------------------------------------- */

/* The handle that a call names, and the slot that it means; *reported: reports that this makes. */
static aa_allocator *handle_of(const model *m, const model_slot *slot, const model_call *call)
{
    (void)m;
    return call->at == MODEL_CURRENT ? AA_CURRENT : slot->allocator;
}

static void do_alloc(model *m, model_slot *slot, const model_call *call)
{
    (void)took(m, slot, aa_alloc(handle_of(m, slot, call), call->bytes), call->bytes, 1);
}

static void do_alloc_hoisted(model *m, model_slot *slot, const model_call *call)
{
    const bool hoists = slot->kind == 2 && slot != &m->slots[MODEL_HEAP];
    aa_allocator *const arena = hoists ? aa_private_arena(slot->allocator) : slot->allocator;
    char *const p = arena == NULL ? NULL : aa_alloc(arena, call->bytes);
    (void)took(m, slot, p, call->bytes, 1);
}

static void do_alloc_aligned(model *m, model_slot *slot, const model_call *call)
{
    (void)took(m, slot, aa_alloc_aligned(handle_of(m, slot, call), call->bytes, call->alignment),
               call->bytes, call->alignment);
}

static void do_calloc(model *m, model_slot *slot, const model_call *call)
{
    const size_t bytes = 1 + call->bytes % 40, count = call->bytes / bytes;
    char *const p = aa_calloc(slot->allocator, count, bytes);
    model_require(m, p == NULL || is_zero(p, count * bytes));
    (void)took(m, slot, p, count * bytes, 1);
}

static model_item *item_of(const model *m, model_slot *slot, const model_call *call)
{
    (void)m;
    if (slot->count == 0) {
        return NULL;
    }
    model_item *const item = &slot->items[slot->count - 1 - (int)call->which % slot->count];
    return item->forgotten ? NULL : item;
}

/* It is gone, or forgotten: what the rules of free say. */
static void let_go(const model *m, model_slot *slot, model_item *item)
{
    const int marked = slot->mark_count == 0 ? 0 : slot->marks[slot->mark_count - 1].held;
    if (slot == &m->slots[MODEL_HEAP]) {
        model_take_one(slot, (int)(item - slot->items));
    } else if (item == &slot->items[slot->count - 1] && slot->count > marked) {
        model_take_back(slot, slot->count - 1);
    } else {
        item->forgotten = true;
        ++slot->live_frees;
    }
}

static void free_array(model *m, model_slot *slot, model_item *item)
{
    aa_array copy = item->array;
    const aa_status status = aa_array_free(&copy);
    if (item->pins > 0) {
        model_require(m, status == AA_BUSY && model_report_kind() == AA_RESET_IN_USE);
        model_require(m, !aa_is_null(&copy));
        model_forget_reports();
        return;
    }
    model_require(m, status == AA_OK);
    model_require(m, aa_is_null(&copy));
    let_go(m, slot, item);
}

static void do_free(model *m, model_slot *slot, const model_call *call)
{
    model_item *const item = item_of(m, slot, call);
    if (item == NULL) {
        return;
    }
    if (item->is_array) {
        free_array(m, slot, item);
    } else {
        aa_free(slot->allocator, item->memory, item->bytes);
        let_go(m, slot, item);
    }
}

static void resized(model *m, model_slot *slot, model_item *item, size_t bytes)
{
    slot->used = slot->used - model_rounded(slot, item->bytes) + model_rounded(slot, bytes);
    check_apart(m, item->memory, bytes, item);
    item->bytes = bytes;
    item->seed = (unsigned)m->step;
    note_peak(slot);
    model_fill(m, item);
}

static void do_realloc(model *m, model_slot *slot, const model_call *call)
{
    model_item *const item = item_of(m, slot, call);
    if (item == NULL || item->is_array) {
        return;
    }
    const size_t old = item->bytes;
    const bool heap = slot == &m->slots[MODEL_HEAP];
    const int marked = slot->mark_count == 0 ? 0 : slot->marks[slot->mark_count - 1].held;
    const bool newest = item == &slot->items[slot->count - 1] && slot->count > marked;
    char *const before = item->memory;
    char *const p = aa_realloc(slot->allocator, before, old, call->bytes);
    if (p == NULL) {
        refused(m, slot);
        return;
    }
    model_item moved = *item;
    moved.memory = p;
    moved.bytes = call->bytes < old ? call->bytes : old;
    model_require(m, old > m->whole_up_to ||
                         model_holds(m, &moved)); /* else it has no whole contents */
    model_require(m, (slot->options.flags & AA_ZEROED) == 0 || call->bytes <= old ||
                         is_zero(p + old, call->bytes - old));
    if (p == before) {
        model_require(m, newest || heap);
        resized(m, slot, item, call->bytes);
        return;
    }
    memset(p, 0, call->bytes); /* took() asks for what is zero there, and fills it */
    if (took(m, slot, p, call->bytes, 1) != NULL) {
        if (heap) {
            model_take_one(slot, (int)(item - slot->items));
        } else {
            item->forgotten = true;
            ++slot->live_frees;
        }
    }
}

/* ---- arrays ------------------------------------------------------------------------------------------------- */

static void took_array(model *m, model_slot *slot, const aa_array *array, size_t bytes,
                       bool current)
{
    model_item *const item = took(m, slot, array->data, bytes, 8);
    model_require(m, (item == NULL) == aa_is_null(array));
    if (item != NULL) {
        item->is_array = true;
        item->array = *array;
        item->tracked =
            current; /* a scratch on the heap leaves those of an explicit handle alone */
    }
}

static void do_array(model *m, model_slot *slot, const model_call *call)
{
    const int64_t rows = 1 + (int64_t)(call->which % 4), columns = (int64_t)call->bytes / 8 / rows;
    const aa_array array =
        aa_empty(handle_of(m, slot, call), AA_F64, 2, (int64_t[]){rows, columns});
    took_array(m, slot, &array, (size_t)(rows * columns) * 8, call->at == MODEL_CURRENT);
}

/* The array to work on, and where a call that follows its handle will allocate: NULL, nowhere that is modelled. */
static model_slot *destination(model *m, const model_item *item)
{
    if (item == NULL || !item->is_array) {
        return NULL;
    }
    bool gone = false;
    if (item->array.dispatch != AA_CURRENT) {
        for (int i = 0; i <= MODEL_HEAP; ++i) {
            if (m->slots[i].allocator == item->array.dispatch) {
                return m->slots[i].count < MODEL_HELD ? &m->slots[i] : NULL;
            }
        }
    }
    model_slot *const slot = &m->slots[model_current(m, &gone)];
    return gone || slot->count >= MODEL_HELD ? NULL : slot;
}

static void do_similar(model *m, model_slot *slot, const model_call *call)
{
    const model_item *const item = item_of(m, slot, call);
    model_slot *const to = destination(m, item);
    if (to != NULL) {
        const bool current = item->array.dispatch == AA_CURRENT;
        const size_t bytes = item->bytes;
        const aa_array array = aa_similar(&item->array);
        took_array(m, to, &array, bytes, current);
    }
}

static void do_copy(model *m, model_slot *slot, const model_call *call)
{
    const model_item *const item = item_of(m, slot, call);
    model_slot *const to = destination(m, item);
    if (to == NULL) {
        return;
    }
    const bool current = item->array.dispatch == AA_CURRENT;
    model_item copied = *item;
    const aa_array array = aa_copy(&item->array);
    copied.memory = array.data;
    model_require(m,
                  aa_is_null(&array) || model_holds(m, &copied) || copied.bytes > m->whole_up_to);
    if (array.data != NULL && (to->options.flags & AA_ZEROED) != 0) {
        memset(array.data, 0, copied.bytes); /* what was compared just now */
    }
    took_array(m, to, &array, copied.bytes, current);
}

static void do_view(model *m, model_slot *slot, const model_call *call)
{
    static const aa_range ranges[] = {{AA_OPEN, AA_OPEN, 1}, {AA_OPEN, AA_OPEN, 2}};
    model_item *const item = item_of(m, slot, call);
    if (item == NULL || !item->is_array || item->has_view) {
        return;
    }
    switch (call->bytes % 3) {
    case 0:
        item->view = aa_slice(&item->array, ranges);
        break;
    case 1:
        item->view = aa_reshape(&item->array, 1, (int64_t[]){(int64_t)item->bytes / 8});
        break;
    default:
        item->view = aa_permute(&item->array, (int[]){1, 0});
    }
    model_require(m, !aa_is_null(&item->view));
    model_require(m, aa_data(&item->view) == item->memory);
    item->has_view = true;
}

static void do_pin(model *m, model_slot *slot, const model_call *call)
{
    model_item *const item = item_of(m, slot, call);
    if (item != NULL && item->is_array && slot != &m->slots[MODEL_HEAP]) {
        const aa_status status = aa_pin(item->has_view ? &item->view : &item->array);
        if (status == AA_NOMEM && model_may_refuse(m)) {
            return;
        }
        model_require(m, status == AA_OK);
        ++item->pins;
        ++slot->pins;
    }
}

static void do_unpin(model *m, model_slot *slot, const model_call *call)
{
    model_item *const item = item_of(m, slot, call);
    if (item == NULL || !item->is_array) {
        return;
    }
    model_require(m, aa_unpin(&item->array) == (item->pins > 0 ? AA_OK : AA_ORDER));
    if (item->pins > 0) {
        --item->pins;
        --slot->pins;
    }
}

/* ---- one call ----------------------------------------------------------------------------------------------- */

typedef enum needs { NOTHING, LIVE, ROOM } needs; /* ROOM: live, and one item more can be held */

static const struct {
    const char *name;
    model_act *act;
    needs needs;
} calls[MODEL_OPS] = {
    [MODEL_CREATE] = {"create", model_create, NOTHING},
    [MODEL_DESTROY] = {"destroy", model_destroy, LIVE},
    [MODEL_ALLOC] = {"alloc", do_alloc, ROOM},
    [MODEL_ALLOC_HOISTED] = {"alloc hoisted", do_alloc_hoisted, ROOM},
    [MODEL_ALLOC_ALIGNED] = {"alloc aligned", do_alloc_aligned, ROOM},
    [MODEL_CALLOC] = {"calloc", do_calloc, ROOM},
    [MODEL_REALLOC] = {"realloc", do_realloc, ROOM},
    [MODEL_FREE] = {"free", do_free, LIVE},
    [MODEL_ARRAY] = {"array", do_array, ROOM},
    [MODEL_SIMILAR] = {"similar", do_similar, ROOM},
    [MODEL_COPY] = {"copy", do_copy, ROOM},
    [MODEL_VIEW] = {"view", do_view, LIVE},
    [MODEL_PIN] = {"pin", do_pin, LIVE},
    [MODEL_UNPIN] = {"unpin", do_unpin, LIVE},
    [MODEL_MARK] = {"mark", model_mark_act, LIVE},
    [MODEL_REWIND] = {"rewind", model_rewind, LIVE},
    [MODEL_DROP] = {"drop", model_drop, LIVE},
    [MODEL_RESET] = {"reset", model_reset, LIVE},
    [MODEL_ENTER] = {"enter", model_enter, LIVE},
    [MODEL_LEAVE] = {"leave", model_leave, NOTHING},
    [MODEL_CAPTURE] = {"capture", model_capture, NOTHING},
    [MODEL_ENTER_TOKEN] = {"enter token", model_enter_token, NOTHING},
    [MODEL_USE_ENDED_MARK] = {"use ended mark", model_use_ended_mark, LIVE},
    [MODEL_USE_DEAD_ARRAY] = {"use dead array", model_use_dead_array, NOTHING},
    [MODEL_USE_DESTROYED] = {"use destroyed", model_use_destroyed, NOTHING},
};

/* AA_CURRENT under a scope whose allocator is gone: one report, and the heap serves. */
static model_slot *slot_of(const model *m, const model_call *call, bool *gone)
{
    *gone = false;
    const unsigned at = call->at == MODEL_CURRENT ? (unsigned)model_current(m, gone) : call->at;
    return (model_slot *)(uintptr_t)&m->slots[at];
}

static bool names_current(model_op op)
{
    return op == MODEL_ALLOC || op == MODEL_ALLOC_ALIGNED || op == MODEL_ARRAY;
}

void model_run(model *m, const model_call *call)
{
    bool gone;
    model_slot *const slot = slot_of(m, call, &gone);
    const needs needed = calls[call->op].needs;
    ++m->step;
    if ((needed != NOTHING && slot->allocator == NULL) ||
        (needed == ROOM && slot->count >= MODEL_HELD)) {
        return;
    }
    if (m->trace) {
        (void)fprintf(stderr, "%4d %s at %u which %u bytes %zu alignment %zu code 0x%x\n", m->step,
                      calls[call->op].name, call->at, call->which, call->bytes, call->alignment,
                      call->code);
    }
    m->refused_before = m->refused;
    model_forget_reports();
    calls[call->op].act(m, slot, call);
    slot->blurred = slot->blurred || (m->metadata && m->refused > m->refused_before);
    const bool reported = gone && names_current(call->op);
    model_require(m, model_reports() == reported);
    model_require(m, !reported || model_report_kind() == AA_USE_AFTER_RESET);
    if (!m->blind) {
        model_check_stats(m, slot);
    }
}
