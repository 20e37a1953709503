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

void aai_timeline_leave(aai_scopes *scopes, size_t depth)
{
    aai_note note;
    for (size_t at = scopes->depth; at > depth; --at) {
        const aai_entry *const entry = aai_entry_at(scopes, at - 1);
        const bool alive = aai_alive(entry->cell, entry->id);
        if (aai_note_begin(&note, 'E', "scope", alive ? aa_name(entry->allocator) : "destroyed")) {
            aai_note_end(&note);
        }
    }
}

void aai_timeline_end(aai_scopes *scopes)
{
    if (aai_tracing()) {
        for (size_t i = scopes->region_depth; i > 0; --i) {
            aai_timeline_region_end(i <= scopes->region_capacity &&
                                    scopes->regions[i - 1].is_league);
        }
        aai_timeline_leave(scopes, 0);
    }
}

void aai_timeline_region_begin(const aai_handle *scope, bool is_league)
{
    aai_note note;
    if (aai_tracing() &&
        aai_note_begin(&note, 'B', "region", is_league ? "league of teams" : "parallel region")) {
        if (scope != NULL) {
            aai_note_text(&note, "scope", aai_label_of(aai_base_of(scope->allocator)).text);
        }
        aai_note_end(&note);
    }
}

void aai_timeline_region_end(bool is_league)
{
    aai_note note;
    if (aai_tracing() &&
        aai_note_begin(&note, 'E', "region", is_league ? "league of teams" : "parallel region")) {
        aai_note_end(&note);
    }
}
