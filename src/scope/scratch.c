/* Floor 6, scope: marks and scratch, over the mark methods of the allocators. */
#include "scope/scope.h"

enum { MARK_TAKEN = 1 }; /* custom.c has 2 for a mark that does nothing; 0 is a null mark */

bool aa_mark_is_null(aa_mark mark)
{
    return mark.state == 0;
}

static aa_mark take_at(aa_allocator *allocator, aai_site site)
{
    static const aa_mark null;
    aa_allocator *real = allocator;
    aai_op op;
    if (aai_enter_at(&op, &real, site) != AA_OK) {
        return null;
    }
    const aai_base *const base = aai_base_of(real);
    aa_mark mark = {.allocator = real,
                    .cell = base->cell,
                    .id = base->id,
                    .thread_id = aai_self()->id,
                    .state = MARK_TAKEN};
    const aa_status status = real->ops->mark(real, &mark);
    aai_leave(&op);
    return status == AA_OK ? mark : null;
}

aa_mark aa_mark_take(aa_allocator *allocator)
{
    return take_at(allocator, (aai_site){"aa_mark_take", NULL, 0});
}

static aa_status check_mark(const aa_mark *mark, aai_site site)
{
    if (mark->state == 0) {
        return aai_fail(AA_INVALID, "%s: a null mark", site.function);
    }
    if (!aai_alive(mark->cell, mark->id)) {
        return aai_violate(AA_USE_AFTER_RESET, NULL, site,
                           "the allocator of this mark was destroyed");
    }
    if (aa_tls.thread_id != mark->thread_id) {
        return aai_violate(AA_FOREIGN_THREAD, mark->allocator, site,
                           "this mark belongs to thread %llu; the thread that took it ends it",
                           (unsigned long long)mark->thread_id);
    }
    return AA_OK;
}

static aa_status end_mark(const aa_mark *mark, aai_mark_end end, aai_site site)
{
    const aa_status fine = check_mark(mark, site);
    if (fine != AA_OK) {
        return fine;
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
    return (aai_scratch){.mark = take_at(allocator, site), .file = file, .line = line, .once = 1};
}

void aai_scratch_end(aai_scratch *scratch)
{
    if (scratch->mark.state != 0) { /* else its begin failed and said so */
        (void)end_mark(&scratch->mark, AAI_END_SCRATCH,
                       (aai_site){"AA_SCRATCH", scratch->file, scratch->line});
    }
}
