// The kernels of one iteration of a transformer under tensor parallelism, on one GPU of the replica.
//
// Per layer: norm, QKV GEMM, RoPE and cache append, attention, output GEMM, all-reduce, norm, gate and up GEMM, SiLU,
// down GEMM, all-reduce; experts replace or join the MLP; latent attention has its own projections. Once: embedding,
// final norm, head, sampler. Left out: router bias, speculative tokens, overlap of communication with computation.
#pragma once

#include "models/workload/kernel_model.h"
#include "models/workload/model_shape.h"
#include "models/workload/step.h"

typedef struct TwCompose {
    const TwKernelModel *kernels;
    const TwModelRow *model;
    TwNumber linear, projection, expert, head, cache, prefill;    // number type of each part
    double tp, moe_imbalance;
    int comm_count;
    const double *comm_bytes, *comm_s;
    bool comm_measured;
    double link_bytes_s;
} TwCompose;

// Which number type each part of the model has under a precision (docs/calibration.md). False: unknown word.
bool tw_compose_numbers(TwCompose *compose, const char *precision, const char *kv_precision, TwError *error);

// Weights of one GPU, bytes.
double tw_compose_weight_bytes(const TwCompose *compose);

// Called once a kernel: `times` launches of `cost` each.
typedef void TwEmit(void *context, const char *name, double times, const TwKernelCost *cost);

// All that depends on the tokens n of an iteration; unaligned: n is no multiple of 16.
void tw_compose_dense(const TwCompose *compose, double tokens, bool unaligned, TwEmit *emit, void *context);
// Head and sampler of `logits` sequences.
void tw_compose_logits(const TwCompose *compose, double logits, TwEmit *emit, void *context);
// Decode attention of all layers: sequences of one context.
void tw_compose_decode(const TwCompose *compose, double sequences, double mean_context, TwEmit *emit, void *context);
// Prefill attention of all layers: `chunks` chunks of chunk tokens on history tokens each. The tables hold prompts
// without history; the time of a query-key pair is taken there at the whole length chunk + history and as many query
// rows in all, that is at chunks * chunk / (chunk + history) prompts: exact without history.
void tw_compose_prefill(const TwCompose *compose, double chunks, double chunk, double history, TwEmit *emit,
                        void *context);

// Query-key pairs of all layers that a chunk set computes: H + C2/2, less where a window cuts.
double tw_compose_pairs(const TwCompose *compose, double history, double chunk_square, double chunk_tokens);
// Latent attention: keys and values of cached tokens are made again from the latent, once a chunk.
void tw_compose_expand(const TwCompose *compose, double tokens, TwEmit *emit, void *context);
