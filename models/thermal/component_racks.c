// Components: exchangers, cold plates, racks with and without flow, leakage.
#include "models/thermal/component_list.h"

#include "models/thermal/fluids.h"
#include "models/thermal/net1.h"
#include "models/thermal/plate_hx.h"

#include <math.h>

static void counterflow(const double *in, double *out) { out[0] = tw_counterflow_effectiveness(in[0], in[1]); }

static void crossflow(const double *in, double *out) { out[0] = tw_crossflow_effectiveness(in[0], in[1]); }

// an exchanger sized at one point and run at another
static void exchanger(const double *in, double *out)
{
    double heat = in[0], approach = in[1], plant_in = in[2], plant = in[3] * in[5], rack = in[4] * in[6];
    double ua = tw_plate_hx_design_ua(heat, approach, plant, rack), c_min = fmin(plant, rack);
    out[0] = heat / rack, out[1] = heat / plant;
    out[2] = plant_in + approach;
    out[3] = out[2] + out[0];
    out[4] = heat / (c_min * (out[3] - plant_in));
    out[5] = ua / c_min;
    out[6] = ua;
    // supply above plant water at other flows and heat: Q = E (Tr - Tf), Ts = Tr - Q/C2
    TwFilmLaw law = {.ua_w_k = ua, .share1 = 1.0 / (1.0 + in[7]), .exponent = 0.8, .fouling_k_w = in[11]};
    double now = in[10] > 0.0 ? in[10] : heat;
    double e = tw_plate_hx_conductance(tw_film_conductance(&law, in[8], in[9]), in[8] * plant, in[9] * rack);
    out[7] = now / e - now / (in[9] * rack);
}

static void cold_plate(const double *in, double *out)
{
    TwFluidState f = tw_fluid_at((TwFluid)lround(in[3]), in[2] + 5.0);
    double rate = in[1] / 60e3 * f.density_kg_m3 * f.heat_j_kg_k;
    out[0] = in[2] + in[0] / rate;
    // case against inlet: half the coolant's rise, and OCP's plate
    out[2] = 0.016166 + 0.008392 / in[1];
    out[1] = in[2] + in[0] * out[2];
}

// RR-1 without leakage in closed form
static void rack_steady(const double *in, double *out)
{
    TwLumpsRow row = net1_lumps();
    double s = in[2], rate = in[3] * in[4] * s, outlet = in[1] + in[0] / rate;
    out[0] = outlet;
    out[1] = in[1] + tw_coolant_lam(s) * (outlet - in[1]);
    out[2] = out[1] + in[0] / tw_plate_conductance(&row, s);
    out[3] = out[2] + in[0] / row.chip_plate_w_k;
}

// chip over plate over a coolant that holds: two exponentials
static void chip_step(const double *in, double *out)
{
    TwLumpsRow row = net1_lumps();
    double a = row.chip_plate_w_k / row.chip_j_k, b = row.chip_plate_w_k / row.plate_j_k;
    double c = row.plate_coolant_w_k / row.plate_j_k, half = 0.5 * (a + b + c);
    double root = sqrt(half * half - a * c), fast = half + root, slow = half - root;
    double chip = in[0] / row.chip_plate_w_k + in[0] / row.plate_coolant_w_k, rate = in[0] / row.chip_j_k;
    out[0] = 1.0 / slow, out[1] = 1.0 / fast;
    // x(0) = 0, x'(0) = P/Cc
    double u = (rate - fast * chip) / (fast - slow), v = -chip - u;
    out[2] = chip + u * exp(-slow * in[1]) + v * exp(-fast * in[1]);
}

// RR-1 after its flow dies: time to a limit, and the chip after a time
typedef struct Coast {
    TwLumpsRow row;
    double power_w, supply_degc, tau_s, held;
} Coast;

static void coast_rate(const Coast *c, double t, const double y[3], double f[3])
{
    double s = c->tau_s > 0.0 ? exp(-t / c->tau_s) : 0.0;
    double lam = tw_coolant_lam(s), film = c->held > 0.0 ? c->row.plate_coolant_w_k : tw_plate_conductance(&c->row, s);
    double rate = 161.0 / 60e3 * 1013.2 * 3945.5 * s;
    double outlet = c->supply_degc + (y[2] - c->supply_degc) / lam;
    f[0] = (c->power_w - c->row.chip_plate_w_k * (y[0] - y[1])) / c->row.chip_j_k;
    f[1] = (c->row.chip_plate_w_k * (y[0] - y[1]) - film * (y[1] - y[2])) / c->row.plate_j_k;
    f[2] = (rate * (c->supply_degc - outlet) + film * (y[1] - y[2])) / c->row.coolant_j_k;
}

static void loss_of_flow(const double *in, double *out)
{
    const double h = 0.01;
    Coast c = {net1_lumps(), in[0], in[1], in[2], in[3]};
    double outlet = in[1] + in[0] / (161.0 / 60e3 * 1013.2 * 3945.5), y[3], last;
    y[2] = 0.5 * (in[1] + outlet);
    y[1] = y[2] + in[0] / c.row.plate_coolant_w_k;
    y[0] = y[1] + in[0] / c.row.chip_plate_w_k;
    last = y[0];
    out[0] = NAN, out[1] = NAN;
    for (int i = 0; i < 60000 && (isnan(out[0]) || isnan(out[1])); i++) {
        double t = i * h, k[4][3], z[3];
        if (isnan(out[1]) && t >= in[5] - 0.5 * h) out[1] = y[0];
        coast_rate(&c, t, y, k[0]);
        for (int j = 0; j < 3; j++) z[j] = y[j] + 0.5 * h * k[0][j];
        coast_rate(&c, t + 0.5 * h, z, k[1]);
        for (int j = 0; j < 3; j++) z[j] = y[j] + 0.5 * h * k[1][j];
        coast_rate(&c, t + 0.5 * h, z, k[2]);
        for (int j = 0; j < 3; j++) z[j] = y[j] + h * k[2][j];
        coast_rate(&c, t + h, z, k[3]);
        for (int j = 0; j < 3; j++) y[j] += h / 6.0 * (k[0][j] + 2.0 * k[1][j] + 2.0 * k[2][j] + k[3][j]);
        if (isnan(out[0]) && y[0] >= in[4]) out[0] = t + h * (in[4] - last) / (y[0] - last);
        last = y[0];
    }
    out[2] = in[0] / (c.row.chip_j_k + c.row.plate_j_k + c.row.coolant_j_k);
}

// a rack as its own meters see it
static void rack_meter(const double *in, double *out)
{
    double rate = in[1] / 60e3 * in[4] * in[5];
    out[0] = in[2] + in[3] * in[0] / rate;
    out[1] = in[6] * in[1] * in[1];
    out[2] = in[7] > 0.0 ? rate * (in[7] - in[2]) / in[0] : NAN;
}

static void leakage(const double *in, double *out)
{
    TwLumpsRow row = net1_lumps();
    // steady and leakage power of one chip: the row states them as shares of their sum
    double sum = in[0] + in[1];
    row.leakage_fraction = in[1] / sum;
    row.leakage_degc = in[4], row.leakage_scale_k = in[5];
    out[0] = tw_leakage_balance(&row, sum, in[2], in[3]);
    out[1] = (out[0] - in[3]) / in[2];
    out[2] = tw_leakage_gain(&row, sum, in[2], out[0]);
    // gain one: R P_l/TS exp((T - T0)/TS) = 1; the coolant that just holds there
    double edge = in[4] - in[5] * log(in[2] * in[1] / in[5]);
    out[3] = edge;
    out[4] = edge - in[2] * (in[0] + in[1] * exp((edge - in[4]) / in[5]));
}

const TwComponent tw_components_racks[] = {
    {"counterflow",
     "effectiveness",
     "Kays and London",
     {{"ntu", "1", NEED, NULL}, {"rate_ratio", "1", NEED, NULL}},
     {{"effectiveness", "1", 0, NULL}},
     counterflow},
    {"crossflow",
     "effectiveness, both unmixed",
     "Kays and London",
     {{"ntu", "1", NEED, NULL}, {"rate_ratio", "1", NEED, NULL}},
     {{"effectiveness", "1", 0, NULL}},
     crossflow},
    {"cdu",
     "plate exchanger of a CDU, sized at a point, run at another",
     "Kays and London; film law of LBL",
     {{"heat_w", "W", 2e6, NULL},
      {"approach_k", "K", 3, NULL},
      {"plant_inlet_degc", "degC", 26.8, NULL},
      {"plant_flow_kg_s", "kg/s", 32.30, NULL},
      {"rack_flow_kg_s", "kg/s", 31.48, NULL},
      {"plant_cp_j_kg_k", "J/kg/K", 4178.2, NULL},
      {"rack_cp_j_kg_k", "J/kg/K", 3945.3, NULL},
      {"film_ratio", "1", 1.702, NULL},
      {"plant_fraction", "1", 1, NULL},
      {"rack_fraction", "1", 1, NULL},
      {"heat_now_w", "W", 0, NULL},
      {"fouling_k_w", "K/W", 0, NULL}},
     {{"rack_rise_k", "K", 0, NULL},
      {"plant_rise_k", "K", 0, NULL},
      {"supply_degc", "degC", 0, NULL},
      {"return_degc", "degC", 0, NULL},
      {"effectiveness", "1", 0, NULL},
      {"ntu", "1", 0, NULL},
      {"ua_w_k", "W/K", 0, NULL},
      {"approach_now_k", "K", 0, NULL}},
     exchanger},
    {"cold_plate",
     "OCP's 1 kW module",
     "OCP OAI guideline 2023, fit 1.8 %",
     {{"power_w", "W", 1000, NULL},
      {"flow_lpm", "L/min", NEED, NULL},
      {"inlet_degc", "degC", 40, NULL},
      {"volume_percent", "%", 25, NULL}},
     {{"outlet_degc", "degC", 0, NULL}, {"case_degc", "degC", 0, NULL}, {"resistance_k_w", "K/W", 0, NULL}},
     cold_plate},
    {"rack",
     "RR-1 steady, without leakage",
     "closed form",
     {{"liquid_w", "W", 115e3, NULL},
      {"supply_degc", "degC", 35, NULL},
      {"flow_fraction", "1", 1, NULL},
      {"flow_kg_s", "kg/s", 2.71875333333, NULL},
      {"cp_j_kg_k", "J/kg/K", 3945.5, NULL}},
     {{"outlet_degc", "degC", 0, NULL},
      {"mean_degc", "degC", 0, NULL},
      {"plate_degc", "degC", 0, NULL},
      {"chip_degc", "degC", 0, NULL}},
     rack_steady},
    {"chip_step",
     "chip and plate on a coolant that holds, after a step",
     "closed form",
     {{"power_w", "W", 115e3, NULL}, {"time_s", "s", NEED, NULL}},
     {{"slow_s", "s", 0, NULL}, {"fast_s", "s", 0, NULL}, {"chip_k", "K", 0, NULL}},
     chip_step},
    {"loss_of_flow",
     "RR-1 after its flow dies",
     "four-stage Runge-Kutta at 10 ms",
     {{"liquid_w", "W", 115e3, NULL},
      {"supply_degc", "degC", 35, NULL},
      {"coast_s", "s", 0, NULL},
      {"film_held", "1", 0, NULL},
      {"limit_degc", "degC", 88, NULL},
      {"time_s", "s", 5, NULL}},
     {{"time_to_limit_s", "s", 0, NULL}, {"chip_degc", "degC", 0, NULL}, {"ramp_k_s", "K/s", 0, NULL}},
     loss_of_flow},
    {"rack_meter",
     "return temperature, drop and liquid share of a rack from its meters",
     "heat balance; defaults of the DSX exemplar row",
     {{"power_w", "W", NEED, NULL},
      {"flow_lpm", "L/min", NEED, NULL},
      {"supply_degc", "degC", NEED, NULL},
      {"liquid_fraction", "1", 0.963, NULL},
      {"density_kg_m3", "kg/m3", 1017, NULL},
      {"cp_j_kg_k", "J/kg/K", 3930, NULL},
      {"k_kpa", "kPa/(L/min)2", 0.0312, NULL},
      {"return_degc", "degC", 0, NULL}},
     {{"return_now_degc", "degC", 0, NULL}, {"drop_kpa", "kPa", 0, NULL}, {"share", "1", 0, NULL}},
     rack_meter},
    {"leakage",
     "a chip that leaks more when hot",
     "closed form",
     {{"steady_w", "W", 1000, NULL},
      {"leakage_w", "W", 120, NULL},
      {"resistance_k_w", "K/W", 0.0275, NULL},
      {"coolant_degc", "degC", 40, NULL},
      {"leakage_degc", "degC", 55, NULL},
      {"scale_k", "K", 38, NULL}},
     {{"chip_degc", "degC", 0, NULL},
      {"power_w", "W", 0, NULL},
      {"gain", "1", 0, NULL},
      {"runaway_degc", "degC", 0, NULL},
      {"coolant_limit_degc", "degC", 0, NULL}},
     leakage},
};
const int tw_components_racks_count = sizeof tw_components_racks / sizeof *tw_components_racks;
