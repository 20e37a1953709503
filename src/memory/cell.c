/* Floor 4, memory: unique numbers and cells. Locks: pool_lock for the free list; steps and pins of a cell
 * under one of a fixed set of locks, so that a fork can hold them all. The pool is malloc'ed in slabs that
 * are never freed. */
#include "memory/memory.h"

#include "base/plant.h"

enum { SLAB = 32, STRIPES = 64 };

static uint64_t last_unique;
static aai_lock pool_lock = AAI_LOCK_INIT(AAI_RANK_POOL);
static aai_cell *pool;

#define ONE AAI_LOCK_INIT(AAI_RANK_CELL)
#define FOUR ONE, ONE, ONE, ONE
#define SIXTEEN FOUR, FOUR, FOUR, FOUR
static aai_lock stripes[STRIPES] = {SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN};

static aai_lock *lock_of(const aai_cell *cell)
{
    return &stripes[((uintptr_t)cell / sizeof *cell) % STRIPES];
}

uint64_t aai_unique_draw_many(uint64_t count)
{
    uint64_t now = AAI_LOAD(last_unique);
    do {
        if (count >= UINT64_MAX - now) { /* UINT64_MAX itself is no key: it means none */
            return 0;
        }
    } while (!__atomic_compare_exchange_n(&last_unique, &now, now + count, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return now + 1;
}

uint64_t aai_unique_draw(void)
{
    return aai_unique_draw_many(1);
}

void aai_unique_continue_at(uint64_t next)
{
    AAI_STORE(last_unique, next - 1);
}

static aai_cell *pop_free(void)
{
    if (!AAI_PLANT(POOL_UNLOCKED)) {
        aai_lock_acquire(&pool_lock);
    }
    aai_cell *const cell = pool;
    AAI_POINT();
    if (cell != NULL) {
        pool = cell->next_free;
    }
    if (!AAI_PLANT(POOL_UNLOCKED)) {
        aai_lock_release(&pool_lock);
    }
    return cell;
}

static void push_free(aai_cell *first, aai_cell *last)
{
    aai_lock_acquire(&pool_lock);
    last->next_free = pool;
    pool = first;
    aai_lock_release(&pool_lock);
}

/* A slab of new cells: one for the caller, the rest for the pool. */
static aai_cell *add_slab(void)
{
    aai_cell *const slab = aai_calloc(SLAB * sizeof *slab);
    if (slab == NULL) {
        return NULL;
    }
    for (size_t i = 1; i + 1 < SLAB; ++i) {
        slab[i].next_free = &slab[i + 1];
    }
    push_free(&slab[1], &slab[SLAB - 1]);
    return slab;
}

aai_cell *aai_cell_take(uint64_t id, uint64_t key, aai_cell *home)
{
    aai_cell *cell = pop_free();
    if (cell == NULL) {
        cell = add_slab();
    }
    if (cell == NULL) {
        return NULL;
    }
    AAI_STORE(cell->home, home != NULL ? home : cell);
    AAI_STORE(cell->pins, 0);
    AAI_STORE(cell->holders, 0);
    AAI_STORE(cell->regions, 0);
    cell->pinned_count = 0;
    aai_cell_restart(cell, key);
    AAI_STORE(cell->first, AAI_LOAD(cell->epoch));
    AAI_STORE(cell->id, id);
    return cell;
}

void aai_cell_give(aai_cell *cell)
{
    AAI_STORE(cell->id, 0);
    aai_cell_restart(cell, 0);
    aai_lock_acquire(lock_of(cell));
    aai_step *const steps = cell->steps;
    aai_pinned *const pinned = cell->pinned;
    cell->steps = NULL;
    cell->pinned = NULL;
    cell->step_capacity = cell->pinned_capacity = cell->pinned_count = 0;
    aai_lock_release(lock_of(cell));
    aai_mfree(steps);
    aai_mfree(pinned);
    push_free(cell, cell);
}

void aai_cell_restart(aai_cell *cell, uint64_t key)
{
    aai_lock_acquire(lock_of(cell));
    AAI_STORE(cell->key, key);
    AAI_STORE(cell->epoch, AAI_LOAD(cell->epoch) + 1);
    AAI_STORE(cell->low, UINT64_MAX);
    cell->step_count = 0;
    aai_lock_release(lock_of(cell));
}

/* Room for one more step, grown outside the lock (a cell's owner alone grows it). */
static void reserve_step(aai_cell *cell)
{
    if (cell->step_count < cell->step_capacity) {
        return;
    }
    const size_t capacity = cell->step_capacity == 0 ? 8 : cell->step_capacity * 2;
    aai_step *const grown = aai_malloc(capacity * sizeof *grown);
    if (grown == NULL) {
        return;
    }
    aai_lock_acquire(lock_of(cell));
    aai_step *const old = cell->steps;
    if (old != NULL) {
        memcpy(grown, old, cell->step_count * sizeof *grown);
    }
    cell->steps = grown;
    cell->step_capacity = capacity;
    aai_lock_release(lock_of(cell));
    aai_mfree(old);
}

void aai_cell_rewind(aai_cell *cell, uint64_t floor)
{
    reserve_step(cell);
    aai_lock_acquire(lock_of(cell));
    const uint64_t epoch = AAI_LOAD(cell->epoch) + 1;
    size_t n = cell->step_count;
    while (n > 0 && cell->steps[n - 1].floor >= floor) {
        --n;
    }
    /* Without room for the step its event is forgotten: some stale arrays pass for valid, never the
     * other way round. */
    if (n < cell->step_capacity) {
        cell->steps[n++] = (aai_step){epoch, floor};
    }
    cell->step_count = n;
    AAI_STORE(cell->low, n > 0 ? cell->steps[0].floor : UINT64_MAX);
    AAI_STORE(cell->epoch, epoch);
    aai_lock_release(lock_of(cell));
}

bool aai_cell_survived(const aai_cell *const_cell, uint64_t epoch, uint64_t ordinal)
{
    aai_cell *const cell =
        (aai_cell *)(uintptr_t)const_cell; /* its lock is not part of its value */
    if (AAI_LOAD(cell->epoch) == epoch || ordinal < AAI_LOAD(cell->low)) {
        return true;
    }
    if (!AAI_PLANT(STEPS_UNLOCKED)) {
        aai_lock_acquire(lock_of(cell));
    }
    size_t low = 0, high = cell->step_count; /* the first step younger than the array */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (cell->steps[middle].epoch > epoch) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    const bool survived = low == cell->step_count || ordinal < cell->steps[low].floor;
    if (!AAI_PLANT(STEPS_UNLOCKED)) {
        aai_lock_release(lock_of(cell));
    }
    return survived;
}

static aai_pinned *find_pinned(aai_cell *cell, uint64_t epoch, uint64_t ordinal)
{
    for (size_t i = 0; i < cell->pinned_count; ++i) {
        if (cell->pinned[i].ordinal == ordinal && cell->pinned[i].epoch == epoch) {
            return &cell->pinned[i];
        }
    }
    return NULL;
}

bool aai_cell_pin(aai_cell *cell, uint64_t epoch, uint64_t ordinal)
{
    /* Any thread may pin, so the vector is grown here under the lock: rare, and malloc never calls us. */
    aai_lock_acquire(lock_of(cell));
    aai_pinned *const found = find_pinned(cell, epoch, ordinal);
    bool done = true;
    if (found != NULL) {
        ++found->count;
        found->thread = aa_tls.thread_id;
    } else {
        done = aai_vector_grow((void **)&cell->pinned, &cell->pinned_capacity, cell->pinned_count,
                               sizeof *cell->pinned);
        if (done) {
            cell->pinned[cell->pinned_count++] = (aai_pinned){epoch, ordinal, 1, aa_tls.thread_id};
        }
    }
    if (done && !AAI_PLANT(PIN_UNCOUNTED)) {
        AAI_ADD(AAI_LOAD(cell->home)->pins, 1);
    }
    aai_lock_release(lock_of(cell));
    return done;
}

bool aai_cell_unpin(aai_cell *cell, uint64_t epoch, uint64_t ordinal)
{
    aai_lock_acquire(lock_of(cell));
    aai_pinned *const found = find_pinned(cell, epoch, ordinal);
    if (found != NULL) {
        AAI_SUB(AAI_LOAD(cell->home)->pins, AAI_PLANT(PIN_UNCOUNTED) ? 0 : 1);
        if (--found->count == 0) {
            *found = cell->pinned[--cell->pinned_count];
        }
    }
    aai_lock_release(lock_of(cell));
    return found != NULL;
}

bool aai_cell_pinned(aai_cell *cell, uint64_t epoch, uint64_t ordinal)
{
    aai_lock_acquire(lock_of(cell));
    const bool pinned = find_pinned(cell, epoch, ordinal) != NULL;
    aai_lock_release(lock_of(cell));
    return pinned;
}

bool aai_cell_find_pin(aai_cell *cell, aai_pinned *pin)
{
    aai_lock_acquire(lock_of(cell));
    const bool found = cell->pinned_count != 0;
    if (found) {
        *pin = cell->pinned[0];
    }
    aai_lock_release(lock_of(cell));
    return found;
}

void aai_cell_unpin_above(aai_cell *cell, uint64_t floor)
{
    aai_lock_acquire(lock_of(cell));
    for (size_t i = cell->pinned_count; i > 0; --i) {
        const aai_pinned at = cell->pinned[i - 1];
        if (at.ordinal >= floor) {
            AAI_SUB(AAI_LOAD(cell->home)->pins, at.count);
            cell->pinned[i - 1] = cell->pinned[--cell->pinned_count];
        }
    }
    aai_lock_release(lock_of(cell));
}

bool aai_cell_pinned_above(aai_cell *cell, uint64_t floor)
{
    bool above = false;
    aai_lock_acquire(lock_of(cell));
    for (size_t i = 0; i < cell->pinned_count && !above; ++i) {
        above = cell->pinned[i].ordinal >= floor;
    }
    aai_lock_release(lock_of(cell));
    return above;
}

void aai_cell_fork(void (*each)(aai_lock *))
{
    for (size_t i = 0; i < STRIPES; ++i) {
        each(&stripes[i]);
    }
    each(&pool_lock);
}
