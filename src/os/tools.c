/* Floor 2, os: the memory checkers' entry points; see tools.h. */
#include "os/tools.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAVE_VALGRIND 1
#endif
#endif

#pragma weak __asan_poison_memory_region
#pragma weak __asan_unpoison_memory_region
#pragma weak __tsan_read1
#pragma weak __tsan_write1
extern void __asan_poison_memory_region(const volatile void *, size_t);
extern void __asan_unpoison_memory_region(const volatile void *, size_t);
extern void __tsan_read1(void *);
extern void __tsan_write1(void *);

static bool under_valgrind(void)
{
#ifdef HAVE_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

bool aai_tools_poisoning(void)
{
    return __asan_poison_memory_region != NULL || under_valgrind();
}

void aai_tools_poison(const void *pointer, size_t bytes)
{
    if (__asan_poison_memory_region != NULL) {
        __asan_poison_memory_region(pointer, bytes);
    }
#ifdef HAVE_VALGRIND
    (void)VALGRIND_MAKE_MEM_NOACCESS(pointer, bytes);
#endif
}

void aai_tools_unpoison(const void *pointer, size_t bytes, bool defined)
{
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(pointer, bytes);
    }
#ifdef HAVE_VALGRIND
    if (defined) {
        (void)VALGRIND_MAKE_MEM_DEFINED(pointer, bytes);
    } else {
        (void)VALGRIND_MAKE_MEM_UNDEFINED(pointer, bytes);
    }
#else
    (void)defined;
#endif
}

bool aai_tools_race_detecting(void)
{
    return __tsan_read1 != NULL;
}

void aai_tools_race_read(const void *byte)
{
    if (__tsan_read1 != NULL) {
        __tsan_read1((void *)(uintptr_t)byte);
    }
}

void aai_tools_race_write(const void *byte)
{
    if (__tsan_write1 != NULL) {
        __tsan_write1((void *)(uintptr_t)byte);
    }
}
