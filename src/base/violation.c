/* Floor 1, base: the violation handler. Never called under a lock. */
#include "base/base.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>

static const struct {
    const char *name;
    aa_status status;
} kinds[] = {
#define ROW(name, status) {#name, status},
    AA_VIOLATION_LIST(ROW)
#undef ROW
};

/* Handler and context change together, hence a lock and not two atomics. */
static pthread_mutex_t handler_lock = PTHREAD_MUTEX_INITIALIZER;
static aa_violation_handler *handler;
static void *handler_context;

const char *aa_violation_name(aa_violation_kind kind)
{
    return (size_t)kind < sizeof kinds / sizeof kinds[0] ? kinds[kind].name : "AA_?";
}

aa_status aai_violation_status(aa_violation_kind kind)
{
    return kinds[kind].status;
}

aa_violation_handler *aa_set_violation_handler(aa_violation_handler *wanted, void *context)
{
    pthread_mutex_lock(&handler_lock);
    aa_violation_handler *const previous = handler;
    handler = wanted;
    handler_context = context;
    pthread_mutex_unlock(&handler_lock);
    return previous;
}

aa_violation_handler *aa_get_violation_handler(void **context)
{
    pthread_mutex_lock(&handler_lock);
    aa_violation_handler *const installed = handler;
    if (context != NULL) {
        *context = handler_context;
    }
    pthread_mutex_unlock(&handler_lock);
    return installed;
}

void aai_violation_fork_hold(void)
{
    pthread_mutex_lock(&handler_lock);
}

void aai_violation_fork_let_go(void)
{
    pthread_mutex_unlock(&handler_lock);
}

void (*aai_before_abort)(void);

static void print_and_abort(const aa_violation *v)
{
    char site[256] = "";
    if (v->file != NULL) {
        (void)snprintf(site, sizeof site, " at %s:%d", v->file, v->line);
    }
    char born[64] = "";
    if (v->epoch_seen != v->epoch_now) {
        (void)snprintf(born, sizeof born, " (made in epoch %llu)",
                       (unsigned long long)v->epoch_seen);
    }
    (void)fprintf(
        stderr,
        "allocarrays: %s in %s%s\n  %s\n  allocator '%s', epoch %llu%s; thread %llu (OpenMP "
        "thread %d, level %d)\n",
        aa_violation_name(v->kind), v->function, site, v->message, v->allocator_name,
        (unsigned long long)v->epoch_now, born, (unsigned long long)v->thread_id, v->thread_num,
        v->level);
    (void)fflush(stderr);
    /* acquire: pairs with the release in start (sync/trace.c) */
    void (*const before)(void) = __atomic_load_n(&aai_before_abort, __ATOMIC_ACQUIRE);
    if (before != NULL) {
        before();
    }
    abort();
}

void aai_violation_deliver(const aa_violation *violation)
{
    void *context;
    aa_violation_handler *const installed = aa_get_violation_handler(&context);
    if (installed == NULL) {
        print_and_abort(violation);
    } else {
        installed(violation, context);
    }
}

void aai_warn_once(int *flag, const char *format, ...)
{
    if (__atomic_exchange_n(flag, 1, __ATOMIC_RELAXED) != 0) {
        return;
    }
    const int kept = errno;
    char text[320];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "allocarrays: %s\n", text);
    errno = kept;
}
