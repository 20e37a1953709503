/* Floor 7, array: whether an array's memory is still its own; pins; how reports name an array.
 *
 * It cannot prevent that memory is taken back between a check and a use: a pin can.
 * Reports never follow a pointer that may be gone: an owner is named only while its home cell carries its
 * id, and "made at" is an address that dladdr looks up, not a string kept somewhere.
 * No locks of its own; pins are counted under the cell's. */
#include "array/array.h"

#include "memory/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

/* ---- text ------------------------------------------------------------------------------------------- */

enum { TEXT = sizeof(aai_array_text) };

/* Append; what does not fit is cut off. */
static __attribute__((format(printf, 3, 4))) void append(aai_array_text *text, size_t *used,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int more = vsnprintf(text->text + *used, TEXT - *used, format, arguments);
    va_end(arguments);
    *used = aai_min(*used + (size_t)more, TEXT - 1);
}

static void append_shape(aai_array_text *text, size_t *used, int ndim, const int64_t *shape)
{
    append(text, used, "(");
    for (int axis = 0; axis < ndim && axis < AA_MAX_NDIM; ++axis) {
        append(text, used, "%s%" PRId64, axis > 0 ? ", " : "", shape[axis]);
    }
    append(text, used, ")");
}

/* "prog+0x1234 (fill)"; the address is that of a return, so the call ends one byte before it. */
static void append_place(aai_array_text *text, size_t *used, const void *address)
{
    Dl_info found;
    if (address == NULL) {
        append(text, used, "an unknown place");
        return;
    }
    const char *const call = (const char *)address - 1;
    if (dladdr(call, &found) == 0 || found.dli_fname == NULL) {
        append(text, used, "address %p", address);
        return;
    }
    const char *const slash = strrchr(found.dli_fname, '/');
    append(text, used, "%.60s+0x%zx", slash != NULL ? slash + 1 : found.dli_fname,
           (size_t)(call - (const char *)found.dli_fbase));
    if (found.dli_sname != NULL) {
        append(text, used, " (%.60s)", found.dli_sname);
    }
}

/* Where arrays are made repeats: a thread's last places, by address, so that a note costs no dladdr. In its record,
 * not in TLS, as in at.c. */
enum { PLACES = 8 };

typedef struct birth_place {
    const void *address;
    char text[sizeof((aai_guard_birth *)0)->place];
} birth_place;

/* This thread's memory of a place; without memory for it, `instead`. An arena's inline window may have served a thread that
 * is not its owner and never called before: it has no record yet. */
static birth_place *find_place(const void *address, birth_place *instead)
{
    aai_thread *const self = aai_self();
    if (self != NULL && self->birth_places == NULL) {
        self->birth_places = aai_calloc(PLACES * sizeof(birth_place));
    }
    birth_place *const all = self == NULL ? NULL : self->birth_places;
    return all == NULL ? instead : &all[((uintptr_t)address / 8) % PLACES];
}

void aai_array_note_birth(const aai_ask *ask, const void *data, size_t bytes)
{
    birth_place instead = {.address = NULL};
    birth_place *const place = find_place(ask->made_at, &instead);
    if (place->address != ask->made_at) {
        aai_array_text text = {""};
        size_t used = 0;
        append_place(&text, &used, ask->made_at);
        (void)snprintf(place->text, sizeof place->text, "%.*s", (int)sizeof place->text - 1,
                       text.text);
        place->address = ask->made_at;
    }
    aai_guard_birth birth = {
        .start = data, .bytes = bytes, .dtype = aa_dtype_name(ask->dtype), .ndim = ask->ndim};
    for (int axis = 0; axis < ask->ndim; ++axis) {
        birth.shape[axis] = ask->shape[axis];
    }
    memcpy(birth.place, place->text, sizeof birth.place);
    aai_guard_note_birth(&birth);
}

aai_array_text aai_shape_describe(int ndim, const int64_t *shape)
{
    aai_array_text text = {""};
    size_t used = 0;
    append_shape(&text, &used, ndim, shape);
    return text;
}

aai_array_text aai_array_describe(const aa_array *array)
{
    const int kept = errno;
    aai_array_text text = {""};
    size_t used = 0;
    append(&text, &used, "array %s ", aa_dtype_name(array->dtype));
    append_shape(&text, &used, array->ndim, array->shape);
    append(&text, &used, " made at ");
    append_place(&text, &used, array->made_at);
    errno = kept;
    return text;
}

/* ---- validity --------------------------------------------------------------------------------------- */

const aa_allocator *aai_array_owner(const aa_array *array)
{
    if (array->owner == NULL || array->owner == aa_heap()) { /* wrapped; alive for ever */
        return array->owner;
    }
    const aai_cell *const home = AAI_LOAD(array->validity.cell->home);
    return AAI_LOAD(home->id) == array->owner_id ? array->owner : NULL;
}

/* Counted from the cell's start, unless the cell has been recycled. A reset that the lane has not seen yet
 * counts as one. */
static aai_epochs epochs_of(const aai_validity *born)
{
    const aai_cell *const home = AAI_LOAD(born->cell->home);
    const uint64_t first = AAI_LOAD(born->cell->first);
    const uint64_t start = born->epoch >= first ? first : 0;
    const uint64_t unseen = home != born->cell && AAI_LOAD(home->key) != born->key;
    return (aai_epochs){born->epoch - start, AAI_LOAD(born->cell->epoch) - start + unseen};
}

static AAI_COLD aa_status report_stale(const aa_array *array, aai_site site)
{
    return aai_violate_stale(
        aai_array_owner(array), site, epochs_of(&array->validity),
        "%s: its memory was taken back by a reset, rewind, free or destroy; aa_materialize "
        "what must outlive that",
        aai_array_describe(array).text);
}

aa_status aai_array_require_valid(const aa_array *array, aai_site site)
{
    return AAI_LIKELY(aai_valid(&array->validity)) ? AA_OK : report_stale(array, site);
}

bool aa_is_valid(const aa_array *array)
{
    return !aa_is_null(array) && aai_valid(&array->validity);
}

void *aa_data(const aa_array *array)
{
    if (AAI_UNLIKELY(aa_is_null(array))) {
        (void)aai_fail(AA_INVALID, "aa_data: the array is null");
        return NULL;
    }
    const aa_status status = aai_array_require_valid(array, (aai_site){"aa_data", NULL, 0});
    return status == AA_OK ? array->data : NULL;
}

/* ---- pins ------------------------------------------------------------------------------------------- */

/* A pin looks again once it is counted: what was taken back in between was not kept by it. A reset that had found no pin a
 * moment before still passes, so an unpin uncounts whether the array is still there or not.
 *
 * A cell's pins are counts beside its value, not part of what an array may rely on. */
static bool count_pin(const aa_array *array)
{
    const aai_validity *const v = &array->validity;
    return aai_cell_pin((aai_cell *)(uintptr_t)v->cell, v->epoch, v->ordinal);
}

static bool uncount_pin(const aa_array *array)
{
    const aai_validity *const v = &array->validity;
    return aai_cell_unpin((aai_cell *)(uintptr_t)v->cell, v->epoch, v->ordinal);
}

aa_status aa_pin(const aa_array *array)
{
    if (aa_is_null(array)) {
        return aai_fail(AA_INVALID, "aa_pin: the array is null");
    }
    if (array->validity.cell == NULL) {
        return AA_OK;
    }
    const aai_site site = {"aa_pin", NULL, 0};
    const aa_status before = aai_array_require_valid(array, site);
    if (before != AA_OK) {
        return before;
    }
    if (!count_pin(array)) {
        return aai_fail(AA_NOMEM, "aa_pin: no memory to count the pin");
    }
    if (!aa_is_valid(array)) {
        (void)uncount_pin(array);
        return aai_array_require_valid(array, site);
    }
    return AA_OK;
}

aa_status aa_unpin(const aa_array *array)
{
    if (aa_is_null(array)) {
        return aai_fail(AA_INVALID, "aa_unpin: the array is null");
    }
    if (array->validity.cell == NULL) {
        return AA_OK;
    }
    const bool valid = aa_is_valid(array); /* before: with the pin gone it may go by right */
    const bool counted = uncount_pin(array);
    if (!valid) {
        return aai_array_require_valid(array, (aai_site){"aa_unpin", NULL, 0});
    }
    if (!counted) {
        return aai_fail(AA_ORDER, "aa_unpin: %s is not pinned", aai_array_describe(array).text);
    }
    return AA_OK;
}

/* ---- checked arrays ----------------------------------------------------------------------------------- */

aa_array aa_checked(const aa_array *array)
{
    if (!aai_array_given("aa_checked", array)) {
        return aai_array_null();
    }
    aa_array checked = *array;
    checked.flags |= AAI_ARRAY_CHECKED;
    return checked;
}
