/* Floor 5, alloc: where an allocator was born among regions, and who of them took memory from it.
 *
 * With path(t) = the thread numbers of t's ancestors at levels 1 .. level(t), a thread runs inside another's
 * inner regions iff the other's path is a prefix of its own. An allocator keeps its creator's path; a thread
 * that takes memory is, as seen from there,
 *     0        the creator, or inside its inner regions (which end before it goes on)
 *     BESIDE   elsewhere in the region of birth
 *     OUTSIDE  elsewhere;  AWAY: the creator itself, elsewhere
 * Paths are compared up to AAI_PATH levels; threads without OpenMP have the empty one.
 *
 * A runtime lends threads: one that is inside the creator's regions now may serve another thread's later. So a
 * thread bumps inline, which leaves no trace, only while what it is cannot come to matter more (aai_origin_take):
 *     birth level 0    always: resets at level 0 ask nobody
 *     birth level 1    the creator, whom only its own reset asks; and who was noted, for one note refuses
 *     deeper           who was noted as OUTSIDE, which every reset inside a region minds
 * Everybody else comes by the slow path and is noted each time. */
#include "alloc/alloc.h"

#include "sync/team.h"

void aai_origin_note(aai_base *base)
{
    base->birth_level = aai_omp_level();
    for (int level = 1; level <= base->birth_level && level <= AAI_PATH; ++level) {
        base->birth_path[level - 1] = aai_omp_ancestor(level);
    }
}

bool aai_origin_shared_to(const aai_base *base, int levels)
{
    for (int level = 1; level <= levels && level <= AAI_PATH; ++level) {
        if (base->birth_path[level - 1] != aai_omp_ancestor(level)) {
            return false;
        }
    }
    return true;
}

/* What the caller is: 0 or one of AAI_TAKEN_... */
static uint64_t taker(const aai_base *base)
{
    const int level = aai_omp_level();
    const bool on_path =
        level >= base->birth_level && aai_origin_shared_to(base, base->birth_level);
    if (aai_self()->id == base->creator) {
        return on_path ? 0 : AAI_TAKEN_AWAY;
    }
    if (on_path && level > base->birth_level) {
        return 0;
    }
    return aai_origin_shared_to(base, base->birth_level - 1) ? AAI_TAKEN_BESIDE : AAI_TAKEN_OUTSIDE;
}

uint64_t aai_origin_settled(const aai_base *origin)
{
    const uint64_t now = taker(origin);
    if (origin->birth_level == 1) {
        return aai_self()->id == origin->creator ? AAI_TAKEN_OWN : now;
    }
    return now == AAI_TAKEN_OUTSIDE ? now : 0;
}

bool aai_origin_note_taking(aai_base *noted, const aai_base *origin)
{
    (void)__atomic_fetch_or(&noted->takers, taker(origin), __ATOMIC_RELAXED);
    return aai_origin_settled(origin) != 0;
}

uint64_t aai_origin_takers(const aa_allocator *allocator)
{
    return allocator->ops->takers != NULL ? allocator->ops->takers(allocator)
                                          : AAI_LOAD(aai_base_of(allocator)->takers);
}
