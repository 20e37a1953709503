/* Bench: the program "micro": every row that needs no process of its own. */
#include "rows.h"

void register_samples()
{
    bench::register_alloc();
    bench::register_arrays();
    bench::register_pages();
    bench::register_growth();
    bench::register_huge();
    bench::register_sharing();
}
