/* Between the core and an OMPT tool: what each tells the other. Installed, undocumented. */
#ifndef ALLOCARRAYS_IMPL_OMPT_H
#define ALLOCARRAYS_IMPL_OMPT_H

#include <allocarrays/impl/base.h>

AAI_BEGIN_DECLS

/* What a live region was opened under: an allocator of ours and its life. */
typedef struct aai_handle aai_region_scope;

/* The core's part. All may be called inside a callback of the runtime, on any thread. */
typedef struct aai_ompt_core {
    /* def-allocator-var of this thread; 0 where no OpenMP runtime is known to carry scopes. */
    uintptr_t (*scope_get)(void);
    /* Set it; not 0. */
    void (*scope_set)(uintptr_t handle);
    /* Count a region that this thread opens now. NULL: its scope is none of ours. */
    const aai_region_scope *(*region_begin)(void);
    /* Count it no more; NULL is fine. Any thread, once for each begin. */
    void (*region_end)(const aai_region_scope *scope);
} aai_ompt_core;

/* The tool's part. */
typedef struct aai_ompt_tool {
    /* How many of the live regions around the caller were opened under this scope. */
    uint64_t (*regions_around)(const aai_region_scope *scope);
} aai_ompt_tool;

/* Join: from now on tool is asked at every reset. NULL: the tool leaves, regions do not count any more. */
AA_API const aai_ompt_core *aai_ompt_join(const aai_ompt_tool *tool);

AAI_END_DECLS

#endif
