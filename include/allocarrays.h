/* AllocArrays for C: the umbrella. Includes every public header of the core library, nothing else.
 * <allocarrays/omp.h> (typed OpenMP handles) and the side libraries' headers are included by name. */
#ifndef ALLOCARRAYS_H
#define ALLOCARRAYS_H

#include <allocarrays/allocator.h>
#include <allocarrays/arena.h>
#include <allocarrays/array.h>
#include <allocarrays/checked.h>
#include <allocarrays/private.h>
#include <allocarrays/reset.h>
#include <allocarrays/scope.h>
#include <allocarrays/shared.h>
#include <allocarrays/stats.h>
#include <allocarrays/status.h>
#include <allocarrays/traits.h>
#include <allocarrays/upstream.h>

#endif
