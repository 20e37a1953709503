/* A plug-in of tests/unit/test_plugin: it brings the library and an OpenMP runtime into a program that has neither. */
#include "plugin.h"

static aa_allocator *at_load;
static int after_load;

/* The library works in constructors and destructors of what uses it. */
__attribute__((constructor)) static void load(void)
{
    at_load = aa_arena_create(NULL);
    after_load = aa_alloc(at_load, 100) != NULL;
}

__attribute__((destructor)) static void unload(void)
{
    if (aa_alloc(at_load, 100) == NULL || aa_destroy(at_load) != AA_OK) {
        abort();
    }
}

static int regions(aa_allocator *a)
{
    int wrong = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(3) reduction(+ : wrong)
        {
            wrong += aa_current() != a;
            wrong += aa_alloc(AA_CURRENT, 100) == NULL;
        }
    }
    return wrong + (strcmp(aa_scope_mode(), "threads") == 0);
}

static void *make(int kind)
{
    return kind == 0 ? aa_shared_create(NULL) : aa_private_create(NULL);
}

/* Ends inside a scope, with a lease. */
static int use(void *a)
{
    const aa_scope scope = aa_scope_enter(a);
    (void)scope;
    return aa_alloc(a, 100) == NULL || aa_alloc(AA_CURRENT, 100) == NULL;
}

static int reset(void *a)
{
    return aa_reset(a) != AA_OK || aa_alloc(a, 100) == NULL;
}

static int end(void *a)
{
    return regions(a) + (aa_destroy(a) != AA_OK);
}

extern const plugin_calls plugin;
const plugin_calls plugin = {&after_load, make, use, reset, end};
