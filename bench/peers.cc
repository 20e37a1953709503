/* Bench: loads the peers. See peers.h. */
#include "peers.h"

#include "bench.h"

#include <cstdlib>
#include <dlfcn.h>
#include <sys/mman.h>

namespace bench
{

namespace
{

struct library {
    const char *name, *file;
    void *handle;
};

void *open_library(const char *file)
{
    const int how = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
    const char *const folder = std::getenv("AA_BENCH_LIBS");
    void *found = nullptr;
    if (folder != nullptr && *folder != '\0') {
        found = dlopen((std::string(folder) + "/" + file).c_str(), how);
    }
    return found != nullptr ? found : dlopen(file, how);
}

library &named(const char *name)
{
    static library all[] = {{"jemalloc", "libjemalloc.so.2", nullptr},
                            {"mimalloc", "libmimalloc.so.2.0", nullptr},
                            {"tcmalloc", "libtcmalloc_minimal.so.4", nullptr},
                            {"oneTBB", "libtbbmalloc.so.2", nullptr},
                            {"APR", "libapr-1.so.0", nullptr}};
    for (library &l : all) {
        if (std::string(l.name) == name) {
            if (l.handle == nullptr) {
                l.handle = open_library(l.file);
            }
            return l;
        }
    }
    die(name);
}

template <class F> bool find(F &function, const char *peer, const char *symbol)
{
    void *const handle = named(peer).handle;
    void *const address = handle == nullptr ? nullptr : dlsym(handle, symbol);
    function = reinterpret_cast<F>(address);
    return address != nullptr;
}

std::vector<malloc_like> find_mallocs()
{
    std::vector<malloc_like> all = {{"glibc", std::malloc, std::free}};
    for (const char *const name : {"jemalloc", "mimalloc", "tcmalloc"}) {
        malloc_like m = {name, nullptr, nullptr};
        if (find(m.take, name, "malloc") && find(m.give, name, "free")) {
            all.push_back(m);
        }
    }
    malloc_like scalable = {"oneTBB", nullptr, nullptr};
    if (find(scalable.take, "oneTBB", "scalable_malloc") &&
        find(scalable.give, "oneTBB", "scalable_free")) {
        all.push_back(scalable);
    }
    return all;
}

std::string file_of(const void *address)
{
    Dl_info info = {};
    return dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "?";
}

void *pages_take(intptr_t, size_t &bytes)
{
    void *const p =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

int pages_give(intptr_t, void *memory, size_t bytes)
{
    return munmap(memory, bytes);
}

} // namespace

const std::vector<malloc_like> &mallocs()
{
    static const std::vector<malloc_like> all = find_mallocs();
    return all;
}

const apr_calls *apr()
{
    static apr_calls c = {};
    static const bool found = [] {
        int (*initialize)() = nullptr;
        return find(initialize, "APR", "apr_initialize") &&
               find(c.create, "APR", "apr_pool_create_ex") && find(c.take, "APR", "apr_palloc") &&
               find(c.clear, "APR", "apr_pool_clear") &&
               find(c.destroy, "APR", "apr_pool_destroy") && initialize() == 0;
    }();
    return found ? &c : nullptr;
}

const tbb_calls *tbb()
{
    static tbb_calls c = {};
    static const bool found =
        find(c.create, "oneTBB",
             "_ZN3rml14pool_create_v1ElPKNS_13MemPoolPolicyEPPNS_10MemoryPoolE") &&
        find(c.take, "oneTBB", "_ZN3rml11pool_mallocEPNS_10MemoryPoolEm") &&
        find(c.reset, "oneTBB", "_ZN3rml10pool_resetEPNS_10MemoryPoolE") &&
        find(c.destroy, "oneTBB", "_ZN3rml12pool_destroyEPNS_10MemoryPoolE");
    return found ? &c : nullptr;
}

void *tbb_pool()
{
    const tbb_policy policy = {pages_take, pages_give, 4096, 1, 0, 1, 0};
    void *pool = nullptr;
    if (tbb()->create(0, &policy, &pool) != 0 || pool == nullptr) {
        die("oneTBB memory_pool");
    }
    return pool;
}

std::string malloc_in_use()
{
    return file_of(dlsym(RTLD_DEFAULT, "malloc"));
}

void describe_peers()
{
    for (const char *const name : {"jemalloc", "mimalloc", "tcmalloc", "oneTBB", "APR"}) {
        const library &l = named(name);
        const char *const symbol = l.name == std::string("APR")      ? "apr_palloc"
                                   : l.name == std::string("oneTBB") ? "scalable_malloc"
                                                                     : "malloc";
        const void *const address = l.handle == nullptr ? nullptr : dlsym(l.handle, symbol);
        benchmark::AddCustomContext(
            std::string("peer ") + name,
            address == nullptr ? std::string("not installed (") + l.file + ")" : file_of(address));
    }
}

} // namespace bench
