/* The calls that make and end allocators, marks and scopes; and how bytes become calls. */
#include "model.h"

/* ---- allocators --------------------------------------------------------------------------------------------- */

aa_options model_options(unsigned code, int *kind)
{
    static const aa_checks checks[] = {AA_CHECKS_NONE, AA_CHECKS_NONE, AA_CHECKS_API,
                                       AA_CHECKS_FULL};
    static const size_t alignments[] = {0, 0, 16, 256}, initials[] = {0, 4096, 100000, 1024},
                        leases[] = {0, 0, 1, 5000};
    static const unsigned flags[] = {0, 0, AA_PREFAULT, AA_ZEROED};
    const unsigned capacity = code >> 12 & 15;
    *kind = (int)((code >> 8 & 3) % 3);
    return (aa_options){.name = "model",
                        .checks = checks[code & 3],
                        .alignment = alignments[code >> 2 & 3],
                        .initial = initials[code >> 4 & 3],
                        .lease = leases[code >> 6 & 3],
                        .capacity = capacity < 10 ? 0 : 100000 + (capacity - 10) * (size_t)150000,
                        .flags = flags[code >> 10 & 3]};
}

static aa_allocator *create(int kind, const aa_options *options)
{
    switch (kind) {
    case 0:
        return aa_arena_create(options);
    case 1:
        return aa_shared_create(options);
    default:
        return aa_private_create(options);
    }
}

/* Bit 16 of the code: over pages, so that full checks have their guard ring. */
void model_create(model *m, model_slot *slot, const model_call *call)
{
    if (slot->allocator != NULL) {
        return;
    }
    slot->options = model_options(call->code, &slot->kind);
    slot->options.upstream =
        m->pages || (call->code >> 16 & 1) != 0 ? NULL : slot->counted.upstream;
    slot->counted.calls = 0;
    slot->allocator = create(slot->kind, &slot->options);
    if (slot->allocator == NULL) { /* AA_PREFAULT takes a block at once */
        model_require(m, model_may_refuse(m));
        model_require(m, slot->counted.out == 0);
        return;
    }
    slot->generation = ++m->generations;
    slot->allocations = slot->live_frees = slot->resets = slot->next_sequence = 0;
    slot->ended_count = 0;
    slot->used = slot->peak = 0;
}

static void check_refused_for_pins(model *m, aa_status status)
{
    model_require(m, status == AA_BUSY);
    model_require(m, model_reports() == 1 && model_report_kind() == AA_RESET_IN_USE);
    model_forget_reports();
}

void model_destroy(model *m, model_slot *slot, const model_call *call)
{
    (void)call;
    if (slot == &m->slots[MODEL_HEAP]) {
        model_require(m, aa_destroy(slot->allocator) == AA_UNSUPPORTED);
        return;
    }
    const aa_status status = aa_destroy(slot->allocator);
    if (slot->pins > 0) {
        check_refused_for_pins(m, status);
        return;
    }
    model_require(m, status == AA_OK);
    model_require(m, slot->counted.out == 0);
    model_take_back(slot, 0);
    model_end_marks(slot, 0);
    slot->destroyed = slot->allocator;
    slot->allocator = NULL;
    slot->generation = ++m->generations;
    m->gone_since = m->generations;
}

void model_reset(model *m, model_slot *slot, const model_call *call)
{
    (void)call;
    if (slot == &m->slots[MODEL_HEAP]) {
        model_require(m, aa_reset(slot->allocator) == AA_UNSUPPORTED);
        return;
    }
    const aa_status status = aa_reset(slot->allocator);
    if (slot->pins > 0) {
        check_refused_for_pins(m, status);
        return;
    }
    model_require(m, status == AA_OK);
    model_take_back(slot, 0);
    model_end_marks(slot, 0);
    ++slot->resets;
}

/* Its control block stays in the library's quarantine for the next 4,095 that end, here as many generations. */
void model_use_destroyed(model *m, model_slot *slot, const model_call *call)
{
    if (slot->destroyed == NULL || m->generations - slot->generation > 4000) {
        return;
    }
    if (call->which % 2 == 0) {
        model_require(m, aa_destroy(slot->destroyed) == AA_STALE);
    } else {
        model_require(m, aa_alloc(slot->destroyed, call->bytes) == NULL);
        model_require(m, aa_last_status() == AA_STALE);
    }
    model_require(m, model_reports() == 1 && model_report_kind() == AA_USE_AFTER_RESET);
    model_forget_reports();
}

/* ---- marks ---------------------------------------------------------------------------------------------------- */

void model_mark_act(model *m, model_slot *slot, const model_call *call)
{
    (void)call;
    if (slot->mark_count < MODEL_MARKS) {
        const aa_mark mark = aa_mark_take(slot->allocator);
        if (aa_mark_is_null(
                mark)) { /* private: this thread's arena comes with a block under AA_PREFAULT */
            model_require(m, model_may_refuse(m));
            return;
        }
        slot->marks[slot->mark_count++] = (model_mark){mark, slot->count, slot->next_sequence};
    }
}

static bool is_pinned_from(const model_slot *slot, int held)
{
    for (int i = held; i < slot->count; ++i) {
        if (slot->items[i].pins > 0) {
            return true;
        }
    }
    return false;
}

/* What came since by other ways than aa_alloc and AA_CURRENT stays. */
static void rewind_heap(model_slot *heap, uint64_t sequence)
{
    for (int i = heap->count; i > 0; --i) {
        if (heap->items[i - 1].sequence >= sequence && heap->items[i - 1].tracked) {
            model_take_one(heap, i - 1);
        }
    }
}

void model_rewind(model *m, model_slot *slot, const model_call *call)
{
    if (slot->mark_count == 0) {
        return;
    }
    const int i = slot->mark_count - 1 - (int)call->which % slot->mark_count;
    const model_mark mark = slot->marks[i];
    const bool heap = slot == &m->slots[MODEL_HEAP];
    const aa_status status = aa_mark_rewind(mark.mark);
    if (!heap && is_pinned_from(slot, mark.held)) {
        check_refused_for_pins(m, status);
        return;
    }
    model_require(m, status == AA_OK);
    if (heap) {
        rewind_heap(slot, mark.sequence);
    } else {
        model_take_back(slot, mark.held);
    }
    model_end_marks(slot, i);
}

void model_drop(model *m, model_slot *slot, const model_call *call)
{
    if (slot->mark_count != 0) {
        const int i = slot->mark_count - 1 - (int)call->which % slot->mark_count;
        model_require(m, aa_mark_drop(slot->marks[i].mark) == AA_OK);
        model_end_marks(slot, i);
    }
}

static unsigned remembered(unsigned count)
{
    return count < MODEL_REMEMBERED ? count : MODEL_REMEMBERED;
}

void model_use_ended_mark(model *m, model_slot *slot, const model_call *call)
{
    if (slot->ended_count == 0) {
        return;
    }
    const aa_mark mark = slot->ended[call->which % remembered(slot->ended_count)];
    const bool drops = call->bytes % 2 != 0;
    model_require(m, (drops ? aa_mark_drop(mark) : aa_mark_rewind(mark)) == AA_ORDER);
    model_require(m, model_reports() == 1 && model_report_kind() == AA_REWIND_ORDER);
    model_forget_reports();
}

void model_use_dead_array(model *m, model_slot *slot, const model_call *call)
{
    if (slot->dead_count == 0 || slot->blurred) {
        return;
    }
    aa_array dead = slot->dead[call->which % remembered(slot->dead_count)];
    if (call->bytes % 2 == 0) {
        model_require(m, aa_data(&dead) == NULL);
    } else {
        model_require(m, aa_pin(&dead) == AA_STALE);
    }
    model_require(m, model_reports() == 1 && model_report_kind() == AA_USE_AFTER_RESET);
    model_forget_reports();
}

/* ---- scopes --------------------------------------------------------------------------------------------------- */

/* Serial 0: without memory for one more scope nothing is entered. */
static void entered(model *m, aa_scope scope, int slot, uint64_t generation)
{
    if (scope.serial == 0) {
        model_require(m, model_may_refuse(m));
        return;
    }
    model_require(m, aa_current() == m->slots[slot].allocator);
    m->scopes[m->scope_count++] = (model_scope){scope, slot, generation};
}

void model_enter(model *m, model_slot *slot, const model_call *call)
{
    (void)call;
    if (m->scope_count < MODEL_SCOPES) {
        const aa_scope scope = aa_scope_enter(slot->allocator);
        entered(m, scope, (int)(slot - m->slots), slot->generation);
    }
}

void model_leave(model *m, model_slot *slot, const model_call *call)
{
    (void)slot;
    if (m->scope_count == 0) {
        return;
    }
    const int inner = (int)call->which % m->scope_count;
    const aa_scope scope = m->scopes[m->scope_count - 1 - inner].scope;
    model_require(m, aa_scope_leave(scope) == (inner == 0 ? AA_OK : AA_ORDER));
    m->scope_count -= inner + 1;
    model_require(m, aa_scope_leave(scope) == AA_ORDER);
}

void model_capture(model *m, model_slot *slot, const model_call *call)
{
    (void)slot;
    bool gone;
    const int current = model_current(m, &gone);
    if (!gone) { /* else the token holds a handle that is gone, and every use says so again */
        m->tokens[call->which % MODEL_TOKENS] =
            (model_token){aa_scope_capture(), current, m->slots[current].generation};
        m->token_count = MODEL_TOKENS;
    }
}

void model_enter_token(model *m, model_slot *slot, const model_call *call)
{
    (void)slot;
    const model_token *const t = &m->tokens[call->which % MODEL_TOKENS];
    if (m->token_count == 0 || t->token.allocator == NULL || m->scope_count == MODEL_SCOPES) {
        return;
    }
    const bool alive = m->slots[t->slot].generation == t->generation;
    const aa_scope scope = aa_token_enter(t->token);
    if (alive) {
        entered(m, scope, t->slot, t->generation);
        return;
    }
    model_require(m, model_reports() == 1 && model_report_kind() == AA_USE_AFTER_RESET);
    model_forget_reports();
    model_require(m, aa_scope_leave(scope) == AA_OK); /* an empty one: nothing to leave */
}

/* ---- bytes to calls -------------------------------------------------------------------------------------------- */

static size_t decode_bytes(unsigned class, unsigned detail)
{
    switch (class % 16) {
    case 0:
        return 0;
    case 1:
        return detail * (size_t)1171;
    case 2:
    case 3:
        return detail * (size_t)117;
    case 4:
        return 64 * (size_t)(detail % 100);
    default:
        return detail + 256 * (size_t)(class >> 7);
    }
}

/* What allocates and frees comes most; the high bits of the second byte name old items rarely. */
model_call model_decode(const unsigned char bytes[MODEL_CALL_BYTES])
{
    static const model_op ops[] = {
        MODEL_ALLOC,         MODEL_ALLOC,          MODEL_ALLOC,          MODEL_ALLOC,
        MODEL_ALLOC_ALIGNED, MODEL_ALLOC_ALIGNED,  MODEL_CALLOC,         MODEL_REALLOC,
        MODEL_REALLOC,       MODEL_REALLOC,        MODEL_FREE,           MODEL_FREE,
        MODEL_FREE,          MODEL_FREE,           MODEL_ARRAY,          MODEL_ARRAY,
        MODEL_ARRAY,         MODEL_SIMILAR,        MODEL_COPY,           MODEL_VIEW,
        MODEL_PIN,           MODEL_UNPIN,          MODEL_UNPIN,          MODEL_MARK,
        MODEL_MARK,          MODEL_MARK,           MODEL_REWIND,         MODEL_REWIND,
        MODEL_DROP,          MODEL_ENTER,          MODEL_LEAVE,          MODEL_CAPTURE,
        MODEL_ENTER_TOKEN,   MODEL_USE_ENDED_MARK, MODEL_USE_DEAD_ARRAY, MODEL_USE_DESTROYED,
        MODEL_ALLOC_HOISTED, MODEL_RESET,          MODEL_CREATE,         MODEL_DESTROY};
    const unsigned which = bytes[1] >> 3, at = bytes[1] & 7;
    const unsigned code = bytes[2] | (unsigned)bytes[3] << 8;
    model_call call = {.op = ops[bytes[0] % (sizeof ops / sizeof ops[0])],
                       .at = at > MODEL_CURRENT ? at % MODEL_SLOTS : at,
                       .which = which < 22 ? 0 : which - 21,
                       .bytes = decode_bytes(bytes[2], bytes[3]),
                       .alignment = (size_t)1 << (bytes[2] >> 4),
                       .code = code | (unsigned)(which & 1) << 16};
    const bool slots_only = call.op == MODEL_CREATE;
    const bool any =
        call.op == MODEL_ALLOC || call.op == MODEL_ALLOC_ALIGNED || call.op == MODEL_ARRAY;
    if ((slots_only && call.at >= MODEL_SLOTS) || (!any && call.at == MODEL_CURRENT)) {
        call.at = call.at % MODEL_SLOTS;
    }
    return call;
}
