/* What the Fortran types must agree with: sizes of the C structs and where their last members lie. */
#include <allocarrays.h>

size_t layout_of(int which, int of_last);

#define LAST(type, member)                                                                         \
    {                                                                                              \
        sizeof(type), offsetof(type, member)                                                       \
    }

static const size_t layouts[][2] = {
    LAST(aa_options, fallback),    LAST(aa_scope, once),    LAST(aa_token, handle),
    LAST(aa_mark, state),          LAST(aai_scratch, once), LAST(aa_stats, live_frees),
    LAST(aa_violation, epoch_now), LAST(aa_array, flags),
};

size_t layout_of(int which, int of_last)
{
    return layouts[which - 1][of_last];
}
