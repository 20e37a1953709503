/* Between the core and an OMPT tool: the tool joins, and tells what it sees. Installed, undocumented. */
#ifndef ALLOCARRAYS_IMPL_OMPT_H
#define ALLOCARRAYS_IMPL_OMPT_H

#include <allocarrays/impl/base.h>

AAI_BEGIN_DECLS

typedef enum aai_region_kind {
    AAI_REGION_PARALLEL,
    AAI_REGION_LEAGUE /* teams, more than one */
} aai_region_kind;

/* All may be called inside a callback of the runtime, on any thread. */
typedef struct aai_ompt_core {
    /* def-allocator-var of this thread; 0 where no OpenMP runtime is known to carry scopes. */
    uintptr_t (*scope_get)(void);
    /* Set it; not 0. */
    void (*scope_set)(uintptr_t handle);
    /* This thread opens a region under its current scope. */
    void (*region_begin)(aai_region_kind kind);
    /* The last region that this thread opened has ended. */
    void (*region_end)(void);
} aai_ompt_core;

typedef enum aai_ompt_step { AAI_OMPT_JOIN, AAI_OMPT_LEAVE } aai_ompt_step;

/* From a tool's joining to its leaving, live regions count in the reset proof. */
AA_API const aai_ompt_core *aai_ompt_take(aai_ompt_step step);

AAI_END_DECLS

#endif
