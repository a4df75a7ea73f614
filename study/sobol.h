// The Sobol sequence: Gray-code order, 32 bits, u = (k + 0.5) / 2^32, with a digital shift that keeps its evenness.
#pragma once

#include <stdint.h>

enum { TW_SOBOL_DIMENSIONS = 256, TW_SOBOL_BITS = 32 };

typedef struct TwSobol {
    int dimensions;
    uint32_t direction[TW_SOBOL_DIMENSIONS][TW_SOBOL_BITS], shift[TW_SOBOL_DIMENSIONS];
} TwSobol;

// The shift of each dimension is drawn from the seed; scramble == 0: none.
void tw_sobol_begin(TwSobol *sobol, int dimensions, uint64_t seed, int scramble);

// Coordinate of point `index` (0 is the first) in one dimension.
double tw_sobol_at(const TwSobol *sobol, uint32_t index, int dimension);
uint32_t tw_sobol_bits(const TwSobol *sobol, uint32_t index, int dimension);
