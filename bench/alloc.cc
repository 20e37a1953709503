/* Bench: what one allocation costs, with its share of taking all back: questions "alloc" (one thread) and
 * "threads" (several at once). */
#include "rows.h"
#include "subjects.h"
#include "team.h"

namespace bench
{

namespace
{

std::string words(size_t bytes)
{
    return bytes < 1024      ? std::to_string(bytes) + " B"
           : bytes < 1048576 ? std::to_string(bytes / 1024) + " KiB"
                             : std::to_string(bytes / 1048576) + " MiB";
}

/* ---- one thread ------------------------------------------------------------------------------------------- */

struct job {
    size_t bytes, count;
    touch how;
    /* Rounds timed as one cycle: a round may be shorter than the clock's step. */
    size_t repeats() const
    {
        const size_t writes = how == touch::pages ? count * (bytes / 4096) : count;
        return std::max<size_t>(1, 2000 / writes);
    }
    /* Every subject fits: 64-byte rounding, and a pool's own header for each. */
    size_t room() const
    {
        return count * (bytes + 128);
    }
};

template <class S> void run_one(benchmark::State &state, const job &j, S &s)
{
    s.open();
    const size_t repeats = j.repeats();
    measure(state, static_cast<double>(j.count * repeats), [&] {
        return seconds([&] {
            for (size_t i = 0; i < repeats; ++i) {
                fill(s, j.count, j.bytes, j.how);
                s.back();
                s.common();
            }
        });
    });
}

using run_job = void (*)(benchmark::State &, const job &);

void run_hand(benchmark::State &state, const job &j)
{
    hand s(j.room());
    run_one(state, j, s);
}

void run_counting(benchmark::State &state, const job &j)
{
    counting_hand s(j.room());
    run_one(state, j, s);
}

void run_arena(benchmark::State &state, const job &j)
{
    arena s;
    run_one(state, j, s);
}

void run_shared(benchmark::State &state, const job &j)
{
    const owned a = make_shared();
    one_handle s(a.get());
    run_one(state, j, s);
}

void run_private(benchmark::State &state, const job &j)
{
    const owned a = make_private();
    one_handle s(a.get());
    run_one(state, j, s);
}

void run_hoisted(benchmark::State &state, const job &j)
{
    const owned a = make_private();
    hoisted s(a.get());
    run_one(state, j, s);
}

void run_pmr(benchmark::State &state, const job &j)
{
    pmr s(j.room());
    run_one(state, j, s);
}

void run_pmr_inlined(benchmark::State &state, const job &j)
{
    inlined_pmr s(j.room());
    run_one(state, j, s);
}

void run_pmr_mutex(benchmark::State &state, const job &j)
{
    pmr pool(j.room());
    std::mutex mutex;
    locked<pmr> s(pool, mutex);
    run_one(state, j, s);
}

void run_apr(benchmark::State &state, const job &j)
{
    apr_pool s;
    run_one(state, j, s);
}

void run_apr_mutex(benchmark::State &state, const job &j)
{
    apr_pool pool;
    std::mutex mutex;
    pool.open();
    locked<apr_pool> s(pool, mutex);
    run_one(state, j, s);
}

void run_tbb(benchmark::State &state, const job &j)
{
    tbb_subject s;
    run_one(state, j, s);
}

template <class Calls> void run_listed(benchmark::State &state, const job &j, Calls calls)
{
    listed<Calls> s(calls, j.count);
    run_one(state, j, s);
}

void add_job(const job &j)
{
    const std::string name =
        "alloc/" + words(j.bytes) + (j.how == touch::none ? " untouched/" : " touched/");
    const auto row = [&](const char *subject, role what, run_job run) {
        add(name + subject, what, [run, j](benchmark::State &state) { run(state, j); });
    };
    row("bump by hand", role::limit, run_hand);
    row("bump by hand that counts", role::note, run_counting);
    row("arena", role::ours, run_arena);
    row("shared", role::ours, run_shared);
    row("private, hoisted", role::ours, run_hoisted);
    row("private, generic", role::ours, run_private);
    row("heap", role::ours,
        [](benchmark::State &state, const job &k) { run_listed(state, k, heap_calls{k.bytes}); });
    row("pmr monotonic", role::peer, run_pmr);
    row("pmr monotonic, inlined", role::peer, run_pmr_inlined);
    row("pmr monotonic, mutex", role::peer, run_pmr_mutex);
    row("omp_alloc", role::peer,
        [](benchmark::State &state, const job &k) { run_listed(state, k, omp_calls()); });
    if (apr() != nullptr) {
        row("APR pool", role::peer, run_apr);
        row("APR pool, mutex", role::peer, run_apr_mutex);
    }
    if (tbb() != nullptr) {
        row("oneTBB memory_pool", role::peer, run_tbb);
    }
    for (const malloc_like &m : mallocs()) {
        add(name + m.name, role::peer,
            [m, j](benchmark::State &state) { run_listed(state, j, m); });
    }
}

/* ---- several threads --------------------------------------------------------------------------------------- */

struct team_job {
    int threads;
    size_t bytes, count; /* count: of each thread */
    size_t room() const
    {
        return count * (bytes + 128);
    }
};

/* make(thread) gives each thread its subject, made on that thread. */
template <class S, class Make> void run_team(benchmark::State &state, const team_job &j, Make make)
{
    std::vector<std::unique_ptr<S>> all(static_cast<size_t>(j.threads));
    (void)in_team(j.threads, [&](int me) {
        auto &mine = all[static_cast<size_t>(me)];
        mine = make();
        mine->open();
    });
    const double operations = static_cast<double>(j.count) * j.threads;
    measure(state, operations, [&] {
        const team_time t = in_team(j.threads, [&](int me) {
            S &s = *all[static_cast<size_t>(me)];
            fill(s, j.count, j.bytes, touch::first);
            s.back();
        });
        return t.wall + seconds([&] { all[0]->common(); });
    });
}

void add_team_limits(const std::string &name, const team_job &j)
{
    add(name + "bump by hand, one each", role::limit, [j](benchmark::State &state) {
        run_team<hand>(state, j, [&] { return std::make_unique<hand>(j.room()); });
    });
    add(name + "arena, one each", role::ours, [j](benchmark::State &state) {
        run_team<arena>(state, j, [] { return std::make_unique<arena>(); });
    });
    add(name + "shared", role::ours, [j](benchmark::State &state) {
        const owned a = make_shared();
        run_team<one_handle>(state, j, [&] { return std::make_unique<one_handle>(a.get()); });
    });
    add(name + "private, generic", role::ours, [j](benchmark::State &state) {
        const owned a = make_private();
        run_team<one_handle>(state, j, [&] { return std::make_unique<one_handle>(a.get()); });
    });
    add(name + "private, hoisted", role::ours, [j](benchmark::State &state) {
        const owned a = make_private();
        run_team<hoisted>(state, j, [&] { return std::make_unique<hoisted>(a.get()); });
    });
}

template <class Calls>
void add_listed(const std::string &name, const team_job &j, role what, Calls c)
{
    add(name, what, [j, c](benchmark::State &state) {
        run_team<listed<Calls>>(state, j,
                                [&] { return std::make_unique<listed<Calls>>(c, j.count); });
    });
}

/* Each thread its pool: a peer of the private rows; behind a mutex: of the shared one. */
void add_team_pools(const std::string &name, const team_job &j)
{
    add(name + "pmr monotonic, one each", role::note, [j](benchmark::State &state) {
        run_team<pmr>(state, j, [&] { return std::make_unique<pmr>(j.room()); });
    });
    add(name + "pmr monotonic, mutex", role::peer, [j](benchmark::State &state) {
        pmr pool(j.room() * static_cast<size_t>(j.threads));
        std::mutex mutex;
        run_team<locked<pmr>>(state, j, [&] { return std::make_unique<locked<pmr>>(pool, mutex); });
    });
    if (apr() != nullptr) {
        add(name + "APR pool, one each", role::note, [j](benchmark::State &state) {
            run_team<apr_pool>(state, j, [] { return std::make_unique<apr_pool>(); });
        });
        add(name + "APR pool, mutex", role::peer, [j](benchmark::State &state) {
            apr_pool pool;
            std::mutex mutex;
            pool.open();
            run_team<locked<apr_pool>>(
                state, j, [&] { return std::make_unique<locked<apr_pool>>(pool, mutex); });
        });
    }
    if (tbb() != nullptr) {
        add(name + "oneTBB memory_pool, one each", role::note, [j](benchmark::State &state) {
            run_team<tbb_subject>(state, j, [] { return std::make_unique<tbb_subject>(); });
        });
    }
}

void add_team(const team_job &j)
{
    const std::string name = "threads/" + std::to_string(j.threads) +
                             (j.threads == 1 ? " thread, " : " threads, ") + words(j.bytes) + "/";
    add_team_limits(name, j);
    add_team_pools(name, j);
    add_listed(name + "heap", j, role::ours, heap_calls{j.bytes});
    add_listed(name + "omp_alloc", j, role::peer, omp_calls());
    for (const malloc_like &m : mallocs()) {
        add_listed(name + m.name, j, role::peer, m);
    }
}

} // namespace

void register_alloc()
{
    for (const size_t bytes : {16U, 64U, 256U, 1024U, 4096U, 65536U, 1048576U}) {
        const size_t count = std::clamp<size_t>(262144 / bytes, 8, 2000);
        add_job({bytes, count, bytes > 4096 ? touch::pages : touch::first});
        add_job({bytes, count, touch::none});
    }
    for (const int threads : team_sizes()) {
        for (const size_t bytes : {size_t{64}, size_t{4096}}) {
            add_team({threads, bytes, std::clamp<size_t>(4194304 / bytes, 64, 10000)});
        }
    }
}

} // namespace bench
