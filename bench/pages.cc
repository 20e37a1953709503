/* Bench: what pages cost ("pages": first touch, reuse, growth), the guarded reset ("guard"), checked access
 * ("checked"), and what memory is held ("memory", which are no times). */
#include "kernels.h"
#include "rows.h"
#include "subjects.h"

#include <algorithm>
#include <malloc.h>
#include <random>
#include <sys/mman.h>
#include <vector>

namespace bench
{

namespace
{

enum : size_t { MIB = 1 << 20, LARGE = 64 * MIB, PAGE = 4096 };

void touch_pages(void *memory, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += PAGE) {
        static_cast<volatile char *>(memory)[at] = 1;
    }
}

void *map(size_t bytes, int flags)
{
    void *const p =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

owned arena_with(unsigned flags)
{
    aa_options o = AA_OPTIONS_INIT;
    o.flags = flags;
    return owned(must(aa_arena_create(&o)));
}

/* ---- first touch, reuse ------------------------------------------------------------------------------------ */

/* once() takes 64 MiB, touches each page and gives all back; written per MiB. */
template <class F> void per_mib(benchmark::State &state, F once)
{
    measure(state, LARGE / MIB, [&] { return seconds(once); });
}

void add_first_touch()
{
    const std::string name = "pages/first touch of 64 MiB, per MiB/";
    const auto by_hand = [&](const char *what, role r, int flags) {
        add(name + what, r, [flags](benchmark::State &state) {
            per_mib(state, [flags] {
                void *const p = map(LARGE, flags);
                touch_pages(p, LARGE);
                (void)munmap(p, LARGE);
            });
        });
    };
    by_hand("mmap by hand", role::limit, 0);
    by_hand("mmap by hand, MAP_POPULATE", role::note, MAP_POPULATE);
    const auto fresh = [&](const char *what, unsigned flags) {
        add(name + what, role::ours, [flags](benchmark::State &state) {
            per_mib(state, [flags] {
                const owned a = arena_with(flags);
                touch_pages(aa_alloc(a.get(), LARGE), LARGE);
            });
        });
    };
    fresh("arena", 0);
    fresh("arena, AA_PREFAULT", AA_PREFAULT);
    fresh("arena, AA_HUGEPAGES", AA_HUGEPAGES);
    fresh("arena, AA_HUGEPAGES | AA_PREFAULT", AA_HUGEPAGES | AA_PREFAULT);
}

void add_mallocs(const std::string &name)
{
    for (const malloc_like &m : mallocs()) {
        add(name + m.name, role::peer, [m](benchmark::State &state) {
            per_mib(state, [m] {
                void *const p = m.take(LARGE);
                touch_pages(p, LARGE);
                m.give(p);
            });
        });
    }
}

void add_reuse()
{
    const std::string name = "pages/64 MiB again and again, per MiB/";
    add(name + "a buffer kept by hand", role::limit, [](benchmark::State &state) {
        void *const p = map(LARGE, 0);
        per_mib(state, [p] { touch_pages(p, LARGE); });
        (void)munmap(p, LARGE);
    });
    const auto given_back = [&](const char *what, int advice) {
        add(name + what, role::note, [advice](benchmark::State &state) {
            void *const p = map(LARGE, 0);
            per_mib(state, [p, advice] {
                touch_pages(p, LARGE);
                (void)madvise(p, LARGE, advice);
            });
            (void)munmap(p, LARGE);
        });
    };
    given_back("by hand, MADV_FREE each time", MADV_FREE);
    given_back("by hand, MADV_DONTNEED each time", MADV_DONTNEED);
    const auto kept = [&](const char *what, owned (*create)()) {
        add(name + what, role::ours, [create](benchmark::State &state) {
            const owned a = create();
            per_mib(state, [&] {
                touch_pages(aa_alloc(a.get(), LARGE), LARGE);
                reset(a.get());
            });
        });
    };
    kept("arena", make_arena);
    kept("shared", make_shared);
    kept("private", make_private);
    add_mallocs(name);
}

/* ---- growth -------------------------------------------------------------------------------------------------- */

/* What is destroyed needs no taking back before; what frees one by one does. */
template <class S> void finish(S &)
{
}

template <class Calls> void finish(listed<Calls> &s)
{
    s.back();
}

/* A fresh allocator grows to 64 MiB in pieces of 64 KiB, each page touched. */
template <class S, class Make> void grow(benchmark::State &state, Make make_one)
{
    per_mib(state, [&] {
        const std::unique_ptr<S> s = make_one();
        s->open();
        fill(*s, LARGE / 65536, 65536, touch::pages);
        finish(*s);
    });
}

struct growing_pmr : nothing {
    std::pmr::monotonic_buffer_resource resource;
    void *take(size_t bytes)
    {
        return resource.allocate(bytes, 16);
    }
};

void add_growth()
{
    const std::string name = "pages/growth to 64 MiB by 64 KiB, per MiB/";
    add(name + "mmap by hand, once", role::limit, [](benchmark::State &state) {
        per_mib(state, [] {
            void *const p = map(LARGE, 0);
            touch_pages(p, LARGE);
            (void)munmap(p, LARGE);
        });
    });
    add(name + "arena", role::ours, [](benchmark::State &state) {
        grow<arena>(state, [] { return std::make_unique<arena>(); });
    });
    add(name + "arena, and its first reset", role::note, [](benchmark::State &state) {
        per_mib(state, [] {
            arena s;
            s.open();
            fill(s, LARGE / 65536, 65536, touch::pages);
            s.back();
        });
    });
    add(name + "shared", role::ours, [](benchmark::State &state) {
        per_mib(state, [] {
            const owned a = make_shared();
            one_handle s(a.get());
            fill(s, LARGE / 65536, 65536, touch::pages);
        });
    });
    add(name + "pmr monotonic", role::peer, [](benchmark::State &state) {
        grow<growing_pmr>(state, [] { return std::make_unique<growing_pmr>(); });
    });
    if (apr() != nullptr) {
        add(name + "APR pool", role::peer, [](benchmark::State &state) {
            grow<apr_pool>(state, [] { return std::make_unique<apr_pool>(); });
        });
    }
    for (const malloc_like &m : mallocs()) {
        add(name + m.name, role::peer, [m](benchmark::State &state) {
            grow<listed<malloc_like>>(
                state, [m] { return std::make_unique<listed<malloc_like>>(m, LARGE / 65536); });
        });
    }
}

/* ---- the guarded reset ----------------------------------------------------------------------------------------- */

void time_reset(benchmark::State &state, unsigned flags)
{
    const owned a = arena_with(flags);
    measure(state, 1, [&] {
        touch_pages(aa_alloc(a.get(), LARGE), LARGE);
        return seconds([&] { reset(a.get()); });
    });
    aa_stats stats = {};
    (void)aa_stats_get(a.get(), &stats);
    note(state, "guard_misses", static_cast<double>(stats.guard_misses));
}

void add_guard()
{
    enum { CYCLES = 40 };
    const std::string name = "guard/reset of 64 MiB/";
    add(
        name + "arena, not guarded", role::note, [](benchmark::State &s) { time_reset(s, 0); },
        CYCLES);
    add(
        name + "arena, AA_GUARD", role::ours, [](benchmark::State &s) { time_reset(s, AA_GUARD); },
        CYCLES);
    const auto by_hand = [&](const char *what, void (*take_back)(void *)) {
        add(
            name + what, role::peer,
            [take_back](benchmark::State &state) {
                void *const p = map(LARGE, 0);
                measure(state, 1, [&] {
                    touch_pages(p, LARGE);
                    return seconds([&] { take_back(p); });
                });
                (void)munmap(p, LARGE);
            },
            CYCLES / 4);
    };
    by_hand("mprotect there and back", [](void *p) {
        (void)mprotect(p, LARGE, PROT_NONE);
        (void)mprotect(p, LARGE, PROT_READ | PROT_WRITE);
    });
    by_hand("MADV_DONTNEED", [](void *p) { (void)madvise(p, LARGE, MADV_DONTNEED); });
    by_hand("MADV_DONTNEED and its page faults", [](void *p) {
        (void)madvise(p, LARGE, MADV_DONTNEED);
        touch_pages(p, LARGE);
    });
    for (const bool guarded : {false, true}) {
        add(std::string("guard/sum of 10^6 doubles/") +
                (guarded ? "arena, AA_GUARD" : "arena, not guarded"),
            guarded ? role::ours : role::limit, [guarded](benchmark::State &state) {
                const owned a = arena_with(guarded ? AA_GUARD : 0);
                auto *const p = static_cast<double *>(aa_alloc(a.get(), 8000000));
                std::fill(p, p + 1000000, 1.0);
                measure(state, 1, [&] {
                    return seconds([&] {
                        double s = sum(p, 1000000);
                        benchmark::DoNotOptimize(s);
                    });
                });
            });
    }
}

/* ---- checked access ---------------------------------------------------------------------------------------------- */

enum { ROWS = 1000, COLUMNS = 1000 };

double per_row(const aa_array *a)
{
    double all = 0;
    for (int64_t row = 0; row < ROWS; ++row) {
        all += sum(static_cast<const double *>(aa_data(a)) + row * COLUMNS, COLUMNS);
    }
    return all;
}

double by_index(const double *p)
{
    double all = 0;
    for (int64_t i = 0; i < ROWS; ++i) {
        for (int64_t j = 0; j < COLUMNS; ++j) {
            all += p[i * COLUMNS + j];
        }
    }
    return all;
}

double by_at(const aa_array *a)
{
    double all = 0;
    for (int64_t i = 0; i < ROWS; ++i) {
        for (int64_t j = 0; j < COLUMNS; ++j) {
            all += AA_AT(double, a, i, j);
        }
    }
    return all;
}

double pinned(const aa_array *a)
{
    (void)aa_pin(a);
    const double all = sum(static_cast<const double *>(aa_data(a)), ROWS * COLUMNS);
    (void)aa_unpin(a);
    return all;
}

double once(const aa_array *a)
{
    return sum(static_cast<const double *>(aa_data(a)), ROWS * COLUMNS);
}

void add_checked_row(const char *name, role what, bool checked, double (*f)(const aa_array *))
{
    add(std::string("checked/sum of 1000 x 1000 doubles/") + name, what,
        [checked, f](benchmark::State &state) {
            const owned a = make_arena();
            const int64_t shape[] = {ROWS, COLUMNS};
            const aa_array plain = aa_zeros(a.get(), AA_F64, 2, shape);
            const aa_array used = checked ? aa_checked(&plain) : plain;
            measure(state, 1, [&] {
                return seconds([&] {
                    double s = f(&used);
                    benchmark::DoNotOptimize(s);
                });
            });
        });
}

void add_checked()
{
    add_checked_row("a raw pointer", role::limit, false, [](const aa_array *a) {
        return sum(static_cast<const double *>(a->data), ROWS * COLUMNS);
    });
    add_checked_row("aa_data once", role::ours, true, once);
    add_checked_row("aa_pin, aa_data, aa_unpin", role::ours, true, pinned);
    add_checked_row("aa_data per row", role::ours, true, per_row);
    add_checked_row("raw, one sum, each element", role::note, false, [](const aa_array *a) {
        return by_index(static_cast<const double *>(a->data));
    });
    add_checked_row("AA_AT each element, unchecked array", role::ours, false, by_at);
    add_checked_row("AA_AT each element, checked array", role::ours, true, by_at);
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

void add_number(const std::string &name, std::function<double()> number)
{
    add(
        name, role::ours,
        [number](benchmark::State &state) {
            measure(state, 1, [] { return 1e-9; });
            note(state, "value", number());
        },
        1);
}

/* From addresses, not from the allocator's own counts: 1,000 pieces of 64 bytes lie 64 bytes apart. */
double bytes_beside(owned (*create)())
{
    const owned a = create();
    const char *const first = static_cast<char *>(aa_alloc(a.get(), 64));
    const char *last = first;
    for (int i = 0; i < 1000; ++i) {
        last = static_cast<char *>(aa_alloc(a.get(), 64));
    }
    return static_cast<double>(last - first) / 1000 - 64;
}

/* Held after 20 rounds of random use, against the largest of them. */
double held_ratio(owned (*create)())
{
    const owned a = create();
    std::mt19937 random(7);
    size_t largest = 0;
    aa_stats s = {};
    for (int round = 0; round < 20; ++round) {
        const size_t pieces = 20000 + random() % 20000;
        for (size_t i = 0; i < pieces; ++i) {
            if (aa_alloc(a.get(), 1 + random() % 512) == nullptr) {
                die("aa_alloc");
            }
        }
        (void)aa_stats_get(a.get(), &s);
        largest = std::max(largest, s.used);
        reset(a.get());
    }
    (void)aa_stats_get(a.get(), &s);
    return static_cast<double>(s.committed) / static_cast<double>(largest);
}

/* What the C heap lost to each of 1,000 allocators that nobody has used, and what they hold themselves. */
double fresh_bytes(owned (*create)())
{
    std::vector<owned> all;
    all.reserve(1000);
    (void)create();
    const size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 1000; ++i) {
        all.push_back(create());
    }
    aa_stats s = {};
    (void)aa_stats_get(all[0].get(), &s);
    return static_cast<double>(mallinfo2().uordblks - before) / 1000 +
           static_cast<double>(s.committed);
}

void add_memory()
{
    const struct {
        const char *name;
        owned (*create)();
    } kinds[] = {{"arena", make_arena}, {"shared", make_shared}, {"private", make_private}};
    for (const auto &k : kinds) {
        const auto create = k.create;
        add_number(std::string("memory/bytes beside an allocation/") + k.name,
                   [create] { return bytes_beside(create); });
        add_number(std::string("memory/held after warm-up, of the largest use/") + k.name,
                   [create] { return held_ratio(create); });
        add_number(std::string("memory/bytes of an allocator not used yet/") + k.name,
                   [create] { return fresh_bytes(create); });
    }
}

} // namespace

void register_pages()
{
    add_first_touch();
    add_mallocs("pages/first touch of 64 MiB, per MiB/");
    add_reuse();
    add_growth();
    add_guard();
    add_checked();
    add_memory();
}

} // namespace bench
