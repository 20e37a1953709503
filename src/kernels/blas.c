/* Kernels: the one door to the CBLAS, and its threads kept out of ours.
 *
 * It cannot quieten the threads of a CBLAS other than OpenBLAS: those are left as they are.
 *
 * Invariant: users > 0  <=>  OpenBLAS's pthread build is set to one thread, `kept` being what it
 * had.
 *
 * Lock: one mutex around users and kept; nothing else is taken under it.
 */
#include "blas.h"

#include <cblas.h>
#include <limits.h>
#include <pthread.h>

/* Absent from other CBLAS libraries. OpenBLAS's OpenMP build sees our regions by itself. */
extern int openblas_get_parallel(void) __attribute__((weak));
extern int openblas_get_num_threads(void) __attribute__((weak));
extern void openblas_set_num_threads(int threads) __attribute__((weak));

enum { OPENBLAS_PTHREADS = 1 }; /* what openblas_get_parallel returns for the pthread build */

static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static int users, kept;

static bool has_own_threads(void)
{
    return openblas_get_parallel != NULL && openblas_get_num_threads != NULL &&
           openblas_set_num_threads != NULL && openblas_get_parallel() == OPENBLAS_PTHREADS;
}

void aai_kernel_blas_enter(void)
{
    if (!has_own_threads()) {
        return;
    }
    pthread_mutex_lock(&threads_lock);
    users += 1;
    if (users == 1) {
        kept = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&threads_lock);
}

void aai_kernel_blas_leave(void)
{
    if (!has_own_threads()) {
        return;
    }
    pthread_mutex_lock(&threads_lock);
    users -= 1;
    if (users == 0) {
        openblas_set_num_threads(kept);
    }
    pthread_mutex_unlock(&threads_lock);
}

/* Whether lines of `length` elements, `ld` apart, are lines of a BLAS matrix. */
static bool is_lines(int64_t inner_stride, int64_t length, int64_t ld, int64_t lines)
{
    return (inner_stride == 1 || length <= 1) && (ld >= length || lines <= 1);
}

bool aai_kernel_matrix_of(const aa_array *array, char *at, aai_kernel_matrix *matrix)
{
    const int64_t rows = array->shape[0], columns = array->shape[1];
    const int64_t by_row = array->strides[0], by_column = array->strides[1];
    const bool straight = is_lines(by_column, columns, by_row, rows);
    if (!straight && !is_lines(by_row, rows, by_column, columns)) {
        return false;
    }
    const int64_t length = straight ? columns : rows;
    const int64_t stride = aai_kernel_stride(array, straight ? 0 : 1);
    const int64_t least = length > 1 ? length : 1;
    *matrix = (aai_kernel_matrix){at, stride > least ? stride : least, !straight};
    return true;
}

aa_status aai_kernel_fits_blas(const char *function, int count, const int64_t *sizes)
{
    for (int i = 0; i < count; ++i) {
        if (sizes[i] > INT_MAX) {
            return aai_fail(AA_OVERFLOW, "%s: an extent or stride of %lld is beyond the BLAS's int",
                            function, (long long)sizes[i]);
        }
    }
    return AA_OK;
}

void aai_kernel_gemm(const aai_kernel_product *p, aai_kernel_onto onto, aai_kernel_matrix a,
                     aai_kernel_matrix b, aai_kernel_matrix out)
{
    if (p->m == 0 || p->n == 0 || (p->k == 0 && onto == AAI_KERNEL_ONTO_OUT)) {
        return;
    }
    const CBLAS_TRANSPOSE ta = a.transposed ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE tb = b.transposed ? CblasTrans : CblasNoTrans;
    const int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    const int beta = onto == AAI_KERNEL_ONTO_OUT ? 1 : 0;
    if (p->dtype == AA_F64) {
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, (const double *)(void *)a.at, (int)a.ld,
                    (const double *)(void *)b.at, (int)b.ld, (double)beta, (double *)(void *)out.at,
                    (int)out.ld);
    } else {
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0F, (const float *)(void *)a.at, (int)a.ld,
                    (const float *)(void *)b.at, (int)b.ld, (float)beta, (float *)(void *)out.at,
                    (int)out.ld);
    }
}
