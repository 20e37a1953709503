/* Kernels: matrix products, of stacks of matrices too, and the dense layer, through the CBLAS.
 *
 * It cannot share one product of a stack among threads.
 *
 * Invariant: a single product is cut along its longer side into panels of PANEL rows or columns, each
 * computed by one thread, as each product of a stack is; so what is computed where depends on the
 * shape alone.
 */
#include "blas.h"

enum { PANEL = 256 };

/* An operand of the product: its first matrix, the leading axes that step from one to the next (a
 * description), and the copy made so that the BLAS can take it, or null. */
typedef struct factor {
    aai_kernel_matrix matrix;
    aa_array stack;
    aa_array copy;
} factor;

/* The last two axes, and the others: descriptions, never handed to the core. */
static aa_array one_matrix(const aa_array *array)
{
    aa_array last = *array;
    last.ndim = 2;
    for (int i = 0; i < 2; ++i) {
        last.shape[i] = array->shape[array->ndim - 2 + i];
        last.strides[i] = array->strides[array->ndim - 2 + i];
    }
    return last;
}

static aa_array stack_of(const aa_array *array)
{
    aa_array leading = *array;
    leading.ndim -= 2;
    return leading;
}

static aa_status factor_init(factor *f, const aa_array *array, char *at)
{
    const aa_array straight = one_matrix(array);
    f->copy = aai_kernel_null();
    f->stack = stack_of(array);
    if (aai_kernel_matrix_of(&straight, at, &f->matrix)) {
        return AA_OK;
    }
    f->copy = aa_copy(array);
    if (aa_is_null(&f->copy)) {
        return aa_last_status();
    }
    const aa_array copied = one_matrix(&f->copy);
    f->stack = stack_of(&f->copy);
    (void)aai_kernel_matrix_of(&copied, f->copy.data, &f->matrix);
    return AA_OK;
}

static aai_kernel_matrix moved(aai_kernel_matrix matrix, int64_t rows, int64_t columns,
                               int64_t size)
{
    const int64_t by = matrix.transposed ? columns * matrix.ld + rows : rows * matrix.ld + columns;
    matrix.at += by * size;
    return matrix;
}

/* Compute panel number `panel` of the rows or, by_columns, of the columns. */
static void multiply_panel(const aai_kernel_product *whole, aai_kernel_onto onto,
                           const aai_kernel_matrix *abc, bool by_columns, int64_t panel)
{
    const int64_t size = (int64_t)aa_dtype_size(whole->dtype), first = panel * PANEL;
    const int64_t rest = (by_columns ? whole->n : whole->m) - first;
    const int64_t count = rest < PANEL ? rest : PANEL;
    aai_kernel_product part = *whole;
    if (by_columns) {
        part.n = count;
        aai_kernel_gemm(&part, onto, abc[0], moved(abc[1], 0, first, size),
                        moved(abc[2], 0, first, size));
    } else {
        part.m = count;
        aai_kernel_gemm(&part, onto, moved(abc[0], first, 0, size), abc[1],
                        moved(abc[2], first, 0, size));
    }
}

static void multiply(const aai_kernel_product *p, aai_kernel_onto onto,
                     const aai_kernel_matrix *abc)
{
    const bool by_columns = p->n > p->m;
    const int64_t panels = ((by_columns ? p->n : p->m) + PANEL - 1) / PANEL;
    if (panels <= 1) {
        aai_kernel_gemm(p, onto, abc[0], abc[1], abc[2]);
        return;
    }
    aai_kernel_blas_enter();
#pragma omp parallel for schedule(static)
    for (int64_t panel = 0; panel < panels; ++panel) {
        multiply_panel(p, onto, abc, by_columns, panel);
    }
    aai_kernel_blas_leave();
}

/* What the body of a stack is told: the sizes of each product and how the matrices lie. */
typedef struct stack {
    aai_kernel_product product;
    aai_kernel_matrix abc[3];
} stack;

/* Operands: out, a, b, at the first element of each matrix. */
static void multiply_each(int64_t count, char *const *at, const int64_t *step, const void *context)
{
    const stack *const s = context;
    aai_kernel_matrix a = s->abc[0], b = s->abc[1], out = s->abc[2];
    for (int64_t i = 0; i < count; ++i) {
        out.at = at[0] + i * step[0];
        a.at = at[1] + i * step[1];
        b.at = at[2] + i * step[2];
        aai_kernel_gemm(&s->product, AAI_KERNEL_ONTO_NOTHING, a, b, out);
    }
}

static void multiply_stack(const stack *s, const aa_array *out, const factor *left,
                           const factor *right)
{
    const aa_array results = stack_of(out);
    if (aa_count(out) == 0) { /* of any number of empty matrices */
        return;
    }
    const double cost = (double)s->product.m * (double)s->product.n * (double)s->product.k;
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, results.ndim, results.shape, aai_kernel_cost(cost));
    aai_kernel_loop_add(&loop, &results, s->abc[2].at);
    aai_kernel_loop_add(&loop, &left->stack, left->matrix.at);
    aai_kernel_loop_add(&loop, &right->stack, right->matrix.at);
    aai_kernel_blas_enter();
    aai_kernel_loop_run(&loop, multiply_each, s);
    aai_kernel_blas_leave();
}

/* Multiply argument 0 by b, which is argument 1 or its transpose, into the fresh array out. */
static aa_status product_into(const aai_kernel_use *use, const aa_array *b, aai_kernel_onto onto,
                              const aa_array *out)
{
    const aa_array *const a = use->array[0];
    const aai_kernel_product p = {a->dtype, a->shape[a->ndim - 2], b->shape[b->ndim - 1],
                                  a->shape[a->ndim - 1]};
    factor left, right;
    aa_status status = factor_init(&left, a, use->at[0]);
    if (status != AA_OK) {
        return status;
    }
    status = factor_init(&right, b, use->at[1]);
    if (status == AA_OK) {
        const int64_t sizes[] = {p.m, p.n, p.k, left.matrix.ld, right.matrix.ld};
        status = aai_kernel_fits_blas(use->function, 5, sizes);
    }
    if (status == AA_OK) {
        const aai_kernel_matrix to = {out->data, p.n > 1 ? p.n : 1, false};
        const stack s = {p, {left.matrix, right.matrix, to}};
        if (out->ndim == 2) {
            multiply(&p, onto, s.abc);
        } else {
            multiply_stack(&s, out, &left, &right);
        }
    }
    aai_kernel_drop(&right.copy);
    aai_kernel_drop(&left.copy);
    return status;
}

/* Repeat b in every row of out. */
static void start_with_bias(const aai_kernel_use *use, const aa_array *out)
{
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, 2, out->shape, 1);
    aai_kernel_loop_add(&loop, out, out->data);
    aai_kernel_loop_add(&loop, use->array[2], use->at[2]);
    aai_kernel_loop_run(&loop, aai_kernel_copy_body(out->dtype), NULL);
}

/* The rest of a call whose shapes are in order: the result has that shape. */
static aa_array finish(const aai_kernel_use *use, const aa_array *b, int ndim, const int64_t *shape)
{
    const aa_array *const a = use->array[0];
    const bool biased = use->count == 3;
    aa_array out = aa_similar_as(a, a->dtype, ndim, shape);
    if (aa_is_null(&out)) {
        return out;
    }
    if (biased) {
        start_with_bias(use, &out);
    }
    const aai_kernel_onto onto = biased ? AAI_KERNEL_ONTO_OUT : AAI_KERNEL_ONTO_NOTHING;
    if (product_into(use, b, onto, &out) != AA_OK) {
        aai_kernel_drop(&out);
    }
    return out;
}

/* Verify that a and b multiply, and find the shape of the result; its ndim, or -1. */
static int plan_product(const aai_kernel_use *use, int64_t *shape)
{
    const aa_array *const a = use->array[0], *const b = use->array[1];
    if (a->ndim < 2 || b->ndim < 2) {
        (void)aai_kernel_mismatch(use, a, b, "do not multiply: both must have 2 axes or more");
        return -1;
    }
    const aa_array left = stack_of(a), right = stack_of(b);
    if (a->shape[left.ndim + 1] != b->shape[right.ndim]) {
        (void)aai_kernel_mismatch(use, a, b,
                                  "do not multiply: (..., m, k) by (..., k, n) is wanted");
        return -1;
    }
    const int leading = aai_kernel_broadcast(&left, &right, shape);
    if (leading < 0) {
        (void)aai_kernel_mismatch(use, a, b, "do not multiply: the leading axes do not broadcast");
        return -1;
    }
    shape[leading] = a->shape[left.ndim];
    shape[leading + 1] = b->shape[right.ndim + 1];
    return leading + 2;
}

aa_array aa_matmul(const aa_array *a, const aa_array *b)
{
    aai_kernel_use use;
    int64_t shape[AA_MAX_NDIM];
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, "aa_matmul", 2, (const aa_array *const[]){a, b}) != AA_OK) {
        return out;
    }
    const int ndim = plan_product(&use, shape);
    if (ndim > 0) {
        out = finish(&use, b, ndim, shape);
    }
    aai_kernel_return(&use);
    return out;
}

static aa_status check_dense(const aai_kernel_use *use)
{
    const aa_array *const x = use->array[0], *const w = use->array[1];
    if (x->ndim != 2 || w->ndim != 2 || x->shape[1] != w->shape[1]) {
        return aai_kernel_mismatch(use, x, w,
                                   "do not go together: (rows, in) and (out, in) are wanted");
    }
    if (use->count == 3 && !aai_kernel_same_shape(use->array[2], 1, &w->shape[0])) {
        return aai_kernel_mismatch(use, w, use->array[2],
                                   "do not go together: (out, in) and (out) are wanted");
    }
    return AA_OK;
}

/* A matrix seen transposed: a description, never handed to the core unless it must be copied. */
static aa_array transposed(const aa_array *w)
{
    aa_array t = *w;
    t.shape[0] = w->shape[1];
    t.shape[1] = w->shape[0];
    t.strides[0] = w->strides[1];
    t.strides[1] = w->strides[0];
    return t;
}

aa_array aa_dense(const aa_array *x, const aa_array *w, const aa_array *b)
{
    aai_kernel_use use;
    aa_array out = aai_kernel_null();
    if (aai_kernel_borrow(&use, "aa_dense", b != NULL ? 3 : 2,
                          (const aa_array *const[]){x, w, b}) != AA_OK) {
        return out;
    }
    if (check_dense(&use) == AA_OK) {
        const aa_array wt = transposed(w);
        out = finish(&use, &wt, 2, (const int64_t[]){x->shape[0], w->shape[0]});
    }
    aai_kernel_return(&use);
    return out;
}
