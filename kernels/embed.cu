// Rows of the embedding table: a warp a token.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256 };

static __global__ void __launch_bounds__(THREADS)
    embed(int64_t tokens, int64_t hidden, const uint16_t *__restrict__ table, const int32_t *__restrict__ id,
          uint16_t *__restrict__ y)
{
    int64_t token = (int64_t)blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP;
    if (token >= tokens) return;
    const uint16_t *from = table + (int64_t)id[token] * hidden;
    uint16_t *to = y + token * hidden;
    int64_t pieces = hidden % 8 ? 0 : hidden / 8;
    for (int64_t i = threadIdx.x % WARP; i < pieces; i += WARP)
        __stcs((uint4 *)to + i, __ldcs((const uint4 *)from + i));
    for (int64_t i = pieces * 8 + threadIdx.x % WARP; i < hidden; i += WARP) to[i] = from[i];
}

extern "C" cudaError_t tw_cuda_embed(int64_t tokens, int64_t hidden, const uint16_t *table, const int32_t *id,
                                     uint16_t *y, cudaStream_t stream)
{
    int64_t a_block = THREADS / WARP;
    embed<<<(unsigned)((tokens + a_block - 1) / a_block), THREADS, 0, stream>>>(tokens, hidden, table, id, y);
    return cudaGetLastError();
}
