/* Floor 1, base: statuses, this thread's last failure, small memory helpers. errno is never changed. */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>

/* All TLS of a library that has some initial-exec is static, and one that is dlopen'ed gets some hundred bytes of
 * that: this is the most of ours (tools/check-needed keeps the sum). */
static __thread struct {
    aa_status status;
    char message[336];
} last;

static const char *const status_names[] = {
#define NAME(name, text) #name,
    AA_STATUS_LIST(NAME)
#undef NAME
};

const char *aa_status_name(aa_status status)
{
    const size_t count = sizeof status_names / sizeof status_names[0];
    return (size_t)status < count ? status_names[status] : "AA_?";
}

aa_status aai_fail(aa_status status, const char *format, ...)
{
    const int kept = errno;
    va_list arguments;
    va_start(arguments, format);
    last.status = status;
    (void)vsnprintf(last.message, sizeof last.message, format, arguments);
    va_end(arguments);
    errno = kept;
    return status;
}

const char *aa_last_message(void)
{
    return last.message;
}

aa_status aa_last_status(void)
{
    return last.status;
}

void aa_last_clear(void)
{
    last.status = AA_OK;
    last.message[0] = '\0';
}

const char *aa_version(void)
{
    return PACKAGE_VERSION;
}

_Noreturn void aai_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "allocarrays: bug in the library: %s (%s:%d)\n", condition, file, line);
    abort();
}

/* clang takes malloc for a function that leaves errno alone, and drops the store that restores it. */
static void restore_errno(int kept)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    errno = kept;
}

void *aai_malloc(size_t bytes)
{
    const int kept = errno;
    void *const pointer = malloc(bytes);
    restore_errno(kept);
    return pointer;
}

void *aai_calloc(size_t bytes)
{
    const int kept = errno;
    void *const pointer = calloc(1, bytes);
    restore_errno(kept);
    return pointer;
}

void aai_mfree(void *pointer)
{
    const int kept = errno;
    free(pointer);
    restore_errno(kept);
}

bool aai_vector_grow(void **items, size_t *capacity, size_t count, size_t item_bytes)
{
    if (count < *capacity) {
        return true;
    }
    const size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    size_t bytes;
    if (__builtin_mul_overflow(wanted, item_bytes, &bytes)) {
        return false;
    }
    const int kept = errno;
    void *const grown = realloc(*items, bytes);
    restore_errno(kept);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *capacity = wanted;
    return true;
}
