// Components: water, glycol, moist air, weather of a day.
#include "models/thermal/component_list.h"

#include "models/thermal/air.h"
#include "models/thermal/fluids.h"
#include "models/thermal/weather.h"

#include <math.h>
#include <stdlib.h>

static void water(const double *in, double *out)
{
    TwFluidState f = tw_fluid_at(TW_WATER, in[0]);
    out[0] = f.density_kg_m3, out[1] = f.heat_j_kg_k, out[2] = f.viscosity_pa_s, out[3] = f.conductivity_w_m_k;
}

static void glycol(const double *in, double *out)
{
    TwFluidState f = tw_fluid_mixed_at(in[1], in[0]);
    out[0] = f.density_kg_m3, out[1] = f.heat_j_kg_k, out[2] = f.viscosity_pa_s, out[3] = f.conductivity_w_m_k;
    out[4] = tw_fluid_mixed_freezing_degc(in[1]);
    out[5] = tw_glycol_mass_fraction(in[1] / 100.0);
    // litres a minute that 1 kW warms by 10 K
    out[6] = 1e3 / (f.density_kg_m3 * f.heat_j_kg_k * 10.0) * 60e3;
}

static void saturation(const double *in, double *out) { out[0] = tw_air_saturation_pa(in[0]); }

static void air_state(double degc, double humidity, double pressure, double *out)
{
    out[0] = tw_air_wet_bulb_degc(degc, humidity, pressure);
    out[1] = tw_air_dew_point_degc(humidity, pressure);
    out[2] = humidity;
    out[3] = tw_air_relative_fraction(degc, humidity, pressure);
    out[4] = tw_air_enthalpy_j_kg(degc, humidity);
    out[5] = tw_air_volume_m3_kg(degc, humidity, pressure);
}

static void air_relative(const double *in, double *out)
{
    air_state(in[0], tw_air_humidity_relative(in[0], in[1], in[2]), in[2], out);
}

static void air_wet_bulb(const double *in, double *out)
{
    air_state(in[0], tw_air_humidity_wet_bulb(in[0], in[1], in[2]), in[2], out);
}

static void standard_pressure(const double *in, double *out) { out[0] = tw_air_standard_pressure_pa(in[0]); }

static void design_day(const double *in, double *out)
{
    TwDesignDay day = {in[0], in[1], in[2], in[3]};
    TwAir a = tw_design_day_at(&day, in[4]);
    out[0] = a.dry_bulb_degc, out[1] = a.wet_bulb_degc, out[2] = a.dew_point_degc;
    out[3] = tw_air_humidity_wet_bulb(in[0], in[1], in[3]);
}

// a year from monthly means: one hour of it, and what it exceeds
static void climate(const double *in, double *out)
{
    TwError error = {0};
    TwWeather *year = malloc(sizeof *year);
    if (!year) abort();
    for (int k = 0; k < 9; k++) out[k] = NAN;
    double seed = fmin(fmax(in[1], 0.0), 9e15);
    if (tw_weather_climate(year, tw_weather_site_names[(int)lround(in[0])], (uint64_t)seed, &error)) {
        int hours = (int)fmin(fmax(in[3], 0.0), TW_HOURS - 1.0), below = 0, wet = 0;
        TwAir air = tw_weather_at(year, in[2] * 3600.0);
        out[0] = air.dry_bulb_degc, out[1] = air.wet_bulb_degc, out[2] = air.dew_point_degc, out[3] = air.pressure_pa;
        out[4] = tw_weather_exceeded(year->dry_bulb_degc, hours);
        out[5] = tw_weather_exceeded(year->wet_bulb_degc, hours);
        out[6] = 0.0;
        for (int h = 0; h < TW_HOURS; h++) {
            out[6] += year->dry_bulb_degc[h] / TW_HOURS;
            below += year->dry_bulb_degc[h] <= 20.0, wet += year->wet_bulb_degc[h] <= 15.0;
        }
        out[7] = below, out[8] = wet;
    }
    free(year);
}

const TwComponent tw_components_fluids[] = {
    {"water",
     "water, 0 to 90 degC",
     "IAPWS-IF97, least squares",
     {IN("degc", "degC", NEED, -100, 200)},
     {OUT("density_kg_m3", "kg/m3"), OUT("heat_j_kg_k", "J/kg/K"), OUT("viscosity_pa_s", "Pa s"),
      OUT("conductivity_w_m_k", "W/m/K")},
     water},
    {"glycol",
     "propylene glycol in water",
     "Melinder 2010",
     {IN("degc", "degC", NEED, -100, 200), IN("volume_percent", "%", 25, 0, 57)},
     {OUT("density_kg_m3", "kg/m3"), OUT("heat_j_kg_k", "J/kg/K"), OUT("viscosity_pa_s", "Pa s"),
      OUT("conductivity_w_m_k", "W/m/K"), OUT("freezing_degc", "degC"), OUT("mass_fraction", "1"),
      OUT("lpm_per_kw_10k", "L/min/kW")},
     glycol},
    {"saturation",
     "saturation pressure of water vapour",
     "Hyland and Wexler 1983",
     {IN("degc", "degC", NEED, -100, 200)},
     {OUT("pressure_pa", "Pa")},
     saturation},
    {"air",
     "moist air from relative humidity",
     "ASHRAE Fundamentals ch. 1",
     {IN("dry_bulb_degc", "degC", NEED, -100, 200), IN("relative_fraction", "1", NEED, 0, 1),
      IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("wet_bulb_degc", "degC"), OUT("dew_point_degc", "degC"), OUT("humidity", "kg/kg"), OUT("relative", "1"),
      OUT("enthalpy_j_kg", "J/kg"), OUT("volume_m3_kg", "m3/kg")},
     air_relative},
    {"air_wet_bulb",
     "moist air from both bulbs",
     "ASHRAE Fundamentals ch. 1",
     {IN("dry_bulb_degc", "degC", NEED, -100, 200), IN("wet_bulb_degc", "degC", NEED, -100, 200),
      IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("wet_bulb", "degC"), OUT("dew_point_degc", "degC"), OUT("humidity", "kg/kg"), OUT("relative", "1"),
      OUT("enthalpy_j_kg", "J/kg"), OUT("volume_m3_kg", "m3/kg")},
     air_wet_bulb},
    {"standard_pressure",
     "pressure at altitude",
     "ASHRAE Fundamentals ch. 1",
     {IN("elevation_m", "m", NEED, -5000, 40000)},
     {OUT("pressure_pa", "Pa")},
     standard_pressure},
    {"design_day",
     "ASHRAE design day",
     "ASHRAE daily profile",
     {IN("dry_bulb_degc", "degC", NEED, -100, 200), IN("wet_bulb_degc", "degC", NEED, -100, 200),
      IN("range_k", "K", NEED, 0, 100), IN("pressure_pa", "Pa", 101325, 1e4, 2e5), IN("hour", "h", NEED, 0, 1e6)},
     {OUT("dry_bulb_now_degc", "degC"), OUT("wet_bulb_now_degc", "degC"), OUT("dew_point_degc", "degC"),
      OUT("humidity", "kg/kg")},
     design_day},
    {"climate",
     "a year of weather from monthly means: an hour of it, and what it exceeds",
     "ASHRAE daily profile; laws from 64 typical years",
     {CHOICE("site", NEED, tw_weather_site_names), IN("seed", "1", 1, 0, 9e15), IN("hour", "h", 4380, 0, 1e6),
      IN("exceeded_hours", "h", 35, 0, 8759)},
     {OUT("dry_bulb_degc", "degC"), OUT("wet_bulb_degc", "degC"), OUT("dew_point_degc", "degC"),
      OUT("pressure_pa", "Pa"), OUT("dry_bulb_exceeded_degc", "degC"), OUT("wet_bulb_exceeded_degc", "degC"),
      OUT("dry_bulb_mean_degc", "degC"), OUT("hours_to_20_degc", "h"), OUT("wet_hours_to_15_degc", "h")},
     climate},
};
const int tw_components_fluids_count = sizeof tw_components_fluids / sizeof *tw_components_fluids;
