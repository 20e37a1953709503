/* Floor 6, scope: the current allocator, marks, the reset barrier.
 *
 * A scope is an entry of its thread's stack. Invariants, with e1 .. en the open entries of a thread:
 *     def-allocator-var on this thread == en.handle, unless the user set it with OpenMP's own call, or an
 *     OMPT tool has put a task of another scope here;
 *     ek.saved == what it was before ek;   home(ek).holders counts the open entries for its allocator
 * Where no OpenMP runtime carries scopes, en.allocator itself is what aa_current reads.
 * Who: a stack is changed by its own thread alone; others read its first entries (relaxed) for reports,
 * under the registry lock, which thread exit takes to end the stack. */
#ifndef AAI_SCOPE_H
#define AAI_SCOPE_H

#include "alloc/alloc.h"
#include "sync/team.h"

#include <allocarrays/scope.h>

typedef struct aai_entry {
    uint64_t serial;
    aa_allocator *allocator;
    aai_cell *cell; /* NULL: the heap */
    uint64_t id;
    uintptr_t handle, saved;
    const void *frame;      /* of AA_WITH; NULL from aa_scope_enter */
    const char *how, *file; /* AA_WITH, AA_TASK, ... and where, NULL: not known */
    int line, level;
    uint64_t resets; /* of the allocator when it was entered */
} aai_entry;

/* An OpenMP handle of ours: never freed, because a handle's value may live anywhere. */
typedef struct aai_handle {
    aai_node node; /* key: the handle */
    aa_allocator *allocator;
    aai_cell *cell;
    uint64_t id;
    struct aai_handle *next_spare; /* handle.c: made in vain, waiting for an allocator */
} aai_handle;

/* A live region that a thread opened; ompt_hooks.c. */
typedef struct aai_region {
    const aai_handle *scope; /* NULL: none of ours */
    size_t depth;            /* scopes that were open when it began */
    bool is_league;
} aai_region;

enum { AAI_ENTRIES_FIXED = 8 };

typedef struct aai_scopes {
    aai_entry first[AAI_ENTRIES_FIXED];
    aai_entry *more; /* the entries behind them */
    size_t more_capacity;
    size_t depth; /* relaxed */
    uint64_t next_serial;
    uint64_t thread;
    /* The last handle looked up: what it is, and, if not ours, under which version of the table. */
    uintptr_t seen_handle;
    const aai_handle *seen;
    uint64_t seen_version;
    aai_region *regions; /* with an OMPT tool */
    size_t region_depth, region_capacity;
    struct aai_scopes *next, *prev; /* all threads', under the registry lock */
} aai_scopes;

/* The calling thread's stack, made at first need; NULL without memory. */
aai_scopes *aai_scopes_mine(void);
/* How many scopes and tokens of an allocator the calling thread has open. */
uint64_t aai_scopes_own(const aa_allocator *allocator);
/* The deepest nesting level at which one of the calling thread's open scopes was opened. */
int aai_scopes_deepest(void);
/* Describe the open scopes of other threads for an allocator:
 * " thread 5 (AA_WITH at file:line, level 1, since reset 3);", ... */
void aai_scopes_describe(const aa_allocator *allocator, char *text, size_t bytes);
aai_entry *aai_entry_at(aai_scopes *scopes, size_t index);

/* What a handle leads to: NULL when it is not ours. */
const aai_handle *aai_handle_find(uintptr_t handle);
/* The allocator behind this thread's def-allocator-var: the heap when it is not ours, NULL when it is gone. */
aa_allocator *aai_allocator_of_icv(void);
/* aa_current that reports nothing: NULL when the allocator is gone. */
aa_allocator *aai_current_quietly(void);

/* aa_current, for a call that asks AA_CURRENT: the task that makes it is looked at. task.c. */
aa_allocator *aai_current_asked(const aai_site *site);
extern bool aai_tasks_seen; /* relaxed; false: no task was ever seen to begin */
void aai_task_look(const aa_allocator *current, aai_site site);

/* Whether an OMPT tool has joined: tasks inherit the scope of their creator. */
bool aai_ompt_is_active(void);
/* How many live regions were opened under an allocator's scope, by all and by the calling thread; 0 without
 * a tool. */
uint64_t aai_regions_live(const aa_allocator *allocator);
uint64_t aai_regions_own(const aa_allocator *allocator);
/* A stack's thread is gone: its regions count no more. */
void aai_regions_end(aai_scopes *scopes);

/* The proof of reset.c; aa_status of the violation it reported, AA_OK when the allocator is quiescent. */
aa_status aai_prove_quiescent(const aa_allocator *allocator, aai_site site);
/* Clauses 1 and 2 for a team that has arrived whole. */
aa_status aai_prove_team_alone(const aa_allocator *allocator, aai_site site);
/* The part of it that aa_reset_team shares; the team's own regions, scopes and marks do not count. */
aa_status aai_prove_no_holders(const aa_allocator *allocator, aai_site site, uint64_t own_regions,
                               uint64_t own_scopes, uint64_t own_marks);
/* Whether threads of some team are inside aa_reset_team for an allocator. */
bool aai_team_is_arriving(const aa_allocator *allocator);
/* For fork: its lock; in the child, the threads that were arriving are gone. */
void aai_team_fork(void (*each)(aai_lock *));
void aai_team_forked(aai_base *base);
/* The reset method, after the proof; its AA_BUSY becomes a violation. */
aa_status aai_reset_now(aa_allocator *allocator, aai_site site);

#endif
