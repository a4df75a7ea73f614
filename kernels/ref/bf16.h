// bfloat16 as 16 bits: the upper half of an IEEE float, 8 bits of exponent and 7 of fraction.
//
// Rounds to nearest, ties to even, as the GPU's cvt.rn.bf16 does; what is too large becomes infinite; NaN stays NaN.
// Subnormal numbers are kept.
#pragma once

#include <stdint.h>

uint16_t tw_bf16(float x);
float tw_bf16_value(uint16_t bits);
