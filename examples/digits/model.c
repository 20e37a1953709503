/* Digits: the network, layer by layer (README.md has its table).
 *
 * Nothing here names an allocator: the arrays that come in say where the ones that go out come from.
 *
 * Invariant: at most two activations are held at a time: each is freed when the next layer has read it, or
 * changed in place. That is what the heap needs to give memory back; a bump allocator forgets what was
 * freed until its reset, and stays small enough for the cache because so little is made anew.
 */
#include "model.h"

#include <allocarrays/kernels.h>

static const double BN_EPSILON = 1e-5;

typedef enum kind { CONVOLVE, NORMALISE, POOL, DENSE, SOFTMAX } kind;
typedef enum after { PLAIN, RELU } after;

/* A layer, the first of its tensors (the others follow it), and what is done to its result in place. */
typedef struct layer {
    const char *name;
    kind kind;
    tensor first;
    after after;
} layer;

static const layer layers[] = {
    {"convolution 1 to 32, relu", CONVOLVE, CONV1_W, RELU},
    {"batch normalisation, relu", NORMALISE, BN_GAMMA, RELU},
    {"pooling 28 to 14", POOL, 0, PLAIN},
    {"convolution 32 to 16, relu", CONVOLVE, CONV2_W, RELU},
    {"pooling 14 to 7", POOL, 0, PLAIN},
    {"convolution 16 to 10, relu", CONVOLVE, CONV3_W, RELU},
    {"dense 90 to 10", DENSE, DENSE1_W, PLAIN},
    {"dense 10 to 10", DENSE, DENSE2_W, PLAIN},
    {"dense 10 to 10, again", DENSE, DENSE2_W, PLAIN},
    {"softmax", SOFTMAX, 0, PLAIN},
};

/* A dense layer reads each image as one row: channel, row, column. */
static aa_array dense(const aa_array *x, const aa_array *w)
{
    const aa_array rows = aa_reshape(x, 2, (const int64_t[]){x->shape[0], -1});
    return aa_is_null(&rows) ? rows : aa_dense(&rows, &w[0], &w[1]);
}

/* What a layer makes of x; a null array on failure. */
static aa_array apply(const layer *l, const model *m, const aa_array *x)
{
    const aa_array *const w = &m->tensor[l->first];
    switch (l->kind) {
    case CONVOLVE:
        return aa_conv2d(x, &w[0], &w[1]);
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

static aa_array run_layer(const layer *l, const model *m, const aa_array *x)
{
    aa_array made = apply(l, m, x);
    if (l->after == RELU && !aa_is_null(&made) && aa_relu_into(&made, &made) != AA_OK) {
        (void)aa_array_free(&made);
    }
    return made;
}

int model_layers(void)
{
    return sizeof layers / sizeof layers[0];
}

const char *model_layer_name(int i)
{
    return layers[i].name;
}

aa_array model_layer(const model *m, int i, const aa_array *x)
{
    return run_layer(&layers[i], m, x);
}

aa_array model_classify(const model *m, const aa_array *images)
{
    const int count = model_layers();
    aa_array x = run_layer(&layers[0], m, images);
    for (int i = 1; i < count && !aa_is_null(&x); ++i) {
        const aa_array next = run_layer(&layers[i], m, &x);
        (void)aa_array_free(&x);
        x = next;
    }
    return x;
}
