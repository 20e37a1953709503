/* The door to the CBLAS where that lacks one of OpenBLAS's calls about threads: products go through, and no other of those
 * calls is made. Linked with that door and no CBLAS; each of three programs of this source lacks another call. */
#include "kernels/blas.h"
#include "runner.h"

#include <cblas.h>

static int calls;

#if LACKING != 0
int openblas_get_parallel(void);
int openblas_get_parallel(void)
{
    return 1; /* it has threads of its own */
}
#endif

#if LACKING != 1
int openblas_get_num_threads(void);
int openblas_get_num_threads(void)
{
    ++calls;
    return 7;
}
#endif

#if LACKING != 2
void openblas_set_num_threads(int threads);
void openblas_set_num_threads(int threads)
{
    calls += threads;
}
#endif

/* Of what the tests multiply. */
#define GEMM(name, real)                                                                           \
    void name(CBLAS_LAYOUT layout, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k,    \
              real alpha, const real *a, int lda, const real *b, int ldb, real beta, real *c,      \
              int ldc)                                                                             \
    {                                                                                              \
        ck_assert(layout == CblasRowMajor && ta == CblasNoTrans && tb == CblasNoTrans);            \
        for (int i = 0; i < m; ++i) {                                                              \
            for (int j = 0; j < n; ++j) {                                                          \
                real sum = 0;                                                                      \
                for (int l = 0; l < k; ++l) {                                                      \
                    sum += a[i * lda + l] * b[l * ldb + j];                                        \
                }                                                                                  \
                c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);            \
            }                                                                                      \
        }                                                                                          \
    }

GEMM(cblas_dgemm, double)
GEMM(cblas_sgemm, float)

static aai_kernel_matrix two_by_two(void *at)
{
    return (aai_kernel_matrix){.at = at, .ld = 2};
}

START_TEST(a_product_goes_through_and_threads_are_left_alone)
{
    double a[] = {1, 2, 3, 4}, b[] = {5, 6, 7, 8}, onto[] = {1, 1, 1, 1};
    float out[] = {9, 9, 9, 9}, af[] = {1, 2, 3, 4}, bf[] = {5, 6, 7, 8};
    const aai_kernel_product wide = {AA_F64, 2, 2, 2}, narrow = {AA_F32, 2, 2, 2};
    aai_kernel_blas_enter();
    aai_kernel_blas_enter(); /* they nest */
    aai_kernel_gemm(&wide, AAI_KERNEL_ONTO_OUT, two_by_two(a), two_by_two(b), two_by_two(onto));
    aai_kernel_blas_leave();
    aai_kernel_gemm(&narrow, AAI_KERNEL_ONTO_NOTHING, two_by_two(af), two_by_two(bf),
                    two_by_two(out));
    aai_kernel_blas_leave();
    static const double wanted[] = {19, 22, 43, 50};
    for (int i = 0; i < 4; ++i) {
        ck_assert(onto[i] == wanted[i] + 1);
        ck_assert((double)out[i] == wanted[i]);
    }
    ck_assert_int_eq(calls, 0); /* without all three the threads are left as they are */
}
END_TEST

AA_TEST_MAIN("kernels: another BLAS", AA_TEST(a_product_goes_through_and_threads_are_left_alone))
