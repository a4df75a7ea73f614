// The values of the last window in the order of the recorded groups (tw_plant_record).
#pragma once

#include "twin/couple.h"

// Fills scratch->series[group][series][entry]; those of services are filled where their interval ends (looks.h).
void tw_series_fill(const TwPlant *plant, const void *block, TwScratch *scratch);
