// Copies within device memory, blocks gathered by a table, and the two kernels that do nothing: baselines.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256, FLIGHT = 4 };

// four 16-byte loads in flight a thread; streamed ones are marked as not to be used again
template <bool CACHED>
static __global__ void __launch_bounds__(THREADS)
    copy(int64_t pieces, int64_t bytes, const uint4 *__restrict__ from, uint4 *__restrict__ to)
{
    int64_t first = (int64_t)blockIdx.x * THREADS * FLIGHT + threadIdx.x;
    uint4 held[FLIGHT];
#pragma unroll
    for (int v = 0; v < FLIGHT; v++)
        if (first + v * THREADS < pieces)
            held[v] = CACHED ? from[first + v * THREADS] : __ldcs(from + first + v * THREADS);
#pragma unroll
    for (int v = 0; v < FLIGHT; v++)
        if (first + v * THREADS < pieces) {
            if (CACHED)
                to[first + v * THREADS] = held[v];
            else
                __stcs(to + first + v * THREADS, held[v]);
        }

    // what is left of the last 16 bytes
    int64_t rest = pieces * 16 + threadIdx.x;
    if (blockIdx.x == 0 && rest < bytes) ((char *)to)[rest] = ((const char *)from)[rest];
}

extern "C" cudaError_t tw_cuda_copy(int64_t bytes, bool cached, const void *from, void *to, cudaStream_t stream)
{
    int64_t pieces = bytes / 16, block = THREADS * FLIGHT;
    unsigned blocks = (unsigned)(pieces ? (pieces + block - 1) / block : 1);
    if (cached)
        copy<true><<<blocks, THREADS, 0, stream>>>(pieces, bytes, (const uint4 *)from, (uint4 *)to);
    else
        copy<false><<<blocks, THREADS, 0, stream>>>(pieces, bytes, (const uint4 *)from, (uint4 *)to);
    return cudaGetLastError();
}

// a thread block a block of the cache; long ones are shared by several
static __global__ void __launch_bounds__(THREADS)
    gather(int64_t pieces, const uint4 *__restrict__ from, const int32_t *__restrict__ block, uint4 *__restrict__ to)
{
    int64_t source = (int64_t)block[blockIdx.x] * pieces, target = (int64_t)blockIdx.x * pieces;
    int64_t stride = (int64_t)gridDim.y * THREADS;
    for (int64_t i = (int64_t)blockIdx.y * THREADS + threadIdx.x; i < pieces; i += stride)
        __stcs(to + target + i, __ldcs(from + source + i));
}

extern "C" cudaError_t tw_cuda_gather(int64_t blocks, int64_t bytes, const void *from, const int32_t *block, void *to,
                                      cudaStream_t stream)
{
    int64_t pieces = bytes / 16, shares = (pieces + 4 * THREADS - 1) / (4 * THREADS);
    dim3 grid((unsigned)blocks, (unsigned)(shares < 64 ? shares : 64));
    gather<<<grid, THREADS, 0, stream>>>(pieces, (const uint4 *)from, block, (uint4 *)to);
    return cudaGetLastError();
}

static __global__ void nothing(void) {}

extern "C" cudaError_t tw_cuda_nothing(int64_t blocks, cudaStream_t stream)
{
    nothing<<<(unsigned)blocks, WARP, 0, stream>>>();
    return cudaGetLastError();
}

static __global__ void spin(int64_t clocks)
{
    int64_t begun = clock64();
    while (clock64() - begun < clocks) {
    }
}

extern "C" cudaError_t tw_cuda_spin(int64_t clocks, int processors, cudaStream_t stream)
{
    spin<<<(unsigned)processors, THREADS, 0, stream>>>(clocks);
    return cudaGetLastError();
}
