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

static void *map(size_t bytes)
{
    void *const p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Map more than asked and cut both ends off, so that the start is aligned. */
static void *map_aligned(size_t bytes, size_t alignment)
{
    if (alignment <= aai_page_size()) {
        return map(bytes);
    }
    char *const wide = bytes > AAI_MAX_BYTES - alignment ? NULL : map(bytes + alignment);
    if (wide == NULL) {
        return NULL;
    }
    const size_t before = aai_padding(wide, alignment - 1);
    if (before != 0) {
        (void)munmap(wide, before);
    }
    if (alignment != before) {
        (void)munmap(wide + before + bytes, alignment - before);
    }
    return wide + before;
}

void *aai_pages_map(size_t bytes, size_t alignment, unsigned flags)
{
    const int kept = errno;
    size_t rounded;
    void *p = NULL;
    if (aai_round_up(bytes, aai_page_size() - 1, &rounded)) {
        const bool huge = (flags & AA_HUGEPAGES) != 0 && rounded >= AAI_HUGE_PAGE;
        p = map_aligned(rounded, huge ? aai_max(alignment, AAI_HUGE_PAGE) : alignment);
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

void aai_pages_unmap(void *pointer, size_t bytes)
{
    const int kept = errno;
    const size_t mask = aai_page_size() - 1;
    (void)munmap(pointer, (bytes + mask) & ~mask);
    errno = kept;
}

void aai_pages_populate(void *pointer, size_t bytes)
{
    const int kept = errno;
    const size_t page = aai_page_size();
    char *const end = (char *)pointer + bytes;
#ifdef MADV_POPULATE_WRITE
    char *const first = (char *)pointer + aai_padding(pointer, page - 1);
    if (first < end) {
        const size_t whole = (size_t)(end - first) & ~(page - 1);
        if (whole != 0 && madvise(first, whole, MADV_POPULATE_WRITE) == 0) {
            errno = kept;
            return;
        }
    }
#endif
    for (volatile char *p = pointer; p < (volatile char *)end; p += page) {
        *p = 0;
    }
    errno = kept;
}
