// Weather of a site through a year: dry bulb, humidity, wet bulb, pressure; from an EnergyPlus file or generated
// from monthly climate means.
#pragma once

#include "sim/error.h"

#include <stdint.h>

enum { TW_HOURS = 8760 };

// Hour h holds the value at h:00; between hours linear, periodic over the year.
typedef struct TwWeather {
    char name[64];
    double elevation_m;
    int filled, cut;    // values of a file that were missing; its dew points above dry bulb, cut to it
    bool generated;     // climate generator: see docs/thermal.md for its accuracy
    double dry_bulb_degc[TW_HOURS], wet_bulb_degc[TW_HOURS], dew_point_degc[TW_HOURS], pressure_pa[TW_HOURS];
} TwWeather;

typedef struct TwAir {
    double dry_bulb_degc, wet_bulb_degc, dew_point_degc, pressure_pa;
} TwAir;

// Reads an EnergyPlus weather file; errors name file, line and column.
bool tw_weather_read(TwWeather *weather, const char *path, TwError *error);

// A year generated for a shipped site ("oslo", "lulea", "mumbai", "tokyo", "virginia", "new_mexico", ...).
bool tw_weather_climate(TwWeather *weather, const char *site, uint64_t seed, TwError *error);
int tw_weather_sites(const char *const **names);
extern const char *const tw_weather_site_names[];    // NULL-ended

// second_of_year may be any number: the year repeats.
TwAir tw_weather_at(const TwWeather *weather, double second_of_year);

// The hottest and most humid days a plant is sized for. Temperatures fall below the maximum by the ASHRAE daily
// profile; humidity ratio is constant, that of (dry_bulb, wet_bulb), capped at saturation.
typedef struct TwDesignDay {
    double dry_bulb_degc, wet_bulb_degc, range_k, pressure_pa;
} TwDesignDay;
TwAir tw_design_day_at(const TwDesignDay *day, double hour);

// Every day of the year becomes this one.
void tw_weather_design(TwWeather *weather, const TwDesignDay *day);

// Moves the site to another height: air pressure by the standard atmosphere, dry bulb and dew point as they are.
void tw_weather_lift(TwWeather *weather, double elevation_m);

// Sea water through the year: mean and swing about it, warmest on a day (1 to 365); left out: tides, depth.
double tw_sea_degc(double mean_degc, double amplitude_k, double warmest_day, double day);

// Adds a heat wave: a trapezoid of rise, hold and fall days from the start of day `first_day` (1 to 365), its top
// dry_bulb_k above the year's dry bulb and dew_point_k above its dew point.
typedef struct TwHeatWave {
    double first_day, rise_days, hold_days, fall_days;
    double dry_bulb_k, dew_point_k;
} TwHeatWave;
void tw_weather_heat_wave(TwWeather *weather, const TwHeatWave *wave);

// The value that `hours` hours of the year exceed, of one series.
double tw_weather_exceeded(const double values[TW_HOURS], int hours);
