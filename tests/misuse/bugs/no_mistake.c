/* Mistake: none; the control, which no means may accuse */
#include "bug.h"

int main(void)
{
    aa_allocator *const a = bug_shared("work"), *const p = bug_private("temporaries");
    double sum = 0;
    for (int round = 0; round < 3; ++round) {
        AA_WITH(a) {
            const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(2) reduction(+ : sum)
            {
                const aa_array x = bug_vector(AA_CURRENT, 100, 1);
                AA_SCRATCH(aa_private_arena(p)) {
                    const aa_array y = aa_copy(&x), checked = aa_checked(&y);
                    sum += AA_AT(double, &checked, 99);
                }
                (void)aa_reset_team(a);
#pragma omp single
#pragma omp task firstprivate(token)
                AA_TASK(token) {
                    aa_array z = bug_vector(AA_CURRENT, 100, 1);
                    (void)aa_array_free(&z);
                }
            }
        }
        (void)aa_reset(a);
        (void)aa_reset(p);
    }
    (void)aa_destroy(a);
    (void)aa_destroy(p);
    return sum == 6 ? bug_result(sum) : 1;
}
