/* The schedule explorer: probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010).
 *
 *     explore PROGRAM [COUNT [FIRST]]   so many schedules, with the seeds FIRST, FIRST + 1, ...; stops at a failure
 *     explore PROGRAM --seed SEED       that schedule alone, and says its points and switches
 *     explore PROGRAM --trace COUNT     what --seed says, of the seeds 1 to COUNT, all in one process
 *     explore --list | --planted        the programs that are right; those that are wrong on purpose
 *
 * A schedule: threads have random priorities, the highest that can run does; at `depth - 1` random points the running one falls
 * below all others. A bug that needs d ordered events is found with probability >= 1 / (n k^(d-1)) in each.
 *
 * What it cannot see: reordering by the compiler or the machine (each thread sees what the one before it did), and
 * what happens between two points.
 *
 * One real thread runs at a time; the others sleep on a futex of their own. So the state below needs no lock. */
#include "explore.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH = 4, STEPS_MAX = 200000, WARM_UPS = 8 };

typedef struct actor {
    int turn; /* futex: 1 = run */
    pthread_t thread;
    int64_t priority;
    const void *waits_for;
    bool here, done;
} actor;

static actor actors[EXPLORE_THREADS];
static int controller_turn;
static const program *the_program;
static __thread actor *me;

static struct {
    uint64_t seed, random, hash;
    unsigned steps, switches;
    unsigned change[DEPTH - 1];
    int changes;
    int64_t lowest;
    bool look; /* somebody may have to run instead */
    const char *failure;
} now;

/* ---- numbers ------------------------------------------------------------------------------------------ */

static uint64_t draw(void)
{
    uint64_t z = now.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- hands -------------------------------------------------------------------------------------------- */

static void wake_up(int *turn)
{
    __atomic_store_n(turn, 1, __ATOMIC_RELEASE); /* pairs with the acquire in sleep_until */
    (void)syscall(SYS_futex, turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void sleep_until(int *turn)
{
    while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) == 0) {
        (void)syscall(SYS_futex, turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    __atomic_store_n(turn, 0, __ATOMIC_RELAXED);
}

/* ---- the end of a failed schedule ----------------------------------------------------------------------- */

static void say_failure(const char *what)
{
    char text[512];
    const int length =
        snprintf(text, sizeof text,
                 "explore: %s: seed %llu: %s\nreplay: tests/schedules/explore %s --seed %llu\n",
                 the_program->name, (unsigned long long)now.seed, what, the_program->name,
                 (unsigned long long)now.seed);
    if (length > 0 && write(STDOUT_FILENO, text, (size_t)length) < 0) {
        _exit(3);
    }
}

static void on_signal(int number)
{
    say_failure(number == SIGSEGV   ? "it crashed: SIGSEGV"
                : number == SIGABRT ? "it aborted"
                                    : "it crashed");
    _exit(1);
}

static _Noreturn void stuck(const char *what)
{
    say_failure(now.failure != NULL ? now.failure : what);
    _exit(1);
}

bool explore_require(bool holds, const char *what)
{
    if (!holds && now.failure == NULL) {
        now.failure = what;
    }
    return holds;
}

/* ---- who runs ----------------------------------------------------------------------------------------- */

static actor *best(void)
{
    actor *found = NULL;
    for (int i = 0; i < the_program->threads; ++i) {
        actor *const a = &actors[i];
        if (!a->done && a->waits_for == NULL && (found == NULL || a->priority > found->priority)) {
            found = a;
        }
    }
    return found;
}

static bool all_done(void)
{
    bool done = true;
    for (int i = 0; i < the_program->threads; ++i) {
        done = done && actors[i].done;
    }
    return done;
}

/* Let the best run, if that is another. */
static void pass(void)
{
    actor *const self = me, *const next = best();
    now.look = false;
    if (next == self) {
        return;
    }
    if (next == NULL) {
        if (!all_done()) {
            stuck("every thread waits for another");
        }
        wake_up(&controller_turn);
        return; /* the caller is done */
    }
    ++now.switches;
    now.hash = (now.hash ^ (uint64_t)(next - actors) ^ ((uint64_t)now.steps << 8)) *
               UINT64_C(0x100000001b3);
    const bool leaves = self->done;
    wake_up(&next->turn);
    if (!leaves) {
        sleep_until(&self->turn);
    }
}

void aai_explore_point(void)
{
    if (me == NULL || me->done) {
        return;
    }
    ++now.steps;
    if (now.changes < DEPTH - 1 && now.steps >= now.change[now.changes]) {
        ++now.changes;
        me->priority = DEPTH - now.changes;
        now.look = true;
    }
    if (now.steps > STEPS_MAX) {
        stuck("it does not end");
    }
    if (now.look) {
        pass();
    }
}

void aai_explore_yield(void)
{
    if (me != NULL && !me->done) {
        me->priority = --now.lowest;
        now.look = true;
        aai_explore_point();
    }
}

void aai_explore_wait(const void *place)
{
    if (me != NULL && !me->done) {
        me->waits_for = place;
        pass();
    }
}

void aai_explore_wake(const void *place)
{
    for (int i = 0; i < the_program->threads; ++i) {
        if (actors[i].waits_for == place) {
            actors[i].waits_for = NULL;
            now.look = true;
        }
    }
}

void explore_meet(meeting *m, int count)
{
    const int round = m->round;
    if (++m->come == count) {
        m->come = 0;
        ++m->round;
        aai_explore_wake(m);
        aai_explore_point();
    }
    while (m->round == round) {
        aai_explore_wait(m);
    }
}

void explore_raise(int *flag)
{
    *flag = 1;
    aai_explore_wake(flag);
    aai_explore_point();
}

void explore_await(const int *flag)
{
    aai_explore_point();
    while (*flag == 0) {
        aai_explore_wait(flag);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------ */

static pthread_key_t last_key; /* made after the library's: its destructor runs after them */

static void leave(void *self)
{
    me = self;
    me->done = true;
    pass();
    me = NULL;
}

static void *run_one(void *self)
{
    me = self;
    (void)pthread_setspecific(last_key, me);
    sleep_until(&me->turn);
    the_program->run((int)(me - actors));
    return NULL;
}

static void *run_all(void *self)
{
    me = self;
    for (;;) {
        sleep_until(&me->turn);
        the_program->run((int)(me - actors));
        me->done = true;
        pass();
    }
    return NULL;
}

static void make_thread(actor *a)
{
    pthread_attr_t small;
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 256 << 10);
    if (pthread_create(&a->thread, &small, the_program->ends ? run_one : run_all, a) != 0) {
        perror("explore: pthread_create");
        _exit(3);
    }
    (void)pthread_attr_destroy(&small);
    a->here = true;
}

/* ---- a schedule ----------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* Everything random follows from the seed and the program. */
static void prepare(uint64_t seed)
{
    memset(&now, 0, sizeof now);
    now.seed = seed;
    now.random = seed * UINT64_C(0xd1342543de82ef95);
    now.hash = UINT64_C(0xcbf29ce484222325);
    int order[EXPLORE_THREADS];
    for (int i = 0; i < the_program->threads; ++i) {
        const int at = (int)(draw() % (uint64_t)(i + 1));
        order[i] = order[at];
        order[at] = i;
    }
    for (int i = 0; i < the_program->threads; ++i) {
        actor *const a = &actors[order[i]];
        a->priority = DEPTH + i;
        a->waits_for = NULL;
        a->done = false;
    }
    for (int i = 0; i < DEPTH - 1; ++i) {
        now.change[i] = 1 + (unsigned)(draw() % the_program->steps);
    }
    qsort(now.change, DEPTH - 1, sizeof now.change[0], ascending);
}

/* What failed, or NULL. */
static const char *run_schedule(uint64_t seed)
{
    prepare(seed);
    memset(explore_reports, 0, sizeof explore_reports);
    explore_taken_back(0);
    the_program->begin();
    for (int i = 0; i < the_program->threads; ++i) {
        if (!actors[i].here) {
            make_thread(&actors[i]);
        }
    }
    wake_up(&best()->turn);
    sleep_until(&controller_turn);
    for (int i = 0; the_program->ends && i < the_program->threads; ++i) {
        (void)pthread_join(actors[i].thread, NULL);
        actors[i].here = false;
    }
    the_program->finish();
    return now.failure;
}

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int explore(uint64_t count, uint64_t first)
{
    const double start = seconds();
    uint64_t steps = 0, switches = 0;
    unsigned most = 0;
    for (uint64_t i = 0; i < count; ++i) {
        const char *const failure = run_schedule(first + i);
        steps += now.steps;
        switches += now.switches;
        most = now.steps > most ? now.steps : most;
        if (failure != NULL) {
            say_failure(failure);
            printf("%s: failed in schedule %llu of %llu\n", the_program->name,
                   (unsigned long long)i + 1, (unsigned long long)count);
            return 1;
        }
    }
    const double took = seconds() - start, n = (double)count;
    printf("%s: %llu schedules, 0 violations (%s); %.1f points (at most %u) and %.1f switches "
           "each, %.1f s, "
           "%.0f a second\n",
           the_program->name, (unsigned long long)count, the_program->what, (double)steps / n, most,
           (double)switches / n, took, n / took);
    return 0;
}

static int replay(uint64_t seed)
{
    const char *const failure = run_schedule(seed);
    printf("%s: seed %llu: %u points, %u switches, schedule %016llx\n", the_program->name,
           (unsigned long long)seed, now.steps, now.switches, (unsigned long long)now.hash);
    if (failure != NULL) {
        say_failure(failure);
    }
    return failure != NULL;
}

/* ---- main ----------------------------------------------------------------------------------------------- */

/* Handing over is quickest on one processor. */
static void stay_here(void)
{
    cpu_set_t one;
    const int here = sched_getcpu();
    if (here >= 0) {
        CPU_ZERO(&one);
        CPU_SET((size_t)here, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
    }
}

static void get_ready(void)
{
    for (int number = SIGHUP; number <= SIGTERM; ++number) {
        if (number == SIGSEGV || number == SIGABRT || number == SIGBUS || number == SIGFPE) {
            (void)signal(number, on_signal);
        }
    }
    stay_here();
    (void)aa_alloc(aa_heap(), 0); /* the library's key comes before ours */
    if (pthread_key_create(&last_key, leave) != 0) {
        _exit(3);
    }
    for (uint64_t i = 0; !the_program->planted && i < WARM_UPS;
         ++i) { /* what happens once in a process has happened */
        const char *const failure = run_schedule(UINT64_MAX - i);
        if (failure != NULL) {
            say_failure(failure);
            exit(1);
        }
    }
}

static void list(bool planted)
{
    for (int i = 0; i < program_count; ++i) {
        if (programs[i]->planted == planted) {
            puts(programs[i]->name);
        }
    }
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text) {
        fprintf(stderr, "explore: %s is no number\n", text);
        exit(2);
    }
    return n;
}

int main(int count, char **arguments)
{
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 &&
        (strcmp(arguments[1], "--list") == 0 || strcmp(arguments[1], "--planted") == 0)) {
        list(strcmp(arguments[1], "--planted") == 0);
        return 0;
    }
    for (int i = 0; count > 1 && i < program_count; ++i) {
        the_program = strcmp(programs[i]->name, arguments[1]) == 0 ? programs[i] : the_program;
    }
    if (the_program == NULL) {
        fputs("usage: explore PROGRAM [COUNT [FIRST]] | PROGRAM --seed SEED | --list | --planted\n",
              stderr);
        return 2;
    }
    get_ready();
    for (uint64_t i = 1; count == 4 && strcmp(arguments[2], "--trace") == 0; ++i) {
        if (i > number(arguments[3])) {
            return 0;
        }
        (void)replay(i);
    }
    if (count == 4 && strcmp(arguments[2], "--seed") == 0) {
        return replay(number(arguments[3]));
    }
    return explore(count > 2 ? number(arguments[2]) : 1000, count > 3 ? number(arguments[3]) : 1);
}
