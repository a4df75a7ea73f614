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

// Sparse latent attention (DSA). Scores of an indexer: `rows` queries of heads x dim over `seen` tokens each, of caches
// with `cached` tokens in all; keys of fp8 with a scale of 4 bytes, scores in fp32. The best of them: one pass.
// Attention of `rows` queries to `chosen` tokens each, `token_bytes` a cached one, absorbed (576/512).
TwOpCost tw_op_index(double rows, double seen, double cached, double heads, double dim);
TwOpCost tw_op_choose(double rows, double seen, double chosen);
TwOpCost tw_op_sparse(double rows, double chosen, double heads, double token_bytes);

// Experts of one of ep ranks that some token chooses, expected under even routing: (E/ep) (1 - exp(-T k/E)); all of
// them where k is E.
double tw_op_active_experts(double experts, double top_k, double tokens, double ep);
// Gated experts on one GPU: inter / tp columns of experts / ep experts; tokens of the whole group.
TwOpCost tw_op_moe(double tokens, double hidden, double inter, double experts, double top_k, double tp, double ep,
                   double e);

// The same with activations of another size than the weights: `weight` and `activation` bytes an element.
TwOpCost tw_op_moe_mixed(double tokens, double hidden, double inter, double experts, double top_k, double tp, double ep,
                         double weight, double activation);

// One product of rows sorted by expert, y[rows,n] of all experts' W[n,k]; with fewer rows than experts some weights
// stay where they are.
TwOpCost tw_op_grouped(double rows, double n, double k, double experts, double e);

// Element-wise kernels: a few FLOP each that nothing is limited by. `out`: bytes of an element written, 2 or 1.
TwOpCost tw_op_glue(double read, double written);
TwOpCost tw_op_norm(double rows, double hidden, double out);    // residual add and RMSNorm, both results written
TwOpCost tw_op_silu(double rows, double width, double out);     // gate and up to one
// Queries and keys rotated, keys and values appended to the cache; widths of a token, cache_e bytes an element there.
TwOpCost tw_op_rope(double tokens, double query_width, double key_width, double value_width, double cache_e);
TwOpCost tw_op_embed(double tokens, double hidden);
TwOpCost tw_op_router(double tokens, double experts, double top_k, double e);    // e of the logits
TwOpCost tw_op_permute(double tokens, double hidden, double top_k);
TwOpCost tw_op_unpermute(double tokens, double hidden, double top_k);
TwOpCost tw_op_sample(double rows, double vocabulary, double e);    // e of the logits
TwOpCost tw_op_copy(double bytes);
// A collective or transfer of `bytes` a rank that crosses its links `factor` times: read here, written there.
TwOpCost tw_op_collective(double bytes, double factor);

// Least time: the larger of FLOP over peak and bytes over bandwidth.
double tw_op_bound_s(TwOpCost cost, double peak_flops, double bandwidth_bytes_s);

#ifdef __cplusplus
}
#endif
