// The kernels of one iteration of a transformer on one GPU of the replica, the busiest.
//
// Per layer: norm, QKV GEMM, norms of queries and keys where the model has them, RoPE and cache append, attention,
// output GEMM, all-reduce, norm, gate and up GEMM, SiLU, down GEMM, all-reduce; experts replace or join the MLP; latent
// attention has its own projections, sparse attention an indexer (step_sparse.h); layers with a state have theirs,
// convolution, scan and update instead (linear.h). Once: embedding, final norm, head, sampler. Attention ranks each
// compute their own sequences; their tokens meet in the experts, which lie over all GPUs: dispatch and combine take the
// place of the all-reduce. With stages the batch is dealt into as many parts, which follow each other: an iteration
// takes as long as one part takes through all layers. Left out: router bias, speculative tokens.
#pragma once

#include "models/workload/kernel_model.h"
#include "models/workload/linear.h"
#include "models/workload/model_shape.h"
#include "models/workload/step.h"

typedef struct TwCompose {
    const TwKernelModel *kernels;
    const TwAcceleratorRow *chip;
    const TwModelRow *model;
    TwKernelEngine engine, dense, attention;    // whose kernels: of experts, of products, of attention
    bool sglang;                                // whose kernels sparse attention has
    TwSampler sampler;
    TwMixedKernel mixed;    // TW_MIXED_AUTO: none
    TwPromptKernel prompt;
    TwStateType state;
    TwScanKernel scan;
    double window_seen;    // most tokens that a decode reads in a windowed layer; 0: the window
    bool plain_windows;    // those decode on a kernel of one query head a block
    bool plain_decode;     // all layers do
    double gate_s;         // as in TwStepSpec
    TwNumber linear, projection, output, expert, head, cache, prefill;    // number type of each part
    double bf16_share;               // of every product of another type: computed and kept in bf16
    double tp, ranks, stages, ep;    // attention tensor parallel, attention ranks, pipeline stages, expert parallel
    double moe_imbalance;
    double hottest, copies;    // tokens of the busiest GPU's experts over the mean; experts held over experts
    TwAllToAll all_to_all;
    bool training;          // tokens go to their experts in bf16
    double domains;         // that a stage lies over
    double host_experts;    // of the experts' weights, in the host's memory
    bool alike;             // all tokens of a step choose the same experts
    double stage_excess;    // layers of the largest stage over the mean
    int comm_count;
    const double *comm_bytes, *comm_s;
    bool comm_measured;
    double fused_bytes;     // of a sum that its kernel norms as well, at most
    unsigned apart;         // of TwApart
    double fused_wait_s;    // of ranks for the last of them in such a sum, a doubling
    TwCurve gather, scatter, dispatch, combine, send;
    double link_bytes_s;
} TwCompose;

// Of ranks, stages and the like in a specification, where 0 is none given.
static inline int tw_at_least_one(int n) { return n < 1 ? 1 : n; }

// What ranks wait at a collective for the last of them, a doubling of ranks.
extern const double tw_rank_skew_s, tw_fused_skew_s;

// Which number type each part of the model has under a precision (docs/calibration.md); attention's projections and its
// output's as said, "auto" or NULL: as released. False: unknown word.
bool tw_compose_numbers(TwCompose *compose, const TwStepSpec *spec, TwError *error);

// Weights of one GPU, bytes, with room for those of two layers that come from the host; what comes at every step.
double tw_compose_weight_bytes(const TwCompose *compose);
double tw_compose_host_bytes(const TwCompose *compose);

// A collective of an iteration: `times` of `bytes` each as its curve counts them, among so many ranks.
typedef enum TwMoveKind {
    TW_MOVE_REDUCE,
    TW_MOVE_GATHER,
    TW_MOVE_SCATTER,
    TW_MOVE_DISPATCH,
    TW_MOVE_COMBINE,
    TW_MOVE_SEND,
    TW_MOVES
} TwMoveKind;
typedef struct TwMove {
    const char *name;
    TwMoveKind what;
    double times, ranks, bytes, factor;
    double wait_s;    // of ranks for the last of them, a doubling; 0: tw_rank_skew_s
} TwMove;
// Those of tokens n of a rank (sums, sends), of the tokens of all ranks of a stage (exchange with experts), of logits;
// how many, at most TW_MOVES.
int tw_compose_sums(const TwCompose *compose, double tokens, TwMove *move);
int tw_compose_exchange(const TwCompose *compose, double tokens, TwMove *move);
// Share of the exchange's time that shows where another half's kernels run beside it.
double tw_compose_shown(const TwCompose *compose, double tokens);
int tw_compose_gathered(const TwCompose *compose, double logits, TwMove *move);
// Time of a collective by its curve; where nobody knows it: `factor` of the bytes through the link.
double tw_compose_curve_s(const TwCompose *compose, const TwCurve *curve, double bytes, double factor);

// Called once a kernel: `times` launches of `cost` each.
typedef void TwEmit(void *context, const char *name, double times, const TwKernelCost *cost);

// Whether a product's activations come to its type in a kernel of their own.
bool tw_compose_quantised_apart(const TwCompose *compose, const char *name, double tokens);
// All that depends on the tokens n of a rank in an iteration but what tw_compose_experts does; unaligned: n is no
// multiple of 16.
void tw_compose_dense(const TwCompose *compose, double tokens, bool unaligned, TwEmit *emit, void *context);
// What the tokens of all ranks of a stage meet in: routed experts with dispatch and combine.
void tw_compose_experts(const TwCompose *compose, double tokens, TwEmit *emit, void *context);
// Head and sampler of `logits` sequences.
void tw_compose_logits(const TwCompose *compose, double logits, TwEmit *emit, void *context);
// Decode attention of all layers, and the states of those that keep one: sequences of one context.
void tw_compose_decode(const TwCompose *compose, double sequences, double mean_context, TwEmit *emit, void *context);
// Prefill attention of all layers: `chunks` chunks of chunk tokens on history tokens each. The tables hold prompts
// without history; the time of a query-key pair is taken there at the whole length chunk + history and as many query
// rows in all, that is at chunks * chunk / (chunk + history) prompts: exact without history.
void tw_compose_prefill(const TwCompose *compose, double chunks, double chunk, double history, TwEmit *emit,
                        void *context);

// Layers with a state: `sequences` states a token on, with so many drafts of each besides (none are part of
// tw_compose_decode); prompts of `tokens` tokens in all, the
// longest of them of `length`.
void tw_compose_update(const TwCompose *compose, double sequences, double drafts, TwEmit *emit, void *context);
void tw_compose_scan(const TwCompose *compose, double tokens, double length, TwEmit *emit, void *context);

// As one kernel `times` as long and as much.
void tw_emit_times(TwEmit *emit, void *context, const char *name, TwKernelCost cost, double times);
// One layer of full attention over whole prompts.
TwKernelCost tw_compose_attention(const TwCompose *compose, double prompts, double length);
// Windowed layers take as long on longer prompts as full attention on prompts of this length, as many query rows.
// INFINITY: no window.
double tw_compose_span(const TwModelRow *model);
// Latent attention: keys and values of cached tokens are made again from the latent, once a chunk.
void tw_compose_expand(const TwCompose *compose, double tokens, TwEmit *emit, void *context);
