// How long loads put up with a dip: the curve of the power model, for the rest of the twin.
#pragma once

#include <stdbool.h>

// Whether IT equipment without a store rides through a dip to voltage (pu) of for_s: the ITIC curve.
bool tw_rides(double voltage, double for_s);
