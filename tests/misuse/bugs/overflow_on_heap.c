/* Mistake: a loop writes one element past the end of memory of the heap handle
 * Cure: i < count; or AA_AT on a checked array, which verifies every index */
#include "bug.h"

int main(void)
{
    enum { COUNT = 7 };
    double *const x = AA_NEW(aa_heap(), double, COUNT);
    for (int i = 0; i <= COUNT; ++i) {
        x[i] = 0;
    }
    aa_free(aa_heap(), x, COUNT * sizeof *x);
    return BUG_UNNOTICED;
}
