// What the kernels must compute, on the CPU in double precision: the yardstick of tokenworks-calibrate --selftest.
//
// Inputs are the narrow numbers that the GPU reads, widened without error, so rounding them is no part of the error;
// outputs are not rounded unless it says so. Rows are contiguous. Rows run on OpenMP threads, sums within a row
// serially: the result is the same for any number of threads.
#pragma once

#include "kernels/host/operand.h"

#include <stddef.h>
#include <stdint.h>

// sum = x + residual;  y = sum / sqrt(mean(sum^2) + epsilon) * weight.   x, residual, sum, y [rows, hidden], weight
// [hidden] What serving engines call fused add and RMSNorm (Zhang and Sennrich 2019): the sum is the next layer's
// residual.
void tw_ref_residual_rmsnorm(int64_t rows, int64_t hidden, double epsilon, const uint16_t *x, const uint16_t *residual,
                             const uint16_t *weight, double *sum, double *y);

// z / (1 + exp(-z))
double tw_ref_silu(double z);

// y = silu(gate) * up.   gate_up [rows, 2 width], the gate's columns first; y [rows, width]
void tw_ref_silu_mul(int64_t rows, int64_t width, const uint16_t *gate_up, double *y);

// y = x W^T.   x [m, k], w [n, k], y [m, n]; widened operands
void tw_ref_gemm(int64_t m, int64_t n, int64_t k, const float *x, const float *w, double *y);

// The product's operand as numbers: `rows` of depth k, scales applied as the point's format says. weight: W, else x.
void tw_ref_operand(const TwCalPoint *point, bool weight, const void *data, const void *scale, float *out);

// Softmax attention of one head: query row r sees the first `seen + r` of the keys.
// o[r] = sum_j p_j v_j, p = softmax(scale q_r k_j).   q [rows, d_qk], k [keys, d_qk], v [keys, d_v], o [rows, d_v]
void tw_ref_attention(int64_t rows, int64_t keys, int64_t seen, int64_t d_qk, int64_t d_v, double scale, const float *q,
                      const float *k, const float *v, double *o);

// Rotary embedding of one vector in place (Su et al. 2021, halves rotated): pairs (i, i + d/2) by the angle whose
// cosine and sine are turn[i] and turn[d/2 + i].
void tw_ref_rope(int64_t d, const float *turn, double *x);

// Softmax over the experts, the topk largest in falling order (ties: the lower index first), their weights made to sum
// to one.   logit [experts]; id, weight [topk]
void tw_ref_router(int64_t experts, int64_t topk, const uint16_t *logit, int32_t *id, double *weight);

// Where row (t, i) goes when rows are sorted by expert, in order of t and i within one.   id, row [count], first
// [experts]
void tw_ref_permute(int64_t count, int64_t experts, const int32_t *id, int32_t *row, int32_t *first);

// One row's sampling weights: exp(logit - largest) of the tokens that stay, 0 of the others. topk 0 and topp 0: all
// stay. Tokens equal to the smallest that stays stay too. topp in percent, taken within the topk.
void tw_ref_sample_weights(int64_t vocab, int64_t topk, int64_t topp, const uint16_t *logit, double *weight);
// The Gumbel noise of (seed, row, token): sampling is the largest of logit + noise (Gumbel 1954).
double tw_ref_gumbel(uint64_t seed, int64_t row, int64_t token);

// Frobenius norm of got - want over that of want; got is bf16. Not finite where got is not.
double tw_ref_error(size_t count, const uint16_t *got, const double *want);

// Error of the outputs of a point, given all its operands in host memory as the kernel left them: relative Frobenius
// norm, the largest of its outputs; 0 or infinite where bits must be equal. seed: of sampling.
double tw_ref_check(const TwCalPoint *point, void *const *operand);
// What an error may be (kernels page, section 13); 0: to the bit.
double tw_ref_bar(const TwCalPoint *point);

extern const double tw_ref_epsilon;          // what RMSNorm adds under the root; Llama 3 uses 1e-5
extern const uint64_t tw_ref_sample_seed;    // of every measured sampling
