// The parts of compiling a plant that have a file of their own.
#pragma once

#include "twin/plant.h"

// False, with errors, where a pool cannot be served.
bool tw_compile_workload(TwPlant *plant, const TwPlantInput *input, TwLayout *layout, TwErrors *errors);
void tw_compile_events(TwPlant *plant, TwErrors *errors);
