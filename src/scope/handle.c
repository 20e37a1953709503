/* Floor 6, scope: OpenMP handles of allocators. A handle is a real one from omp_init_allocator, made at first
 * need and never destroyed, because both runtimes reuse a destroyed handle's value at once.
 *
 * Invariant: the table only grows; an entry never changes; version == number of entries. A handle that was made
 * in vain, for another thread was quicker, is a spare for the next allocator of that alignment.
 * Lock: table_lock; the runtime is called outside it. */
#include "scope/traits.h"

#include "base/plant.h"

#include <allocarrays/impl/serve.h>

static aai_lock table_lock = AAI_LOCK_INIT(AAI_RANK_HANDLES);
static aai_node *table;
unsigned char aai_handle_sieve[AAI_HANDLE_SIEVE];
static uint64_t version; /* release on insert pairs with the acquire in find: a new entry is seen */

static aai_handle *spares; /* id: the alignment */

static aai_handle *take_spare(size_t alignment)
{
    aai_lock_acquire(&table_lock);
    aai_handle **at = &spares;
    while (*at != NULL && (*at)->id != alignment) {
        at = &(*at)->next_spare;
    }
    aai_handle *const spare = *at;
    if (spare != NULL) {
        *at = spare->next_spare;
    }
    aai_lock_release(&table_lock);
    return spare;
}

static void keep_spare(aai_handle *entry, size_t alignment)
{
    aai_lock_acquire(&table_lock);
    entry->id = alignment;
    entry->next_spare = spares;
    spares = entry;
    aai_lock_release(&table_lock);
}

/* A spare one, or a new one of the runtime; NULL when refused. */
static aai_handle *get_entry(size_t alignment)
{
    aai_handle *const spare = take_spare(alignment);
    if (spare != NULL) {
        return spare;
    }
    aai_handle *const entry = aai_calloc(sizeof *entry);
    const uintptr_t made = entry == NULL ? 0 : aai_omp_handle_make(alignment);
    if (made == 0) {
        aai_mfree(entry);
        return NULL;
    }
    entry->node.key = made;
    return entry;
}

/* Enter a handle for an allocator, unless another thread did so meanwhile. Returns the one that counts. */
static uintptr_t enter_handle(aai_base *base, aai_handle *entry)
{
    aai_lock_acquire(&table_lock);
    const uintptr_t other = AAI_PLANT(HANDLE_TWICE) ? 0 : AAI_LOAD(base->handle);
    if (other == 0) {
        aai_tree_insert(&table, &entry->node);
        AAI_STORE(aai_handle_sieve[aai_handle_bits((uintptr_t)entry->node.key)], 1);
        AAI_STORE(base->handle, (uintptr_t)entry->node.key);
        __atomic_store_n(&version, version + 1, __ATOMIC_RELEASE);
        AAI_ADD(aai_omp_handles, 1);
    }
    aai_lock_release(&table_lock);
    return other;
}

static uintptr_t make_handle(aai_base *base)
{
    const size_t alignment = base->head.mask + 1;
    aai_handle *const entry = get_entry(alignment);
    if (entry == NULL) {
        (void)aai_fail(AA_NOMEM, "aa_omp_handle: the OpenMP runtime gave no handle for '%s'",
                       base->name);
        return 0;
    }
    const uintptr_t made = (uintptr_t)entry->node.key;
    entry->allocator = &base->head;
    entry->cell = base->cell;
    entry->id = base->id;
    const uintptr_t other = enter_handle(base, entry);
    if (other != 0) {
        keep_spare(entry, alignment);
        return other;
    }
    return made;
}

static void visit_locks(void (*each)(aai_lock *))
{
    aai_team_fork(each);
    each(&table_lock);
}

__attribute__((constructor(101))) static void install_fork(void)
{
    aai_fork_scope_locks = visit_locks;
}

uintptr_t aa_omp_handle(aa_allocator *allocator)
{
    aa_allocator *const real =
        allocator != NULL && allocator->kind == AAI_CURRENT ? aa_current() : allocator;
    if (real == NULL) {
        (void)aai_fail(AA_INVALID, "aa_omp_handle: NULL allocator");
        return 0;
    }
    if (real->kind == AAI_GONE) {
        (void)aai_report_gone(real, (aai_site){"aa_omp_handle", NULL, 0});
        return 0;
    }
    aai_omp_look_again();
    if (!aai_omp_carries()) {
        (void)aai_fail(AA_UNSUPPORTED,
                       "aa_omp_handle: no OpenMP runtime with allocators is loaded");
        return 0;
    }
    aai_base *const base = aai_base_of(real);
    const uintptr_t known = AAI_LOAD(base->handle);
    return known != 0 ? known : make_handle(base);
}

/* Visit the table in order of handles. */
static uintptr_t find_cut(const aai_node *node, uint32_t low, uintptr_t *count)
{
    uintptr_t found = 0;
    if (node != NULL) {
        const uintptr_t before = find_cut(node->left, low, count);
        const uintptr_t behind = find_cut(node->right, low, count);
        const bool is_it = (uint32_t)node->key == low;
        *count += is_it;
        found = is_it ? (uintptr_t)node->key : before | behind;
    }
    return found;
}

uintptr_t aai_serve_uncut(uintptr_t handle)
{
    const bool is_cut = handle == (uint32_t)handle || handle == (uintptr_t)(int32_t)handle;
    uintptr_t count = 0;
    if (!is_cut || handle <= AAI_OMP_PREDEFINED) {
        return 0;
    }
    aai_lock_acquire(&table_lock);
    const uintptr_t found = find_cut(table, (uint32_t)handle, &count);
    aai_lock_release(&table_lock);
    return count == 1 ? found : 0;
}

static const aai_handle *look_up(uintptr_t handle)
{
    aai_lock_acquire(&table_lock);
    aai_node *const node = aai_tree_find(table, handle);
    aai_lock_release(&table_lock);
    return node == NULL ? NULL : aai_container_of(node, aai_handle, node);
}

const aai_handle *aai_handle_find(uintptr_t handle)
{
    aai_scopes *const mine =
        aai_scopes_mine(); /* made here if need be: without it each look takes the lock */
    const uint64_t now = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
    if (mine != NULL && mine->seen_handle == handle &&
        (mine->seen != NULL || mine->seen_version == now)) {
        return mine->seen;
    }
    const aai_handle *const found = look_up(handle);
    if (mine != NULL) {
        mine->seen_handle = handle;
        mine->seen = found;
        mine->seen_version = now;
    }
    return found;
}

aa_allocator *aa_from_omp_handle(uintptr_t handle)
{
    const aai_handle *const found = aai_handle_find(handle);
    return found != NULL && aai_alive(found->cell, found->id) ? found->allocator : NULL;
}

aa_allocator *aai_allocator_of_icv(void)
{
    const uintptr_t handle = aai_omp_default_get();
    const aai_handle *const found = aai_handle_find(handle);
    if (found == NULL) {
        return handle == AAI_OMP_DEFAULT ? aai_default_allocator() : aa_heap();
    }
    return aai_alive(found->cell, found->id) ? found->allocator : NULL;
}
