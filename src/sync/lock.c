/* Floor 3, sync: the lock. */
#include "sync/lock.h"

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

void aai_lock_acquire(aai_lock *lock)
{
    aai_assert(held >> lock->rank == 0); /* nothing of this rank or a higher one is held */
    held |= 1U << lock->rank;
    (void)pthread_mutex_lock(&lock->mutex);
}

void aai_lock_release(aai_lock *lock)
{
    (void)pthread_mutex_unlock(&lock->mutex);
    held &= ~(1U << lock->rank);
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
