/* The n-th request to the upstream is refused, for every n, once and for ever, while random programs run on all kinds of
 * bump allocators at once: the right status, nothing lost, exact stats, every byte returned (tests/model/model.h).
 * First the model's own upstream refuses, then the operating system (mmap and mremap fail with ENOMEM), then the C heap
 * where the library notes its own state (linked with --wrap). `faults PLACE [PROGRAMS]` takes one of them, and fewer programs;
 * `faults limit` has the address space itself run out (RLIMIT_AS). */
#include "model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROGRAMS = 32, PROGRAMS_ON_HEAP = 8, CALLS = 240 };

static model world;

/* ---- the operating system refuses --------------------------------------------------------------------------- */

typedef enum place { UPSTREAM, SYSTEM, METADATA, PLACES } place;

static bool refuses(bool here)
{
    if (!here) {
        return false;
    }
    const uint64_t n = ++world.requests;
    const bool refused = (world.refuse > 0 && n == (uint64_t)world.refuse) ||
                         (world.refuse < 0 && n >= (uint64_t)-world.refuse);
    world.refused += refused;
    errno = refused ? ENOMEM : errno;
    return refused;
}

/* Ours are called before the C library's, whose own malloc does not come here. */
void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return refuses(world.pages)
               ? MAP_FAILED
               : (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

void *mremap(void *address, size_t old_bytes, size_t new_bytes, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *const to = (flags & MREMAP_FIXED) != 0 ? va_arg(more, void *) : NULL;
    va_end(more);
    return refuses(world.pages)
               ? MAP_FAILED
               : (void *)syscall(SYS_mremap, address, old_bytes, new_bytes, flags, to);
}

/* ---- the C heap refuses the library; others are not linked with it ---------------------------------------------- */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *pointer, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *pointer, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return refuses(world.metadata) ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return refuses(world.metadata) ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *pointer, size_t bytes)
{
    return refuses(world.metadata) ? NULL : __real_realloc(pointer, bytes);
}

/* ---- programs ------------------------------------------------------------------------------------------------- */

static const char *const names[PLACES] = {"upstream", "mmap", "heap"};

static uint64_t draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

/* Requests made. The kinds are all there, under a tier of checks that the program's number chooses. */
static uint64_t run_program(unsigned number, int64_t refuse, place where)
{
    uint64_t random = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    model *const m = &world;
    m->number = number;
    m->step = 0;
    m->requests = m->refused = 0;
    m->refuse = refuse;
    m->pages = where == SYSTEM;
    m->metadata = where == METADATA;
    (void)snprintf(m->label, sizeof m->label, "%s, request %lld, program", names[where],
                   (long long)refuse);
    for (unsigned i = 0; i < CALLS; ++i) {
        const uint64_t drawn = draw(&random);
        unsigned char bytes[MODEL_CALL_BYTES];
        memcpy(bytes, &drawn, sizeof bytes);
        model_call call = model_decode(bytes);
        if (i % (CALLS / 4) < MODEL_SLOTS) { /* again, for one that was refused or destroyed */
            call.op = MODEL_CREATE;
            call.at = i % (CALLS / 4);
            call.code = (call.code & ~0x300u) | call.at << 8;
        }
        if (call.op == MODEL_ALLOC) {
            call.bytes *= 40; /* so that they grow */
        }
        call.code = (call.code & ~3u) | (number & 3u);
        model_run(m, &call);
    }
    model_check(m);
    const uint64_t requests = m->requests;
    model_end(m);
    return requests;
}

/* Requests that were refused, each once and with all behind it. */
static uint64_t refuse_each(place where, unsigned most)
{
    uint64_t all = 0;
    const unsigned programs =
        where == METADATA && most > PROGRAMS_ON_HEAP ? PROGRAMS_ON_HEAP : most;
    for (unsigned number = 0; number < programs; ++number) {
        const uint64_t requests = run_program(number, 0, where);
        for (uint64_t n = 1; n <= requests; ++n) {
            (void)run_program(number, (int64_t)n, where);
            (void)run_program(number, -(int64_t)n, where);
        }
        all += requests;
    }
    return all;
}

/* ---- an address space that ends -------------------------------------------------------------------------------- */

static bool is_filled(const char *p, size_t bytes, int with)
{
    for (size_t i = 0; i < bytes; i += 511) {
        if (p[i] != (char)with) {
            return false;
        }
    }
    return true;
}

/* Takes memory until there is none; then what is held is whole, and after a reset it goes on. */
static int exhaust(aa_allocator *a)
{
    enum { BYTES = 1 << 20, MOST = 4096 };
    static char *held[MOST];
    for (int round = 0; round < 3; ++round) {
        int count = 0;
        while (count < MOST && (held[count] = aa_alloc(a, BYTES)) != NULL) {
            memset(held[count], count & 127, BYTES);
            ++count;
        }
        if (count == 0 || count == MOST || aa_last_status() != AA_NOMEM) {
            return 1;
        }
        for (int i = 0; i < count; ++i) {
            if (!is_filled(held[i], BYTES, i & 127)) {
                return 1;
            }
        }
        if (aa_reset(a) != AA_OK) {
            return 1;
        }
    }
    return aa_destroy(a) == AA_OK ? 0 : 1;
}

static int run_limited(void)
{
    static aa_allocator *(*const create[])(const aa_options *) = {aa_arena_create, aa_shared_create,
                                                                  aa_private_create};
    int failed = 0;
    for (size_t i = 0; i < sizeof create / sizeof create[0]; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            const rlim_t bytes = (rlim_t)512 << 20;
            (void)setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes});
            aa_allocator *const a = create[i](NULL);
            exit(a == NULL ? 1 : exhaust(a));
        }
        int status = 1;
        failed += child < 0 || waitpid(child, &status, 0) < 0 || status != 0;
    }
    printf("faults limit: 3 kinds until 512 MiB of address space are used up, 3 times: %s\n",
           failed == 0 ? "nothing lost" : "FAILED");
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "limit") == 0) {
        return run_limited();
    }
    const char *const only = argc >= 2 ? argv[1] : NULL; /* one place, by its name */
    const long wanted = argc == 3 ? strtol(argv[2], NULL, 10) : PROGRAMS;
    const unsigned programs = wanted > 0 && wanted < PROGRAMS ? (unsigned)wanted : PROGRAMS;
    struct timespec start, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    model_init(&world);
    uint64_t refused[PLACES] = {0}, all = 1;
    for (int i = 0; i < PLACES; ++i) {
        if (only != NULL && strcmp(only, names[i]) != 0) {
            continue;
        }
        refused[i] = refuse_each((place)i, programs);
        all = refused[i] == 0 ? 0 : all;
    }
    model_fini(&world);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    printf("check-faults: K = %llu requests of upstreams, %llu of mmap and mremap and %llu of the "
           "C heap refused, each once "
           "and for ever, in %u programs, %.1f s: nothing lost\n",
           (unsigned long long)refused[UPSTREAM], (unsigned long long)refused[SYSTEM],
           (unsigned long long)refused[METADATA], programs,
           (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    return all != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
