/* Floor 2, os: a file that is only written, and the clock. None changes errno. */
#ifndef AAI_FILE_H
#define AAI_FILE_H

#include "base/base.h"

/* Make a file, or empty one that is there; its number, or minus an errno. Refused (EPERM) in a program that runs with
 * more rights than its user has, and while another process has made it and writes it (EBUSY). Does not wait for the
 * reader of a pipe (ENXIO). */
int aai_file_create(const char *path);
/* Append all of it at once; 0 or an errno. No signal comes of it (SIGPIPE, SIGXFSZ). */
int aai_file_append(int file, const char *text, size_t bytes);
void aai_file_close(int file);

uint64_t aai_nanoseconds(void); /* monotone, over all threads */
long aai_process(void);
const char *aai_program(void);

#endif
