/* Mistake: reset while a borrower, here a writer of the result, has pinned an array of the allocator
 * Cure: aa_unpin when the borrower is done, then reset */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("frames");
    const aa_array frame = bug_vector(a, 100, 1);
    (void)aa_pin(&frame); /* lent to a thread that writes it to a file */
    (void)aa_reset(a);
    const double *const x = frame.data;
    printf("%g\n", x[0]);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
