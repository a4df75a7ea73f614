#include "study/sobol.h"

#include "sim/random.h"
#include "study/sobol_numbers.h"

#include <assert.h>
#include <stddef.h>

void tw_sobol_begin(TwSobol *sobol, int dimensions, uint64_t seed, int scramble)
{
    assert(dimensions >= 1 && dimensions <= TW_SOBOL_DIMENSIONS);
    sobol->dimensions = dimensions;
    TwStream stream = tw_stream(seed, "sobol");
    size_t at = 0;
    for (int d = 0; d < dimensions; d++) {
        uint32_t *v = sobol->direction[d];
        sobol->shift[d] = 0;
        if (scramble) {
            uint32_t words[4];
            tw_random4(stream, (uint64_t)d, 0, TW_PURPOSE_DESIGN, words);
            sobol->shift[d] = words[0];
        }
        if (d == 0) {    // the van der Corput sequence
            for (int i = 0; i < TW_SOBOL_BITS; i++) v[i] = 1u << (31 - i);
            continue;
        }
        int s = sobol_numbers[at], a = sobol_numbers[at + 1];
        for (int i = 0; i < s; i++) v[i] = (uint32_t)sobol_numbers[at + 2 + (size_t)i] << (31 - i);
        for (int i = s; i < TW_SOBOL_BITS; i++) {
            v[i] = v[i - s] ^ (v[i - s] >> s);
            for (int k = 1; k < s; k++) v[i] ^= (uint32_t)((a >> (s - 1 - k)) & 1) * v[i - k];
        }
        at += 2 + (size_t)s;
        assert(at <= sizeof sobol_numbers / sizeof *sobol_numbers);
    }
}

uint32_t tw_sobol_bits(const TwSobol *sobol, uint32_t index, int dimension)
{
    uint32_t gray = index ^ (index >> 1), bits = sobol->shift[dimension];
    for (int i = 0; gray; i++, gray >>= 1)
        if (gray & 1u) bits ^= sobol->direction[dimension][i];
    return bits;
}

double tw_sobol_at(const TwSobol *sobol, uint32_t index, int dimension)
{
    return tw_uniform(tw_sobol_bits(sobol, index, dimension));
}
