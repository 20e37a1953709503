/* Fortran: what Fortran cannot call, a function with variable arguments. */
#include <allocarrays/impl/fail.h>

AA_API aa_status aai_fortran_fail(aa_status status, const char *sentence);

AA_API aa_status aai_fortran_fail(aa_status status, const char *sentence)
{
    return aai_fail(status, "%s", sentence);
}
