/* Tests of what all kernels promise: where they allocate, what they refuse, what a failure leaves. */
#include "test_kernels.h"

#include <omp.h>

/* ---- every kernel that makes an array, on small arguments ------------------------------------------ */

/* x (4, 3, 8, 8), its matrix m (12, 64), and parameters; what kernels need, bound to one handle. */
typedef struct arguments {
    aa_array x, m, w, b, c, columns;
} arguments;

static bool choices[] = {true, false, false, true, false, true, true, false};

static aa_array run_relu(const arguments *a)
{
    return aa_relu(&a->x);
}
static aa_array run_add(const arguments *a)
{
    return aa_add(&a->x, &a->x);
}
static aa_array run_sum(const arguments *a)
{
    return aa_sum(&a->x, 1);
}
static aa_array run_mean_of_view(const arguments *a)
{
    return aa_mean(&a->columns, AA_ALL_AXES);
}
static aa_array run_sum_of_axes(const arguments *a)
{
    return aa_sum_axes(&a->x, 2, (const int[]){0, 2}, AA_AXES_KEPT);
}
static aa_array run_argmax(const arguments *a)
{
    return aa_argmax(&a->x, 2);
}
static aa_array run_argmin_of_view(const arguments *a)
{
    return aa_argmin(&a->columns, AA_ALL_AXES);
}
static aa_array run_cumsum(const arguments *a)
{
    return aa_cumsum(&a->columns, 0);
}
static aa_array run_matmul(const arguments *a)
{
    return aa_matmul(&a->m, &a->columns);
}
static aa_array run_dense(const arguments *a)
{
    const aa_array weights = view_transposed(&a->columns);
    return aa_dense(&a->m, &weights, NULL);
}
static aa_array run_conv(const arguments *a)
{
    return aa_conv2d(&a->x, &a->w, &a->b);
}
static aa_array run_conv_of_views(const arguments *a)
{
    const aa_array turned = aa_permute(&a->w, (const int[]){0, 1, 3, 2});
    return aa_conv2d(&a->x, &turned, NULL);
}
static aa_array run_pool(const arguments *a)
{
    return aa_maxpool2d(&a->x);
}
static aa_array run_norm(const arguments *a)
{
    return aa_batchnorm(&a->x, &a->c, &a->c, &a->c, &a->c, 1e-5);
}
static aa_array run_softmax(const arguments *a)
{
    return aa_softmax(&a->x);
}

static aa_array run_less(const arguments *a)
{
    return aa_less(&a->x, &a->x);
}
static aa_array run_where(const arguments *a)
{
    const aa_array mask = aa_wrap(choices, AA_BOOL, 1, SHAPE(8), NULL);
    const aa_array bound = aa_bind(&mask, a->x.dispatch);
    const aa_array kept = aa_is_checked(&a->x) ? aa_checked(&bound) : bound;
    return aa_where(&kept, &a->x, &a->x);
}
static aa_array run_leaky_relu(const arguments *a)
{
    return aa_leaky_relu(&a->x, 0.1);
}
static aa_array run_concat(const arguments *a)
{
    return aa_concat(2, (const aa_array *const[]){&a->columns, &a->columns}, 1);
}
static aa_array run_upsample(const arguments *a)
{
    return aa_upsample2d(&a->x, 2, 3);
}

static aa_array run_conv_with(const arguments *a)
{
    const aa_array turned = aa_permute(&a->w, (const int[]){0, 1, 3, 2});
    return aa_conv2d_with(&a->x, &turned, &a->b,
                          &(aa_conv2d_options){.stride_h = 2, .padding_w = 1});
}
static aa_array run_avgpool(const arguments *a)
{
    return aa_avgpool2d(&a->x, &(aa_pool2d_options){.window_h = 3, .window_w = 2});
}

static aa_array run_matmul_of_stacks(const arguments *a)
{
    const aa_range every_second[] = {AA_ALL, AA_ALL, {AA_OPEN, AA_OPEN, 2}, {AA_OPEN, AA_OPEN, 2}};
    const aa_array part = aa_slice(&a->x, every_second);
    return aa_matmul(&part, &part);
}
static aa_array run_nms(const arguments *a)
{
    const aa_range some[] = {{0, 5, 1}, {0, 4, 1}};
    const aa_array corners = aa_slice(&a->columns, some);
    return aa_nms(&corners, &a->b, 0.5);
}

/* Kernels, and how many arrays each allocates on these arguments: the result and its temporaries. */
static const struct {
    const char *name;
    aa_array (*run)(const arguments *);
    unsigned allocations;
} kernels[] = {
    {"aa_relu", run_relu, 1},         {"aa_add", run_add, 1},
    {"aa_sum", run_sum, 1},           {"aa_mean", run_mean_of_view, 1},
    {"aa_matmul", run_matmul, 2},     {"aa_dense", run_dense, 2},
    {"aa_conv2d", run_conv, 2},       {"aa_conv2d", run_conv_of_views, 3},
    {"aa_maxpool2d", run_pool, 1},    {"aa_batchnorm", run_norm, 3},
    {"aa_softmax", run_softmax, 1},   {"aa_sum_axes", run_sum_of_axes, 2},
    {"aa_argmax", run_argmax, 1},     {"aa_argmin", run_argmin_of_view, 2},
    {"aa_cumsum", run_cumsum, 1},     {"aa_less", run_less, 1},
    {"aa_where", run_where, 1},       {"aa_matmul", run_matmul_of_stacks, 3},
    {"aa_nms", run_nms, 2},           {"aa_conv2d_with", run_conv_with, 3},
    {"aa_avgpool2d", run_avgpool, 1}, {"aa_leaky_relu", run_leaky_relu, 1},
    {"aa_concat", run_concat, 1},     {"aa_upsample2d", run_upsample, 1},
};
enum { KERNELS = sizeof kernels / sizeof kernels[0] };

/* Columns that the BLAS cannot take as they are: every second of more. */
static aa_array every_second_column(const aa_array *all)
{
    const aa_range ranges[] = {AA_ALL, {AA_OPEN, AA_OPEN, 2}};
    return aa_slice(all, ranges);
}

/* The arguments live in memory of `owner`; temporaries follow the handle `dispatch`. */
static arguments make_arguments(aa_dtype dtype, aa_allocator *owner, aa_allocator *dispatch)
{
    const aa_array x = aa_empty(owner, dtype, 4, SHAPE(4, 3, 8, 8));
    const aa_array w = aa_empty(owner, dtype, 4, SHAPE(5, 3, 3, 3));
    const aa_array b = aa_empty(owner, dtype, 1, SHAPE(5)), c = aa_empty(owner, dtype, 1, SHAPE(3));
    const aa_array all = aa_empty(owner, dtype, 2, SHAPE(64, 14));
    const aa_array m = aa_reshape(&x, 2, SHAPE(12, 64)), columns = every_second_column(&all);
    set_some_values(&x, 1);
    set_some_values(&w, 2);
    set_some_values(&b, 3);
    set_some_values(&c, 4);
    set_some_values(&columns, 5);
    return (arguments){aa_bind(&x, dispatch), aa_bind(&m, dispatch), aa_bind(&w, dispatch),
                       aa_bind(&b, dispatch), aa_bind(&c, dispatch), aa_bind(&columns, dispatch)};
}

static arguments checked_arguments(const arguments *a)
{
    return (arguments){aa_checked(&a->x), aa_checked(&a->m), aa_checked(&a->w),
                       aa_checked(&a->b), aa_checked(&a->c), aa_checked(&a->columns)};
}

static aa_stats stats_of(const aa_allocator *allocator)
{
    aa_stats stats;
    ck_assert_int_eq(aa_stats_get(allocator, &stats), AA_OK);
    return stats;
}

/* ---- where memory comes from ----------------------------------------------------------------------- */

START_TEST(a_kernel_allocates_from_the_current_allocator_alone)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const arguments a = make_arguments(dtype_of(_i), aa_heap(), AA_CURRENT);
    for (int k = 0; k < KERNELS; ++k) {
        const aa_stats before = stats_of(arena);
        const uint64_t heap = stats_of(aa_heap()).allocations;
        aa_array out = {0};
        AA_WITH(arena) {
            out = kernels[k].run(&a);
        }
        ck_assert_msg(!aa_is_null(&out), "%s: %s", kernels[k].name, aa_last_message());
        ck_assert_msg(stats_of(aa_heap()).allocations == heap, "%s asked the heap",
                      kernels[k].name);
        ck_assert_uint_eq(stats_of(arena).allocations - before.allocations, kernels[k].allocations);
        ck_assert(aa_owns(arena, out.data));
    }
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_kernel_keeps_nothing_but_its_result)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const arguments a = make_arguments(dtype_of(_i), aa_heap(), arena);
    for (int k = 0; k < KERNELS; ++k) {
        const size_t before = stats_of(arena).used;
        aa_array out = kernels[k].run(&a);
        const size_t bytes = (size_t)aa_count(&out) * aa_dtype_size(out.dtype);
        ck_assert_msg(stats_of(arena).used - before == (bytes + 63) / 64 * 64,
                      "%s: %zu bytes used by a result of %zu", kernels[k].name,
                      stats_of(arena).used - before, bytes);
        ck_assert_int_eq(aa_array_free(&out), AA_OK);
        ck_assert_uint_eq(stats_of(arena).used, before);
    }
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(a_result_inherits_the_handle_and_the_checked_property)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const arguments plain = make_arguments(AA_F32, aa_heap(), arena);
    const arguments checked = checked_arguments(&plain);
    for (int k = 0; k < KERNELS; ++k) {
        const aa_array out = kernels[k].run(&plain), checked_out = kernels[k].run(&checked);
        ck_assert_ptr_eq(out.dispatch, arena);
        ck_assert_ptr_eq(checked_out.dispatch, arena);
        ck_assert(!aa_is_checked(&out) && aa_is_checked(&checked_out));
        ck_assert(same_bytes(&out, &checked_out));
    }
}
END_TEST

START_TEST(the_temporaries_of_batch_normalisation_follow_its_parameters)
{
    aa_allocator *const arena = aa_arena_create(NULL), *const other = aa_arena_create(NULL);
    const arguments a = make_arguments(AA_F32, aa_heap(), arena);
    const aa_array gamma = aa_bind(&a.c, other);
    const aa_array out = aa_batchnorm(&a.x, &gamma, &a.c, &a.c, &a.c, 0);
    ck_assert(aa_owns(arena, out.data));
    ck_assert_uint_eq(stats_of(arena).allocations, 1);
    ck_assert_uint_eq(stats_of(other).allocations, 2);
    ck_assert_uint_eq(stats_of(other).used, 0);
}
END_TEST

START_TEST(every_allocator_gives_the_same_bits)
{
    aa_allocator *const allocators[] = {aa_arena_create(NULL), aa_shared_create(NULL),
                                        aa_private_create(NULL)};
    const arguments a = make_arguments(dtype_of(_i), aa_heap(), AA_CURRENT);
    for (int k = 0; k < KERNELS; ++k) {
        const aa_array wanted = kernels[k].run(&a);
        for (int i = 0; i < 3; ++i) {
            AA_WITH(allocators[i]) {
                const aa_array out = kernels[k].run(&a);
                ck_assert(same_bytes(&out, &wanted));
            }
        }
    }
}
END_TEST

/* An arena refuses every thread but its owner, so workers that allocated would be reported and abort. */
START_TEST(only_the_calling_thread_allocates)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_array stored = MAKE(AA_F32, IN_C_ORDER, 1, 16, 4, 30, 30);
    const aa_array weights = MAKE(AA_F32, IN_C_ORDER, 2, 8, 4, 3, 3);
    omp_set_num_threads(4);
    AA_WITH(arena) {
        const aa_array convolved = aa_conv2d(&stored, &weights, NULL), relu = aa_relu(&convolved);
        const aa_array pooled = aa_maxpool2d(&relu), sum = aa_sum(&pooled, AA_ALL_AXES);
        ck_assert_msg(!aa_is_null(&sum), "%s", aa_last_message());
    }
    ck_assert_int_eq(aa_reset(arena), AA_OK);
}
END_TEST

START_TEST(threads_of_a_region_can_use_kernels_at_once)
{
    aa_allocator *const allocator = _i == 0 ? aa_private_create(NULL) : aa_shared_create(NULL);
    const arguments a = make_arguments(AA_F32, aa_heap(), AA_CURRENT);
    const aa_array wanted = run_conv(&a);
    int different = 0;
    AA_WITH(allocator) {
#pragma omp parallel num_threads(4) reduction(+ : different)
        for (int i = 0; i < 50; ++i) {
            AA_SCRATCH(AA_CURRENT) {
                const aa_array out = run_conv(&a);
                different += same_bytes(&out, &wanted) ? 0 : 1;
            }
        }
    }
    ck_assert_int_eq(different, 0);
    ck_assert_int_eq(aa_reset(allocator), AA_OK);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------------- */

typedef struct reports {
    int count;
    aa_violation_kind kind;
} reports;

static void note(const aa_violation *violation, void *context)
{
    reports *const seen = context;
    seen->count += 1;
    seen->kind = violation->kind;
}

static void check_stale(const arguments *a)
{
    reports seen = {0};
    aa_set_violation_handler(note, &seen);
    for (int k = 0; k < KERNELS; ++k) {
        seen.count = 0;
        const aa_array out = kernels[k].run(a);
        ck_assert(aa_is_null(&out));
        ck_assert_int_eq(aa_last_status(), AA_STALE);
        ck_assert_msg(seen.count == 1, "%s: %d reports", kernels[k].name, seen.count);
        ck_assert_int_eq(seen.kind, AA_USE_AFTER_RESET);
    }
    aa_set_violation_handler(NULL, NULL);
}

START_TEST(an_argument_whose_memory_was_taken_back_is_reported_once)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const arguments a = make_arguments(AA_F32, arena, AA_CURRENT);
    const arguments checked = checked_arguments(&a);
    ck_assert_int_eq(aa_reset(arena), AA_OK);
    /* The views that some calls make of it look at no memory, so they do not report. */
    check_stale(_i == 0 ? &a : &checked);
}
END_TEST

START_TEST(a_stale_second_argument_or_output_is_reported_and_nothing_stays_pinned)
{
    aa_allocator *const arena = aa_arena_create(NULL), *const other = aa_arena_create(NULL);
    const aa_array fresh = aa_zeros(other, AA_F32, 1, SHAPE(4)), pinnable = aa_checked(&fresh);
    aa_array stale = aa_zeros(arena, AA_F32, 1, SHAPE(4));
    reports seen = {0};
    ck_assert_int_eq(aa_reset(arena), AA_OK);
    aa_set_violation_handler(note, &seen);
    const aa_array sum = aa_add(&pinnable, &stale);
    ck_assert(aa_is_null(&sum));
    ck_assert_int_eq(aa_fill(&stale, 1), AA_STALE);
    ck_assert_int_eq(aa_copy_into(&stale, &pinnable), AA_STALE);
    ck_assert_int_eq(aa_sum_into(&stale, &pinnable, 0), AA_STALE);
    ck_assert_int_eq(seen.count, 4);
    aa_set_violation_handler(NULL, NULL);
    ck_assert_int_eq(aa_unpin(&pinnable), AA_ORDER);
    ck_assert_int_eq(aa_reset(other), AA_OK);
}
END_TEST

START_TEST(kernels_leave_no_pin_on_checked_arguments)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const arguments a = make_arguments(AA_F64, arena, aa_heap());
    const arguments checked = checked_arguments(&a);
    for (int k = 0; k < KERNELS; ++k) {
        const aa_array out = kernels[k].run(&checked);
        ck_assert(!aa_is_null(&out));
    }
    const aa_array refused = aa_add(&checked.x, &checked.columns);
    ck_assert(aa_is_null(&refused));
    ck_assert_int_eq(aa_unpin(&checked.x), AA_ORDER);
    ck_assert_int_eq(aa_reset(arena), AA_OK);
}
END_TEST

/* ---- no memory ------------------------------------------------------------------------------------- */

/* A custom allocator's state: refuses allocation number `refused`, counts what is live. */
typedef struct failing {
    unsigned asked, refused, live;
} failing;

static void *failing_alloc(void *state, size_t bytes, size_t alignment)
{
    failing *const f = state;
    f->asked += 1;
    if (f->asked == f->refused) {
        return NULL;
    }
    f->live += 1;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void failing_free(void *state, void *pointer, size_t bytes)
{
    (void)bytes;
    ((failing *)state)->live -= 1;
    free(pointer);
}

START_TEST(each_refused_allocation_leaves_nothing_behind)
{
    const aa_allocator_ops ops = {.size = sizeof ops, .alloc = failing_alloc, .free = failing_free};
    const arguments stored = make_arguments(dtype_of(_i), aa_heap(), aa_heap());
    for (int k = 0; k < KERNELS; ++k) {
        const aa_array wanted = kernels[k].run(&stored);
        for (unsigned n = 1; n <= kernels[k].allocations + 1; ++n) {
            failing state = {.refused = n};
            aa_allocator *const custom = aa_custom_create(&ops, &state, NULL);
            const arguments a = make_arguments(dtype_of(_i), aa_heap(), custom);
            aa_array out = kernels[k].run(&a);
            ck_assert_msg(aa_is_null(&out) == (n <= kernels[k].allocations),
                          "%s, allocation %u refused", kernels[k].name, n);
            if (aa_is_null(&out)) {
                ck_assert_int_eq(aa_last_status(), AA_NOMEM);
                ck_assert_uint_eq(state.live, 0);
                out = kernels[k].run(&a);
            }
            ck_assert(same_bytes(&out, &wanted));
            ck_assert_int_eq(aa_array_free(&out), AA_OK);
            ck_assert_uint_eq(state.live, 0);
            ck_assert_int_eq(aa_destroy(custom), AA_OK);
        }
    }
}
END_TEST

START_TEST(each_refused_upstream_request_loses_nothing)
{
    const arguments stored = make_arguments(AA_F32, aa_heap(), aa_heap());
    for (int k = 0; k < KERNELS; ++k) {
        const aa_array wanted = kernels[k].run(&stored);
        bool refused = true;
        for (int n = 1; refused; ++n) {
            ck_assert_int_le(n, 8);
            aa_upstream *const upstream = aa_upstream_failing(aa_upstream_heap(), n);
            aa_allocator *const arena =
                aa_arena_create(&(aa_options){.initial = 256, .upstream = upstream});
            arguments a = make_arguments(AA_F32, aa_heap(), arena);
            aa_array out = kernels[k].run(&a);
            refused = aa_is_null(&out);
            if (refused) {
                ck_assert_int_eq(aa_last_status(), AA_NOMEM);
                ck_assert_uint_eq(stats_of(arena).used, 0);
                out = kernels[k].run(&a);
            }
            ck_assert(same_bytes(&out, &wanted));
            ck_assert_int_eq(aa_destroy(arena), AA_OK);
            ck_assert_int_eq(aa_upstream_destroy(upstream), AA_OK);
        }
    }
}
END_TEST

START_TEST(an_output_is_untouched_when_there_is_no_memory)
{
    const aa_allocator_ops ops = {.size = sizeof ops, .alloc = failing_alloc, .free = failing_free};
    failing state = {.refused = 1};
    aa_allocator *const custom = aa_custom_create(&ops, &state, NULL);
    const aa_array stored = MAKE(AA_F64, IN_C_ORDER, 1, 6, 6), kept = aa_copy(&stored);
    aa_array out = aa_bind(&stored, custom);
    const aa_array turned = view_transposed(&out);
    ck_assert_int_eq(aa_copy_into(&out, &turned), AA_NOMEM);
    ck_assert(same_bytes(&stored, &kept));
    state.refused = 2;
    const aa_range row[] = {{0, 1, 1}, AA_ALL};
    const aa_array first = aa_slice(&out, row);
    aa_array flat = aa_reshape(&first, 1, SHAPE(6));
    ck_assert_int_eq(aa_sum_into(&flat, &out, 0), AA_NOMEM);
    ck_assert(same_bytes(&stored, &kept));
    ck_assert_uint_eq(state.live, 0);
}
END_TEST

AA_TEST_MAIN("kernels", AA_TEST_LOOP(a_kernel_allocates_from_the_current_allocator_alone, 0, 2),
             AA_TEST_LOOP(a_kernel_keeps_nothing_but_its_result, 0, 2),
             AA_TEST(a_result_inherits_the_handle_and_the_checked_property),
             AA_TEST(the_temporaries_of_batch_normalisation_follow_its_parameters),
             AA_TEST_LOOP(every_allocator_gives_the_same_bits, 0, 2),
             AA_TEST(only_the_calling_thread_allocates),
             AA_TEST_LOOP(threads_of_a_region_can_use_kernels_at_once, 0, 2),
             AA_TEST_LOOP(an_argument_whose_memory_was_taken_back_is_reported_once, 0, 2),
             AA_TEST(a_stale_second_argument_or_output_is_reported_and_nothing_stays_pinned),
             AA_TEST(kernels_leave_no_pin_on_checked_arguments),
             AA_TEST_LOOP(each_refused_allocation_leaves_nothing_behind, 0, 2),
             AA_TEST(each_refused_upstream_request_loses_nothing),
             AA_TEST(an_output_is_untouched_when_there_is_no_memory))
