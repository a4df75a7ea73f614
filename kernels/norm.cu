// Residual add and RMSNorm in one pass: a block a row, the row stays in registers between the sum and the scaling.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { WIDEST = 1024, WARP = 32 };

// the sum over a block, in every thread; the order of additions depends on the block size only
static __device__ float block_sum(float value)
{
    __shared__ float partial[WARP];
    for (int step = WARP / 2; step; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
    if (threadIdx.x % WARP == 0) partial[threadIdx.x / WARP] = value;
    __syncthreads();
    value = threadIdx.x % WARP < (blockDim.x + WARP - 1) / WARP ? partial[threadIdx.x % WARP] : 0.0f;
    for (int step = WARP / 2; step; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
    return value;
}

// VECTORS 16-byte pieces of a row in each thread; `pieces` of them make the row
template <int VECTORS>
static __global__ void __launch_bounds__(WIDEST)
    norm_vector(int pieces, float inverse_hidden, float epsilon, const uint4 *__restrict__ x,
                const uint4 *__restrict__ residual, const uint4 *__restrict__ weight, uint4 *__restrict__ sum,
                uint4 *__restrict__ y)
{
    int64_t row = (int64_t)blockIdx.x * pieces;
    uint4 a[VECTORS], b[VECTORS];
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int i = threadIdx.x + v * blockDim.x;
        a[v] = b[v] = make_uint4(0, 0, 0, 0);
        if (i < pieces) a[v] = __ldcs(x + row + i), b[v] = __ldcs(residual + row + i);
    }

    float s[VECTORS][8], squares = 0.0f;
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        float other[8];
        unpack8(a[v], s[v]);
        unpack8(b[v], other);
#pragma unroll
        for (int j = 0; j < 8; j++) s[v][j] += other[j], squares += s[v][j] * s[v][j];
        int i = threadIdx.x + v * blockDim.x;
        if (i < pieces) __stcs(sum + row + i, pack8(s[v]));
    }

    float scale = rsqrtf(block_sum(squares) * inverse_hidden + epsilon);
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int i = threadIdx.x + v * blockDim.x;
        if (i >= pieces) continue;
        float w[8];
        unpack8(__ldg(weight + i), w);
#pragma unroll
        for (int j = 0; j < 8; j++) w[j] *= s[v][j] * scale;
        __stcs(y + row + i, pack8(w));
    }
}

// any width: rows that are no multiple of 16 bytes, or too long for registers, are read twice
static __global__ void __launch_bounds__(WIDEST)
    norm_any(int64_t hidden, float inverse_hidden, float epsilon, const uint16_t *__restrict__ x,
             const uint16_t *__restrict__ residual, const uint16_t *__restrict__ weight, uint16_t *__restrict__ sum,
             uint16_t *__restrict__ y)
{
    int64_t row = (int64_t)blockIdx.x * hidden;
    float squares = 0.0f;
    for (int64_t i = threadIdx.x; i < hidden; i += blockDim.x) {
        float s = widen(x[row + i]) + widen(residual[row + i]);
        squares += s * s;
        sum[row + i] = narrow(s);
    }
    float scale = rsqrtf(block_sum(squares) * inverse_hidden + epsilon);
    for (int64_t i = threadIdx.x; i < hidden; i += blockDim.x)
        y[row + i] = narrow((widen(x[row + i]) + widen(residual[row + i])) * scale * widen(weight[i]));
}

extern "C" cudaError_t tw_cuda_residual_rmsnorm(int64_t rows, int64_t hidden, float epsilon, const uint16_t *x,
                                                const uint16_t *residual, const uint16_t *weight, uint16_t *sum,
                                                uint16_t *y, cudaStream_t stream)
{
    float inverse = (float)(1.0 / (double)hidden);
    unsigned blocks = (unsigned)rows;
    int64_t pieces = hidden / 8;
    if (hidden % 8 != 0 || pieces > 4 * WIDEST) {
        unsigned any_threads = hidden < 256 ? 128 : WIDEST;
        norm_any<<<blocks, any_threads, 0, stream>>>(hidden, inverse, epsilon, x, residual, weight, sum, y);
        return cudaGetLastError();
    }

    // few pieces: one a thread, for the shortest chain; many: four in flight each
    int vectors = pieces <= 256 ? 1 : pieces <= 512 ? 2 : 4;
    unsigned threads = (unsigned)(((pieces + vectors - 1) / vectors + WARP - 1) / WARP * WARP);
    const uint4 *a = (const uint4 *)x, *b = (const uint4 *)residual, *w = (const uint4 *)weight;
    uint4 *s = (uint4 *)sum, *out = (uint4 *)y;
    if (vectors == 1) norm_vector<1><<<blocks, threads, 0, stream>>>((int)pieces, inverse, epsilon, a, b, w, s, out);
    if (vectors == 2) norm_vector<2><<<blocks, threads, 0, stream>>>((int)pieces, inverse, epsilon, a, b, w, s, out);
    if (vectors == 4) norm_vector<4><<<blocks, threads, 0, stream>>>((int)pieces, inverse, epsilon, a, b, w, s, out);
    return cudaGetLastError();
}
