/* Side library testkit: the runtime's own calls behind ours. See tasks.h.
 *
 * Several threads may look at once: all find the same address, and the word holds NULL or it (relaxed: the code it
 * leads to was mapped before any of them ran). */
#include "tasks.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

aai_kit_function *aai_kit_theirs(aai_kit_function **known, const char *name)
{
    aai_kit_function *theirs = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (theirs == NULL) {
        void *const symbol = dlsym(RTLD_NEXT, name);
        if (symbol == NULL) {
            (void)fprintf(
                stderr,
                "allocarrays-check: no OpenMP runtime with %s stands behind this library; "
                "link it before the runtime\n",
                name);
            abort();
        }
        memcpy(&theirs, &symbol, sizeof theirs);
        __atomic_store_n(known, theirs, __ATOMIC_RELAXED);
    }
    return theirs;
}
