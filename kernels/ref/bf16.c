#include "kernels/ref/bf16.h"

#include <string.h>

uint16_t tw_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);

    // a NaN whose payload lies in the lower half would round to infinity
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);

    // half a unit, less one where the last kept bit is even: ties go to even
    bits += 0x7fffu + (bits >> 16 & 1u);
    return (uint16_t)(bits >> 16);
}

float tw_bf16_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}
