/* Floor 2, os: a file that is only written, and the clock. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/auxv.h>
#endif

/* Its environment is the user's, its rights are not. */
static bool is_privileged(void)
{
#ifdef __linux__
    return getauxval(AT_SECURE) != 0;
#else
    return getuid() != geteuid() || getgid() != getegid();
#endif
}

/* Held until the last copy of the descriptor is closed. Where there are no such locks nothing is taken. */
static bool is_taken(int file)
{
    return flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

int aai_file_create(const char *path)
{
    if (is_privileged()) {
        return -EPERM;
    }
    const int kept = errno;
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    int result = file < 0 ? -errno : file;
    if (file >= 0 && is_taken(file)) {
        (void)close(file);
        result = -EBUSY;
    } else if (file >= 0) {
        const bool emptied = ftruncate(file, 0) == 0;
        (void)emptied;                        /* a device or a pipe has nothing to lose */
        (void)fcntl(file, F_SETFL, O_APPEND); /* from here on a full pipe is waited for */
    }
    errno = kept;
    return result;
}

/* Take the signal back that a write sent to this thread, while it is blocked. Ours alone: not one that waited. */
static void take_back(int number, const sigset_t *waited)
{
    sigset_t now, one;
    int taken;
    (void)sigemptyset(&one);
    (void)sigaddset(&one, number);
    (void)sigemptyset(&now);
    (void)sigpending(&now);
    if (sigismember(waited, number) == 0 && sigismember(&now, number) == 1) {
        (void)sigwait(&one, &taken);
    }
}

/* As write, but a pipe whose reader went and a file at the limit of its size are errors, not the process's end. */
static ssize_t write_quietly(int file, const char *text, size_t bytes)
{
    sigset_t both, before, waited;
    (void)sigemptyset(&both);
    (void)sigemptyset(&waited);
    (void)sigaddset(&both, SIGPIPE);
    (void)sigaddset(&both, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &both, &before);
    (void)sigpending(&waited);
    const ssize_t done = write(file, text, bytes);
    const int error = done < 0 ? errno : 0;
    if (error == EPIPE || error == EFBIG) {
        take_back(error == EPIPE ? SIGPIPE : SIGXFSZ, &waited);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return done;
}

int aai_file_append(int file, const char *text, size_t bytes)
{
    const int kept = errno;
    int result = 0;
    while (bytes > 0 && result == 0) {
        const ssize_t done = write_quietly(file, text, bytes);
        if (done > 0) {
            text += done;
            bytes -= (size_t)done;
        } else if (done == 0 || errno != EINTR) {
            result = done == 0 ? EIO : errno;
        }
    }
    errno = kept;
    return result;
}

void aai_file_close(int file)
{
    const int kept = errno;
    (void)close(file);
    errno = kept;
}

uint64_t aai_nanoseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

long aai_process(void)
{
    return (long)getpid();
}

const char *aai_program(void)
{
#ifdef __GLIBC__
    return program_invocation_short_name;
#else
    return "program";
#endif
}
