/* With -DHOST a program without OpenMP that loads a plug-in, which brings its runtime for itself alone; else the plug-in. */
#include <stdio.h>

#ifdef HOST
#include <dlfcn.h>
#include <string.h>

int main(int count, char **arguments)
{
    void *const plugin = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *const symbol = plugin == NULL ? NULL : dlsym(plugin, "sum_by_tasks");
    int (*sum)(int);
    if (symbol == NULL) {
        return 1;
    }
    memcpy(&sum, &symbol, sizeof sum);
    printf("the sum is %d\n", sum(100));
    return dlclose(plugin);
}
#else
int sum_by_tasks(int count);
int sum_by_tasks(int count)
{
    int sum = 0;
#pragma omp parallel num_threads(2)
#pragma omp single
    {
        for (int i = 0; i < count; ++i) {
#pragma omp task shared(sum)
            __atomic_fetch_add(&sum, i, __ATOMIC_RELAXED);
        }
#pragma omp taskloop shared(sum)
        for (int i = 0; i < count; ++i) {
            __atomic_fetch_add(&sum, i, __ATOMIC_RELAXED);
        }
    }
    return sum;
}
#endif
