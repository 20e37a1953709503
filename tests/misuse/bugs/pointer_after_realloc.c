/* Mistake: the old pointer is used after aa_realloc, which mostly, but not always, resizes in place
 * Cure: use what aa_realloc returned */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_arena("lists");
    double *const x = AA_NEW(a, double, 8);
    x[3] = 1;
    (void)AA_NEW(a, double, 8); /* now it cannot grow where it is */
    double *const more = aa_realloc(a, x, 8 * sizeof *x, 800 * sizeof *x);
    more[3] = 2;
    const double result = x[3];
    (void)aa_destroy(a);
    return bug_result(result);
}
