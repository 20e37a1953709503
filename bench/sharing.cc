/* Bench: false sharing ("sharing"): each thread of a team adds to a number of its own, which lies where its allocator
 * put it. The counter-example are neighbours in one cache line: what an array with an element for each thread is. */
#include "rows.h"
#include "subjects.h"
#include "team.h"

#include <array>

namespace bench
{
namespace
{

enum { ADDS = 20000, LINE = 64, MOST = 64 };

using places = std::array<volatile double *, MOST>;

/* The store of each pass goes to memory. */
void add_up(volatile double *place)
{
    for (int i = 0; i < ADDS; ++i) {
        *place = *place + 1;
    }
}

/* find(places): on each thread of the team, its own place. */
template <class F> void run_sharing(benchmark::State &state, int threads, F &&find)
{
    places at = {};
    (void)in_team(threads, [&](int me) {
        at[static_cast<size_t>(me)] = find(me);
        *at[static_cast<size_t>(me)] = 0;
    });
    measure(state, ADDS, [&] {
        return in_team(threads, [&](int me) { add_up(at[static_cast<size_t>(me)]); }).wall;
    });
}

/* Pieces as small as they come: two of one thread would lie in one line. */
aa_options small_pieces()
{
    aa_options o = AA_OPTIONS_INIT;
    o.alignment = 16;
    return o;
}

volatile double *taken_from(aa_allocator *a)
{
    auto *const p = static_cast<double *>(aa_alloc(a, sizeof(double)));
    if (p == nullptr) {
        die("aa_alloc");
    }
    return p;
}

void add_case(int threads)
{
    const std::string name =
        "sharing/" + std::to_string(threads) + " threads, each its own 8 bytes/";
    add(name + "a cache line each, by hand", role::limit, [threads](benchmark::State &state) {
        alignas(LINE) static double lines[MOST][LINE / sizeof(double)];
        run_sharing(state, threads, [](int me) { return &lines[me][0]; });
    });
    add(name + "neighbours in one line", role::note, [threads](benchmark::State &state) {
        alignas(LINE) static double line[MOST];
        run_sharing(state, threads, [](int me) { return &line[me]; });
    });
    add(name + "shared", role::ours, [threads](benchmark::State &state) {
        const owned a = make_shared();
        run_sharing(state, threads, [&](int) { return taken_from(a.get()); });
    });
    add(name + "shared, pieces of 16 bytes", role::ours, [threads](benchmark::State &state) {
        const aa_options o = small_pieces();
        const owned a(must(aa_shared_create(&o)));
        run_sharing(state, threads, [&](int) { return taken_from(a.get()); });
    });
    add(name + "private, pieces of 16 bytes", role::ours, [threads](benchmark::State &state) {
        const aa_options o = small_pieces();
        const owned a(must(aa_private_create(&o)));
        run_sharing(state, threads, [&](int) { return taken_from(a.get()); });
    });
    add(name + "private", role::ours, [threads](benchmark::State &state) {
        const owned a = make_private();
        run_sharing(state, threads, [&](int) { return taken_from(a.get()); });
    });
}

} // namespace

void register_sharing()
{
    for (const int threads : team_sizes()) {
        if (threads > 1) {
            add_case(threads);
        }
    }
}

} // namespace bench
