/* Before each source of the coverage build (-include): says to tests/coverage/dump.c, where that is loaded, how the counters
 * of this program or library are written. Each has counters of its own, which no other can reach. */
#ifndef AA_TESTS_COVERAGE_NOTE_H
#define AA_TESTS_COVERAGE_NOTE_H

typedef void aa_coverage_note(void (*dump)(void), void (*reset)(void));

extern void __gcov_dump(void);
extern void __gcov_reset(void);
extern void *dlsym(void *handle, const char *name);

/* One of them for each object; the linker keeps one. */
__attribute__((weak, constructor, visibility("hidden"), no_profile_instrument_function)) void
aa_coverage_here(void);

void aa_coverage_here(void)
{
    aa_coverage_note *const note = (aa_coverage_note *)dlsym((void *)0, "aa_coverage_noted");
    if (note != (void *)0) {
        note(__gcov_dump, __gcov_reset);
    }
}

/* A body that is inlined for ever is counted at each place anew: here it is a function as others. */
#define always_inline unused

#endif
