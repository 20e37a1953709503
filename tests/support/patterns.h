/* Memory filled with a pattern that depends on a seed, so that an overlap or a lost write is seen. */
#ifndef AA_TESTS_SUPPORT_PATTERNS_H
#define AA_TESTS_SUPPORT_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline unsigned char pattern_byte(size_t i, unsigned seed)
{
    return (unsigned char)((i * 131 + (i >> 8) * 29 + seed * 241 + 7) & 0xff);
}

static inline void pattern_fill(void *memory, size_t bytes, unsigned seed)
{
    unsigned char *const p = memory;
    for (size_t i = 0; i < bytes; ++i) {
        p[i] = pattern_byte(i, seed);
    }
}

static inline bool pattern_holds(const void *memory, size_t bytes, unsigned seed)
{
    const unsigned char *const p = memory;
    for (size_t i = 0; i < bytes; ++i) {
        if (p[i] != pattern_byte(i, seed)) {
            return false;
        }
    }
    return true;
}

static inline bool is_zero(const void *memory, size_t bytes)
{
    const unsigned char *const p = memory;
    for (size_t i = 0; i < bytes; ++i) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static inline bool is_aligned(const void *pointer, size_t alignment)
{
    return ((uintptr_t)pointer & (alignment - 1)) == 0;
}

/* Whether [pointer, pointer + bytes) lies in [memory, memory + size). */
static inline bool lies_in(const void *pointer, size_t bytes, const void *memory, size_t size)
{
    const uintptr_t offset = (uintptr_t)pointer - (uintptr_t)memory;
    return offset <= size && bytes <= size - offset;
}

/* Bytes rounded up to the default alignment: what an allocation of a bump allocator uses. */
static inline size_t rounded_64(size_t bytes)
{
    return bytes == 0 ? 64 : (bytes + 63) & ~(size_t)63;
}

#endif
