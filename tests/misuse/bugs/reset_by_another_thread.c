/* Mistake: an arena made by one thread inside a region is reset by another thread of it
 * Cure: let its maker reset it, or use a private allocator and aa_private_arena */
#include "bug.h"

#include <omp.h>

int main(void)
{
    aa_allocator *a = NULL;
#pragma omp parallel num_threads(2)
    {
        if (omp_get_thread_num() == 0) {
            a = bug_arena("of the first");
            (void)aa_alloc(a, 100);
        }
#pragma omp barrier
        if (omp_get_thread_num() == 1) {
            (void)aa_reset(a);
        }
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
