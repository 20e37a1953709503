/* Taking memory back: the reset barrier, marks, scratch. */
#ifndef ALLOCARRAYS_RESET_H
#define ALLOCARRAYS_RESET_H

#include <allocarrays/allocator.h>

AAI_BEGIN_DECLS

/**
 * Take back everything at once, after proving that nothing is using the allocator. Ends the caller's
 * marks. Chains are folded into one block sized by the largest use of the last resets.
 * The heap and custom allocators without a reset method: AA_UNSUPPORTED.
 * Returns AA_OK; AA_BUSY after AA_RESET_IN_PARALLEL (a region is active, also one of one thread) or
 * AA_RESET_IN_USE (scopes, tokens or marks of other threads, pins, calls under way); AA_STALE (destroyed);
 * AA_THREAD under checks (another thread's arena); AA_OVERFLOW (the epoch counter is at its end). Nothing
 * has changed then.
 * Cost: O(1) in arrays and allocations; private: O(its arenas). Threads: quiescent.
 * Source: AllocArrays.jl's reset!; epochs after ck_epoch and MemValid.
 */
#define aa_reset(allocator) aai_reset_at((allocator), __FILE__, __LINE__)
AA_API aa_status(aa_reset)(aa_allocator *allocator);
AA_API aa_status aai_reset_at(aa_allocator *allocator, const char *file, int line);

/** Say whether the calling thread is inside a parallel region, also one of a single thread. Threads: any. */
AA_API bool aa_in_parallel(void);

/** A checkpoint of the calling thread inside an allocator; a value. Members are private. */
typedef struct aa_mark {
    aa_allocator *allocator;
    const struct aai_cell *cell;
    uint64_t id, serial, thread_id;
    uint32_t depth, state;
} aa_mark;

/**
 * Take a mark: aa_mark_rewind returns the calling thread's use of the allocator to this point. Marks nest,
 * at most 4,096 deep per thread and allocator. On failure a mark for which aa_mark_is_null holds
 * (AA_INVALID, AA_NOMEM, AA_BUSY, AA_STALE, AA_THREAD). On an allocator that cannot mark (custom without
 * the method) the mark is a no-op.
 * Cost: O(1), some 20 ns. Threads: as aa_alloc.
 */
AA_API aa_mark aa_mark_take(aa_allocator *allocator);

/** Say whether a mark is the result of a failure. Threads: any. */
AA_API bool aa_mark_is_null(aa_mark mark);

/**
 * Take back what the calling thread allocated since a mark, and end it and those inside it. Arrays made
 * since are stale, those made before are not. AA_BUSY after AA_RESET_IN_USE (an array made since is pinned);
 * AA_ORDER after AA_REWIND_ORDER (ended, rewound or dropped before, or a reset came since), AA_THREAD after
 * AA_FOREIGN_THREAD (another thread's mark), AA_STALE after
 * AA_USE_AFTER_RESET (destroyed): nothing has changed then.
 * Cost: O(pieces taken since). Threads: the one that took it.
 */
AA_API aa_status aa_mark_rewind(aa_mark mark);

/**
 * End a mark, and those inside it, without taking anything back. Fails as aa_mark_rewind. Cost: O(1).
 * Threads: the one that took it.
 */
AA_API aa_status aa_mark_drop(aa_mark mark);

typedef struct aai_scratch {
    aa_mark mark;
    const char *file;
    int line, once;
} aai_scratch;

AA_API aai_scratch aai_scratch_begin(aa_allocator *allocator, const char *file, int line);
AA_API void aai_scratch_end(aai_scratch *scratch);

/**
 * AA_SCRATCH(allocator) { ... }: mark; rewind on fall-through, break, return, goto out. It takes back the calling thread's
 * share alone: what other threads of a region inside allocated stays until the reset. Works on every
 * allocator; AA_CURRENT is resolved once, on entry. A loop that runs once: break and continue directly inside end
 * the block. On the heap it frees what this thread took since by aa_alloc on the heap handle and by arrays whose
 * AA_CURRENT led there; never what aa_materialize made, nor arrays with an explicit aa_heap() handle.
 * An array made inside and still pinned at the end is AA_ESCAPE: a finding, its memory goes all the same. With NULL
 * (one warning), a destroyed allocator (AA_USE_AFTER_RESET) or no memory for the mark the body runs and nothing is
 * taken back. No barrier, taskwait, taskgroup or taskyield inside, unless every task that can run there frees or
 * scratches all it allocates.
 * Cost: some 40 to 60 ns; on the heap O(blocks taken). Threads: as aa_alloc.
 * Source: Bumper.jl's @no_escape; PostgreSQL's memory contexts.
 */
#define AA_SCRATCH(allocator) AAI_SCRATCH_(AAI_UNIQUE(aai_scratch_), allocator)
#define AAI_SCRATCH_(name, allocator)                                                              \
    for (aai_scratch name __attribute__((cleanup(aai_scratch_end))) =                              \
             aai_scratch_begin((allocator), __FILE__, __LINE__);                                   \
         name.once; name.once = 0)

/** AA_SCRATCH2(a, b) { ... }: both at once, ended in reverse order. Cost, Threads: as AA_SCRATCH, for each. */
#define AA_SCRATCH2(a, b)                                                                          \
    AA_SCRATCH(a)                                                                                  \
        AA_SCRATCH(b)

/**
 * aa_reset_team(allocator): the reset inside a parallel region: every thread of the team calls it, one
 * resets between two barriers; an aa_status, the same on every thread that names the allocator. Both compilers reject it inside
 * for, single, sections and tasks. When a thread does not arrive within AA_TEAM_TIMEOUT seconds (60) every
 * arrival returns AA_BUSY instead of hanging, after one report. One that comes later waits once more as long:
 * whether it is late, or begins the next reset, is known when the others come again, or do not (AA_BUSY, no second
 * report). Without -fopenmp it is aa_reset.
 * The proof: the whole team arrived, no other thread holds a scope, token, mark or pin. From functions that tasks on
 * all threads call at once it hangs, as any barrier: counting cannot see that.
 * Cost: two barriers and a reset. Threads: team.
 */
#ifdef _OPENMP
#define aa_reset_team(allocator)                                                                   \
    __extension__({                                                                                \
        aai_team aai_team_ = aai_team_arrive((allocator), __FILE__, __LINE__);                     \
        if (aai_team_.go) {                                                                        \
            _Pragma("omp barrier") _Pragma("omp single copyprivate(aai_team_)")                    \
            {                                                                                      \
                aai_team_reset(&aai_team_);                                                        \
            }                                                                                      \
        }                                                                                          \
        aai_team_.status;                                                                          \
    })
#else
#define aa_reset_team(allocator) aa_reset(allocator)
#endif

/* What threads have open for an allocator: regions (with OMPT), scopes, marks. */
typedef struct aai_team_holds {
    uint64_t regions, scopes, marks;
} aai_team_holds;

/** One thread's part in a team reset. Members are private. */
typedef struct aai_team {
    aa_allocator *allocator;
    const char *file;
    int line;
    int go;
    aa_status status;
    aai_team_holds holds; /* of the whole team */
    uint64_t resets;      /* of the allocator when its first thread arrived */
} aai_team;

AA_API aai_team aai_team_arrive(aa_allocator *allocator, const char *file, int line);
AA_API void aai_team_reset(aai_team *team);

AAI_END_DECLS

#endif
