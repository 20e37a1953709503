/* Kernels: fill, copy, and the element-wise functions of one and two arrays.
 *
 * A function is a row of a list below: its name, its cost in additions, how its loop runs, its
 * expression in x (and y). It cannot mix dtypes, and reads nothing but its operands.
 *
 * Invariant: the output's shape is the broadcast of the inputs' shapes (or, _into, they broadcast
 * to it).
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

/* What stands before a loop; nothing where the expression is a call, which is not vectorised. */
#define AAI_SIMD _Pragma("omp simd")
#define AAI_CALL

#define AAI_UNARY_LIST(X)                                                                          \
    X(neg, 1, AAI_SIMD, -x)                                                                        \
    X(abs, 1, AAI_SIMD, M(fabs)(x))                                                                \
    X(square, 1, AAI_SIMD, x *x)                                                                   \
    X(sqrt, 4, AAI_CALL, M(sqrt)(x))                                                               \
    X(exp, 16, AAI_CALL, M(exp)(x))                                                                \
    X(log, 16, AAI_CALL, M(log)(x))                                                                \
    X(tanh, 32, AAI_CALL, M(tanh)(x))                                                              \
    X(relu, 1, AAI_SIMD, x < 0 ? 0 : x)

#define AAI_BINARY_LIST(X)                                                                         \
    X(add, 1, AAI_SIMD, x + y)                                                                     \
    X(sub, 1, AAI_SIMD, x - y)                                                                     \
    X(mul, 1, AAI_SIMD, x *y)                                                                      \
    X(div, 2, AAI_SIMD, x / y)                                                                     \
    X(maximum, 1, AAI_SIMD, x != x ? x : x > y ? x : y)                                            \
    X(minimum, 1, AAI_SIMD, x != x ? x : x < y ? x : y)

#include "as_f32.h"
#include "elementwise.inc"

#include "as_f64.h"
#include "elementwise.inc"

/* One public function: what messages call it, its bodies by dtype, its cost. */
typedef struct function {
    const char *name, *name_into;
    aai_kernel_body *body[2];
    int64_t cost;
} function;

#define AAI_ROW(name, cost, loop, expression)                                                      \
    static const function name##_function = {                                                      \
        "aa_" #name, "aa_" #name "_into", {name##_f32, name##_f64}, cost};
AAI_UNARY_LIST(AAI_ROW)
AAI_BINARY_LIST(AAI_ROW)
#undef AAI_ROW
static const function leaky_relu_function = {
    "aa_leaky_relu", "aa_leaky_relu_into", {leaky_relu_f32, leaky_relu_f64}, 1};

/* Verify that argument 0 can take what the others broadcast to. */
static aa_status check_output(const aai_kernel_use *use)
{
    const aa_array *const out = use->array[0];
    for (int i = 1; i < use->count; ++i) {
        int64_t shape[AA_MAX_NDIM];
        const int ndim = aai_kernel_broadcast(out, use->array[i], shape);
        if (ndim < 0 || !aai_kernel_same_shape(out, ndim, shape)) {
            return aai_kernel_mismatch(
                use, use->array[i], out,
                "do not go together: the first must broadcast to the second");
        }
    }
    return aai_kernel_writable(use);
}

/* Run a body whose inputs overlap argument 0: into a temporary first. */
static aa_status apply_apart(const aai_kernel_use *use, aai_kernel_body *body, int64_t cost,
                             const void *context, aai_kernel_body *copy)
{
    aa_array apart = aa_similar(use->array[0]);
    if (aa_is_null(&apart)) {
        return aa_last_status();
    }
    aai_kernel_use to_apart = *use;
    to_apart.array[0] = &apart;
    to_apart.at[0] = apart.data;
    aai_kernel_apply(&to_apart, body, cost, context);
    const aai_kernel_use back = {
        use->function, 2, {use->array[0], &apart}, {use->at[0], apart.data}};
    aai_kernel_apply(&back, copy, 1, NULL);
    aai_kernel_drop(&apart);
    return AA_OK;
}

/* Copies of elements of 1, 2, 4, 8 and 16 bytes: what a copy of any dtype is. */
#define AAI_COPY_BODY(name, type)                                                                  \
    static void name(int64_t count, char *const *at, const int64_t *step, const void *context)     \
    {                                                                                              \
        (void)context;                                                                             \
        if (step[0] == (int64_t)sizeof(type) && step[1] == (int64_t)sizeof(type)) {                \
            memmove(at[0], at[1], (size_t)count * sizeof(type));                                   \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < count; ++i) {                                                      \
            memmove(at[0] + i * step[0], at[1] + i * step[1], sizeof(type));                       \
        }                                                                                          \
    }
AAI_COPY_BODY(copy_1, uint8_t)
AAI_COPY_BODY(copy_2, uint16_t)
AAI_COPY_BODY(copy_4, uint32_t)
AAI_COPY_BODY(copy_8, uint64_t)
AAI_COPY_BODY(copy_16, uint64_t[2])
#undef AAI_COPY_BODY

aai_kernel_body *aai_kernel_copy_body(aa_dtype dtype)
{
    switch (aa_dtype_size(dtype)) {
    case 1:
        return copy_1;
    case 2:
        return copy_2;
    case 4:
        return copy_4;
    case 8:
        return copy_8;
    default:
        return copy_16;
    }
}

/* What every _into form does once its arguments are borrowed; they are returned here. */
static aa_status into(const aai_kernel_use *use, aai_kernel_body *body, int64_t cost,
                      const void *context)
{
    aa_status status = check_output(use);
    if (status == AA_OK && aai_kernel_overlaps(use)) {
        status = apply_apart(use, body, cost, context, aai_kernel_copy_body(use->array[0]->dtype));
    } else if (status == AA_OK) {
        aai_kernel_apply(use, body, cost, context);
    }
    aai_kernel_return(use);
    return status;
}

static aa_status run_into(const function *f, int count, const aa_array *const *arrays,
                          const void *context)
{
    aai_kernel_use use;
    const aa_status status = aai_kernel_borrow(&use, f->name_into, count, arrays);
    if (status != AA_OK) {
        return status;
    }
    return into(&use, f->body[aai_kernel_index(arrays[0]->dtype)], f->cost, context);
}

static aa_array run_unary(const function *f, const aa_array *a, const void *context)
{
    aai_kernel_use use;
    if (aai_kernel_borrow(&use, f->name, 1, (const aa_array *const[]){a}) != AA_OK) {
        return aai_kernel_null();
    }
    const aa_array out = aa_similar(a);
    if (!aa_is_null(&out)) {
        const aai_kernel_use all = {f->name, 2, {&out, a}, {out.data, use.at[0]}};
        aai_kernel_apply(&all, f->body[aai_kernel_index(a->dtype)], f->cost, context);
    }
    aai_kernel_return(&use);
    return out;
}

static aa_array run_binary(const function *f, const aa_array *a, const aa_array *b)
{
    aai_kernel_use use;
    int64_t shape[AA_MAX_NDIM];
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, f->name, 2, (const aa_array *const[]){a, b}) != AA_OK) {
        return out;
    }
    const int ndim = aai_kernel_broadcast(a, b, shape);
    if (ndim < 0) {
        (void)aai_kernel_mismatch(&use, a, b, "do not broadcast");
    } else {
        out = aa_similar_as(a, a->dtype, ndim, shape);
    }
    if (!aa_is_null(&out)) {
        const aai_kernel_use all = {f->name, 3, {&out, a, b}, {out.data, use.at[0], use.at[1]}};
        aai_kernel_apply(&all, f->body[aai_kernel_index(a->dtype)], f->cost, NULL);
    }
    aai_kernel_return(&use);
    return out;
}

#define AAI_UNARY_FUNCTIONS(name, cost, loop, expression)                                          \
    aa_array aa_##name(const aa_array *a)                                                          \
    {                                                                                              \
        return run_unary(&name##_function, a, NULL);                                               \
    }                                                                                              \
    aa_status aa_##name##_into(aa_array *out, const aa_array *a)                                   \
    {                                                                                              \
        return run_into(&name##_function, 2, (const aa_array *const[]){out, a}, NULL);             \
    }
AAI_UNARY_LIST(AAI_UNARY_FUNCTIONS)

aa_array aa_leaky_relu(const aa_array *a, double slope)
{
    return run_unary(&leaky_relu_function, a, &slope);
}

aa_status aa_leaky_relu_into(aa_array *out, const aa_array *a, double slope)
{
    return run_into(&leaky_relu_function, 2, (const aa_array *const[]){out, a}, &slope);
}

#define AAI_BINARY_FUNCTIONS(name, cost, loop, expression)                                         \
    aa_array aa_##name(const aa_array *a, const aa_array *b)                                       \
    {                                                                                              \
        return run_binary(&name##_function, a, b);                                                 \
    }                                                                                              \
    aa_status aa_##name##_into(aa_array *out, const aa_array *a, const aa_array *b)                \
    {                                                                                              \
        return run_into(&name##_function, 3, (const aa_array *const[]){out, a, b}, NULL);          \
    }
AAI_BINARY_LIST(AAI_BINARY_FUNCTIONS)

aa_status aa_fill(aa_array *out, double value)
{
    aai_kernel_use use;
    aa_status status = aai_kernel_borrow(&use, "aa_fill", 1, (const aa_array *const[]){out});
    if (status != AA_OK) {
        return status;
    }
    status = aai_kernel_writable(&use);
    if (status == AA_OK) {
        aai_kernel_apply(&use, out->dtype == AA_F64 ? fill_f64 : fill_f32, 1, &value);
    }
    aai_kernel_return(&use);
    return status;
}

aa_status aa_copy_into(aa_array *out, const aa_array *a)
{
    aai_kernel_use use;
    const aa_status status =
        aai_kernel_borrow_any(&use, "aa_copy_into", 2, (const aa_array *const[]){out, a});
    if (status != AA_OK) {
        return status;
    }
    return into(&use, aai_kernel_copy_body(out->dtype), 1, NULL);
}
