/* Floor 5, alloc: fork. Every lock is held across it, so that the child finds no structure half changed and every
 * lock free. The child's other threads are gone: their lanes and arenas become idle, as at a thread's end, their marks
 * and scopes end, and what they had under way is forgotten. A runtime that starts anew in the child (LLVM's) gets back
 * the current allocator of the forking thread, when that thread first asks. Pins stay: they belong to arrays, not to
 * threads. Not ours to cure: a child of a process that has run a region under libgomp hangs in its first own region. */
#include "alloc/heap.h"
#include "alloc/served.h"

#include "sync/team.h"
#include "sync/trace.h"

#include <pthread.h>

void (*aai_fork_scopes)(void);
void (*aai_fork_scope_locks)(void (*each)(aai_lock *));

static void (*visitor)(aai_lock *);

static void visit_allocator(aai_base *base, void *context)
{
    (void)context;
    if (base->head.ops->locks != NULL) {
        base->head.ops->locks(&base->head, visitor);
    }
}

/* In rank order for holding; releasing has no order. The registry lock is handled by the callers. */
static void visit_all(void (*each)(aai_lock *))
{
    visitor = each;
    aai_each_live_locked(visit_allocator, NULL);
    aai_places_fork(each);
    aai_tracker_fork(each);
    if (aai_fork_scope_locks != NULL) {
        aai_fork_scope_locks(each);
    }
    aai_served_fork(each);
    aai_heap_fork(each);
    aai_memory_fork(each);
}

static void prepare(void)
{
    const uintptr_t current = aai_omp_fork_look(); /* under no lock: the runtime has its own */
    aai_lock_hold(&aai_registry_lock);
    visit_all(aai_lock_hold);
    aai_violation_fork_hold();
    aai_omp_fork_keep(current);
}

static void let_go(void)
{
    aai_violation_fork_let_go();
    visit_all(aai_lock_let_go);
    aai_lock_let_go(&aai_registry_lock);
}

static void forget_calls(aai_base *base, void *context)
{
    (void)context;
    if (base->head.ops->forked != NULL) {
        base->head.ops->forked(&base->head);
    }
}

static void child(void)
{
    let_go();
    aai_omp_forked();
    aai_places_abandon();
    aai_each_live(forget_calls, NULL);
    if (aai_fork_scopes != NULL) {
        aai_fork_scopes();
    }
}

/* The recorder's lock comes after all others, so it is registered before: what is registered last is held first. */
void aai_fork_install(void)
{
    aai_trace_fork();
    (void)pthread_atfork(prepare, let_go, child);
}
