/* Of the tests of AA_CHECKS=full: allocators whose memory can be looked at after a reset, and writes outside. */
#ifndef AA_TESTS_SUPPORT_FULL_H
#define AA_TESTS_SUPPORT_FULL_H

#include "kinds.h"
#include "sanitizers.h"
#include "violations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The tests below break rules that AddressSanitizer and Valgrind punish at once, where ours waits. */
static inline bool under_a_memory_checker(void)
{
    const char *const preloaded = getenv("LD_PRELOAD");
    return UNDER_ASAN || (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL);
}

/* The C heap as upstream: a reset leaves the memory where it is, so that it can be looked at. */
static inline aa_allocator *full_create(int kind)
{
    return bump_create(
        kind,
        &(aa_options){.name = "watched", .checks = AA_CHECKS_FULL, .upstream = aa_upstream_heap()});
}

/* Write one byte at an offset from a block, where the compiler does not see that it is outside. */
static inline void poke(void *block, ptrdiff_t offset)
{
    volatile char *const p = block;
    p[offset] = (char)(p[offset] + 1);
}

static inline bool all_nan(const void *memory, size_t bytes)
{
    for (size_t i = 0; i + sizeof(float) <= bytes; i += sizeof(float)) {
        float x;
        memcpy(&x, (const char *)memory + i, sizeof x);
        if (!isnan(x)) {
            return false;
        }
    }
    for (size_t i = 0; i + sizeof(double) <= bytes; i += sizeof(double)) {
        double x;
        memcpy(&x, (const char *)memory + i, sizeof x);
        if (!isnan(x)) {
            return false;
        }
    }
    return true;
}

/* One finding that names the allocator and the call; the finding is no failure of the call. */
static inline void assert_corruption(const char *function)
{
    assert_one_report(function, AA_CORRUPTION);
    ck_assert_str_eq(last_violation()->function, function);
    ck_assert_str_eq(last_violation()->allocator_name, "watched");
    assert_status(aa_last_status(), AA_OK);
}

static const size_t sizes[] = {1, 7, 63, 64, 65, 127, 128, 4095, 4096, 100000, 3000000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

#endif
