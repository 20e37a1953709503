/* Floor 7, array: making arrays and ending them. The dtype table.
 *
 * It cannot look at an array's memory: similar, similar_as and bind use shape, dtype and handle alone, so
 * that a stale array serves them as well as a valid one.
 * A handle is resolved in one place: AA_CURRENT through the scope floor, refused when it leads to another
 * thread's arena; any other handle by its id first, for after a destroy the pointer may lead anywhere.
 * No locks. */
#include "array/array.h"

#include "scope/scope.h"

#include <inttypes.h>

static const struct {
    size_t bytes;
    const char *name;
} dtypes[] = {
#define ROW(name, bytes, text) {bytes, text},
    AA_DTYPE_LIST(ROW)
#undef ROW
};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

static bool is_dtype(aa_dtype dtype)
{
    return (size_t)dtype < DTYPES;
}

size_t aa_dtype_size(aa_dtype dtype)
{
    return is_dtype(dtype) ? dtypes[dtype].bytes : 0;
}

const char *aa_dtype_name(aa_dtype dtype)
{
    return is_dtype(dtype) ? dtypes[dtype].name : "?";
}

/* ---- shapes ----------------------------------------------------------------------------------------- */

static bool is_ndim(int ndim)
{
    return ndim >= 0 && ndim <= AA_MAX_NDIM;
}

static AAI_COLD void refuse_form(const char *function, aa_dtype dtype, int ndim)
{
    if (!is_dtype(dtype)) {
        (void)aai_fail(AA_INVALID, "%s: dtype %d is unknown; the last one is %d (%s)", function,
                       (int)dtype, DTYPES - 1, dtypes[DTYPES - 1].name);
    } else if (!is_ndim(ndim)) {
        (void)aai_fail(AA_INVALID, "%s: ndim %d is outside 0 to %d (AA_MAX_NDIM)", function, ndim,
                       AA_MAX_NDIM);
    } else {
        (void)aai_fail(AA_INVALID, "%s: shape is NULL, but ndim is %d", function, ndim);
    }
}

static AAI_COLD void refuse_extent(const char *function, aa_dtype dtype, int ndim,
                                   const int64_t *shape, int axis)
{
    if (shape[axis] < 0) {
        (void)aai_fail(AA_INVALID, "%s: the extent of axis %d is %" PRId64 "; it must be 0 or more",
                       function, axis, shape[axis]);
    } else {
        (void)aai_fail(
            AA_OVERFLOW,
            "%s: %s %s passes the largest possible object at axis %d (extent %" PRId64 ")",
            function, dtypes[dtype].name, aai_shape_describe(ndim, shape).text, axis, shape[axis]);
    }
}

AAI_INLINE bool shape_bytes(const char *function, aa_dtype dtype, int ndim, const int64_t *shape,
                            size_t *bytes)
{
    if (AAI_UNLIKELY(!is_dtype(dtype) || !is_ndim(ndim) || (ndim > 0 && shape == NULL))) {
        refuse_form(function, dtype, ndim);
        return false;
    }
    size_t product = dtypes[dtype].bytes;
    bool empty = false;
    for (int axis = ndim - 1; axis >= 0; --axis) {
        const int64_t extent = shape[axis];
        if (extent == 0) {
            empty = true; /* the others must fit all the same: strides are made of them */
        } else if (AAI_UNLIKELY(extent < 0 || __builtin_mul_overflow(product, extent, &product) ||
                                product > AAI_MAX_BYTES)) {
            refuse_extent(function, dtype, ndim, shape, axis);
            return false;
        }
    }
    *bytes = empty ? 0 : product;
    return true;
}

bool aai_shape_bytes(const char *function, aa_dtype dtype, int ndim, const int64_t *shape,
                     size_t *bytes)
{
    return shape_bytes(function, dtype, ndim, shape, bytes);
}

/* A shape in C order; the axes that are not there are zero. */
typedef struct form {
    int64_t shape[AA_MAX_NDIM], strides[AA_MAX_NDIM];
} form;

/* Unrolled, so that a form is so many registers and not memory that is read back at once. */
AAI_INLINE form form_of(int ndim, const int64_t *shape)
{
    form f;
    int64_t stride = 1;
#pragma GCC unroll 8
    for (int axis = AA_MAX_NDIM - 1; axis >= 0; --axis) {
        const int64_t extent = axis < ndim ? shape[axis] : 0;
        f.shape[axis] = extent;
        f.strides[axis] = axis < ndim ? stride : 0;
        stride *= extent != 0 ? extent : 1;
    }
    return f;
}

void aai_array_set_shape(aa_array *array, int ndim, const int64_t *shape)
{
    const form f = form_of(ndim, shape);
    array->ndim = ndim;
    memcpy(array->shape, f.shape, sizeof f.shape);
    memcpy(array->strides, f.strides, sizeof f.strides);
}

static AAI_COLD void refuse_array(const char *function, const aa_array *array)
{
    if (aa_is_null(array)) {
        (void)aai_fail(AA_INVALID, "%s: the array is null", function);
    } else {
        refuse_form(function, array->dtype, array->ndim);
    }
}

AAI_INLINE bool is_given(const char *function, const aa_array *array)
{
    const bool sound = !aa_is_null(array) && is_dtype(array->dtype) && is_ndim(array->ndim);
    if (AAI_UNLIKELY(!sound)) {
        refuse_array(function, array);
    }
    return sound;
}

bool aai_array_given(const char *function, const aa_array *array)
{
    return is_given(function, array);
}

/* Of an array that is not null. */
AAI_INLINE int64_t count_of(const aa_array *array)
{
    int64_t count = 1;
    for (int axis = 0; axis < array->ndim; ++axis) {
        count *= array->shape[axis];
    }
    return count;
}

int64_t aa_count(const aa_array *array)
{
    return aa_is_null(array) ? 0 : count_of(array);
}

bool aa_is_contiguous(const aa_array *array)
{
    if (aa_is_null(array)) {
        return false;
    }
    if (aa_count(array) == 0) {
        return true;
    }
    int64_t expected = 1;
    for (int axis = array->ndim - 1; axis >= 0; --axis) {
        if (array->shape[axis] != 1 && array->strides[axis] != expected) {
            return false;
        }
        expected *= array->shape[axis];
    }
    return true;
}

/* ---- handles ---------------------------------------------------------------------------------------- */

static AAI_COLD aa_allocator *refuse_foreign(const char *function, aa_allocator *arena)
{
    const aai_thread *const self = aai_self();
    (void)aai_violate(
        AA_FOREIGN_THREAD, arena, (aai_site){function, NULL, 0},
        "the current allocator '%s' is the arena of thread %" PRIu64 ", and thread %" PRIu64
        " asked it for an array; put a shared or private allocator in scope around a region",
        aa_name(arena), AAI_LOAD(aai_base_of(arena)->creator), self == NULL ? 0 : self->id);
    return NULL;
}

static aa_allocator *resolve_current(const char *function)
{
    aa_allocator *const current = aa_current();
    if (AAI_UNLIKELY(AAI_LOAD(aai_tasks_seen))) {
        aai_task_look(current, (aai_site){function, NULL, 0});
    }
    return AAI_UNLIKELY(aai_is_anothers_arena(current)) ? refuse_foreign(function, current)
                                                        : current;
}

static AAI_COLD aa_allocator *refuse_handle(const aai_ask *ask)
{
    if (ask->dispatch == NULL) {
        (void)aai_fail(AA_INVALID, "%s: the allocator is NULL", ask->function);
    } else {
        (void)aai_violate(
            AA_USE_AFTER_RESET, NULL, (aai_site){ask->function, NULL, 0},
            "%s: the allocator of its handle was destroyed; give it another with aa_bind",
            aai_array_describe(ask->model).text);
    }
    return NULL;
}

AAI_INLINE aa_allocator *resolve(const aai_ask *ask)
{
    if (ask->dispatch == AA_CURRENT) {
        return resolve_current(ask->function);
    }
    const aa_array *const model = ask->model;
    const bool alive = model == NULL || aai_alive(model->dispatch_cell, model->dispatch_id);
    return AAI_LIKELY(ask->dispatch != NULL && alive) ? ask->dispatch : refuse_handle(ask);
}

/* What proves that the allocator of a handle is alive. */
typedef struct handle {
    const aai_cell *cell;
    uint64_t id;
} handle;

/* Of AA_CURRENT or a live allocator. */
static handle handle_to(const aa_allocator *dispatch)
{
    const uint64_t id = dispatch == AA_CURRENT ? 0 : aai_base_of(dispatch)->id;
    return id == 0 ? (handle){NULL, 0} : (handle){aai_base_of(dispatch)->cell, id};
}

AAI_INLINE handle handle_of(const aai_ask *ask)
{
    const aa_array *const model = ask->model;
    return model == NULL ? handle_to(ask->dispatch)
                         : (handle){model->dispatch_cell, model->dispatch_id};
}

/* ---- making ----------------------------------------------------------------------------------------- */

/* A compound literal here and calls all the way up, so that the array is written straight into the caller's
 * variable: one made beside it and copied costs as much again as all the rest. */
static __attribute__((noinline)) aa_array build(const aai_ask *ask, aa_allocator *owner, void *data,
                                                const aai_validity *born)
{
    const handle h = handle_of(ask);
    const form f = form_of(ask->ndim, ask->shape);
    const unsigned inherited = ask->model == NULL ? 0 : ask->model->flags & AAI_ARRAY_CHECKED;
    return (aa_array){.data = data,
                      .dtype = ask->dtype,
                      .ndim = ask->ndim,
                      .shape = {f.shape[0], f.shape[1], f.shape[2], f.shape[3], f.shape[4],
                                f.shape[5], f.shape[6], f.shape[7]},
                      .strides = {f.strides[0], f.strides[1], f.strides[2], f.strides[3],
                                  f.strides[4], f.strides[5], f.strides[6], f.strides[7]},
                      .owner = owner,
                      .dispatch = ask->dispatch,
                      .validity = *born,
                      .dispatch_cell = h.cell,
                      .dispatch_id = h.id,
                      .owner_id = AAI_LOAD(AAI_LOAD(born->cell->home)->id),
                      .made_at = ask->made_at,
                      .flags = AAI_ARRAY_OWNING | AAI_ARRAY_DENSE | inherited};
}

/* The same of a dense model's dtype and shape: no stride is computed anew. */
static __attribute__((noinline)) aa_array build_like(const aai_ask *ask, aa_allocator *owner,
                                                     void *data, const aai_validity *born)
{
    const aa_array *const m = ask->model;
    return (aa_array){.data = data,
                      .dtype = m->dtype,
                      .ndim = m->ndim,
                      .shape = {m->shape[0], m->shape[1], m->shape[2], m->shape[3], m->shape[4],
                                m->shape[5], m->shape[6], m->shape[7]},
                      .strides = {m->strides[0], m->strides[1], m->strides[2], m->strides[3],
                                  m->strides[4], m->strides[5], m->strides[6], m->strides[7]},
                      .owner = owner,
                      .dispatch = m->dispatch,
                      .validity = *born,
                      .dispatch_cell = m->dispatch_cell,
                      .dispatch_id = m->dispatch_id,
                      .owner_id = AAI_LOAD(AAI_LOAD(born->cell->home)->id),
                      .made_at = ask->made_at,
                      .flags = AAI_ARRAY_OWNING | AAI_ARRAY_DENSE | (m->flags & AAI_ARRAY_CHECKED)};
}

/* Memory of so many bytes for what is asked; NULL: recorded. */
AAI_INLINE void *ask_owner(const aai_ask *ask, aa_allocator *owner, aai_request *request)
{
    const size_t size = dtypes[ask->dtype].bytes;
    request->alignment = size - 1 > owner->mask ? size : 0;
    request->how = ask->dispatch == AA_CURRENT ? AAI_BORN : AAI_BORN | AAI_EXPLICIT;
    void *const data = aai_alloc_born(owner, request);
    if (AAI_UNLIKELY(aai_base_of(owner)->guard) && data != NULL) {
        aai_array_note_birth(ask, data, request->bytes);
    }
    return data;
}

__attribute__((noinline)) aa_array aai_array_make(const aai_ask *ask)
{
    aai_request request;
    aa_allocator *const owner = resolve(ask);
    if (AAI_UNLIKELY(owner == NULL || !shape_bytes(ask->function, ask->dtype, ask->ndim, ask->shape,
                                                   &request.bytes))) {
        return aai_array_null();
    }
    void *const data = ask_owner(ask, owner, &request);
    return AAI_LIKELY(data != NULL) ? build(ask, owner, data, &request.born) : aai_array_null();
}

aa_array aai_array_make_on_heap(const aai_ask *ask)
{
    aai_request request = {.how = AAI_BORN | AAI_EXPLICIT};
    if (!shape_bytes(ask->function, ask->dtype, ask->ndim, ask->shape, &request.bytes)) {
        return aai_array_null();
    }
    void *const data = aai_alloc_born(aa_heap(), &request);
    return data != NULL ? build(ask, aa_heap(), data, &request.born) : aai_array_null();
}

/* What a public function asks for with its own parameters. */
#define ASK(name)                                                                                  \
    (&(aai_ask){.function = (name),                                                                \
                .made_at = __builtin_return_address(0),                                            \
                .dispatch = dispatch,                                                              \
                .dtype = dtype,                                                                    \
                .ndim = ndim,                                                                      \
                .shape = shape})

aa_array aa_empty(aa_allocator *dispatch, aa_dtype dtype, int ndim, const int64_t *shape)
{
    return aai_array_make(ASK("aa_empty"));
}

static size_t bytes_of(const aa_array *array)
{
    return (size_t)count_of(array) * dtypes[array->dtype].bytes;
}

aa_array aa_zeros(aa_allocator *dispatch, aa_dtype dtype, int ndim, const int64_t *shape)
{
    const aa_array made = aai_array_make(ASK("aa_zeros"));
    if (!aa_is_null(&made)) {
        aai_clear(made.owner, made.data, bytes_of(&made));
    }
    return made;
}

/* Copy the first element over the rest, each round twice as much. */
static void repeat_first(char *data, size_t size, size_t bytes)
{
    for (size_t done = size; done < bytes;) {
        const size_t more = aai_min(done, bytes - done);
        memcpy(data + done, data, more);
        done += more;
    }
}

aa_array aa_full(aa_allocator *dispatch, aa_dtype dtype, int ndim, const int64_t *shape,
                 const void *value)
{
    if (value == NULL) {
        (void)aai_fail(AA_INVALID, "aa_full: the value is NULL");
        return aai_array_null();
    }
    const aa_array made = aai_array_make(ASK("aa_full"));
    if (!aa_is_null(&made) && bytes_of(&made) != 0) {
        memcpy(made.data, value, dtypes[dtype].bytes);
        repeat_first(made.data, dtypes[dtype].bytes, bytes_of(&made));
    }
    return made;
}

/* The bytes of a dense model; false when its fields were spoilt. */
AAI_INLINE bool bytes_like(const aa_array *model, size_t *bytes)
{
    size_t product = dtypes[model->dtype].bytes;
    bool bad = false;
    for (int axis = 0; axis < model->ndim; ++axis) {
        bad |= model->shape[axis] < 0;
        bad |= __builtin_mul_overflow(product, (size_t)model->shape[axis], &product);
    }
    *bytes = product;
    return !bad && product <= AAI_MAX_BYTES;
}

aa_array aa_similar(const aa_array *array)
{
    if (!is_given("aa_similar", array)) {
        return aai_array_null();
    }
    const aai_ask ask = AAI_ASK_LIKE("aa_similar", array, array->dtype, array->ndim, array->shape);
    aai_request request;
    if (AAI_UNLIKELY((array->flags & AAI_ARRAY_DENSE) == 0 || !bytes_like(array, &request.bytes))) {
        return aai_array_make(&ask);
    }
    aa_allocator *const owner = resolve(&ask);
    void *const data = owner == NULL ? NULL : ask_owner(&ask, owner, &request);
    return AAI_LIKELY(data != NULL) ? build_like(&ask, owner, data, &request.born)
                                    : aai_array_null();
}

aa_array aa_similar_as(const aa_array *array, aa_dtype dtype, int ndim, const int64_t *shape)
{
    if (!is_given("aa_similar_as", array)) {
        return aai_array_null();
    }
    const aai_ask ask = AAI_ASK_LIKE("aa_similar_as", array, dtype, ndim, shape);
    return aai_array_make(&ask);
}

/* ---- other people's memory ---------------------------------------------------------------------------- */

/* Bytes from data to the lowest element (low, downward) and past the highest (high); their sum fits. */
typedef struct reach {
    size_t low, high;
} reach;

static bool add_axis(reach *bytes, int64_t extent, int64_t stride, size_t size)
{
    const uint64_t step = stride < 0 ? 0 - (uint64_t)stride : (uint64_t)stride;
    size_t axis;
    if (__builtin_mul_overflow(step, extent - 1, &axis) ||
        __builtin_mul_overflow(axis, size, &axis) ||
        axis > AAI_MAX_BYTES - bytes->low - bytes->high) {
        return false;
    }
    *(stride < 0 ? &bytes->low : &bytes->high) += axis;
    return true;
}

/* Whether all elements of an array that has some lie in the address space. */
static bool wrap_reaches(const void *data, size_t size, int ndim, const int64_t *shape,
                         const int64_t *strides)
{
    reach bytes = {0, size};
    for (int axis = 0; axis < ndim; ++axis) {
        if (!add_axis(&bytes, shape[axis], strides[axis], size)) {
            (void)aai_fail(AA_OVERFLOW,
                           "aa_wrap: stride %" PRId64 " over extent %" PRId64
                           " passes the largest possible object at axis %d",
                           strides[axis], shape[axis], axis);
            return false;
        }
    }
    if (bytes.low > (uintptr_t)data || bytes.high > UINTPTR_MAX - (uintptr_t)data) {
        (void)aai_fail(AA_OVERFLOW, "aa_wrap: the strides lead out of the address space from %p",
                       data);
        return false;
    }
    return true;
}

aa_array aa_wrap(void *data, aa_dtype dtype, int ndim, const int64_t *shape, const int64_t *strides)
{
    if (data == NULL) {
        (void)aai_fail(AA_INVALID, "aa_wrap: the data is NULL");
        return aai_array_null();
    }
    size_t bytes;
    if (!shape_bytes("aa_wrap", dtype, ndim, shape, &bytes)) {
        return aai_array_null();
    }
    aa_array made = {.data = data,
                     .dtype = dtype,
                     .dispatch = AA_CURRENT,
                     .made_at = __builtin_return_address(0)};
    aai_array_set_shape(&made, ndim, shape);
    if (strides == NULL || ndim == 0 || bytes == 0) { /* over no element strides are any numbers */
        made.flags = AAI_ARRAY_DENSE;
        return made;
    }
    if (!wrap_reaches(data, dtypes[dtype].bytes, ndim, shape, strides)) {
        return aai_array_null();
    }
    memcpy(made.strides, strides, (size_t)ndim * sizeof *strides);
    return made;
}

aa_array aa_bind(const aa_array *array, aa_allocator *dispatch)
{
    if (!is_given("aa_bind", array)) {
        return aai_array_null();
    }
    if (dispatch == NULL) {
        (void)aai_fail(AA_INVALID, "aa_bind: the allocator is NULL");
        return aai_array_null();
    }
    if (dispatch->kind == AAI_GONE) {
        (void)aai_violate(AA_USE_AFTER_RESET, dispatch, (aai_site){"aa_bind", NULL, 0},
                          "allocator '%s' was destroyed; it cannot be a handle", aa_name(dispatch));
        return aai_array_null();
    }
    aa_array bound = *array;
    const handle h = handle_to(dispatch);
    bound.dispatch = dispatch;
    bound.dispatch_cell = h.cell;
    bound.dispatch_id = h.id;
    return bound;
}

/* ---- ending ----------------------------------------------------------------------------------------- */

static bool is_pinned(const aa_array *array)
{
    aai_cell *const cell = (aai_cell *)(uintptr_t)array->validity.cell;
    return AAI_LOAD(AAI_LOAD(cell->home)->pins) != 0 &&
           aai_cell_pinned(cell, array->validity.epoch, array->validity.ordinal);
}

static aa_status give_back(const aa_array *array)
{
    const aai_site site = {"aa_array_free", NULL, 0};
    const aa_status status = aai_array_require_valid(array, site);
    if (status != AA_OK) {
        return status;
    }
    if (is_pinned(array)) {
        return aai_violate(AA_RESET_IN_USE, array->owner, site,
                           "%s is pinned; aa_unpin it before it is freed",
                           aai_array_describe(array).text);
    }
    return aai_free_born(array->owner, array->data, bytes_of(array), &array->validity);
}

aa_status aa_array_free(aa_array *array)
{
    if (array == NULL) {
        return aai_fail(AA_INVALID, "aa_array_free: the pointer to the array is NULL");
    }
    if (array->data == NULL) {
        return AA_OK;
    }
    if ((array->flags & AAI_ARRAY_OWNING) != 0) {
        const aa_status status = give_back(array);
        if (status != AA_OK) {
            return status;
        }
    }
    memset(array, 0, sizeof *array);
    return AA_OK;
}
