/* Mistake: an array on the heap is freed through two copies of its variable
 * Cure: one variable owns it, others are views for reading */
#include "bug.h"

int main(void)
{
    aa_array x = bug_vector(aa_heap(), 100, 1);
    aa_array y = x;
    (void)aa_array_free(&x);
    (void)aa_array_free(&y);
    return BUG_UNNOTICED;
}
