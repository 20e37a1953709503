/* Smoothing, broken on purpose: it keeps its temporary from call to call, "to save allocations". So all threads
 * share one, it outlives the reset of the allocator that gave it, and a failure to get it goes unsaid. */
#include "smooth.h"

static void mean_of_neighbours(double *out, const double *in, int64_t count)
{
    for (int64_t i = 0; i < count; ++i) {
        const int64_t first = i > 0 ? i - 1 : 0, last = i < count - 1 ? i + 1 : i;
        double sum = 0;
        for (int64_t k = first; k <= last; ++k) {
            sum += in[k];
        }
        out[i] = sum / (double)(last - first + 1);
    }
}

aa_status smooth_row(aa_array *row)
{
    static aa_array before;
    if (aa_is_null(&before) || before.shape[0] != row->shape[0]) {
        before = aa_similar(row);
    }
    double *const copy = aa_data(&before), *const data = aa_data(row);
    if (copy != NULL) {
        for (int64_t i = 0; i < row->shape[0]; ++i) {
            copy[i] = data[i];
        }
        SMOOTH_POINT();
        mean_of_neighbours(data, copy, row->shape[0]);
    }
    return AA_OK;
}

aa_status smooth_rows(aa_array *matrix)
{
    double *const data = aa_data(matrix);
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < matrix->shape[0]; ++r) {
        aa_array row = aa_wrap(data + r * matrix->strides[0], AA_F64, 1, &matrix->shape[1], NULL);
        (void)smooth_row(&row);
    }
    return AA_OK;
}
