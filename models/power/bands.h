// A capping controller at a limit, with the meter it reads: three bands and a reaction time.
//
// The meter samples every period_s and hands its reading over delay_s later; a decision takes effect actuation_s after
// that. With L the limit in force: above cap L the load below is held to target L, between the bands what holds stays,
// below uncap L it is free again (Wu et al., Dynamo, ISCA 2016; operations specification 3.1). An overload that begins
// just after a sample is therefore met after period + delay + actuation at the latest: the travel that a breaker adds
// up over that time at the worst overload must stay below 1.
#pragma once

#include "models/power/curve.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct TwBandRule {
    double cap, target, uncap;    // of the limit, uncap < target < cap
    double period_s, delay_s, actuation_s;
} TwBandRule;

// One controller. history: bit k is what it decided k samples ago, 1 holds.
typedef struct TwBand {
    uint64_t history;
    int64_t ticks;    // samples so far
} TwBand;

enum { TW_BAND_TICKS = 60 };    // decisions on their way at most: (delay + actuation) / period

double tw_band_reaction_s(const TwBandRule *rule);
double tw_band_travel(const TwBandRule *rule, const TwTripCurve *curve,
                      double m);                                                 // at load over pickup m, from none
void tw_band_sample(const TwBandRule *rule, TwBand *band, double over_limit);    // reading over the limit in force
// Sample number k falls at k period, k = 1, 2, ...; the decisions that hold at a time, and when the next thing happens.
bool tw_band_holds(const TwBandRule *rule, const TwBand *band, int64_t now_ns);
bool tw_band_due(const TwBandRule *rule, const TwBand *band, int64_t now_ns);    // a sample falls now
int64_t tw_band_next_ns(const TwBandRule *rule, int64_t now_ns);                 // next sample or decision in force
