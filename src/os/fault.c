/* Floor 2, os: the SIGSEGV handler. */
#include "os/fault.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static bool (*reporter)(const void *);
static struct sigaction before;

static void chain_on(int signal_number, siginfo_t *info, void *context)
{
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(signal_number, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(signal_number);
    } else if (before.sa_handler == SIG_DFL || info->si_code > 0) {
        (void)signal(signal_number,
                     SIG_DFL);    /* the access faults again, and the process ends with its core */
        if (info->si_code <= 0) { /* sent, not caused: it must be sent again */
            (void)raise(signal_number);
        }
    }
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    const int kept = errno;
    (void)reporter(info->si_addr);
    errno = kept;
    chain_on(signal_number, info, context);
}

void aai_fault_install(bool (*report)(const void *))
{
    const int kept = errno;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    (void)sigemptyset(&action.sa_mask);
    reporter = report;
    (void)sigaction(SIGSEGV, &action, &before);
    errno = kept;
}

void aai_fault_text(aai_fault_line *line, const char *text)
{
    while (*text != '\0' && line->length < sizeof line->text - 1) {
        line->text[line->length++] = *text++;
    }
}

void aai_fault_number(aai_fault_line *line, uint64_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    aai_fault_text(line, &digits[at]);
}

void aai_fault_write(aai_fault_line *line)
{
    line->text[line->length++] = '\n';
    const char *at = line->text;
    while (line->length > 0) {
        const ssize_t done = write(STDERR_FILENO, at, line->length);
        if (done <= 0) {
            return;
        }
        at += done;
        line->length -= (size_t)done;
    }
}
