/* Floor 5, alloc: lanes: bumping, freeing, opening and closing pieces. Marks are in mark.c. No locks: a lane
 * belongs to one thread; a shared allocator's central lane is used under that allocator's lock. */
#include "alloc/lane.h"

#include "alloc/served.h"
#include "base/plant.h"

void aai_lane_init(aai_lane *lane, aa_allocator *allocator, aai_cell *cell, aai_feed *feed)
{
    lane->window = &lane->own;
    lane->cell = cell;
    lane->allocator = allocator;
    lane->feed = feed;
    lane->mask = allocator->mask;
    lane->whole_above = SIZE_MAX;
}

void aai_lane_fini(aai_lane *lane)
{
    aai_mfree(lane->pieces.at);
    aai_mfree(lane->spare_windows.at);
    aai_mfree(lane->spare_wholes.at);
    aai_mfree(lane->marks);
    aai_watch_free(lane);
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

size_t aai_lane_round_use(aai_lane *lane)
{
    aai_lane_note_peak(lane);
    return lane->round_peak;
}

static size_t raw_used(const aai_lane *lane)
{
    const char *const base = AAI_LOAD(lane->base);
    const char *const cursor = AAI_LOAD(lane->window->cursor);
    return AAI_LOAD(lane->closed) + (cursor > base ? (size_t)(cursor - base) : 0);
}

size_t aai_lane_used(const aai_lane *lane)
{
    return raw_used(lane) - AAI_LOAD(lane->guards);
}

size_t aai_lane_round_seen(const aai_lane *lane)
{
    return aai_max(AAI_LOAD(lane->round_peak), raw_used(lane) + AAI_LOAD(lane->wasted));
}

uint64_t aai_lane_allocations(const aai_lane *lane)
{
    return AAI_LOAD(lane->edge.past_count) + AAI_LOAD(lane->window->count);
}

void aai_lane_note_peak(aai_lane *lane)
{
    AAI_STORE(lane->peak, aai_max(lane->peak, aai_lane_used(lane)));
    AAI_STORE(lane->round_peak, aai_max(lane->round_peak, raw_used(lane) + lane->wasted));
    lane->edge.noted = lane->window->cursor;
}

void aai_lane_new_version(aai_lane *lane)
{
    enum { AT_ONCE = 1 << 16 };
    static uint64_t drawn; /* relaxed: numbers need only differ */
    static __thread uint64_t next, end;
    if (next == end) {
        end = __atomic_add_fetch(&drawn, AT_ONCE, __ATOMIC_RELAXED);
        next = end - AT_ONCE;
    }
    aai_lane_to_version(lane, ++next);
}

void aai_lane_to_version(aai_lane *lane, uint64_t version)
{
    lane->edge.version = version;
    lane->edge.noted = NULL;
}

void aai_lane_renew(aai_lane *lane)
{
    for (size_t i = 0; i < lane->pieces.count; ++i) {
        aai_lane_new_version(lane);
        lane->pieces.at[i].version = lane->edge.version;
    }
    aai_lane_new_version(lane);
}

static void add_to(size_t *sum, size_t more)
{
    AAI_STORE(*sum, *sum + more);
}

static void take_from(size_t *sum, size_t less)
{
    AAI_STORE(*sum, *sum - less);
}

static void set_window(aai_lane *lane, char *base, char *cursor, char *limit)
{
    AAI_STORE(lane->base, base);
    AAI_STORE(lane->window->cursor, cursor);
    AAI_STORE(lane->window->limit, limit);
    aai_lane_new_version(lane);
}

/* ---- pieces ----------------------------------------------------------------------------------------- */

static size_t piece_used(const aai_piece *piece)
{
    return (size_t)(piece->cursor - piece->start);
}

static bool reserve(aai_pieces *list, size_t count)
{
    while (list->capacity < count) {
        if (!aai_vector_grow((void **)&list->at, &list->capacity, list->capacity,
                             sizeof *list->at)) {
            return false;
        }
    }
    return true;
}

/* Room for one more piece, now in the sequence and at any later time among the spares, so that taking back
 * never fails. */
static bool reserve_piece(aai_lane *lane)
{
    const size_t all =
        lane->pieces.count + lane->spare_windows.count + lane->spare_wholes.count + 1;
    if (reserve(&lane->pieces, all) && reserve(&lane->spare_windows, all) &&
        reserve(&lane->spare_wholes, all)) {
        return true;
    }
    (void)aai_fail(AA_NOMEM, "no memory to note a piece of '%s'", aa_name(lane->allocator));
    return false;
}

static aai_piece *current_piece(const aai_lane *lane)
{
    return lane->current == 0 ? NULL : &lane->pieces.at[lane->current - 1];
}

/* Note where the current window is left; what is skipped counts as wasted. */
static void close_window(aai_lane *lane, size_t skipped)
{
    aai_piece *const piece = current_piece(lane);
    if (piece != NULL) {
        piece->cursor = lane->window->cursor;
        piece->version = lane->edge.version;
        add_to(&lane->closed, piece_used(piece));
        add_to(&lane->wasted, skipped);
    }
}

static size_t room(const aai_lane *lane)
{
    return (size_t)(lane->window->limit - lane->window->cursor);
}

static void open_window(aai_lane *lane, aai_piece piece, size_t skipped)
{
    close_window(lane, skipped);
    piece.cursor = piece.start;
    piece.ordinal = lane->window->count;
    piece.outer = lane->current;
    lane->pieces.at[lane->pieces.count++] = piece;
    lane->current = lane->pieces.count;
    set_window(lane, piece.start, piece.start, piece.limit);
}

void aai_lane_put_spare(aai_lane *lane, const aai_piece *piece)
{
    aai_pieces *const list =
        piece->kind == AAI_PIECE_WHOLE ? &lane->spare_wholes : &lane->spare_windows;
    if (piece->kind != AAI_PIECE_SPLIT) {
        list->at[list->count++] = *piece;
    }
}

/* The empty current window goes back, and the one before it continues where it was left. */
static void reopen_outer(aai_lane *lane)
{
    const aai_piece emptied = lane->pieces.at[--lane->pieces.count];
    lane->current = emptied.outer;
    const aai_piece *const outer = current_piece(lane);
    if (outer == NULL) { /* only whole pieces lie before it */
        set_window(lane, NULL, NULL, NULL);
        aai_lane_put_spare(lane, &emptied);
        return;
    }
    take_from(&lane->closed, piece_used(outer));
    take_from(&lane->wasted, emptied.kind == AAI_PIECE_SPLIT
                                 ? (size_t)(emptied.start - outer->cursor)
                                 : (size_t)(outer->limit - outer->cursor));
    set_window(lane, outer->start, outer->cursor, outer->limit);
    aai_lane_to_version(lane, outer->version);
    aai_lane_put_spare(lane, &emptied);
}

static size_t piece_fit(const aai_piece *piece, size_t align_mask)
{
    const size_t bytes = (size_t)(piece->limit - piece->start);
    const size_t padding = aai_padding(piece->start, align_mask);
    return bytes < padding ? 0 : bytes - padding;
}

static aai_piece remove_at(aai_pieces *list, size_t index)
{
    const aai_piece piece = list->at[index];
    memmove(&list->at[index], &list->at[index + 1], (list->count - index - 1) * sizeof piece);
    --list->count;
    return piece;
}

/* The top is what came first the last time; any other that fits is second choice. */
static bool take_spare_window(aai_lane *lane, size_t bytes, size_t align_mask, aai_piece *piece)
{
    for (size_t i = lane->spare_windows.count; i > 0; --i) {
        if (piece_fit(&lane->spare_windows.at[i - 1], align_mask) >= bytes) {
            *piece = remove_at(&lane->spare_windows, i - 1);
            return true;
        }
    }
    return false;
}

/* Exactly the top, else the smallest that fits. */
static bool take_spare_whole(aai_lane *lane, size_t bytes, size_t align_mask, aai_piece *piece)
{
    size_t best = SIZE_MAX, best_bytes = SIZE_MAX;
    for (size_t i = lane->spare_wholes.count; i > 0; --i) {
        const aai_piece *const spare = &lane->spare_wholes.at[i - 1];
        const size_t size = (size_t)(spare->limit - spare->start);
        if (aai_padding(spare->start, align_mask) == 0 && size >= bytes && size < best_bytes) {
            best = i - 1;
            best_bytes = size;
            if (size == bytes) {
                break;
            }
        }
    }
    if (best == SIZE_MAX) {
        return false;
    }
    *piece = remove_at(&lane->spare_wholes, best);
    return true;
}

/* ---- allocation ------------------------------------------------------------------------------------- */

static char *bump(aai_lane *lane, size_t rounded, size_t align_mask)
{
    const size_t known_mask = AAI_PLANT(ALIGNS_TO_PAGE) ? aai_min(align_mask, 4095) : align_mask;
    const size_t padding = aai_padding(lane->window->cursor, known_mask);
    if (padding !=
        0) { /* the rest of the window becomes a piece, so that frees find their way back */
        char *const start = lane->window->cursor + padding;
        const aai_piece split = {
            .start = start, .limit = lane->window->limit, .kind = AAI_PIECE_SPLIT};
        open_window(lane, split, padding);
    }
    return aai_bump(lane->window, rounded);
}

static bool fits(const aai_lane *lane, size_t rounded, size_t align_mask)
{
    if (lane->current == 0) {
        return false;
    }
    const size_t padding = aai_padding(lane->window->cursor, align_mask);
    const size_t left = room(lane);
    return padding <= left && rounded <= left - padding;
}

static char *open_and_bump(aai_lane *lane, size_t rounded, size_t align_mask)
{
    aai_piece piece = {.kind = AAI_PIECE_WINDOW};
    if (!take_spare_window(lane, rounded, align_mask, &piece) &&
        (lane->feed == NULL ||
         !lane->feed(lane, AAI_PIECE_WINDOW, rounded, align_mask + 1, &piece))) {
        return NULL;
    }
    open_window(lane, piece, lane->current != 0 ? room(lane) : 0);
    return bump(lane, rounded, align_mask);
}

static char *alloc_whole(aai_lane *lane, size_t rounded, size_t align_mask)
{
    aai_piece piece = {.kind = AAI_PIECE_WHOLE};
    if (!take_spare_whole(lane, rounded, align_mask, &piece) &&
        !lane->feed(lane, AAI_PIECE_WHOLE, rounded, align_mask + 1, &piece)) {
        add_to(&lane->closed, AAI_PLANT(REFUSED_COUNTS) ? rounded : 0);
        return NULL;
    }
    piece.kind = AAI_PIECE_WHOLE;
    piece.cursor = piece.start + rounded;
    piece.ordinal = lane->window->count;
    piece.version = lane->edge.version;
    lane->pieces.at[lane->pieces.count++] = piece;
    add_to(&lane->closed, rounded);
    aai_lane_new_version(lane);
    AAI_STORE(lane->window->count, lane->window->count + 1);
    return piece.start;
}

static char *place(aai_lane *lane, size_t rounded, size_t alignment)
{
    const size_t align_mask = alignment > lane->mask + 1 ? alignment - 1 : lane->mask;
    if (rounded > lane->whole_above) {
        return alloc_whole(lane, rounded, align_mask);
    }
    return fits(lane, rounded, align_mask) ? bump(lane, rounded, align_mask)
                                           : open_and_bump(lane, rounded, align_mask);
}

static void fill_born(const aai_lane *lane, aai_request *request)
{
    request->born = (aai_validity){.cell = lane->cell,
                                   .key = lane->allocator->key,
                                   .epoch = AAI_LOAD(lane->cell->epoch),
                                   .ordinal = lane->window->count - 1};
}

void *aai_lane_alloc(aai_lane *lane, aai_request *request)
{
    size_t rounded;
    if (!aai_watch_round(lane, request->bytes, &rounded)) {
        (void)aai_fail(AA_OVERFLOW, "%zu bytes are more than any object may have", request->bytes);
        return NULL;
    }
    if (!reserve_piece(lane) || !aai_watch_reserve(lane, request->bytes)) {
        return NULL;
    }
    lane->asked = request->bytes;
    char *const p = place(lane, rounded, request->alignment);
    if (p == NULL) {
        aai_watch_cancel(lane, request->bytes);
        return NULL;
    }
    aai_watch_born(lane, p, request->bytes, rounded);
    if ((request->how & AAI_BORN) != 0) {
        fill_born(lane, request);
    }
    return p;
}

/* ---- giving back the newest --------------------------------------------------------------------------- */

static bool above_marks(const aai_lane *lane)
{
    const bool marked = lane->mark_count != 0 && !AAI_PLANT(FREE_BELOW_MARK);
    const uint64_t floor = !marked ? 0 : lane->marks[lane->mark_count - 1].count;
    return lane->window->count > floor;
}

/* The newest allocation when it is a whole piece, else NULL. */
static aai_piece *newest_whole(const aai_lane *lane)
{
    if (lane->pieces.count == 0) {
        return NULL;
    }
    aai_piece *const last = &lane->pieces.at[lane->pieces.count - 1];
    const bool newest = last->kind == AAI_PIECE_WHOLE && last->ordinal == lane->window->count - 1;
    return newest ? last : NULL;
}

static bool is_newest(const aai_lane *lane, const char *p, size_t rounded, const aai_validity *born)
{
    if (!above_marks(lane) || (born != NULL && born->ordinal != lane->window->count - 1)) {
        return false;
    }
    const aai_piece *const whole = newest_whole(lane);
    if (whole != NULL) {
        return p == whole->start && rounded == piece_used(whole);
    }
    return lane->current != 0 && p >= lane->base && p <= lane->window->cursor &&
           rounded == (size_t)(lane->window->cursor - p);
}

bool aai_lane_is_newest(const aai_lane *lane, const void *pointer, size_t bytes)
{
    size_t rounded;
    return aai_watch_round(lane, bytes, &rounded) && is_newest(lane, pointer, rounded, NULL);
}

size_t aai_lane_held(const aai_lane *lane, const void *pointer)
{
    const char *const p = pointer;
    for (size_t i = lane->pieces.count; i > 0; --i) {
        const aai_piece *const piece = &lane->pieces.at[i - 1];
        const char *const end = i == lane->current ? lane->window->cursor : piece->cursor;
        if (p >= piece->start && p < end) {
            return (size_t)(end - p);
        }
    }
    return 0;
}

/* Empty windows and splits on top go back, unless a mark holds them or they are all there is. */
static void drop_empty_windows(aai_lane *lane)
{
    const size_t keep = lane->mark_count == 0 ? 0 : lane->marks[lane->mark_count - 1].pieces;
    while (lane->pieces.count > keep && lane->current == lane->pieces.count &&
           lane->window->cursor == lane->base &&
           (current_piece(lane)->outer != 0 || lane->pieces.count > 1)) {
        reopen_outer(lane);
    }
}

bool aai_lane_free(aai_lane *lane, void *pointer, size_t bytes, const aai_validity *born)
{
    size_t rounded;
    if (!aai_watch_round(lane, bytes, &rounded) || !is_newest(lane, pointer, rounded, born) ||
        !aai_watch_is(lane, pointer, bytes)) {
        AAI_STORE(lane->live_frees, lane->live_frees + 1);
        if (born ==
            NULL) { /* an array that is not the newest stays valid for its copies and views */
            aai_watch_freed(lane, pointer);
        }
        return false;
    }
    aai_lane_note_peak(lane);
    aai_watch_verify(lane, lane->window->count - 1);
    aai_watch_end(lane, lane->window->count - 1);
    if (newest_whole(lane) != NULL) {
        const aai_piece freed = lane->pieces.at[--lane->pieces.count];
        take_from(&lane->closed, rounded);
        aai_lane_put_spare(lane, &freed);
        aai_lane_to_version(lane, freed.version);
    } else {
        AAI_STORE(lane->window->cursor, (char *)pointer);
        aai_recent_cut(lane, pointer, 0);
    }
    AAI_STORE(lane->edge.past_count, lane->edge.past_count + 1);
    AAI_STORE(lane->window->count, lane->window->count - 1);
    drop_empty_windows(lane);
    if (born != NULL) {
        aai_cell_rewind(lane->cell, lane->window->count);
    }
    return true;
}

aai_resized aai_lane_resize(aai_lane *lane, void *pointer, size_t old_bytes, size_t new_bytes)
{
    size_t before, after;
    if (lane->watch != NULL || !aai_round_up(aai_max(old_bytes, 1), lane->mask, &before) ||
        !aai_round_up(aai_max(new_bytes, 1), lane->mask, &after) ||
        !is_newest(lane, pointer, before, NULL)) {
        return AAI_MUST_MOVE;
    }
    char *const start = pointer;
    aai_piece *const whole = newest_whole(lane);
    const char *const limit = whole != NULL ? whole->limit : lane->window->limit;
    if (after > (size_t)(limit - start) + (AAI_PLANT(GROWS_PAST_END) ? lane->mask + 1 : 0)) {
        return AAI_MUST_MOVE;
    }
    aai_lane_note_peak(lane);
    if (whole != NULL) {
        whole->cursor = start + after;
        AAI_STORE(lane->closed, lane->closed - before + after);
    } else {
        AAI_STORE(lane->window->cursor, start + after);
    }
    aai_recent_cut(lane, start, after);
    return AAI_RESIZED;
}

aa_status aai_lane_check_pointer(const aai_lane *lane, const void *pointer)
{
    if (lane->allocator->tier == AA_CHECKS_NONE) {
        return AA_OK;
    }
    const char *const p = pointer;
    if (aai_map_owner(pointer) != lane->allocator) {
        return aai_fail(AA_INVALID, "this pointer is not memory of '%s'", aa_name(lane->allocator));
    }
    bool given_back = lane->current != 0 && p >= lane->window->cursor && p < lane->window->limit;
    for (size_t i = 0; i < lane->spare_wholes.count && !given_back; ++i) {
        given_back = p == lane->spare_wholes.at[i].start;
    }
    if (given_back || aai_watch_was_freed(lane, pointer)) {
        return aai_fail(AA_INVALID, "this memory of '%s' was given back already",
                        aa_name(lane->allocator));
    }
    return AA_OK;
}

/* ---- taking everything back ----------------------------------------------------------------------------- */

void aai_lane_clear(aai_lane *lane)
{
    aai_lane_note_peak(lane);
    aai_watch_end(lane, 0);
    AAI_STORE(lane->edge.past_count, lane->edge.past_count + lane->window->count);
    AAI_STORE(lane->window->count, 0);
    AAI_STORE(lane->closed, 0);
    AAI_STORE(lane->wasted, 0);
    set_window(lane, NULL, NULL, NULL);
    lane->pieces.count = lane->spare_windows.count = lane->spare_wholes.count = 0;
    AAI_STORE(lane->mark_count, 0);
    lane->current = 0;
    AAI_STORE(lane->round_peak, 0);
}

void aai_lane_retire(aai_lane *lane)
{
    aai_lane_note_peak(lane);
    AAI_STORE(lane->closed, raw_used(lane));
    set_window(lane, NULL, NULL, NULL);
    lane->pieces.count = lane->spare_windows.count = lane->spare_wholes.count = 0;
    AAI_STORE(lane->mark_count, 0);
    lane->current = 0;
}

void aai_lane_recycle(aai_lane *lane)
{
    const size_t windows = lane->spare_windows.count, wholes = lane->spare_wholes.count;
    const size_t count = lane->pieces.count;
    aai_lane_clear(lane);
    lane->spare_windows.count = windows;
    lane->spare_wholes.count = wholes;
    for (size_t i = count; i > 0; --i) {
        aai_lane_put_spare(lane, &lane->pieces.at[i - 1]);
    }
}

bool aai_lane_offer(aai_lane *lane, char *start, char *limit)
{
    if (!reserve_piece(lane)) {
        return false;
    }
    const aai_piece piece = {.start = start, .limit = limit, .kind = AAI_PIECE_WINDOW};
    aai_lane_put_spare(lane, &piece);
    return true;
}

/* While no window is open: nothing is skipped. */
void aai_lane_open_spare(aai_lane *lane)
{
    if (lane->spare_windows.count > 0 && reserve_piece(lane)) {
        const aai_piece piece = lane->spare_windows.at[--lane->spare_windows.count];
        open_window(lane, piece, 0);
    }
}
