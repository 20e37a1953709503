/* Marks, rewind and scratch of the bump allocators (of the heap: test_heap.c). */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "upstreams.h"
#include "violations.h"

#include <omp.h>

static const int64_t shape[] = {100};

START_TEST(a_rewind_takes_back_what_came_since_the_mark)
{
    aa_allocator *const a = bump_create(_i, NULL);
    (void)aa_alloc(a, 100);
    const size_t used = stats_of(a).used;
    const aa_mark mark = aa_mark_take(a);
    ck_assert(!aa_mark_is_null(mark));
    void *const p = aa_alloc(a, 100);
    (void)aa_alloc(a, 5000);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, used);
    ck_assert_ptr_eq(aa_alloc(a, 100), p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_rewind_keeps_what_came_before_the_mark)
{
    aa_allocator *const a = bump_create(_i, NULL);
    char *const p = aa_alloc(a, 1000);
    pattern_fill(p, 1000, 1);
    const aa_mark mark = aa_mark_take(a);
    memset(aa_alloc(a, 5000), 0xee, 5000);
    assert_status(aa_mark_rewind(mark), AA_OK);
    memset(aa_alloc(a, 5000), 0xdd, 5000);
    ck_assert(pattern_holds(p, 1000, 1));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_mark_takes_no_memory)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    const aa_mark mark = aa_mark_take(a);
    ck_assert(!aa_mark_is_null(mark));
    ck_assert_uint_eq(count.requests, 0);
    (void)aa_alloc(a, 100);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(marks_work_across_blocks)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream, .initial = 4096});
    char *const p = aa_alloc(a, 1000);
    pattern_fill(p, 1000, 1);
    const size_t used = stats_of(a).used;
    uint64_t calls = 0;
    for (int round = 0; round < 20; ++round) {
        const aa_mark mark = aa_mark_take(a);
        for (unsigned i = 0; i < 50; ++i) {
            char *const q = aa_alloc(a, 3000);
            ck_assert_ptr_nonnull(q);
            pattern_fill(q, 3000, i);
        }
        assert_status(aa_mark_rewind(mark), AA_OK);
        ck_assert_uint_eq(stats_of(a).used, used);
        calls = round == 0 ? upstream_calls(&count) : calls;
    }
    ck_assert_uint_eq(upstream_calls(&count), calls);
    ck_assert(pattern_holds(p, 1000, 1));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(nested_marks_rewind_one_by_one)
{
    enum { DEPTH = 50 };
    aa_allocator *const a = bump_create(_i, &(aa_options){.initial = 4096});
    aa_mark marks[DEPTH];
    size_t used[DEPTH];
    for (size_t i = 0; i < DEPTH; ++i) {
        used[i] = stats_of(a).used;
        marks[i] = aa_mark_take(a);
        (void)aa_alloc(a, 100 * i);
        (void)aa_alloc(a, i % 7 == 0 ? 100000 : 1);
    }
    for (size_t i = DEPTH; i-- > 0;) {
        assert_status(aa_mark_rewind(marks[i]), AA_OK);
        ck_assert_uint_eq(stats_of(a).used, used[i]);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(rewinding_an_outer_mark_takes_back_the_inner_ones_memory_too)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_mark outer = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    (void)aa_mark_take(a);
    (void)aa_alloc(a, 100);
    (void)aa_mark_take(a);
    (void)aa_alloc(a, 100);
    assert_status(aa_mark_rewind(outer), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(dropping_a_mark_keeps_everything)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_mark mark = aa_mark_take(a);
    char *const p = aa_alloc(a, 1000);
    pattern_fill(p, 1000, 1);
    assert_status(aa_mark_drop(mark), AA_OK);
    memset(aa_alloc(a, 1000), 0xee, 1000);
    ck_assert(pattern_holds(p, 1000, 1));
    ck_assert_uint_eq(stats_of(a).used, 2048);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(after_a_drop_the_outer_mark_still_rewinds)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_mark outer = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    const aa_mark inner = aa_mark_take(a);
    (void)aa_alloc(a, 100);
    assert_status(aa_mark_drop(inner), AA_OK);
    assert_status(aa_mark_rewind(outer), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(marks_nest_4096_deep_and_no_deeper)
{
    enum { DEPTH = 4096 };
    static aa_mark marks[DEPTH];
    aa_allocator *const a = bump_create(_i, NULL);
    for (int i = 0; i < DEPTH; ++i) {
        marks[i] = aa_mark_take(a);
        ck_assert_msg(!aa_mark_is_null(marks[i]), "mark %d: %s", i, aa_last_message());
    }
    aa_last_clear();
    ck_assert(aa_mark_is_null(aa_mark_take(a)));
    ck_assert_int_ne(aa_last_status(), AA_OK);
    for (int i = DEPTH; i-- > 0;) {
        assert_status(aa_mark_rewind(marks[i]), AA_OK);
    }
    ck_assert(!aa_mark_is_null(aa_mark_take(a)));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_block_older_than_the_newest_mark_is_not_given_back)
{
    aa_allocator *const a = bump_create(_i, NULL);
    char *const p = aa_alloc(a, 100);
    const aa_mark mark = aa_mark_take(a);
    const aa_stats before = stats_of(a);
    aa_free(a, p, 100);
    const aa_stats after = stats_of(a);
    ck_assert_uint_eq(after.used, before.used);
    ck_assert_uint_eq(after.live_frees, before.live_frees + 1);
    ck_assert_ptr_ne(aa_alloc(a, 100), p);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, before.used);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_block_older_than_the_newest_mark_does_not_grow_in_place)
{
    aa_allocator *const a = bump_create(_i, NULL);
    char *const p = aa_alloc(a, 100);
    pattern_fill(p, 100, 1);
    const aa_mark mark = aa_mark_take(a);
    char *const q = aa_realloc(a, p, 100, 1000);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_ne(q, p);
    ck_assert(pattern_holds(q, 100, 1));
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(arrays_made_since_a_mark_are_stale_after_rewind_and_older_ones_are_not)
{
    aa_allocator *const a = bump_create(_i, NULL);
    const aa_array older = aa_empty(a, AA_F64, 1, shape);
    const aa_mark mark = aa_mark_take(a);
    const aa_array newer = aa_empty(a, AA_F64, 1, shape);
    ck_assert(aa_is_valid(&older) && aa_is_valid(&newer));
    assert_status(aa_mark_rewind(mark), AA_OK);
    const aa_array newest = aa_empty(a, AA_F64, 1, shape);
    ck_assert(aa_is_valid(&older));
    ck_assert(!aa_is_valid(&newer));
    ck_assert(aa_is_valid(&newest));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_rewind_is_this_threads_alone)
{
    aa_allocator *const a = _i == SHARED ? aa_shared_create(NULL) : aa_private_create(NULL);
    int broken = 0;
#pragma omp parallel num_threads(4) reduction(+ : broken)
    {
        const unsigned seed = (unsigned)omp_get_thread_num();
        const aa_mark mark = aa_mark_take(a);
        char *const p = aa_alloc(a, 3000);
        pattern_fill(p, 3000, seed);
#pragma omp barrier
        if (seed % 2 == 0) {
            broken += aa_mark_rewind(mark) != AA_OK;
            memset(aa_alloc(a, 3000), 0xee, 3000);
            memset(aa_alloc(a, 300000), 0xee, 300000);
        }
#pragma omp barrier
        if (seed % 2 == 1) {
            broken += !pattern_holds(p, 3000, seed);
            broken += aa_mark_rewind(mark) != AA_OK;
        }
    }
    ck_assert_int_eq(broken, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- temporaries freed in reverse order ---- */

static void take_and_free(aa_allocator *a)
{
    static const struct {
        size_t bytes, alignment;
    } all[] = {{100, 0},       {0, 0},    {20000, 0}, {100, 4096}, {3 << 20, 0},
               {100, 1 << 20}, {64, 128}, {1, 0},     {70000, 0},  {2 << 20, 1 << 16}};
    enum { COUNT = sizeof all / sizeof all[0] };
    void *at[COUNT];
    for (size_t i = 0; i < COUNT; ++i) {
        at[i] = aa_alloc_aligned(a, all[i].bytes, all[i].alignment);
        ck_assert_ptr_nonnull(at[i]);
    }
    for (size_t i = COUNT; i-- > 0;) {
        aa_free(a, at[i], all[i].bytes);
    }
}

START_TEST(temporaries_freed_in_reverse_order_never_grow_anything)
{
    upstream_count count;
    aa_upstream *const upstream = counted_create(&count);
    aa_allocator *const a = bump_create(_i, &(aa_options){.upstream = upstream});
    char *const kept = aa_alloc(a, 100);
    pattern_fill(kept, 100, 1);
    take_and_free(a);
    const aa_stats first = stats_of(a);
    ck_assert_uint_eq(first.used, 128);
    ck_assert_uint_eq(first.live_frees, 0);
    const uint64_t calls = upstream_calls(&count);
    for (int round = 0; round < 200; ++round) {
        take_and_free(a);
        const aa_stats now = stats_of(a);
        ck_assert_uint_eq(now.used, first.used);
        ck_assert_uint_eq(now.wasted, first.wasted);
        ck_assert_uint_eq(now.live_frees, 0);
    }
    ck_assert_uint_eq(upstream_calls(&count), calls);
    ck_assert_uint_eq(stats_of(a).peak, first.peak);
    ck_assert(pattern_holds(kept, 100, 1));
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_upstream_destroy(upstream), AA_OK);
}
END_TEST

START_TEST(temporaries_freed_in_reverse_order_inside_a_scratch_never_grow_anything)
{
    aa_allocator *const a = bump_create(_i, NULL);
    AA_SCRATCH(a) {
        take_and_free(a);
        const aa_stats first = stats_of(a);
        for (int round = 0; round < 100; ++round) {
            take_and_free(a);
        }
        const aa_stats last = stats_of(a);
        ck_assert_uint_eq(last.used, 0);
        ck_assert_uint_eq(last.committed, first.committed);
        ck_assert_uint_eq(last.upstream_calls, first.upstream_calls);
    }
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

/* ---- scratch: every way out ---- */

enum { FALL_THROUGH, BREAK, CONTINUE, RETURN, GOTO, WAYS };

static int leave_scratch(aa_allocator *a, int way)
{
    AA_SCRATCH(a) {
        (void)aa_alloc(a, 1000);
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
        (void)aa_alloc(a, 1000);
    }
    return way;
out:
    return GOTO;
}

START_TEST(every_way_out_of_a_scratch_rewinds)
{
    const int way = _i % WAYS;
    aa_allocator *const a = bump_create(_i / WAYS, NULL);
    (void)aa_alloc(a, 100);
    const size_t used = stats_of(a).used;
    (void)leave_scratch(a, way);
    ck_assert_uint_eq(stats_of(a).used, used);
    const aa_mark mark = aa_mark_take(a); /* no mark is left open above this one */
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(break_and_continue_end_the_scratch_and_not_the_loop_around)
{
    aa_allocator *const a = bump_create(_i, NULL);
    int rounds = 0, after = 0;
    for (int i = 0; i < 10; ++i) {
        ++rounds;
        AA_SCRATCH(a) {
            (void)aa_alloc(a, 100);
            if (i % 2 == 0) {
                break;
            }
            continue;
        }
        ++after;
    }
    ck_assert_int_eq(rounds, 10);
    ck_assert_int_eq(after, 10);
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(scratches_nest)
{
    aa_allocator *const a = bump_create(_i, &(aa_options){.initial = 4096});
    AA_SCRATCH(a) {
        char *const p = aa_alloc(a, 3000);
        pattern_fill(p, 3000, 1);
        AA_SCRATCH(a) {
            memset(aa_alloc(a, 30000), 0xee, 30000);
            AA_SCRATCH(a) {
                memset(aa_alloc(a, 3000), 0xdd, 3000);
            }
        }
        ck_assert_uint_eq(stats_of(a).used, rounded_64(3000));
        memset(aa_alloc(a, 30000), 0xcc, 30000);
        ck_assert(pattern_holds(p, 3000, 1));
    }
    ck_assert_uint_eq(stats_of(a).used, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(scratch2_opens_two_at_once)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = bump_create(_i, NULL);
    int bodies = 0;
    AA_SCRATCH2(a, b) {
        (void)aa_alloc(a, 100);
        (void)aa_alloc(b, 100);
        ++bodies;
    }
    ck_assert_int_eq(bodies, 1);
    ck_assert_uint_eq(stats_of(a).used, 0);
    ck_assert_uint_eq(stats_of(b).used, 0);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(scratch_of_the_current_allocator_is_resolved_on_entry)
{
    aa_allocator *const a = bump_create(_i, NULL);
    aa_allocator *const b = bump_create(_i, NULL);
    AA_WITH(a) {
        AA_SCRATCH(AA_CURRENT) {
            (void)aa_alloc(AA_CURRENT, 100);
            const aa_scope inner = aa_scope_enter(b);
            (void)aa_alloc(AA_CURRENT, 100);
            ck_assert_uint_eq(stats_of(a).used, 128);
            assert_status(aa_scope_leave(inner), AA_OK);
        }
        ck_assert_uint_eq(stats_of(a).used, 0);
        ck_assert_uint_eq(stats_of(b).used, 128);
    }
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(b), AA_OK);
}
END_TEST

START_TEST(the_body_of_a_scratch_runs_once_also_with_null)
{
    int bodies = 0;
    record_violations();
    AA_SCRATCH(NULL) {
        ++bodies;
    }
    ck_assert_int_eq(bodies, 1);
    ck_assert_int_eq(aa_last_status(), AA_INVALID);
}
END_TEST

AA_TEST_MAIN("marks", AA_TEST_BUMP(a_rewind_takes_back_what_came_since_the_mark),
             AA_TEST_BUMP(a_rewind_keeps_what_came_before_the_mark),
             AA_TEST_BUMP(a_mark_takes_no_memory), AA_TEST_BUMP(marks_work_across_blocks),
             AA_TEST_BUMP(nested_marks_rewind_one_by_one),
             AA_TEST_BUMP(rewinding_an_outer_mark_takes_back_the_inner_ones_memory_too),
             AA_TEST_BUMP(dropping_a_mark_keeps_everything),
             AA_TEST_BUMP(after_a_drop_the_outer_mark_still_rewinds),
             AA_TEST_BUMP(marks_nest_4096_deep_and_no_deeper),
             AA_TEST_BUMP(a_block_older_than_the_newest_mark_is_not_given_back),
             AA_TEST_BUMP(a_block_older_than_the_newest_mark_does_not_grow_in_place),
             AA_TEST_BUMP(arrays_made_since_a_mark_are_stale_after_rewind_and_older_ones_are_not),
             AA_TEST_LOOP(a_rewind_is_this_threads_alone, SHARED, PRIVATE + 1),
             AA_TEST_BUMP(temporaries_freed_in_reverse_order_never_grow_anything),
             AA_TEST_BUMP(temporaries_freed_in_reverse_order_inside_a_scratch_never_grow_anything),
             AA_TEST_LOOP(every_way_out_of_a_scratch_rewinds, 0, WAYS *BUMP_KINDS),
             AA_TEST_BUMP(break_and_continue_end_the_scratch_and_not_the_loop_around),
             AA_TEST_BUMP(scratches_nest), AA_TEST_BUMP(scratch2_opens_two_at_once),
             AA_TEST_BUMP(scratch_of_the_current_allocator_is_resolved_on_entry),
             AA_TEST(the_body_of_a_scratch_runs_once_also_with_null))
