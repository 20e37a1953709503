/* What every public header needs: linkage, attributes, the opaque types. Installed, undocumented. */
#ifndef ALLOCARRAYS_IMPL_BASE_H
#define ALLOCARRAYS_IMPL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
#define AAI_BEGIN_DECLS extern "C" {
#define AAI_END_DECLS }
#define AAI_STRUCT(type) type
#else
#define AAI_BEGIN_DECLS
#define AAI_END_DECLS
#define AAI_STRUCT(type) (type)
#endif

#define AA_API __attribute__((visibility("default")))
#define AAI_INLINE static inline __attribute__((always_inline, unused))
#define AAI_COLD __attribute__((cold, noinline))
#define AAI_LIKELY(x) __builtin_expect(!!(x), 1)
#define AAI_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Names for the hidden variables of the block macros, unique per use so that -Wshadow stays quiet. */
#define AAI_PASTE_(a, b) a##b
#define AAI_PASTE(a, b) AAI_PASTE_(a, b)
#define AAI_UNIQUE(stem) AAI_PASTE(stem, __COUNTER__)

typedef struct aa_allocator aa_allocator;
typedef struct aa_upstream aa_upstream;

#endif
