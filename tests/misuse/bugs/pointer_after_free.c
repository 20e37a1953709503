/* Mistake: memory is read after aa_free gave it back
 * Cure: free after the last use */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("temporaries");
    double *const x = AA_NEW(a, double, 8);
    x[3] = 1;
    aa_free(a, x, 8 * sizeof *x);
    const double result = x[3];
    (void)aa_destroy(a);
    return bug_result(result);
}
