/* Side library omp: finding the OpenMP runtime's own allocation calls.
 *
 * They are what the dynamic linker finds behind this library under the same names; a runtime that came with a
 * plug-in is looked for by its file. All are looked up at the first call of any: no constructor of ours need
 * have run, and any thread may be the first.
 *
 *     aai_runtime_known == NULL, or it points to a table that is complete and never changes
 *
 * Any number of threads may look at once: each fills a table on its stack, with the same addresses, and the one
 * that takes the flag copies and publishes it; the others look again until it has. The look-up itself holds
 * nothing, for it may allocate, and whatever was put in the place of malloc may come back here. */
#include "runtime.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const aai_runtime *aai_runtime_known;

/* dlsym gives data pointers; POSIX promises that they hold functions. */
static void look_in(void *runtime, aai_runtime *found)
{
    void *symbol;
#define LOOK(name, member, result, parameters)                                                     \
    symbol = dlsym(runtime, #name);                                                                \
    memcpy(&found->member, &symbol, sizeof symbol);
    AAI_RUNTIME_LIST(LOOK)
#undef LOOK
}

static bool is_there(const aai_runtime *found)
{
    return found->alloc != NULL && found->free != NULL;
}

/* Not behind us: a plug-in brought it. The reference keeps it mapped. */
static void look_among_the_loaded(aai_runtime *found)
{
    static const char *const names[] = {"libgomp.so.1", "libomp.so.5", "libomp.so", "libiomp5.so"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !is_there(found); ++i) {
        void *const runtime = dlopen(names[i], RTLD_LAZY | RTLD_NOLOAD);
        if (runtime != NULL) {
            look_in(runtime, found);
        }
    }
}

const aai_runtime *aai_runtime_find(void)
{
    static aai_runtime table;
    static int taken;
    aai_runtime found;
    look_in(RTLD_NEXT, &found);
    if (!is_there(&found)) {
        look_among_the_loaded(&found);
    }
    if (!is_there(&found)) { /* it may still come */
        static const aai_runtime none;
        return &none;
    }
    /* relaxed: the flag orders nothing, the release below does */
    if (__atomic_exchange_n(&taken, 1, __ATOMIC_RELAXED) == 0) {
        table = found;
        /* release: pairs with the acquires in aai_runtime_get and below */
        __atomic_store_n(&aai_runtime_known, &table, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&aai_runtime_known, __ATOMIC_ACQUIRE) == NULL) {
        (void)sched_yield();
    }
    return &table;
}

_Noreturn void aai_runtime_missing(const char *name)
{
    (void)fprintf(stderr,
                  "allocarrays: no OpenMP runtime with %s stands behind liballocarrays-omp; link "
                  "this library "
                  "before the runtime\n",
                  name);
    abort();
}
