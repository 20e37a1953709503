/* Mistake: two threads write the same element of a shared array at once
 * Cure: a part of the array for each thread, a reduction, or omp atomic
 * Unseen: the library sees allocations and calls, not the program's own loads and stores */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("sums");
    const aa_array sums = aa_zeros(a, AA_F64, 1, (const int64_t[]){8});
    double *const x = aa_data(&sums);
    int arrived = 0;
#pragma omp parallel num_threads(2)
    {
        bug_step(&arrived);
        bug_await(&arrived, 2);
        x[3] += 1;
    }
    printf("%g\n", x[3]);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
