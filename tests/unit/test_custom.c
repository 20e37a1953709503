/* Custom allocators: a method table, versioned, with optional methods. */
#include "kinds.h"
#include "patterns.h"
#include "runner.h"
#include "violations.h"

#include <omp.h>
#include <stdlib.h>

/* A stack in static memory that remembers how it was called. */
typedef struct stack {
    char *memory;
    size_t size, used;
    int allocs, frees, resets, marks, rewinds, owns, destroys;
    size_t last_bytes, last_alignment, freed_bytes;
    void *freed;
    aa_allocator *other; /* if not NULL: alloc takes something from it too */
} stack;

static void *stack_alloc(void *state, size_t bytes, size_t alignment)
{
    stack *const s = state;
    ++s->allocs;
    s->last_bytes = bytes;
    s->last_alignment = alignment;
    if (s->other != NULL && aa_alloc(s->other, 10) == NULL) {
        return NULL;
    }
    const size_t start = (s->used + alignment - 1) & ~(alignment - 1);
    if (start > s->size || bytes > s->size - start) {
        return NULL;
    }
    s->used = start + bytes;
    return s->memory + start;
}

static void stack_free(void *state, void *pointer, size_t bytes)
{
    stack *const s = state;
    ++s->frees;
    s->freed = pointer;
    s->freed_bytes = bytes;
}

static aa_status stack_reset(void *state)
{
    stack *const s = state;
    ++s->resets;
    s->used = 0;
    return AA_OK;
}

static void *stack_mark(void *state)
{
    stack *const s = state;
    ++s->marks;
    return s->memory + s->used;
}

static aa_status stack_rewind(void *state, void *mark)
{
    stack *const s = state;
    ++s->rewinds;
    s->used = (size_t)((char *)mark - s->memory);
    return AA_OK;
}

static bool stack_owns(const void *state, const void *pointer)
{
    const stack *const s = state;
    return lies_in(pointer, 1, s->memory, s->size);
}

static void stack_destroy(void *state)
{
    ++((stack *)state)->destroys;
}

static const aa_allocator_ops full = {sizeof full, stack_alloc,  stack_free, stack_reset,
                                      stack_mark,  stack_rewind, stack_owns, stack_destroy};
static const aa_allocator_ops bare = {.size = sizeof bare, .alloc = stack_alloc};

static char memory[1 << 16] __attribute__((aligned(4096)));

#define STACK_INIT                                                                                 \
    {                                                                                              \
        .memory = memory, .size = sizeof memory                                                    \
    }

static aa_allocator *create(const aa_allocator_ops *ops, stack *state, const aa_options *options)
{
    aa_allocator *const a = aa_custom_create(ops, state, options);
    ck_assert_msg(a != NULL, "%s", aa_last_message());
    return a;
}

START_TEST(requests_reach_the_method)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    char *const p = aa_alloc(a, 100);
    ck_assert(lies_in(p, 100, memory, sizeof memory));
    ck_assert_uint_ge(s.last_bytes, 100);
    ck_assert_uint_eq(s.last_alignment, 64);
    ck_assert(is_aligned(aa_alloc_aligned(a, 10, 1024), 1024));
    ck_assert_uint_eq(s.last_alignment, 1024);
    ck_assert_int_eq(s.allocs, 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(the_method_is_never_asked_for_nothing)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    void *const p = aa_alloc(a, 0);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_gt(s.last_bytes, 0);
    void *const q = aa_alloc(a, 0);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_ne(p, q);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(name_and_alignment_come_from_the_options)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, &(aa_options){.name = "stack", .alignment = 512});
    ck_assert_str_eq(aa_name(a), "stack");
    ck_assert(is_aligned(aa_alloc(a, 1), 512));
    ck_assert(is_aligned(aa_alloc(a, 1), 512));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(calloc_clears_what_the_method_gave)
{
    memset(memory, 0xee, sizeof memory);
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    char *const p = aa_calloc(a, 10, 100);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_zero(p, 1000));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_method_that_has_no_memory_is_no_memory)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    assert_fails(aa_alloc(a, sizeof memory + 1), AA_NOMEM);
    ck_assert_ptr_nonnull(aa_alloc(a, sizeof memory / 2));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(sizes_that_cannot_be_do_not_reach_the_method)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    assert_fails(aa_alloc(a, SIZE_MAX), AA_OVERFLOW);
    assert_fails(aa_calloc(a, SIZE_MAX / 2, 3), AA_OVERFLOW);
    assert_fails(aa_alloc_aligned(a, 10, 3), AA_INVALID);
    ck_assert_int_eq(s.allocs, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(free_passes_pointer_and_bytes)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    char *const p = aa_alloc(a, 100);
    aa_free(a, p, 100);
    ck_assert_int_eq(s.frees, 1);
    ck_assert_ptr_eq(s.freed, p);
    ck_assert_uint_ge(s.freed_bytes, 100);
    aa_free(a, NULL, 100);
    ck_assert_int_eq(s.frees, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

static aa_array ten(aa_allocator *a)
{
    const int64_t shape[] = {10};
    const aa_array array = aa_empty(a, AA_F64, 1, shape);
    ck_assert_msg(!aa_is_null(&array), "%s", aa_last_message());
    return array;
}

START_TEST(a_freed_array_stales_its_copies_and_no_others)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    const aa_array before = ten(a);
    aa_array array = ten(a);
    const aa_array after = ten(a);
    aa_array copy = array;
    const aa_array view = aa_slice(&array, (aa_range[]){AA_ALL});
    assert_status(aa_array_free(&array), AA_OK);
    ck_assert_int_eq(s.frees, 1);
    ck_assert(!aa_is_valid(&copy));
    ck_assert(!aa_is_valid(&view));
    ck_assert(aa_is_valid(&before));
    ck_assert(aa_is_valid(&after));
    assert_refused(aa_array_free(&copy), AA_STALE, AA_USE_AFTER_RESET);
    ck_assert_int_eq(s.frees, 1);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert(!aa_is_valid(&before));
}
END_TEST

START_TEST(an_array_in_the_place_of_a_freed_one_does_not_revive_it)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    aa_array array = ten(a);
    const aa_array copy = array;
    const void *const place = array.data;
    assert_status(aa_array_free(&array), AA_OK);
    s.used = 0;
    const aa_array next = ten(a);
    ck_assert_ptr_eq(next.data, place);
    ck_assert(aa_is_valid(&next));
    ck_assert(!aa_is_valid(&copy));
    assert_status(aa_reset(a), AA_OK);
    const aa_array last = ten(a);
    ck_assert_ptr_eq(last.data, place);
    ck_assert(aa_is_valid(&last));
    ck_assert(!aa_is_valid(&next));
    ck_assert(!aa_is_valid(&copy));
    s.used = 0; /* the method takes memory back behind our back, and gives it out again */
    const aa_array over = ten(a);
    ck_assert(aa_is_valid(&over));
    ck_assert(!aa_is_valid(&last));
    aa_free(a, over.data, 80);
    ck_assert(!aa_is_valid(&over));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_rewind_stales_what_came_after_the_mark)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    aa_array before = ten(a);
    const size_t used = stats_of(a).used;
    const aa_mark mark = aa_mark_take(a);
    const aa_array after = ten(a);
    record_violations();
    assert_status(aa_pin(&after), AA_OK);
    ck_assert_int_eq(aa_mark_rewind(mark), AA_BUSY);
    assert_one_report("aa_mark_rewind", AA_RESET_IN_USE);
    ck_assert(aa_is_valid(&after));
    assert_status(aa_unpin(&after), AA_OK);
    ck_assert_uint_gt(stats_of(a).used, used);
    assert_status(aa_mark_rewind(mark), AA_OK);
    ck_assert_uint_eq(stats_of(a).used, used);
    ck_assert(aa_is_valid(&before));
    ck_assert(!aa_is_valid(&after));
    assert_status(aa_pin(&before), AA_OK);
    assert_refused(aa_array_free(&before), AA_BUSY, AA_RESET_IN_USE);
    assert_status(aa_unpin(&before), AA_OK);
    assert_status(aa_array_free(&before), AA_OK);
    ck_assert_int_eq(s.frees, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(arrays_pinned_at_the_end_of_a_scratch_are_one_report)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    record_violations();
    AA_SCRATCH(a) {
        const aa_array one = ten(a), two = ten(a);
        assert_status(aa_pin(&one), AA_OK);
        assert_status(aa_pin(&two), AA_OK);
    }
    assert_one_report("AA_SCRATCH", AA_ESCAPE);
    ck_assert_int_eq(s.rewinds, 1);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_raw_free_of_a_pinned_array_leaves_no_pin_behind)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    const aa_array array = ten(a);
    assert_status(aa_pin(&array), AA_OK);
    aa_free(a, array.data, 80);
    assert_status(aa_reset(a), AA_OK);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(realloc_moves_through_alloc_and_free)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    char *const p = aa_alloc(a, 100);
    pattern_fill(p, 100, 1);
    char *const q = aa_realloc(a, p, 100, 1000);
    ck_assert_ptr_nonnull(q);
    ck_assert(pattern_holds(q, 100, 1));
    ck_assert_ptr_eq(s.freed, p);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(reset_calls_the_method_and_counts)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    const int64_t shape[] = {10};
    const aa_array array = aa_empty(a, AA_F64, 1, shape);
    ck_assert(aa_is_valid(&array));
    assert_status(aa_reset(a), AA_OK);
    ck_assert_int_eq(s.resets, 1);
    ck_assert_uint_eq(stats_of(a).resets, 1);
    ck_assert(!aa_is_valid(&array));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(without_a_reset_method_reset_is_unsupported)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&bare, &s, NULL);
    const int64_t shape[] = {10};
    const aa_array array = aa_empty(a, AA_F64, 1, shape);
    assert_status(aa_reset(a), AA_UNSUPPORTED);
    ck_assert(aa_is_valid(&array));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(marks_call_the_methods)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    (void)aa_alloc(a, 100);
    const size_t used = s.used;
    AA_SCRATCH(a) {
        ck_assert_int_eq(s.marks, 1);
        (void)aa_alloc(a, 1000);
    }
    ck_assert_int_eq(s.rewinds, 1);
    ck_assert_uint_eq(s.used, used);
    const aa_mark mark = aa_mark_take(a);
    (void)aa_alloc(a, 1000);
    assert_status(aa_mark_drop(mark), AA_OK);
    ck_assert_int_eq(s.rewinds, 1);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(without_mark_methods_a_mark_does_nothing_and_the_report_says_so)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&bare, &s, &(aa_options){.name = "no marks here"});
    record_violations();
    char *p = NULL;
    AA_SCRATCH(a) {
        p = aa_alloc(a, 100);
        pattern_fill(p, 100, 1);
    }
    ck_assert(pattern_holds(p, 100, 1));
    const aa_mark mark = aa_mark_take(a);
    ck_assert(!aa_mark_is_null(mark));
    assert_status(aa_mark_rewind(mark), AA_OK);
    assert_no_reports();
    char *text = NULL;
    size_t length = 0;
    FILE *const file = open_memstream(&text, &length);
    assert_status(aa_report(file, a), AA_OK);
    (void)fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "no marks here"));
    ck_assert_ptr_nonnull(strstr(strstr(text, "no marks here") + 13, "mark"));
    free(text);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(owns_asks_the_method)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    ck_assert(aa_owns(a, memory));
    ck_assert(!aa_owns(a, &s));
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(destroy_calls_the_method_once)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    ck_assert_int_eq(s.destroys, 0);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(s.destroys, 1);
}
END_TEST

START_TEST(the_table_is_copied)
{
    stack s = STACK_INIT;
    aa_allocator_ops ops = full;
    aa_allocator *const a = create(&ops, &s, NULL);
    memset(&ops, 0, sizeof ops);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(s.destroys, 1);
}
END_TEST

START_TEST(a_table_of_an_older_version_has_fewer_methods)
{
    stack s = STACK_INIT;
    aa_allocator_ops ops = full;
    ops.size = offsetof(aa_allocator_ops, reset);
    aa_allocator *const a = create(&ops, &s, NULL);
    char *const p = aa_alloc(a, 100);
    aa_free(a, p, 100);
    ck_assert_int_eq(s.frees, 1);
    assert_status(aa_reset(a), AA_UNSUPPORTED);
    assert_status(aa_destroy(a), AA_OK);
    ck_assert_int_eq(s.resets + s.destroys, 0);
}
END_TEST

START_TEST(a_table_without_size_or_alloc_is_refused)
{
    stack s = STACK_INIT;
    aa_allocator_ops ops = full;
    ops.size = 0;
    assert_fails(aa_custom_create(&ops, &s, NULL), AA_INVALID);
    ops = full;
    ops.alloc = NULL;
    assert_fails(aa_custom_create(&ops, &s, NULL), AA_INVALID);
    assert_fails(aa_custom_create(NULL, &s, NULL), AA_INVALID);
    assert_fails(aa_custom_create(&full, &s, &(aa_options){.alignment = 3}), AA_INVALID);
    ck_assert_int_eq(s.destroys, 0);
}
END_TEST

START_TEST(a_method_may_use_other_allocators)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    stack s = STACK_INIT;
    s.other = arena;
    aa_allocator *const a = create(&full, &s, NULL);
    ck_assert_ptr_nonnull(aa_alloc(a, 100));
    ck_assert_uint_eq(stats_of(arena).allocations, 1);
    assert_status(aa_destroy(a), AA_OK);
    assert_status(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_custom_allocator_can_be_current)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    int seen = 0;
    AA_WITH(a) {
        ck_assert(lies_in(aa_alloc(AA_CURRENT, 10), 10, memory, sizeof memory));
#pragma omp parallel num_threads(4) reduction(+ : seen)
        seen += aa_current() == a;
    }
    ck_assert_int_eq(seen, 4);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_custom_allocator_counts_what_it_served)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    (void)aa_alloc(a, 100);
    (void)aa_alloc(a, 100);
    (void)aa_alloc(a, sizeof memory);
    ck_assert_uint_eq(stats_of(a).allocations, 2);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

START_TEST(a_reset_of_a_custom_allocator_in_a_region_is_refused)
{
    stack s = STACK_INIT;
    aa_allocator *const a = create(&full, &s, NULL);
    record_violations();
    aa_status status = AA_OK;
#pragma omp parallel num_threads(1)
    status = aa_reset(a);
    ck_assert_int_eq(status, AA_BUSY);
    assert_one_report("aa_reset", AA_RESET_IN_PARALLEL);
    ck_assert_int_eq(s.resets, 0);
    assert_status(aa_destroy(a), AA_OK);
}
END_TEST

AA_TEST_MAIN(
    "custom", AA_TEST(requests_reach_the_method), AA_TEST(the_method_is_never_asked_for_nothing),
    AA_TEST(name_and_alignment_come_from_the_options), AA_TEST(calloc_clears_what_the_method_gave),
    AA_TEST(a_method_that_has_no_memory_is_no_memory),
    AA_TEST(sizes_that_cannot_be_do_not_reach_the_method), AA_TEST(free_passes_pointer_and_bytes),
    AA_TEST(a_freed_array_stales_its_copies_and_no_others),
    AA_TEST(an_array_in_the_place_of_a_freed_one_does_not_revive_it),
    AA_TEST(a_rewind_stales_what_came_after_the_mark),
    AA_TEST(arrays_pinned_at_the_end_of_a_scratch_are_one_report),
    AA_TEST(a_raw_free_of_a_pinned_array_leaves_no_pin_behind),
    AA_TEST(realloc_moves_through_alloc_and_free), AA_TEST(reset_calls_the_method_and_counts),
    AA_TEST(without_a_reset_method_reset_is_unsupported), AA_TEST(marks_call_the_methods),
    AA_TEST(without_mark_methods_a_mark_does_nothing_and_the_report_says_so),
    AA_TEST(owns_asks_the_method), AA_TEST(destroy_calls_the_method_once),
    AA_TEST(the_table_is_copied), AA_TEST(a_table_of_an_older_version_has_fewer_methods),
    AA_TEST(a_table_without_size_or_alloc_is_refused), AA_TEST(a_method_may_use_other_allocators),
    AA_TEST(a_custom_allocator_can_be_current), AA_TEST(a_custom_allocator_counts_what_it_served),
    AA_TEST(a_reset_of_a_custom_allocator_in_a_region_is_refused))
