/* The dynamic scope: which allocator is current. It *is* OpenMP's def-allocator-var. */
#ifndef ALLOCARRAYS_SCOPE_H
#define ALLOCARRAYS_SCOPE_H

#include <allocarrays/allocator.h>

AAI_BEGIN_DECLS

/** An open scope; a value, left on the thread that entered it. Members are private. */
typedef struct aa_scope {
    uint64_t serial;
    uint32_t depth;
    int once; /* drives the one round of AA_WITH */
} aa_scope;

/** A scope carried to a task or another thread; a value, copied freely. Members are private. */
typedef struct aa_token {
    aa_allocator *allocator;
    const struct aai_cell *cell;
    uint64_t id;
    uintptr_t handle;
} aa_token;

/**
 * Return the current allocator: what the innermost scope installed, the heap when none is open. Never NULL.
 * Under a handle whose allocator is gone: the heap, after AA_USE_AFTER_RESET.
 * Cost: a read of OpenMP's ICV, about 10 ns. Threads: any.
 */
AA_API aa_allocator *aa_current(void);

/** The handle that means: whatever is current at the moment of the call. Accepted by every call. */
#define AA_CURRENT (&aai_current_handle)
AA_API extern aa_allocator aai_current_handle;

/**
 * Open a scope: allocator becomes current on this thread and in every region it opens, until
 * aa_scope_leave. For bindings; C code uses AA_WITH. With a NULL or destroyed allocator nothing changes
 * (AA_INVALID; AA_USE_AFTER_RESET) and the returned scope is empty: leaving it does nothing.
 * Cost: under 40 ns. Threads: any.
 */
AA_API aa_scope aa_scope_enter(aa_allocator *allocator);

/**
 * End a scope and restore what was current before it, bit for bit. AA_ORDER when inner scopes were still
 * open (they are ended too) or when it had already ended (nothing changes). Threads: the one that entered.
 */
AA_API aa_status aa_scope_leave(aa_scope scope);

/** Capture the current scope for AA_TASK, in a task or another host thread. Cost: as aa_current. Threads: any. */
AA_API aa_token aa_scope_capture(void);

/**
 * Open a captured scope; AA_TASK does it and leaves it. A token of a scope that has ended is fine while its allocator
 * lives. Else nothing changes and the returned scope is empty: AA_STALE after AA_USE_AFTER_RESET (the allocator is
 * gone), AA_INVALID (an empty token), AA_NOMEM. Cost: as aa_scope_enter. Threads: any.
 */
AA_API aa_scope aa_token_enter(aa_token token);

/**
 * AA_WITH(allocator) { ... }: current inside; restored on fall-through, break, return, goto out (and a
 * C++ exception). A loop that runs once: break and continue directly inside end the block. With NULL (one warning)
 * or a destroyed allocator (AA_USE_AFTER_RESET) the body runs under the unchanged scope. Left by longjmp out of
 * its function, the thread's next scope repairs it and records AA_ORDER; by longjmp within its function it stays
 * open until an outer one ends. Cost: under 40 ns for enter and leave. Threads: any.
 */
#define AA_WITH(allocator) AAI_WITH_(AAI_UNIQUE(aai_scope_), aai_scope_enter_at, (allocator))

/**
 * AA_TASK(token) { ... }: the captured scope inside a task or thread, restored on every way out. Fails as
 * aa_token_enter, and the body runs under the scope already current. Cost, Threads: as AA_WITH.
 */
#define AA_TASK(token) AAI_WITH_(AAI_UNIQUE(aai_scope_), aai_token_enter_at, (token))

#define AAI_WITH_(name, enter, what)                                                               \
    for (aa_scope name __attribute__((cleanup(aai_scope_end))) =                                   \
             enter(what, __builtin_frame_address(0), __FILE__, __LINE__);                          \
         name.once; name.once = 0)

AA_API aa_scope aai_scope_enter_at(aa_allocator *allocator, void *frame, const char *file,
                                   int line);
AA_API aa_scope aai_token_enter_at(aa_token token, void *frame, const char *file, int line);
AA_API void aai_scope_end(aa_scope *scope);

/**
 * Return the OpenMP allocator handle of an allocator (an omp_allocator_handle_t as an integer), made at
 * the first call and never destroyed. 0 with AA_UNSUPPORTED (no OpenMP runtime, or one without allocators),
 * AA_INVALID (NULL), AA_STALE after AA_USE_AFTER_RESET, AA_NOMEM. Cost: a load after the first call. Threads: any.
 */
AA_API uintptr_t aa_omp_handle(aa_allocator *allocator);

/**
 * Return the allocator behind an OpenMP handle: NULL for one that is not ours or whose allocator is gone.
 * Cost: a few ns for the handle asked last, else a lock and a tree look-up. Threads: any.
 */
AA_API aa_allocator *aa_from_omp_handle(uintptr_t handle);

/**
 * Say what carries scopes: "threads" (no OpenMP runtime found: each thread its own), "regions" (OpenMP's
 * ICV), "regions+tasks (OMPT)". Threads: any.
 */
AA_API const char *aa_scope_mode(void);

AAI_END_DECLS

#endif
