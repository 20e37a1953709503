/* Side library testkit: seeds, and the schedule that they disturb.
 *
 * What it cannot do: decide who runs. It delays threads at the points that they pass; the system schedules. A seed
 * repeats the delays, not the schedule.
 *
 * Everything that threads share here is a relaxed atomic: it orders nothing, so that a race of the user's stays
 * one for ThreadSanitizer. A thread's sequences belong to one start (serial), and begin anew at the next. */
#include "kit.h"

#include <allocarrays/check.h>
#include <allocarrays/impl/inject.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

/* Numbers above any team's: threads that have no seat (nested regions, AA_CHECK_REGION), as they come. */
enum { NEWCOMERS_FROM = 1 << 20 };

static uint64_t seed_now, serial;
static int newcomers;
static int disturbing;

static __thread struct {
    uint64_t serial;
    uint64_t delays,
        numbers; /* states of two sequences: what a test draws must not depend on points passed */
} mine;
static __thread uint64_t outside; /* what aa_check_random draws from between teams */

/* ---- random numbers: splitmix64 ------------------------------------------------------------------- */

static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t draw(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return mixed(*state);
}

/* ---- seeds ---------------------------------------------------------------------------------------- */

static uint64_t seed_of_environment; /* 0: none */

static void read_environment(void)
{
    const char *const text = getenv("AA_CHECK_SEED");
    if (text == NULL || *text == '\0') {
        return;
    }
    char *end;
    errno = 0;
    const unsigned long long seed = strtoull(text, &end, 0);
    if (*end != '\0' || errno != 0 || seed == 0 || *text == '-') {
        (void)fprintf(stderr,
                      "allocarrays-check: AA_CHECK_SEED=%.64s is not understood (a number from 1); "
                      "ignored\n",
                      text);
        return;
    }
    seed_of_environment = seed;
}

static uint64_t environment(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, read_environment);
    return seed_of_environment;
}

/* Short, for it is read and typed. */
static uint64_t new_seed(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t z = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    return 1 + mixed(z ^ (uint64_t)getpid() << 40) % 1000000000U;
}

uint64_t aai_seed_first(uint64_t wanted)
{
    if (environment() != 0) {
        return environment();
    }
    return wanted != 0 ? wanted : new_seed();
}

uint64_t aai_seed_of_round(uint64_t first, int round)
{
    if (environment() != 0) {
        return first;
    }
    const uint64_t seed = first + (uint64_t)round;
    return seed != 0 ? seed : 1;
}

/* ---- the calling thread's sequences ---------------------------------------------------------------- */

void aai_schedule_sit_down(int thread_num)
{
    const uint64_t seed = LOAD(seed_now);
    mine.serial = LOAD(serial);
    mine.delays = mixed(seed ^ mixed(2 * (uint64_t)thread_num + 1));
    mine.numbers = mixed(seed ^ mixed(2 * (uint64_t)thread_num + 2));
}

static void have_seat(void)
{
    if (mine.serial != LOAD(serial)) {
        aai_schedule_sit_down(NEWCOMERS_FROM + __atomic_fetch_add(&newcomers, 1, __ATOMIC_RELAXED));
    }
}

uint64_t aa_check_random(void)
{
    if (LOAD(seed_now) != 0) {
        have_seat();
        return draw(&mine.numbers);
    }
    if (outside == 0) {
        outside = environment() != 0 ? environment() : 1;
    }
    return draw(&outside);
}

/* ---- disturbance ------------------------------------------------------------------------------------ */

static void spin(uint64_t rounds)
{
    for (volatile uint64_t i = 0; i < rounds; ++i) {
    }
}

/* Mostly nothing: a schedule in which everybody is slow is as regular as one in which nobody is. */
static void disturb(void)
{
    const int kept = errno;
    have_seat();
    const uint64_t number = draw(&mine.delays), length = number >> 8;
    const unsigned kind = number & 15;
    if (kind == 0) {
        (void)nanosleep(&(struct timespec){0, (long)(length % 50000)}, NULL);
    } else if (kind < 4) {
        spin(length % 4096);
    } else if (kind < 8) {
        (void)sched_yield();
    }
    errno = kept;
}

static void disturb_at(unsigned where)
{
    (void)where;
    if (LOAD(disturbing)) { /* a thread may be late */
        disturb();
    }
}

void aa_check_point(void)
{
    disturb_at(0);
}

void aai_schedule_start(uint64_t seed, aai_schedule schedule)
{
    STORE(newcomers, 0);
    STORE(seed_now, seed);
    STORE(serial, LOAD(serial) + 1);
    STORE(disturbing, schedule == AAI_SCHEDULE_DISTURBED);
    aai_injection_set(schedule == AAI_SCHEDULE_DISTURBED ? disturb_at : NULL);
}

void aai_schedule_stop(void)
{
    aai_injection_set(NULL);
    STORE(disturbing, 0);
    STORE(seed_now, 0);
}
