/* How sharp are these images? The same program as with_malloc.c, its temporaries from whatever allocator is in
 * scope: the program that doc/start-here.md ends with.
 *
 * Arguments: images (16), passes (21), heap, shared or private (private). Exit status: 0; 1 without memory; 2 for
 * bad arguments.
 */
#include "image.h"

#include <allocarrays.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double sharpness(const double *image, int side)
{
    const size_t count = (size_t)side * (size_t)side;
    double result = -1;
    AA_SCRATCH(AA_CURRENT) {
        double *const rows = AA_NEW(AA_CURRENT, double, count);
        double *const blurred = AA_NEW(AA_CURRENT, double, count);
        if (rows != NULL && blurred != NULL) {
            blur_rows(rows, image, side);
            blur_columns(blurred, rows, side);
            result = mean_square_difference(image, blurred, count);
        }
    }
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

/* Every pass of the program, in whatever scope the caller opened. */
static void run(const images *all, int passes, const char *name)
{
    static double seconds[10000];
    double result = all_images(all); /* warms up */
    const long faults = faults_now();
    for (int pass = 0; pass < passes; ++pass) {
        const double start = seconds_now();
        result = all_images(all);
        seconds[pass] = seconds_now() - start;
    }
    print_result(name, seconds, passes, faults_now() - faults, result);
}

static aa_allocator *named_allocator(const char *name)
{
    const aa_options options = {.name = "temporaries"};
    if (strcmp(name, "heap") == 0) {
        return aa_heap();
    }
    return strcmp(name, "shared") == 0 ? aa_shared_create(&options) : aa_private_create(&options);
}

int main(int argc, char **argv)
{
    const int count = argument(argc, argv, 1, 16), passes = argument(argc, argv, 2, 21);
    const char *const name = argc > 3 ? argv[3] : "private";
    if (count == 0 || passes == 0) {
        (void)fprintf(stderr, "arguments: images passes heap|shared|private\n");
        return 2;
    }
    const images all = images_make(count, 512);
    aa_allocator *const bump = named_allocator(name);
    if (all.pixels == NULL || bump == NULL) {
        return 1;
    }
    AA_WITH(bump) {
        run(&all, passes, name);
    }
    free(all.pixels);
    return bump == aa_heap() || aa_destroy(bump) == AA_OK ? 0 : 1;
}
