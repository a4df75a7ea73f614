// The gated activation of a feed-forward layer: silu(gate) * up, 16 bytes of each a thread; with e4m3 out a block a
// row, so that the row's largest is known.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256, ROW_THREADS = 512, HELD = 4 };
static const int64_t tallest = 65535;    // blocks a grid may have in y
static const float e4m3_most = 448.0f;

static __device__ __forceinline__ float silu_mul(float gate, float up)
{
    // a plain division: for gates below -88 exp is infinite and the quotient the right limit, 0
    return gate / (1.0f + __expf(-gate)) * up;
}

static __device__ __forceinline__ void silu_piece(const uint4 *gate, const uint4 *up, float *out)
{
    float u[8];
    uint4 a = __ldcs(gate), b = __ldcs(up);
    unpack8(a, out);
    unpack8(b, u);
#pragma unroll
    for (int j = 0; j < 8; j++) out[j] = silu_mul(out[j], u[j]);
}

static __global__ void __launch_bounds__(THREADS)
    silu_vector(int64_t rows, int pieces, const uint4 *__restrict__ gate_up, uint4 *__restrict__ y)
{
    int i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= pieces) return;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        const uint4 *gate = gate_up + row * 2 * pieces;
        float g[8];
        silu_piece(gate + i, gate + pieces + i, g);
        __stcs(y + row * pieces + i, pack8(g));
    }
}

static __global__ void __launch_bounds__(THREADS)
    silu_any(int64_t rows, int64_t width, const uint16_t *__restrict__ gate_up, uint16_t *__restrict__ y)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= width) return;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        const uint16_t *gate = gate_up + row * 2 * width;
        y[row * width + i] = narrow(silu_mul(widen(gate[i]), widen(gate[width + i])));
    }
}

// a row whose pieces fit into HELD registers sets of the block stays there until its scale is known
static __global__ void __launch_bounds__(ROW_THREADS)
    silu_row(int pieces, const uint4 *__restrict__ gate_up, uint2 *__restrict__ y, float *__restrict__ scales)
{
    const uint4 *gate = gate_up + (int64_t)blockIdx.x * 2 * pieces;
    float g[HELD][8], most = 0.0f;
#pragma unroll
    for (int v = 0; v < HELD; v++) {
        int i = threadIdx.x + v * ROW_THREADS;
        if (i >= pieces) continue;
        silu_piece(gate + i, gate + pieces + i, g[v]);
#pragma unroll
        for (int j = 0; j < 8; j++) most = fmaxf(most, fabsf(g[v][j]));
    }
    most = block_most(most);
    float step = most > 0.0f ? most / e4m3_most : 1.0f, inverse = 1.0f / step;
    if (threadIdx.x == 0) scales[blockIdx.x] = step;
#pragma unroll
    for (int v = 0; v < HELD; v++) {
        int i = threadIdx.x + v * ROW_THREADS;
        if (i >= pieces) continue;
#pragma unroll
        for (int j = 0; j < 8; j++) g[v][j] *= inverse;
        __stcs(y + (int64_t)blockIdx.x * pieces + i, pack8_e4m3(g[v]));
    }
}

static __global__ void __launch_bounds__(ROW_THREADS) silu_row_any(int64_t width, const uint16_t *__restrict__ gate_up,
                                                                   uint8_t *__restrict__ y, float *__restrict__ scales)
{
    const uint16_t *gate = gate_up + (int64_t)blockIdx.x * 2 * width;
    float most = 0.0f;
    for (int64_t i = threadIdx.x; i < width; i += ROW_THREADS)
        most = fmaxf(most, fabsf(silu_mul(widen(gate[i]), widen(gate[width + i]))));
    most = block_most(most);
    float step = most > 0.0f ? most / e4m3_most : 1.0f, inverse = 1.0f / step;
    if (threadIdx.x == 0) scales[blockIdx.x] = step;
    for (int64_t i = threadIdx.x; i < width; i += ROW_THREADS)
        y[(int64_t)blockIdx.x * width + i] =
            (uint8_t)pack_e4m3(silu_mul(widen(gate[i]), widen(gate[width + i])) * inverse, 0.0f);
}

extern "C" cudaError_t tw_cuda_silu_mul(int64_t rows, int64_t width, const uint16_t *gate_up, void *y, float *scale,
                                        cudaStream_t stream)
{
    bool whole = width % 8 == 0;
    int64_t columns = whole ? width / 8 : width;
    dim3 grid((unsigned)((columns + THREADS - 1) / THREADS), (unsigned)(rows < tallest ? rows : tallest));
    if (scale && whole && columns <= HELD * ROW_THREADS)
        silu_row<<<(unsigned)rows, ROW_THREADS, 0, stream>>>((int)columns, (const uint4 *)gate_up, (uint2 *)y, scale);
    else if (scale)
        silu_row_any<<<(unsigned)rows, ROW_THREADS, 0, stream>>>(width, gate_up, (uint8_t *)y, scale);
    else if (whole)
        silu_vector<<<grid, THREADS, 0, stream>>>(rows, (int)columns, (const uint4 *)gate_up, (uint4 *)y);
    else
        silu_any<<<grid, THREADS, 0, stream>>>(rows, width, gate_up, (uint16_t *)y);
    return cudaGetLastError();
}
