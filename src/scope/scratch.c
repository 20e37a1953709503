/* Floor 6, scope: marks and scratch, over the mark methods of the allocators. */
#include "scope/scope.h"

enum { MARK_TAKEN = 1 }; /* custom.c has 2 for a mark that does nothing; 0 is a null mark */

bool aa_mark_is_null(aa_mark mark)
{
    return mark.state == 0;
}

/* Written in place, member by member: a mark that is copied whole at once waits for all of them. */
AAI_INLINE bool take_at(aa_mark *mark, aa_allocator *allocator, aai_site site)
{
    aa_allocator *real = allocator;
    aai_op op;
    mark->state = 0;
    if (aai_enter_at(&op, &real, site) != AA_OK) {
        return false;
    }
    const aai_base *const base = aai_base_of(real);
    mark->allocator = real;
    mark->cell = base->cell;
    mark->id = base->id;
    mark->thread_id = aa_tls.thread_id;
    mark->state = MARK_TAKEN;
    const bool taken = real->ops->mark(real, mark) == AA_OK;
    aai_leave(&op);
    return taken;
}

aa_mark aa_mark_take(aa_allocator *allocator)
{
    static const aa_mark null;
    aa_mark mark;
    return take_at(&mark, allocator, (aai_site){"aa_mark_take", NULL, 0}) ? mark : null;
}

static AAI_COLD aa_status refuse_mark(const aa_mark *mark, aai_site site)
{
    if (mark->state == 0) {
        return aai_fail(AA_INVALID, "%s: a null mark", site.function);
    }
    if (!aai_alive(mark->cell, mark->id)) {
        return aai_violate(AA_USE_AFTER_RESET, NULL, site,
                           "the allocator of this mark was destroyed");
    }
    return aai_violate(AA_FOREIGN_THREAD, mark->allocator, site,
                       "this mark belongs to thread %llu; the thread that took it ends it",
                       (unsigned long long)mark->thread_id);
}

AAI_INLINE bool is_mine(const aa_mark *mark)
{
    return mark->state != 0 && aai_alive(mark->cell, mark->id) &&
           aa_tls.thread_id == mark->thread_id;
}

AAI_INLINE aa_status end_mark(const aa_mark *mark, aai_mark_end end, aai_site site)
{
    if (!is_mine(mark)) {
        return refuse_mark(mark, site);
    }
    aai_op op;
    aa_allocator *allocator = mark->allocator;
    const aa_status entered = aai_enter_at(&op, &allocator, site);
    if (entered != AA_OK) {
        return entered;
    }
    const aa_status status = allocator->ops->unmark(mark, end);
    aai_leave(&op);
    return status;
}

aa_status aa_mark_rewind(aa_mark mark)
{
    return end_mark(&mark, AAI_END_REWIND, (aai_site){"aa_mark_rewind", NULL, 0});
}

aa_status aa_mark_drop(aa_mark mark)
{
    return end_mark(&mark, AAI_END_DROP, (aai_site){"aa_mark_drop", NULL, 0});
}

aai_scratch aai_scratch_begin(aa_allocator *allocator, const char *file, int line)
{
    static int warned;
    const aai_site site = {"AA_SCRATCH", file, line};
    if (allocator == NULL) {
        aai_warn_once(&warned,
                      "AA_SCRATCH(NULL) at %s:%d: the body runs, and nothing is taken back", file,
                      line);
    }
    aai_scratch scratch;
    scratch.file = file;
    scratch.line = line;
    scratch.once = 1;
    if (!take_at(&scratch.mark, allocator, site)) {
        scratch.mark.state = 0;
    }
    return scratch;
}

void aai_scratch_end(aai_scratch *scratch)
{
    if (scratch->mark.state != 0) { /* else its begin failed and said so */
        (void)end_mark(&scratch->mark, AAI_END_SCRATCH,
                       (aai_site){"AA_SCRATCH", scratch->file, scratch->line});
    }
}
