/* Tests of the kernels' results against NumPy's: every case of expected.h, of both dtypes, in every layout.
 */
#include "../unit/test_kernels.h"

enum { OPTIONS = 8, INPUTS = 4 };

/* kind: f the dtype under test, b a mask, i an index. values: in C order. */
typedef struct expected_array {
    char kind;
    int ndim;
    int64_t shape[AA_MAX_NDIM];
    const double *values;
} expected_array;

typedef struct expectation {
    const char *kernel;
    int64_t options[OPTIONS];
    double real;
    int inputs;
    expected_array in[INPUTS];
    expected_array out;
} expectation;

#include "expected.h"

enum { EXPECTATIONS = sizeof expectations / sizeof expectations[0] };

typedef aa_array run(const expectation *e, const aa_array *in);

/* Options: kept, count, axes. */
#define RUN_AXES(name)                                                                             \
    static aa_array run_##name##_axes(const expectation *e, const aa_array *in)                    \
    {                                                                                              \
        int axes[OPTIONS] = {0};                                                                   \
        for (int i = 0; i + 2 < OPTIONS; ++i) {                                                    \
            axes[i] = (int)e->options[i + 2];                                                      \
        }                                                                                          \
        return aa_##name##_axes(in, (int)e->options[1], axes,                                      \
                                e->options[0] != 0 ? AA_AXES_KEPT : AA_AXES_DROPPED);              \
    }
RUN_AXES(sum)
RUN_AXES(prod)
RUN_AXES(mean)
RUN_AXES(max)
RUN_AXES(min)

#define RUN_ALONG(name)                                                                            \
    static aa_array run_##name(const expectation *e, const aa_array *in)                           \
    {                                                                                              \
        return aa_##name(in, (int)e->options[0]);                                                  \
    }
RUN_ALONG(argmax)
RUN_ALONG(argmin)
RUN_ALONG(cumsum)

#define RUN_ALL(name)                                                                              \
    static aa_array run_##name##_all(const expectation *e, const aa_array *in)                     \
    {                                                                                              \
        (void)e;                                                                                   \
        return aa_##name(in, AA_ALL_AXES);                                                         \
    }
RUN_ALL(argmax)
RUN_ALL(argmin)

#define RUN_TWO(name)                                                                              \
    static aa_array run_##name(const expectation *e, const aa_array *in)                           \
    {                                                                                              \
        (void)e;                                                                                   \
        return aa_##name(&in[0], &in[1]);                                                          \
    }
RUN_TWO(equal)
RUN_TWO(not_equal)
RUN_TWO(less)
RUN_TWO(less_equal)
RUN_TWO(greater)
RUN_TWO(greater_equal)
RUN_TWO(matmul)

static aa_array run_nms(const expectation *e, const aa_array *in)
{
    return aa_nms(&in[0], &in[1], e->real);
}

static aa_array run_where(const expectation *e, const aa_array *in)
{
    (void)e;
    return aa_where(&in[0], &in[1], &in[2]);
}

static aa_array run_leaky_relu(const expectation *e, const aa_array *in)
{
    return aa_leaky_relu(in, e->real);
}

static aa_array run_concat(const expectation *e, const aa_array *in)
{
    return aa_concat(e->inputs, (const aa_array *const[]){&in[0], &in[1], &in[2], &in[3]},
                     (int)e->options[0]);
}

static aa_array run_upsample2d(const expectation *e, const aa_array *in)
{
    return aa_upsample2d(in, e->options[0], e->options[1]);
}

static aa_array run_conv2d(const expectation *e, const aa_array *in)
{
    const int64_t *const o = e->options;
    return aa_conv2d_with(&in[0], &in[1], e->inputs == 3 ? &in[2] : NULL,
                          &(aa_conv2d_options){.stride_h = o[0],
                                               .stride_w = o[1],
                                               .padding_h = o[2],
                                               .padding_w = o[3],
                                               .dilation_h = o[4],
                                               .dilation_w = o[5],
                                               .groups = o[6]});
}

static aa_pool2d_options windows(const expectation *e)
{
    const int64_t *const o = e->options;
    return (aa_pool2d_options){.window_h = o[0],
                               .window_w = o[1],
                               .stride_h = o[2],
                               .stride_w = o[3],
                               .padding_h = o[4],
                               .padding_w = o[5]};
}

static aa_array run_maxpool(const expectation *e, const aa_array *in)
{
    const aa_pool2d_options options = windows(e);
    return aa_maxpool2d_with(in, &options);
}

static aa_array run_avgpool(const expectation *e, const aa_array *in)
{
    const aa_pool2d_options options = windows(e);
    return aa_avgpool2d(in, &options);
}

static const struct {
    const char *name;
    run *run;
} runs[] = {
    {"sum_axes", run_sum_axes},
    {"prod_axes", run_prod_axes},
    {"mean_axes", run_mean_axes},
    {"max_axes", run_max_axes},
    {"min_axes", run_min_axes},
    {"argmax", run_argmax},
    {"argmin", run_argmin},
    {"cumsum", run_cumsum},
    {"argmax_all", run_argmax_all},
    {"argmin_all", run_argmin_all},
    {"equal", run_equal},
    {"not_equal", run_not_equal},
    {"less", run_less},
    {"less_equal", run_less_equal},
    {"greater", run_greater},
    {"greater_equal", run_greater_equal},
    {"where", run_where},
    {"leaky_relu", run_leaky_relu},
    {"concat", run_concat},
    {"upsample2d", run_upsample2d},
    {"conv2d", run_conv2d},
    {"matmul", run_matmul},
    {"nms", run_nms},
    {"maxpool", run_maxpool},
    {"avgpool", run_avgpool},
};

static run *run_of(const char *name)
{
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; ++i) {
        if (strcmp(runs[i].name, name) == 0) {
            return runs[i].run;
        }
    }
    ck_abort_msg("expected.h names a kernel that is not run here: %s", name);
}

static aa_dtype dtype_for(const expected_array *wanted, aa_dtype real)
{
    return wanted->kind == 'b' ? AA_BOOL : wanted->kind == 'i' ? AA_I64 : real;
}

static double read_at(const aa_array *a, int64_t k)
{
    const void *const from = address_of(a, place_of(a, k));
    if (a->dtype == AA_BOOL) {
        return *(const bool *)from ? 1 : 0;
    }
    return a->dtype == AA_I64 ? (double)*(const int64_t *)from : get(a, k);
}

static void write_at(const aa_array *a, int64_t k, double value)
{
    if (a->dtype == AA_BOOL) {
        *(bool *)address_of(a, place_of(a, k)) = value != 0;
    } else {
        set_at(a, place_of(a, k), value);
    }
}

static int64_t count_of(const expected_array *e)
{
    int64_t count = 1;
    for (int axis = 0; axis < e->ndim; ++axis) {
        count *= e->shape[axis];
    }
    return count;
}

/* An input in a layout: as make, of any of the dtypes. */
static aa_array make_input(const expected_array *e, aa_dtype real, layout how)
{
    int64_t stored_shape[AA_MAX_NDIM] = {0};
    for (int axis = 0; axis < e->ndim; ++axis) {
        stored_shape[axis] = how == TRANSPOSED ? e->shape[e->ndim - 1 - axis] : e->shape[axis];
        stored_shape[axis] *= how == EVERY_SECOND ? 2 : 1;
    }
    aa_array made = aa_zeros(AA_CURRENT, dtype_for(e, real), e->ndim, stored_shape);
    if (how == TRANSPOSED) {
        made = view_transposed(&made);
    } else if (how != IN_C_ORDER) {
        made = view_strided(&made, how == EVERY_SECOND ? 2 : -1);
    }
    check_shape(&made, e->ndim, e->shape);
    for (int64_t k = 0; k < count_of(e); ++k) {
        write_at(&made, k, e->values[k]);
    }
    return made;
}

static void check_result(const expectation *e, size_t number, const aa_array *out, aa_dtype real)
{
    ck_assert_msg(!aa_is_null(out), "case %zu, %s: %s", number, e->kernel, aa_last_message());
    ck_assert_msg(out->dtype == dtype_for(&e->out, real), "case %zu, %s: of dtype %s", number,
                  e->kernel, aa_dtype_name(out->dtype));
    ck_assert_msg(out->ndim == e->out.ndim, "case %zu, %s: %d axes", number, e->kernel, out->ndim);
    check_shape(out, e->out.ndim, e->out.shape);
    for (int64_t k = 0; k < aa_count(out); ++k) {
        const double got = read_at(out, k), wanted = e->out.values[k];
        const double scale = fabs(wanted) > 1 ? fabs(wanted) : 1;
        ck_assert_msg((isnan(got) && isnan(wanted)) || got == wanted ||
                          fabs(got - wanted) <= tolerance_of(real) * scale,
                      "case %zu, %s: element %lld is %.17g, not %.17g", number, e->kernel,
                      (long long)k, got, wanted);
    }
}

START_TEST(every_result_is_numpys_in_any_layout)
{
    aa_allocator *const arena = aa_arena_create(NULL);
    const aa_dtype real = dtype_of(_i);
    AA_WITH(arena) {
        for (size_t n = 0; n < EXPECTATIONS; ++n) {
            const expectation *const e = &expectations[n];
            AA_SCRATCH(AA_CURRENT) {
                aa_array in[INPUTS];
                for (int i = 0; i < e->inputs; ++i) {
                    in[i] = make_input(&e->in[i], real, layout_of(_i));
                }
                const aa_array out = run_of(e->kernel)(e, in);
                check_result(e, n, &out, real);
            }
        }
    }
    ck_assert_int_eq(aa_destroy(arena), AA_OK);
}
END_TEST

START_TEST(each_kernel_that_is_run_here_has_a_case)
{
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; ++i) {
        bool found = false;
        for (size_t n = 0; n < EXPECTATIONS; ++n) {
            found = found || strcmp(expectations[n].kernel, runs[i].name) == 0;
        }
        ck_assert_msg(found, "%s is in no case", runs[i].name);
    }
}
END_TEST

AA_TEST_MAIN("kernels: NumPy's results",
             AA_TEST_LOOP(every_result_is_numpys_in_any_layout, 0, CASES),
             AA_TEST(each_kernel_that_is_run_here_has_a_case))
