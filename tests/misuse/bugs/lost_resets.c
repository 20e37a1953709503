/* Mistake: the reset at the end of each round was forgotten: the allocator only grows
 * Cure: aa_reset after each round
 * Unseen: the warning of full comes with the twelfth block, at some 600 MiB; this one stops at 32 */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("rounds");
    for (int round = 0; round < 4000; ++round) {
        double *const x = AA_NEW(a, double, 1000);
        x[0] = round;
    }
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
