/* Mistake: the reset at the end of each round was forgotten: the allocator only grows
 * Cure: aa_reset after each round */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("rounds");
    for (int round = 0; round < 8000; ++round) {
        double *const x = AA_NEW(a, double, 1000);
        x[0] = round;
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
