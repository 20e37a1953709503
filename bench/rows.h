/* Bench: who registers which questions of the program "micro". */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

namespace bench
{

void register_alloc();
void register_arrays();
void register_pages();
void register_growth();
void register_huge();
void register_sharing();

} // namespace bench

#endif
