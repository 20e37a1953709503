/* Mistake: memory of the heap handle is freed twice
 * Cure: free once; aa_array_free nulls the variable */
#include "bug.h"

int main(void)
{
    void *const p = aa_alloc(aa_heap(), 100);
    aa_free(aa_heap(), p, 100);
    aa_free(aa_heap(), p, 100);
    return bug_refused();
}
