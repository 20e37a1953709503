/* Floor 2, os: pages, thread identity and exit. With tools.h the only files that know the OS and the tools. */
#ifndef AAI_OS_H
#define AAI_OS_H

#include "base/base.h"

#include <allocarrays/impl/alloc.h>

size_t aai_page_size(void);
enum { AAI_HUGE_PAGE = 2 << 20 };

/* Map bytes of zeroed memory aligned to `alignment` (a power of two). flags: AA_HUGEPAGES, AA_PREFAULT.
 * NULL when refused. Unmap with the same bytes. */
void *aai_pages_map(size_t bytes, size_t alignment, unsigned flags);
/* Map whole huge pages, aligned to one, out of those that the system keeps reserved; bytes: a multiple of
 * AAI_HUGE_PAGE. NULL when it has not so many left. Unmap with the same bytes. */
void *aai_pages_map_reserved(size_t bytes);
void aai_pages_unmap(void *pointer, size_t bytes);
/* Address space that nobody may touch, aligned; NULL when refused. Unmap as pages. */
void *aai_pages_reserve(size_t bytes, size_t alignment);
/* Inside a reservation: make pages readable, writable and zero; take them back; move them to reserved
 * addresses, leaving reserved ones behind at no moment unmapped. False: refused, nothing has changed. */
bool aai_pages_open(void *start, size_t bytes);
void aai_pages_close(void *start, size_t bytes);
bool aai_pages_move(void *start, void *target, size_t bytes);
/* Keep pages in memory until they are unmapped; false: the system refuses (RLIMIT_MEMLOCK). */
bool aai_pages_lock(void *pointer, size_t bytes);
/* Make [start, start + bytes) resident. Its contents must be free to change. */
void aai_pages_populate(char *start, size_t bytes);

/* Where a call came in: its function, and the caller's line where a macro captured it (else NULL, 0). */
typedef struct aai_site {
    const char *function, *file;
    int line;
} aai_site;

/* A call of this library under way on a thread; on its stack. The thread's record has the rest. */
typedef struct aai_op {
    uint64_t serial; /* that of its aai_call; anything else once the frame is gone and used again */
} aai_op;

typedef struct aai_call {
    const aa_allocator *allocator;
    const aai_op *op;
    const void *frame;
    aai_site site;
    uint64_t serial;
    bool in_callback; /* user code runs: an upstream, a method, a violation handler */
    const void *handler; /* ... called in this frame: a violation handler, which may leave by longjmp */
} aai_call;

enum { AAI_CALLS_MAX = 16 };

/* A thread that has used the library. Owned by that thread; freed at its exit. */
typedef struct aai_thread {
    uint64_t id;                   /* from 1, never repeated */
    aai_call calls[AAI_CALLS_MAX]; /* under way, innermost last: enter.c */
    int call_count;
    uint64_t last_serial;
    struct aai_tracker *tracker; /* alloc: its scratches on the heap */
    struct aai_places *places;   /* alloc: its lanes and arenas */
    struct aai_scopes *scopes;   /* scope: its open scopes */
    void *dummy, *birth_places;  /* array: owned, freed with the record */
    size_t dummy_bytes;
    struct aai_task *task; /* scope: the innermost explicit task under way, where tasks are seen */
    uint64_t team_failure; /* scope: the team reset that failed with it, 0: none */
    /* sync: what AA_TRACE records of it, NULL: nothing yet, or nothing ever for want of memory */
    struct aai_recorder *recorder;
    bool is_unrecorded;
} aai_thread;

/* alloc: called once, before the first record of the process is made; no lock of ours is taken earlier. */
extern void (*aai_first_thread)(void);

aai_thread *aai_thread_register(void);

/* The calling thread's record; NULL only when memory for it is refused. */
static inline aai_thread *aai_self(void)
{
    aai_thread *const record = aa_tls.record;
    return record != NULL ? record : aai_thread_register();
}

/* Whether an address lies on the calling thread's own stack (not on an alternate or a fiber's). Slow;
 * false where the system cannot tell. */
bool aai_on_own_stack(const void *address);

/* What higher floors do when a thread ends, in this order, on that thread. Set any number of times. */
typedef enum aai_exit_stage {
    AAI_EXIT_SCOPES,
    AAI_EXIT_HEAP,
    AAI_EXIT_RECENT,
    AAI_EXIT_PLACES,
    AAI_EXIT_TRACE,
    AAI_EXIT_STAGES
} aai_exit_stage;
void aai_thread_at_exit(aai_exit_stage stage, void (*hook)(aai_thread *));

#endif
