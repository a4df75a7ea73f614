// A copy within device memory: four 16-byte loads in flight a thread, marked as not to be used again.
#include "kernels/device.h"

enum { THREADS = 256, FLIGHT = 4 };

static __global__ void __launch_bounds__(THREADS)
    copy(int64_t pieces, int64_t bytes, const uint4 *__restrict__ from, uint4 *__restrict__ to)
{
    int64_t first = (int64_t)blockIdx.x * THREADS * FLIGHT + threadIdx.x;
    uint4 held[FLIGHT];
#pragma unroll
    for (int v = 0; v < FLIGHT; v++)
        if (first + v * THREADS < pieces) held[v] = __ldcs(from + first + v * THREADS);
#pragma unroll
    for (int v = 0; v < FLIGHT; v++)
        if (first + v * THREADS < pieces) __stcs(to + first + v * THREADS, held[v]);

    // what is left of the last 16 bytes
    int64_t rest = pieces * 16 + threadIdx.x;
    if (blockIdx.x == 0 && rest < bytes) ((char *)to)[rest] = ((const char *)from)[rest];
}

extern "C" cudaError_t tw_cuda_copy(int64_t bytes, const void *from, void *to, cudaStream_t stream)
{
    int64_t pieces = bytes / 16, block = THREADS * FLIGHT;
    unsigned blocks = (unsigned)(pieces ? (pieces + block - 1) / block : 1);
    copy<<<blocks, THREADS, 0, stream>>>(pieces, bytes, (const uint4 *)from, (uint4 *)to);
    return cudaGetLastError();
}
