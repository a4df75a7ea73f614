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
    bool generated;    // climate generator: see docs/thermal.md for its accuracy
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

// second_of_year may be any number: the year repeats.
TwAir tw_weather_at(const TwWeather *weather, double second_of_year);
