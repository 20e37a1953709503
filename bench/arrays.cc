/* Bench: what steps cost that are not allocations: "steps" (arrays, scopes, marks, scratch) and "reset". */
#include "rows.h"
#include "subjects.h"

#include <pthread.h>
#include <thread>
#include <vector>

namespace bench
{

namespace
{

enum { STEPS = 1000 };

/* A cycle of STEPS steps. */
template <class F> void steps(benchmark::State &state, F &&step)
{
    measure(state, STEPS, [&] {
        return seconds([&] {
            for (int i = 0; i < STEPS; ++i) {
                step();
            }
        });
    });
}

using make = owned (*)();
struct kind {
    const char *name;
    make create;
};
const kind kinds[] = {{"arena", make_arena}, {"shared", make_shared}, {"private", make_private}};

/* ---- arrays ----------------------------------------------------------------------------------------------- */

struct model {
    float numbers[16] = {};
    int64_t shape[2] = {4, 4};
    aa_array array = aa_wrap(numbers, AA_F32, 2, shape, nullptr);
};

void similar(benchmark::State &state, aa_allocator *scope, const aa_array &like, aa_allocator *used)
{
    const auto cycle = [&] {
        return seconds([&] {
            for (int i = 0; i < STEPS; ++i) {
                const aa_array made = aa_similar(&like);
                benchmark::DoNotOptimize(&made);
            }
        });
    };
    measure(state, STEPS, [&] {
        double spent = 0;
        if (scope != nullptr) {
            AA_WITH(scope) {
                spent = cycle();
            }
        } else {
            spent = cycle();
        }
        reset(used);
        return spent;
    });
}

void similar_on_heap(benchmark::State &state)
{
    const model m;
    steps(state, [&] {
        aa_array made = aa_similar(&m.array);
        benchmark::DoNotOptimize(&made);
        (void)aa_array_free(&made);
    });
}

void add_similar()
{
    for (const kind &k : kinds) {
        add(std::string("steps/aa_similar of 4 x 4/") + k.name + ", through the scope", role::ours,
            [k](benchmark::State &state) {
                const owned a = k.create();
                const model m;
                similar(state, a.get(), m.array, a.get());
            });
        add(std::string("steps/aa_similar of 4 x 4/") + k.name + ", by handle", role::ours,
            [k](benchmark::State &state) {
                const owned a = k.create();
                const model m;
                similar(state, nullptr, aa_bind(&m.array, a.get()), a.get());
            });
    }
    add("steps/aa_similar of 4 x 4/heap, with aa_array_free", role::ours, similar_on_heap);
}

/* ---- scopes, marks, scratch -------------------------------------------------------------------------------- */

void add_scopes()
{
    add("steps/scope, enter and leave/omp_set_default_allocator, twice", role::limit,
        [](benchmark::State &state) {
            steps(state, [] {
                const omp_allocator_handle_t kept = omp_get_default_allocator();
                omp_set_default_allocator(omp_default_mem_alloc);
                omp_set_default_allocator(kept);
            });
        });
    for (const kind &k : kinds) {
        add(std::string("steps/scope, enter and leave/AA_WITH, ") + k.name, role::ours,
            [k](benchmark::State &state) {
                const owned a = k.create();
                steps(state, [&] {
                    AA_WITH(a.get()) {
                        __asm__ volatile("" ::: "memory");
                    }
                });
            });
    }
}

/* What a scope adds to the regions inside it. */
void regions(benchmark::State &state)
{
    enum { REGIONS = 100 };
    measure(state, REGIONS, [&] {
        int all = 0;
        const double spent = seconds([&] {
            for (int i = 0; i < REGIONS; ++i) {
#pragma omp parallel num_threads(2) reduction(+ : all)
                all += 1;
            }
        });
        if (all != 2 * REGIONS) {
            die("a region of two threads");
        }
        return spent;
    });
}

void add_regions()
{
    add("steps/region of 2 threads/no scope", role::limit, regions);
    add("steps/region of 2 threads/inside AA_WITH", role::ours, [](benchmark::State &state) {
        const owned a = make_shared();
        AA_WITH(a.get()) {
            regions(state);
        }
    });
}

template <class Take> void add_by_hand(const char *name, Take take)
{
    add(name, role::limit, [take](benchmark::State &state) {
        hand h(4096);
        steps(state, [&] {
            char *const kept = h.cursor;
            take(h);
            h.cursor = kept;
            __asm__ volatile("" ::"r"(&h) : "memory");
        });
    });
}

void one_piece(aa_allocator *a)
{
    *static_cast<int *>(aa_alloc(a, 64)) = 1;
}

void add_marks(const kind &k)
{
    add(std::string("steps/mark, take and rewind/") + k.name, role::ours,
        [k](benchmark::State &state) {
            const owned a = k.create();
            one_piece(a.get());
            steps(state, [&] { (void)aa_mark_rewind(aa_mark_take(a.get())); });
        });
    add(std::string("steps/scratch with one of 64 B/") + k.name, role::ours,
        [k](benchmark::State &state) {
            const owned a = k.create();
            steps(state, [&] {
                AA_SCRATCH(a.get()) {
                    one_piece(a.get());
                }
            });
        });
    add(std::string("steps/scratch with one of 64 B/") + k.name + ", through the scope", role::ours,
        [k](benchmark::State &state) {
            const owned a = k.create();
            AA_WITH(a.get()) {
                steps(state, [&] {
                    AA_SCRATCH(AA_CURRENT) {
                        one_piece(AA_CURRENT);
                    }
                });
            }
        });
}

void add_heap_marks()
{
    add("steps/mark, take and rewind/heap", role::ours, [](benchmark::State &state) {
        steps(state, [] { (void)aa_mark_rewind(aa_mark_take(aa_heap())); });
    });
    add("steps/scratch with one of 64 B/heap", role::ours, [](benchmark::State &state) {
        steps(state, [] {
            AA_SCRATCH(aa_heap()) {
                one_piece(aa_heap());
            }
        });
    });
}

/* ---- reset ----------------------------------------------------------------------------------------------------- */

/* A small round: 16 allocations of 64 B, and all taken back. */
template <class S> void reset_of(benchmark::State &state, S &s)
{
    s.open();
    steps(state, [&] {
        fill(s, 16, 64, touch::first);
        s.back();
        s.common();
    });
}

void add_resets()
{
    const std::string name = "reset/16 allocations of 64 B and a reset/";
    add(name + "bump by hand", role::limit, [](benchmark::State &state) {
        hand s(4096);
        reset_of(state, s);
    });
    for (const kind &k : kinds) {
        add(name + k.name, role::ours, [k](benchmark::State &state) {
            const owned a = k.create();
            one_handle s(a.get());
            reset_of(state, s);
        });
    }
    add(name + "pmr monotonic", role::peer, [](benchmark::State &state) {
        pmr s(4096);
        reset_of(state, s);
    });
    if (apr() != nullptr) {
        add(name + "APR pool", role::peer, [](benchmark::State &state) {
            apr_pool s;
            reset_of(state, s);
        });
    }
    if (tbb() != nullptr) {
        add(name + "oneTBB memory_pool", role::peer, [](benchmark::State &state) {
            tbb_subject s;
            reset_of(state, s);
        });
    }
}

/* Threads that live on beside the reset, so that each keeps its place in the allocator. */
class crowd
{
  public:
    crowd(unsigned count, std::function<void()> work) : work_(std::move(work))
    {
        (void)pthread_barrier_init(&gate_, nullptr, count + 1);
        for (unsigned i = 0; i < count; ++i) {
            threads_.emplace_back([this] {
                for (wait(); !over_; wait()) {
                    work_();
                    wait();
                }
            });
        }
    }
    ~crowd()
    {
        over_ = true;
        wait();
        for (std::thread &t : threads_) {
            t.join();
        }
        (void)pthread_barrier_destroy(&gate_);
    }
    void all_work()
    {
        wait();
        wait();
    }

  private:
    void wait()
    {
        (void)pthread_barrier_wait(&gate_);
    }
    pthread_barrier_t gate_;
    std::function<void()> work_;
    bool over_ = false;
    std::vector<std::thread> threads_;
};

void add_crowded_resets()
{
    enum { THREADS = 64, ARRAYS = 1000000 / THREADS };
    for (const kind &k : {kinds[1], kinds[2]}) {
        add(
            std::string("reset/64 threads, 10^6 arrays/") + k.name, role::ours,
            [k](benchmark::State &state) {
                const owned a = k.create();
                const model m;
                const aa_array like = aa_bind(&m.array, a.get());
                crowd c(THREADS, [&] {
                    for (int i = 0; i < ARRAYS; ++i) {
                        const aa_array made = aa_similar(&like);
                        benchmark::DoNotOptimize(&made);
                    }
                });
                measure(state, 1, [&] {
                    c.all_work();
                    return seconds([&] { reset(a.get()); });
                });
            },
            12);
        add(std::string("reset/64 threads, nothing used since the last/") + k.name, role::ours,
            [k](benchmark::State &state) {
                const owned a = k.create();
                crowd c(THREADS, [&] { one_piece(a.get()); });
                c.all_work();
                steps(state, [&] { reset(a.get()); });
            });
    }
}

} // namespace

void register_arrays()
{
    add_similar();
    add_scopes();
    add_regions();
    add_by_hand("steps/mark, take and rewind/a pointer kept by hand", [](hand &) {});
    add_by_hand("steps/scratch with one of 64 B/a pointer kept by hand",
                [](hand &h) { *static_cast<int *>(h.take(64)) = 1; });
    for (const kind &k : kinds) {
        add_marks(k);
    }
    add_heap_marks();
    add_resets();
    add_crowded_resets();
}

} // namespace bench
