/* The tool's own declarations of OMPT are those of the runtime's header, where there is one. */
#include "ompt/abi.h"

#include <stddef.h>
#include <stdio.h>

#if defined(__has_include)
#if __has_include(<omp-tools.h>)
#define HAVE_OMP_TOOLS
#endif
#endif

#ifdef HAVE_OMP_TOOLS
#include <omp-tools.h>

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours " is not " #theirs)

SAME(OMPT_PARALLEL_BEGIN, ompt_callback_parallel_begin);
SAME(OMPT_PARALLEL_END, ompt_callback_parallel_end);
SAME(OMPT_TASK_CREATE, ompt_callback_task_create);
SAME(OMPT_TASK_SCHEDULE, ompt_callback_task_schedule);
SAME(OMPT_SET_ALWAYS, ompt_set_always);
SAME(OMPT_PARALLEL_LEAGUE, ompt_parallel_league);
SAME(OMPT_STOPS_BY_YIELD, ompt_task_yield);
SAME(OMPT_STOPS_BY_SWITCH, ompt_task_switch);

SAME(sizeof(ompt_word), sizeof(ompt_data_t));
SAME(offsetof(ompt_word, value), offsetof(ompt_data_t, value));
SAME(offsetof(ompt_word, ptr), offsetof(ompt_data_t, ptr));
SAME(sizeof(ompt_tool), sizeof(ompt_start_tool_result_t));
SAME(offsetof(ompt_tool, initialize), offsetof(ompt_start_tool_result_t, initialize));
SAME(offsetof(ompt_tool, finalize), offsetof(ompt_start_tool_result_t, finalize));
SAME(offsetof(ompt_tool, data), offsetof(ompt_start_tool_result_t, tool_data));
SAME(sizeof(ompt_event), sizeof(ompt_callbacks_t));

int main(void)
{
    printf("ompt: abi: as <omp-tools.h> has it\n");
    return 0;
}
#else
int main(void)
{
    printf("ompt: abi: not run: this compiler has no <omp-tools.h>\n");
    return 77;
}
#endif
