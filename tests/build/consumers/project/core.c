/* A user of the core: temporaries of a region come from the scope, and a reset takes them back. */
#include <allocarrays.h>
#include <stdio.h>

int main(void)
{
    double sum = 0;
    aa_stats stats = {0};
    aa_allocator *const bump = aa_shared_create(&(aa_options){.name = "consumer"});
    AA_WITH(bump) {
#pragma omp parallel for reduction(+ : sum)
        for (int i = 0; i < 100; ++i) {
            double *const one = AA_NEW(AA_CURRENT, double, 10);
            sum += one != NULL ? (one[9] = i) : 0;
        }
    }
    if (aa_stats_get(bump, &stats) != AA_OK || stats.allocations != 100 || sum != 4950 ||
        aa_reset(bump) != AA_OK || aa_destroy(bump) != AA_OK) {
        (void)fprintf(stderr, "sum %g, %llu allocations: %s\n", sum,
                      (unsigned long long)stats.allocations, aa_last_message());
        return 1;
    }
    return printf("allocarrays %s, scopes: %s\n", aa_version(), aa_scope_mode()) < 0;
}
