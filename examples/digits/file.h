/* Digits: files read whole, and complaints about them. */
#ifndef DIGITS_FILE_H
#define DIGITS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct contents {
    const char *path;
    unsigned char *bytes; /* from malloc */
    size_t count;
} contents;

/* Print "digits: " and a sentence to stderr; returns false, so that a refusal is one line. */
bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Read a file whole; false after a complaint. End it with file_close, which takes an empty one too. */
bool file_read(contents *f, const char *path);
void file_close(contents *f);

#endif
