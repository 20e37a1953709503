/* What liballocarrays-check asks of the core: points inside the library where a test may disturb the schedule,
 * and pins. Installed, undocumented. Only the slow path has any: what is inlined into callers has none. */
#ifndef ALLOCARRAYS_IMPL_INJECT_H
#define ALLOCARRAYS_IMPL_INJECT_H

#include <allocarrays/impl/base.h>

AAI_BEGIN_DECLS

/* `where` is the lock's rank, doubled, and this bit after it was let go; without it, before it is taken. */
enum { AAI_POINT_RELEASED = 1 };

/**
 * Have a function called at every point from now on; NULL: none, as at the start. It runs on any thread, several
 * at once, also while the thread holds other locks of the library: it must not call the library, nor change
 * errno, and must stay callable for good, for a thread may be about to call it when it is replaced.
 * Threads: any.
 */
AA_API void aai_injection_set(void (*point)(unsigned where));

/** Pins on an allocator's arrays now, those of a private one's arenas too; 0 for the heap. Threads: any. */
AA_API uint64_t aai_pins(const aa_allocator *allocator);

AAI_END_DECLS

#endif
