/* The truth table: a cell's life, for its driver. */
#ifndef AA_TESTS_OMP_TRUTH_CELL_H
#define AA_TESTS_OMP_TRUTH_CELL_H

#include "truth.h"

bool cell_begin(cell *c, int kind); /* false: no memory */
void cell_end(cell *c);             /* the subject must still be able to go */
void cell_free(cell *c);

#endif
