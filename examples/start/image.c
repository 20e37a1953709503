/* What both programs of this folder share. Allocates the images and nothing else. */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

images images_make(int count, int side)
{
    images all = {count, side, NULL};
    const size_t pixels = (size_t)count * (size_t)side * (size_t)side;
    unsigned noise = 1;
    all.pixels = calloc(pixels, sizeof(double));
    for (size_t i = 0; all.pixels != NULL && i < pixels; ++i) {
        noise = noise * 1664525U + 1013904223U;
        all.pixels[i] = (double)(noise >> 24) + (i % 8 < 4 ? 64 : 0);
    }
    return all;
}

const double *images_get(const images *all, int i)
{
    return all->pixels + (size_t)i * (size_t)all->side * (size_t)all->side;
}

void blur_rows(double *to, const double *from, int side)
{
    for (int y = 0; y < side; ++y) {
        const double *const f = from + (size_t)y * (size_t)side;
        double *const t = to + (size_t)y * (size_t)side;
        t[0] = f[0];
        t[side - 1] = f[side - 1];
        for (int x = 1; x < side - 1; ++x) {
            t[x] = (f[x - 1] + f[x] + f[x + 1]) / 3;
        }
    }
}

void blur_columns(double *to, const double *from, int side)
{
    const size_t row = (size_t)side;
    for (int y = 0; y < side; ++y) {
        const double *const f = from + (size_t)y * row;
        const double *const up = y > 0 ? f - row : f, *const down = y < side - 1 ? f + row : f;
        double *const t = to + (size_t)y * row;
        for (size_t x = 0; x < row; ++x) {
            t[x] = (up[x] + f[x] + down[x]) / 3;
        }
    }
}

double mean_square_difference(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sum / (double)count;
}

double seconds_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

long faults_now(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}

int argument(int argc, char **argv, int i, int otherwise)
{
    char *end;
    if (i >= argc) {
        return otherwise;
    }
    const long number = strtol(argv[i], &end, 10);
    return *end == '\0' && number > 0 && number <= 10000 ? (int)number : 0;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void print_result(const char *name, const double *seconds, int passes, long faults,
                  double sharpness)
{
    double sorted[10000];
    for (int i = 0; i < passes; ++i) {
        sorted[i] = seconds[i];
    }
    qsort(sorted, (size_t)passes, sizeof sorted[0], compare);
    (void)printf("%-12s %8.2f ms a pass, %7.0f page faults a pass, sharpness %.6f\n", name,
                 1e3 * sorted[passes / 2], (double)faults / passes, sharpness);
}
