/* What the explorer's programs share: the reports of a schedule, and a table of what is handed out. One thread runs at a
 * time, so none of it needs a lock. */
#include "explore.h"

enum { GIVEN_MAX = 256 };

int explore_reports[AA_CORRUPTION + 1];

static struct given {
    const char *start;
    size_t bytes;
    unsigned round;
} given[GIVEN_MAX];
static int given_count;

static void note_report(const aa_violation *violation, void *context)
{
    (void)context;
    ++explore_reports[violation->kind];
}

__attribute__((constructor)) static void listen_to_reports(void)
{
    (void)aa_set_violation_handler(note_report, NULL);
}

int explore_report_count(void)
{
    int count = 0;
    for (int kind = 0; kind <= AA_CORRUPTION; ++kind) {
        count += explore_reports[kind];
    }
    return count;
}

void explore_given(const void *start, size_t bytes, unsigned round)
{
    const char *const p = start;
    if (!explore_require(p != NULL, "memory was refused") ||
        !explore_require(given_count < GIVEN_MAX, "the program is larger than its table")) {
        return;
    }
    for (int i = 0; i < given_count; ++i) {
        explore_require(p + bytes <= given[i].start || given[i].start + given[i].bytes <= p,
                        "the same memory was handed out twice");
    }
    given[given_count++] = (struct given){p, bytes, round};
}

void explore_taken_back(unsigned round)
{
    for (int i = given_count; i > 0; --i) {
        if (given[i - 1].round >= round) {
            given[i - 1] = given[--given_count];
        }
    }
}

void explore_freed(const void *start)
{
    for (int i = given_count; i > 0; --i) {
        if (given[i - 1].start == start) {
            given[i - 1] = given[--given_count];
        }
    }
}
