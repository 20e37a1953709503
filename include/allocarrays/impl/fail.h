/* For side libraries: record this thread's last failure. Installed, undocumented. */
#ifndef ALLOCARRAYS_IMPL_FAIL_H
#define ALLOCARRAYS_IMPL_FAIL_H

#include <allocarrays/status.h>

AAI_BEGIN_DECLS

/* Store status and the formatted sentence as this thread's last failure; return status. */
AA_API aa_status aai_fail(aa_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

AAI_END_DECLS

#endif
