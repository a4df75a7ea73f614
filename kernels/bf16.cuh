// bf16 in registers: eight of them are one 16-byte access.
//
// By hand rather than with cuda_bf16.h: that header costs more to compile than all kernels of this folder.
#pragma once

#include <stdint.h>

static __device__ __forceinline__ float low(uint32_t pair) { return __uint_as_float(pair << 16); }
static __device__ __forceinline__ float high(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

// to nearest, ties to even
static __device__ __forceinline__ uint32_t pack(float first, float second)
{
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
}

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
