/* Floor 3, sync: what we ask of the OpenMP runtime. team.c is the only file that knows it. */
#ifndef AAI_TEAM_H
#define AAI_TEAM_H

#include "base/base.h"

/* Where the calling thread stands. All zero without an OpenMP runtime. */
int aai_omp_level(
    void); /* nesting of regions, those of one thread too; several host teams are one more */
int aai_omp_regions(void); /* of regions alone; cheaper, once aai_omp_carries has been asked */
int aai_omp_ancestor(
    int level); /* thread number at an outer level or this one; -1: there is none */
int aai_omp_team_size(int level); /* of that level; 1 where there is none */
bool aai_omp_in_parallel(void);
int aai_omp_thread_num(void);
int aai_omp_num_threads(void);

/* The carrier of scopes: def-allocator-var. Usable only when aai_omp_carries() says so. */
extern int
    aai_omp_ready; /* 1 once it was found usable; acquire, for what was found (release in carries_slow) */
bool aai_omp_carries_slow(void);
static inline bool aai_omp_carries(void)
{
    return AAI_LIKELY(__atomic_load_n(&aai_omp_ready, __ATOMIC_ACQUIRE) != 0) ||
           aai_omp_carries_slow();
}
uintptr_t aai_omp_default_get(void);
void aai_omp_default_set(uintptr_t handle);
uintptr_t aai_omp_handle_make(size_t alignment); /* 0 when refused */

/* The runtime's own memory. Usable only when aai_omp_allocates() says so, which looks for a late one. */
typedef struct aai_omp_trait { /* an omp_alloctrait_t */
    int key;
    uintptr_t value;
} aai_omp_trait;
bool aai_omp_allocates(void);
uintptr_t aai_omp_handle_init(uintptr_t space, int count,
                              const aai_omp_trait *traits); /* 0: refused */
void aai_omp_handle_end(uintptr_t handle);
void *aai_omp_alloc(size_t bytes, uintptr_t handle);
void aai_omp_free(void *pointer, uintptr_t handle);

/* Handles up to this one are omp_null_allocator and the runtime's predefined ones; 1 is omp_default_mem_alloc. */
enum { AAI_OMP_DEFAULT = 1, AAI_OMP_PREDEFINED = 8 };
/* Divide [start, start + bytes) at multiples of `page` as a static schedule would, one part for each thread of a new
 * region; inside a region, without a runtime and in a forked child (where libgomp's regions hang) all of it here.
 * Not under a lock. */
typedef void aai_omp_part(char *start, size_t bytes);
void aai_omp_split(aai_omp_part *part, char *start, size_t bytes, size_t page);

/* Around a fork: LLVM's runtime starts anew in the child and forgets def-allocator-var. look: what the caller's
 * is; keep: remember it, under the locks of the fork; forked: in the child, where the thread that forked gets it
 * back at its next call here. */
uintptr_t aai_omp_fork_look(void);
void aai_omp_fork_keep(uintptr_t value);
void aai_omp_forked(void);

/* Look again for a runtime that arrived with a plug-in. Cheap once one is found. */
void aai_omp_look_again(void);

#endif
