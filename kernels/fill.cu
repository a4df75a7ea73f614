// Random operands: what a chip draws depends on the bits that toggle, so zeros and constants are no test data.
//
// splitmix64 of (seed, pair) gives two uniform numbers, Box and Muller (1958) make them normal.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256 };

static __host__ __device__ uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static __global__ void __launch_bounds__(THREADS)
    fill_normal(int64_t count, float scale, float offset, uint64_t seed, uint16_t *out)
{
    int64_t stride = (int64_t)gridDim.x * THREADS;
    for (int64_t pair = (int64_t)blockIdx.x * THREADS + threadIdx.x; 2 * pair < count; pair += stride) {
        uint64_t bits = mix(seed + (uint64_t)pair);
        float u = ((float)(uint32_t)(bits >> 40) + 0.5f) * 0x1p-24f, v = (float)(uint32_t)(bits & 0xffffffu) * 0x1p-24f;
        float radius = scale * sqrtf(-2.0f * __logf(u)), sine, cosine;
        sincospif(2.0f * v, &sine, &cosine);
        out[2 * pair] = narrow(radius * cosine + offset);
        if (2 * pair + 1 < count) out[2 * pair + 1] = narrow(radius * sine + offset);
    }
}

extern "C" cudaError_t tw_cuda_fill_normal(int64_t count, float scale, float offset, uint64_t seed, uint16_t *out,
                                           cudaStream_t stream)
{
    int64_t blocks = (count / 2 + THREADS) / THREADS;
    fill_normal<<<(unsigned)(blocks < 4096 ? blocks : 4096), THREADS, 0, stream>>>(count, scale, offset, mix(seed),
                                                                                   out);
    return cudaGetLastError();
}
