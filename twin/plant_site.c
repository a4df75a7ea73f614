// The site of a facility: its year of weather.
#include "models/thermal/air.h"
#include "twin/plant_parts.h"
#include "twin/reference.h"

#include <math.h>
#include <stdlib.h>

// Where a year of weather comes from: a design day, a file, or the generator and its seed; and a heat wave on top.
typedef struct WeatherSource {
    const char *file, *climate;
    uint64_t seed;
    const TwDesignDay *day;
    const TwHeatWave *wave;
    double elevation_m;    // NaN: as it is
} WeatherSource;

static void *make_weather(const void *context, TwError *error)
{
    const WeatherSource *source = context;
    TwWeather *weather = calloc(1, sizeof *weather);
    if (!weather) abort();
    bool good = true;
    if (source->day)
        tw_weather_design(weather, source->day);
    else
        good = source->file ? tw_weather_read(weather, source->file, error)
                            : tw_weather_climate(weather, source->climate, source->seed, error);
    if (good && !source->day && isfinite(source->elevation_m)) tw_weather_lift(weather, source->elevation_m);
    if (good && source->wave) tw_weather_heat_wave(weather, source->wave);
    if (good) return weather;
    free(weather);
    return NULL;
}

static bool take_weather(TwPlant *plant, const WeatherSource *source, TwError *error)
{
    static const TwShelfMaker maker = {make_weather, free};
    const TwDesignDay d = source->day ? *source->day : (TwDesignDay){0};
    const TwHeatWave w = source->wave ? *source->wave : (TwHeatWave){0};
    char name[960];
    // numbers in hexadecimal: two weathers share a name only where they are the same bits
    snprintf(name, sizeof name, "weather %s %.500s %llu day %a %a %a %a wave %a %a %a %a %a %a at %a",
             source->day    ? "day"
             : source->file ? "file"
                            : "climate",
             source->day    ? ""
             : source->file ? source->file
                            : source->climate,
             (unsigned long long)source->seed, d.dry_bulb_degc, d.wet_bulb_degc, d.range_k, d.pressure_pa, w.first_day,
             w.rise_days, w.hold_days, w.fall_days, w.dry_bulb_k, w.dew_point_k, source->elevation_m);
    plant->weather = tw_plant_take(plant, name, &maker, source, error);
    return plant->weather != NULL;
}

static bool read_design_day(const TwNode *node, const TwSiteRow *site, TwDesignDay *day, TwErrors *errors)
{
    tw_node_row(node, day);
    if (isnan(day->pressure_pa))
        day->pressure_pa = tw_air_standard_pressure_pa(isnan(site->elevation_m) ? 0.0 : site->elevation_m);
    if (day->wet_bulb_degc > day->dry_bulb_degc) {
        tw_node_error(node, "wet_bulb_degc", errors, "wet_bulb_degc = %g is above dry_bulb_degc = %g",
                      day->wet_bulb_degc, day->dry_bulb_degc);
        return false;
    }
    if (tw_air_humidity_wet_bulb(day->dry_bulb_degc, day->wet_bulb_degc, day->pressure_pa) <= 0.0) {
        tw_node_error(node, "wet_bulb_degc", errors, "wet_bulb_degc = %g is below that of dry air at %g degC",
                      day->wet_bulb_degc, day->dry_bulb_degc);
        return false;
    }
    return true;
}

bool tw_compile_site(TwPlant *plant, const TwPlantInput *input, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *site = tw_node_group(root, "site");
    const TwNode *day_node = tw_node_group(site, "design_day"), *wave_node = tw_node_group(site, "heat_wave");
    tw_node_row(site, &plant->site);
    TwError error = {0};
    TwDesignDay day;
    TwHeatWave wave;
    char path[512];
    WeatherSource source = {.elevation_m = plant->site.elevation_m};
    if (wave_node) {
        tw_node_row(wave_node, &wave);
        source.wave = &wave;
        if (wave.rise_days + wave.hold_days + wave.fall_days <= 0.0) {
            tw_node_error(wave_node, "hold_days", errors, "a heat wave lasts 0 days: rise, hold and fall are all 0");
            return false;
        }
    }
    if (day_node) {
        if (!read_design_day(day_node, &plant->site, &day, errors)) return false;
        source.day = &day;
    } else if (plant->site.weather[0]) {
        if (!tw_find_file(plant->site.weather, input->path, path, sizeof path)) {
            tw_node_value_error(site, "weather", errors, "weather file \"%s\" does not exist", plant->site.weather);
            return false;
        }
        source.file = path;
    } else if (plant->site.climate[0]) {
        source.climate = plant->site.climate;
        source.seed = (uint64_t)plant->run.seed;
    } else {
        tw_node_error(site, "climate", errors, "a site needs a climate, a weather file or a design_day");
        return false;
    }
    if (take_weather(plant, &source, &error)) return true;
    if (source.climate) {
        const char *const *sites = NULL;
        int count = tw_weather_sites(&sites);
        tw_reference_error(site, "climate", errors, plant->site.climate, "climate", sites, count);
    } else {
        tw_errors_take(errors, &error);
    }
    return false;
}
