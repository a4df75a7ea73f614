// N-1: each element is taken out in a copy of the state, what acts by itself acts to rest, and the loads are compared
// with the ratings (power specification 4, 5.7).
#pragma once

#include "models/power/power.h"

typedef struct TwContingency {
    double *normal;       // [element] load over limit as it stands; NaN: no limit
    double *worst;        // [element] after the worst single loss
    int *worst_cause;     // [element] whose loss that was, -1: none is worse than normal
    double *dropped_w;    // [element lost] rack and load power without supply afterwards
    double *holds_s;      // [element lost] until the first store is empty that then carries; INFINITY: none does
    double
        *allowed_s;    // [element] how long its own curve lets the worst load last; INFINITY: no curve, or no overload
    int lost_count;    // cases computed
} TwContingency;

// rest_s: how long transfers and starts are given. block is not changed; threads: 0: all. Racks and loads keep their
// power unless nothing supplies them; where rings are closed the AC power flow shares them anew at power_factor.
TwContingency tw_power_contingency(const TwPower *power, const void *block, size_t block_bytes, const double *rack_w,
                                   const double *load_w, double power_factor, double rest_s, int threads);
// The same case by case: before[] and after[] get the load over limit of each element, NaN without a limit; lose
// returns the power without supply afterwards.
typedef struct TwContingencyCase TwContingencyCase;
TwContingencyCase *tw_contingency_begin(const TwPower *power, const void *block, size_t block_bytes,
                                        const double *rack_w, const double *load_w, double power_factor, double rest_s,
                                        float *before);
double tw_contingency_lose(TwContingencyCase *at, int lost, float *after);
void tw_contingency_end(TwContingencyCase *at);

void tw_contingency_free(TwContingency *contingency);
