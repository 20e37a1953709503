/* Floor 5, alloc: the methods of a destroyed allocator while its control block is quarantined: every call
 * is AA_USE_AFTER_RESET. */
#include "alloc/alloc.h"

static aa_status gone(const aa_allocator *allocator, const char *function)
{
    const aai_site site = {function, NULL, 0};
    return aai_violate(AA_USE_AFTER_RESET, allocator, site, aai_base_of(allocator)->id,
                       "allocator '%s' was destroyed; nothing may be asked of it", aa_name(allocator));
}

static void *gone_alloc(aa_allocator *allocator, aai_request *request)
{
    (void)request;
    (void)gone(allocator, "aa_alloc");
    return NULL;
}

static aa_status gone_free(aa_allocator *allocator, void *pointer, size_t bytes,
                           const aai_validity *born)
{
    (void)pointer;
    (void)bytes;
    (void)born;
    return gone(allocator, "aa_free");
}

static aa_status gone_mark(aa_allocator *allocator, aa_mark *mark)
{
    (void)mark;
    return gone(allocator, "aa_mark_take");
}

static aa_status gone_reset(aa_allocator *allocator)
{
    return gone(allocator, "aa_reset");
}

extern const aai_ops aai_gone_ops;
const aai_ops aai_gone_ops = {.kind = "destroyed",
                              .alloc = gone_alloc,
                              .free = gone_free,
                              .mark = gone_mark,
                              .reset = gone_reset};
