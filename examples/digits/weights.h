/* Digits: the trained weights, from a file in the format that README.md describes. */
#ifndef DIGITS_WEIGHTS_H
#define DIGITS_WEIGHTS_H

#include "model.h"

#include <stdbool.h>

/* Read the weights as arrays on the heap whose handle is the heap; false after a complaint. */
bool weights_read(model *m, const char *path);
void weights_free(model *m);

#endif
