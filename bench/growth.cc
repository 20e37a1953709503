/* Bench: how the cost of a step grows with the numbers around it ("growth"): allocations between two resets,
 * threads, open scopes, arrays alive, allocators alive. A case is "AXIS = NUMBER". Nothing is touched, so
 * that the machine's caches and pages do not grow into the figure, but in "touched allocations". */
#include "rows.h"
#include "subjects.h"
#include "team.h"

namespace bench
{

namespace
{

using make = owned (*)();

template <owned (*create)(const aa_options *)> owned small()
{
    aa_options o = AA_OPTIONS_INIT;
    o.alignment = 16;
    return create(&o);
}

owned arena_from(const aa_options *o)
{
    return owned(must(aa_arena_create(o)));
}

owned shared_from(const aa_options *o)
{
    return owned(must(aa_shared_create(o)));
}

owned private_from(const aa_options *o)
{
    return owned(must(aa_private_create(o)));
}

struct kind {
    const char *name;
    make create;
};
const kind kinds[] = {
    {"arena", small<arena_from>}, {"shared", small<shared_from>}, {"private", small<private_from>}};

std::string at(const char *axis, size_t number)
{
    return std::string("growth/") + axis + " = " + std::to_string(number) + "/";
}

/* ---- allocations between two resets ------------------------------------------------------------------------ */

/* In processor time, as for threads: a cycle of 10^8 is too long for a median of cycles to leave out what other
 * processes took of it. */
template <class S> void allocations(benchmark::State &state, S &s, size_t count, touch how)
{
    /* Short cycles are repeated within one measurement of time, not to measure the clock. */
    const size_t repeats = std::max<size_t>(1, 20000 / count);
    measure(state, static_cast<double>(count * repeats), [&] {
        const double before = thread_seconds();
        for (size_t i = 0; i < repeats; ++i) {
            fill(s, count, 16, how);
            s.back();
            s.common();
        }
        return thread_seconds() - before;
    });
}

int cycles_of(size_t count)
{
    return count >= 100000000 ? 1 : count >= 10000000 ? 5 : 0;
}

void add_allocations()
{
    for (size_t count = 1000; count <= 100000000; count *= 10) {
        for (const kind &k : kinds) {
            add(
                at("allocations", count) + k.name, role::ours,
                [k, count](benchmark::State &state) {
                    const owned a = k.create();
                    one_handle s(a.get());
                    allocations(state, s, count, touch::none);
                },
                cycles_of(count));
        }
    }
}

/* The same, 8 bytes of each piece written. The memory leaves the caches on the way, for everybody: the limit, a bump
 * by hand that is touched alike, is what a row has to be held against here. 160 MB at most. */
void add_touched()
{
    for (size_t count = 1000; count <= 10000000; count *= 10) {
        add(
            at("touched allocations", count) + "bump by hand", role::limit,
            [count](benchmark::State &state) {
                hand s(count * 16);
                s.mask = 15;
                allocations(state, s, count, touch::first);
            },
            cycles_of(count));
        for (const kind &k : kinds) {
            add(
                at("touched allocations", count) + k.name, role::ours,
                [k, count](benchmark::State &state) {
                    const owned a = k.create();
                    one_handle s(a.get());
                    allocations(state, s, count, touch::first);
                },
                cycles_of(count));
        }
    }
}

/* ---- threads: processor time, for more threads than processors must take turns ------------------------------- */

void add_threads()
{
    enum : size_t { COUNT = 100000 };
    for (const int threads : {1, 2, 4, 8, 16, 32, 64}) {
        for (const kind &k : {kinds[1], kinds[2]}) {
            add(at("threads", static_cast<size_t>(threads)) + k.name, role::ours,
                [k, threads](benchmark::State &state) {
                    const owned a = k.create();
                    measure(state, static_cast<double>(threads) * static_cast<double>(COUNT), [&] {
                        const team_time t = in_team(threads, [&](int) {
                            one_handle s(a.get());
                            fill(s, COUNT, 16, touch::none);
                        });
                        reset(a.get());
                        return t.cpu;
                    });
                });
        }
    }
}

/* ---- open scopes ------------------------------------------------------------------------------------------------ */

void add_scopes()
{
    for (const size_t count : {1U, 10U, 100U, 1000U, 10000U, 100000U}) {
        add(at("scopes", count) + "enter and leave", role::ours, [count](benchmark::State &state) {
            const owned a = make_shared();
            std::vector<aa_scope> open(count);
            const size_t repeats = std::max<size_t>(1, 1000 / count);
            measure(state, static_cast<double>(count * repeats), [&] {
                return seconds([&] {
                    for (size_t r = 0; r < repeats; ++r) {
                        for (size_t i = 0; i < count; ++i) {
                            open[i] = aa_scope_enter(a.get());
                        }
                        for (size_t i = count; i-- > 0;) {
                            (void)aa_scope_leave(open[i]);
                        }
                    }
                });
            });
        });
        add(at("scopes", count) + "aa_similar inside", role::ours,
            [count](benchmark::State &state) {
                const owned a = make_shared();
                std::vector<aa_scope> open(count);
                float number = 0;
                const aa_array like = aa_wrap(&number, AA_F32, 0, nullptr, nullptr);
                for (aa_scope &s : open) {
                    s = aa_scope_enter(a.get());
                }
                measure(state, 1000, [&] {
                    const double spent = seconds([&] {
                        for (int i = 0; i < 1000; ++i) {
                            const aa_array made = aa_similar(&like);
                            benchmark::DoNotOptimize(&made);
                        }
                    });
                    reset(a.get());
                    return spent;
                });
                for (size_t i = count; i-- > 0;) {
                    (void)aa_scope_leave(open[i]);
                }
            });
    }
}

/* ---- arrays, allocators -------------------------------------------------------------------------------------------- */

void add_arrays()
{
    for (size_t count = 1000; count <= 10000000; count *= 10) {
        const auto row = [&](const char *name, bool of_reset, double operations) {
            add(
                at("arrays", count) + name, role::ours,
                [count, of_reset, operations](benchmark::State &state) {
                    const owned a = small<shared_from>();
                    float number = 0;
                    const aa_array scalar = aa_wrap(&number, AA_F32, 0, nullptr, nullptr);
                    const aa_array like = aa_bind(&scalar, a.get());
                    measure(state, operations, [&] {
                        const double making = seconds([&] {
                            for (size_t i = 0; i < count; ++i) {
                                const aa_array made = aa_similar(&like);
                                benchmark::DoNotOptimize(&made);
                            }
                        });
                        const double taking = seconds([&] { reset(a.get()); });
                        return of_reset ? taking : making;
                    });
                },
                count >= 1000000 ? 3 : 20);
        };
        row("aa_similar", false, static_cast<double>(count));
        row("reset", true, 1);
    }
}

/* Each allocator was used by this thread; then pieces from one of them, or from each in turn. */
void take_from(benchmark::State &state, const kind &k, size_t alive, size_t used)
{
    enum : size_t { TAKES = 1024 };
    std::vector<owned> all;
    for (size_t i = 0; i < alive; ++i) {
        all.push_back(k.create());
        (void)aa_alloc(all.back().get(), 16);
    }
    measure(state, TAKES, [&] {
        const double spent = seconds([&] {
            for (size_t i = 0, turn = 0; i < TAKES; ++i) {
                void *const p = aa_alloc(all[turn].get(), 16);
                turn = turn + 1 == used ? 0 : turn + 1;
                benchmark::DoNotOptimize(p);
            }
        });
        for (size_t i = 0; i < used; ++i) {
            reset(all[i].get());
        }
        return spent;
    });
}

void add_allocators()
{
    for (const kind &k : kinds) {
        for (const size_t count : {1U, 10U, 100U, 1000U, 10000U}) {
            add(at("allocators", count) + k.name, role::ours,
                [k, count](benchmark::State &state) { take_from(state, k, count, 1); });
        }
        for (const size_t count : {1U, 2U, 4U, 8U, 16U}) {
            add(at("allocators in turn", count) + k.name, role::ours,
                [k, count](benchmark::State &state) { take_from(state, k, count, count); });
        }
    }
}

} // namespace

void register_growth()
{
    add_allocations();
    add_touched();
    add_threads();
    add_scopes();
    add_arrays();
    add_allocators();
}

} // namespace bench
