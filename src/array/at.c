/* Floor 7, array: what AA_AT does out of line: the validity of a checked array, and refusals.
 *
 * A refused access must designate something: memory of this thread, zeroed at each refusal, so that a
 * handler which returns lets the program read 0 and write nowhere that matters. No locks. */
#include "array/array.h"

#include <inttypes.h>

/* Any element, and most types that are none: the least that a thread gets. Not in TLS: a library that is dlopen'ed
 * has some hundred bytes of it. */
enum { DUMMY_BYTES = 1024 };

/* Kept in the thread's record to be used again. A smaller one that it replaces is not freed, for it may be referred
 * to. Without memory threads share one. */
static void *zeroed_dummy(size_t size)
{
    static char common[DUMMY_BYTES];
    aai_thread *const self = aai_self();
    if (self != NULL && size > self->dummy_bytes) {
        void *const larger = aai_malloc(aai_max(size, DUMMY_BYTES));
        self->dummy = larger != NULL ? larger : self->dummy;
        self->dummy_bytes = larger != NULL ? aai_max(size, DUMMY_BYTES) : self->dummy_bytes;
    }
    const bool own = self != NULL && size <= self->dummy_bytes;
    aai_assert(own || size <= DUMMY_BYTES);
    return memset(own ? self->dummy : common, 0, size);
}

#define SAME_PLACE(member)                                                                         \
    _Static_assert(offsetof(aai_cell_front, member) == offsetof(aai_cell, member),                 \
                   "callers inline the front of a cell")
SAME_PLACE(id);
SAME_PLACE(key);
SAME_PLACE(home);
SAME_PLACE(epoch);
SAME_PLACE(low);

bool aai_at_valid(const aa_array *array)
{
    return aai_valid(&array->validity);
}

/* The first axis whose index is outside, -1 if all are inside. */
static int axis_outside(const aa_array *array, const aai_index *index)
{
    for (int axis = 0; axis < array->ndim; ++axis) {
        if (index->at[axis] < 0 || index->at[axis] >= array->shape[axis]) {
            return axis;
        }
    }
    return -1;
}

static void report_bounds(const aa_array *array, aai_site site, const char *what)
{
    (void)aai_violate(AA_OUT_OF_BOUNDS, aai_array_owner(array), site, "%s: %s",
                      aai_array_describe(array).text, what);
}

/* Word what is wrong with an access to a valid array. */
static void explain(char *what, size_t bytes, const aa_array *array, int dtype, size_t size,
                    int count, const aai_index *index)
{
    if (count != array->ndim) {
        (void)snprintf(what, bytes, "%d indices were given, it has %d axes", count, array->ndim);
        return;
    }
    if (dtype != AAI_DTYPE_ANY && dtype != (int)array->dtype) {
        (void)snprintf(what, bytes, "its elements are no %s", aa_dtype_name((aa_dtype)dtype));
        return;
    }
    const int axis = axis_outside(array, index);
    if (axis < 0) {
        (void)snprintf(what, bytes, "its elements are no type of %zu bytes", size);
        return;
    }
    (void)snprintf(what, bytes, "index %" PRId64 " is outside axis %d of extent %" PRId64,
                   index->at[axis], axis, array->shape[axis]);
}

void *aai_at_refused(const aa_array *array, int dtype, size_t size, int count,
                     const aai_index *index, const char *file, int line)
{
    const aai_site site = {"AA_AT", file, line};
    if (array->data == NULL) {
        report_bounds(array, site, "it is null");
    } else if (aai_array_require_valid(array, site) == AA_OK) {
        char what[128];
        explain(what, sizeof what, array, dtype, size, count, index);
        report_bounds(array, site, what);
    }
    return zeroed_dummy(size);
}
