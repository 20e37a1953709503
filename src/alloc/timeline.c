/* Floor 5, alloc: what AA_TRACE says of allocators. */
#include "alloc/timeline.h"

aai_label aai_label_of(const aai_base *base)
{
    aai_label label;
    (void)snprintf(label.text, sizeof label.text, "%.96s #%llu", base->name,
                   (unsigned long long)base->id);
    return label;
}

static bool begin(aai_note *note, char phase, const char *name, const aai_base *base)
{
    if (!aai_note_begin(note, phase, "allocator", name)) {
        return false;
    }
    aai_note_text(note, "allocator", aai_label_of(base).text);
    return true;
}

static void note_site(aai_note *note, const char *file, int line)
{
    char text[256];
    if (file != NULL) {
        (void)snprintf(text, sizeof text, "%s:%d", file, line);
        aai_note_text(note, "at", text);
    }
}

/* The counters of an allocator, in bytes: a track of its own. */
static void count(const aai_base *base, const aa_stats *stats)
{
    aai_note note;
    if (aai_note_begin(&note, 'C', "allocator", aai_label_of(base).text)) {
        aai_note_number(&note, "used", stats->used);
        aai_note_number(&note, "committed", stats->committed);
        aai_note_end(&note);
    }
}

static aa_stats stats_of(const aai_base *base)
{
    aa_stats stats = {0};
    const aai_ops *const ops = base->head.ops;
    if (ops->stats != NULL) { /* where it was destroyed there are none */
        ops->stats(&base->head, &stats);
    }
    return stats;
}

void aai_timeline_created(const aai_base *base)
{
    aai_note note;
    if (aai_tracing() && begin(&note, 'i', "create", base)) {
        aai_note_text(&note, "kind", base->head.ops->kind);
        aai_note_number(&note, "initial", base->initial);
        aai_note_number(&note, "capacity", base->capacity);
        aai_note_end(&note);
    }
}

void aai_timeline_block(const aai_base *base, size_t asked, size_t bytes)
{
    aai_note note;
    if (!aai_tracing() || !begin(&note, 'i', bytes != 0 ? "new block" : "block refused", base)) {
        return;
    }
    aai_note_number(&note, "asked", asked);
    aai_note_number(&note, "bytes", bytes);
    aai_note_end(&note);
    aa_stats stats = stats_of(base);
    stats.committed += bytes; /* it joins the chain when the caller has the lock */
    count(base, &stats);
}

void aai_timeline_violation(const aa_violation *violation)
{
    aai_note note;
    if (!aai_tracing() ||
        !aai_note_begin(&note, 'i', "violation", aa_violation_name(violation->kind))) {
        return;
    }
    aai_note_text(&note, "allocator", violation->allocator_name);
    aai_note_text(&note, "function", violation->function);
    note_site(&note, violation->file, violation->line);
    aai_note_text(&note, "message", violation->message);
    aai_note_end(&note);
}

/* ---- spans ----------------------------------------------------------------------------------------------------- */

/* Spans of calls that a violation handler left by a jump. */
static void end_left(int spans)
{
    aai_note note;
    for (; spans > 0 && aai_note_begin(&note, 'E', "allocator", "left by a jump"); --spans) {
        aai_note_end(&note);
    }
}

void aai_span_begin_slow(aai_span *span, const aa_allocator *allocator, aai_site site)
{
    const aai_base *const base = aai_base_of(allocator);
    *span = (aai_span){.depth = aai_self()->call_count,
                       .function = site.function,
                       .base = base,
                       .before = stats_of(base)};
    end_left(aai_trace_span_open(span->depth));
    count(base, &span->before);
    aai_note note;
    if (begin(&note, 'B', site.function, base)) {
        note_site(&note, site.file, site.line);
        aai_note_end(&note);
        span->recorded = true;
    }
}

static void note_outcome(aai_note *note, const aai_span *span, aa_status status,
                         const aa_stats *after)
{
    aai_note_text(note, "status", aa_status_name(status));
    if (status != AA_OK) {
        aai_note_text(note, "refused", aa_last_message());
        return;
    }
    const size_t before = span->before.committed;
    aai_note_number(note, "taken back", span->before.used);
    aai_note_number(note, "given back", before > after->committed ? before - after->committed : 0);
    aai_note_number(note, "blocks before", span->before.blocks);
    aai_note_number(note, "blocks after", after->blocks);
}

void aai_span_end_slow(const aai_span *span, aa_status status)
{
    aai_note note;
    const aa_stats after = stats_of(span->base);
    end_left(aai_trace_span_close(span->depth));
    if (begin(&note, 'E', span->function, span->base)) {
        note_outcome(&note, span, status, &after);
        aai_note_end(&note);
    }
    count(span->base, &after);
}
