// The hand-written kernels, as C sees them. All return a cudaError_t of the launch; nothing waits.
//
// bf16 numbers are passed as 16 bits, e4m3 as 8. Pointers are device memory aligned to 16 bytes (cudaMalloc gives 256).
// What each must compute is in kernels/ref/ref.h, what its operands are in kernels/host/operand.h.
#pragma once

#include "kernels/host/operand.h"

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// sum = x + residual, y = RMSNorm(sum) * weight; fp32 inside. x, residual, sum, y [rows, hidden]; none may overlap.
// scale NULL: y is bf16; else y is e4m3 and scale [rows] what each row was divided by.
cudaError_t tw_cuda_residual_rmsnorm(int64_t rows, int64_t hidden, float epsilon, const uint16_t *x,
                                     const uint16_t *residual, const uint16_t *weight, uint16_t *sum, void *y,
                                     float *scale, cudaStream_t stream);

// y = silu(gate) * up; gate_up [rows, 2 width], gate first; y [rows, width], bf16 or e4m3 as above
cudaError_t tw_cuda_silu_mul(int64_t rows, int64_t width, const uint16_t *gate_up, void *y, float *scale,
                             cudaStream_t stream);

// Rotates queries and keys of qkv [tokens, heads + 2 kv_heads, d] and appends keys and values to paged containers
// [block, kv_head, page, d], bf16 or e4m3. turns [positions, d]: cosines, then sines.
typedef struct TwRope {
    int64_t tokens;
    int heads, kv_heads, d, page;
    bool narrow;
    const uint16_t *qkv;
    const float *turns;
    const int32_t *position, *slot;
    uint16_t *q;
    void *k, *v;
} TwRope;
cudaError_t tw_cuda_rope_append(const TwRope *rope, cudaStream_t stream);

// One query token of each sequence on its paged cache; parts [batch, heads, count, d + 2] floats of workspace.
typedef struct TwDecode {
    int batch, heads, kv_heads, d, page, pages, parts;
    bool narrow;
    const uint16_t *q;
    const void *k, *v;
    const int32_t *pages_of, *length;
    uint16_t *o;
    float *workspace;
} TwDecode;
cudaError_t tw_cuda_decode(const TwDecode *decode, cudaStream_t stream);

// y[t] = table[id[t]]
cudaError_t tw_cuda_embed(int64_t tokens, int64_t hidden, const uint16_t *table, const int32_t *id, uint16_t *y,
                          cudaStream_t stream);
// softmax, top-k, weights that sum to one; experts <= 1024, topk <= 32
cudaError_t tw_cuda_router(int64_t tokens, int experts, int topk, const uint16_t *logit, float *weight, int32_t *id,
                           cudaStream_t stream);
// rows sorted by expert: row [tokens topk], first [experts], y [tokens topk, hidden]
cudaError_t tw_cuda_permute(int64_t tokens, int64_t hidden, int experts, int topk, const uint16_t *x, const int32_t *id,
                            int32_t *row, int32_t *first, uint16_t *y, cudaStream_t stream);
// y[t] = sum over i of weight[t, i] x[row[t, i]]
cudaError_t tw_cuda_unpermute(int64_t tokens, int64_t hidden, int topk, const uint16_t *x, const int32_t *row,
                              const float *weight, uint16_t *y, cudaStream_t stream);
// one token a row: the largest of logit + Gumbel noise among those that top-k and top-p leave
cudaError_t tw_cuda_sample(int64_t rows, int64_t vocab, int64_t topk, int topp_percent, uint64_t seed,
                           const uint16_t *logit, int32_t *id, cudaStream_t stream);
// to[i] = from[block[i]], blocks of `bytes` (a multiple of 16)
cudaError_t tw_cuda_gather(int64_t blocks, int64_t bytes, const void *from, const int32_t *block, void *to,
                           cudaStream_t stream);

// Streams `bytes` from one place to another, past the cache where it can; cached: through it.
cudaError_t tw_cuda_copy(int64_t bytes, bool cached, const void *from, void *to, cudaStream_t stream);
// `blocks` blocks of 32 threads that do nothing: what a launch costs.
cudaError_t tw_cuda_nothing(int64_t blocks, cudaStream_t stream);
// Every processor turns for this many of its clocks: what being awake costs.
cudaError_t tw_cuda_spin(int64_t clocks, int processors, cudaStream_t stream);

// Fills an operand as operand.h says, a function of seed and index only; data other than TW_CAL_NORMAL replaces the
// numbers of bf16, e4m3 and e2m1 operands.
cudaError_t tw_cuda_fill(TwFill fill, size_t bytes, float scale, float offset, TwCalData data, uint64_t seed, void *out,
                         cudaStream_t stream);

#ifdef __cplusplus
}
#endif
