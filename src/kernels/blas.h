/* Kernels: the one door to the CBLAS. */
#ifndef AAI_KERNELS_BLAS_H
#define AAI_KERNELS_BLAS_H

#include "kernel.h"

/* A matrix as the BLAS sees it: element (i, j) lies at[i * ld + j], transposed at[j * ld + i]. */
typedef struct aai_kernel_matrix {
    char *at;
    int64_t ld;
    bool transposed;
} aai_kernel_matrix;

/* The sizes of one product: (m, k) times (k, n). */
typedef struct aai_kernel_product {
    aa_dtype dtype;
    int64_t m, n, k;
} aai_kernel_product;

typedef enum aai_kernel_onto { AAI_KERNEL_ONTO_NOTHING, AAI_KERNEL_ONTO_OUT } aai_kernel_onto;

/* Describe a 2-D array; false when neither rows nor columns are contiguous: copy it first. */
bool aai_kernel_matrix_of(const aa_array *array, char *at, aai_kernel_matrix *matrix);

/* Verify that sizes and leading dimensions fit the BLAS's int. AA_OVERFLOW. */
aa_status aai_kernel_fits_blas(const char *function, int count, const int64_t *sizes);

/* out = a b, or out += a b; out (m, n) in C order with rows ld apart. On the calling thread alone
 * inside a region, as the BLAS likes outside. Sizes of 0 are fine. */
void aai_kernel_gemm(const aai_kernel_product *p, aai_kernel_onto onto, aai_kernel_matrix a,
                     aai_kernel_matrix b, aai_kernel_matrix out);

/* Around a region that calls aai_kernel_gemm: a BLAS with threads of its own that does not see the
 * region keeps to the calling thread in between. Nest, and may overlap on several host threads. */
void aai_kernel_blas_enter(void);
void aai_kernel_blas_leave(void);

#endif
