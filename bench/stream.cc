/* Bench: kernels of this library beside STREAM's loops on the same arrays ("stream"), and around the size from which they
 * start a region ("regions"). STREAM's copy, scale and add are written out as its author defines them: one parallel
 * loop each, static schedule, arrays that were touched first by the threads that use them. */
#include "stream.h"

#include "kernels.h"
#include "subjects.h"

#include <algorithm>
#include <allocarrays/kernels.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <omp.h>

namespace bench
{
namespace
{

constexpr int64_t LARGE = 10000000;
constexpr double FACTOR = 3;

__attribute__((noinline)) void scale_in_team(double *to, const double *from, double factor,
                                             size_t count)
{
    const auto n = static_cast<int64_t>(count);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i) {
        to[i] = factor * from[i];
    }
}

/* `simd` as in the kernels: without it gcc at -O2 makes no vectors. */
__attribute__((noinline)) void triad_in_team(double *__restrict to, const double *__restrict a,
                                             const double *__restrict b, double factor,
                                             size_t count)
{
    const auto n = static_cast<int64_t>(count);
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; ++i) {
        to[i] = a[i] + factor * b[i];
    }
}

/* Three arrays, from one arena for every row: same alignment, same first touch. */
struct arrays {
    owned all = make_arena();
    aa_array a, b, c, factor, sum;

    static aa_array made(aa_allocator *from, double value)
    {
        aa_array x = aa_empty(from, AA_F64, 1, &LARGE);
        if (aa_is_null(&x)) {
            die("aa_empty");
        }
        double *const p = of(x);
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < LARGE; ++i) {
            p[i] = value;
        }
        return x;
    }
    arrays()
        : a(made(all.get(), 1)), b(made(all.get(), 2)), c(made(all.get(), 0)),
          factor(aa_full(all.get(), AA_F64, 0, nullptr, &FACTOR)),
          sum(aa_zeros(all.get(), AA_F64, 0, nullptr))
    {
    }
    static double *of(const aa_array &x)
    {
        return static_cast<double *>(aa_data(&x));
    }
};

void good(aa_status status)
{
    if (status != AA_OK) {
        die(aa_last_message());
    }
}

using step = void (*)(arrays &);

void add_row(const char *name, role what, step f)
{
    add(std::string("stream/") + name, what, [f](benchmark::State &state) {
        arrays x;
        measure(state, 1, [&] { return seconds([&] { f(x); }); });
    });
}

void add_stream()
{
    add_row("copy, 10^7 doubles/STREAM copy", role::limit,
            [](arrays &x) { copy_in_team(arrays::of(x.c), arrays::of(x.a), LARGE); });
    add_row("copy, 10^7 doubles/aa_copy_into", role::ours,
            [](arrays &x) { good(aa_copy_into(&x.c, &x.a)); });
    add_row("copy, 10^7 doubles/aa_relu_into", role::ours,
            [](arrays &x) { good(aa_relu_into(&x.c, &x.a)); });
    add_row("scale, 10^7 doubles/STREAM scale", role::limit,
            [](arrays &x) { scale_in_team(arrays::of(x.b), arrays::of(x.c), FACTOR, LARGE); });
    add_row("scale, 10^7 doubles/aa_mul_into", role::ours,
            [](arrays &x) { good(aa_mul_into(&x.b, &x.c, &x.factor)); });
    add_row("add, 10^7 doubles/STREAM add", role::limit, [](arrays &x) {
        add_in_team(arrays::of(x.c), arrays::of(x.a), arrays::of(x.b), LARGE);
    });
    add_row("add, 10^7 doubles/aa_add_into", role::ours,
            [](arrays &x) { good(aa_add_into(&x.c, &x.a, &x.b)); });
    /* No kernel is a triad; one that reads two arrays and writes a third moves the same bytes. */
    add_row("triad, 10^7 doubles/STREAM triad", role::limit, [](arrays &x) {
        triad_in_team(arrays::of(x.c), arrays::of(x.a), arrays::of(x.b), FACTOR, LARGE);
    });
    add_row("triad, 10^7 doubles/aa_mul_into", role::ours,
            [](arrays &x) { good(aa_mul_into(&x.c, &x.a, &x.b)); });
    add_row("read, 10^7 doubles/a sum by hand", role::limit, [](arrays &x) {
        double s = sum_in_team(arrays::of(x.a), LARGE);
        benchmark::DoNotOptimize(s);
    });
    add_row("read, 10^7 doubles/aa_sum_into", role::ours,
            [](arrays &x) { good(aa_sum_into(&x.sum, &x.a, AA_ALL_AXES)); });
}

/* ---- where a region begins to pay ------------------------------------------------------------------------------- */

void run_region(benchmark::State &state, int64_t count, int threads)
{
    const owned all = make_arena();
    aa_array a = aa_zeros(all.get(), AA_F64, 1, &count), c = aa_zeros(all.get(), AA_F64, 1, &count);
    const int64_t times = std::max<int64_t>(1, 200000 / count);
    omp_set_num_threads(threads);
    measure(state, static_cast<double>(times), [&] {
        return seconds([&] {
            for (int64_t i = 0; i < times; ++i) {
                good(aa_add_into(&c, &a, &a));
            }
        });
    });
}

void add_regions()
{
    const int all = omp_get_max_threads();
    /* The runner asks in both environments: what a region costs is what it takes to reach its workers. */
    const char *const policy = std::getenv("OMP_WAIT_POLICY");
    const char *const wait = policy != nullptr && std::strcmp(policy, "active") == 0
                                 ? "workers spin/"
                                 : "workers sleep/";
    for (const int64_t count : {1000, 8000, 16000, 32000, 64000, 128000, 512000, 2000000}) {
        const std::string name =
            "regions/aa_add_into, " + std::to_string(count) + " doubles, " + wait;
        add(name + "one thread", role::limit,
            [count](benchmark::State &state) { run_region(state, count, 1); });
        add(name + "all threads", role::ours,
            [count, all](benchmark::State &state) { run_region(state, count, all); });
    }
}

} // namespace

void register_stream()
{
    add_stream();
    add_regions();
}

} // namespace bench
