// Layers that keep a state of fixed size a sequence in place of a cache that grows. Of a head S is a matrix of
// key_dim x value_dim, decayed by a and corrected towards its value by b:
//     delta, gated delta nets (Yang, Kautz, Hatamizadeh 2024; Qwen3-Next):    S <- a S (I - b k k^T) + b v k^T
//     kda (Kimi Linear 2025): the same with a decay a channel,                S <- S Diag(a) (I - b k k^T) + b v k^T
//     mamba2 (Dao, Gu 2024; Nemotron-H, Granite 4.0 H): nothing taken back,   S <- a S + dt x B^T
// and o = S q, where Mamba-2 calls v, k, q by x, B, C, and keys of a group of heads are the same. All of these pass a
// convolution of conv_tokens tokens before, the output a norm gated by SiLU behind. A decode reads and writes the whole
// state. A prompt is computed in chunks: matrix products inside of them, the state from one to the next; where the
// kernel keeps it on the processor, a lone prompt waits for its chunks one after the other (docs/calibration.md, 15).
// Tokens that are drafted keep a state each until it is known which are accepted: a step reads one and writes all.
#pragma once

#include "models/workload/chip.h"
#include "models/workload/op.h"

#include <stdbool.h>
#include <stdint.h>

struct TwModelRow;

typedef enum TwLinearKind { TW_LINEAR_DELTA, TW_LINEAR_MAMBA2, TW_LINEAR_KDA } TwLinearKind;
extern const char *const tw_linear_kinds[];    // "delta" "mamba2" "kda", NULL-ended, in this order

// Number type of the state: as the model's part says, or as asked for.
typedef enum TwStateType { TW_STATE_AUTO, TW_STATE_BF16, TW_STATE_FP32 } TwStateType;
extern const char *const tw_state_types[];    // "auto" "bf16" "fp32", NULL-ended, in this order
// Whose kernel scans prompts: Triton's of flash-linear-attention, or FlashInfer's since 2026, of KDA FlashKDA. Auto:
// the former, but with vLLM since 0.21. Mamba-2 has Triton's alone.
typedef enum TwScanKernel { TW_SCAN_AUTO, TW_SCAN_FLA, TW_SCAN_FLASHINFER } TwScanKernel;
extern const char *const tw_scan_kernels[];    // "auto" "fla" "flashinfer", NULL-ended, in this order

enum { TW_SCAN_CHUNK = 64 };

TwLinearKind tw_linear_kind(const struct TwModelRow *model);
// Weights of one such layer, and of its output projection among them.
double tw_linear_weights(const struct TwModelRow *model);
double tw_linear_output_weights(const struct TwModelRow *model);

double tw_linear_element_bytes(const struct TwModelRow *model, TwStateType type);
// Bytes that one sequence keeps in all such layers on one of tp GPUs: states, and the tokens that convolutions look
// back to in bf16.
double tw_linear_state_bytes(const struct TwModelRow *model, TwStateType type, int tensor_parallel);
// The same as tokens of the attention layers' cache, as vLLM pages it: a page of an attention layer holds at least one
// state, in tokens a multiple of 16, and a sequence has such a page for each attention layer's share of these layers.
double tw_linear_paged_tokens(const struct TwModelRow *model, TwStateType type, double cache_bytes,
                              int tensor_parallel);

// Tokens of a page where a prefix cache keeps the states behind each, in whole chunks of Mamba-2's scan, and how often
// a page's KV they take: a page of the cache for each attention layer's share of these layers. 0: no kind of which
// states are kept.
int32_t tw_linear_kept_tokens(const struct TwModelRow *model, TwStateType type, double cache_bytes, int tensor_parallel,
                              int32_t *times);

// A kernel of one layer on one GPU: its least work, and the time it was published to take there, or carried over.
typedef struct TwLinearCost {
    TwOpCost op;
    double start_s, work_s;
    bool published;
} TwLinearCost;

// The states of so many sequences a token on: start + elements over what the kernel reaches. With drafts: read once,
// written behind each token.
TwLinearCost tw_linear_update(const TwAcceleratorRow *chip, const struct TwModelRow *model, TwStateType type, double tp,
                              double sequences, double drafts);
// Widths of a token's queries, keys and values on a GPU (a group of Mamba-2 is on each that has heads of it), and the
// convolution over so many tokens.
double tw_linear_mixed_width(const struct TwModelRow *model, double tp);
TwLinearCost tw_linear_conv(const TwAcceleratorRow *chip, const struct TwModelRow *model, double tp, double tokens);

// A scan: start + max(tokens token_s, length / TW_SCAN_CHUNK chunk_s), or their sum where the kernel does not overlap
// them.
typedef struct TwLinearScan {
    double start_s, token_s, chunk_s;
    double token_flop, token_bytes;
    bool adds, published;
    int launches;
} TwLinearScan;
TwLinearScan tw_linear_scan(const TwAcceleratorRow *chip, const struct TwModelRow *model, TwScanKernel kernel,
                            double tp);
// Of `tokens` tokens, of which the longest prompt has `length`.
double tw_linear_scan_s(const TwLinearScan *scan, double tokens, double length);
