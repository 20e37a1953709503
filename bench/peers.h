/* Bench: other allocators, each from its own shared library, loaded at run time when it is there.
 *
 * A malloc replacement is loaded apart (RTLD_LOCAL | RTLD_DEEPBIND) and called by address, so that it serves
 * its own row only and not the whole process. Looked for in the folder AA_BENCH_LIBS first, then where the
 * system keeps libraries. Nothing here is needed to build.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench
{

struct malloc_like {
    const char *name;
    void *(*take)(size_t);
    void (*give)(void *);
};

/* glibc's (this process's own), then those found of jemalloc, mimalloc, tcmalloc, oneTBB. */
const std::vector<malloc_like> &mallocs();

/* The Apache Portable Runtime's pools, by their documented calls. */
struct apr_calls {
    int (*create)(void **pool, void *parent, int (*abort)(int), void *allocator);
    void *(*take)(void *pool, size_t bytes);
    void (*clear)(void *pool);
    void (*destroy)(void *pool);
};
const apr_calls *apr(); /* nullptr: not installed */

/* oneTBB's memory pools: what oneapi::tbb::memory_pool calls. */
struct tbb_policy {
    void *(*take)(intptr_t pool, size_t &bytes);
    int (*give)(intptr_t pool, void *memory, size_t bytes);
    size_t granularity;
    int version;
    unsigned fixed : 1, keep : 1, reserved : 30;
};
struct tbb_calls {
    int (*create)(intptr_t id, const tbb_policy *policy, void **pool);
    void *(*take)(void *pool, size_t bytes);
    bool (*reset)(void *pool);
    bool (*destroy)(void *pool);
};
const tbb_calls *tbb();

/* A pool over pages of its own that a reset keeps. */
void *tbb_pool();

/* The file that this process's malloc comes from. */
std::string malloc_in_use();

/* Write who was found where, and who was not, into the JSON's context. */
void describe_peers();

} // namespace bench

#endif
