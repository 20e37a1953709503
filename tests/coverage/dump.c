/* Preloaded by `make coverage`: writes the counters of the program and of its libraries before what ends a process without
 * the handlers of exit: _exit, abort, a raised signal, the return to a signal's default, another program in its place.
 * A process that a signal ends from outside is not counted, nor one that faults with no handler of ours. */
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_COUNTED = 16 };

static struct counted {
    void (*dump)(void);
    void (*reset)(void);
} counted[MOST_COUNTED]; /* the program and its libraries */
static int count;

void aa_coverage_noted(void (*dump)(void), void (*reset)(void));

/* Called by each object's constructor, while there is one thread; one per program or library is kept. */
void aa_coverage_noted(void (*dump)(void), void (*reset)(void))
{
    for (int i = 0; i < count; ++i) {
        if (counted[i].dump == dump) {
            return;
        }
    }
    if (count == MOST_COUNTED) {
        abort();
    }
    counted[count++] = (struct counted){dump, reset};
}

static void write_counters(void)
{
    for (int i = 0; i < count; ++i) {
        counted[i].dump();
        counted[i].reset(); /* what follows, if anything, is added by the next */
    }
}

/* The C library's function of that name: a union, for a pointer to data converts to none to a function. */
#define BEHIND(name)                                                                               \
    union {                                                                                        \
        void *data;                                                                                \
        __typeof__(name) *function;                                                                \
    } behind;                                                                                      \
    write_counters();                                                                              \
    behind.data = dlsym(RTLD_NEXT, #name)

void _exit(int status)
{
    BEHIND(_exit);
    behind.function(status);
    __builtin_unreachable();
}

void _Exit(int status)
{
    _exit(status);
}

void abort(void)
{
    BEHIND(abort);
    behind.function();
    __builtin_unreachable();
}

int raise(int number)
{
    BEHIND(raise);
    return behind.function(number);
}

__sighandler_t signal(int number, __sighandler_t handler)
{
    BEHIND(signal);
    return behind.function(number, handler);
}

int execv(const char *path, char *const arguments[])
{
    BEHIND(execv);
    return behind.function(path, arguments);
}

int execvp(const char *file, char *const arguments[])
{
    BEHIND(execvp);
    return behind.function(file, arguments);
}

int execve(const char *path, char *const arguments[], char *const environment[])
{
    BEHIND(execve);
    return behind.function(path, arguments, environment);
}
