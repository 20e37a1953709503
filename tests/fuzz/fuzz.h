/* The fuzzed functions: any bytes are an input. One that finds something wrong prints it and aborts. */
#ifndef AA_TESTS_FUZZ_H
#define AA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

typedef void fuzz_target(const uint8_t *data, size_t bytes);

fuzz_target
    fuzz_model; /* a sequence of calls on three allocators and the heap, against the model */
fuzz_target fuzz_traits;   /* AA_OMP_ALLOCATOR, in the words of OMP_ALLOCATOR */
fuzz_target fuzz_settings; /* the other environment variables: the first byte chooses one */
fuzz_target
    fuzz_idx; /* the digits example's files: images, and labels where the first byte is odd */

#define fuzz_require(condition)                                                                    \
    ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *condition, const char *file, int line);

#endif
