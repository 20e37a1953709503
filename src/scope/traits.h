/* Floor 6, scope: OpenMP's allocator traits, as numbers and as words. */
#ifndef AAI_TRAITS_H
#define AAI_TRAITS_H

#include "scope/scope.h"

enum {
    AAI_SPACE_DEFAULT = 0,
    AAI_SPACE_LARGE_CAP,
    AAI_SPACE_CONST,
    AAI_SPACE_HIGH_BW,
    AAI_SPACE_LOW_LAT,
    AAI_SPACE_LLVM_FIRST = 100, /* llvm_omp_target_..._mem_space */
    AAI_SPACE_LLVM_LAST = 102
};

enum {
    AAI_ATK_SYNC_HINT = 1,
    AAI_ATK_ALIGNMENT,
    AAI_ATK_ACCESS,
    AAI_ATK_POOL_SIZE,
    AAI_ATK_FALLBACK,
    AAI_ATK_FB_DATA,
    AAI_ATK_PINNED,
    AAI_ATK_PARTITION,
    AAI_ATK_END
};

enum {
    AAI_ATV_FALSE = 0,
    AAI_ATV_TRUE = 1,
    AAI_ATV_CONTENDED = 3,
    AAI_ATV_UNCONTENDED,
    AAI_ATV_SERIALIZED,
    AAI_ATV_PRIVATE,
    AAI_ATV_ALL,
    AAI_ATV_THREAD,
    AAI_ATV_PTEAM,
    AAI_ATV_CGROUP,
    AAI_ATV_DEFAULT_MEM_FB,
    AAI_ATV_NULL_FB,
    AAI_ATV_ABORT_FB,
    AAI_ATV_ALLOCATOR_FB,
    AAI_ATV_ENVIRONMENT,
    AAI_ATV_NEAREST,
    AAI_ATV_BLOCKED,
    AAI_ATV_INTERLEAVED
};
#define AAI_ATV_DEFAULT UINTPTR_MAX

enum { AAI_TRAITS_MAX = AAI_ATK_END };

typedef struct aai_pool_words {
    uintptr_t space;
    int count;
    aai_omp_trait traits[AAI_TRAITS_MAX];
    bool is_plain; /* the default allocator: nothing to make */
} aai_pool_words;

/* Read OMP_ALLOCATOR's syntax. False: it is not understood, and *wrong points to where. */
bool aai_pool_read(const char *text, aai_pool_words *words, const char **wrong);

/* aa_upstream_omp of a handle that ends with it; nothing is checked. */
aa_upstream *aai_upstream_omp_own(uintptr_t handle);

/* The allocator where no scope is open: the heap, or what AA_OMP_ALLOCATOR says. */
aa_allocator *aai_default_allocator(void);

#endif
