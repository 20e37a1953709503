/* Run by tests/omp/stack: private arrays larger than a thread's stack, on the stack ("plain": it dies) or in an
 * arena ("arena"). */
#include <allocarrays/omp.h>
#include <allocarrays/private.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 256 * 1024 }; /* 2 MiB */

static double plain(void)
{
    double x[COUNT], sum = 0;
#pragma omp parallel num_threads(2) private(x) reduction(+ : sum)
    {
        memset(x, 0, sizeof x);
        x[COUNT - 1] = 1;
        __asm__ volatile("" ::"r"(x) : "memory"); /* or the array may be optimised away */
        sum += x[COUNT - 1] + x[0];
    }
    return sum;
}

static double in_arena(omp_allocator_handle_t h)
{
    double x[COUNT], sum = 0;
#pragma omp parallel num_threads(2) private(x) allocate(h : x) reduction(+ : sum)
    {
        memset(x, 0, sizeof x);
        x[COUNT - 1] = 1;
        __asm__ volatile("" ::"r"(x) : "memory"); /* or the array may be optimised away */
        sum += x[COUNT - 1] + x[0];
    }
    return sum;
}

int main(int count, char **arguments)
{
    aa_allocator *const a = aa_private_create(NULL);
    const int is_plain = count > 1 && strcmp(arguments[1], "plain") == 0;
    const double sum = is_plain ? plain() : in_arena(aa_omp_allocator(a));
    printf("%g\n", sum);
    return aa_destroy(a) != AA_OK || sum != 2;
}
