/* Bench: what its programs share: a sample, and the names under which samples are written.
 *
 * A name is QUESTION/CASE/.../SUBJECT. A sample runs a subject's cycle over and over, times each cycle by
 * itself, and writes the median and quartiles per operation, page faults and involuntary context switches
 * into Google Benchmark's JSON; bench/run makes tables of them. One sample is one round's: the runner starts
 * the program anew for each round, so that ratios are paired by round.
 *
 * Invariant: two cycles (one, if it is long) run before the first that counts; no counted cycle allocates here.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <benchmark/benchmark.h>
#include <functional>
#include <string>

namespace bench
{

/* What a subject is in its question's table: the hand-written limit, a row of this library, a peer that the
 * best is chosen from, or a row that only explains. */
enum class role { limit, ours, peer, note };

/* Seconds, monotonic. */
double now();

/* Run a cycle repeatedly for one sample; cycle runs once and returns the seconds that count.
 * operations: in one cycle; times are written per operation. */
void measure(benchmark::State &state, double operations, const std::function<double()> &cycle);

/* Write another number of the sample, under its own name. */
void note(benchmark::State &state, const char *name, double value);

/* Name a sample. cycles: a fixed number to run, 0: as many as --benchmark_min_time asks for. */
void add(const std::string &name, role what, std::function<void(benchmark::State &)> run,
         int cycles = 0);

/* Run f and return its seconds. */
template <class F> double seconds(F &&f)
{
    const double start = now();
    f();
    return now() - start;
}

/* End the program with a sentence: a subject that fails must not look fast. */
[[noreturn]] void die(const char *what);

/* The system calls of this process so far, those that only wait apart. Zero before count_calls. */
struct calls {
    long waits, others;
};

/* From now on count system calls (slowly). False where that cannot be done. Threads that start later die. */
bool count_calls();
calls calls_now();

} // namespace bench

#endif
