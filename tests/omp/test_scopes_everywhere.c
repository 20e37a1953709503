/* Scopes under OpenMP, beyond what one situation shows: constructs inside constructs, chains of carriers, many
 * scopes at once, ways out. Single situations are rows of the truth table. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4, MANY = 300 };

/* ---- regions in regions ---- */

static int look_and_open(aa_allocator *const *allocators, const aa_allocator *around, int level)
{
    if (level == 3) {
        return aa_current() != around;
    }
    int wrong = aa_current() != around;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    {
        wrong += aa_current() != around;
        aa_allocator *const own = allocators[level * 2 + omp_get_thread_num()];
        AA_WITH(own) {
            wrong += look_and_open(allocators, own, level + 1);
            wrong += aa_current() != own;
        }
        wrong += aa_current() != around;
    }
    return wrong + (aa_current() != around);
}

START_TEST(regions_three_deep_keep_a_scope_for_each_thread_and_level)
{
    omp_set_max_active_levels(3);
    aa_allocator *allocators[6];
    for (int i = 0; i < 6; ++i) {
        allocators[i] = aa_shared_create(NULL);
    }
    record_violations();
    for (int round = 0; round < 10; ++round) {
        ck_assert_int_eq(look_and_open(allocators, aa_heap(), 0), 0);
        for (int i = 0; i < 6; ++i) {
            assert_status(aa_reset(allocators[i]), AA_OK);
        }
    }
    assert_no_reports();
    for (int i = 0; i < 6; ++i) {
        assert_status(aa_destroy(allocators[i]), AA_OK);
    }
}
END_TEST

static int open_deep(aa_allocator *a, aa_allocator *b, int depth)
{
    int wrong = 0;
    if (depth > 0) {
        AA_WITH(depth % 2 == 0 ? a : b) {
            wrong += open_deep(a, b, depth - 1);
            wrong += aa_current() != (depth % 2 == 0 ? a : b);
        }
    }
    return wrong;
}

START_TEST(every_thread_of_a_region_can_open_a_hundred_scopes)
{
    aa_allocator *const a = aa_shared_create(NULL), *const b = aa_private_create(NULL);
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    wrong += open_deep(a, b, 100);
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* ---- worksharing ---- */

static int iteration(aa_allocator *a, int i)
{
    AA_WITH(a) {
        (void)aa_alloc(AA_CURRENT, 50);
        switch (i % 5) {
        case 0:
            break; /* of the switch: the block goes on */
        case 1:
            continue; /* ends the block */
        case 2:
            return aa_current() != a;
        case 3:
            goto out;
        default:
            (void)aa_alloc(AA_CURRENT, 50);
        }
    }
out:
    return aa_current() != aa_heap();
}

START_TEST(every_way_out_of_a_scope_in_a_loop_restores_it)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
#pragma omp for schedule(dynamic)
        for (int i = 0; i < MANY; ++i) {
            wrong += iteration(a, i);
            wrong += aa_current() != aa_heap();
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(stats_of(a).allocations, MANY + MANY / 5);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(sections_have_scopes_of_their_own)
{
    aa_allocator *const a = aa_shared_create(NULL), *const b = aa_shared_create(NULL);
    int seen_a = 0, seen_b = 0, seen_heap = 0;
    for (int round = 0; round < 20; ++round) {
#pragma omp parallel sections num_threads(2) reduction(+ : seen_a, seen_b, seen_heap)
        {
#pragma omp section
            AA_WITH(a) {
                seen_a += aa_current() == a;
            }
#pragma omp section
            AA_WITH(b) {
                seen_b += aa_current() == b;
            }
#pragma omp section
            seen_heap += aa_current() == aa_heap();
        }
    }
    ck_assert_int_eq(seen_a, 20);
    ck_assert_int_eq(seen_b, 20);
    ck_assert_int_eq(seen_heap, 20);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(a_token_made_in_single_reaches_the_whole_team)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : seen)
    {
        aa_token token;
#pragma omp single copyprivate(token)
        {
            AA_WITH(a) {
                token = aa_scope_capture();
            }
        }
        AA_TASK(token) {
            seen += aa_current() == a;
        }
    }
    ck_assert_int_eq(seen, THREADS);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- tasks ---- */

START_TEST(tasks_of_three_scopes_do_not_mix)
{
    aa_allocator *const allocators[] = {aa_shared_create(NULL), aa_private_create(NULL),
                                        aa_shared_create(NULL)};
    int right = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < MANY; ++i) {
        aa_allocator *const mine = allocators[i % 3], *const childs = allocators[(i + 1) % 3];
        AA_WITH(mine) {
            const aa_token token = aa_scope_capture();
#pragma omp task firstprivate(token, mine, childs) shared(right)
            {
                AA_TASK(token) {
                    const void *const before = aa_alloc(AA_CURRENT, 40);
                    const void *inner = NULL;
                    AA_WITH(childs) {
                        const aa_token own = aa_scope_capture();
#pragma omp task firstprivate(own) shared(inner)
                        {
                            AA_TASK(own) {
                                inner = aa_alloc(AA_CURRENT, 40);
                            }
                        }
#pragma omp taskwait
                    }
                    const void *const after = aa_alloc(AA_CURRENT, 40);
                    const int fine = aa_owns(mine, before) && aa_owns(mine, after) &&
                                     aa_owns(childs, inner) && aa_current() == mine;
#pragma omp atomic
                    right += fine;
                }
            }
        }
    }
    ck_assert_int_eq(right, MANY);
    for (int i = 0; i < 3; ++i) {
        assert_status(aa_reset(allocators[i]), AA_OK);
        assert_status(aa_destroy(allocators[i]), AA_OK);
    }
}
END_TEST

START_TEST(tasks_that_depend_on_each_other_keep_their_scopes)
{
    aa_allocator *const a = aa_shared_create(NULL), *const b = aa_shared_create(NULL);
    int chain = 0, wrong = 0;
#pragma omp parallel num_threads(THREADS)
#pragma omp single
    for (int i = 0; i < MANY; ++i) {
        aa_allocator *const mine = i % 2 == 0 ? a : b;
        AA_WITH(mine) {
            const aa_token token = aa_scope_capture();
#pragma omp task firstprivate(token, mine, i) depend(inout : chain) shared(chain, wrong)
            {
                AA_TASK(token) {
                    wrong += aa_current() != mine || chain++ != i;
                }
            }
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(chain, MANY);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(a_task_that_yields_is_back_in_its_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int wrong = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
        AA_WITH(aa_heap()) {
#pragma omp parallel num_threads(THREADS)
#pragma omp single
            for (int i = 0; i < MANY; ++i) {
#pragma omp task firstprivate(token) shared(wrong)
                {
                    AA_TASK(token) {
#pragma omp taskyield
                        const int lost = aa_current() != a;
#pragma omp atomic
                        wrong += lost;
                    }
                }
            }
        }
    }
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_taskgroup_waits_in_the_scope_that_it_was_in)
{
    aa_allocator *const a = aa_shared_create(NULL), *const b = aa_shared_create(NULL);
    int wrong = 0;
    AA_WITH(a) {
        const aa_token token = aa_scope_capture();
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
        AA_WITH(b) {
#pragma omp taskgroup
            for (int i = 0; i < 20; ++i) {
#pragma omp task firstprivate(token)
                {
                    AA_TASK(token) {
                        (void)aa_alloc(AA_CURRENT, 10);
                    }
                }
            }
            wrong += aa_current() != b;
        }
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(stats_of(a).allocations, THREADS * 20);
    ck_assert_uint_eq(stats_of(b).allocations, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

/* ---- from carrier to carrier ---- */

typedef struct relay {
    aa_token token;
    aa_allocator *wanted;
    int seen;
} relay;

/* A region of the host thread, and a task in it. */
static void *carry_on(void *argument)
{
    relay *const r = argument;
    AA_TASK(r->token) {
        int seen = 0;
#pragma omp parallel num_threads(2) reduction(+ : seen)
        {
            const aa_token token = aa_scope_capture();
            int in_task = 0;
#pragma omp task firstprivate(token) shared(in_task)
            {
                AA_TASK(token) {
                    in_task = aa_current() == r->wanted;
                }
            }
#pragma omp taskwait
            seen += in_task + (aa_current() == r->wanted);
        }
        r->seen = seen;
    }
    return NULL;
}

START_TEST(a_scope_goes_from_region_to_task_to_host_thread_to_region_to_task)
{
    aa_allocator *const a = aa_shared_create(NULL);
    relay relays[THREADS] = {{.seen = 0}};
    int failed = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : failed)
        {
            const aa_token token = aa_scope_capture();
            relay *const r = &relays[omp_get_thread_num()];
#pragma omp task firstprivate(token, r)
            {
                AA_TASK(token) {
                    pthread_t thread;
                    r->token = aa_scope_capture();
                    r->wanted = a;
                    if (pthread_create(&thread, NULL, carry_on, r) == 0) {
                        (void)pthread_join(thread, NULL);
                    }
                }
            }
#pragma omp taskwait
            failed += aa_current() != a;
        }
    }
    ck_assert_int_eq(failed, 0);
    for (int i = 0; i < THREADS; ++i) {
        ck_assert_int_eq(relays[i].seen, 4);
    }
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- with OpenMP's own allocators ---- */

START_TEST(openmps_own_allocations_work_inside_our_scopes)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int served = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : served)
        {
            char *const p = omp_alloc(1000, omp_null_allocator);
            if (p != NULL) {
                p[999] = 1;
                ++served;
            }
            omp_free(p, omp_null_allocator);
        }
    }
    ck_assert_int_eq(served, THREADS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(arrays_of_a_region_come_from_its_scope)
{
    static const int64_t shape[] = {20};
    aa_allocator *const a = bump_create(SHARED + _i, NULL);
    const aa_array model = aa_zeros(AA_CURRENT, AA_F64, 1, shape);
    int right = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : right)
        {
            const aa_array mine = aa_similar(&model);
            right += aa_owns(a, mine.data) && aa_is_valid(&mine);
        }
    }
    ck_assert_int_eq(right, THREADS);
    ck_assert_uint_eq(stats_of(a).allocations, THREADS);
    aa_array last = model;
    assert_status(aa_array_free(&last), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN("scopes everywhere",
             AA_TEST(regions_three_deep_keep_a_scope_for_each_thread_and_level),
             AA_TEST(every_thread_of_a_region_can_open_a_hundred_scopes),
             AA_TEST(every_way_out_of_a_scope_in_a_loop_restores_it),
             AA_TEST(sections_have_scopes_of_their_own),
             AA_TEST(a_token_made_in_single_reaches_the_whole_team),
             AA_TEST(tasks_of_three_scopes_do_not_mix),
             AA_TEST(tasks_that_depend_on_each_other_keep_their_scopes),
             AA_TEST(a_task_that_yields_is_back_in_its_scope),
             AA_TEST(a_taskgroup_waits_in_the_scope_that_it_was_in),
             AA_TEST(a_scope_goes_from_region_to_task_to_host_thread_to_region_to_task),
             AA_TEST(openmps_own_allocations_work_inside_our_scopes),
             AA_TEST_LOOP(arrays_of_a_region_come_from_its_scope, 0, 2))
