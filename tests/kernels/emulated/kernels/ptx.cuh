// The instructions of kernels/ptx.cuh by the reference's own roundings (kernels/ref/formats.h), which are held to the
// formats' definitions elsewhere.
#pragma once

extern "C" {
#include "kernels/ref/formats.h"
}

static inline uint32_t ptx_bf16x2(float high, float low) { return (uint32_t)tw_bf16(high) << 16 | tw_bf16(low); }

static inline uint16_t ptx_e4m3x2(float high, float low) { return (uint16_t)(tw_e4m3(high) << 8 | tw_e4m3(low)); }

static inline void ptx_e4m3x2_values(uint16_t pair, float *low, float *high)
{
    *low = tw_e4m3_value((uint8_t)pair), *high = tw_e4m3_value((uint8_t)(pair >> 8));
}
