// FLOP and bytes of the operations of a transformer step, written once for the step model and for the CUDA kernels.
//
// Two FLOP per multiply-add. Bytes are what must cross device memory at least: every operand once, bf16 out. e is the
// size of one element of weights and activations, or of the cache: 2 bf16, 1 fp8, 0.5625 nvfp4 (4 bits and one scale
// byte per 16). Left out: accumulators, workspaces, page tables, the scales of fp8. (Kernels page, section 5.)
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TwOpCost {
    double flop, bytes;
} TwOpCost;

// y[m,n] = x[m,k] W[n,k]^T
TwOpCost tw_op_gemm(double m, double n, double k, double e);

// Causal attention of `batch` sequences of `seq` new tokens; heads query heads, kv_heads, dim wide.
TwOpCost tw_op_prefill(double batch, double seq, double heads, double kv_heads, double dim, double e);
// Chunks of `chunk` new tokens on `history` cached ones (bottom-right mask).
TwOpCost tw_op_chunk(double batch, double chunk, double history, double heads, double kv_heads, double dim, double e);
// The same with keys and values of different widths, as latent attention has before it absorbs: q new tokens on
// `prefix` cached ones.
TwOpCost tw_op_attention(double batch, double q, double prefix, double heads, double kv_heads, double d_qk, double d_v,
                         double e);
// One query token of `batch` sequences of `context` cached tokens.
TwOpCost tw_op_decode(double batch, double context, double heads, double kv_heads, double dim, double e);

// Multi-head latent attention at DeepSeek's widths: absorbed decode 576/512, prefill 192/128.
TwOpCost tw_op_mla_decode(double batch, double context, double heads, double e);
TwOpCost tw_op_mla_prefill(double batch, double seq, double heads);

// Experts of one of ep ranks that some token chooses, expected under even routing: (E/ep) (1 - exp(-T k/E)).
double tw_op_active_experts(double experts, double top_k, double tokens, double ep);
// Gated experts on one GPU: inter / tp columns of experts / ep experts; tokens of the whole group.
TwOpCost tw_op_moe(double tokens, double hidden, double inter, double experts, double top_k, double tp, double ep,
                   double e);

// The same with activations of another size than the weights: `weight` and `activation` bytes an element.
TwOpCost tw_op_moe_mixed(double tokens, double hidden, double inter, double experts, double top_k, double tp, double ep,
                         double weight, double activation);

// Element-wise kernels: `read` and `written` bytes, a few FLOP each that nothing is limited by.
TwOpCost tw_op_glue(double read, double written);

// Least time: the larger of FLOP over peak and bytes over bandwidth.
double tw_op_bound_s(TwOpCost cost, double peak_flops, double bandwidth_bytes_s);

#ifdef __cplusplus
}
#endif
