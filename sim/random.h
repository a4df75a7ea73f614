// Counter-based random streams (Philox4x32-10 of Random123, Salmon et al. 2011): a draw is a pure function of
// (seed, component, index, entity, purpose), so threads, forks and restarts cannot change it.
#pragma once

#include <stdint.h>

typedef struct TwStream {
    uint32_t key[2];
} TwStream;

// What a draw is for; append only, because the number is part of every stream.
typedef enum TwPurpose {
    TW_PURPOSE_ARRIVAL = 0,
    TW_PURPOSE_INPUT,
    TW_PURPOSE_OUTPUT,
    TW_PURPOSE_PREFIX,
    TW_PURPOSE_SESSION,
    TW_PURPOSE_GAP,
    TW_PURPOSE_MODULATOR,
    TW_PURPOSE_ROUTE,
    TW_PURPOSE_WEATHER,
    TW_PURPOSE_FAILURE,
    TW_PURPOSE_DESIGN,
    TW_PURPOSE_BOOTSTRAP,
    TW_PURPOSE_CLIENT,
    TW_PURPOSE_THINKING,
    TW_PURPOSE_JOB,
    TW_PURPOSE_GROWTH,
    TW_PURPOSE_METER,
    TW_PURPOSE_SAMPLE,
    TW_PURPOSE_REDRAW,
    TW_PURPOSE_SLOW,
    TW_PURPOSE_AGAIN,
} TwPurpose;

uint64_t tw_hash64(const char *text);    // FNV-1a, finished by a 64-bit mix
TwStream tw_stream(uint64_t seed, const char *component);

// Four 32-bit words of counter (index, entity, purpose).
void tw_random4(TwStream stream, uint64_t index, uint32_t entity, TwPurpose purpose, uint32_t words[4]);

// In (0, 1): (word + 0.5) / 2^32. The first word of a block.
double tw_uniform(uint32_t word);
double tw_random(TwStream stream, uint64_t index, uint32_t entity, TwPurpose purpose);

// Standard normal at probability u in (0, 1): Wichura 1988, AS 241 (PPND16), relative error below 1e-15.
double tw_normal_quantile(double u);
