// Components: water, glycol, moist air, weather of a day.
#include "models/thermal/component_list.h"

#include "models/thermal/air.h"
#include "models/thermal/fluids.h"
#include "models/thermal/weather.h"

#include <math.h>

static void water(const double *in, double *out)
{
    TwFluidState f = tw_fluid_at(TW_WATER, in[0]);
    out[0] = f.density_kg_m3, out[1] = f.heat_j_kg_k, out[2] = f.viscosity_pa_s, out[3] = f.conductivity_w_m_k;
}

static void glycol(const double *in, double *out)
{
    TwFluid fluid = (TwFluid)lround(in[1]);
    TwFluidState f = tw_fluid_at(fluid, in[0]);
    out[0] = f.density_kg_m3, out[1] = f.heat_j_kg_k, out[2] = f.viscosity_pa_s, out[3] = f.conductivity_w_m_k;
    out[4] = tw_fluid_freezing_degc(fluid);
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

const TwComponent tw_components_fluids[] = {
    {"water",
     "water, 0 to 90 degC",
     "IAPWS-IF97, least squares",
     {{"degc", "degC", NEED, NULL}},
     {{"density_kg_m3", "kg/m3", 0, NULL},
      {"heat_j_kg_k", "J/kg/K", 0, NULL},
      {"viscosity_pa_s", "Pa s", 0, NULL},
      {"conductivity_w_m_k", "W/m/K", 0, NULL}},
     water},
    {"glycol",
     "propylene glycol in water",
     "Melinder 2010",
     {{"degc", "degC", NEED, NULL}, {"volume_percent", "%", 25, NULL}},
     {{"density_kg_m3", "kg/m3", 0, NULL},
      {"heat_j_kg_k", "J/kg/K", 0, NULL},
      {"viscosity_pa_s", "Pa s", 0, NULL},
      {"conductivity_w_m_k", "W/m/K", 0, NULL},
      {"freezing_degc", "degC", 0, NULL},
      {"mass_fraction", "1", 0, NULL},
      {"lpm_per_kw_10k", "L/min/kW", 0, NULL}},
     glycol},
    {"saturation",
     "saturation pressure of water vapour",
     "Hyland and Wexler 1983",
     {{"degc", "degC", NEED, NULL}},
     {{"pressure_pa", "Pa", 0, NULL}},
     saturation},
    {"air",
     "moist air from relative humidity",
     "ASHRAE Fundamentals ch. 1",
     {{"dry_bulb_degc", "degC", NEED, NULL},
      {"relative_fraction", "1", NEED, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"wet_bulb_degc", "degC", 0, NULL},
      {"dew_point_degc", "degC", 0, NULL},
      {"humidity", "kg/kg", 0, NULL},
      {"relative", "1", 0, NULL},
      {"enthalpy_j_kg", "J/kg", 0, NULL},
      {"volume_m3_kg", "m3/kg", 0, NULL}},
     air_relative},
    {"air_wet_bulb",
     "moist air from both bulbs",
     "ASHRAE Fundamentals ch. 1",
     {{"dry_bulb_degc", "degC", NEED, NULL},
      {"wet_bulb_degc", "degC", NEED, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"wet_bulb", "degC", 0, NULL},
      {"dew_point_degc", "degC", 0, NULL},
      {"humidity", "kg/kg", 0, NULL},
      {"relative", "1", 0, NULL},
      {"enthalpy_j_kg", "J/kg", 0, NULL},
      {"volume_m3_kg", "m3/kg", 0, NULL}},
     air_wet_bulb},
    {"standard_pressure",
     "pressure at altitude",
     "ASHRAE Fundamentals ch. 1",
     {{"elevation_m", "m", NEED, NULL}},
     {{"pressure_pa", "Pa", 0, NULL}},
     standard_pressure},
    {"design_day",
     "ASHRAE design day",
     "ASHRAE daily profile",
     {{"dry_bulb_degc", "degC", NEED, NULL},
      {"wet_bulb_degc", "degC", NEED, NULL},
      {"range_k", "K", NEED, NULL},
      {"pressure_pa", "Pa", 101325, NULL},
      {"hour", "h", NEED, NULL}},
     {{"dry_bulb_now_degc", "degC", 0, NULL},
      {"wet_bulb_now_degc", "degC", 0, NULL},
      {"dew_point_degc", "degC", 0, NULL},
      {"humidity", "kg/kg", 0, NULL}},
     design_day},
};
const int tw_components_fluids_count = sizeof tw_components_fluids / sizeof *tw_components_fluids;
