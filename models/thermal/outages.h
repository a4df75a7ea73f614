// The cooling plant with any one unit out: steady states at given rack powers and air, each CDU, pump, cooler, air
// handler and chiller taken away in turn, and exchangers fouled.
//
// CDUs that serve alike racks stand for one another. Rack powers are held: what a throttled rack no longer draws is in
// its clock. Left out: what happens on the way there (`run` with an event tells), and valves of racks.
#pragma once

#include "models/thermal/thermal.h"

typedef struct TwOutage {
    char what[96];
    int alike;                                                // units that this one stands for
    double chip_degc, coolant_degc, plant_degc, room_degc;    // hottest chip, coolant to racks, of those with flow
    double clock_fraction;                                    // of the slowest rack
    int slowed, without_coolant;                              // racks
    double heat_fraction;                                     // that leaves over that of the plant as it stands
    double worst_flow_fraction;    // least coolant of a rack over its design; NaN: no coolant at all
    double load_w;                 // pumps, fans, chillers
} TwOutage;

// Fills list with at most `most` cases, the first the plant as it stands; returns their number, -1: error. block is a
// state of the plant's layout and is left as it stands, settled.
int tw_thermal_outages(const TwThermal *thermal, void *block, const TwThermalIn *in, const TwAir *air, TwOutage *list,
                       int most, TwError *error);
