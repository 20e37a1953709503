/* A plug-in that uses the library is closed while threads live that used it. This program links neither the library
 * nor an OpenMP runtime (the linker leaves out what is not needed): both come with the plug-in. */
#include "plugin.h"
#include "runner.h"
#include "threads.h"

#include <dlfcn.h>

enum { THREADS = 8 };

static const plugin_calls *load(void **handle)
{
    *handle = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(*handle != NULL, "%s", dlerror());
    const plugin_calls *const calls = dlsym(*handle, "plugin");
    ck_assert_ptr_nonnull(calls);
    ck_assert_int_eq(*calls->after_load, 1);
    return calls;
}

typedef struct errand {
    const plugin_calls *calls;
    void *allocator;
} errand;

static void use_and_stay(guest *g)
{
    const errand *const e = g->argument;
    g->wrong += e->calls->use(e->allocator);
    guest_stay(g); /* and ends when the plug-in is closed: the library's exit handlers run */
}

static void close_while_threads_live(int kind)
{
    void *handle;
    const plugin_calls *calls = load(&handle);
    void *const allocator = calls->make(kind);
    guest guests[THREADS];
    errand e = {calls, allocator};
    ck_assert_ptr_nonnull(allocator);
    for (int i = 0; i < THREADS; ++i) {
        guest_invite(&guests[i], use_and_stay, &e);
    }
    ck_assert_int_eq(dlclose(handle), 0);
    for (int i = 0; i < THREADS; ++i) {
        guest_dismiss(&guests[i]);
    }
    calls = load(&handle); /* what it made is still there */
    ck_assert_int_eq(calls->reset(allocator), 0);
    ck_assert_int_eq(calls->end(allocator), 0);
    ck_assert_int_eq(dlclose(handle), 0);
}

START_TEST(threads_that_used_a_closed_plugin_end_well)
{
    close_while_threads_live(_i);
}
END_TEST

START_TEST(a_runtime_that_comes_with_a_plugin_carries_scopes)
{
    void *handle;
    const plugin_calls *const calls = load(&handle);
    void *const allocator = calls->make(0);
    ck_assert_int_eq(calls->end(allocator), 0);
    ck_assert_int_eq(dlclose(handle), 0);
}
END_TEST

AA_TEST_MAIN("plug-in", AA_TEST_LOOP(threads_that_used_a_closed_plugin_end_well, 0, 2),
             AA_TEST(a_runtime_that_comes_with_a_plugin_carries_scopes))
