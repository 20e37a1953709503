/* Side library testkit: the runtime's own calls behind ours. See tasks.h.
 *
 * Several threads may look at once: all find the same address, and the word holds NULL or it (relaxed: the code it
 * leads to was mapped before any of them ran). A process that calls one name in two runtimes, each private to a
 * plug-in, gets the first for both. */
#include "tasks.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *loaded_as(const char *path)
{
    return path == NULL || path[0] == '\0' ? NULL : dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
}

/* A plug-in may have brought a runtime that only its own libraries see: look as the plug-in does, by the address of
 * something in it. */
static void *private_to(void *something, const char *name)
{
    Dl_info plugin, runtime;
    void *const handle = dladdr(something, &plugin) != 0 ? loaded_as(plugin.dli_fname) : NULL;
    if (handle == NULL) {
        return NULL;
    }
    void *const symbol = dlsym(handle, name);
    if (symbol != NULL && dladdr(symbol, &runtime) != 0) {
        (void)loaded_as(
            runtime.dli_fname); /* kept: the runtime stays mapped, as its address does */
    }
    (void)dlclose(handle);
    return symbol;
}

static void *same_function(aai_kit_function *function)
{
    void *address;
    memcpy(&address, &function, sizeof address);
    return address;
}

aai_kit_function *aai_kit_theirs(aai_kit_function **known, const char *name,
                                 aai_kit_function *of_caller)
{
    aai_kit_function *theirs = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (theirs == NULL) {
        void *symbol = dlsym(RTLD_NEXT, name);
        if (symbol == NULL) {
            symbol = private_to(same_function(of_caller), name);
        }
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
