/* Floor 3, sync: the lock. */
#include "sync/lock.h"

#include "base/point.h"

#include <allocarrays/impl/inject.h>

/* One int: safe as initial-exec. volatile: read by signal handlers of the same thread. Ranks held, as bits. */
static __thread volatile unsigned held __attribute__((tls_model("initial-exec")));

void aai_lock_init(aai_lock *lock, aai_rank rank)
{
    (void)pthread_mutex_init(&lock->mutex, NULL);
    lock->rank = rank;
}

void aai_lock_fini(aai_lock *lock)
{
    (void)pthread_mutex_destroy(&lock->mutex);
}

/* A test's; NULL in production. Relaxed: orders nothing, lest it hide the race that a test looks for. */
static void (*injected)(unsigned where);

void aai_injection_set(void (*point)(unsigned where))
{
    __atomic_store_n(&injected, point, __ATOMIC_RELAXED);
}

static inline void pass_point(const aai_lock *lock, unsigned released)
{
    void (*const point)(unsigned) = __atomic_load_n(&injected, __ATOMIC_RELAXED);
    if (AAI_UNLIKELY(point != NULL)) {
        point((unsigned)lock->rank << 1 | released);
    }
}

/* The explorer runs one thread at a time: who waited inside the mutex would stop them all. */
static inline void take(aai_lock *lock)
{
#ifdef AA_EXPLORED
    AAI_POINT();
    while (pthread_mutex_trylock(&lock->mutex) != 0) {
        aai_explore_wait(lock);
    }
#else
    (void)pthread_mutex_lock(&lock->mutex);
#endif
}

static inline void let_go(aai_lock *lock)
{
    (void)pthread_mutex_unlock(&lock->mutex);
#ifdef AA_EXPLORED
    aai_explore_wake(lock);
#endif
}

void aai_lock_acquire(aai_lock *lock)
{
    pass_point(lock, 0);
    aai_assert(held >> lock->rank == 0); /* nothing of this rank or a higher one is held */
    held |= 1U << lock->rank;
    take(lock);
}

void aai_lock_release(aai_lock *lock)
{
    let_go(lock);
    held &= ~(1U << lock->rank);
    pass_point(lock, AAI_POINT_RELEASED);
    AAI_POINT();
}

void aai_lock_hold(aai_lock *lock)
{
    (void)pthread_mutex_lock(&lock->mutex);
}

void aai_lock_let_go(aai_lock *lock)
{
    (void)pthread_mutex_unlock(&lock->mutex);
}

bool aai_lock_any_held(void)
{
    return held != 0;
}
