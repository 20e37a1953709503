/* Digits: the network, layer by layer (README.md has its table).
 *
 * Nothing here names an allocator: the arrays that come in say where the ones that go out come from.
 *
 * Invariant: at most two activations are held at a time; each is freed when the next layer has read it.
 * That is what the heap needs to give memory back. A bump allocator forgets them until its reset.
 */
#include "model.h"

#include <allocarrays/kernels.h>

static const double BN_EPSILON = 1e-5;

typedef enum kind { CONVOLVE, RELU, NORMALISE, POOL, DENSE, SOFTMAX } kind;

/* A layer and the first of its tensors; the others follow it. */
typedef struct layer {
    kind kind;
    tensor first;
} layer;

static const layer layers[] = {
    {CONVOLVE, CONV1_W}, {RELU, 0},         {NORMALISE, BN_GAMMA},
    {RELU, 0},           {POOL, 0},         {CONVOLVE, CONV2_W},
    {RELU, 0},           {POOL, 0},         {CONVOLVE, CONV3_W},
    {RELU, 0},           {DENSE, DENSE1_W}, {DENSE, DENSE2_W},
    {DENSE, DENSE2_W},   {SOFTMAX, 0},
};

/* A dense layer reads each image as one row: channel, row, column. */
static aa_array dense(const aa_array *x, const aa_array *w)
{
    const aa_array rows = aa_reshape(x, 2, (const int64_t[]){x->shape[0], -1});
    return aa_is_null(&rows) ? rows : aa_dense(&rows, &w[0], &w[1]);
}

static aa_array apply(const layer *l, const model *m, const aa_array *x)
{
    const aa_array *const w = &m->tensor[l->first];
    switch (l->kind) {
    case CONVOLVE:
        return aa_conv2d(x, &w[0], &w[1]);
    case RELU:
        return aa_relu(x);
    case NORMALISE:
        return aa_batchnorm(x, &w[0], &w[1], &w[2], &w[3], BN_EPSILON);
    case POOL:
        return aa_maxpool2d(x);
    case DENSE:
        return dense(x, w);
    case SOFTMAX:
        break;
    }
    return aa_softmax(x);
}

aa_array model_classify(const model *m, const aa_array *images)
{
    const int count = sizeof layers / sizeof layers[0];
    aa_array x = apply(&layers[0], m, images);
    for (int i = 1; i < count && !aa_is_null(&x); ++i) {
        const aa_array next = apply(&layers[i], m, &x);
        (void)aa_array_free(&x);
        x = next;
    }
    return x;
}
