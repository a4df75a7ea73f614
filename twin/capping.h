// How limits reach the racks under rule "bands": every element with a limit has a meter and a controller of its own
// (models/power/bands.h); an allocation among the racks sees only the limits whose controllers hold.
//
// Under rule "max_min" the allocation sees every limit at once, as if each meter were perfect and immediate.
#pragma once

#include "twin/plant.h"

// Checks the bands and, for every breaker and every other curve, what travels while they react at the worst load.
void tw_capping_compile(TwPlant *plant, TwErrors *errors);
void tw_capping_layout(TwPlant *plant, TwLayout *layout);

// Meters sample what elements carried at the end of a window (element_w).
void tw_capping_sample(const TwPlant *plant, void *block, const double *element_w, int64_t now_ns);
// Puts the decisions that hold now in force; true: they changed.
bool tw_capping_decide(const TwPlant *plant, void *block, int64_t now_ns);
// Next sample or decision after now; INT64_MAX: none, the rule is another.
int64_t tw_capping_next_ns(const TwPlant *plant, int64_t now_ns);
