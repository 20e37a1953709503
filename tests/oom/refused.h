/* The n-th thing that the library asks for is refused: memory of the C heap, pages, a thread's key. For
 * programs that link the core's objects with the --wrap options of tests/coverage/local.mk.
 *
 *     refuse(n)   the n-th request from now on, for n < 0 the -n-th and all behind it; 0: none
 *     got(x)      a success, or a failure that is no memory; only a success while nothing is refused
 *
 * In children that are forked before any parallel region. What a request is: see the functions. */
#ifndef AA_TESTS_OOM_REFUSED_H
#define AA_TESTS_OOM_REFUSED_H

#include <allocarrays.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static long refused_at, asked;
static aa_status besides = AA_NOMEM; /* what a refusal may be called as well */

static inline void refuse(long n)
{
    refused_at = n;
    asked = 0;
}

static inline bool was_refused(void)
{
    return refused_at != 0 && asked >= labs(refused_at);
}

static bool refuses(void)
{
    if (refused_at == 0) {
        return false;
    }
    const long n = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
    return refused_at > 0 ? n == refused_at : n >= -refused_at;
}

#define WRAP(result, name, parameters, arguments, refusal)                                         \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        return refuses() ? (refusal) : __real_##name arguments;                                    \
    }

WRAP(void *, malloc, (size_t bytes), (bytes), NULL)
WRAP(void *, calloc, (size_t count, size_t bytes), (count, bytes), NULL)
WRAP(void *, realloc, (void *pointer, size_t bytes), (pointer, bytes), NULL)
WRAP(int, posix_memalign, (void **pointer, size_t alignment, size_t bytes),
     (pointer, alignment, bytes), ENOMEM)
WRAP(int, mprotect, (void *start, size_t bytes, int how), (start, bytes, how), -1)
WRAP(int, mlock, (const void *start, size_t bytes), (start, bytes), -1)
WRAP(int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value), ENOMEM)

/* Not what is mapped over a mapping: that takes nothing. */
void *__real_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return (flags & MAP_FIXED) == 0 && refuses()
               ? MAP_FAILED
               : __real_mmap(address, bytes, protection, flags, file, offset);
}

void *__real_mremap(void *address, size_t before, size_t bytes, int flags, ...);
void *__wrap_mremap(void *address, size_t before, size_t bytes, int flags, ...);
void *__wrap_mremap(void *address, size_t before, size_t bytes, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *const to = va_arg(more, void *);
    va_end(more);
    return refuses() ? MAP_FAILED : __real_mremap(address, before, bytes, flags, to);
}

static inline bool got(bool success, const char *what)
{
    const aa_status status = aa_last_status();
    if (!success && (refused_at == 0 || (status != AA_NOMEM && status != besides))) {
        fprintf(stderr, "%s (request %ld refused): %s: %s\n", what, refused_at,
                aa_status_name(status), aa_last_message());
        exit(1);
    }
    return success;
}

#define GOT(call) got((call), #call)
#define DONE(call) got((call) == AA_OK, #call)

/* What must be so whatever was refused. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: not so, request %ld refused: %s; %s\n", __LINE__,            \
                    refused_at, #condition, aa_last_message());                                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
