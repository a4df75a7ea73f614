#include "twin/ride.h"

#include "models/power/curve.h"

#include <math.h>

static const TwTripCurve breaker = {.kind = TW_TRIP_EI, .tms = 1.0, .instant = INFINITY};

bool tw_rides(double voltage, double for_s)
{
    const TwRideThrough itic = tw_ride_through_itic();
    return tw_ride_through_rides(&itic, voltage, for_s);
}

double tw_ride_trip_s(double loading) { return tw_curve_time_s(&breaker, loading); }
double tw_ride_travel(double loading, double span_s) { return tw_curve_travel(&breaker, 0.0, loading, span_s); }
