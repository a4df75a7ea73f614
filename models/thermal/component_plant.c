// Components: towers, coolers, chillers, heat export, tank.
#include "models/thermal/component_list.h"

#include "models/thermal/adiabatic.h"
#include "models/thermal/air.h"
#include "models/thermal/chiller.h"
#include "models/thermal/cooling_tower.h"
#include "models/thermal/dry_cooler.h"
#include "models/thermal/fluids.h"
#include "models/thermal/heat_export.h"
#include "models/thermal/plate_hx.h"
#include "models/thermal/room.h"

#include <math.h>

static const double sea_level_pa = 101325.0;

static void york(const double *in, double *out) { out[0] = tw_york_approach_k(in[0], in[1], in[2]); }

static void york_cell(const double *in, double *out)
{
    int clamped;
    double rate = in[0] * 4180.0;
    TwYork cell = tw_york_design(rate, in[1], in[2], in[3]);
    out[1] = tw_york_heat(&cell, in[6] * rate, in[5], in[8] / sea_level_pa, in[4], in[7], &clamped);
    out[0] = in[4] - out[1] / (in[6] * rate);
    out[2] = clamped;
}

static void merkel(const double *in, double *out)
{
    out[0] = tw_merkel_integral(in[0], in[1], in[2], in[3], in[4]);
    // the integral itself, midpoints of 2,000 slices
    double range = in[0] - in[1], sum = 0.0;
    const int n = 2000;
    double entering = tw_air_enthalpy_j_kg(in[2], tw_air_humidity_saturated(in[2], in[4]));
    for (int i = 0; i < n; i++) {
        double u = (i + 0.5) / n, t = in[1] + u * range;
        double h = tw_air_enthalpy_j_kg(t, tw_air_humidity_saturated(t, in[4]));
        sum += 1.0 / (h - entering - in[3] * 4186.0 * u * range) / n;
    }
    out[1] = 4186.0 * range * sum;
}

static void tower(const double *in, double *out)
{
    TwCoolingTower t = tw_cooling_tower_design(in[0], in[1], in[2], in[3], in[4]);
    out[0] = t.ua_w_k;
    out[1] = tw_cooling_tower_heat(&t, in[6] * t.water_w_k, in[5], in[10] / sea_level_pa, in[7], in[8], in[10]);
    out[2] = in[7] - out[1] / fmax(in[6] * t.water_w_k, 1.0);
    out[3] = tw_cooling_tower_evaporation_kg_s(&t, in[5], in[10] / sea_level_pa, out[1], in[9], in[8], in[10]);
}

static const char *const *chiller_words(void)
{
    const char *const *names;
    tw_chiller_names(&names);
    return names;
}

static void chiller(const double *in, double *out)
{
    const TwChillerCurves *c = tw_chiller_named(chiller_words()[(int)lround(in[0])]);
    out[3] = tw_chiller_holds(c, in[1], in[2]) ? 1.0 : 0.0;
    out[0] = tw_chiller_capacity_w(c, in[1], in[2]);
    out[1] = tw_chiller_power_w(c, in[1], in[2], in[3]);
    out[2] = in[3] * out[0] / out[1];
    if (out[3] == 0.0) out[0] = out[1] = out[2] = NAN;    // outside its bounds nothing is extrapolated
}

static void carnot(const double *in, double *out)
{
    out[0] = tw_carnot_share(in[0], in[1], in[2]);
    out[1] = tw_carnot_cop(out[0], in[3], in[4], in[5], in[6]);
}

static void dry_cooler(const double *in, double *out)
{
    TwDryCooler c = tw_dry_cooler_design(in[0], in[1], in[2], in[3], in[4]);
    double c_min = fmin(c.water_w_k, c.air_w_k);
    out[0] = in[0] / (c_min * (in[1] - in[3]));
    out[1] = c.ua_w_k / c_min;
    out[2] = c.ua_w_k;
    // leaving water that carries the heat now at this air and fan
    double heat = in[7] > 0.0 ? in[7] : in[0], water = in[8] * c.water_w_k;
    double e = tw_dry_cooler_heat(&c, water, in[6], in[10] / sea_level_pa, in[5] + 1.0, in[5]);
    out[3] = in[5] + heat / e - heat / water;
    out[4] = in[9] * in[10] / sea_level_pa * pow(in[6], 3.0);
}

static void adiabatic(const double *in, double *out)
{
    TwPadAir a = tw_adiabatic_air(in[0], in[1], in[2], in[3]);
    out[0] = a.degc, out[1] = a.water_kg_kg;
}

static void heat_pump(const double *in, double *out) { out[0] = tw_heat_pump_cop(in[0], in[1], in[2]); }

static void district_heat(const double *in, double *out)
{
    TwHeatExport site = {in[0], in[1], in[2], in[3], in[4], in[5], in[6]};
    TwExported e = tw_heat_export(&site, in[7], in[8]);
    out[0] = e.delivered_w, out[1] = e.plant_w, out[2] = e.power_w;
    out[3] = e.power_w > 0.0 ? e.delivered_w / e.power_w : INFINITY;
}

static void evaporation(const double *in, double *out)
{
    out[0] = 3.6e6 / tw_vaporisation_j_kg(in[0]);
    out[1] = tw_blow_down(out[0], in[1]);
    out[2] = out[0] + out[1];
}

static void tank(const double *in, double *out)
{
    TwFluidState f = tw_fluid_at(TW_WATER, in[3]);
    out[0] = f.density_kg_m3 * in[0] * f.heat_j_kg_k * in[1] / in[2];
}

// heat of a coil or door: crossflow of air and water, films with flow^0.8 each, sized at one point
static double crossflow_heat(double heat_w, double air_degc, double water_degc, double air_w_k, double water_w_k,
                             double ratio, double air, double water, double air_now, double water_now, double *ua)
{
    // conductance that gives the design heat, by halving
    double c_min = fmin(air_w_k, water_w_k), c_max = fmax(air_w_k, water_w_k), low = 0.0, high = 100.0;
    for (int i = 0; i < 200; i++) {
        double ntu = 0.5 * (low + high), e = tw_crossflow_effectiveness(ntu, c_min / c_max);
        *(e * c_min * (air_degc - water_degc) < heat_w ? &low : &high) = ntu;
    }
    *ua = high > 99.0 ? NAN : high * c_min;
    double films = (ratio * pow(fmax(air, 1e-6), -0.8) + pow(fmax(water, 1e-6), -0.8)) / (1.0 + ratio);
    double a = air * air_w_k, w = water * water_w_k, least = fmin(a, w), most = fmax(a, w);
    if (least <= 0.0) return 0.0;
    return tw_crossflow_effectiveness(*ua / films / least, least / most) * least * (air_now - water_now);
}

static void rear_door(const double *in, double *out)
{
    out[1] = crossflow_heat(in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7], in[8], in[9], &out[0]);
    out[2] = in[8] - out[1] / fmax(in[6] * in[3], 1e-9);
    out[3] = out[1] / (in[8] - in[9]);
}

// the room's coil, fans and chiller at a fan speed
static void room(const double *in, double *out)
{
    TwRoomRow row = {.capacity_w = in[0], .supply_degc = in[1], .coil_degc = in[2], .fan_w = in[3]};
    row.fan_exponent = 0.8, row.economizer_approach_k = in[7], row.chilled_range_k = in[8];
    row.chiller_eta_fraction = 0.55, row.chiller_cop_max = 15.0, row.chiller_lift_k = 10.0, row.condenser_k = 12.0,
    row.evaporator_k = 2.0;
    out[0] = in[0] / (in[1] - in[2]) * pow(in[9] / sea_level_pa * in[4], row.fan_exponent) * (in[5] - in[2]);
    out[1] = in[9] / sea_level_pa * in[3] * in[4] * in[4] * in[4];
    out[2] = tw_room_free_fraction(&row, in[6]);
    out[3] = tw_room_chiller_cop(&row, in[6]);
    out[4] = (1.0 - out[2]) * fmax(out[0], 0.0) / out[3];
}

static const char *const records[] = {"trane_cvhe_1442kw_vsd",
                                      "york_yt_1459kw_vsd",
                                      "carrier_19xr_1407kw_vsd",
                                      "carrier_19xr_1410kw_vsd",
                                      "mcquay_pfh_4020kw_vanes",
                                      "york_yk_4396kw_vanes",
                                      NULL};

const TwComponent tw_components_plant[] = {
    {"york",
     "York's approach polynomial",
     "LBL yorkCalc",
     {{"wet_bulb_degc", "degC", NEED, NULL}, {"range_k", "K", 5.56, NULL}, {"l_over_g", "1", 1, NULL}},
     {{"approach_k", "K", 0, NULL}},
     york},
    {"york_cell",
     "tower cell by York",
     "LBL yorkCalc",
     {{"water_kg_s", "kg/s", 62.82, NULL},
      {"design_range_k", "K", 5.56, NULL},
      {"design_approach_k", "K", 3.89, NULL},
      {"design_wet_bulb_degc", "degC", 25.56, NULL},
      {"inlet_degc", "degC", NEED, NULL},
      {"fan", "1", 1, NULL},
      {"water_fraction", "1", 1, NULL},
      {"wet_bulb_degc", "degC", NEED, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"leaving_degc", "degC", 0, NULL}, {"heat_w", "W", 0, NULL}, {"clamped", "1", 0, NULL}},
     york_cell},
    {"merkel",
     "Merkel integral",
     "four Chebyshev points, and 2,000",
     {{"inlet_degc", "degC", NEED, NULL},
      {"outlet_degc", "degC", NEED, NULL},
      {"wet_bulb_degc", "degC", NEED, NULL},
      {"l_over_g", "1", NEED, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"four_points", "1", 0, NULL}, {"integral", "1", 0, NULL}},
     merkel},
    {"tower",
     "tower by effectiveness",
     "Merkel 1925, Braun 1989",
     {{"heat_w", "W", 1.459e6, NULL},
      {"design_inlet_degc", "degC", 35.01, NULL},
      {"design_outlet_degc", "degC", 29.45, NULL},
      {"design_wet_bulb_degc", "degC", 25.56, NULL},
      {"air_kg_s", "kg/s", 62.82, NULL},
      {"fan", "1", 1, NULL},
      {"water_fraction", "1", 1, NULL},
      {"inlet_degc", "degC", NEED, NULL},
      {"wet_bulb_degc", "degC", NEED, NULL},
      {"dry_bulb_degc", "degC", 30, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"ua_w_k", "W/K", 0, NULL},
      {"heat_now_w", "W", 0, NULL},
      {"leaving_degc", "degC", 0, NULL},
      {"evaporation_kg_s", "kg/s", 0, NULL}},
     tower},
    {"chiller",
     "catalogue chiller",
     "DOE-2 curves, EnergyPlus records",
     {{"record", "", 0, records},
      {"leaving_degc", "degC", NEED, NULL},
      {"entering_degc", "degC", NEED, NULL},
      {"plr", "1", 1, NULL}},
     {{"capacity_w", "W", 0, NULL}, {"power_w", "W", 0, NULL}, {"cop", "1", 0, NULL}, {"inside_bounds", "1", 0, NULL}},
     chiller},
    {"carnot",
     "share of Carnot from one point, at another",
     "closed form",
     {{"cop", "1", NEED, NULL},
      {"cold_degc", "degC", NEED, NULL},
      {"hot_degc", "degC", NEED, NULL},
      {"cold_now_degc", "degC", NEED, NULL},
      {"hot_now_degc", "degC", NEED, NULL},
      {"lift_min_k", "K", 10, NULL},
      {"cop_max", "1", 15, NULL}},
     {{"share", "1", 0, NULL}, {"cop_now", "1", 0, NULL}},
     carnot},
    {"dry_cooler",
     "dry cooler sized at a point, run at another",
     "LBL DryCooler",
     {{"heat_w", "W", 2.931e6, NULL},
      {"inlet_degc", "degC", 46.11, NULL},
      {"outlet_degc", "degC", 40.55, NULL},
      {"air_degc", "degC", 35, NULL},
      {"air_rise_k", "K", 5.56, NULL},
      {"air_now_degc", "degC", 35, NULL},
      {"fan", "1", 1, NULL},
      {"heat_now_w", "W", 0, NULL},
      {"water_fraction", "1", 1, NULL},
      {"fan_w", "W", 117680, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"effectiveness", "1", 0, NULL},
      {"ntu", "1", 0, NULL},
      {"ua_w_k", "W/K", 0, NULL},
      {"leaving_degc", "degC", 0, NULL},
      {"fan_now_w", "W", 0, NULL}},
     dry_cooler},
    {"adiabatic",
     "pads before a dry cooler",
     "ASHRAE Fundamentals ch. 1",
     {{"eta", "1", 0.8, NULL},
      {"dry_bulb_degc", "degC", NEED, NULL},
      {"wet_bulb_degc", "degC", NEED, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"air_degc", "degC", 0, NULL}, {"water_kg_kg", "kg/kg", 0, NULL}},
     adiabatic},
    {"heat_pump",
     "Carnot share",
     "closed form",
     {{"eta", "1", 0.5, NULL}, {"source_degc", "degC", NEED, NULL}, {"supply_degc", "degC", NEED, NULL}},
     {{"cop", "1", 0, NULL}},
     heat_pump},
    {"heat_export",
     "district heat from plant water",
     "exchanger and Carnot share",
     {{"exchanger_ua_w_k", "W/K", 5e5, NULL},
      {"network_w_k", "W/K", 1e5, NULL},
      {"return_degc", "degC", 40, NULL},
      {"supply_degc", "degC", 75, NULL},
      {"margin_k", "K", 3, NULL},
      {"eta", "1", 0.5, NULL},
      {"demand_w", "W", 1e6, NULL},
      {"plant_w_k", "W/K", 1e5, NULL},
      {"inlet_degc", "degC", NEED, NULL}},
     {{"delivered_w", "W", 0, NULL}, {"plant_w", "W", 0, NULL}, {"power_w", "W", 0, NULL}, {"cop", "1", 0, NULL}},
     district_heat},
    {"evaporation",
     "water of a tower per kWh, by latent heat",
     "h_fg of water",
     {{"degc", "degC", NEED, NULL}, {"cycles", "1", 4, NULL}},
     {{"evaporated_l_kwh", "L/kWh", 0, NULL},
      {"blow_down_l_kwh", "L/kWh", 0, NULL},
      {"make_up_l_kwh", "L/kWh", 0, NULL}},
     evaporation},
    {"tank",
     "ride-through of a buffer tank",
     "closed form",
     {{"volume_m3", "m3", NEED, NULL},
      {"rise_k", "K", NEED, NULL},
      {"heat_w", "W", NEED, NULL},
      {"degc", "degC", 30, NULL}},
     {{"time_s", "s", 0, NULL}},
     tank},
    {"rear_door",
     "rear door or fan coil: crossflow of air and water",
     "Kays and London; films by flow^0.8",
     {{"heat_w", "W", 20e3, NULL},
      {"air_degc", "degC", 45, NULL},
      {"water_degc", "degC", 25, NULL},
      {"air_w_k", "W/K", 1500, NULL},
      {"water_w_k", "W/K", 3500, NULL},
      {"film_ratio", "1", 4, NULL},
      {"air_fraction", "1", 1, NULL},
      {"water_fraction", "1", 1, NULL},
      {"air_now_degc", "degC", 45, NULL},
      {"water_now_degc", "degC", 25, NULL}},
     {{"ua_w_k", "W/K", 0, NULL},
      {"heat_now_w", "W", 0, NULL},
      {"leaving_degc", "degC", 0, NULL},
      {"linear_w_k", "W/K", 0, NULL}},
     rear_door},
    {"room",
     "fan wall or CRAH on chilled water, economizer and chiller behind it",
     "coil UA by fan^0.8; share of Carnot",
     {{"capacity_w", "W", 100e3, NULL},
      {"supply_degc", "degC", 27, NULL},
      {"coil_degc", "degC", 20, NULL},
      {"fan_w", "W", 3000, NULL},
      {"fan", "1", 1, NULL},
      {"room_degc", "degC", 27, NULL},
      {"outside_degc", "degC", NEED, NULL},
      {"economizer_approach_k", "K", 5, NULL},
      {"chilled_range_k", "K", 6, NULL},
      {"pressure_pa", "Pa", 101325, NULL}},
     {{"coil_w", "W", 0, NULL},
      {"fan_now_w", "W", 0, NULL},
      {"free_fraction", "1", 0, NULL},
      {"cop", "1", 0, NULL},
      {"chiller_w", "W", 0, NULL}},
     room},
};
const int tw_components_plant_count = sizeof tw_components_plant / sizeof *tw_components_plant;
