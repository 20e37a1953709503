/* Smoothing: the code under test. Knows no allocator: temporaries come from the current one. */
#ifndef SMOOTH_H
#define SMOOTH_H

#include <allocarrays.h>

/* Where the tests may delay a thread, because others might come in between; nothing in production. */
#ifdef SMOOTH_TESTING
#include <allocarrays/check.h>
#define SMOOTH_POINT() aa_check_point()
#else
#define SMOOTH_POINT() ((void)0)
#endif

/* Replace each element of a row of doubles by the mean of itself and its neighbours. The row is contiguous. Returns
 * AA_OK, or why there was no memory; the row is unchanged then. Any thread, each with a row of its own. */
aa_status smooth_row(aa_array *row);

/* Smooth every row of a matrix, in parallel. AA_OK, or why some rows were left as they are. */
aa_status smooth_rows(aa_array *matrix);

#endif
