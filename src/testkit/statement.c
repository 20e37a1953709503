/* Side library testkit: statements about one call or one array. */
#include "kit.h"

#include <allocarrays/check.h>
#include <inttypes.h>

static const char *last_message(void)
{
    const char *const message = aa_last_message();
    return message[0] != '\0' ? message : "(no failure was recorded on this thread)";
}

const char *aai_check_status(aa_status got, aa_status expected, const char *call)
{
    return got == expected
               ? NULL
               : aai_kit_say("%s is %s, not %s; aa_last_message: %s", call, aa_status_name(got),
                             aa_status_name(expected), last_message());
}

const char *aai_check_fails(int failed, aa_status expected, const char *call)
{
    if (!failed) {
        return aai_kit_say("%s succeeded instead of failing with %s", call,
                           aa_status_name(expected));
    }
    return aa_last_status() == expected
               ? NULL
               : aai_kit_say("%s failed with %s, not %s; aa_last_message: %s", call,
                             aa_status_name(aa_last_status()), aa_status_name(expected),
                             last_message());
}

/* "f64 (8, 100)", appended. */
static void add_array(const aa_array *array)
{
    (void)aai_kit_add("%s (", aa_dtype_name(array->dtype));
    for (int axis = 0; axis < array->ndim && axis < AA_MAX_NDIM; ++axis) {
        (void)aai_kit_add("%s%" PRId64, axis > 0 ? ", " : "", array->shape[axis]);
    }
    (void)aai_kit_add(")");
}

const char *aai_check_valid(const aa_array *array, const char *text)
{
    if (aa_is_null(array)) {
        return aai_kit_say("%s is a null array, not a valid one; aa_last_message: %s", text,
                           last_message());
    }
    if (aa_is_valid(array)) {
        return NULL;
    }
    (void)aai_kit_say("%s is stale: the memory of this array ", text);
    add_array(array);
    return aai_kit_add(" was taken back by a reset, rewind, free or destroy");
}

const char *aai_check_stale(const aa_array *array, const char *text)
{
    if (aa_is_null(array)) {
        return aai_kit_say("%s is a null array, not a stale one", text);
    }
    if (!aa_is_valid(array)) {
        return NULL;
    }
    (void)aai_kit_say("%s is valid, not stale: nothing has taken back the memory of this array ",
                      text);
    add_array(array);
    return aai_kit_add("%s",
                       array->validity.cell == NULL ? " (wrapped memory is always valid)" : "");
}
