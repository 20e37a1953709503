/* Digits: images and their labels from files in the IDX format of the MNIST database. */
#ifndef DIGITS_IDX_H
#define DIGITS_IDX_H

#include <allocarrays/array.h>
#include <stdbool.h>

enum { IMAGE_SIDE = 28, IMAGE_PIXELS = IMAGE_SIDE * IMAGE_SIDE };

typedef struct digits {
    int64_t count;
    aa_array images;       /* f32 (count, 1, 28, 28), grey levels from 0 to 1, on the heap */
    unsigned char *labels; /* count of them, from 0 to 9; from malloc */
} digits;

/* Read both files; false after a complaint that names the file and what is wrong with it. */
bool digits_read(digits *d, const char *images_path, const char *labels_path);
void digits_free(digits *d);

#endif
