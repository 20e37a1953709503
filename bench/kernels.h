/* Bench: the arithmetic of all subjects, compiled once and never inlined: else a compiler makes the same loop
 * twice as fast for one subject as for another. */
#ifndef BENCH_KERNELS_H
#define BENCH_KERNELS_H

#include <cstddef>

namespace bench
{

void copy(double *to, const double *from, size_t count);
void add(double *to, const double *a, const double *b, size_t count);
double sum(const double *from, size_t count);

/* The same as parallel loops, each a region of its own. */
void copy_in_team(double *to, const double *from, size_t count);
void add_in_team(double *to, const double *a, const double *b, size_t count);
double sum_in_team(const double *from, size_t count);

/* Write all of a temporary, read all of it. */
double use(double *temporary, size_t count, double seed);

} // namespace bench

#endif
