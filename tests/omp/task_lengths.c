/* For gcc: a taskloop that takes an array of variable length along, which a function of the compiler's copies. Prints how many
 * rounds there were; each task does its own, on LLVM's runtime too. */
#include <stdio.h>

int main(void)
{
    enum { ROUNDS = 200 };
    volatile int length = 100;
    const int n = length;
    double numbers[n];
    int rounds = 0, wrong = 0;
    for (int i = 0; i < n; ++i) {
        numbers[i] = i;
    }
#pragma omp parallel num_threads(2)
#pragma omp single
#pragma omp taskloop firstprivate(numbers) num_tasks(ROUNDS) shared(rounds, wrong)
    for (int i = 0; i < ROUNDS; ++i) {
        __atomic_fetch_add(&wrong, numbers[n - 1] < n - 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
    }
    printf("%d rounds, %d wrong\n", rounds, wrong);
    return 0;
}
