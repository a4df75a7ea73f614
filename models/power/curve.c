#include "models/power/curve.h"

#include <math.h>

static double inverse_time(const TwTripCurve *c, double m)
{
    static const struct {
        double k, alpha;
    } law[] = {[TW_TRIP_SI] = {0.14, 0.02},
               [TW_TRIP_VI] = {13.5, 1.0},
               [TW_TRIP_EI] = {80.0, 2.0},
               [TW_TRIP_LI] = {120.0, 1.0}};
    return c->tms * law[c->kind].k / (pow(m, law[c->kind].alpha) - 1.0);
}

// Straight in log M and log t; the first time holds nowhere below the first M, the last one for ever above.
static double table(const TwTripCurve *c, double m)
{
    if (m < c->m[0]) return INFINITY;
    int k = 1;
    while (k < c->count && m > c->m[k]) k++;
    if (k >= c->count) return c->t_s[c->count - 1];
    double x = log(m / c->m[k - 1]) / log(c->m[k] / c->m[k - 1]);
    return c->t_s[k - 1] * pow(c->t_s[k] / c->t_s[k - 1], x);
}

double tw_curve_time_s(const TwTripCurve *c, double m)
{
    if (c->kind == TW_TRIP_NONE) return INFINITY;
    if (m >= c->instant) return 0.0;
    if (m <= 1.0) return INFINITY;
    if (c->kind == TW_TRIP_THERMAL) return c->tau_s * log(m * m / (m * m - 1.0));
    return c->kind == TW_TRIP_TABLE ? table(c, m) : inverse_time(c, m);
}

double tw_curve_travel(const TwTripCurve *c, double travel, double m, double span_s)
{
    if (c->kind == TW_TRIP_NONE) return 0.0;
    if (m >= c->instant) return 1.0;
    if (c->kind == TW_TRIP_THERMAL) return fmin(m * m + (travel - m * m) * exp(-span_s / c->tau_s), 1.0);
    double t = tw_curve_time_s(c, m);
    if (isfinite(t)) return fmin(travel + span_s / t, 1.0);
    // above the pickup but below the table: it stays where it is
    if (m > 1.0) return travel;
    return c->reset_s > 0.0 ? fmax(travel - span_s / c->reset_s, 0.0) : 0.0;
}

double tw_curve_left_s(const TwTripCurve *c, double travel, double m)
{
    if (c->kind == TW_TRIP_NONE) return INFINITY;
    if (travel >= 1.0 || m >= c->instant) return 0.0;
    if (m <= 1.0) return INFINITY;
    if (c->kind == TW_TRIP_THERMAL) return c->tau_s * log((m * m - travel) / (m * m - 1.0));
    return (1.0 - travel) * tw_curve_time_s(c, m);
}

TwRideThrough tw_ride_through_itic(void)
{
    return (TwRideThrough){.count = 3, .v = {0.0, 0.7, 0.9}, .t_s = {0.02, 0.5, INFINITY}};
}

bool tw_ride_through_rides(const TwRideThrough *tolerance, double v, double span_s)
{
    // the highest corner at or below the voltage says how long
    double most_s = 0.0;
    for (int k = 0; k < tolerance->count; k++)
        if (v >= tolerance->v[k]) most_s = tolerance->t_s[k];
    return span_s <= most_s;
}
