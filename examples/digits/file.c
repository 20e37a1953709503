/* Digits: files read whole, and complaints about them. It cannot read what does not fit in memory. */
#include "file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("digits: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return false;
}

/* Read to the end in pieces that double, so that a pipe will do. */
static bool read_all(contents *f, FILE *from)
{
    size_t room = 0;
    do {
        room = room == 0 ? 65536 : 2 * room;
        unsigned char *const larger = realloc(f->bytes, room);
        if (larger == NULL) {
            return complain("%s: too large for the memory", f->path);
        }
        f->bytes = larger;
        f->count += fread(f->bytes + f->count, 1, room - f->count, from);
    } while (f->count == room);
    return ferror(from) == 0 || complain("cannot read %s: %s", f->path, strerror(errno));
}

bool file_read(contents *f, const char *path)
{
    *f = (contents){.path = path};
    FILE *const from = fopen(path, "rb");
    if (from == NULL) {
        return complain("cannot read %s: %s", path, strerror(errno));
    }
    const bool done = read_all(f, from);
    (void)fclose(from);
    if (!done) {
        file_close(f);
    }
    return done;
}

void file_close(contents *f)
{
    free(f->bytes);
    f->bytes = NULL;
    f->count = 0;
}
