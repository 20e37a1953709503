/* Bench: the program "work": "reduction" (the demo: two copies, their sum, its sum) and "temporaries" (3 to 8 of
 * 1 to 64 KiB in each iteration of a parallel loop). The runner starts it once per sample. */
#include "work.h"

#include "kernels.h"

#include <algorithm>
#include <vector>

using namespace bench;

namespace
{

/* ---- threads with a subject each ---------------------------------------------------------------------------- */

template <class S> using team = std::vector<std::unique_ptr<S>>;

int team_size()
{
    return omp_get_max_threads();
}

/* make() runs on the thread that the subject is for. */
template <class S, class Make> team<S> open_team(int threads, Make make)
{
    team<S> all(static_cast<size_t>(threads));
#pragma omp parallel num_threads(threads)
    {
        auto &mine = all[static_cast<size_t>(omp_get_thread_num())];
        mine = make();
        mine->open();
    }
    return all;
}

/* ---- the reduction --------------------------------------------------------------------------------------------- */

enum class how { serial, loops, each };

struct reduction {
    size_t count;
    how mode;
    size_t bytes() const
    {
        return count * sizeof(double);
    }
    bool large() const
    {
        return count > 1000000;
    }
    /* That have temporaries of their own; large ones of many threads would take seconds of page faults. */
    int threads() const
    {
        return mode != how::each ? 1 : large() ? std::min(4, team_size()) : team_size();
    }
};

template <class S> double reduce(S &s, const double *a, size_t n)
{
    double result = 0;
    s.round([&] {
        auto *const b = static_cast<double *>(s.take(n * sizeof(double)));
        copy(b, a, n);
        auto *const c = static_cast<double *>(s.take(n * sizeof(double)));
        copy(c, a, n);
        auto *const both = static_cast<double *>(s.take(n * sizeof(double)));
        add(both, b, c, n);
        result = sum(both, n);
    });
    return result;
}

template <class S> double reduce_in_team(S &s, const double *a, size_t n)
{
    double result = 0;
    s.round([&] {
        auto *const b = static_cast<double *>(s.take(n * sizeof(double)));
        copy_in_team(b, a, n);
        auto *const c = static_cast<double *>(s.take(n * sizeof(double)));
        copy_in_team(c, a, n);
        auto *const both = static_cast<double *>(s.take(n * sizeof(double)));
        add_in_team(both, b, c, n);
        result = sum_in_team(both, n);
    });
    return result;
}

/* All elements are 1: the sum is exact in any order. */
void expect(double result, size_t n)
{
    if (result != 2.0 * static_cast<double>(n)) {
        die("a wrong sum");
    }
}

template <class S> void cycle(team<S> &all, const reduction &r, const double *a, size_t times)
{
    if (r.mode == how::each) {
        bool good = true;
#pragma omp parallel num_threads(static_cast <int>(all.size())) reduction(&& : good)
        {
            S &s = *all[static_cast<size_t>(omp_get_thread_num())];
            s.inside([&] {
                for (size_t i = 0; i < times; ++i) {
                    good = reduce(s, a, r.count) == 2.0 * static_cast<double>(r.count) && good;
                }
            });
        }
        expect(good ? 2.0 * static_cast<double>(r.count) : 0, r.count);
        return;
    }
    all[0]->inside([&] {
        for (size_t i = 0; i < times; ++i) {
            expect(r.mode == how::serial ? reduce(*all[0], a, r.count)
                                         : reduce_in_team(*all[0], a, r.count),
                   r.count);
        }
    });
}

template <class S, class Make>
void run_reduction(benchmark::State &state, const reduction &r, Make make)
{
    auto *const a = static_cast<double *>(aligned_alloc(64, (r.bytes() + 63) & ~size_t{63}));
    std::fill(a, a + r.count, 1.0);
    team<S> all = open_team<S>(r.threads(), make);
    const size_t times = std::max<size_t>(1, 100000 / r.count);
    all[0]->wrap([&] {
        measure(state, static_cast<double>(times),
                [&] { return seconds([&] { cycle(all, r, a, times); }); });
    });
    free(a);
}

/* ---- temporaries of each iteration ---------------------------------------------------------------------------------- */

enum { ITERATIONS = 2000, LARGEST = 65536 };

struct iteration {
    size_t count;
    std::array<size_t, MOST> doubles;
};

/* The same for all subjects: 3 to 8 pieces of 1 to 64 KiB, small ones as often as large ones. */
const std::vector<iteration> &plan()
{
    static const std::vector<iteration> all = [] {
        std::vector<iteration> made(ITERATIONS);
        uint64_t seed = 42;
        const auto random = [&seed](uint64_t below) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            return (seed >> 33) % below;
        };
        for (iteration &i : made) {
            i.count = 3 + random(6);
            for (size_t &d : i.doubles) {
                const uint64_t least = uint64_t{1024} << random(6);
                d = (least + random(least)) / 64 * 64 / sizeof(double);
            }
        }
        return made;
    }();
    return all;
}

template <class S> double iterate(S &s, const iteration &i)
{
    double all = 0;
    s.round([&] {
        for (size_t k = 0; k < i.count; ++k) {
            const size_t n = i.doubles[k];
            all += use(static_cast<double *>(s.take(n * sizeof(double))), n, 1.0);
        }
    });
    return all;
}

template <class S> double loop(team<S> &all)
{
    double result = 0;
#pragma omp parallel num_threads(static_cast <int>(all.size())) reduction(+ : result)
    {
        S &s = *all[static_cast<size_t>(omp_get_thread_num())];
#pragma omp for schedule(static)
        for (int i = 0; i < ITERATIONS; ++i) {
            result += iterate(s, plan()[static_cast<size_t>(i)]);
        }
    }
    all[0]->after();
    return result;
}

template <class S, class Make> void run_temporaries(benchmark::State &state, Make make)
{
    double truth = 0;
    for (const iteration &i : plan()) {
        for (size_t k = 0; k < i.count; ++k) {
            truth += static_cast<double>(i.doubles[k]);
        }
    }
    team<S> all = open_team<S>(team_size(), make);
    all[0]->wrap([&] {
        measure(state, ITERATIONS, [&] {
            double result = 0;
            const double spent = seconds([&] { result = loop(all); });
            if (result != truth) {
                die("a wrong sum");
            }
            return spent;
        });
    });
}

/* ---- the rows ------------------------------------------------------------------------------------------------------- */

/* Either question, with a subject made by make(). */
struct question {
    std::string name;
    const reduction *reduction_; /* nullptr: temporaries */

    template <class S, class Make> void row(const char *subject, role what, Make make) const
    {
        const bool loops = reduction_ == nullptr;
        const reduction r = loops ? reduction{0, how::serial} : *reduction_;
        bench::add(name + subject, what, [=](benchmark::State &state) {
            if (loops) {
                run_temporaries<S>(state, make);
            } else {
                run_reduction<S>(state, r, make);
            }
        });
    }

    /* make(allocator) where all threads share one, made by create. */
    template <class S> void shared_row(const char *subject, role what, owned (*create)()) const
    {
        const auto keeper = std::make_shared<owned>();
        row<S>(subject, what, [keeper, create] {
#pragma omp critical(bench_keeper)
            {
                if (*keeper == nullptr) {
                    *keeper = create();
                }
            }
            return std::make_unique<S>(keeper->get());
        });
    }
};

void add_peers(const question &q)
{
    q.row<freed<malloc_calls>>(
        "malloc", role::peer, [] { return std::make_unique<freed<malloc_calls>>(malloc_calls()); });
    q.row<pooled<growing_pmr>>("pmr monotonic, one each", role::peer,
                               [] { return std::make_unique<pooled<growing_pmr>>(); });
}

/* Only when asked for: the look-up loads the library into a process that measures another. */
void add_loaded_peers(const question &q)
{
    if (apr() != nullptr) {
        q.row<pooled<apr_pool>>("APR pool, one each", role::peer,
                                [] { return std::make_unique<pooled<apr_pool>>(); });
    }
    if (tbb() != nullptr) {
        q.row<pooled<tbb_subject>>("oneTBB memory_pool, one each", role::peer,
                                   [] { return std::make_unique<pooled<tbb_subject>>(); });
    }
}

void add_both(const question &q)
{
    add_peers(q);
    if (std::getenv("AA_BENCH_PEERS") != nullptr) {
        add_loaded_peers(q);
    }
}

void add_reduction(const char *words, const reduction &r)
{
    const question q = {std::string("reduction/") + words + "/", &r};
    q.row<buffers>("buffers by hand", role::limit,
                   [r] { return std::make_unique<buffers>(r.bytes()); });
    q.row<scoped_arena>("arena", role::ours, [] { return std::make_unique<scoped_arena>(); });
    q.shared_row<scoped>("shared", role::ours, make_shared);
    q.shared_row<scoped>("private", role::ours, make_private);
    if (!r.large()) { /* there they would repeat glibc's page faults */
        q.row<scoped>("heap", role::note, [] { return std::make_unique<scoped>(aa_heap()); });
        q.row<freed<omp_calls>>("omp_alloc", role::peer,
                                [] { return std::make_unique<freed<omp_calls>>(omp_calls()); });
    }
    add_both(q);
}

void add_temporaries()
{
    const question q = {"temporaries/3 to 8 of 1 to 64 KiB/", nullptr};
    q.row<buffers>("buffers by hand", role::limit,
                   [] { return std::make_unique<buffers>(LARGEST); });
    q.row<scratched_arena>("arena, one each", role::ours,
                           [] { return std::make_unique<scratched_arena>(); });
    q.shared_row<scratched_hoisted>("private, hoisted", role::ours, make_private);
    q.shared_row<scratched>("private", role::ours, make_private);
    q.shared_row<scratched>("shared", role::ours, make_shared);
    q.shared_row<scoped>("shared, arrays through the scope", role::ours, make_shared);
    q.shared_row<not_rewound>("shared, no scratch", role::note, make_shared);
    q.row<scratched>("heap", role::note, [] { return std::make_unique<scratched>(aa_heap()); });
    q.row<freed<omp_calls>>("omp_alloc", role::peer,
                            [] { return std::make_unique<freed<omp_calls>>(omp_calls()); });
    add_both(q);
}

} // namespace

void register_samples()
{
    const struct {
        const char *words;
        size_t count;
    } sizes[] = {{"10^3", 1000}, {"10^5", 100000}, {"10^7", 10000000}};
    for (const auto &s : sizes) {
        add_reduction((std::string(s.words) + " doubles, serial").c_str(), {s.count, how::serial});
        add_reduction((std::string(s.words) + " doubles, parallel loops").c_str(),
                      {s.count, how::loops});
        add_reduction((std::string(s.words) + " doubles, one per thread").c_str(),
                      {s.count, how::each});
    }
    add_temporaries();
}
