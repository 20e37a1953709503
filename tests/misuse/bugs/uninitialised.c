/* Mistake: elements are summed into memory that was never set
 * Cure: aa_zeros, aa_full or aa_calloc; AA_ZEROED for all of an allocator */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("sums");
    const aa_array sums = aa_empty(a, AA_F64, 1, (const int64_t[]){8});
    double *const x = aa_data(&sums);
    for (int i = 0; i < 8; ++i) {
        x[i] += i;
    }
    const double result = x[7];
    (void)aa_destroy(a);
    return bug_result(result);
}
