/* Bench: samples, and the main of all its programs. Their answers are Google Benchmark's JSON. */
#include "bench.h"

#include "peers.h"

#include <algorithm>
#include <allocarrays.h>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <omp.h>
#include <sys/resource.h>
#include <vector>

namespace bench
{

namespace
{

enum { LAPS = 1 << 15 };
const double LONG = 0.05; /* seconds of a cycle that is warmed up by one of its kind */

/* The times of a sample's cycles, the newest ones if there are more. Written once before use: no cycle shall
 * fault on it. */
std::array<double, LAPS> laps;

const char *name_of(role what)
{
    static const char *const names[] = {"limit", "ours", "peer", "note"};
    return names[static_cast<int>(what)];
}

struct spent {
    long faults, preempted;
};

spent usage()
{
    rusage r = {};
    (void)getrusage(RUSAGE_SELF, &r);
    return {r.ru_minflt, r.ru_nivcsw};
}

/* Not ru_maxrss: that of a program counts what its parent held when it was started. 0: not known. */
long peak_kib()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.compare(0, 6, "VmHWM:") == 0) {
            return std::atol(line.c_str() + 6);
        }
    }
    return 0;
}

double at(std::vector<double> &sorted, double part)
{
    return sorted[static_cast<size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void write(benchmark::State &state, size_t count, double operations, const spent &before,
           const calls &made)
{
    const spent after = usage();
    std::vector<double> sorted(laps.begin(),
                               laps.begin() + static_cast<long>(std::min<size_t>(count, LAPS)));
    std::sort(sorted.begin(), sorted.end());
    const double scale = 1e9 / operations;
    const double cycles = count > 1 ? static_cast<double>(count - 1) : 1;
    note(state, "ns", at(sorted, 0.5) * scale);
    note(state, "ns_q1", at(sorted, 0.25) * scale);
    note(state, "ns_q3", at(sorted, 0.75) * scale);
    note(state, "cycles", static_cast<double>(count));
    note(state, "faults", static_cast<double>(after.faults - before.faults) / cycles);
    note(state, "preempted", static_cast<double>(after.preempted - before.preempted));
    note(state, "waits", static_cast<double>(made.waits) / static_cast<double>(count));
    note(state, "calls", static_cast<double>(made.others) / static_cast<double>(count));
    note(state, "peak_kib", static_cast<double>(peak_kib()));
}

} // namespace

double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

void die(const char *what)
{
    (void)std::fprintf(stderr, "bench: %s: %s\n", what, aa_last_message());
    std::_Exit(1);
}

void note(benchmark::State &state, const char *name, double value)
{
    state.counters[name] = benchmark::Counter(value);
}

void measure(benchmark::State &state, double operations, const std::function<double()> &cycle)
{
    static const bool counted = std::getenv("AA_BENCH_CALLS") != nullptr;
    static bool counting = false;
    const double first = seconds(cycle);
    if (first < LONG) {
        (void)cycle();
    }
    if (counted && !counting) {
        counting = count_calls();
    }
    size_t count = 0;
    calls made = {};
    spent before = usage();
    for (auto _ : state) {
        const calls start = calls_now();
        const double lap = cycle();
        const calls end = calls_now();
        made.waits += end.waits - start.waits;
        made.others += end.others - start.others;
        state.SetIterationTime(lap);
        laps[count++ % LAPS] = lap;
        if (count == 1 && state.max_iterations > 1) {
            before =
                usage(); /* what the loop itself touches for the first time is not the cycle's */
        }
    }
    write(state, count, operations, before, made);
    note(state, "counted", counting ? 1 : 0);
}

void add(const std::string &name, role what, std::function<void(benchmark::State &)> run,
         int cycles)
{
    benchmark::internal::Benchmark *const made =
        benchmark::RegisterBenchmark(name.c_str(), [what, run](benchmark::State &state) {
            state.SetLabel(name_of(what));
            run(state);
        });
    made->UseManualTime();
    if (cycles > 0) {
        made->Iterations(cycles);
    }
}

} // namespace bench

/* Defined by each program: names its samples. */
void register_samples();

int main(int argc, char **argv)
{
    std::fill(bench::laps.begin(), bench::laps.end(), 1.0);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
        return 2;
    }
    benchmark::AddCustomContext("aa_version", aa_version());
    benchmark::AddCustomContext("aa_compiler", __VERSION__);
    benchmark::AddCustomContext("aa_threads", std::to_string(omp_get_max_threads()));
    benchmark::AddCustomContext("aa_malloc", bench::malloc_in_use());
    register_samples();
    if (std::getenv("AA_BENCH_PEERS") != nullptr) {
        bench::describe_peers(); /* loads them all: not beside a preloaded malloc */
    }
    const size_t run = benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return run > 0 ? 0 : 3;
}
