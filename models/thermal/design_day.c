// Design days, heat waves, and what a year exceeds.
#include "models/thermal/air.h"
#include "models/thermal/weather.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// share of the daily range below the maximum at each hour (ASHRAE Handbook, Fundamentals)
static const double profile[24] = {.82, .88, .92, .95, .98, 1.,  .98, .91, .74, .55, .38, .23,
                                   .13, .05, 0.,  0.,  .06, .14, .24, .39, .50, .59, .68, .75};

TwAir tw_design_day_at(const TwDesignDay *day, double hour)
{
    double h = fmod(hour, 24.0), u = h - floor(h);
    int a = (int)h % 24, b = (a + 1) % 24;
    double t = day->dry_bulb_degc - day->range_k * (profile[a] + u * (profile[b] - profile[a]));
    double humidity = tw_air_humidity_wet_bulb(day->dry_bulb_degc, day->wet_bulb_degc, day->pressure_pa);
    humidity = fmin(humidity, tw_air_humidity_saturated(t, day->pressure_pa));
    return (TwAir){t, tw_air_wet_bulb_degc(t, humidity, day->pressure_pa),
                   tw_air_dew_point_degc(humidity, day->pressure_pa), day->pressure_pa};
}

void tw_weather_design(TwWeather *weather, const TwDesignDay *day)
{
    for (int h = 0; h < TW_HOURS; h++) {
        TwAir air = h < 24 ? tw_design_day_at(day, h) : (TwAir){0};
        weather->dry_bulb_degc[h] = h < 24 ? air.dry_bulb_degc : weather->dry_bulb_degc[h - 24];
        weather->wet_bulb_degc[h] = h < 24 ? air.wet_bulb_degc : weather->wet_bulb_degc[h - 24];
        weather->dew_point_degc[h] = h < 24 ? air.dew_point_degc : weather->dew_point_degc[h - 24];
        weather->pressure_pa[h] = day->pressure_pa;
    }
}

void tw_weather_lift(TwWeather *weather, double elevation_m)
{
    // a site's own height, rounded, changes nothing
    if (fabs(elevation_m - weather->elevation_m) < 1.0) return;
    double ratio = tw_air_standard_pressure_pa(elevation_m) / tw_air_standard_pressure_pa(weather->elevation_m);
    weather->elevation_m = elevation_m;
    for (int h = 0; h < TW_HOURS; h++) {
        double p = weather->pressure_pa[h] *= ratio, t = weather->dry_bulb_degc[h];
        double dew = fmin(weather->dew_point_degc[h], t);
        weather->wet_bulb_degc[h] = tw_air_wet_bulb_degc(t, tw_air_humidity_saturated(dew, p), p);
    }
}

void tw_weather_heat_wave(TwWeather *weather, const TwHeatWave *wave)
{
    double rise = wave->rise_days, top = rise + wave->hold_days, end = top + wave->fall_days;
    for (int h = 0; h < TW_HOURS; h++) {
        // the year repeats: one that begins in its last days goes on in January
        double d = h / 24.0 - (wave->first_day - 1.0);
        if (d < 0.0) d += TW_HOURS / 24.0;
        double share = d <= 0.0 || d >= end ? 0.0 : d < rise ? d / rise : d <= top ? 1.0 : (end - d) / wave->fall_days;
        if (share <= 0.0) continue;
        double p = weather->pressure_pa[h], t = weather->dry_bulb_degc[h] + share * wave->dry_bulb_k;
        double dew = fmin(weather->dew_point_degc[h] + share * wave->dew_point_k, t);
        weather->dry_bulb_degc[h] = t;
        weather->dew_point_degc[h] = dew;
        weather->wet_bulb_degc[h] = tw_air_wet_bulb_degc(t, tw_air_humidity_saturated(dew, p), p);
    }
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

double tw_weather_exceeded(const double values[TW_HOURS], int hours)
{
    double *sorted = malloc(TW_HOURS * sizeof *sorted);
    if (!sorted) abort();
    memcpy(sorted, values, TW_HOURS * sizeof *sorted);
    qsort(sorted, TW_HOURS, sizeof *sorted, falling);
    double value = sorted[hours];
    free(sorted);
    return value;
}

double tw_sea_degc(double mean_degc, double amplitude_k, double warmest_day, double day)
{
    return mean_degc + amplitude_k * cos(2.0 * 3.14159265358979323846 * (day - warmest_day) / 365.0);
}
