/* Floor 5, alloc: a thread's places: its lanes in shared allocators and its arenas in private ones, by
 * allocator id.
 *
 * Who: the thread itself finds and adds (its places lock); destroy removes from other threads' trees
 * (registry lock, then places lock); thread exit empties the tree (registry lock throughout, so that no
 * destroy frees a lane meanwhile). */
#include "alloc/lane.h"

#include "base/plant.h"

struct aai_places {
    aai_lock lock;
    aai_node *root;
    struct aai_places *next, *prev; /* all threads' places, under the registry lock */
};

static struct aai_places *everyones;

static aai_lane *lane_of(aai_node *node)
{
    return node == NULL ? NULL : aai_container_of(node, aai_lane, node);
}

static aai_node *pop_any(struct aai_places *places)
{
    aai_lock_acquire(&places->lock);
    aai_node *const node =
        places->root == NULL ? NULL : aai_tree_remove(&places->root, places->root->key);
    aai_lock_release(&places->lock);
    return node;
}

/* Detach every lane and take the places off the list. Under the registry lock. */
static void end_places(struct aai_places *places)
{
    for (aai_lane *lane = lane_of(pop_any(places)); lane != NULL; lane = lane_of(pop_any(places))) {
        lane->places = NULL;
        if (lane->allocator->kind == AAI_SHARED) {
            aai_shared_detach(lane);
        } else {
            aai_private_detach(lane);
        }
    }
    if (places->prev != NULL) {
        places->prev->next = places->next;
    } else {
        everyones = places->next;
    }
    if (places->next != NULL) {
        places->next->prev = places->prev;
    }
}

static void leave_all(aai_thread *self)
{
    struct aai_places *const places = self->places;
    if (places == NULL) {
        return;
    }
    if (!AAI_PLANT(EXIT_UNLOCKED)) {
        aai_lock_acquire(&aai_registry_lock);
    }
    end_places(places);
    if (!AAI_PLANT(EXIT_UNLOCKED)) {
        aai_lock_release(&aai_registry_lock);
    }
    self->places = NULL;
    aai_lock_fini(&places->lock);
    aai_mfree(places);
}

void aai_places_abandon(void)
{
    const aai_thread *const self = aa_tls.record;
    const struct aai_places *const mine = self == NULL ? NULL : self->places;
    aai_lock_acquire(&aai_registry_lock);
    struct aai_places *next;
    for (struct aai_places *places = everyones; places != NULL; places = next) {
        next = places->next;
        if (places != mine) {
            end_places(places);
            aai_mfree(places);
        }
    }
    aai_lock_release(&aai_registry_lock);
}

static struct aai_places *places_of(aai_thread *self)
{
    if (self->places == NULL) {
        struct aai_places *const made = aai_calloc(sizeof *made);
        if (made == NULL) {
            return NULL;
        }
        aai_lock_init(&made->lock, AAI_RANK_PLACES);
        aai_thread_at_exit(AAI_EXIT_PLACES, leave_all);
        aai_lock_acquire(&aai_registry_lock);
        made->next = everyones;
        if (everyones != NULL) {
            everyones->prev = made;
        }
        everyones = made;
        aai_lock_release(&aai_registry_lock);
        self->places = made;
    }
    return self->places;
}

void aai_places_fork(void (*each)(aai_lock *))
{
    for (struct aai_places *places = everyones; places != NULL; places = places->next) {
        each(&places->lock);
    }
}

aai_lane *aai_place_find(aai_thread *self, uint64_t id)
{
    struct aai_places *const places = self->places;
    if (places == NULL) {
        return NULL;
    }
    aai_lock_acquire(&places->lock);
    aai_node *const node = aai_tree_find(places->root, id);
    aai_lock_release(&places->lock);
    return lane_of(node);
}

bool aai_place_add(aai_thread *self, uint64_t id, aai_lane *lane)
{
    struct aai_places *const places = places_of(self);
    if (places == NULL) {
        return false;
    }
    lane->node = (aai_node){.key = id};
    lane->places = places;
    AAI_STORE(lane->owner, self->id);
    aai_lock_acquire(&places->lock);
    aai_tree_insert(&places->root, &lane->node);
    aai_lock_release(&places->lock);
    return true;
}

void aai_place_remove(aai_lane *lane)
{
    struct aai_places *const places = lane->places;
    if (places != NULL) {
        aai_lock_acquire(&places->lock);
        (void)aai_tree_remove(&places->root, lane->node.key);
        aai_lock_release(&places->lock);
        lane->places = NULL;
    }
}

void aai_slot_set(const aa_allocator *allocator, aai_window *window)
{
    /* No key, window, key, in this order: a signal handler that allocates between two of them must not find the
     * old key, of another allocator, beside the new window. No allocator has key 0. */
    aa_tls.slot[allocator->slot].key = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    aa_tls.slot[allocator->slot].window = window;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    aa_tls.slot[allocator->slot].key = allocator->key;
}
