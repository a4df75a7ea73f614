// bf16 and e4m3 in registers: eight bf16 are one 16-byte access.
//
// By hand rather than with cuda_bf16.h and cuda_fp8.h, see ptx.cuh.
#pragma once

#include "kernels/ptx.cuh"

#include <stdint.h>

static __device__ __forceinline__ float low(uint32_t pair) { return __uint_as_float(pair << 16); }
static __device__ __forceinline__ float high(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

// to nearest, ties to even; `first` in the lower half
static __device__ __forceinline__ uint32_t pack(float first, float second) { return ptx_bf16x2(second, first); }

static __device__ __forceinline__ float widen(uint16_t bits) { return __uint_as_float((uint32_t)bits << 16); }
static __device__ __forceinline__ uint16_t narrow(float x) { return (uint16_t)pack(x, 0.0f); }

static __device__ __forceinline__ void unpack8(uint4 v, float *x)
{
    x[0] = low(v.x), x[1] = high(v.x), x[2] = low(v.y), x[3] = high(v.y);
    x[4] = low(v.z), x[5] = high(v.z), x[6] = low(v.w), x[7] = high(v.w);
}

static __device__ __forceinline__ uint4 pack8(const float *x)
{
    return make_uint4(pack(x[0], x[1]), pack(x[2], x[3]), pack(x[4], x[5]), pack(x[6], x[7]));
}

// two e4m3 numbers, saturating; `first` in the lower byte
static __device__ __forceinline__ uint32_t pack_e4m3(float first, float second) { return ptx_e4m3x2(second, first); }

static __device__ __forceinline__ uint2 pack8_e4m3(const float *x)
{
    return make_uint2(pack_e4m3(x[0], x[1]) | pack_e4m3(x[2], x[3]) << 16, pack_e4m3(x[4], x[5]) | pack_e4m3(x[6], x[7])
                                                                                                       << 16);
}

static __device__ __forceinline__ void unpack4_e4m3(uint32_t four, float *x)
{
    ptx_e4m3x2_values((uint16_t)four, x, x + 1);
    ptx_e4m3x2_values((uint16_t)(four >> 16), x + 2, x + 3);
}

static __host__ __device__ __forceinline__ uint64_t mix(uint64_t z)    // splitmix64
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

enum { WARP = 32 };

// the sum, or the largest, over a block of whole warps, in every thread; the order depends on the block size only
template <bool LARGEST> static __device__ float block_fold(float value)
{
    __shared__ float partial[WARP];
    for (int step = WARP / 2; step; step /= 2) {
        float other = __shfl_xor_sync(0xffffffffu, value, step);
        value = LARGEST ? fmaxf(value, other) : value + other;
    }
    __syncthreads();    // partial may still be read by an earlier call
    if (threadIdx.x % WARP == 0) partial[threadIdx.x / WARP] = value;
    __syncthreads();
    value = threadIdx.x % WARP < blockDim.x / WARP ? partial[threadIdx.x % WARP] : (LARGEST ? -INFINITY : 0.0f);
    for (int step = WARP / 2; step; step /= 2) {
        float other = __shfl_xor_sync(0xffffffffu, value, step);
        value = LARGEST ? fmaxf(value, other) : value + other;
    }
    return value;
}
static __device__ float block_sum(float value) { return block_fold<false>(value); }
static __device__ float block_most(float value) { return block_fold<true>(value); }
