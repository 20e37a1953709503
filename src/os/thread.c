/* Floor 2, os: thread identity and exit.
 *
 * Identity is a 64-bit counter, for OpenMP's thread numbers, pthread_self() and TLS addresses all repeat.
 * A record is made at first need and freed by a TSD destructor. Destructors of other libraries may come
 * later and call us again: the thread then gets a new record and the destructor runs once more. */
#include "os/os.h"

#include <pthread.h>

__thread aai_tls aa_tls;

static pthread_key_t exit_key;
static pthread_once_t first_once = PTHREAD_ONCE_INIT;
static int exit_key_works;
static uint64_t last_id;
static void (*hooks[AAI_EXIT_STAGES])(aai_thread *);

static void thread_exits(void *record)
{
    for (int stage = 0; stage < AAI_EXIT_STAGES; ++stage) {
        /* acquire: pairs with the release in aai_thread_at_exit */
        void (*const hook)(aai_thread *) = __atomic_load_n(&hooks[stage], __ATOMIC_ACQUIRE);
        if (hook != NULL) {
            hook(record);
        }
    }
    memset(&aa_tls, 0, sizeof aa_tls);
    aai_mfree(((aai_thread *)record)->dummy);
    aai_mfree(((aai_thread *)record)->birth_places);
    aai_mfree(record);
}

void (*aai_first_thread)(void);

static void begin_process(void)
{
    if (aai_first_thread != NULL) {
        aai_first_thread();
    }
    exit_key_works = pthread_key_create(&exit_key, thread_exits) == 0;
}

aai_thread *aai_thread_register(void)
{
    pthread_once(&first_once, begin_process);
    aai_thread *const record = aai_calloc(sizeof *record);
    if (record == NULL || !exit_key_works || pthread_setspecific(exit_key, record) != 0) {
        aai_mfree(record);
        (void)aai_fail(AA_NOMEM, "no memory for this thread's record");
        return NULL;
    }
    record->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    aa_tls.thread_id = record->id;
    aa_tls.record = record;
    return record;
}

bool aai_on_own_stack(const void *address)
{
#ifdef __linux__
    pthread_attr_t attributes;
    void *low;
    size_t bytes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return false;
    }
    const bool known = pthread_attr_getstack(&attributes, &low, &bytes) == 0;
    (void)pthread_attr_destroy(&attributes);
    return known && (uintptr_t)address - (uintptr_t)low < bytes;
#else
    (void)address;
    return false;
#endif
}

void aai_thread_at_exit(aai_exit_stage stage, void (*hook)(aai_thread *))
{
    /* release: pairs with the acquire in thread_exits */
    __atomic_store_n(&hooks[stage], hook, __ATOMIC_RELEASE);
}
