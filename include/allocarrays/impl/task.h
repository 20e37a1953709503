/* Between the core and whoever sees explicit tasks begin and end, but leaves their scope as it is: the test kit.
 * Installed, undocumented. */
#ifndef ALLOCARRAYS_IMPL_TASK_H
#define ALLOCARRAYS_IMPL_TASK_H

#include <allocarrays/scope.h>

AAI_BEGIN_DECLS

/* An explicit task that the calling thread runs. */
typedef struct aai_task {
    aa_token creator; /* the scope that it was created in */
    struct aai_task *outer;
    uintptr_t handle; /* def-allocator-var at its beginning */
    size_t depth;     /* how many scopes the thread had open then */
    bool told;
} aai_task;

/* Between them, on the same thread and in the reverse order, what asks AA_CURRENT belongs to the task: without a
 * scope or token of its own in a scope that is not its creator's it is reported, once, as AA_RACE. */
AA_API void aai_task_begin(aai_task *task, aa_token creator);
AA_API void aai_task_end(aai_task *task);

AAI_END_DECLS

#endif
