// Residual add and RMSNorm in one pass: a block a row, the row stays in registers between the sum and the scaling.
// With e4m3 out the largest of the row follows before it is written.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { WIDEST = 1024 };
static const float e4m3_most = 448.0f;

// VECTORS 16-byte pieces of a row in each thread; `pieces` of them make the row
template <int VECTORS, bool NARROW>
static __global__ void __launch_bounds__(WIDEST)
    norm_vector(int pieces, float inverse_hidden, float epsilon, const uint4 *__restrict__ x,
                const uint4 *__restrict__ residual, const uint4 *__restrict__ weight, uint4 *__restrict__ sum,
                void *__restrict__ y, float *__restrict__ scales)
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

    float scale = rsqrtf(block_sum(squares) * inverse_hidden + epsilon), most = 0.0f;
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int i = threadIdx.x + v * blockDim.x;
        if (i >= pieces) continue;
        float w[8];
        unpack8(__ldg(weight + i), w);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            s[v][j] = s[v][j] * scale * w[j];
            most = fmaxf(most, fabsf(s[v][j]));
        }
        if (!NARROW) __stcs((uint4 *)y + row + i, pack8(s[v]));
    }
    if (!NARROW) return;

    most = block_most(most);
    float step = most > 0.0f ? most / e4m3_most : 1.0f, inverse = 1.0f / step;
    if (threadIdx.x == 0) scales[blockIdx.x] = step;
#pragma unroll
    for (int v = 0; v < VECTORS; v++) {
        int i = threadIdx.x + v * blockDim.x;
        if (i >= pieces) continue;
#pragma unroll
        for (int j = 0; j < 8; j++) s[v][j] *= inverse;
        __stcs((uint2 *)y + row + i, pack8_e4m3(s[v]));
    }
}

// any width: rows that are no multiple of 16 bytes, or too long for registers, are read again
static __global__ void __launch_bounds__(WIDEST)
    norm_any(int64_t hidden, float inverse_hidden, float epsilon, const uint16_t *__restrict__ x,
             const uint16_t *__restrict__ residual, const uint16_t *__restrict__ weight, uint16_t *__restrict__ sum,
             void *__restrict__ y, float *__restrict__ scales)
{
    int64_t row = (int64_t)blockIdx.x * hidden;
    float squares = 0.0f, most = 0.0f;
    for (int64_t i = threadIdx.x; i < hidden; i += blockDim.x) {
        float s = widen(x[row + i]) + widen(residual[row + i]);
        sum[row + i] = narrow(s);
        squares += s * s;
    }
    float scale = rsqrtf(block_sum(squares) * inverse_hidden + epsilon);
    for (int64_t i = threadIdx.x; i < hidden; i += blockDim.x) {
        float s = (widen(x[row + i]) + widen(residual[row + i])) * scale * widen(weight[i]);
        most = fmaxf(most, fabsf(s));
        if (!scales) ((uint16_t *)y)[row + i] = narrow(s);
    }
    if (!scales) return;
    most = block_most(most);
    float step = most > 0.0f ? most / e4m3_most : 1.0f, inverse = 1.0f / step;
    if (threadIdx.x == 0) scales[blockIdx.x] = step;
    for (int64_t i = threadIdx.x; i < hidden; i += blockDim.x) {
        float s = (widen(x[row + i]) + widen(residual[row + i])) * scale * widen(weight[i]);
        ((uint8_t *)y)[row + i] = (uint8_t)pack_e4m3(s * inverse, 0.0f);
    }
}

extern "C" cudaError_t tw_cuda_residual_rmsnorm(int64_t rows, int64_t hidden, float epsilon, const uint16_t *x,
                                                const uint16_t *residual, const uint16_t *weight, uint16_t *sum,
                                                void *y, float *scale, cudaStream_t stream)
{
    float inverse = 1.0f / (float)hidden;
    int64_t pieces = hidden / 8;
    unsigned blocks = (unsigned)rows;
    if (hidden % 8 || pieces > 4 * WIDEST) {
        norm_any<<<blocks, WIDEST, 0, stream>>>(hidden, inverse, epsilon, x, residual, weight, sum, y, scale);
        return cudaGetLastError();
    }
    // few pieces: one a thread, for the shortest chain; many: four in flight each
    int vectors = pieces <= 256 ? 1 : pieces <= 512 ? 2 : 4;
    int threads = (int)((pieces + vectors - 1) / vectors + WARP - 1) / WARP * WARP;
    const uint4 *x4 = (const uint4 *)x, *r4 = (const uint4 *)residual, *w4 = (const uint4 *)weight;
    uint4 *s4 = (uint4 *)sum;
#define LAUNCH(VECTORS, NARROW)                                                                                        \
    norm_vector<VECTORS, NARROW>                                                                                       \
        <<<blocks, threads, 0, stream>>>((int)pieces, inverse, epsilon, x4, r4, w4, s4, y, scale)
    if (scale && vectors == 4)
        LAUNCH(4, true);
    else if (scale && vectors == 2)
        LAUNCH(2, true);
    else if (scale)
        LAUNCH(1, true);
    else if (vectors == 4)
        LAUNCH(4, false);
    else if (vectors == 2)
        LAUNCH(2, false);
    else
        LAUNCH(1, false);
    return cudaGetLastError();
}
