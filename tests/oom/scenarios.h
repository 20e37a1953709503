/* Each request of a scenario refused, once and for ever, in a child process of its own. */
#ifndef AA_TESTS_OOM_SCENARIOS_H
#define AA_TESTS_OOM_SCENARIOS_H

#include "refused.h"

#include "child.h"

typedef struct scenario {
    void (*run)(int kind);
    aa_status besides; /* how a refusal may be called as well; AA_OK: not */
} scenario;

enum { NOT_REFUSED = 7, MOST = 400 };

static long number; /* of the request that is refused */
static const scenario *which;
static int of_kind;

static void attempt(void *nothing)
{
    (void)nothing;
    besides = which->besides == AA_OK ? AA_NOMEM : which->besides;
    refuse(number);
    which->run(of_kind);
    const bool refused = was_refused();
    refuse(0);
    which->run(of_kind);
    if (!refused) {
        exit(NOT_REFUSED);
    }
}

/* How many requests there are to refuse. */
static int attempt_each(int sign)
{
    child_result result;
    for (int n = 1; n < MOST; ++n) {
        number = sign * n;
        child_run(&result, attempt, NULL);
        if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == NOT_REFUSED) {
            return n - 1;
        }
        assert_exited_well(&result);
    }
    return MOST;
}

static void refuse_each(const scenario *s, int kinds)
{
    which = s;
    for (of_kind = 0; of_kind < kinds; ++of_kind) {
        const int once = attempt_each(1);
        ck_assert_int_gt(once, 0);
        ck_assert_int_lt(once, MOST);
        ck_assert_int_gt(attempt_each(-1), 0);
    }
}

#endif
