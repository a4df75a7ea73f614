// A whole transformer step as the list of points that it runs: what the sum of single kernels predicts, and what the
// assembled step measures (kernels page, section 12).
#pragma once

#include "kernels/host/rows.h"

// The shape of a dense model with grouped queries.
typedef struct TwStepModel {
    const char *name;
    int64_t layers, hidden, heads, kv_heads, head_dim, ffn, vocab, page;
} TwStepModel;
extern const TwStepModel tw_step_llama8b;    // Llama 3.1 8B (Meta, model card)

// `batch` sequences decode one token at `context` tokens on average, spread by `skew` percent, and `chunks` prompts of
// q new tokens on `prefix` cached ones are computed. fp8: products with a scale a row, but for the attention's output
// projection, whose input no kernel quantises.
typedef struct TwStepCase {
    int64_t batch, context, skew, chunks, q, prefix;
    bool fp8;
} TwStepCase;
TwStepCase tw_step_of(const TwCalPoint *point);    // a point of the operation "step"

enum { TW_STEP_OPS = 16 };

// One kind of launch of a step; which: TW_STEP_EMBED ... below.
typedef struct TwStepOp {
    int which;
    TwCalPoint point;
    int64_t launches;
} TwStepOp;
enum {
    TW_STEP_EMBED,
    TW_STEP_NORM,
    TW_STEP_QKV,
    TW_STEP_ROPE,
    TW_STEP_PREFILL,
    TW_STEP_DECODE,
    TW_STEP_OUT,
    TW_STEP_GATE_UP,
    TW_STEP_SILU,
    TW_STEP_DOWN,
    TW_STEP_HEAD,
    TW_STEP_SAMPLE,
    TW_STEP_FINAL_NORM
};

// Fills op[0 .. count-1] in the order of the first launch; returns the count.
int tw_step_ops(const TwStepModel *model, const TwStepCase *step, TwStepOp op[TW_STEP_OPS]);

// Tokens and rows of logits of a case.
int64_t tw_step_tokens(const TwStepCase *step);
int64_t tw_step_logits(const TwStepCase *step);

// Sum of the measured medians of a step's points, seconds, and of their energies where all are there (NaN otherwise).
// missing: points without a row that is ok; then the sum leaves them out.
typedef struct TwStepPrediction {
    double t_s, launches;    // of burst rows
    double energy_j;         // of sustained rows; NaN where one is missing
    // the same with the cap in force: no shorter than the energy at the most that any sustained row drew; NaN without
    // it
    double capped_s;
    int missing;
} TwStepPrediction;
TwStepPrediction tw_step_predict(const TwStepModel *model, const TwStepCase *step, const TwCalRows *rows);

// FLOP and bytes of all launches.
TwOpCost tw_step_cost(const TwStepModel *model, const TwStepCase *step);
