/* Side library testkit: the text of a failure, and the end of a process that misuses the kit. */
#include "kit.h"

#include <allocarrays/check.h>
#include <stdarg.h>
#include <stdlib.h>

/* Below check's limit of 4,096 bytes for a message. */
static char text[3072];
static size_t used;

static void append(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void append(const char *format, va_list arguments)
{
    const int more = vsnprintf(text + used, sizeof text - used, format, arguments);
    used += more > 0 ? (size_t)more : 0;
    if (used > sizeof text - 1) { /* cut off */
        used = sizeof text - 1;
    }
}

const char *aai_kit_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    used = 0;
    append(format, arguments);
    va_end(arguments);
    return text;
}

const char *aai_kit_add(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append(format, arguments);
    va_end(arguments);
    return text;
}

_Noreturn void aai_kit_die(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    (void)fprintf(stderr, "allocarrays-check: %s:%d: ", file, line);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    (void)fflush(stderr);
    abort();
}

void aai_check_require_place(const char *file, int line)
{
    if (aa_in_parallel()) {
        aai_kit_die(
            file, line,
            "this belongs outside parallel regions, for check cannot fail a test from inside "
            "one; use AA_CHECK_IN_TEAM here");
    }
}
