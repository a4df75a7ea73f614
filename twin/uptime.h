// How much of a run racks were powered, at full clock, and whole: sums over twenty equal parts of the span, so that the
// scatter between them gives an interval (batch means).
#pragma once

#include "twin/plant.h"

enum { TW_UP_POWER, TW_UP_COOLING, TW_UP_COMPUTE, TW_UPS };

typedef struct TwUp {
    double mean, low, high;    // 95 %; NaN before two parts are over
} TwUp;

void tw_uptime_layout(TwPlant *plant, TwLayout *layout);
void tw_uptime_book(const TwPlant *plant, void *block, double from_s, double until_s);
TwUp tw_uptime(const TwPlant *plant, const void *block, int layer);
