// What a sampled or fluid run may be off by: how far its cells stand apart, and windows that are simulated exactly too.
#pragma once

#include "twin/plant.h"

// Worst of the windows, relative to the exact: tokens, joules, and quantiles of the first token and of those after it
// (NaN where the run has none).
typedef struct TwFidelityError {
    int windows;
    double deviation[TW_HEADLINES];
} TwFidelityError;

extern const char *const tw_headline_names[TW_HEADLINES];

// Simulates windows of a minute at the start, at the highest expected rate and at a random time of the span, as the run
// does and with all, each from the same requests a while before, under the clocks that the block has now and no cap.
// False: not enough memory. Only for a plant with `exact`.
bool tw_fidelity_measure(const TwPlant *plant, const void *block, double span_s, TwFidelityError *error);
