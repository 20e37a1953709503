/* Floor 1, base: points where the schedule explorer of tests/schedules may let another thread run. Nothing of it is in a
 * build of the library: without AA_EXPLORED, which only the explorer's own copy of the sources is compiled with, a
 * point is no code. The explorer runs one thread at a time, hence lock and yield: who waits has to say so. */
#ifndef AAI_POINT_H
#define AAI_POINT_H

#ifdef AA_EXPLORED
void aai_explore_point(void);             /* any thread may run from here on */
void aai_explore_yield(void);             /* the caller waits for what another thread does */
void aai_explore_wait(const void *place); /* not before place is woken */
void aai_explore_wake(const void *place);
#define AAI_POINT() aai_explore_point()
#define AAI_POINT_YIELD() aai_explore_yield()
#else
#define AAI_POINT() ((void)0)
#define AAI_POINT_YIELD() ((void)0)
#endif

#endif
