/* Floor 5, alloc: where an allocator was born among regions, and who of them took memory from it.
 *
 * With path(t) = the thread numbers of t's ancestors at levels 1 .. level(t), a thread runs inside another's
 * inner regions iff the other's path is a prefix of its own. An allocator keeps its creator's path; a thread
 * that takes memory is, as seen from there,
 *     0        the creator, or inside its inner regions (which end before it goes on)
 *     BESIDE   elsewhere in the region of birth
 *     OUTSIDE  elsewhere
 * Paths are compared up to AAI_PATH levels; threads without OpenMP have the empty one. */
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

uint64_t aai_origin_taker(const aai_base *base)
{
    if (base->birth_level == 0 || aai_self()->id == base->creator ||
        (aai_omp_level() > base->birth_level && aai_origin_shared_to(base, base->birth_level))) {
        return 0;
    }
    return aai_origin_shared_to(base, base->birth_level - 1) ? AAI_TAKEN_BESIDE : AAI_TAKEN_OUTSIDE;
}

uint64_t aai_origin_takers(const aa_allocator *allocator)
{
    return allocator->ops->takers != NULL ? allocator->ops->takers(allocator)
                                          : AAI_LOAD(aai_base_of(allocator)->takers);
}
