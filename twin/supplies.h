// Power supplies of racks that fail in a run: shelves share what lives, one loss law at the rating of the live
// supplies, and a rack draws no more than they carry.
#pragma once

#include "twin/plant.h"

void tw_supplies_layout(TwPlant *plant, TwLayout *layout);
void tw_supplies_start(const TwPlant *plant, void *block);
int tw_supplies_of(const TwPlant *plant, int rack);    // installed; 0: the rack has supplies of its own
// Takes supplies out (count below 0) or puts them back; returns how many live.
int tw_supplies_change(const TwPlant *plant, void *block, int rack, int count);

// A rack's AC input for a draw at the busbar and back, through the live supplies; the most that they take in.
double tw_supplies_ac_w(const TwPlant *plant, const void *block, int rack, double dc_w);
double tw_supplies_dc_w(const TwPlant *plant, const void *block, int rack, double ac_w);
double tw_supplies_most_w(const TwPlant *plant, const void *block, int rack);    // INFINITY: all live
