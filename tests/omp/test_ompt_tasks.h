/* What the tests of tasks under the OMPT tool share. Most keep the creator from running tasks itself: then each
 * task runs on a thread that never saw the scope. */
#ifndef AA_TESTS_OMP_TEST_OMPT_TASKS_H
#define AA_TESTS_OMP_TEST_OMPT_TASKS_H

#include "kinds.h"
#include "test_ompt.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4, TASKS = 32 };

/* What tasks found: how many ran, saw their allocator, and ran elsewhere than on their creator's thread. */
typedef struct found {
    int ran, right, elsewhere;
    bool slept; /* the others did not wake, so that the creator ran tasks itself */
} found;

static inline void look(found *f, const aa_allocator *expected, int creator)
{
    if (aa_current() == expected) {
        count_up(&f->right);
    }
    if (omp_get_thread_num() != creator) {
        count_up(&f->elsewhere);
    }
    count_up(&f->ran);
}

static inline void wait_for_others(found *f, const int *place, int value)
{
    f->slept |= !let_others_run(place, value);
}

static inline void assert_all(const found *f, int tasks, int elsewhere)
{
    ck_assert_int_eq(f->ran, tasks);
    ck_assert_int_eq(f->right, tasks);
    ck_assert_int_ge(f->elsewhere, f->slept ? 0 : elsewhere);
}

#endif
