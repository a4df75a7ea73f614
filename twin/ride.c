#include "twin/ride.h"

#include "models/power/curve.h"

bool tw_rides(double voltage, double for_s)
{
    const TwRideThrough itic = tw_ride_through_itic();
    return tw_ride_through_rides(&itic, voltage, for_s);
}
