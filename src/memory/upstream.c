/* Floor 4, memory: the C heap and pages, and what every upstream shares. */
#include "memory/memory.h"

#include "os/os.h"

#include <allocarrays/allocator.h>
#include <errno.h>

void *aai_upstream_take(aa_upstream *upstream, size_t least, size_t *bytes, size_t alignment)
{
    AAI_ADD(upstream->requests, 1);
    size_t got = *bytes;
    const int kept = errno;
    void *p = upstream->ops.alloc(upstream->state, least, &got, alignment);
    if (p == NULL && upstream->kind == AAI_UPSTREAM_CUSTOM && least < *bytes) {
        got = least; /* its alloc may know nothing of `least`: asked once more, for just that */
        p = upstream->ops.alloc(upstream->state, least, &got, alignment);
    }
    errno = kept;
    if (p == NULL) {
        return NULL;
    }
    if (got < least ||
        aai_padding(p, alignment - 1) != 0) { /* a custom one that breaks its contract */
        static int warned;
        aai_warn_once(&warned, "an upstream gave too little or misaligned memory; refused");
        if (upstream->ops.free != NULL) {
            upstream->ops.free(upstream->state, p, got);
        }
        return NULL;
    }
    AAI_ADD(upstream->bytes_out, got);
    *bytes = got;
    return p;
}

void aai_upstream_give(aa_upstream *upstream, void *pointer, size_t bytes)
{
    const int kept = errno;
    if (upstream->ops.free != NULL) {
        upstream->ops.free(upstream->state, pointer, bytes);
    }
    AAI_SUB(upstream->bytes_out, bytes);
    errno = kept;
}

static void *heap_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    (void)state;
    void *p = NULL;
    const size_t fit = aai_max(alignment, sizeof(void *));
    if (posix_memalign(&p, fit, *bytes) == 0) {
        return p;
    }
    *bytes = least;
    return posix_memalign(&p, fit, least) == 0 ? p : NULL;
}

static void heap_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(pointer);
}

/* As many whole huge pages as are wanted, if that is enough, out of those that the system keeps reserved. Only by
 * AA_HUGETLB: when none is left, a child after a fork dies at its first write to one. */
static void *reserved_alloc(size_t least, size_t *bytes, size_t alignment)
{
    const size_t whole = *bytes & ~((size_t)AAI_HUGE_PAGE - 1);
    const bool fits = whole != 0 && whole >= least && alignment <= AAI_HUGE_PAGE;
    if (!fits || aai_settings_get()->hugetlb == 0) {
        return NULL;
    }
    void *const p = aai_pages_map_reserved(whole);
    *bytes = p != NULL ? whole : *bytes;
    return p;
}

/* A refused generous request is tried once more at its least: address space may be tight. */
static void *pages_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    const unsigned flags = ((const aa_upstream *)state)->flags;
    void *p = (flags & AA_HUGEPAGES) != 0 ? reserved_alloc(least, bytes, alignment) : NULL;
    if (p != NULL) {
        if ((flags & AA_PREFAULT) != 0) {
            aai_pages_populate(p, *bytes);
        }
        return p;
    }
    p = aai_pages_map(*bytes, alignment, flags);
    if (p == NULL && least < *bytes) {
        *bytes = least;
        p = aai_pages_map(least, alignment, flags);
    }
    return p;
}

static void pages_free(void *state, void *pointer, size_t bytes)
{
    (void)state;
    aai_pages_unmap(pointer, bytes);
}

static aa_upstream heap_upstream = {.kind = AAI_UPSTREAM_HEAP,
                                    .ops = {sizeof(aa_upstream_ops), heap_alloc, heap_free, NULL}};

static aa_upstream pages_upstreams[4];
#define PAGES(index, bits)                                                                         \
    {                                                                                              \
        .kind = AAI_UPSTREAM_PAGES, .flags = (bits), .state = &pages_upstreams[index],             \
        .ops = {sizeof(aa_upstream_ops), pages_alloc, pages_free, NULL},                           \
    }
static aa_upstream pages_upstreams[4] = {PAGES(0, 0), PAGES(1, AA_PREFAULT), PAGES(2, AA_HUGEPAGES),
                                         PAGES(3, AA_PREFAULT | AA_HUGEPAGES)};

aa_upstream *aa_upstream_heap(void)
{
    return &heap_upstream;
}

aa_upstream *aa_upstream_pages(unsigned flags)
{
    for (size_t i = 0; i < sizeof pages_upstreams / sizeof pages_upstreams[0]; ++i) {
        if (pages_upstreams[i].flags == flags) {
            return &pages_upstreams[i];
        }
    }
    (void)aai_fail(AA_INVALID,
                   "aa_upstream_pages: flags 0x%x; only AA_HUGEPAGES and AA_PREFAULT are known",
                   flags);
    return NULL;
}

bool aai_upstream_is_pages(const aa_upstream *upstream)
{
    return upstream->kind == AAI_UPSTREAM_PAGES;
}

bool aai_upstream_populates(const aa_upstream *upstream)
{
    return aai_upstream_is_pages(upstream) && (upstream->flags & AA_PREFAULT) != 0;
}

bool aai_upstream_can_guard(const aa_upstream *upstream)
{
    return aai_upstream_is_pages(upstream) && (upstream->flags & AA_HUGEPAGES) == 0;
}

aa_status aa_upstream_usage(const aa_upstream *upstream, uint64_t *requests, size_t *bytes_out)
{
    if (upstream == NULL) {
        return aai_fail(AA_INVALID, "aa_upstream_usage: NULL upstream");
    }
    if (upstream->kind == AAI_UPSTREAM_PAGES || upstream->kind == AAI_UPSTREAM_HEAP) {
        return aai_fail(AA_UNSUPPORTED,
                        "aa_upstream_usage: the whole process shares this upstream");
    }
    if (requests != NULL) {
        *requests = AAI_LOAD(upstream->requests);
    }
    if (bytes_out != NULL) {
        *bytes_out = AAI_LOAD(upstream->bytes_out);
    }
    return AA_OK;
}

aa_status aa_upstream_destroy(aa_upstream *upstream)
{
    if (upstream == NULL) {
        return AA_OK;
    }
    if (upstream->kind == AAI_UPSTREAM_PAGES || upstream->kind == AAI_UPSTREAM_HEAP) {
        return aai_fail(AA_UNSUPPORTED, "aa_upstream_destroy: a constant of the library");
    }
    const size_t out = AAI_LOAD(upstream->bytes_out);
    if (out != 0) {
        return aai_fail(AA_BUSY, "aa_upstream_destroy: %zu bytes of it are still held", out);
    }
    if (upstream->ops.destroy != NULL) {
        upstream->ops.destroy(upstream->state);
    }
    aai_mfree(upstream);
    return AA_OK;
}
