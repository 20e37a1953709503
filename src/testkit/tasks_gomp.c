/* Side library testkit: tasks of gcc's programs, GOMP_task and GOMP_taskloop, on libgomp and on LLVM's runtime.
 *
 * The compiler passes a function and its data, which the runtime copies for the task. We pass our own function and a
 * record, which holds the compiler's and is followed by its data:
 *
 *     [ record | padding | the data ]      data == copy of the record + record.offset, aligned as the compiler asks
 *
 * Runtimes look into the first bytes of the data: taskloop writes each task's bounds there and reads where its
 * reductions are, task writes the event of a detach clause. They find `head` in their place, filled from the data;
 * what they wrote, record.back bytes, is put into the task's data before its function runs. A record is copied
 * from the caller's (whose data lies elsewhere) or, by LLVM's taskloop, from another copy. */
#include "tasks.h"

#include <allocarrays/impl/base.h>
#include <string.h>

enum { DETACH = 1 << 13 }; /* GOMP_TASK_FLAG_DETACH, of gcc's ABI */

typedef void body_call(void *data);
typedef void copy_call(void *to, void *from);

typedef struct record {
    unsigned char head[2 * sizeof(unsigned long long) + sizeof(void *)];
    body_call *body;
    copy_call *copy; /* NULL: bytes */
    void *data;
    size_t bytes, offset, back;
    aa_token creator;
} record;

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void copy_record(void *to, void *from)
{
    const record *const old = from;
    record *const made = to;
    *made = *old;
    made->data = (char *)to + old->offset;
    if (old->copy != NULL) {
        old->copy(made->data, old->data);
    } else if (old->bytes > 0) {
        memcpy(made->data, old->data, old->bytes);
    }
}

static void run_record(void *copied)
{
    record *const r = copied;
    aai_task task;
    memcpy(r->data, r->head, r->back);
    aai_task_begin(&task, r->creator);
    r->body(r->data);
    aai_task_end(&task);
}

/* What the compiler passes about a task. */
typedef struct passed {
    body_call *body;
    void *data;
    copy_call *copy;
    long bytes, alignment;
    size_t back;
} passed;

static record record_of(const passed *p)
{
    const size_t bytes = p->bytes > 0 ? (size_t)p->bytes : 0;
    const size_t alignment = p->alignment > 1 ? (size_t)p->alignment : 1;
    record r = {.body = p->body,
                .copy = p->copy,
                .data = p->data,
                .bytes = bytes,
                .offset = (sizeof r + alignment - 1) / alignment * alignment,
                .back = at_most(p->back, bytes),
                .creator = aa_scope_capture()};
    if (bytes > 0) {
        memcpy(r.head, p->data, at_most(bytes, sizeof r.head));
    }
    return r;
}

static long whole_bytes(const record *r)
{
    return (long)(r->offset + r->bytes);
}

static long whole_alignment(long alignment)
{
    return alignment > (long)_Alignof(record) ? alignment : (long)_Alignof(record);
}

/* ---- the calls ------------------------------------------------------------------------------------------- */

/* Before gcc 11 without `detach`: what lies in its place is passed on unread. */
typedef void task_call(body_call *body, void *data, copy_call *copy, long bytes, long alignment,
                       bool is_deferred, unsigned flags, void **depend, int priority, void *detach);

AA_API task_call GOMP_task;
void GOMP_task(body_call *body, void *data, copy_call *copy, long bytes, long alignment,
               bool is_deferred, unsigned flags, void **depend, int priority, void *detach)
{
    static aai_kit_function *known;
    const passed p = {.body = body,
                      .data = data,
                      .copy = copy,
                      .bytes = bytes,
                      .alignment = alignment,
                      .back = (flags & DETACH) != 0 ? sizeof(void *) : 0};
    record r = record_of(&p);
    ((task_call *)aai_kit_theirs(&known, "GOMP_task"))(run_record, &r, copy_record, whole_bytes(&r),
                                                       whole_alignment(alignment), is_deferred,
                                                       flags, depend, priority, detach);
}

#define TASKLOOP(name, integer)                                                                    \
    typedef void name##_call(body_call *body, void *data, copy_call *copy, long bytes,             \
                             long alignment, unsigned flags, unsigned long tasks, int priority,    \
                             integer start, integer end, integer step);                            \
    AA_API name##_call name;                                                                       \
    void name(body_call *body, void *data, copy_call *copy, long bytes, long alignment,            \
              unsigned flags, unsigned long tasks, int priority, integer start, integer end,       \
              integer step)                                                                        \
    {                                                                                              \
        static aai_kit_function *known;                                                            \
        const passed p = {.body = body,                                                            \
                          .data = data,                                                            \
                          .copy = copy,                                                            \
                          .bytes = bytes,                                                          \
                          .alignment = alignment,                                                  \
                          .back = 2 * sizeof(integer)};                                            \
        record r = record_of(&p);                                                                  \
        ((name##_call *)aai_kit_theirs(&known, #name))(                                            \
            run_record, &r, copy_record, whole_bytes(&r), whole_alignment(alignment), flags,       \
            tasks, priority, start, end, step);                                                    \
    }

TASKLOOP(GOMP_taskloop, long)
TASKLOOP(GOMP_taskloop_ull, unsigned long long)
