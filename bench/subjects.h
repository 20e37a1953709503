/* Bench: the allocators under one shape, for the rows that allocate and take all back.
 *
 * A subject is used by one thread:  open() once, then rounds of take(bytes) ... take(bytes), back().
 * What several threads share is a member that they were made with; common() takes it back, by one thread,
 * when no other is inside. take may fail: the loops write through it, so that a failure cannot look fast.
 */
#ifndef BENCH_SUBJECTS_H
#define BENCH_SUBJECTS_H

#include "bench.h"
#include "peers.h"

#include <allocarrays.h>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <omp.h>

namespace bench
{

struct nothing {
    void open()
    {
    }
    void back()
    {
    }
    void common()
    {
    }
};

/* ---- by hand: the limits ------------------------------------------------------------------------------- */

/* A bump with its pointers in memory and the same rounding and limit check as the library's. */
struct hand : nothing {
    char *cursor, *limit, *start;
    size_t mask = 63;
    explicit hand(size_t bytes)
        : cursor(static_cast<char *>(aligned_alloc(64, (bytes + 63) & ~size_t{63}))),
          limit(cursor + bytes), start(cursor)
    {
    }
    hand(const hand &) = delete;
    ~hand()
    {
        free(start);
    }
    void *take(size_t bytes)
    {
        const size_t rounded = (bytes + mask) & ~mask;
        if (__builtin_expect(rounded - 1 >= static_cast<size_t>(limit - cursor), 0)) {
            return nullptr;
        }
        char *const p = cursor;
        cursor += rounded;
        return p;
    }
    void back()
    {
        cursor = start;
    }
};

/* The same, counting its pieces, as the library does (arrays remember their ordinal). Only explains. */
struct counting_hand : hand {
    size_t count = 0;
    using hand::hand;
    void *take(size_t bytes)
    {
        void *const p = hand::take(bytes);
        ++count;
        return p;
    }
};

/* ---- this library ---------------------------------------------------------------------------------------- */

inline aa_allocator *must(aa_allocator *made)
{
    if (made == nullptr) {
        die("an allocator");
    }
    return made;
}

inline void reset(aa_allocator *a)
{
    if (aa_reset(a) != AA_OK) {
        die("aa_reset");
    }
}

struct destroyer {
    void operator()(aa_allocator *a) const
    {
        (void)aa_destroy(a);
    }
};
using owned = std::unique_ptr<aa_allocator, destroyer>;

inline owned make_arena()
{
    return owned(must(aa_arena_create(nullptr)));
}

inline owned make_shared()
{
    return owned(must(aa_shared_create(nullptr)));
}

inline owned make_private()
{
    return owned(must(aa_private_create(nullptr)));
}

struct arena : nothing {
    owned a;
    void open()
    {
        a = make_arena();
    }
    void *take(size_t bytes)
    {
        return aa_alloc(a.get(), bytes);
    }
    void back()
    {
        reset(a.get());
    }
};

/* Shared, and private through the generic call: one handle for all threads, taken back by one. */
struct one_handle : nothing {
    aa_allocator *a;
    explicit one_handle(aa_allocator *all) : a(all)
    {
    }
    void *take(size_t bytes)
    {
        return aa_alloc(a, bytes);
    }
    void common()
    {
        reset(a);
    }
};

struct hoisted : one_handle {
    aa_allocator *mine = nullptr;
    using one_handle::one_handle;
    void open()
    {
        mine = must(aa_private_arena(a));
    }
    void *take(size_t bytes)
    {
        return aa_alloc(mine, bytes);
    }
};

/* ---- what frees one by one --------------------------------------------------------------------------------- */

/* Remembers what it took; back() gives it all back, oldest first. */
template <class Calls> struct listed : nothing {
    Calls calls;
    std::unique_ptr<void *[]> taken;
    size_t count = 0;
    listed(Calls c, size_t most) : calls(c), taken(new void *[most]())
    {
    }
    void *take(size_t bytes)
    {
        return taken[count++] = calls.take(bytes);
    }
    void back()
    {
        for (size_t i = 0; i < count; ++i) {
            calls.give(taken[i]);
        }
        count = 0;
    }
};

struct heap_calls {
    size_t all; /* bytes of each piece */
    void *take(size_t bytes) const
    {
        return aa_alloc(aa_heap(), bytes);
    }
    void give(void *p) const
    {
        aa_free(aa_heap(), p, all);
    }
};

struct omp_calls {
    static void *take(size_t bytes)
    {
        return omp_alloc(bytes, omp_default_mem_alloc);
    }
    static void give(void *p)
    {
        omp_free(p, omp_default_mem_alloc);
    }
};

/* ---- pools ------------------------------------------------------------------------------------------------- */

/* On a buffer that is large enough: release() makes all of it free again. The compiler knows what it calls. */
struct inlined_pmr : nothing {
    std::unique_ptr<char[]> buffer;
    std::pmr::monotonic_buffer_resource resource;
    explicit inlined_pmr(size_t bytes) : buffer(new char[bytes]), resource(buffer.get(), bytes)
    {
    }
    void *take(size_t bytes)
    {
        return resource.allocate(bytes, 16);
    }
    void back()
    {
        resource.release();
    }
};

/* The same as containers use it: through a pointer to any memory_resource. */
struct pmr : inlined_pmr {
    std::pmr::memory_resource *any = &resource;
    using inlined_pmr::inlined_pmr;
    void *take(size_t bytes)
    {
        return any->allocate(bytes, 16);
    }
};

struct apr_pool : nothing {
    const apr_calls *calls = apr();
    void *pool = nullptr;
    void open()
    {
        if (calls->create(&pool, nullptr, nullptr, nullptr) != 0) {
            die("apr_pool_create");
        }
    }
    ~apr_pool()
    {
        if (pool != nullptr) {
            calls->destroy(pool);
        }
    }
    void *take(size_t bytes)
    {
        return calls->take(pool, bytes);
    }
    void back()
    {
        calls->clear(pool);
    }
};

struct tbb_subject : nothing {
    const tbb_calls *calls = tbb();
    void *pool = nullptr;
    void open()
    {
        pool = tbb_pool();
    }
    ~tbb_subject()
    {
        if (pool != nullptr) {
            (void)calls->destroy(pool);
        }
    }
    void *take(size_t bytes)
    {
        return calls->take(pool, bytes);
    }
    void back()
    {
        (void)calls->reset(pool);
    }
};

/* A pool of one thread behind a mutex: what makes it fit for several. */
template <class Pool> struct locked : nothing {
    Pool &pool;
    std::mutex &mutex;
    locked(Pool &all, std::mutex &lock) : pool(all), mutex(lock)
    {
    }
    void *take(size_t bytes)
    {
        const std::lock_guard<std::mutex> guard(mutex);
        return pool.take(bytes);
    }
    void common()
    {
        pool.back();
    }
};

/* ---- the loop ------------------------------------------------------------------------------------------------ */

/* What the loop calls: a value, so that a handle stays in a register, as in a user's loop. */
template <class S> struct through {
    S *s;
    void *take(size_t bytes) const
    {
        return s->take(bytes);
    }
};

struct by_handle {
    aa_allocator *a;
    void *take(size_t bytes) const
    {
        return aa_alloc(a, bytes);
    }
};

template <class S> through<S> taker(S &s)
{
    return {&s};
}

inline by_handle taker(arena &s)
{
    return {s.a.get()};
}

inline by_handle taker(one_handle &s)
{
    return {s.a};
}

inline by_handle taker(hoisted &s)
{
    return {s.mine};
}

enum class touch { none, first, pages };

/* Take count pieces. first: write 8 bytes of each; pages: 8 bytes of each page. */
template <class S> __attribute__((noinline)) void fill(S &s, size_t count, size_t bytes, touch how)
{
    const auto from = taker(s);
    if (how == touch::none) {
        for (size_t i = 0; i < count; ++i) {
            void *const p = from.take(bytes);
            benchmark::DoNotOptimize(p);
        }
    } else if (how == touch::first) {
        for (size_t i = 0; i < count; ++i) {
            void *const p = from.take(bytes);
            *static_cast<size_t *>(p) = i;
            benchmark::DoNotOptimize(p);
        }
    } else {
        for (size_t i = 0; i < count; ++i) {
            void *const p = from.take(bytes);
            for (size_t at = 0; at < bytes; at += 4096) {
                *reinterpret_cast<size_t *>(static_cast<char *>(p) + at) = i;
            }
            benchmark::DoNotOptimize(p);
        }
    }
}

} // namespace bench

#endif
