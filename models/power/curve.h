// Time-current and tolerance curves: how long an overload may last, and what a dip of the voltage does.
//
// Inverse time (IEC 60255): t(M) = TMS k / (M^alpha - 1), M = load / pickup. Thermal: tau dTheta/dt = M^2 - Theta, trip
// at 1, so t = tau ln((M^2 - Theta0) / (M^2 - 1)). Tables (M, t) are read log-log, held at their ends, never below the
// first M. Travel adds up: dtheta/dt = 1 / t(M) above the pickup, trip at 1 (power specification 3.9, 5.6).
#pragma once

#include <stdbool.h>

typedef enum TwTrip {
    TW_TRIP_NONE,
    TW_TRIP_SI,
    TW_TRIP_VI,
    TW_TRIP_EI,
    TW_TRIP_LI,
    TW_TRIP_THERMAL,
    TW_TRIP_TABLE
} TwTrip;

enum { TW_CURVE_POINTS = 8 };

typedef struct TwTripCurve {
    TwTrip kind;
    double tms;        // time multiplier of an inverse-time curve
    double tau_s;      // thermal
    double instant;    // M above which it trips at once; INFINITY: never
    double reset_s;    // time from full travel to none below the pickup; 0: at once
    int count;         // of the table
    double m[TW_CURVE_POINTS], t_s[TW_CURVE_POINTS];
} TwTripCurve;

// Time to trip from no travel (thermal: cold) at a constant M; INFINITY: never.
double tw_curve_time_s(const TwTripCurve *curve, double m);

// Travel after span_s at M, and the time until it reaches 1 (INFINITY: never).
double tw_curve_travel(const TwTripCurve *curve, double travel, double m, double span_s);
double tw_curve_left_s(const TwTripCurve *curve, double travel, double m);

// Whether equipment rides through a voltage (pu of nominal) that lasts span_s: corners (voltage, longest time), the
// lowest voltage first. The default corners are those of the ITIC curve: 0 % for 20 ms, 70 % for 0.5 s, 90 % for ever.
typedef struct TwRideThrough {
    int count;
    double v[TW_CURVE_POINTS], t_s[TW_CURVE_POINTS];
} TwRideThrough;
TwRideThrough tw_ride_through_itic(void);
// v, pu of nominal: the highest corner at or below it says for how long.
bool tw_ride_through_rides(const TwRideThrough *tolerance, double v, double span_s);
