/* The dynamic scope: seen in every region, restored on every way out, the same as OpenMP's own. */
#include "kinds.h"
#include "runner.h"
#include "threads.h"
#include "violations.h"

#include <omp.h>

enum { THREADS = 4 };

static uintptr_t default_handle(void)
{
    return (uintptr_t)omp_get_default_allocator();
}

START_TEST(without_a_scope_the_heap_is_current)
{
    ck_assert_ptr_eq(aa_current(), aa_heap());
}
END_TEST

START_TEST(a_scope_makes_its_allocator_current_and_restores)
{
    aa_allocator *const a = bump_create(_i, NULL);
    int bodies = 0;
    AA_WITH(a) {
        ck_assert_ptr_eq(aa_current(), a);
        ++bodies;
    }
    ck_assert_int_eq(bodies, 1);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(scopes_nest)
{
    aa_allocator *const a = aa_arena_create(NULL);
    aa_allocator *const b = aa_shared_create(NULL);
    AA_WITH(a) {
        AA_WITH(b) {
            ck_assert_ptr_eq(aa_current(), b);
            AA_WITH(a) {
                ck_assert_ptr_eq(aa_current(), a);
            }
            ck_assert_ptr_eq(aa_current(), b);
            AA_WITH(aa_heap()) {
                ck_assert_ptr_eq(aa_current(), aa_heap());
            }
            ck_assert_ptr_eq(aa_current(), b);
        }
        ck_assert_ptr_eq(aa_current(), a);
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(scopes_nest_a_thousand_deep)
{
    enum { DEPTH = 1000 };
    aa_allocator *const both[] = {aa_arena_create(NULL), aa_shared_create(NULL)};
    aa_scope scopes[DEPTH];
    for (int i = 0; i < DEPTH; ++i) {
        scopes[i] = aa_scope_enter(both[i % 2]);
        ck_assert_ptr_eq(aa_current(), both[i % 2]);
    }
    for (int i = DEPTH; i-- > 0;) {
        ck_assert_ptr_eq(aa_current(), both[i % 2]);
        assert_status(aa_scope_leave(scopes[i]), AA_OK);
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
}
END_TEST

enum { FALL_THROUGH, BREAK, CONTINUE, RETURN, GOTO, WAYS };

static int leave_scope(aa_allocator *a, int way)
{
    AA_WITH(a) {
        if (way == BREAK) {
            break;
        }
        if (way == CONTINUE) {
            continue;
        }
        if (way == RETURN) {
            return RETURN;
        }
        if (way == GOTO) {
            goto out;
        }
    }
    return way;
out:
    return GOTO;
}

START_TEST(every_way_out_restores_the_scope)
{
    aa_allocator *const a = aa_arena_create(NULL);
    aa_allocator *const b = aa_arena_create(NULL);
    const uintptr_t before = default_handle();
    AA_WITH(a) {
        ck_assert_int_eq(leave_scope(b, _i), _i);
        ck_assert_ptr_eq(aa_current(), a);
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
    ck_assert_uint_eq(default_handle(), before);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(enter_and_leave_are_a_scope_too)
{
    aa_allocator *const a = aa_arena_create(NULL);
    const aa_scope scope = aa_scope_enter(a);
    ck_assert_ptr_eq(aa_current(), a);
    assert_status(aa_scope_leave(scope), AA_OK);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_current_handle_allocates_from_the_scope)
{
    aa_allocator *const a = bump_create(_i, NULL);
    AA_WITH(a) {
        void *const p = aa_alloc(AA_CURRENT, 100);
        void *const q = aa_calloc(AA_CURRENT, 10, 10);
        void *const r = aa_alloc_aligned(AA_CURRENT, 10, 4096);
        ck_assert(aa_owns(a, p) && aa_owns(a, q) && aa_owns(a, r));
        ck_assert(aa_owns(AA_CURRENT, p));
        aa_free(AA_CURRENT, r, 10);
        ck_assert_uint_eq(stats_of(a).used, 2 * 128);
    }
    void *const p = aa_alloc(AA_CURRENT, 100);
    ck_assert(aa_owns(aa_heap(), p));
    aa_free(AA_CURRENT, p, 100);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- regions ---- */

START_TEST(every_thread_of_a_region_sees_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0, threads = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(THREADS) reduction(+ : seen, threads)
        {
            seen += aa_current() == a;
            ++threads;
        }
        ck_assert_ptr_eq(aa_current(), a);
    }
    ck_assert_int_eq(threads, THREADS);
    ck_assert_int_eq(seen, THREADS);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(every_region_sees_the_scope_of_its_own_time)
{
    aa_allocator *const both[] = {aa_shared_create(NULL), aa_private_create(NULL)};
    int seen = 0;
    for (int round = 0; round < 10; ++round) {
        AA_WITH(both[round % 2]) {
#pragma omp parallel num_threads(THREADS) reduction(+ : seen)
            seen += aa_current() == both[round % 2];
        }
#pragma omp parallel num_threads(THREADS) reduction(+ : seen)
        seen += aa_current() == aa_heap();
    }
    ck_assert_int_eq(seen, 2 * 10 * THREADS);
}
END_TEST

START_TEST(every_thread_of_nested_regions_sees_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    omp_set_max_active_levels(3);
    int seen = 0, threads = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(2) reduction(+ : seen, threads)
        {
#pragma omp parallel num_threads(2) reduction(+ : seen, threads)
            {
#pragma omp parallel num_threads(2) reduction(+ : seen, threads)
                {
                    seen += aa_current() == a;
                    ++threads;
                }
                seen += aa_current() == a;
                ++threads;
            }
            seen += aa_current() == a;
            ++threads;
        }
    }
    ck_assert_int_eq(threads, 8 + 4 + 2);
    ck_assert_int_eq(seen, threads);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(loops_see_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
#pragma omp parallel for num_threads(THREADS) schedule(dynamic) reduction(+ : seen)
        for (int i = 0; i < 100; ++i) {
            seen += aa_current() == a;
        }
    }
    ck_assert_int_eq(seen, 100);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(sections_see_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
#pragma omp parallel sections num_threads(3) reduction(+ : seen)
        {
#pragma omp section
            seen += aa_current() == a;
#pragma omp section
            seen += aa_current() == a;
#pragma omp section
            seen += aa_current() == a;
        }
    }
    ck_assert_int_eq(seen, 3);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(regions_of_one_thread_see_the_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int seen = 0;
    AA_WITH(a) {
#pragma omp parallel num_threads(1) reduction(+ : seen)
        seen += aa_current() == a;
#pragma omp parallel if (0) reduction(+ : seen)
        seen += aa_current() == a;
    }
    ck_assert_int_eq(seen, 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_scope_inside_a_region_is_its_threads_alone)
{
    aa_allocator *const outer = aa_shared_create(NULL);
    aa_allocator *const inner = aa_shared_create(NULL);
    int wrong = 0;
    AA_WITH(outer) {
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
        {
            if (omp_get_thread_num() % 2 == 1) {
                AA_WITH(inner) {
                    wrong += aa_current() != inner;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
                    wrong += aa_current() != inner;
                }
            }
            wrong += aa_current() != outer;
        }
        ck_assert_ptr_eq(aa_current(), outer);
    }
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(outer), AA_OK);
    assert_status(aa_destroy(inner), AA_OK);
}
END_TEST

START_TEST(the_masters_scope_inside_a_region_ends_there)
{
    aa_allocator *const a = aa_shared_create(NULL);
    int wrong = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    {
        AA_WITH(a) {
            wrong += aa_current() != a;
        }
        wrong += aa_current() != aa_heap();
    }
    ck_assert_ptr_eq(aa_current(), aa_heap());
#pragma omp parallel num_threads(THREADS) reduction(+ : wrong)
    wrong += aa_current() != aa_heap();
    ck_assert_int_eq(wrong, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static void *current_here(void *unused)
{
    (void)unused;
    return aa_current();
}

START_TEST(a_new_host_thread_starts_with_the_heap)
{
    aa_allocator *const a = aa_shared_create(NULL);
    AA_WITH(a) {
        ck_assert_ptr_eq(on_thread(current_here, NULL), aa_heap());
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- the same as OpenMP's own default allocator ---- */

START_TEST(the_scope_is_openmps_default_allocator)
{
    aa_allocator *const a = bump_create(_i, NULL);
    AA_WITH(a) {
        ck_assert_uint_eq(default_handle(), aa_omp_handle(a));
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(setting_openmps_default_allocator_opens_a_scope)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const omp_allocator_handle_t before = omp_get_default_allocator();
    omp_set_default_allocator((omp_allocator_handle_t)aa_omp_handle(a));
    ck_assert_ptr_eq(aa_current(), a);
    int seen = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : seen)
    seen += aa_current() == a;
    ck_assert_int_eq(seen, THREADS);
    omp_set_default_allocator(before);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_handle_leads_back_to_its_allocator)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const uintptr_t handle = aa_omp_handle(a);
    ck_assert_uint_ne(handle, 0);
    ck_assert_uint_eq(aa_omp_handle(a), handle);
    ck_assert_ptr_eq(aa_from_omp_handle(handle), a);
    const uintptr_t heaps = aa_omp_handle(aa_heap());
    ck_assert_uint_ne(heaps, 0);
    ck_assert_uint_ne(heaps, handle);
    ck_assert_ptr_eq(aa_from_omp_handle(heaps), aa_heap());
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_handle_that_is_not_ours_leads_nowhere_and_means_the_heap)
{
    ck_assert_ptr_null(aa_from_omp_handle((uintptr_t)omp_default_mem_alloc));
    ck_assert_ptr_null(aa_from_omp_handle((uintptr_t)omp_large_cap_mem_alloc));
    ck_assert_ptr_null(aa_from_omp_handle(0));
    const omp_allocator_handle_t before = omp_get_default_allocator();
    omp_set_default_allocator(omp_large_cap_mem_alloc);
    ck_assert_ptr_eq(aa_current(), aa_heap());
    omp_set_default_allocator(before);
}
END_TEST

START_TEST(the_heaps_scope_installs_the_heaps_own_handle)
{
    const uintptr_t before = default_handle();
    AA_WITH(aa_heap()) {
        ck_assert_uint_eq(default_handle(), aa_omp_handle(aa_heap()));
        ck_assert_ptr_eq(aa_current(), aa_heap());
    }
    ck_assert_uint_eq(default_handle(), before);
}
END_TEST

START_TEST(leaving_restores_a_foreign_default_allocator_bit_for_bit)
{
    aa_allocator *const a = aa_shared_create(NULL);
    const omp_allocator_handle_t before = omp_get_default_allocator();
    omp_set_default_allocator(omp_large_cap_mem_alloc);
    AA_WITH(a) {
        ck_assert_ptr_eq(aa_current(), a);
    }
    ck_assert_uint_eq(default_handle(), (uintptr_t)omp_large_cap_mem_alloc);
    omp_set_default_allocator(before);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_handle_of_a_destroyed_allocator_leads_nowhere_for_ever)
{
    enum { COUNT = 200 };
    uintptr_t handles[COUNT];
    for (int i = 0; i < COUNT; ++i) {
        aa_allocator *const a = aa_arena_create(NULL);
        handles[i] = aa_omp_handle(a);
        assert_status(aa_destroy(a), AA_OK);
    }
    for (int i = 0; i < COUNT; ++i) {
        ck_assert_ptr_null(aa_from_omp_handle(handles[i]));
        for (int k = 0; k < i; ++k) {
            ck_assert_uint_ne(handles[i], handles[k]);
        }
    }
}
END_TEST

START_TEST(the_mode_says_that_regions_carry_the_scope)
{
    ck_assert_int_eq(strncmp(aa_scope_mode(), "regions", 7), 0);
}
END_TEST

AA_TEST_MAIN("scope", AA_TEST(without_a_scope_the_heap_is_current),
             AA_TEST_BUMP(a_scope_makes_its_allocator_current_and_restores), AA_TEST(scopes_nest),
             AA_TEST(scopes_nest_a_thousand_deep),
             AA_TEST_LOOP(every_way_out_restores_the_scope, 0, WAYS),
             AA_TEST(enter_and_leave_are_a_scope_too),
             AA_TEST_BUMP(the_current_handle_allocates_from_the_scope),
             AA_TEST(every_thread_of_a_region_sees_the_scope),
             AA_TEST(every_region_sees_the_scope_of_its_own_time),
             AA_TEST(every_thread_of_nested_regions_sees_the_scope), AA_TEST(loops_see_the_scope),
             AA_TEST(sections_see_the_scope), AA_TEST(regions_of_one_thread_see_the_scope),
             AA_TEST(a_scope_inside_a_region_is_its_threads_alone),
             AA_TEST(the_masters_scope_inside_a_region_ends_there),
             AA_TEST(a_new_host_thread_starts_with_the_heap),
             AA_TEST_BUMP(the_scope_is_openmps_default_allocator),
             AA_TEST(setting_openmps_default_allocator_opens_a_scope),
             AA_TEST_BUMP(a_handle_leads_back_to_its_allocator),
             AA_TEST(a_handle_that_is_not_ours_leads_nowhere_and_means_the_heap),
             AA_TEST(the_heaps_scope_installs_the_heaps_own_handle),
             AA_TEST(leaving_restores_a_foreign_default_allocator_bit_for_bit),
             AA_TEST(the_handle_of_a_destroyed_allocator_leads_nowhere_for_ever),
             AA_TEST(the_mode_says_that_regions_carry_the_scope))
