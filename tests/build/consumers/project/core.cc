// A user in C++17: the C interface, from C++.
#include <allocarrays.h>
#include <allocarrays/omp.h>
#include <cstdio>

int main()
{
    double sum = 0;
    aa_allocator *const bump = aa_shared_create(nullptr);
    AA_WITH(bump) {
#pragma omp parallel for reduction(+ : sum)
        for (int i = 0; i < 100; ++i) {
            double *const one = AA_NEW(AA_CURRENT, double, 10);
            sum += one != nullptr ? (one[9] = i) : 0;
        }
    }
    const bool handles = aa_from_omp_allocator(aa_omp_allocator(bump)) == bump;
    if (!handles || sum != 4950 || aa_destroy(bump) != AA_OK) {
        std::fprintf(stderr, "sum %g: %s\n", sum, aa_last_message());
        return 1;
    }
    return std::printf("C++ %ld, scopes: %s\n", __cplusplus, aa_scope_mode()) < 0;
}
