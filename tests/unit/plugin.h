/* What tests/unit/plugin.c offers tests/unit/test_plugin.c, which does not link the library. */
#ifndef AA_TESTS_UNIT_PLUGIN_H
#define AA_TESTS_UNIT_PLUGIN_H

#include <allocarrays.h>
#include <stdlib.h>
#include <string.h>

typedef struct plugin_calls {
    const int *after_load;
    void *(*make)(int kind);
    int (*use)(void *allocator); /* these return what was wrong */
    int (*reset)(void *allocator);
    int (*end)(void *allocator);
} plugin_calls;

#endif
