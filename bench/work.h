/* Bench: allocators as whole programs use them: a round of work whose temporaries all end with it. For the
 * rows of which each sample is a process of its own.
 *
 * A subject is one thread's: open() on its thread, then round(f) again and again: f takes and the round gives
 * back. wrap(f) stands around the whole, regions included: the scope, where all threads share one; inside(f)
 * around the rounds of a thread. With malloc, the allocator is the one that the runner has preloaded.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "subjects.h"

#include <array>

namespace bench
{

enum { MOST = 8 }; /* temporaries of one round */

struct plain {
    static void wrap(const std::function<void()> &f)
    {
        f();
    }
    /* Around the rounds of one thread. */
    template <class F> void inside(F &&f)
    {
        f();
    }
    /* When all threads are done. */
    void after()
    {
    }
};

/* Buffers made before, one for each temporary: the limit. */
struct buffers : plain {
    std::array<void *, MOST> all = {};
    size_t next = 0, largest;
    explicit buffers(size_t bytes) : largest((bytes + 63) & ~size_t{63})
    {
    }
    buffers(const buffers &) = delete;
    ~buffers()
    {
        for (void *p : all) {
            free(p);
        }
    }
    void open()
    {
    }
    void *take(size_t)
    {
        void *&p = all[next++];
        if (__builtin_expect(p == nullptr, 0)) {
            p = aligned_alloc(64, largest); /* in the warm-up */
        }
        return p;
    }
    template <class F> void round(F &&f)
    {
        next = 0;
        f();
    }
};

template <class Calls> struct freed : plain {
    Calls calls;
    std::array<void *, MOST> taken = {};
    size_t count = 0;
    explicit freed(Calls c) : calls(c)
    {
    }
    void open()
    {
    }
    void *take(size_t bytes)
    {
        return taken[count++] = calls.take(bytes);
    }
    template <class F> void round(F &&f)
    {
        f();
        while (count > 0) {
            calls.give(taken[--count]);
        }
    }
};

struct malloc_calls {
    static void *take(size_t bytes)
    {
        return malloc(bytes);
    }
    static void give(void *p)
    {
        free(p);
    }
};

/* A pool of each thread, emptied after each round. */
template <class Pool> struct pooled : plain {
    Pool pool;
    void open()
    {
        pool.open();
    }
    void *take(size_t bytes)
    {
        return pool.take(bytes);
    }
    template <class F> void round(F &&f)
    {
        f();
        pool.back();
    }
};

struct growing_pmr : nothing {
    std::pmr::monotonic_buffer_resource resource;
    void *take(size_t bytes)
    {
        return resource.allocate(bytes, 64);
    }
    void back()
    {
        resource.release();
    }
};

/* ---- this library: scratch around each round ------------------------------------------------------------------ */

/* By handle, as code that knows its allocator does. */
struct scratched : plain {
    aa_allocator *a;
    explicit scratched(aa_allocator *all) : a(all)
    {
    }
    void open()
    {
    }
    void *take(size_t bytes)
    {
        return aa_alloc(a, bytes);
    }
    template <class F> void round(F &&f)
    {
        AA_SCRATCH(a) {
            f();
        }
    }
};

struct scratched_arena : plain {
    owned a;
    void open()
    {
        a = make_arena();
    }
    void *take(size_t bytes)
    {
        return aa_alloc(a.get(), bytes);
    }
    template <class F> void round(F &&f)
    {
        AA_SCRATCH(a.get()) {
            f();
        }
    }
};

struct scratched_hoisted : scratched {
    using scratched::scratched;
    void open()
    {
        a = must(aa_private_arena(a));
    }
};

/* No rewind before the region ends: what scratch is for. */
struct not_rewound : scratched {
    using scratched::scratched;
    template <class F> void round(F &&f)
    {
        f();
    }
    void after()
    {
        reset(a);
    }
};

/* Arrays of the current allocator, by code that knows none: aa_similar, aa_data. */
inline void *similar_bytes(size_t bytes)
{
    static double number;
    static const aa_array like = aa_wrap(&number, AA_F64, 0, nullptr, nullptr);
    const auto extent = static_cast<int64_t>(bytes / sizeof(double));
    const aa_array made = aa_similar_as(&like, AA_F64, 1, &extent);
    return aa_data(&made);
}

struct scoped : plain {
    aa_allocator *a;
    explicit scoped(aa_allocator *all) : a(all)
    {
    }
    void open()
    {
    }
    static void *take(size_t bytes)
    {
        return similar_bytes(bytes);
    }
    void wrap(const std::function<void()> &f) const
    {
        AA_WITH(a) {
            f();
        }
    }
    template <class F> void round(F &&f)
    {
        AA_SCRATCH(AA_CURRENT) {
            f();
        }
    }
};

/* An arena has one owner: where each thread works by itself, each opens a scope for its own. */
struct scoped_arena : plain {
    owned a;
    void open()
    {
        a = make_arena();
    }
    static void *take(size_t bytes)
    {
        return similar_bytes(bytes);
    }
    template <class F> void inside(F &&f)
    {
        AA_WITH(a.get()) {
            f();
        }
    }
    template <class F> void round(F &&f)
    {
        AA_SCRATCH(AA_CURRENT) {
            f();
        }
    }
};

} // namespace bench

#endif
