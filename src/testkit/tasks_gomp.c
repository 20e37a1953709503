/* Side library testkit: tasks of gcc's programs, GOMP_task and GOMP_taskloop, on libgomp and on LLVM's runtime.
 *
 * The compiler passes a function and its data, which the runtime copies for the task. We pass our own function and a
 * record, which holds the compiler's and is followed by its data:
 *
 *     [ record | padding | the data ]      data == record + record.offset, aligned as the compiler asks
 *
 * Data that is copied as bytes is handed over in that form, with no function that copies: a runtime runs a task that
 * has one even after it was cancelled (its copies must be destroyed), and lays all those of a taskloop on the
 * stack. Only where the compiler passes such a function do we: then record.data leads from the caller's record
 * to the caller's data, which lies elsewhere.
 *
 * Runtimes look into the first bytes of the data: taskloop writes each task's bounds there and reads where its
 * reductions are, task writes the event of a detach clause. They find `head` in their place, filled from the data;
 * what they wrote, record.back bytes, is put into the task's data before its function runs. */
#include "tasks.h"

#include <allocarrays/impl/base.h>
#include <stdlib.h>
#include <string.h>

enum { DETACH = 1 << 13 }; /* GOMP_TASK_FLAG_DETACH, of gcc's ABI */

typedef void body_call(void *data);
typedef void copy_call(void *to, void *from);

typedef struct record {
    unsigned char head[2 * sizeof(unsigned long long) + sizeof(void *)];
    body_call *body;
    copy_call *copy; /* NULL: bytes */
    void *data;      /* NULL: behind the record */
    size_t offset, back;
    bool is_loop;
    aa_token creator;
} record;

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void *data_of(record *r)
{
    return r->data != NULL ? r->data : (char *)r + r->offset;
}

/* LLVM's runtime has written the bounds of a task of a taskloop when it asks for the copy, libgomp does so after it. */
static void copy_record(void *to, void *from)
{
    record *const old = from;
    record *const made = to;
    const size_t kept = old->is_loop ? old->back : 0;
    memcpy((char *)made + kept, (const char *)old + kept, sizeof *made - kept);
    made->data = NULL;
    old->copy(data_of(made), data_of(old));
}

/* Such a task runs in one part, untied or not: what it was told lasts as long as its call. */
static void run_record(void *handed)
{
    record *const r = handed;
    bool told = false;
    aai_task task;
    memcpy(data_of(r), r->head, r->back);
    aai_task_begin(&task, r->creator, &told);
    r->body(data_of(r));
    aai_task_end(&task);
}

/* What the compiler passes about a task. */
typedef struct passed {
    body_call *body;
    void *data;
    copy_call *copy;
    long bytes, alignment;
    size_t back;
    bool is_loop;
} passed;

enum { SMALL = 512, SMALL_ALIGNMENT = 64 };

/* What the runtime is told instead. `small` or `block` holds the record, and the data as bytes. */
typedef struct handed {
    passed passed;
    void *block; /* NULL: small */
    union {
        _Alignas(SMALL_ALIGNMENT) unsigned char bytes[SMALL];
        record record;
    } small;
} handed;

static record record_of(const passed *p, size_t alignment)
{
    const size_t bytes = (size_t)p->bytes;
    record r = {.body = p->body,
                .copy = p->copy,
                .data = p->copy != NULL ? p->data : NULL,
                .offset = (sizeof r + alignment - 1) / alignment * alignment,
                .back = at_most(p->back, bytes),
                .is_loop = p->is_loop,
                .creator = aai_task_creator()};
    if (bytes > 0) {
        memcpy(r.head, p->data, at_most(bytes, sizeof r.head));
    }
    return r;
}

/* Room for a record and the bytes behind it; NULL without memory. */
static void *room(handed *h, size_t bytes, size_t alignment)
{
    if (bytes <= SMALL && alignment <= SMALL_ALIGNMENT) {
        return h->small.bytes;
    }
    h->block = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    return h->block;
}

/* Without memory the task is handed over as it came, and not seen. */
static void hand_over(handed *h, const passed *p)
{
    const size_t asked = p->alignment > 1 ? (size_t)p->alignment : 1;
    const size_t alignment = asked > _Alignof(record) ? asked : _Alignof(record);
    const record r = record_of(p, alignment);
    const size_t whole = r.offset + (size_t)p->bytes;
    h->block = NULL;
    record *const made = room(h, r.copy != NULL ? sizeof r : whole, alignment);
    if (made == NULL) {
        h->passed = *p;
        return;
    }
    *made = r;
    if (r.copy == NULL && p->bytes > 0) {
        memcpy(data_of(made), p->data, (size_t)p->bytes);
    }
    h->passed = (passed){.body = run_record,
                         .data = made,
                         .copy = r.copy != NULL ? copy_record : NULL,
                         .bytes = (long)whole,
                         .alignment = (long)alignment};
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
    handed h;
    hand_over(&h, &p);
    const passed *const now = &h.passed;
    ((task_call *)aai_kit_theirs(&known, "GOMP_task", (aai_kit_function *)body))(
        now->body, now->data, now->copy, now->bytes, now->alignment, is_deferred, flags, depend,
        priority, detach);
    free(h.block);
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
                          .back = 2 * sizeof(integer),                                             \
                          .is_loop = true};                                                        \
        handed h;                                                                                  \
        hand_over(&h, &p);                                                                         \
        const passed *const now = &h.passed;                                                       \
        ((name##_call *)aai_kit_theirs(&known, #name, (aai_kit_function *)body))(                  \
            now->body, now->data, now->copy, now->bytes, now->alignment, flags, tasks, priority,   \
            start, end, step);                                                                     \
        free(h.block);                                                                             \
    }

TASKLOOP(GOMP_taskloop, long)
TASKLOOP(GOMP_taskloop_ull, unsigned long long)
