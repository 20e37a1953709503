/* Floor 1, base: failures, violations, settings, checked arithmetic. Knows no allocator and no thread. */
#ifndef AAI_BASE_H
#define AAI_BASE_H

#include <allocarrays/impl/fail.h>
#include <allocarrays/status.h>
#include <stdlib.h>
#include <string.h>

#define AAI_KIB ((size_t)1024)
#define AAI_MIB (AAI_KIB * AAI_KIB)
#define AAI_MAX_ALIGNMENT ((size_t)1 << 30)
#define AAI_MAX_BYTES ((size_t)PTRDIFF_MAX)

/* Ours, not the caller's: a broken one is a bug of this library, found in every build. */
#define aai_assert(condition)                                                                      \
    ((condition) ? (void)0 : aai_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void aai_assert_failed(const char *condition, const char *file, int line);

#define aai_container_of(pointer, type, member)                                                    \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

static inline bool aai_is_pow2(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static inline size_t aai_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t aai_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Round up to mask + 1 (a power of two); false when that passes AAI_MAX_BYTES. */
static inline bool aai_round_up(size_t bytes, size_t mask, size_t *rounded)
{
    if (bytes > AAI_MAX_BYTES - mask) {
        return false;
    }
    *rounded = (bytes + mask) & ~mask;
    return true;
}

/* Bytes to skip from a pointer to the next multiple of mask + 1. */
static inline size_t aai_padding(const void *pointer, size_t mask)
{
    return (size_t)(-(uintptr_t)pointer) & mask;
}

/* Saturating: a size that only steers how much to ask for. */
static inline size_t aai_add_capped(size_t a, size_t b)
{
    return a > AAI_MAX_BYTES - b ? AAI_MAX_BYTES : a + b;
}

/* Grow a malloc'ed vector to hold one more element: *items of *capacity elements, `count` in use.
 * Returns false, with nothing changed, when there is no memory. errno is kept. */
bool aai_vector_grow(void **items, size_t *capacity, size_t count, size_t item_bytes);

/* Bytes of the UTF-8 character that begins here, 0: none does. Forms that are too long and surrogates are none. Reads no
 * byte past the one that ends the text. */
size_t aai_utf8_at(const unsigned char *at);

/* malloc, calloc and free that leave errno alone. */
void *aai_malloc(size_t bytes);
void *aai_calloc(size_t bytes);
void aai_mfree(void *pointer);

/* Fill nothing, decide nothing: pass a complete violation to the handler, or to the default one. */
void aai_violation_deliver(const aa_violation *violation);
/* Called once the default handler has printed, before it aborts; NULL at first. */
extern void (*aai_before_abort)(void);
void aai_violation_fork_hold(void);
void aai_violation_fork_let_go(void);
aa_status aai_violation_status(aa_violation_kind kind);

/* One line on stderr, prefixed; at most once per `flag`, which starts at 0. */
void aai_warn_once(int *flag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The environment, read once. One table in options.c makes it; AA_VERBOSE=1 prints it. */
typedef struct aai_settings {
    int checks;       /* AA_CHECKS: an aa_checks, AA_CHECKS_NONE when unset */
    int verbose;      /* AA_VERBOSE: 0 or 1 */
    int stats;        /* AA_STATS: 0, 1 (text) or 2 (json) at exit */
    int team_timeout; /* AA_TEAM_TIMEOUT: seconds */
    int hugetlb;      /* AA_HUGETLB: 0 or 1 */
    const char *omp_allocator; /* AA_OMP_ALLOCATOR: as it was; NULL when unset. scope/traits_text.c reads it */
    /* AA_TRACE: a file's name; NULL when unset */
    const char *trace;
} aai_settings;
const aai_settings *aai_settings_get(void);

#endif
