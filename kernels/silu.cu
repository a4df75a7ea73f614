// The gated activation of a feed-forward layer: silu(gate) * up, 16 bytes of each a thread.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256 };
static const int64_t tallest = 65535;    // blocks a grid may have in y

static __device__ __forceinline__ float silu_mul(float gate, float up)
{
    // a plain division: for gates below -88 exp is infinite and the quotient the right limit, 0
    return gate / (1.0f + __expf(-gate)) * up;
}

static __global__ void __launch_bounds__(THREADS)
    silu_vector(int64_t rows, int pieces, const uint4 *__restrict__ gate_up, uint4 *__restrict__ y)
{
    int i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= pieces) return;
    for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
        const uint4 *gate = gate_up + row * 2 * pieces;
        float g[8], u[8];
        uint4 a = __ldcs(gate + i), b = __ldcs(gate + pieces + i);
        unpack8(a, g);
        unpack8(b, u);
#pragma unroll
        for (int j = 0; j < 8; j++) g[j] = silu_mul(g[j], u[j]);
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

extern "C" cudaError_t tw_cuda_silu_mul(int64_t rows, int64_t width, const uint16_t *gate_up, uint16_t *y,
                                        cudaStream_t stream)
{
    bool whole = width % 8 == 0;
    int64_t columns = whole ? width / 8 : width;
    dim3 grid((unsigned)((columns + THREADS - 1) / THREADS), (unsigned)(rows < tallest ? rows : tallest));
    if (whole)
        silu_vector<<<grid, THREADS, 0, stream>>>(rows, (int)columns, (const uint4 *)gate_up, (uint4 *)y);
    else
        silu_any<<<grid, THREADS, 0, stream>>>(rows, width, gate_up, y);
    return cudaGetLastError();
}
