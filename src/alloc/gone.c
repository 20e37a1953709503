/* Floor 5, alloc: the methods of a destroyed allocator while its control block is quarantined: every call
 * is AA_USE_AFTER_RESET. */
#include "alloc/alloc.h"

aa_status aai_report_gone(const aa_allocator *allocator, aai_site site)
{
    return aai_violate(AA_USE_AFTER_RESET, allocator, site,
                       "allocator '%s' was destroyed; nothing may be asked of it",
                       aa_name(allocator));
}

static aa_status gone(const aa_allocator *allocator)
{
    return aai_report_gone(allocator, aai_call_site());
}

static void *gone_alloc(aa_allocator *allocator, aai_request *request)
{
    (void)request;
    (void)gone(allocator);
    return NULL;
}

static aa_status gone_free(aa_allocator *allocator, void *pointer, size_t bytes,
                           const aai_validity *born)
{
    (void)pointer;
    (void)bytes;
    (void)born;
    return gone(allocator);
}

static aa_status gone_mark(aa_allocator *allocator, aa_mark *mark)
{
    (void)mark;
    return gone(allocator);
}

extern const aai_ops aai_gone_ops;
const aai_ops aai_gone_ops = {
    .kind = "destroyed", .alloc = gone_alloc, .free = gone_free, .mark = gone_mark};
