/* Host threads, one at a time. */
#ifndef AA_TESTS_SUPPORT_THREADS_H
#define AA_TESTS_SUPPORT_THREADS_H

#include <check.h>
#include <pthread.h>
#include <stddef.h>

/* Run a function on a new host thread and wait until the thread has ended; its result. */
static inline void *on_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, body, argument), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return result;
}

/* A host thread that stays somewhere while the test does something:
 *
 *     static void hold_a_scope(guest *g)
 *     {
 *         AA_WITH(g->argument) {
 *             guest_stay(g);
 *         }
 *     }
 *     ...
 *     guest_invite(&g, hold_a_scope, allocator);   returns when the guest stays
 *     ...
 *     guest_dismiss(&g);                           returns when its thread has ended */
enum { GUEST_COMES, GUEST_STAYS, GUEST_GOES };

typedef struct guest {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int state; /* GUEST_COMES to GUEST_GOES */
    void (*body)(struct guest *);
    void *argument;
    int wrong; /* for the body to count what it found wrong */
} guest;

static inline void guest_set(guest *g, int state)
{
    (void)pthread_mutex_lock(&g->lock);
    g->state = state;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
}

static inline void guest_await(guest *g, int state)
{
    (void)pthread_mutex_lock(&g->lock);
    while (g->state < state) {
        (void)pthread_cond_wait(&g->changed, &g->lock);
    }
    (void)pthread_mutex_unlock(&g->lock);
}

/* Called by the body, once. */
static inline void guest_stay(guest *g)
{
    guest_set(g, GUEST_STAYS);
    guest_await(g, GUEST_GOES);
}

static inline void *guest_main(void *argument)
{
    guest *const g = argument;
    g->body(g);
    return NULL;
}

static inline void guest_invite(guest *g, void (*body)(guest *), void *argument)
{
    *g = (guest){.lock = PTHREAD_MUTEX_INITIALIZER,
                 .changed = PTHREAD_COND_INITIALIZER,
                 .body = body,
                 .argument = argument};
    ck_assert_int_eq(pthread_create(&g->thread, NULL, guest_main, g), 0);
    guest_await(g, GUEST_STAYS);
}

static inline void guest_dismiss(guest *g)
{
    guest_set(g, GUEST_GOES);
    ck_assert_int_eq(pthread_join(g->thread, NULL), 0);
    ck_assert_int_eq(g->wrong, 0);
}

#endif
