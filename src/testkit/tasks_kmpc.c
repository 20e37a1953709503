/* Side library testkit: tasks of clang's programs. The compiler asks the runtime for a task with room for the shared
 * variables, fills it, and hands it over. We ask for more room and keep our record before the shared variables:
 *
 *     [ the runtime's task | private variables | record | shared variables ]      task->shareds
 *
 * The runtime finds a task's shared variables by that pointer alone, and copies a task (taskloop) whole, the
 * pointer at the same distance. */
#include "tasks.h"

#include <allocarrays/impl/base.h>

/* The start of what the ABI of LLVM's runtime calls kmp_task_t. */
typedef struct kmp_task {
    void *shareds;
} kmp_task;

typedef int entry_call(int thread, void *task);

/* Of two pointers' alignment, as the runtime aligns the shared variables. */
typedef struct record {
    entry_call *entry;
    aa_token creator;
    bool told;
} record;

static int run_record(int thread, void *started)
{
    record *const r = (record *)((const kmp_task *)started)->shareds - 1;
    aai_task task;
    aai_task_begin(&task, r->creator, &r->told);
    const int result =
        r->entry(thread, started); /* ends an untied task, or a part: r may be gone */
    aai_task_end(&task);
    return result;
}

typedef void *alloc_call(void *location, int thread, int flags, size_t task_bytes,
                         size_t shared_bytes, entry_call *entry);

AA_API alloc_call __kmpc_omp_task_alloc;
void *__kmpc_omp_task_alloc(void *location, int thread, int flags, size_t task_bytes,
                            size_t shared_bytes, entry_call *entry)
{
    static aai_kit_function *known;
    kmp_task *const made =
        ((alloc_call *)aai_kit_theirs(&known, "__kmpc_omp_task_alloc", (aai_kit_function *)entry))(
            location, thread, flags, task_bytes, sizeof(record) + shared_bytes, run_record);
    record *const r = made->shareds;
    *r = (record){.entry = entry, .creator = aai_task_creator()};
    made->shareds = r + 1;
    return made;
}
