/* Floor 4, memory: upstreams made by the caller: buffer, limit, failing, custom.
 *
 * Invariants: limit: taken <= limit at all times; failing: each request gets its own number. Both counters
 * decide, so they change by CAS or fetch_add; they order no other memory: relaxed. */
#include "memory/memory.h"

/* The wrappers carry their own state behind the common part. */
typedef struct wrapper {
    aa_upstream base;
    aa_upstream *inner;
    size_t limit, taken; /* limit */
    int64_t fail_at;     /* failing */
    uint64_t seen;       /* failing: requests so far */
    char *memory;        /* buffer */
    size_t bytes;
    int lent; /* buffer: 1 while its block is out */
} wrapper;

static wrapper *make(aai_upstream_kind kind, aa_upstream *inner, const aa_upstream_ops *ops)
{
    wrapper *const w = aai_calloc(sizeof *w);
    if (w == NULL) {
        (void)aai_fail(AA_NOMEM, "no memory for an upstream");
        return NULL;
    }
    w->base.kind = kind;
    w->base.ops = *ops;
    w->base.state = w;
    w->inner = inner != NULL ? inner : aa_upstream_pages(0);
    w->base.whole = inner != NULL && inner->whole;
    return w;
}

static void inner_free(void *state, void *pointer, size_t bytes)
{
    wrapper *const w = state;
    aai_upstream_give(w->inner, pointer, bytes);
    AAI_SUB(w->taken, bytes);
}

/* Reserve up to *bytes, at least `least`, of what the limit leaves. */
static bool reserve(wrapper *w, size_t least, size_t *bytes)
{
    size_t taken = AAI_LOAD(w->taken);
    for (;;) {
        const size_t room = w->limit - taken;
        if (least > room) {
            return false;
        }
        const size_t mine = aai_min(*bytes, room);
        if (__atomic_compare_exchange_n(&w->taken, &taken, taken + mine, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            *bytes = mine;
            return true;
        }
    }
}

static void *limit_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    wrapper *const w = state;
    size_t reserved = *bytes;
    if (!reserve(w, least, &reserved)) {
        return NULL;
    }
    size_t got = reserved;
    void *p = aai_upstream_take(w->inner, least, &got, alignment);
    if (p != NULL && got > reserved) { /* more than the limit allows */
        aai_upstream_give(w->inner, p, got);
        p = NULL;
    }
    AAI_SUB(w->taken, p != NULL ? reserved - got : reserved);
    *bytes = got;
    return p;
}

aa_upstream *aa_upstream_limit(aa_upstream *inner, size_t bytes)
{
    static const aa_upstream_ops ops = {sizeof ops, limit_alloc, inner_free, NULL};
    wrapper *const w = make(AAI_UPSTREAM_LIMIT, inner, &ops);
    if (w == NULL) {
        return NULL;
    }
    w->limit = bytes;
    return &w->base;
}

static void *failing_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    wrapper *const w = state;
    const int64_t number = (int64_t)__atomic_add_fetch(&w->seen, 1, __ATOMIC_RELAXED);
    const int64_t n = w->fail_at;
    if (n != 0 && (n > 0 ? number == n : number >= -n)) {
        return NULL;
    }
    void *const p = aai_upstream_take(w->inner, least, bytes, alignment);
    AAI_ADD(w->taken, p != NULL ? *bytes : 0);
    return p;
}

aa_upstream *aa_upstream_failing(aa_upstream *inner, int64_t n)
{
    static const aa_upstream_ops ops = {sizeof ops, failing_alloc, inner_free, NULL};
    wrapper *const w = make(AAI_UPSTREAM_FAILING, inner, &ops);
    if (w == NULL) {
        return NULL;
    }
    w->fail_at = n == INT64_MIN ? -INT64_MAX : n;
    return &w->base;
}

static void *buffer_alloc(void *state, size_t least, size_t *bytes, size_t alignment)
{
    wrapper *const w = state;
    const size_t padding = aai_padding(w->memory, alignment - 1);
    if (w->bytes < padding || w->bytes - padding < least) {
        return NULL;
    }
    /* acquire: pairs with the release in buffer_free, so that the next user comes after the last */
    if (__atomic_exchange_n(&w->lent, 1, __ATOMIC_ACQUIRE) != 0) {
        return NULL;
    }
    *bytes = aai_min(*bytes, w->bytes - padding);
    return w->memory + padding;
}

static void buffer_free(void *state, void *pointer, size_t bytes)
{
    (void)pointer;
    (void)bytes;
    __atomic_store_n(&((wrapper *)state)->lent, 0, __ATOMIC_RELEASE);
}

aa_upstream *aa_upstream_buffer(void *memory, size_t bytes)
{
    static const aa_upstream_ops ops = {sizeof ops, buffer_alloc, buffer_free, NULL};
    if (memory == NULL || bytes == 0) {
        (void)aai_fail(AA_INVALID, "aa_upstream_buffer: no memory or no bytes");
        return NULL;
    }
    wrapper *const w = make(AAI_UPSTREAM_BUFFER, NULL, &ops);
    if (w == NULL) {
        return NULL;
    }
    w->memory = memory;
    w->bytes = aai_min(bytes, AAI_MAX_BYTES);
    w->base.whole = true;
    return &w->base;
}

aa_upstream *aa_upstream_custom(const aa_upstream_ops *ops, void *state)
{
    if (ops == NULL || ops->size < offsetof(aa_upstream_ops, free) || ops->alloc == NULL) {
        (void)aai_fail(AA_INVALID, "aa_upstream_custom: needs a table with size and alloc");
        return NULL;
    }
    aa_upstream_ops known = {0};
    memcpy(&known, ops, aai_min(ops->size, sizeof known));
    wrapper *const w = make(AAI_UPSTREAM_CUSTOM, NULL, &known);
    if (w == NULL) {
        return NULL;
    }
    w->base.state = state;
    return &w->base;
}
