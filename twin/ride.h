// How long loads put up with a dip, and breakers with an overload: the curves of the power model, for the rest of the
// twin.
#pragma once

#include <stdbool.h>

// Whether IT equipment without a store rides through a dip to voltage (pu) of for_s: the ITIC curve.
bool tw_rides(double voltage, double for_s);

// An IEC extremely inverse breaker at time multiplier 1: time to trip at load over pickup, travel after span_s.
double tw_ride_trip_s(double loading);
double tw_ride_travel(double loading, double span_s);
