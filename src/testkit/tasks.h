/* Side library testkit: explicit tasks, seen by standing before the runtime's calls that create them: GOMP_ in
 * programs of gcc, __kmpc_ in those of clang. A task keeps a token of the scope it was created in, and from its
 * beginning to its end the core knows that token (impl/task.h): a task that allocates without the scope of its creator is AA_RACE. The
 * scope itself is left as it is, for the code under test must be right also where this library is not.
 *
 * Where the kit does not stand before the runtime (loaded late, a static runtime) no task is seen: nothing is
 * reported, nothing else changes. */
#ifndef AAI_KIT_TASKS_H
#define AAI_KIT_TASKS_H

#include "kit.h"

#include <allocarrays/impl/task.h>

typedef void aai_kit_function(void);

/* The runtime's call of this name, kept in *known (NULL at first). of_caller: a function in the library that called
 * ours. Never returns NULL: a program cannot have called it without a runtime that has it. */
aai_kit_function *aai_kit_theirs(aai_kit_function **known, const char *name,
                                 aai_kit_function *of_caller);

#endif
