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
#include "models/thermal/weather.h"

#include <math.h>

static const double sea_level_pa = 101325.0;

static void york(const double *in, double *out) { out[0] = tw_york_approach_k(in[0], in[1], in[2]); }

static void york_cell(const double *in, double *out)
{
    int clamped;
    double rate = in[0] * 4180.0;
    TwYork cell = tw_york_design(rate, in[1], in[2], in[3]);
    out[0] = NAN;
    if (!(cell.water_ratio > 0.0)) return;    // York's polynomial has no such point
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
    out[0] = t.ua_w_k > 0.0 ? t.ua_w_k : NAN;
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
    out[0] = NAN;
    if (in[1] <= in[2]) return;
    TwDryCooler c = tw_dry_cooler_design(in[0], in[1], in[2], in[3], in[4]);
    if (!(c.ua_w_k > 0.0)) return;    // no such exchanger
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

// sea water of a day through a plate exchanger
static void sea_water(const double *in, double *out)
{
    out[0] = tw_sea_degc(in[1], in[2], in[3], in[0]);
    out[1] = tw_plate_hx_conductance(in[4], in[5], in[6]) * (in[7] - out[0]);
    out[2] = in[7] - out[1] / fmax(in[5], 1e-9);
    out[3] = out[0] + out[1] / fmax(in[6], 1e-9);
}

// a cooler by its conductance alone: air without end
static void conductance(const double *in, double *out)
{
    double ua = in[0] * (in[1] + (1.0 - in[1]) * in[2]), water = fmax(in[3], 1e-9);
    out[0] = -water * expm1(-ua / water) * (in[4] - in[5]);
    out[1] = in[4] - out[0] / water;
}

static void adiabatic(const double *in, double *out)
{
    TwPadAir a = tw_adiabatic_air(in[0], in[1], in[2], in[3]);
    out[0] = a.degc, out[1] = a.water_kg_kg;
}

static void heat_pump(const double *in, double *out) { out[0] = tw_heat_pump_cop(in[0], in[1], in[2]); }

static void district_heat(const double *in, double *out)
{
    TwHeatExport site = {in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[9]};
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
    if (isnan(*ua)) return NAN;
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
    row.chiller_eta_fraction = 0.53, row.chiller_cop_max = 15.0, row.chiller_lift_k = 10.0, row.condenser_k = 20.0,
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
                                      "trane_cgam70_233kw_air",
                                      "york_ycal0066ee_233kw_air",
                                      "mcquay_agz075d_257kw_air",
                                      "carrier_30xa200_682kw_air",
                                      "carrier_30rb390_1326kw_air",
                                      "carrier_30xa500_1609kw_air",
                                      NULL};

const TwComponent tw_components_plant[] = {
    {"york",
     "York's approach polynomial",
     "LBL yorkCalc",
     {IN("wet_bulb_degc", "degC", NEED, -100, 200), IN("range_k", "K", 5.56, 0, 100), IN("l_over_g", "1", 1, 0, 100)},
     {OUT("approach_k", "K")},
     york},
    {"york_cell",
     "tower cell by York",
     "LBL yorkCalc",
     {IN("water_kg_s", "kg/s", 62.82, 1e-9, 1e6), IN("design_range_k", "K", 5.56, 0.1, 100),
      IN("design_approach_k", "K", 3.89, 0.1, 100), IN("design_wet_bulb_degc", "degC", 25.56, -100, 200),
      IN("inlet_degc", "degC", NEED, -100, 200), IN("fan", "1", 1, 0, 1), IN("water_fraction", "1", 1, 0, 10),
      IN("wet_bulb_degc", "degC", NEED, -100, 200), IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("leaving_degc", "degC"), OUT("heat_w", "W"), OUT("clamped", "1")},
     york_cell},
    {"merkel",
     "Merkel integral",
     "four Chebyshev points, and 2,000",
     {IN("inlet_degc", "degC", NEED, -100, 200), IN("outlet_degc", "degC", NEED, -100, 200),
      IN("wet_bulb_degc", "degC", NEED, -100, 200), IN("l_over_g", "1", NEED, 0, 100),
      IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("four_points", "1"), OUT("integral", "1")},
     merkel},
    {"tower",
     "tower by effectiveness",
     "Merkel 1925, Braun 1989",
     {IN("heat_w", "W", 1.459e6, 1, 1e12), IN("design_inlet_degc", "degC", 35.01, -100, 200),
      IN("design_outlet_degc", "degC", 29.45, -100, 200), IN("design_wet_bulb_degc", "degC", 25.56, -100, 200),
      IN("air_kg_s", "kg/s", 62.82, 1e-9, 1e6), IN("fan", "1", 1, 0, 1), IN("water_fraction", "1", 1, 0, 10),
      IN("inlet_degc", "degC", NEED, -100, 200), IN("wet_bulb_degc", "degC", NEED, -100, 200),
      IN("dry_bulb_degc", "degC", 30, -100, 200), IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("ua_w_k", "W/K"), OUT("heat_now_w", "W"), OUT("leaving_degc", "degC"), OUT("evaporation_kg_s", "kg/s")},
     tower},
    {"chiller",
     "catalogue chiller",
     "DOE-2 curves, EnergyPlus records",
     {CHOICE("record", 0, records), IN("leaving_degc", "degC", NEED, -100, 200),
      IN("entering_degc", "degC", NEED, -100, 200), IN("plr", "1", 1, 0, 2)},
     {OUT("capacity_w", "W"), OUT("power_w", "W"), OUT("cop", "1"), OUT("inside_bounds", "1")},
     chiller},
    {"carnot",
     "share of Carnot from one point, at another",
     "closed form",
     {IN("cop", "1", NEED, 0.01, 1e3), IN("cold_degc", "degC", NEED, -100, 200),
      IN("hot_degc", "degC", NEED, -100, 200), IN("cold_now_degc", "degC", NEED, -100, 200),
      IN("hot_now_degc", "degC", NEED, -100, 200), IN("lift_min_k", "K", 10, 0.1, 500),
      IN("cop_max", "1", 15, 0.1, 1e3)},
     {OUT("share", "1"), OUT("cop_now", "1")},
     carnot},
    {"dry_cooler",
     "dry cooler sized at a point, run at another",
     "LBL DryCooler",
     {IN("heat_w", "W", 2.931e6, 1, 1e12), IN("inlet_degc", "degC", 46.11, -100, 200),
      IN("outlet_degc", "degC", 40.55, -100, 200), IN("air_degc", "degC", 35, -100, 200),
      IN("air_rise_k", "K", 5.56, 0.1, 200), IN("air_now_degc", "degC", 35, -100, 200), IN("fan", "1", 1, 0.01, 1),
      IN("heat_now_w", "W", 0, 0, 1e12), IN("water_fraction", "1", 1, 1e-3, 10), IN("fan_w", "W", 117680, 0, 1e12),
      IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("effectiveness", "1"), OUT("ntu", "1"), OUT("ua_w_k", "W/K"), OUT("leaving_degc", "degC"),
      OUT("fan_now_w", "W")},
     dry_cooler},
    {"sea_water",
     "sea water through the year, and a plate exchanger to it",
     "cosine of the day; Kays and London",
     {IN("day", "1", NEED, -1e6, 1e6), IN("mean_degc", "degC", 8, -100, 200), IN("amplitude_k", "K", 6, 0, 500),
      IN("warmest_day", "1", 225, 1, 366), IN("ua_w_k", "W/K", 1e6, 1e-6, 1e12),
      IN("water_w_k", "W/K", 5e5, 1e-6, 1e12), IN("sea_w_k", "W/K", 5e5, 1e-6, 1e12),
      IN("inlet_degc", "degC", 40, -100, 200)},
     {OUT("sea_degc", "degC"), OUT("heat_w", "W"), OUT("leaving_degc", "degC"), OUT("discharge_degc", "degC")},
     sea_water},
    {"conductance",
     "a cooler of known conductance, NET-1's",
     "Kays and London, rate ratio 0",
     {IN("ua_w_k", "W/K", 1.6e5, 1e-6, 1e12), IN("free_fraction", "1", 0.15, 0, 1), IN("fan", "1", 1, 0, 1),
      IN("water_w_k", "W/K", 112806, 1e-6, 1e12), IN("inlet_degc", "degC", NEED, -100, 200),
      IN("air_degc", "degC", NEED, -100, 200)},
     {OUT("heat_w", "W"), OUT("leaving_degc", "degC")},
     conductance},
    {"adiabatic",
     "pads before a dry cooler",
     "ASHRAE Fundamentals ch. 1",
     {IN("eta", "1", 0.8, 0, 1), IN("dry_bulb_degc", "degC", NEED, -100, 200),
      IN("wet_bulb_degc", "degC", NEED, -100, 200), IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("air_degc", "degC"), OUT("water_kg_kg", "kg/kg")},
     adiabatic},
    {"heat_pump",
     "Carnot share",
     "closed form",
     {IN("eta", "1", 0.5, 0, 1), IN("source_degc", "degC", NEED, -100, 200),
      IN("supply_degc", "degC", NEED, -100, 200)},
     {OUT("cop", "1")},
     heat_pump},
    {"heat_export",
     "district heat from plant water",
     "exchanger and Carnot share",
     {IN("exchanger_ua_w_k", "W/K", 5e5, 1e-6, 1e12), IN("network_w_k", "W/K", 1e5, 1e-6, 1e12),
      IN("return_degc", "degC", 40, -100, 200), IN("supply_degc", "degC", 75, -100, 200),
      IN("margin_k", "K", 3, 0, 500), IN("eta", "1", 0.5, 0, 1), IN("demand_w", "W", 1e6, 0, 1e12),
      IN("plant_w_k", "W/K", 1e5, 1e-6, 1e12), IN("inlet_degc", "degC", NEED, -100, 200),
      IN("least_degc", "degC", 20, -100, 200)},
     {OUT("delivered_w", "W"), OUT("plant_w", "W"), OUT("power_w", "W"), OUT("cop", "1")},
     district_heat},
    {"evaporation",
     "water of a tower per kWh, by latent heat",
     "h_fg of water",
     {IN("degc", "degC", NEED, -100, 200), IN("cycles", "1", 4, 1.001, 1e6)},
     {OUT("evaporated_l_kwh", "L/kWh"), OUT("blow_down_l_kwh", "L/kWh"), OUT("make_up_l_kwh", "L/kWh")},
     evaporation},
    {"tank",
     "ride-through of a buffer tank",
     "closed form",
     {IN("volume_m3", "m3", NEED, 0, 1e9), IN("rise_k", "K", NEED, 0.1, 200), IN("heat_w", "W", NEED, 1e-3, 1e12),
      IN("degc", "degC", 30, -100, 200)},
     {OUT("time_s", "s")},
     tank},
    {"rear_door",
     "rear door or fan coil: crossflow of air and water",
     "Kays and London; films by flow^0.8",
     {IN("heat_w", "W", 20e3, 1, 1e12), IN("air_degc", "degC", 45, -100, 200), IN("water_degc", "degC", 25, -100, 200),
      IN("air_w_k", "W/K", 1500, 1e-6, 1e12), IN("water_w_k", "W/K", 3500, 1e-6, 1e12),
      IN("film_ratio", "1", 4, 1e-3, 1e3), IN("air_fraction", "1", 1, 0, 100), IN("water_fraction", "1", 1, 0, 10),
      IN("air_now_degc", "degC", 45, -100, 200), IN("water_now_degc", "degC", 25, -100, 200)},
     {OUT("ua_w_k", "W/K"), OUT("heat_now_w", "W"), OUT("leaving_degc", "degC"), OUT("linear_w_k", "W/K")},
     rear_door},
    {"room",
     "fan wall or CRAH on chilled water, economizer and chiller behind it",
     "coil UA by fan^0.8; share of Carnot",
     {IN("capacity_w", "W", 100e3, 1, 1e12), IN("supply_degc", "degC", 27, -100, 200),
      IN("coil_degc", "degC", 20, -100, 200), IN("fan_w", "W", 3000, 0, 1e12), IN("fan", "1", 1, 0, 1),
      IN("room_degc", "degC", 27, -100, 200), IN("outside_degc", "degC", NEED, -100, 200),
      IN("economizer_approach_k", "K", 5, 0, 500), IN("chilled_range_k", "K", 6, 0.1, 100),
      IN("pressure_pa", "Pa", 101325, 1e4, 2e5)},
     {OUT("coil_w", "W"), OUT("fan_now_w", "W"), OUT("free_fraction", "1"), OUT("cop", "1"), OUT("chiller_w", "W")},
     room},
};
const int tw_components_plant_count = sizeof tw_components_plant / sizeof *tw_components_plant;
