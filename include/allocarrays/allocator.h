/* Allocators: what every kind shares. A handle that arrays carry and scopes install. */
#ifndef ALLOCARRAYS_ALLOCATOR_H
#define ALLOCARRAYS_ALLOCATOR_H

#include <allocarrays/impl/alloc.h>
#include <allocarrays/status.h>

AAI_BEGIN_DECLS

/** How much is verified; see README.md, "What is checked". DEFAULT takes AA_CHECKS from the environment. */
typedef enum aa_checks {
    AA_CHECKS_DEFAULT = 0, /* what the environment says; unset: none */
    AA_CHECKS_NONE,        /* what is always checked, no more */
    AA_CHECKS_API,         /* owners and handles on every call, foreign pointers, double frees */
    AA_CHECKS_FULL         /* redzones, junk, poisoning and the guard as well */
} aa_checks;

/** Flags of aa_options and aa_upstream_pages. */
enum {
    AA_ZEROED = 1 << 0,      /* every allocation is zero, also from reused memory */
    AA_PREFAULT = 1 << 1,    /* pages are populated when a block is taken */
    AA_HUGEPAGES = 1 << 2,   /* blocks ask for huge pages */
    AA_FIRST_TOUCH = 1 << 3, /* large fresh memory is first touched by a team; see aa_options */
    AA_GUARD = 1 << 4        /* a reset moves the memory, so that stale pointers fault */
};

/**
 * What a new allocator shall be; zero members mean the default. AA_FIRST_TOUCH, for machines with several memory
 * nodes: an allocation of 1 MiB or more outside regions whose memory nobody has touched yet is populated by a parallel
 * region of the library, each thread the part that `schedule(static)` will give it, and memory that must be zero is
 * cleared so too. It costs the inline path of arena and private; page faults come in the round after a growth. AA_PREFAULT
 * with it populates whole blocks by the team instead. Without OpenMP, inside regions and in forked children the caller
 * does it.
 */
typedef struct aa_options {
    const char *name; /* for reports; copied; NULL: the kind and a number */
    size_t capacity;  /* bytes; 0 = grows without limit, else a cap never exceeded */
    size_t initial;   /* bytes of the first block; 0 = the capacity, else 64 KiB (shared 256) */
    size_t alignment; /* bytes, of every allocation; 0 = 64; a power of two <= 1 GiB */
    size_t lease;     /* shared: bytes a thread takes per lock; 0 = tuned, 1 = lock every time */
    int history;      /* resets remembered for autoscaling; 0 = 5 */
    aa_upstream *upstream; /* NULL = pages; not owned: must outlive the allocator */
    aa_checks checks;      /* the tier; DEFAULT = the environment's */
    unsigned flags;        /* AA_ZEROED and others, or-ed */
    aa_upstream
        *fallback; /* gives blocks when capacity is full, or upstream refuses, beyond the capacity;
                              NULL = refuse. Its blocks go back at a reset after which capacity suffices */
} aa_options;

/** All defaults: the initialiser of an aa_options, for what has no {0} or {}. */
#define AA_OPTIONS_INIT                                                                            \
    {                                                                                              \
        NULL, 0, 0, 0, 0, 0, NULL, AA_CHECKS_DEFAULT, 0, NULL                                      \
    }

/**
 * Return the heap: the C heap behind this library's handle, aligned to 64 bytes. Never NULL, never
 * destroyed. Its memory may be freed from any thread, through this library only.
 * Cost: none. Threads: any. Source: AllocArrays.jl's DefaultAllocator.
 */
AA_API aa_allocator *aa_heap(void);

/**
 * A custom allocator's methods. `size` is sizeof(aa_allocator_ops), so that later versions can add
 * members; a NULL member marked optional is not supported and says so. Methods are called without any
 * lock of the library held and must themselves be safe for the threads that use the allocator.
 */
typedef struct aa_allocator_ops {
    size_t size;                                                 /* sizeof(aa_allocator_ops) */
    void *(*alloc)(void *state, size_t bytes, size_t alignment); /* bytes > 0; NULL: no memory */
    void (*free)(void *state, void *pointer, size_t bytes);      /* optional */
    aa_status (*reset)(void *state);                             /* optional */
    void *(*mark)(void *state);                                  /* optional, with rewind */
    aa_status (*rewind)(void *state, void *mark);                /* optional, with mark */
    bool (*owns)(const void *state, const void *pointer);        /* optional */
    void (*destroy)(void *state);                                /* optional */
} aa_allocator_ops;

/**
 * Create an allocator from a method table.
 * ops: copied. state: passed to every method. options: name, alignment, checks; the rest is ignored.
 * Returns NULL and AA_INVALID without alloc or with size 0, AA_NOMEM. Threads: any.
 * Without a mark method a mark is a no-op (aa_report says so). With a free method each array is on record while
 * it lives (about 200 bytes), so that freeing it stales its copies. Cost: one small allocation; then a lock per
 * array and the methods' own.
 */
AA_API aa_allocator *aa_custom_create(const aa_allocator_ops *ops, void *state,
                                      const aa_options *options);

/**
 * Destroy an allocator and give back all its memory: a barrier like aa_reset, with the same proof.
 * NULL is fine. Returns AA_OK; AA_UNSUPPORTED for the heap; AA_BUSY after AA_RESET_IN_PARALLEL or
 * AA_RESET_IN_USE, AA_STALE after AA_USE_AFTER_RESET (destroyed twice), with nothing changed.
 * Arrays, tokens, marks and OpenMP handles of it are exact for ever after: stale.
 * Cost: O(blocks + threads that used it). Threads: quiescent.
 */
AA_API aa_status aa_destroy(aa_allocator *allocator);

/**
 * Allocate bytes from an allocator, aligned to its options' alignment. Does not clear.
 * bytes: any; zero yields a unique valid pointer. Returns the memory, or NULL with the cause in
 * aa_last_status: AA_NOMEM, AA_OVERFLOW (above PTRDIFF_MAX), AA_INVALID (NULL allocator), AA_STALE,
 * AA_THREAD, AA_BUSY; nothing is consumed then.
 * Cost: inline, one compare for an arena and one more for shared and private; AA_CURRENT is resolved out of line first.
 * Threads: arena owner; heap, shared and private any. Not for `omp target` code.
 * Source: PostgreSQL's bump context, upb's arena.
 */
static inline __attribute__((unused, malloc)) void *aa_alloc(aa_allocator *allocator, size_t bytes)
{
    return aai_alloc(allocator, bytes);
}

/**
 * Allocate bytes aligned to at least `alignment` (0 = the allocator's; else a power of two <= 1 GiB).
 * Returns and fails as aa_alloc; a bad alignment is AA_INVALID. Above a page (4 KiB) the padding depends on where
 * blocks lie, and a repeated workload may grow in more rounds than its first.
 * Cost: as aa_alloc, out of line. Threads: as aa_alloc.
 */
AA_API void *aa_alloc_aligned(aa_allocator *allocator, size_t bytes, size_t alignment);

/**
 * Allocate count elements of `bytes` bytes each, cleared. Returns and fails as aa_alloc; AA_OVERFLOW when the
 * product does not fit. Cost: aa_alloc and writing the bytes. Threads: as aa_alloc.
 */
AA_API void *aa_calloc(aa_allocator *allocator, size_t count, size_t bytes);

/**
 * Resize an allocation, in place when it was the newest of a bump allocator and there is room, else by
 * allocating, copying min(old, new) bytes and freeing. pointer NULL: as aa_alloc. old_bytes: what it was
 * allocated or last resized with. Returns the memory, or NULL as aa_alloc (and AA_INVALID for a pointer that
 * the heap, or under checks a bump allocator, does not hold): the old memory is untouched and still held then.
 * The options' alignment holds for the result, a larger one of the old memory does not.
 * Cost: O(1) in place, else an allocation and a copy. Threads: as aa_alloc.
 */
AA_API void *aa_realloc(aa_allocator *allocator, void *pointer, size_t old_bytes, size_t new_bytes);

/**
 * Give memory back. Heap: to the C heap. Bump allocators: the calling thread's newest block is taken
 * back, unless it is older than the newest open mark; any other is forgotten until reset (counted as
 * live_frees). NULL pointer is fine. A foreign pointer is refused (AA_INVALID; bump allocators verify
 * under checks, the heap always): what was refused is in aa_last_status, for there is no return value.
 * bytes: what it was allocated with. Cost: O(1). Threads: as aa_alloc.
 */
AA_API void aa_free(aa_allocator *allocator, void *pointer, size_t bytes);

AAI_INLINE void *aai_new(aa_allocator *allocator, size_t count, size_t bytes, size_t alignment)
{
    size_t total;
    if (AAI_UNLIKELY(__builtin_mul_overflow(count, bytes, &total))) {
        return aai_alloc_failed_product(count, bytes);
    }
    if (AAI_UNLIKELY(allocator == NULL || alignment - 1 > allocator->mask)) {
        return aa_alloc_aligned(allocator, total, alignment);
    }
    return aai_alloc(allocator, total);
}

/**
 * AA_NEW(allocator, type, count): `type *` to count uninitialised elements, or NULL as aa_alloc;
 * AA_OVERFLOW when the product does not fit. Cost, Threads: as aa_alloc; inline unless the type wants a larger
 * alignment than the allocator's.
 */
#define AA_NEW(allocator, type, count)                                                             \
    ((type *)aai_new((allocator), (size_t)(count), sizeof(type), __alignof__(type)))

/**
 * Say whether a pointer lies in memory that an allocator holds. For the heap: whether it is the start of
 * a live allocation of the heap handle. For private: in any of its arenas. NULL arguments: false.
 * Cost: a lock and a tree look-up, O(log blocks). Threads: any.
 */
AA_API bool aa_owns(const aa_allocator *allocator, const void *pointer);

/** Return an allocator's name; "" for NULL. Lives as long as the allocator. Threads: any. */
AA_API const char *aa_name(const aa_allocator *allocator);

AAI_END_DECLS

#endif
