/* Floor 2, os: a SIGSEGV handler that can speak, and chains on. In a handler only write() is used. */
#ifndef AAI_FAULT_H
#define AAI_FAULT_H

#include "base/base.h"

/* Install the handler once. report: called with the faulting address; says whether it was ours. Whatever it
 * says, the handler that was there before gets the signal. */
void aai_fault_install(bool (*report)(const void *address));

/* A line put together without printf. What does not fit is cut off. */
typedef struct aai_fault_line {
    size_t length;
    char text[480];
} aai_fault_line;
void aai_fault_text(aai_fault_line *line, const char *text);
void aai_fault_number(aai_fault_line *line, uint64_t number);
void aai_fault_write(aai_fault_line *line); /* with a newline, to stderr */

#endif
