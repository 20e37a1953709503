/* Floor 2, os: pages from the operating system. */
#include "os/os.h"

#include <allocarrays/allocator.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

size_t aai_page_size(void)
{
    static size_t size;
    size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED); /* any thread computes the same */
    if (known == 0) {
        const long asked = sysconf(_SC_PAGESIZE);
        known = asked > 0 ? (size_t)asked : 4096;
        __atomic_store_n(&size, known, __ATOMIC_RELAXED);
    }
    return known;
}

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

typedef struct mapping {
    int protection, flags;
} mapping;

static const mapping usable = {PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS};
static const mapping reserved = {PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE};

static void *map(size_t bytes, mapping how)
{
    void *const p = mmap(NULL, bytes, how.protection, how.flags, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Map more than asked and cut both ends off, so that the start is aligned. */
static void *map_aligned(size_t bytes, size_t alignment, mapping how)
{
    if (alignment <= aai_page_size()) {
        return map(bytes, how);
    }
    char *const wide = bytes > AAI_MAX_BYTES - alignment ? NULL : map(bytes + alignment, how);
    if (wide == NULL) {
        return NULL;
    }
    const size_t before = aai_padding(wide, alignment - 1);
    if (before != 0) {
        (void)munmap(wide, before);
    }
    (void)munmap(wide + before + bytes, alignment - before);
    return wide + before;
}

bool aai_pages_lock(void *pointer, size_t bytes)
{
    return mlock(pointer, bytes) == 0;
}

void *aai_pages_map(size_t bytes, size_t alignment, unsigned flags)
{
    const int kept = errno;
    size_t rounded;
    void *p = NULL;
    if (aai_round_up(bytes, aai_page_size() - 1, &rounded)) {
        const bool huge = (flags & AA_HUGEPAGES) != 0 && rounded >= AAI_HUGE_PAGE;
        p = map_aligned(rounded, huge ? aai_max(alignment, AAI_HUGE_PAGE) : alignment, usable);
#ifdef MADV_HUGEPAGE
        if (p != NULL && huge) {
            (void)madvise(p, rounded, MADV_HUGEPAGE); /* a wish: refused on some systems */
        }
#endif
        if (p != NULL && (flags & AA_PREFAULT) != 0) {
            aai_pages_populate(p, rounded);
        }
    }
    errno = kept;
    return p;
}

void *aai_pages_map_reserved(size_t bytes)
{
#if defined MAP_HUGETLB && defined MAP_HUGE_SHIFT
    const int kept = errno;
    const int size = __builtin_ctz(AAI_HUGE_PAGE) << MAP_HUGE_SHIFT;
    void *const p = map(bytes, (mapping){usable.protection, usable.flags | MAP_HUGETLB | size});
    errno = kept;
    return p;
#else
    (void)bytes;
    return NULL;
#endif
}

void *aai_pages_reserve(size_t bytes, size_t alignment)
{
    const int kept = errno;
    void *const p = map_aligned(bytes, alignment, reserved);
    errno = kept;
    return p;
}

static size_t whole_pages(size_t bytes)
{
    const size_t mask = aai_page_size() - 1;
    return (bytes + mask) & ~mask;
}

bool aai_pages_open(void *start, size_t bytes)
{
    const int kept = errno;
    const bool done = mprotect(start, whole_pages(bytes), PROT_READ | PROT_WRITE) == 0;
    errno = kept;
    return done;
}

/* A new mapping in place of the old: atomic, and it joins its neighbours. */
void aai_pages_close(void *start, size_t bytes)
{
    const int kept = errno;
    (void)mmap(start, whole_pages(bytes), reserved.protection, reserved.flags | MAP_FIXED, -1, 0);
    errno = kept;
}

bool aai_pages_move(void *start, void *target, size_t bytes)
{
#ifdef MREMAP_DONTUNMAP
    const int kept = errno;
    const size_t whole = whole_pages(bytes);
    const bool done = mremap(start, whole, whole, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                             target) != MAP_FAILED;
    aai_pages_close(done ? start : target, bytes); /* a refused move may have unmapped its target */
    errno = kept;
    return done;
#else
    (void)start;
    (void)target;
    (void)bytes;
    return false;
#endif
}

void aai_pages_unmap(void *pointer, size_t bytes)
{
    const int kept = errno;
    (void)munmap(pointer, whole_pages(bytes));
    errno = kept;
}

void aai_pages_populate(char *start, size_t bytes)
{
    const int kept = errno;
    const size_t page = aai_page_size();
    char *const end = start + bytes;
#ifdef MADV_POPULATE_WRITE
    char *const first = start + aai_padding(start, page - 1);
    if (first < end) {
        const size_t whole = (size_t)(end - first) & ~(page - 1);
        if (whole != 0 && madvise(first, whole, MADV_POPULATE_WRITE) == 0) {
            errno = kept;
            return;
        }
    }
#endif
    for (volatile char *p = start; p < (volatile char *)end; p += page) {
        *p = 0;
    }
    errno = kept;
}
