// The kernels of one micro-batch of training on one GPU, forward and back, from the tables of kernels.
//
// The layers of step_compose.h at whole sequences, each kernel as often as training runs it:
//     products and experts: output, gradient of the input, gradient of the weights; without the last where these are
//     frozen. Casts to the type of the product: every input and every gradient of an output is read in bf16 and written
//     twice, as rows and as columns.
//     attention: backward takes so many times forward as facilities/parts/traffic/train_attention.csv has measured
//     norms, activations, rotation: backward by what it reads and writes over what forward does
//     tensor-parallel ranks: two sums a layer and pass; norms of a rank's share of the tokens (sequence parallel)
//     experts: dispatch and combine, each again backward
//     head: products as above, and the loss in passes over the logits
// Context-parallel ranks have 1/c of the queries each with the mean history of balanced halves, and pass their keys
// and values on beside attention. Recomputed kernels run forward once more. What the tables do not have is in
// docs/training.md.
#pragma once

#include "models/workload/step.h"

// What is computed again on the way back instead of being kept.
typedef enum TwRecompute {
    TW_RECOMPUTE_NONE,
    TW_RECOMPUTE_SELECTIVE,    // outputs of norms and activations, latent keys and values
    TW_RECOMPUTE_FULL,         // layers, from their input
    TW_RECOMPUTES
} TwRecompute;
extern const char *const tw_recompute_names[];    // in that order, up to NULL

// A micro-batch of whole sequences on a tensor-parallel group.
typedef struct TwTrainBatch {
    double sequences, sequence_tokens;
    int context_parallel;
    bool frozen;             // adapters are trained, weights are not (LoRA)
    bool overlap_sums;       // sums of tensor-parallel ranks run beside products, in pieces
    bool overlap_experts;    // dispatch and combine run beside another micro-batch's kernels
    TwRecompute recompute;
    double sum_s;    // gather and scatter of the activations over the tensor-parallel ranks, one after the other
    double gradient_bytes;     // of a parameter, as micro-batches add to them
    double context_bytes_s;    // from a context-parallel rank to the next
    bool micro_scaled;         // fp8 with a scale of 32 values (mxfp8), whose products take longer than the tables' fp8
} TwTrainBatch;

// A kernel, all its runs in a micro-batch; whole model, at the clock that the board limit leaves.
typedef struct TwTrainPart {
    char name[40];
    double forward_s, backward_s;    // backward with what is computed again
    double energy_j, flop;           // of one GPU
    const char *evidence;
} TwTrainPart;

enum { TW_TRAIN_PARTS = 64 };
typedef struct TwTrainMicro {
    int count;
    TwTrainPart part[TW_TRAIN_PARTS];
    double layers_forward_s, layers_backward_s;    // all layers
    double ends_forward_s, ends_backward_s;        // embedding, head and loss
    double energy_j;                               // of one GPU
    double clock_fraction;                         // that the limit leaves
    double hidden_s;                               // of transfers, beside products
} TwTrainMicro;

// model: made of one stage, with as many attention ranks as share the experts. False: no measured backward pass.
bool tw_train_micro(TwTrainMicro *micro, const TwStepModel *model, const TwTrainBatch *batch, TwError *error);

// A kernel that moves so many bytes through device memory.
double tw_train_moved_s(const TwStepModel *model, double bytes);

// Backward over forward time of attention of this length on a chip; a chip of its generation stands in. latent: MLA;
// window: of so many tokens. False: the table cannot be read.
bool tw_train_attention(double *backward, const TwAcceleratorRow *chip, bool latent, bool window, double tokens,
                        TwError *error);

// Bytes that a layer keeps of a token for the way back, mean over the layers, on one of tp GPUs; experts keep theirs of
// as many tokens. eight_bits: products keep their inputs so.
double tw_train_kept_bytes(const TwModelRow *model, int tensor_parallel, bool eight_bits, TwRecompute recompute);
