/* Smoothing, right: each call has a temporary of its own, and gives it back. */
#include "smooth.h"

/* out and in do not overlap. */
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
    AA_SCRATCH(AA_CURRENT) {
        const aa_array before = aa_copy(row);
        if (aa_is_null(&before)) {
            return aa_last_status();
        }
        SMOOTH_POINT();
        mean_of_neighbours(aa_data(row), aa_data(&before), row->shape[0]);
    }
    return AA_OK;
}

aa_status smooth_rows(aa_array *matrix)
{
    aa_status status = AA_OK;
    double *const data = aa_data(matrix);
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < matrix->shape[0]; ++r) {
        aa_array row = aa_wrap(data + r * matrix->strides[0], AA_F64, 1, &matrix->shape[1], NULL);
        const aa_status mine = smooth_row(&row);
        if (mine != AA_OK) {
#pragma omp atomic write
            status = mine;
        }
    }
    return status;
}
