// Whether the load of each pool can be kept up: does what waits grow, or is it turned away?
//
// After warm-up, requests that wait and requests in the system are averaged over bins of time (sim/trend.h). A pool is
// saturated where
//   waiting grows: the slope of who waits, the first quarter of the bins aside, is above 3 sigma and above 1 % of the
//     arrivals a second;
//   the batch grows: the same of all in the system over the last half of the bins, above 3 %, and it ends higher than
//   it ever
//     was before (engines without a bound that matters take everybody in, and slow down; a hall that is filled again
//     after a failure, or towards its peak of every day, does not);
//   requests are turned away: more than 1 % were rejected or gave up while on average more than one a replica waited.
// Latencies of a saturated pool depend on the length of the run.
#pragma once

#include "twin/plant.h"

typedef struct TwSaturation {
    bool known, saturated;    // known: eight bins or more
    double excess;            // of arrivals over what is served, or turned away, over arrivals; of the worst reason
    double waiting_per_s, sigma_per_s;    // slope of who waits
    double turned_away;                   // share of arrivals
    char reason[96];                      // "" where it is not saturated
} TwSaturation;

void tw_saturation_layout(TwPlant *plant, TwLayout *layout);
void tw_saturation_book(const TwPlant *plant, void *block, int pool, const TwWorkloadTotals *totals, double from_s,
                        double until_s);
void tw_saturation(const TwPlant *plant, const void *block, int pool, TwSaturation *saturation);
