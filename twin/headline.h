// The key figures of a run as they stand at an instant, since its start (latencies: since warm-up): what the strip
// above every view shows, and what a result keeps of them over time.
#pragma once

#include "sim/record.h"
#include "twin/state.h"

// In the order of the recorded group "headline" and of the scene's key figures.
enum {
    TW_HEADLINE_TOKENS_PER_MW,
    TW_HEADLINE_TOKENS,
    TW_HEADLINE_TTFT,
    TW_HEADLINE_PUE,
    TW_HEADLINE_CHIP,
    TW_HEADLINE_UTILITY,
    TW_HEADLINE_BINDING,
    TW_HEADLINE_COST,
    TW_HEADLINE_COUNT
};
extern const TwSeriesInfo tw_headline_series[TW_HEADLINE_COUNT];

// Merges sketches: for the ends of recording intervals, not for every window.
void tw_headline_values(const TwState *state, double values[TW_HEADLINE_COUNT]);
