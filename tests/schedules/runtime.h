/* The stand-in for an OpenMP runtime. */
#ifndef AA_EXPLORE_RUNTIME_H
#define AA_EXPLORE_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

/* The calling thread is number `number` of a region of `size`; 0: it is in none. */
void runtime_sit(int size, int number);

#endif
