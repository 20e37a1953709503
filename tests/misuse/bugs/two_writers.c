/* Mistake: the threads of a team write the same element of a shared array at once
 * Cure: a part of the array for each thread, a reduction, or omp atomic */
#include "bug.h"

#include <allocarrays/check.h>

enum { THREADS = 2 };

/* Its test, with the kit: only the program itself knows what the sum should be. */
static void add_one(int thread_num, void *context)
{
    double *const sum = aa_data(context);
    (void)thread_num;
    const double before = sum[3];
    aa_check_point(); /* where another thread may come in between */
    sum[3] = before + 1;
}

START_TEST(every_thread_adds_one)
{
    aa_allocator *const a = bug_shared("sums");
    aa_array sums = aa_zeros(a, AA_F64, 1, (const int64_t[]){8});
    for (int round = 1; round <= 100; ++round) {
        aa_check_team(THREADS, add_one, &sums, 1, (uint64_t)round);
        ck_assert_double_eq(AA_AT(double, &sums, 3), THREADS * round);
    }
    (void)aa_destroy(a);
}
END_TEST

AA_CHECK_MAIN("two writers", every_thread_adds_one)
