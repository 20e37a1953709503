/* Floor 2, os: what the memory checkers are told: AddressSanitizer, Valgrind, ThreadSanitizer. With pages.c and
 * thread.c the only files that know them.
 *
 * Decided at run time: the sanitizers' entry points are weak, so that one binary of the library serves
 * programs with and without them; Valgrind's requests cost a few instructions outside it. */
#ifndef AAI_TOOLS_H
#define AAI_TOOLS_H

#include "base/base.h"

/* Nobody may touch these bytes / they hold no value yet / they may be read and written. */
void aai_tools_poison(const void *pointer, size_t bytes);
void aai_tools_unpoison(const void *pointer, size_t bytes, bool defined);
/* Whether a checker would catch what our own redzones are for, and must not see us look at them. */
bool aai_tools_poisoning(void);

/* One byte read by each allocation and written by a reset, for ThreadSanitizer alone: a reset in a region is
 * a data race with the allocations of other threads, and this makes it one that the tool sees. */
bool aai_tools_race_detecting(void);
void aai_tools_race_read(const void *byte);
void aai_tools_race_write(const void *byte);

#endif
