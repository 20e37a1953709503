/* A task that cancels its taskgroup, on the one thread that runs any: the others never begin. Prints how many did. */
#include <stdio.h>

int main(void)
{
    int ran = 0;
#pragma omp parallel num_threads(1)
#pragma omp single
#pragma omp taskgroup
    for (int i = 0; i < 30; ++i) {
#pragma omp task shared(ran)
        {
            ++ran;
#pragma omp cancel taskgroup
        }
    }
    printf("%d of 30 tasks ran\n", ran);
    return 0;
}
