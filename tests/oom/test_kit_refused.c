/* The test kit's own request for memory is refused: that is said, and the function is not blamed. Linked with the core's and
 * the kit's objects, whose requests are wrapped. */
#include "refused.h"

#include "runner.h"

#include <allocarrays/check.h>
#include <string.h>

static aa_status fill_an_arena(aa_upstream *upstream, void *context)
{
    ++*(int *)context;
    aa_allocator *const arena = aa_arena_create(&(aa_options){.upstream = upstream});
    const aa_status status = aa_alloc(arena, 100) != NULL ? AA_OK : aa_last_status();
    return aa_destroy(arena) == AA_OK ? status : AA_INVALID;
}

START_TEST(no_memory_for_an_upstream_of_the_kit_is_said)
{
    int runs = 0;
    refuse(-1);
    const char *const why =
        aai_check_every_failure(aa_upstream_heap(), fill_an_arena, &runs, __FILE__, __LINE__);
    const bool refused = was_refused();
    refuse(0);
    ck_assert(refused);
    ck_assert_str_eq(why, "aa_upstream_failing: no memory for an upstream");
    ck_assert_int_eq(runs, 0);
    aa_check_every_failure(aa_upstream_heap(), fill_an_arena, &runs);
    ck_assert_int_gt(runs, 0);
}
END_TEST

AA_TEST_MAIN("oom: the test kit", AA_TEST(no_memory_for_an_upstream_of_the_kit_is_said))
