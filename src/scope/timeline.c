/* Floor 6, scope: what AA_TRACE says of scopes and, where an OMPT tool counts them, of regions. sync/trace.h records it.
 *
 * A thread that is recorded numbers its scopes from 2^63 on, so that entering and leaving know it by the sign of a
 * serial that they hold anyway: where nothing is recorded they read no word more. */
#include "scope/timeline.h"

#include "alloc/timeline.h"

void aai_timeline_enter(const aai_entry *entry)
{
    aai_note note;
    char where[256];
    if (!aai_note_begin(&note, 'B', "scope", aa_name(entry->allocator))) {
        return;
    }
    aai_note_text(&note, "allocator", aai_label_of(aai_base_of(entry->allocator)).text);
    aai_note_text(&note, "by", entry->how);
    if (entry->file != NULL) {
        (void)snprintf(where, sizeof where, "%s:%d", entry->file, entry->line);
        aai_note_text(&note, "at", where);
    }
    aai_note_number(&note, "level", (uint64_t)entry->level);
    aai_note_end(&note);
}

/* The scopes of [depth, above), the last first; how many are left open. */
static size_t leave(aai_scopes *scopes, size_t above, size_t depth)
{
    aai_note note;
    size_t at = above;
    for (; at > depth; --at) {
        const aai_entry *const entry = aai_entry_at(scopes, at - 1);
        const bool alive = aai_alive(entry->cell, entry->id);
        if (aai_note_begin(&note, 'E', "scope", alive ? aa_name(entry->allocator) : "destroyed")) {
            aai_note_end(&note);
        }
    }
    return at;
}

void aai_timeline_leave(aai_scopes *scopes, size_t depth)
{
    (void)leave(scopes, scopes->depth, depth);
}

void aai_timeline_end(aai_scopes *scopes)
{
    if (aai_tracing()) {
        size_t open = scopes->depth;
        for (size_t i = aai_min(scopes->region_depth, scopes->region_capacity); i > 0; --i) {
            const aai_region *const region = &scopes->regions[i - 1];
            open = leave(scopes, open, region->depth);
            aai_timeline_region_end(region);
        }
        (void)leave(scopes, open, 0);
    }
}

static const char *name_of(const aai_region *region)
{
    return region->is_league ? "league of teams" : "parallel region";
}

void aai_timeline_region_begin(const aai_region *region)
{
    aai_note note;
    if (aai_tracing() && aai_note_begin(&note, 'B', "region", name_of(region))) {
        if (region->scope != NULL) {
            aai_note_text(&note, "scope", aai_label_of(aai_base_of(region->scope->allocator)).text);
        }
        aai_note_end(&note);
    }
}

void aai_timeline_region_end(const aai_region *region)
{
    aai_note note;
    if (aai_tracing() && aai_note_begin(&note, 'E', "region", name_of(region))) {
        aai_note_end(&note);
    }
}
