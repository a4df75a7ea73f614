#include "kernels/ref/formats.h"

#include <math.h>

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

// nearest representable value by search over the positive codes, which rise; ties go to the even code
static uint8_t nearest(float x, uint8_t largest, float (*value)(uint8_t))
{
    float size = fabsf(x);
    if (size >= value(largest)) return largest;
    int low = 0, high = largest;    // value(low) <= size < value(high)
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (value((uint8_t)middle) <= size)
            low = middle;
        else
            high = middle;
    }
    float below = size - value((uint8_t)low), above = value((uint8_t)high) - size;
    if (below == above) return (uint8_t)(low % 2 ? high : low);
    return (uint8_t)(below < above ? low : high);
}

float tw_e4m3_value(uint8_t bits)
{
    int exponent = (bits >> 3) & 15, fraction = bits & 7;
    if (exponent == 15 && fraction == 7) return NAN;
    float size = exponent ? ldexpf((float)(8 + fraction), exponent - 10) : ldexpf((float)fraction, -9);
    return bits & 0x80 ? -size : size;
}

uint8_t tw_e4m3(float x)
{
    if (isnan(x)) return 0x7f;
    return (uint8_t)(nearest(x, 0x7e, tw_e4m3_value) | (signbit(x) ? 0x80 : 0));
}

float tw_e2m1_value(uint8_t bits)
{
    static const float size[8] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};
    return bits & 8 ? -size[bits & 7] : size[bits & 7];
}

uint8_t tw_e2m1(float x) { return (uint8_t)(nearest(x, 7, tw_e2m1_value) | (signbit(x) ? 8 : 0)); }

float tw_ue8m0_value(uint8_t bits) { return bits == 255 ? NAN : ldexpf(1.0f, bits - 127); }

int64_t tw_scale_place(int64_t row, int64_t column, int64_t columns)
{
    int64_t tile = row / 128 * ((columns + 3) / 4) + column / 4, within = row % 128;
    return tile * 512 + within % 32 * 16 + within / 32 * 4 + column % 4;
}

int64_t tw_scale_bytes(int64_t rows, int64_t columns) { return (rows + 127) / 128 * ((columns + 3) / 4) * 512; }
