/* Kernels: comparisons, which make masks, and the choice by a mask.
 *
 * It cannot combine masks: they are read by aa_where alone.
 *
 * Invariant: results are fresh and in C order, so they never overlap an argument. A mask holds 0 or 1.
 */
#include "kernel.h"

#define AAI_COMPARE_LIST(X)                                                                        \
    X(equal, ==)                                                                                   \
    X(not_equal, !=)                                                                               \
    X(less, <)                                                                                     \
    X(less_equal, <=)                                                                              \
    X(greater, >)                                                                                  \
    X(greater_equal, >=)

#include "as_f32.h"
#include "compare.inc"

#include "as_f64.h"
#include "compare.inc"

static aa_array compare(const char *name, aai_kernel_body *const *body, const aa_array *a,
                        const aa_array *b)
{
    aai_kernel_use use;
    int64_t shape[AA_MAX_NDIM];
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, name, 2, (const aa_array *const[]){a, b}) != AA_OK) {
        return out;
    }
    const int ndim = aai_kernel_broadcast(a, b, shape);
    if (ndim < 0) {
        (void)aai_kernel_mismatch(&use, a, b, "do not broadcast");
    } else {
        out = aa_similar_as(a, AA_BOOL, ndim, shape);
    }
    if (!aa_is_null(&out)) {
        const aai_kernel_use all = {name, 3, {&out, a, b}, {out.data, use.at[0], use.at[1]}};
        aai_kernel_apply(&all, body[aai_kernel_index(a->dtype)], 1, NULL);
    }
    aai_kernel_return(&use);
    return out;
}

#define AAI_COMPARE_FUNCTION(verb, operator)                                                       \
    aa_array aa_##verb(const aa_array *a, const aa_array *b)                                       \
    {                                                                                              \
        aai_kernel_body *const body[] = {verb##_f32, verb##_f64};                                  \
        return compare("aa_" #verb, body, a, b);                                                   \
    }
AAI_COMPARE_LIST(AAI_COMPARE_FUNCTION)

/* Broadcast mask, a and b; `both` has the shape of a and b, a description alone. */
static aa_status broadcast_three(const aai_kernel_use *use, aa_array *both, int64_t *shape,
                                 int *ndim)
{
    const aa_array *const mask = use->array[0], *const a = use->array[1], *const b = use->array[2];
    both->ndim = aai_kernel_broadcast(a, b, both->shape);
    if (both->ndim < 0) {
        return aai_kernel_mismatch(use, a, b, "do not broadcast");
    }
    *ndim = aai_kernel_broadcast(mask, both, shape);
    if (*ndim < 0) {
        return aai_kernel_mismatch(use, mask, both, "do not broadcast: the mask and the choices");
    }
    return AA_OK;
}

static aa_status check_choice(const aai_kernel_use *use)
{
    const aa_dtype mask = use->array[0]->dtype, a = use->array[1]->dtype;
    if (mask != AA_BOOL) {
        return aai_fail(AA_MISMATCH, "%s: the mask is of dtype %s, not bool", use->function,
                        aa_dtype_name(mask));
    }
    if (a != use->array[2]->dtype) {
        return aai_fail(AA_MISMATCH, "%s: dtypes %s and %s differ", use->function, aa_dtype_name(a),
                        aa_dtype_name(use->array[2]->dtype));
    }
    return aai_kernel_check_real(use->function, a);
}

aa_array aa_where(const aa_array *mask, const aa_array *a, const aa_array *b)
{
    aai_kernel_use use;
    int64_t shape[AA_MAX_NDIM];
    int ndim = 0;
    aa_array out = aai_kernel_null(), both = out;
    const aa_array *const arrays[] = {mask, a, b};
    if (aai_kernel_borrow_mixed(&use, "aa_where", 3, arrays) != AA_OK) {
        return out;
    }
    if (check_choice(&use) == AA_OK && broadcast_three(&use, &both, shape, &ndim) == AA_OK) {
        out = aa_similar_as(mask, a->dtype, ndim, shape);
    }
    if (!aa_is_null(&out)) {
        const aai_kernel_use all = {
            use.function, 4, {&out, mask, a, b}, {out.data, use.at[0], use.at[1], use.at[2]}};
        aai_kernel_apply(&all, a->dtype == AA_F64 ? choose_f64 : choose_f32, 2, NULL);
    }
    aai_kernel_return(&use);
    return out;
}
