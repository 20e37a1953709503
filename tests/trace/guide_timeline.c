/* The example of doc/tuning.md, "Look at a timeline", and what the page says is to be seen in it. */
#include "child.h"
#include "runner.h"
#include "trace.h"

#include <allocarrays.h>

/* A sum over temporaries: each round of the loop is one line of work on the timeline. */
static double rounds_to_look_at(int rounds, int rows)
{
    double sum = 0;
    aa_allocator *const bump = aa_shared_create(&(aa_options){.name = "temporaries"});
    for (int round = 0; bump != NULL && round < rounds; ++round) {
        AA_WITH(bump) {
#pragma omp parallel for reduction(+ : sum)
            for (int i = 0; i < rows; ++i) {
                double *const row = AA_NEW(AA_CURRENT, double, 1000);
                sum += row != NULL ? (row[999] = i) : 0;
            }
        }
        if (aa_reset(bump) != AA_OK) {
            break;
        }
    }
    (void)aa_destroy(bump);
    return sum;
}

static void look(void *path)
{
    (void)setenv("AA_TRACE", path, 1);
    exit(rounds_to_look_at(4, 1000) == 4 * 499500.0 ? 0 : 1);
}

START_TEST(the_timeline_shows_blocks_in_the_first_round_and_none_later)
{
    trace t;
    child_result result;
    trace_name(&t);
    child_run(&result, look, t.path);
    assert_exited_well(&result);
    trace_read(&t);
    trace_assert_rules(&t);
    ck_assert_int_eq(trace_count(&t, 'B', "temporaries", "by", "AA_WITH"), 4);
    ck_assert_int_eq(trace_count(&t, 'E', "aa_reset", "status", "AA_OK"), 4);
    const event *const first = trace_find(&t, 'E', "aa_reset", NULL, NULL);
    ck_assert_int_gt(event_number(first, "blocks before"), 1);
    int later = 0;
    for (size_t i = 0; i < t.count; ++i) {
        later += strcmp(t.at[i].name, "new block") == 0 && t.at[i].ns > first->ns;
    }
    ck_assert_int_eq(later, 0);
    trace_end(&t);
}
END_TEST

AA_TEST_MAIN("guide: timeline",
             AA_TEST(the_timeline_shows_blocks_in_the_first_round_and_none_later))
