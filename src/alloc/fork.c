/* Floor 5, alloc: fork. Every lock is held across it, so that the child finds no structure half changed and
 * every lock free. The child's other threads are gone; what they held (lanes, marks, scopes) stays as they left it. */
#include "alloc/heap.h"

#include <pthread.h>

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
    aai_heap_fork(each);
    aai_memory_fork(each);
}

static void prepare(void)
{
    aai_lock_hold(&aai_registry_lock);
    visit_all(aai_lock_hold);
}

static void let_go(void)
{
    visit_all(aai_lock_let_go);
    aai_lock_let_go(&aai_registry_lock);
}

static void install(void)
{
    (void)pthread_atfork(prepare, let_go, let_go);
}

void aai_fork_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}
