/* Between the core and whoever sees explicit tasks begin and end, but leaves their scope as it is: the test kit.
 * Installed, undocumented. */
#ifndef ALLOCARRAYS_IMPL_TASK_H
#define ALLOCARRAYS_IMPL_TASK_H

#include <allocarrays/scope.h>

AAI_BEGIN_DECLS

/* An explicit task that the calling thread runs. */
typedef struct aai_task {
    aa_token creator; /* the scope that it should have */
    struct aai_task *outer;
    uintptr_t handle; /* def-allocator-var at its beginning */
    size_t depth;     /* how many scopes the thread had open then */
    bool *told;       /* it was reported */
} aai_task;

/* The scope that a task which is made now should have: the one that is open here, and in a task that has lost its
 * own, that. An empty token when the allocator is gone. Reports nothing. */
AA_API aa_token aai_task_creator(void);

/* Between them, on the same thread and in the reverse order, what asks AA_CURRENT belongs to the task: without a
 * scope or token of its own in a scope that is not its creator's it is reported as AA_RACE, if *told is false, which
 * is then set: false at first, and the same for each part of an untied task that runs in parts. */
AA_API void aai_task_begin(aai_task *task, aa_token creator, bool *told);
AA_API void aai_task_end(aai_task *task);

AAI_END_DECLS

#endif
