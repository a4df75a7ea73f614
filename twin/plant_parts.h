// The parts of compiling a plant that have a file of their own.
#pragma once

#include "twin/plant.h"

// False, with errors, where a pool cannot be served.
bool tw_compile_workload(TwPlant *plant, const TwPlantInput *input, TwLayout *layout, TwErrors *errors);
// From the plant's shelf, held until the plant goes; NULL: make failed.
void *tw_plant_take(TwPlant *plant, const char *name, const TwShelfMaker *maker, const void *context, TwError *error);
void tw_compile_events(TwPlant *plant, TwErrors *errors);
