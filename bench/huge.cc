/* Bench: what AA_HUGEPAGES does to large memory and to small allocators (more rows of "pages" and "memory").
 *
 * Large: reads at random places of 256 MiB, which cost a page walk each where pages are small. Small: the resident
 * memory of allocators that each gave 64 bytes: the option must not make it grow. */
#include "rows.h"
#include "subjects.h"

#include <cstdint>
#include <fstream>
#include <unistd.h>
#include <vector>

namespace bench
{

namespace
{

enum : size_t { MIB = 1 << 20, LARGE = 256 * MIB, READS = 100000, SMALL_ONES = 256 };

owned arena_with(unsigned flags)
{
    aa_options o = AA_OPTIONS_INIT;
    o.flags = flags;
    return owned(must(aa_arena_create(&o)));
}

owned shared_with(unsigned flags)
{
    aa_options o = AA_OPTIONS_INIT;
    o.flags = flags;
    return owned(must(aa_shared_create(&o)));
}

/* Each place follows from the value read before, so that reads do not overlap. */
uint64_t wander(const uint64_t *from, uint64_t at)
{
    enum : uint64_t { WORDS = LARGE / sizeof(uint64_t) };
    for (size_t i = 0; i < READS; ++i) {
        at = at * 6364136223846793005U + 1442695040888963407U + from[(at >> 20) % WORDS];
    }
    return at;
}

/* KiB of this process's anonymous memory in huge pages; 0 where the system has none to give. */
double huge_kib()
{
    std::ifstream rollup("/proc/self/smaps_rollup");
    for (std::string line; std::getline(rollup, line);) {
        if (line.compare(0, 14, "AnonHugePages:") == 0) {
            return std::atof(line.c_str() + 14);
        }
    }
    return 0;
}

void add_random_reads()
{
    const auto row = [](const char *name, role what, unsigned flags) {
        add(std::string("pages/a read at random in 256 MiB/") + name, what,
            [flags](benchmark::State &state) {
                const owned a = arena_with(flags);
                auto *const p = static_cast<uint64_t *>(aa_alloc(a.get(), LARGE));
                if (p == nullptr) {
                    die("256 MiB");
                }
                std::fill(p, p + LARGE / sizeof *p, 1);
                note(state, "huge_kib", huge_kib());
                uint64_t at = 1;
                measure(state, READS, [&] { return seconds([&] { at = wander(p, at); }); });
                benchmark::DoNotOptimize(at);
            });
    };
    row("arena", role::note, 0);
    row("arena, AA_HUGEPAGES", role::ours, AA_HUGEPAGES);
}

double resident()
{
    std::ifstream statm("/proc/self/statm");
    double all = 0, now = 0;
    statm >> all >> now;
    return now * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::vector<owned> small_ones(owned (*create)(unsigned), unsigned flags)
{
    std::vector<owned> all;
    all.reserve(SMALL_ONES);
    for (size_t i = 0; i < SMALL_ONES; ++i) {
        all.push_back(create(flags));
        *static_cast<volatile char *>(aa_alloc(all.back().get(), 64)) = 1;
    }
    return all;
}

/* Bytes of resident memory for each of many allocators, all of which gave 64 bytes that were written. The first lot
 * warms the C heap up, whose pages would count for whichever row came first. */
double resident_each(owned (*create)(unsigned), unsigned flags)
{
    small_ones(create, flags).clear();
    const double before = resident();
    const std::vector<owned> all = small_ones(create, flags);
    return (resident() - before) / static_cast<double>(SMALL_ONES);
}

void add_small()
{
    const auto row = [](const std::string &name, owned (*create)(unsigned), unsigned flags) {
        add(
            "memory/resident bytes of an allocator of 64 bytes/" + name, role::ours,
            [create, flags](benchmark::State &state) {
                measure(state, 1, [] { return 1e-9; });
                note(state, "value", resident_each(create, flags));
            },
            1);
    };
    row("arena", arena_with, 0);
    row("arena, AA_HUGEPAGES", arena_with, AA_HUGEPAGES);
    row("shared", shared_with, 0);
    row("shared, AA_HUGEPAGES", shared_with, AA_HUGEPAGES);
}

} // namespace

void register_huge()
{
    add_random_reads();
    add_small();
}

} // namespace bench
