// The time of a training step from the tables of kernels, beside the three-parameter model of
// models/workload/training.h.
//
// One micro-batch goes forward and back through all layers: every matrix product runs three times (output, gradient of
// the input, gradient of the weights; twice where weights are frozen), causal attention as its forward and 2.5 of it,
// norms and activations three times, tensor-parallel sums and sends between stages twice. A stage has 1/p of that; a
// step is m micro-batches and the bubble (p - 1) / (v m). The head is computed for all tokens. Context parallel ranks
// have s / c queries each, with the mean history of balanced halves. Then the optimiser reads and writes 30 bytes a
// parameter, over the replicas. Left out: recomputed activations, quantisation of gradients, exchange of keys among
// context-parallel ranks, imbalance of experts beyond the tables.
#pragma once

#include "models/workload/training.h"
#include "sim/error.h"

typedef struct TwTrainKernels {
    double micro_s;                           // one micro-batch through all layers, forward and back
    double product_s, attention_s, rest_s;    // parts of it
} TwTrainKernels;

// chip, model: names of parts; precision of the products: "bf16", "fp8". Layout numbers of 0 count as 1. Fills step as
// tw_train_step does, without t0 and t1; optimiser in fixed_s.
bool tw_train_kernels(TwTrainStep *step, TwTrainKernels *parts, const char *chip, const char *model,
                      const char *precision, const TwTrainModel *trained, const TwTrainLayout *layout, TwError *error);
