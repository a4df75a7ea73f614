// Narrow numbers as bits: what weights, activations and caches are stored in.
//
// bf16: the upper half of an IEEE float, 8 bits of exponent and 7 of fraction. e4m3: sign, 4 bits of exponent (bias 7),
// 3 of fraction, no infinity, 0x7f and 0xff are NaN, largest 448 (Micikevicius et al. 2022). e2m1: sign, 2, 1; 0 to 6.
// ue8m0: a power of two, bias 127. All round to nearest, ties to even, as the GPU's conversions do; e4m3 saturates.
// Subnormal numbers are kept.
#pragma once

#include <stdint.h>

uint16_t tw_bf16(float x);    // too large: infinite; NaN stays NaN
float tw_bf16_value(uint16_t bits);

uint8_t tw_e4m3(float x);
float tw_e4m3_value(uint8_t bits);

uint8_t tw_e2m1(float x);    // the lower four bits; saturates
float tw_e2m1_value(uint8_t bits);

float tw_ue8m0_value(uint8_t bits);

// Where cuBLASLt and cuDNN keep the block scale of (row, column) of a matrix with `columns` scales a row: tiles of
// 128 x 4 scales, within a tile 32 rows of 16 bytes (cuBLAS documentation, block scaling factor layout).
int64_t tw_scale_place(int64_t row, int64_t column, int64_t columns);
int64_t tw_scale_bytes(int64_t rows, int64_t columns);    // both rounded up to whole tiles
