/* A program with a malloc of its own, which asks dlsym and OpenMP's allocation calls from inside: no call of
 * liballocarrays-omp may hang or come back into itself without end. Run by tests/omp/own-malloc.
 *
 * The library looks the runtime's calls up with dlsym, and a look-up that finds nothing allocates its message: so
 * the first omp_alloc comes into our malloc, which makes another omp_alloc, the first one still looking.
 *
 *     every pointer that malloc gives is HEADER behind its block, where its size stands;
 *     a block lies in the store, or came from omp_alloc
 *
 * Compiled with -fno-builtin. A process of its own, without check, which would allocate too. */
#include <allocarrays.h>
#include <dlfcn.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 64, THREADS = 4, ROUNDS = 200, DEEPEST = 20 };

static _Alignas(HEADER) char store[32 << 20];
static atomic_size_t used;
static _Atomic(uintptr_t)
    behind; /* the handle that serves malloc; omp_null_allocator: the store does */
static atomic_int served, unknown, deepest;
static _Thread_local int depth;

static char *from_store(size_t bytes)
{
    const size_t at = atomic_fetch_add(&used, (bytes + HEADER - 1) / HEADER * HEADER);
    return at + bytes <= sizeof store ? store + at : NULL;
}

/* What a call needs from within comes from the store: the program's part of avoiding an endless recursion. */
static char *block(size_t bytes)
{
    const omp_allocator_handle_t handle = (omp_allocator_handle_t)atomic_load(&behind);
    if (depth > 1 || handle == omp_null_allocator) {
        return from_store(bytes);
    }
    char *const p = omp_alloc(bytes, handle);
    served += p != NULL;
    return p != NULL ? p : from_store(bytes); /* AA_BUSY: the pool itself is what asks malloc */
}

void *malloc(size_t bytes)
{
    depth += 1;
    if (depth > deepest) {
        deepest = depth;
    }
    if (depth > DEEPEST) {
        abort();
    }
    if (depth == 1) {
        unknown += dlsym(RTLD_NEXT, "a_function_that_nobody_has") == NULL;
    }
    char *const p = bytes < sizeof store ? block(bytes + HEADER) : NULL;
    depth -= 1;
    if (p == NULL) {
        return NULL;
    }
    memcpy(p, &bytes, sizeof bytes);
    return p + HEADER;
}

void free(void *p)
{
    char *const from = p;
    if (from == NULL || (from >= store && from < store + sizeof store)) {
        return;
    }
    depth += 1;
    omp_free(from - HEADER, omp_null_allocator);
    depth -= 1;
}

void *calloc(size_t count, size_t bytes)
{
    void *const p = count == 0 || bytes <= SIZE_MAX / count ? malloc(count * bytes) : NULL;
    return p == NULL ? NULL : memset(p, 0, count * bytes);
}

void *realloc(void *old, size_t bytes)
{
    void *const p = malloc(bytes);
    if (old != NULL && p != NULL) {
        size_t had;
        memcpy(&had, (char *)old - HEADER, sizeof had);
        memcpy(p, old, had < bytes ? had : bytes);
        free(old);
    }
    return p;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return alignment <= HEADER ? malloc(bytes) : NULL;
}

void *memalign(size_t alignment, size_t bytes);
void *memalign(size_t alignment, size_t bytes)
{
    return aligned_alloc(alignment, bytes);
}

int posix_memalign(void **p, size_t alignment, size_t bytes)
{
    *p = aligned_alloc(alignment, bytes);
    return *p == NULL;
}

static int holds(const int *p, int count, int value)
{
    int right = 0;
    for (int i = 0; i < count; ++i) {
        right += p[i] == value;
    }
    return right == count;
}

/* One block from malloc, one from omp_alloc, in use together; and an allocator made and ended, which asks malloc. */
static int round_trip(omp_allocator_handle_t handle, int count, int value)
{
    const size_t bytes = (size_t)count * sizeof(int);
    int *const p = malloc(bytes), *const q = omp_alloc(bytes, handle);
    aa_allocator *const made = aa_arena_create(NULL);
    int bad = p == NULL || q == NULL || made == NULL;
    if (bad == 0) {
        for (int i = 0; i < count; ++i) {
            p[i] = value;
            q[i] = -value;
        }
        bad += aa_alloc(made, 100000) == NULL;
        bad += !holds(p, count, value) + !holds(q, count, -value);
    }
    bad += made != NULL && aa_destroy(made) != AA_OK;
    free(p);
    omp_free(q, handle);
    return bad;
}

static int in_region(omp_allocator_handle_t handle)
{
    int bad = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : bad)
    for (int i = 1; i <= ROUNDS; ++i) {
        bad += round_trip(handle, i, i * THREADS + omp_get_thread_num());
    }
    return bad;
}

int main(void)
{
    /* libomp starts itself at its first call, and holds a lock meanwhile, also while it asks malloc. */
    (void)omp_get_max_threads();
    behind = (uintptr_t)omp_default_mem_alloc;
    void *const first = omp_alloc(100, omp_default_mem_alloc);
    int bad = first == NULL || served == 0;
    omp_free(first, omp_null_allocator);
    behind = 0;
    bad += in_region(omp_default_mem_alloc);
    aa_allocator *const pool = aa_private_create(NULL);
    const omp_allocator_handle_t ours = (omp_allocator_handle_t)aa_omp_handle(pool);
    served = 0;
    behind = (uintptr_t)ours;
    bad += in_region(ours);
    const int by_pool = served;
    behind = 0;
    bad += by_pool < THREADS * ROUNDS || unknown == 0;
    printf("%s: %d look-ups failed, %d blocks from the pool, depth %d; %s\n",
           bad == 0 ? "right" : "WRONG", (int)unknown, by_pool, (int)deepest,
           bad == 0 ? "" : aa_last_message());
    return bad != 0;
}
