/* Mistake: an array is wrapped around memory that is freed before it
 * Cure: keep the memory as long as the array, or aa_copy it */
#include "bug.h"

int main(void)
{
    double *const memory = calloc(8, sizeof *memory);
    const aa_array x = aa_wrap(memory, AA_F64, 1, (const int64_t[]){8}, NULL);
    free(memory);
    const double *const data = aa_data(&x);
    printf("%g\n", data[3]);
    return BUG_UNNOTICED;
}
