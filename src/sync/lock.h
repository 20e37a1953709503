/* Floor 3, sync: the one lock type.
 *
 * A pthread mutex: no spinning, for these machines may be oversubscribed. Under a lock: no system call, no
 * user code (a test's injection point aside, impl/inject.h). Ranks, taken in this order only:
 *     registry < allocator < places < tracker < rounds < handles < served < shard < map < guard < cell < pool <
 *     trace (trace.h: the one under which the system is called)
 * aai_lock_acquire asserts it: a thread holds at most one lock per rank, and takes higher ranks later. */
#ifndef AAI_LOCK_H
#define AAI_LOCK_H

#include "base/base.h"

#include <pthread.h>

typedef enum aai_rank {
    AAI_RANK_NONE,
    AAI_RANK_REGISTRY,
    AAI_RANK_ALLOCATOR,
    AAI_RANK_PLACES,
    AAI_RANK_TRACKER,
    AAI_RANK_ROUNDS,
    AAI_RANK_HANDLES,
    AAI_RANK_SERVED,
    AAI_RANK_SHARD,
    AAI_RANK_MAP,
    AAI_RANK_GUARD,
    AAI_RANK_CELL,
    AAI_RANK_POOL,
    AAI_RANK_TRACE
} aai_rank;

typedef struct aai_lock {
    pthread_mutex_t mutex;
    aai_rank rank;
} aai_lock;

#define AAI_LOCK_INIT(rank)                                                                        \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, rank                                                            \
    }

void aai_lock_init(aai_lock *lock, aai_rank rank);
void aai_lock_fini(aai_lock *lock);
void aai_lock_acquire(aai_lock *lock);
void aai_lock_release(aai_lock *lock);
/* For fork alone: hold a lock across it, many of one rank at once, and let it go in both processes. */
void aai_lock_hold(aai_lock *lock);
void aai_lock_let_go(aai_lock *lock);
/* Whether this thread holds any lock of the library: a signal handler must not wait for it. */
bool aai_lock_any_held(void);

#endif
