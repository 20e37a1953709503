/* Floor 5, alloc: marks of a lane. A mark is found by (depth, serial): serials never repeat in a lane, so an
 * ended mark matches nothing. Owner thread only. */
#include "alloc/lane.h"

#include "base/plant.h"

aa_status aai_lane_mark_take(aai_lane *lane, aa_mark *mark)
{
    if (lane->mark_count == AAI_MARK_DEPTH) {
        return aai_fail(AA_NOMEM, "marks of '%s' nest more than %d deep", aa_name(lane->allocator),
                        AAI_MARK_DEPTH);
    }
    if (!aai_vector_grow((void **)&lane->marks, &lane->mark_capacity, lane->mark_count,
                         sizeof *lane->marks)) {
        return aai_fail(AA_NOMEM, "no memory for a mark of '%s'", aa_name(lane->allocator));
    }
    const uint64_t serial = ++lane->next_serial;
    lane->marks[lane->mark_count] = (aai_lane_mark){.serial = serial,
                                                    .count = lane->window->count,
                                                    .cursor = lane->window->cursor,
                                                    .pieces = lane->pieces.count,
                                                    .current = lane->current,
                                                    .version = lane->edge.version,
                                                    .closed = lane->closed,
                                                    .wasted = lane->wasted};
    if (lane->mark_count == 0) {
        AAI_STORE(lane->oldest_mark, lane->window->count);
    }
    mark->serial = serial;
    mark->depth = (uint32_t)lane->mark_count;
    AAI_STORE(lane->mark_count, lane->mark_count + 1);
    aai_lane_new_version(lane);
    return AA_OK;
}

/* Back to how the lane was at the mark; pieces taken since become spares, the first of them on top. */
static void rewind_to(aai_lane *lane, const aai_lane_mark *mark)
{
    aai_lane_note_peak(lane);
    aai_watch_end(lane, mark->count);
    const uint64_t gone = lane->window->count - mark->count;
    for (size_t i = lane->pieces.count; i > mark->pieces; --i) {
        aai_lane_put_spare(lane, &lane->pieces.at[i - 1]);
    }
    lane->pieces.count = mark->pieces;
    lane->current = mark->current;
    const aai_piece *const piece = mark->current == 0 ? NULL : &lane->pieces.at[mark->current - 1];
    AAI_STORE(lane->base, piece != NULL ? piece->start : NULL);
    AAI_STORE(lane->window->cursor, mark->cursor);
    AAI_STORE(lane->window->limit, piece != NULL ? piece->limit : NULL);
    AAI_STORE(lane->closed, mark->closed);
    AAI_STORE(lane->wasted, mark->wasted);
    AAI_STORE(lane->window->count, mark->count);
    if (gone != 0) {
        AAI_STORE(lane->edge.past_count, lane->edge.past_count + gone);
        if (!AAI_PLANT(REWIND_KEEPS_ARRAYS)) {
            aai_cell_rewind(lane->cell, mark->count);
        }
    }
}

/* Still pinned arrays: a finding when a scratch ends, else the call is refused. */
aa_status aai_refuse_pinned(const aa_allocator *allocator, aai_cell *cell, uint64_t floor,
                            aai_mark_end end)
{
    if (AAI_LOAD(AAI_LOAD(cell->home)->pins) == 0 || !aai_cell_pinned_above(cell, floor) ||
        AAI_PLANT(PIN_IGNORED)) {
        return AA_OK;
    }
    if (end == AAI_END_SCRATCH) {
        (void)aai_violate(AA_ESCAPE, allocator, aai_call_site(),
                          "an array made in this scratch is still pinned at its end; unpin it, or "
                          "make it outside");
        aai_cell_unpin_above(cell, floor); /* its memory goes all the same */
        return AA_OK;
    }
    return aai_violate(AA_RESET_IN_USE, allocator, aai_call_site(),
                       "an array made since the mark is still pinned; unpin it before the rewind");
}

aa_status aai_lane_unmark(aai_lane *lane, const aa_mark *mark, aai_mark_end end)
{
    if (mark->depth >= lane->mark_count || lane->marks[mark->depth].serial != mark->serial) {
        return aai_violate(
            AA_REWIND_ORDER, lane->allocator, aai_call_site(),
            "this mark has ended already: it was rewound or dropped, or an outer mark "
            "or a reset ended it; marks end in reverse order, each once");
    }
    const aai_lane_mark found = lane->marks[mark->depth];
    if (end != AAI_END_DROP) {
        const aa_status status = aai_refuse_pinned(lane->allocator, lane->cell, found.count, end);
        if (status != AA_OK) {
            return status;
        }
        aai_watch_verify(lane, found.count);
        rewind_to(lane, &found);
        aai_lane_to_version(lane, found.version);
    }
    AAI_STORE(lane->mark_count, mark->depth);
    return AA_OK;
}
