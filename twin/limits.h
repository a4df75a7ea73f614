// What limits a factory: shares of time in which something held it back, and how far everything else was from it.
#pragma once

#include "twin/state.h"

// What holds a rack and is no element: a policy, or the power shelves that are left to it.
#define TW_RACK_CAPS "caps of racks"

typedef struct TwLimits {
    char binding[TW_NAME];    // name of a power element, TW_RACK_CAPS, "chip temperature", "serving capacity" or
                              // "demand"
    double binding_share;     // share of rack time in which it held something back
    double power_share, thermal_share, queue_share;
    double demand_over_limit;    // nameplate below the binding element over its limit; NaN where it is none
    double others_over_limit;    // the same of pumps, fans, chillers and switches, in the last window
} TwLimits;

TwLimits tw_limits(const TwState *state);

// What binds, as a number to record; from TW_BINDS_ELEMENT on the elements of the tree, behind them TW_RACK_CAPS.
enum { TW_BINDS_DEMAND, TW_BINDS_SERVING, TW_BINDS_CHIP, TW_BINDS_ELEMENT };
int tw_limits_binding(const TwState *state);

// Sum over the racks that hang below each element, [element], of rated power; of power with every GPU idle.
void tw_limits_nameplate(const TwPlant *plant, double *nameplate_w);
double tw_limits_rack_idle_w(const TwPlant *plant, int rack);    // at the AC input, every GPU idle
void tw_limits_idle(const TwPlant *plant, double *sum_w);
