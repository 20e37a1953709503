/* Mistake: an array made in a scratch is read after it
 * Cure: make it before the scratch, or aa_materialize it inside */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("solver");
    aa_array result;
    AA_SCRATCH(a) {
        result = bug_vector(a, 100, 1);
    }
    const double *const x = aa_data(&result);
    printf("%g\n", x[0]);
    (void)aa_destroy(a);
    return BUG_UNNOTICED;
}
