/* Digits: the network. Its code takes arrays and returns arrays; it knows no allocator. */
#ifndef DIGITS_MODEL_H
#define DIGITS_MODEL_H

#include <allocarrays/array.h>

enum { CLASSES = 10 };

/* name in the weights file, tensor, ndim, extents */
#define MODEL_TENSORS(X)                                                                           \
    X("conv1.w", CONV1_W, 4, 32, 1, 3, 3)                                                          \
    X("conv1.b", CONV1_B, 1, 32)                                                                   \
    X("bn.gamma", BN_GAMMA, 1, 32)                                                                 \
    X("bn.beta", BN_BETA, 1, 32)                                                                   \
    X("bn.mean", BN_MEAN, 1, 32)                                                                   \
    X("bn.var", BN_VAR, 1, 32)                                                                     \
    X("conv2.w", CONV2_W, 4, 16, 32, 3, 3)                                                         \
    X("conv2.b", CONV2_B, 1, 16)                                                                   \
    X("conv3.w", CONV3_W, 4, 10, 16, 3, 3)                                                         \
    X("conv3.b", CONV3_B, 1, 10)                                                                   \
    X("dense1.w", DENSE1_W, 2, 10, 90)                                                             \
    X("dense1.b", DENSE1_B, 1, 10)                                                                 \
    X("dense2.w", DENSE2_W, 2, 10, 10)                                                             \
    X("dense2.b", DENSE2_B, 1, 10)

typedef enum tensor {
#define MODEL_ENUM(text, name, ...) name,
    MODEL_TENSORS(MODEL_ENUM)
#undef MODEL_ENUM
        TENSORS
} tensor;

typedef struct model {
    aa_array tensor[TENSORS];
} model;

/* Classify images (N, 1, 28, 28): probabilities (N, 10). A null array on failure; aa_last_message says why.
 * The result and all it takes on the way follow the handle of images; what batch normalisation computes
 * from its parameters follows theirs. */
aa_array model_classify(const model *m, const aa_array *images);

/* The same in steps, for profiles: layer i, 0 <= i < model_layers(), of the result of the one before it. */
int model_layers(void);
const char *model_layer_name(int i);
aa_array model_layer(const model *m, int i, const aa_array *x);

#endif
