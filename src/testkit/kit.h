/* Side library testkit: what its files share. Sees the core's public headers only.
 *
 * It calls nothing of check, which is a static archive on some systems: a second copy in here would have no test to
 * fail. Functions return why a test must fail, NULL for no reason, and the header's inline code tells check.
 *
 * One test runs at a time, on one thread: state is static and unlocked, but where other threads come
 * (violations reported, notes of a team). Its locks are leaves. */
#ifndef AAI_KIT_H
#define AAI_KIT_H

#include <allocarrays.h>

/* ---- text: why a test fails; one buffer, good until the next failure ---- */

const char *aai_kit_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Append to it. */
const char *aai_kit_add(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print and abort: for misuse of the kit where no test can be failed. */
_Noreturn void aai_kit_die(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- the schedule: seeds, random numbers, disturbance (schedule.c) ---- */

typedef enum aai_schedule { AAI_SCHEDULE_DISTURBED, AAI_SCHEDULE_CALM } aai_schedule;

/* AA_CHECK_SEED, or wanted, or when that is 0 a new one; never 0. */
uint64_t aai_seed_first(uint64_t wanted);
/* The seed of round `round` when the first one's is `first`. */
uint64_t aai_seed_of_round(uint64_t first, int round);
/* From now on threads draw from this seed, and are disturbed. */
void aai_schedule_start(uint64_t seed, aai_schedule schedule);
void aai_schedule_stop(void);
/* The calling thread is number thread_num of a team: its sequences start. */
void aai_schedule_sit_down(int thread_num);

/* ---- notes: what threads found wrong inside regions (team.c) ---- */

/* Why none can be taken now; NULL: they are being taken. */
const char *aai_notes_open(void);
void aai_notes_close(void);
int aai_notes_count(void);
/* Append them to the text. */
void aai_notes_add(void);

#endif
