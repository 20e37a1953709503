/* Side library ompt: the part of OMPT that it uses, typed from the OpenMP 5.0 specification, chapter 4. Its
 * own copy, because gcc has no <omp-tools.h> although its programs may run on LLVM's runtime. Numbers and
 * layouts are the standard's: tests/omp/test_ompt_abi.c compares them with the runtime's own header. */
#ifndef AAI_OMPT_ABI_H
#define AAI_OMPT_ABI_H

#include <stdint.h>

/* One word of the tool's own in each task and each region; zero at first. */
typedef union ompt_word {
    uint64_t value;
    void *ptr;
} ompt_word;

typedef struct ompt_frame ompt_frame; /* not looked into */

typedef void ompt_function(void);
typedef ompt_function *ompt_lookup(const char *name);

typedef struct ompt_tool {
    int (*initialize)(ompt_lookup *lookup, int initial_device, ompt_word *data); /* 0: no tool */
    void (*finalize)(ompt_word *data);
    ompt_word data;
} ompt_tool;

typedef enum ompt_event {
    OMPT_PARALLEL_BEGIN = 3,
    OMPT_PARALLEL_END = 4,
    OMPT_TASK_CREATE = 5,
    OMPT_TASK_SCHEDULE = 6
} ompt_event;

enum { OMPT_SET_ALWAYS = 5 };               /* ompt_set_callback: the event is always reported */
enum { OMPT_PARALLEL_LEAGUE = 0x40000000 }; /* parallel flags: teams, not a region */

/* How a task came to stop: it goes on later. The other values: it has ended, or an event was fulfilled. */
enum { OMPT_STOPS_BY_YIELD = 2, OMPT_STOPS_BY_SWITCH = 7 };

typedef int ompt_set_callback_call(ompt_event event, ompt_function *callback);

typedef void ompt_on_parallel_begin(ompt_word *task, const ompt_frame *frame, ompt_word *region,
                                    unsigned requested, int flags, const void *caller);
typedef void ompt_on_parallel_end(ompt_word *region, ompt_word *task, int flags,
                                  const void *caller);
typedef void ompt_on_task_create(ompt_word *creator, const ompt_frame *frame, ompt_word *created,
                                 int flags, int has_dependences, const void *caller);
typedef void ompt_on_task_schedule(ompt_word *prior, int status, ompt_word *next);

#endif
