/* Outcomes: statuses, the message of a thread's last failure, violations and their handler. */
#ifndef ALLOCARRAYS_STATUS_H
#define ALLOCARRAYS_STATUS_H

#include <allocarrays/impl/base.h>

AAI_BEGIN_DECLS

/* One list makes the enum, the names and the words of aa_last_message. */
#define AA_STATUS_LIST(X)                                                                          \
    X(AA_OK, "success")                                                                            \
    X(AA_INVALID, "an argument is not allowed")                                                    \
    X(AA_NOMEM, "the upstream or the capacity has no room")                                        \
    X(AA_OVERFLOW, "a size or a product of extents does not fit")                                  \
    X(AA_UNSUPPORTED, "this allocator or system cannot do that")                                   \
    X(AA_BUSY, "in use: by a region, another thread, or a call already under way")                 \
    X(AA_STALE, "the memory or the allocator is gone")                                             \
    X(AA_BOUNDS, "an index or a range lies outside its axis")                                      \
    X(AA_ORDER, "marks or scopes were not ended in reverse order")                                 \
    X(AA_THREAD, "only the owner thread may do that")                                              \
    X(AA_MISMATCH, "shapes or types do not go together")                                           \
    X(AA_IO, "reading or writing failed")

/** Outcomes of calls. Allocation returns NULL or a null array instead, and aa_last_status then says which. */
typedef enum aa_status {
#define AAI_ENUM(name, text) name,
    AA_STATUS_LIST(AAI_ENUM)
#undef AAI_ENUM
} aa_status;

/**
 * Return the name of a status, such as "AA_BUSY"; "AA_?" for a value outside the enum.
 * Cost: a table look-up. Threads: any.
 */
AA_API const char *aa_status_name(aa_status status);

/**
 * Return the calling thread's last failure as a sentence; "" if it never failed.
 * A success does not clear it. The string stays valid until this thread's next failure.
 * Cost: a TLS read. Threads: any.
 */
AA_API const char *aa_last_message(void);

/**
 * Return the status of the calling thread's last failure, AA_OK if it never failed: tells why an
 * allocation returned NULL. Cost: a TLS read. Threads: any.
 */
AA_API aa_status aa_last_status(void);

/**
 * Forget the calling thread's last failure: aa_last_status is AA_OK and aa_last_message "" again.
 * Cost: a TLS write. Threads: any.
 */
AA_API void aa_last_clear(void);

#define AA_VIOLATION_LIST(X)                                                                       \
    X(AA_RESET_IN_PARALLEL, AA_BUSY)                                                               \
    X(AA_RESET_IN_USE, AA_BUSY)                                                                    \
    X(AA_USE_AFTER_RESET, AA_STALE)                                                                \
    X(AA_FOREIGN_THREAD, AA_THREAD)                                                                \
    X(AA_REWIND_ORDER, AA_ORDER)                                                                   \
    X(AA_OUT_OF_BOUNDS, AA_BOUNDS)                                                                 \
    X(AA_ESCAPE, AA_OK)                                                                            \
    X(AA_RACE, AA_OK)                                                                              \
    X(AA_CORRUPTION, AA_OK)

/** The rules that can be broken. The first six refuse the call, the last three are findings. */
typedef enum aa_violation_kind {
#define AAI_ENUM(name, status) name,
    AA_VIOLATION_LIST(AAI_ENUM)
#undef AAI_ENUM
} aa_violation_kind;

/** What a violation handler is told. Pointers live until the handler returns. */
typedef struct aa_violation {
    aa_violation_kind kind;        /* the rule */
    const char *message;           /* one sentence a person can act on */
    const aa_allocator *allocator; /* whose rule; NULL where there is none, or it is gone */
    const char *allocator_name;    /* its name; "?" without one */
    const char *function;          /* the public call that refused */
    const char *file;              /* the caller's, NULL where no macro could capture it */
    int line;                      /* in that file; 0 without one */
    int thread_num, level;         /* OpenMP's, of the calling thread; 0 without OpenMP */
    uint64_t thread_id;            /* this library's, never repeated */
    /* Counts of resets and rewinds: when what is stale was made, and now; equal where nothing is stale. Of a
     * shared allocator's array: of its thread's part, where resets that the thread has not met count as one. */
    uint64_t epoch_seen, epoch_now;
} aa_violation;

/** A violation handler: told of each broken rule, with the context it was installed with. Threads: any, several at once. */
typedef void aa_violation_handler(const aa_violation *violation, void *context);

/**
 * Install the process-wide violation handler and return the previous one (NULL: the default).
 * The default prints one paragraph to stderr and aborts. If an installed handler returns, a refused
 * call returns its status and has changed nothing; a finding is followed by the call's normal result.
 * A handler may leave a refused call by longjmp; a finding it then leaves half done, as any call it jumps over.
 * handler: NULL restores the default. context: passed on unchanged.
 * Threads: any. The handler may run on any thread, on several at once, and never under a lock.
 */
AA_API aa_violation_handler *aa_set_violation_handler(aa_violation_handler *handler, void *context);

/**
 * Return the installed handler (NULL: the default) and, if context is not NULL, its context, so that
 * both can be put back. Threads: any.
 */
AA_API aa_violation_handler *aa_get_violation_handler(void **context);

/** Return the name of a violation, such as "AA_ESCAPE"; "AA_?" outside the enum. Threads: any. */
AA_API const char *aa_violation_name(aa_violation_kind kind);

/** Return the library's version, such as "0.1.0". Threads: any. */
AA_API const char *aa_version(void);

AAI_END_DECLS

#endif
