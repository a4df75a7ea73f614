// The instructions that CUDA C++ has no name for without headers that cost more to compile than all kernels here.
#pragma once

#include <stdint.h>

// to nearest, ties to even
static __device__ __forceinline__ uint32_t ptx_bf16x2(float high, float low)
{
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

// the same, and what is too large becomes 448
static __device__ __forceinline__ uint16_t ptx_e4m3x2(float high, float low)
{
    uint16_t pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(high), "f"(low));
    return pair;
}

// by way of half precision, which holds all of them
static __device__ __forceinline__ void ptx_e4m3x2_values(uint16_t pair, float *low, float *high)
{
    uint32_t halves;
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(halves) : "h"(pair));
    asm("{.reg .b16 a, b; mov.b32 {a, b}, %2; cvt.f32.f16 %0, a; cvt.f32.f16 %1, b;}"
        : "=f"(*low), "=f"(*high)
        : "r"(halves));
}
