/* How sharp are these images? A parallel loop over images, whose body takes its temporaries from malloc: the
 * program that doc/start-here.md begins with.
 *
 * Arguments: images (16), passes (21). Exit status: 0; 1 without memory; 2 for bad arguments.
 */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>

static double sharpness(const double *image, int side)
{
    const size_t count = (size_t)side * (size_t)side;
    double *const rows = malloc(count * sizeof(double));
    double *const blurred = malloc(count * sizeof(double));
    double result = -1;
    if (rows != NULL && blurred != NULL) {
        blur_rows(rows, image, side);
        blur_columns(blurred, rows, side);
        result = mean_square_difference(image, blurred, count);
    }
    free(blurred);
    free(rows);
    return result;
}

static double all_images(const images *all)
{
    double sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum)
    for (int i = 0; i < all->count; ++i) {
        sum += sharpness(images_get(all, i), all->side);
    }
    return sum / all->count;
}

int main(int argc, char **argv)
{
    const int count = argument(argc, argv, 1, 16), passes = argument(argc, argv, 2, 21);
    static double seconds[10000];
    if (count == 0 || passes == 0) {
        (void)fprintf(stderr, "arguments: images passes\n");
        return 2;
    }
    const images all = images_make(count, 512);
    if (all.pixels == NULL) {
        return 1;
    }
    double result = all_images(&all); /* warms up */
    const long faults = faults_now();
    for (int pass = 0; pass < passes; ++pass) {
        const double start = seconds_now();
        result = all_images(&all);
        seconds[pass] = seconds_now() - start;
    }
    print_result("malloc", seconds, passes, faults_now() - faults, result);
    free(all.pixels);
    return 0;
}
