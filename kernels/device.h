// The hand-written kernels, as C sees them. All return a cudaError_t of the launch; nothing waits.
//
// bf16 numbers are passed as 16 bits. Pointers are device memory aligned to 16 bytes (cudaMalloc gives 256).
#pragma once

#include <cuda_runtime_api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// sum = x + residual, y = RMSNorm(sum) * weight; fp32 inside. x, residual, sum, y [rows, hidden]; none may overlap.
cudaError_t tw_cuda_residual_rmsnorm(int64_t rows, int64_t hidden, float epsilon, const uint16_t *x,
                                     const uint16_t *residual, const uint16_t *weight, uint16_t *sum, uint16_t *y,
                                     cudaStream_t stream);

// y = silu(gate) * up; gate_up [rows, 2 width], gate first; y [rows, width]
cudaError_t tw_cuda_silu_mul(int64_t rows, int64_t width, const uint16_t *gate_up, uint16_t *y, cudaStream_t stream);

// Streams `bytes` from one place to another, past the cache where it can.
cudaError_t tw_cuda_copy(int64_t bytes, const void *from, void *to, cudaStream_t stream);

// scale * standard normal numbers as bf16, a function of seed and index only. offset is added to each.
cudaError_t tw_cuda_fill_normal(int64_t count, float scale, float offset, uint64_t seed, uint16_t *out,
                                cudaStream_t stream);

#ifdef __cplusplus
}
#endif
