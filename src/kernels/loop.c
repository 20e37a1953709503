/* Kernels: strided loops, serial or in a parallel region.
 *
 * It cannot know what a body does; a body writes each position of operand 0 once, nothing else.
 *
 * Invariants: blocks = f(shape, strides, cost), never of threads or addresses;
 *
 *     region  <=>  blocks > 1 and positions * cost > REGION_COST
 */
#include "kernel.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum {
    /* Less work than this starts no region. Measured with aa_add on doubles and 2 threads: waiting
     * workers that spin repay one from about 15,000 elements, sleeping ones from about 80,000. */
    REGION_COST = 32768,
    /* Work in one block: large against a call, small enough to share out evenly. */
    BLOCK_COST = 8192
};

int aai_kernel_threads(void)
{
#ifdef _OPENMP
    return omp_get_active_level() < omp_get_max_active_levels() ? omp_get_max_threads() : 1;
#else
    return 1;
#endif
}

int aai_kernel_thread(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

bool aai_kernel_pays(int64_t cost)
{
    return cost > REGION_COST;
}

void aai_kernel_loop_init(aai_kernel_loop *loop, int ndim, const int64_t *shape, int64_t cost)
{
    loop->operands = 0;
    loop->ndim = ndim;
    loop->cost = cost > 1 ? cost : 1;
    loop->least = 1;
    for (int axis = 0; axis < ndim; ++axis) {
        loop->extent[axis] = shape[axis];
    }
}

void aai_kernel_loop_add(aai_kernel_loop *loop, const aa_array *array, char *at)
{
    const int64_t size = (int64_t)aa_dtype_size(array->dtype);
    const int missing = loop->ndim - array->ndim;
    int64_t *const step = loop->step[loop->operands];
    for (int axis = 0; axis < loop->ndim; ++axis) {
        step[axis] = axis < missing ? 0 : aai_kernel_stride(array, axis - missing) * size;
    }
    loop->at[loop->operands] = at;
    loop->operands += 1;
}

static bool steps_evenly(const aai_kernel_loop *loop, int outer, int inner)
{
    for (int i = 0; i < loop->operands; ++i) {
        if (loop->step[i][outer] != loop->step[i][inner] * loop->extent[inner]) {
            return false;
        }
    }
    return true;
}

static void move_axis(aai_kernel_loop *loop, int to, int from)
{
    for (int i = 0; i < loop->operands; ++i) {
        loop->step[i][to] = loop->step[i][from];
    }
}

/* Drop and merge axes; afterwards ndim >= 1. Returns the number of positions. */
static int64_t simplify(aai_kernel_loop *loop)
{
    int kept = 0;
    int64_t positions = 1;
    for (int axis = 0; axis < loop->ndim; ++axis) {
        positions *= loop->extent[axis];
        if (loop->extent[axis] == 1) {
            continue;
        }
        if (kept > 0 && steps_evenly(loop, kept - 1, axis)) {
            loop->extent[kept - 1] *= loop->extent[axis];
        } else {
            loop->extent[kept] = loop->extent[axis];
            kept += 1;
        }
        move_axis(loop, kept - 1, axis);
    }
    if (kept == 0) {
        loop->extent[0] = 1;
        for (int i = 0; i < loop->operands; ++i) {
            loop->step[i][0] = 0;
        }
        kept = 1;
    }
    loop->ndim = kept;
    return positions;
}

/* How the rows are cut: several whole rows to a block, or one row in several pieces. */
typedef struct cut {
    int64_t rows, length;  /* all rows; positions in each */
    int64_t group;         /* rows to a block, when pieces == 1 */
    int64_t piece, pieces; /* positions in a piece; pieces to a row */
    int64_t blocks;
} cut;

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static cut cut_loop(const aai_kernel_loop *loop)
{
    const int64_t wanted = BLOCK_COST / loop->cost;
    const int64_t target = wanted > loop->least ? wanted : loop->least;
    cut c = {.rows = 1, .length = loop->extent[loop->ndim - 1]};
    for (int axis = 0; axis < loop->ndim - 1; ++axis) {
        c.rows *= loop->extent[axis];
    }
    c.group = c.length < target ? target / c.length : 1;
    c.piece = c.length < target ? c.length : target;
    c.pieces = divide_up(c.length, c.piece);
    c.blocks = c.pieces > 1 ? c.rows * c.pieces : divide_up(c.rows, c.group);
    return c;
}

/* A place in the rows: the index of each outer axis and where that puts each operand. */
typedef struct place {
    int64_t index[AA_MAX_NDIM];
    char *at[AAI_KERNEL_OPERANDS];
} place;

static void place_at(const aai_kernel_loop *loop, int64_t row, place *p)
{
    for (int i = 0; i < loop->operands; ++i) {
        p->at[i] = loop->at[i];
    }
    for (int axis = loop->ndim - 2; axis >= 0; --axis) {
        p->index[axis] = row % loop->extent[axis];
        row /= loop->extent[axis];
        for (int i = 0; i < loop->operands; ++i) {
            p->at[i] += p->index[axis] * loop->step[i][axis];
        }
    }
}

/* There is a next row, so the outermost axis does not carry. */
static void place_next(const aai_kernel_loop *loop, place *p)
{
    for (int axis = loop->ndim - 2;; --axis) {
        p->index[axis] += 1;
        const bool carry = axis > 0 && p->index[axis] == loop->extent[axis];
        for (int i = 0; i < loop->operands; ++i) {
            const int64_t step = loop->step[i][axis];
            p->at[i] += carry ? step - step * loop->extent[axis] : step;
        }
        if (!carry) {
            return;
        }
        p->index[axis] = 0;
    }
}

static void run_block(const aai_kernel_loop *loop, const cut *c, int64_t block,
                      aai_kernel_body *body, const void *context)
{
    const bool whole = c->pieces == 1;
    const int64_t row = whole ? block * c->group : block / c->pieces;
    const int64_t skip = whole ? 0 : (block % c->pieces) * c->piece;
    const int64_t rest = c->length - skip;
    const int64_t count = rest < c->piece ? rest : c->piece;
    const int64_t last = whole && row + c->group < c->rows ? row + c->group : c->rows;
    int64_t step[AAI_KERNEL_OPERANDS];
    place p;
    place_at(loop, row, &p);
    for (int i = 0; i < loop->operands; ++i) {
        step[i] = loop->step[i][loop->ndim - 1];
        p.at[i] += skip * step[i];
    }
    body(count, p.at, step, context);
    for (int64_t next = row + 1; whole && next < last; ++next) {
        place_next(loop, &p);
        body(count, p.at, step, context);
    }
}

void aai_kernel_loop_run(aai_kernel_loop *loop, aai_kernel_body *body, const void *context)
{
    const int64_t positions = simplify(loop);
    if (positions == 0) {
        return;
    }
    const cut c = cut_loop(loop);
    if (c.blocks == 1 || positions <= REGION_COST / loop->cost) {
        for (int64_t block = 0; block < c.blocks; ++block) {
            run_block(loop, &c, block, body, context);
        }
        return;
    }
#pragma omp parallel for schedule(static)
    for (int64_t block = 0; block < c.blocks; ++block) {
        run_block(loop, &c, block, body, context);
    }
}

void aai_kernel_apply(const aai_kernel_use *use, aai_kernel_body *body, int64_t cost,
                      const void *context)
{
    aai_kernel_loop loop;
    aai_kernel_loop_init(&loop, use->array[0]->ndim, use->array[0]->shape, cost);
    for (int i = 0; i < use->count; ++i) {
        aai_kernel_loop_add(&loop, use->array[i], use->at[i]);
    }
    aai_kernel_loop_run(&loop, body, context);
}
