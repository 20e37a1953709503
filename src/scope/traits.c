/* Floor 6, scope: allocators by OpenMP's traits.
 *
 * Each trait has one row in `rules`: which values it takes, and where they go. What is not in the table is refused.
 * The pool itself is an allocator of ours with a capacity; what the space and the fallback are is their upstreams'
 * business, which end with it. No locks. */
#include "scope/traits.h"

#include "os/os.h"

#include <allocarrays/private.h>
#include <allocarrays/shared.h>
#include <allocarrays/traits.h>

/* values[k]: of trait k, defaults filled in. */
typedef struct plan {
    uintptr_t space;
    uintptr_t values[AAI_ATK_END];
    aa_options options;
    aa_upstream *owned[2];
    aa_allocator *delegate;
} plan;

static const struct rule {
    const char *name;
    uintptr_t least, most; /* values that it takes; both 0: any */
    uintptr_t otherwise;
} rules[AAI_ATK_END] = {
    [AAI_ATK_SYNC_HINT] = {"sync_hint", AAI_ATV_CONTENDED, AAI_ATV_PRIVATE, AAI_ATV_CONTENDED},
    [AAI_ATK_ALIGNMENT] = {"alignment", 1, AAI_MAX_ALIGNMENT, 64},
    [AAI_ATK_ACCESS] = {"access", AAI_ATV_ALL, AAI_ATV_CGROUP, AAI_ATV_ALL},
    [AAI_ATK_POOL_SIZE] = {"pool_size", 1, AAI_MAX_BYTES, 0},
    [AAI_ATK_FALLBACK] = {"fallback", AAI_ATV_DEFAULT_MEM_FB, AAI_ATV_ALLOCATOR_FB,
                          AAI_ATV_DEFAULT_MEM_FB},
    [AAI_ATK_FB_DATA] = {"fb_data", 0, 0, 0},
    [AAI_ATK_PINNED] = {"pinned", AAI_ATV_FALSE, AAI_ATV_TRUE, AAI_ATV_FALSE},
    [AAI_ATK_PARTITION] = {"partition", AAI_ATV_ENVIRONMENT, AAI_ATV_INTERLEAVED,
                           AAI_ATV_ENVIRONMENT},
};

static aa_status take_trait(plan *p, const aai_omp_trait *trait)
{
    if (trait->key < AAI_ATK_SYNC_HINT || trait->key >= AAI_ATK_END) {
        return aai_fail(AA_UNSUPPORTED, "aa_allocator_from_traits: trait %d is unknown",
                        trait->key);
    }
    const struct rule *const rule = &rules[trait->key];
    const uintptr_t value = trait->value;
    if (value == AAI_ATV_DEFAULT) {
        return AA_OK;
    }
    const bool in_range = rule->most == 0 || (value >= rule->least && value <= rule->most);
    if (!in_range || (trait->key == AAI_ATK_ALIGNMENT && !aai_is_pow2(value))) {
        return aai_fail(AA_INVALID, "aa_allocator_from_traits: %s cannot be %llu", rule->name,
                        (unsigned long long)value);
    }
    p->values[trait->key] = value;
    return AA_OK;
}

/* ---- where the blocks come from ------------------------------------------------------------------------------ */

static void *pinned_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    size_t pages;
    if (!aai_round_up(least, aai_page_size() - 1, &pages)) {
        return NULL;
    }
    /* Locked memory is scarce: no more than is needed. */
    void *const p = aai_pages_map(pages, alignment, 0);
    if (p != NULL && !aai_pages_lock(p, pages)) {
        aai_pages_unmap(p, pages);
        return NULL;
    }
    *bytes = pages;
    return p;
}

static void pinned_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    aai_pages_unmap(pointer, bytes);
}

static void *abort_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    (void)bytes;
    (void)alignment;
    (void)fprintf(stderr, "allocarrays: a pool whose fallback is abort_fb has no %zu bytes more\n",
                  least);
    abort();
}

static aa_upstream *own(plan *p, aa_upstream *upstream)
{
    p->owned[p->owned[0] != NULL] = upstream;
    return upstream;
}

/* The runtime's space, with those traits that are its business; the handle ends with the upstream. */
static aa_upstream *take_from_runtime(const plan *p)
{
    const aai_omp_trait all[] = {{AAI_ATK_PINNED, p->values[AAI_ATK_PINNED]},
                                 {AAI_ATK_PARTITION, p->values[AAI_ATK_PARTITION]},
                                 {AAI_ATK_FALLBACK, AAI_ATV_NULL_FB}};
    if (!aai_omp_allocates()) {
        (void)aai_fail(
            AA_UNSUPPORTED,
            "aa_allocator_from_traits: memory space %llu needs an OpenMP runtime with allocators",
            (unsigned long long)p->space);
        return NULL;
    }
    const uintptr_t handle = aai_omp_handle_init(p->space, sizeof all / sizeof all[0], all);
    if (handle == 0) {
        (void)aai_fail(AA_UNSUPPORTED,
                       "aa_allocator_from_traits: the OpenMP runtime refuses memory space %llu "
                       "with pinned %llu, "
                       "partition %llu",
                       (unsigned long long)p->space, (unsigned long long)p->values[AAI_ATK_PINNED],
                       (unsigned long long)p->values[AAI_ATK_PARTITION]);
        return NULL;
    }
    aa_upstream *const upstream = aai_upstream_omp_own(handle);
    if (upstream == NULL) {
        aai_omp_handle_end(handle);
    }
    return upstream;
}

static bool choose_upstream(plan *p)
{
    static const aa_upstream_ops pinned = {sizeof pinned, pinned_alloc, pinned_free, NULL};
    const bool is_plain = p->values[AAI_ATK_PARTITION] <= AAI_ATV_NEAREST;
    if (p->space == AAI_SPACE_DEFAULT && is_plain) {
        p->options.upstream = p->values[AAI_ATK_PINNED] == AAI_ATV_TRUE
                                  ? own(p, aa_upstream_custom(&pinned, NULL))
                                  : aa_upstream_pages(0);
    } else {
        p->options.upstream = own(p, take_from_runtime(p));
    }
    return p->options.upstream != NULL;
}

/* ---- where it goes from there --------------------------------------------------------------------------------- */

static bool fall_back_on_handle(plan *p, uintptr_t handle)
{
    const aai_handle *const ours = handle == 0 ? NULL : aai_handle_find(handle);
    if (handle == 0) {
        (void)aai_fail(AA_INVALID, "aa_allocator_from_traits: allocator_fb without fb_data");
        return false;
    }
    if (ours == NULL) {
        p->options.fallback = own(p, aa_upstream_omp(handle));
        return p->options.fallback != NULL;
    }
    if (!aai_alive(ours->cell, ours->id)) {
        (void)aai_fail(AA_STALE,
                       "aa_allocator_from_traits: the allocator of fb_data was destroyed");
        return false;
    }
    if (ours->allocator->kind == AAI_CUSTOM) {
        (void)aai_fail(AA_UNSUPPORTED,
                       "aa_allocator_from_traits: fb_data is custom allocator '%s'; its memory "
                       "could not be told from others when it is freed",
                       aa_name(ours->allocator));
        return false;
    }
    if (ours->allocator->kind == AAI_HEAP) {
        p->options.fallback = aa_upstream_heap();
    } else {
        p->delegate = ours->allocator;
    }
    return true;
}

static bool choose_fallback(plan *p)
{
    static const aa_upstream_ops aborts = {sizeof aborts, abort_alloc, NULL, NULL};
    switch (p->values[AAI_ATK_FALLBACK]) {
    case AAI_ATV_NULL_FB:
        return true;
    case AAI_ATV_ABORT_FB:
        p->options.fallback = own(p, aa_upstream_custom(&aborts, NULL));
        return p->options.fallback != NULL;
    case AAI_ATV_ALLOCATOR_FB:
        return fall_back_on_handle(p, p->values[AAI_ATK_FB_DATA]);
    default:
        p->options.fallback = aa_upstream_pages(0);
        return true;
    }
}

static aa_allocator *make(const plan *p)
{
    aa_allocator *const made = p->values[AAI_ATK_ACCESS] == AAI_ATV_THREAD
                                   ? aa_private_create(&p->options)
                                   : aa_shared_create(&p->options);
    if (made == NULL) {
        return NULL;
    }
    aai_base *const base = aai_base_of(made);
    memcpy(base->owned, p->owned, sizeof base->owned);
    if (p->delegate != NULL) {
        base->delegate = p->delegate;
        base->delegate_cell = aai_base_of(p->delegate)->cell;
        base->delegate_id = aai_base_of(p->delegate)->id;
    }
    return made;
}

aa_allocator *aa_allocator_from_traits(uintptr_t space, int count, const void *traits)
{
    plan p = {.space = space};
    const bool is_llvms = space >= AAI_SPACE_LLVM_FIRST && space <= AAI_SPACE_LLVM_LAST;
    if (space > AAI_SPACE_LOW_LAT && !is_llvms) { /* LLVM's runtime ends the process over it */
        (void)aai_fail(AA_UNSUPPORTED, "aa_allocator_from_traits: memory space %llu is unknown",
                       (unsigned long long)space);
        return NULL;
    }
    if (count < 0 || (count > 0 && traits == NULL)) {
        (void)aai_fail(AA_INVALID, "aa_allocator_from_traits: %d traits at %p", count, traits);
        return NULL;
    }
    for (int key = 0; key < AAI_ATK_END; ++key) {
        p.values[key] = rules[key].otherwise;
    }
    for (int i = 0; i < count; ++i) {
        if (take_trait(&p, (const aai_omp_trait *)traits + i) != AA_OK) {
            return NULL;
        }
    }
    p.options.alignment = aai_max(p.values[AAI_ATK_ALIGNMENT], 16); /* what any C object may need */
    p.options.capacity = p.values[AAI_ATK_POOL_SIZE];
    aa_allocator *const made = choose_upstream(&p) && choose_fallback(&p) ? make(&p) : NULL;
    for (int i = 0; made == NULL && i < 2; ++i) {
        (void)aa_upstream_destroy(p.owned[i]);
    }
    return made;
}
