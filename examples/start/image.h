/* What both programs of this folder share: images to look at, and a clock. */
#ifndef START_IMAGE_H
#define START_IMAGE_H

#include <stddef.h>

typedef struct images {
    int count, side; /* each of side * side doubles */
    double *pixels;
} images;

/** Make `count` images of noise and stripes; pixels is NULL when there is no memory. Ended by free(pixels). */
images images_make(int count, int side);

/** Image i. */
const double *images_get(const images *all, int i);

/** Mean of each pixel and its neighbours in the row; in the column. */
void blur_rows(double *to, const double *from, int side);
void blur_columns(double *to, const double *from, int side);

/** Mean square of what the blur took away. */
double mean_square_difference(const double *a, const double *b, size_t count);

/** Seconds, and page faults of this process so far. */
double seconds_now(void);
long faults_now(void);

/** The positive number in argv[i], or what stands for an argument that is not given; 0 for one that is wrong. */
int argument(int argc, char **argv, int i, int otherwise);

/** Print what a pass took: the line that both programs end with. */
void print_result(const char *name, const double *seconds, int passes, long faults,
                  double sharpness);

#endif
