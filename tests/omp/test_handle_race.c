/* Two threads make the OpenMP handle of one allocator at the same moment: one counts, the other is kept for the
 * next allocator. This program's own omp_init_allocator stands before the runtime's, and makes them meet. */
#include "kinds.h"
#include "runner.h"
#include "violations.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

static int made, meeting;

static void meet_the_other(void)
{
    if (__atomic_load_n(&meeting, __ATOMIC_RELAXED) > 0) {
        (void)__atomic_sub_fetch(&meeting, 1, __ATOMIC_ACQ_REL);
        while (__atomic_load_n(&meeting, __ATOMIC_ACQUIRE) > 0) {
            (void)sched_yield();
        }
    }
}

/* Without <omp.h>, whose declarations differ in a const. */
extern uintptr_t omp_init_allocator(uintptr_t space, int count, const void *traits);
uintptr_t omp_init_allocator(uintptr_t space, int count, const void *traits)
{
    void *const symbol = dlsym(RTLD_NEXT, "omp_init_allocator");
    uintptr_t (*next)(uintptr_t, int, const void *);
    memcpy(&next, &symbol, sizeof next);
    (void)__atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
    meet_the_other();
    return next(space, count, traits);
}

static void *make_it(void *a)
{
    return (void *)aa_omp_handle(a); /* NOLINT: an integer that travels as a pointer */
}

/* The linker leaves out a runtime that nothing needs. */
static int threads_of_a_region(void)
{
    int count = 0;
#pragma omp parallel num_threads(2) reduction(+ : count)
    ++count;
    return count;
}

static uintptr_t race_for(aa_allocator *a)
{
    pthread_t threads[2];
    void *handles[2] = {NULL, NULL};
    __atomic_store_n(&meeting, 2, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; ++i) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make_it, a), 0);
    }
    for (int i = 0; i < 2; ++i) {
        ck_assert_int_eq(pthread_join(threads[i], &handles[i]), 0);
    }
    ck_assert_ptr_eq(handles[0], handles[1]);
    return (uintptr_t)handles[0];
}

START_TEST(a_handle_made_in_vain_serves_the_next_allocator)
{
    aa_allocator *const a = aa_shared_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    aa_allocator *const wide = aa_shared_create(&(aa_options){.alignment = 4096});
    aa_allocator *const last = aa_shared_create(NULL);
    ck_assert_int_eq(threads_of_a_region(), 2);
    const uintptr_t of_a = race_for(a);
    ck_assert_int_eq(made, 2);
    const uintptr_t of_wide =
        aa_omp_handle(wide); /* another alignment: the spare one does not fit */
    ck_assert_int_eq(made, 3);
    const uintptr_t of_b = aa_omp_handle(b);
    ck_assert_int_eq(made, 3);
    const uintptr_t of_last = aa_omp_handle(last);
    ck_assert_int_eq(made, 4);
    ck_assert(of_a != of_b && of_b != of_wide && of_last != of_b && of_b != 0);
    ck_assert_ptr_eq(aa_from_omp_handle(of_a), a);
    ck_assert_ptr_eq(aa_from_omp_handle(of_b), b);
    ck_assert_ptr_eq(aa_from_omp_handle(of_wide), wide);
    AA_WITH(b) {
        ck_assert_ptr_eq(aa_current(), b);
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
    assert_status(aa_destroy(wide), AA_OK);
    assert_status(aa_destroy(last), AA_OK);
}
END_TEST

AA_TEST_MAIN("omp: handles", AA_TEST(a_handle_made_in_vain_serves_the_next_allocator))
