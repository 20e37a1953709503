/* A user of the kernels. */
#include <allocarrays.h>
#include <allocarrays/kernels.h>
#include <stdio.h>

int main(void)
{
    double numbers[] = {1, 2, 3, 4}, got = 0;
    const aa_array x = aa_wrap(numbers, AA_F64, 2, (int64_t[]){2, 2}, NULL);
    aa_allocator *const arena = aa_arena_create(NULL);
    AA_WITH(arena) {
        const aa_array product = aa_matmul(&x, &x), sum = aa_sum(&product, AA_ALL_AXES);
        got = aa_is_null(&sum) ? 0 : *(const double *)aa_data(&sum);
    }
    if (got != 54 || aa_destroy(arena) != AA_OK) {
        (void)fprintf(stderr, "the sum of the product is %g: %s\n", got, aa_last_message());
        return 1;
    }
    return printf("the kernels multiply\n") < 0;
}
