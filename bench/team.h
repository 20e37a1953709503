/* Bench: threads that start together. */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include "bench.h"

#include <algorithm>
#include <atomic>
#include <omp.h>
#include <thread>
#include <vector>

namespace bench
{

/* The numbers of threads that rows are made for: 1 and 2, then powers of two up to the machine's processors. */
inline std::vector<int> team_sizes()
{
    std::vector<int> all = {1, 2};
    for (int n = 4; n <= omp_get_num_procs(); n *= 2) {
        all.push_back(n);
    }
    return all;
}

struct team_time {
    double wall; /* from the first start to the last end */
    double cpu;  /* the sum of the threads' own processor time */
};

inline double thread_seconds()
{
    timespec t = {};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/* Run body(thread) on each of `threads` threads at once. They meet at a spinning barrier, so that what is
 * measured is not how the runtime wakes them. */
template <class F> team_time in_team(int threads, F &&body)
{
    std::atomic<int> here{0};
    const bool in_turns = threads > omp_get_num_procs(); /* asked once: it is a system call */
    double begin = 1e300, end = 0, cpu = 0;
#pragma omp parallel num_threads(threads) reduction(min : begin) reduction(max : end)                \
    reduction(+ : cpu)
    {
        const int me = omp_get_thread_num(), all = omp_get_num_threads();
        here.fetch_add(1);
        while (here.load() < all) {
            if (in_turns) {
                std::this_thread::yield();
            }
        }
        begin = now();
        const double before = thread_seconds();
        body(me);
        cpu = thread_seconds() - before;
        end = now();
    }
    return {end - begin, cpu};
}

} // namespace bench

#endif
