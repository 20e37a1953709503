/* Floor 6, scope: explicit tasks that allocate without the scope of their creator. Runtimes tell nobody who made a
 * task, so this needs someone who saw it: the test kit, which wraps the calls that create tasks.
 *
 *     record->task == the innermost task under way on this thread that was seen; NULL: none
 *     the task has a scope of its own  ==  it has opened one and not left it, or has set def-allocator-var itself
 *     it has lost its scope  ==  it has none of its own, and what is current is not its creator's
 * The tasks that such a task makes should have what it should have: the loss is reported where it does harm, however
 * many tasks passed it on.
 *
 * Who: a task's record lies on the stack of the thread that runs it, which alone reads and writes it. A tied task
 * that waits lends its thread to others, which end before it goes on: a stack. */
#include "scope/scope.h"

#include <allocarrays/impl/task.h>

bool aai_tasks_seen;

static size_t depth_of(const aai_thread *self)
{
    return self->scopes == NULL ? 0 : self->scopes->depth;
}

static uintptr_t handle_now(void)
{
    return aai_omp_carries() ? aai_omp_default_get() : 0;
}

static bool has_own_scope(const aai_thread *self, const aai_task *task)
{
    return depth_of(self) > task->depth || handle_now() != task->handle;
}

static bool has_lost_scope(const aai_thread *self, const aai_task *task,
                           const aa_allocator *current)
{
    const aa_token *const creator = &task->creator;
    return creator->allocator != NULL && creator->allocator != current &&
           aai_alive(creator->cell, creator->id) && !has_own_scope(self, task);
}

aa_token aai_task_creator(void)
{
    const aai_thread *const self = aai_self();
    const aai_task *const task = self == NULL ? NULL : self->task;
    aa_allocator *const current = aai_current_quietly();
    if (task != NULL && has_lost_scope(self, task, current)) {
        return task->creator;
    }
    if (current == NULL) {
        return (aa_token){.allocator = NULL};
    }
    const aai_base *const base = aai_base_of(current);
    return (aa_token){.allocator = current, .cell = base->cell, .id = base->id};
}

void aai_task_begin(aai_task *task, aa_token creator, bool *told)
{
    aai_thread *const self = aai_self();
    if (self == NULL) {
        return;
    }
    *task = (aai_task){.creator = creator,
                       .outer = self->task,
                       .handle = handle_now(),
                       .depth = depth_of(self),
                       .told = told};
    self->task = task;
    AAI_STORE(aai_tasks_seen, true); /* relaxed: this thread reads it */
}

void aai_task_end(aai_task *task)
{
    aai_thread *const self = aa_tls.record;
    if (self != NULL && self->task == task) {
        self->task = task->outer;
    }
}

void aai_task_look(const aa_allocator *current, aai_site site)
{
    const aai_thread *const self = aa_tls.record;
    const aai_task *const task = self == NULL ? NULL : self->task;
    if (task == NULL || *task->told || !has_lost_scope(self, task, current)) {
        return;
    }
    const aa_allocator *const wanted = task->creator.allocator;
    if (wanted->tier == AA_CHECKS_NONE && current->tier == AA_CHECKS_NONE) {
        return;
    }
    *task->told = true;
    (void)aai_violate(
        AA_RACE, current, site,
        "a task allocates from '%s', which is in scope on the thread that runs it; it was "
        "created in the scope of '%s'. Take a token along (aa_scope_capture, "
        "firstprivate) and enter it in the task (AA_TASK)",
        aa_name(current), aa_name(wanted));
}
