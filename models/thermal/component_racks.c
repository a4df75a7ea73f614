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
    out[0] = ua > 0.0 ? heat / rack : NAN;    // no exchanger does that
    out[1] = heat / plant;
    out[2] = plant_in + approach;
    out[3] = out[2] + heat / rack;
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
    TwFluidState f = tw_fluid_mixed_at(in[3], in[2] + 5.0);
    double rate = in[1] / 60e3 * f.density_kg_m3 * f.heat_j_kg_k;
    out[0] = in[2] + in[0] / rate;
    // case against inlet: OCP's figure 7 (PG25) as fitted; figure 8 (water): half the coolant's rise, and the plate
    out[2] = in[3] > 0.5 ? 0.016166 + 0.008392 / in[1] : 0.0136 + 0.5 / rate;
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

// an air-cooled rack, steady: heat sinks in the air that its fans move, the rest of its heat beside them
static void air_rack(const double *in, double *out)
{
    double power = in[0], fan = in[2], heat = in[3] * power, rate = in[4] / in[5] * fan;
    TwLumpsRow row = {.plate_coolant_w_k = in[7], .plate_coolant_min_w_k = 0.05 * in[7], .film_fraction = in[8]};
    double outlet = in[1] + heat / rate, sink = in[1] + tw_coolant_lam(fan) * (outlet - in[1]);
    sink += heat / tw_plate_conductance(&row, fan);
    out[0] = sink + heat / in[6], out[1] = sink, out[2] = in[1] + power / rate;
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
     {IN("ntu", "1", NEED, 0, 1e6), IN("rate_ratio", "1", NEED, 0, 1)},
     {OUT("effectiveness", "1")},
     counterflow},
    {"crossflow",
     "effectiveness, both unmixed",
     "Kays and London",
     {IN("ntu", "1", NEED, 0, 1e6), IN("rate_ratio", "1", NEED, 0, 1)},
     {OUT("effectiveness", "1")},
     crossflow},
    {"cdu",
     "plate exchanger of a CDU, sized at a point, run at another",
     "Kays and London; film law of LBL",
     {IN("heat_w", "W", 2e6, 1, 1e12), IN("approach_k", "K", 3, 0.01, 100),
      IN("plant_inlet_degc", "degC", 26.8, -100, 200), IN("plant_flow_kg_s", "kg/s", 32.30, 1e-9, 1e6),
      IN("rack_flow_kg_s", "kg/s", 31.48, 1e-9, 1e6), IN("plant_cp_j_kg_k", "J/kg/K", 4178.2, 1, 1e5),
      IN("rack_cp_j_kg_k", "J/kg/K", 3945.3, 1, 1e5), IN("film_ratio", "1", 1.702, 1e-3, 1e3),
      IN("plant_fraction", "1", 1, 1e-3, 100), IN("rack_fraction", "1", 1, 1e-3, 100),
      IN("heat_now_w", "W", 0, 0, 1e12), IN("fouling_k_w", "K/W", 0, 0, 1e3)},
     {OUT("rack_rise_k", "K"), OUT("plant_rise_k", "K"), OUT("supply_degc", "degC"), OUT("return_degc", "degC"),
      OUT("effectiveness", "1"), OUT("ntu", "1"), OUT("ua_w_k", "W/K"), OUT("approach_now_k", "K")},
     exchanger},
    {"cold_plate",
     "OCP's 1 kW module",
     "OCP OAI guideline 2023; fit 1.8 %, 4.5 % at 0.4 L/min; water 0.4 %",
     {IN("power_w", "W", 1000, 0, 1e12), IN("flow_lpm", "L/min", NEED, 1e-6, 1e9),
      IN("inlet_degc", "degC", 40, -100, 200), IN("volume_percent", "%", 25, 0, 57)},
     {OUT("outlet_degc", "degC"), OUT("case_degc", "degC"), OUT("resistance_k_w", "K/W")},
     cold_plate},
    {"rack",
     "RR-1 steady, without leakage",
     "closed form",
     {IN("liquid_w", "W", 115e3, 0, 1e12), IN("supply_degc", "degC", 35, -100, 200),
      IN("flow_fraction", "1", 1, 1e-6, 100), IN("flow_kg_s", "kg/s", 2.71875333333, 1e-9, 1e6),
      IN("cp_j_kg_k", "J/kg/K", 3945.5, 1, 1e5)},
     {OUT("outlet_degc", "degC"), OUT("mean_degc", "degC"), OUT("plate_degc", "degC"), OUT("chip_degc", "degC")},
     rack_steady},
    {"chip_step",
     "chip and plate on a coolant that holds, after a step",
     "closed form",
     {IN("power_w", "W", 115e3, 0, 1e12), IN("time_s", "s", NEED, 0, 1e9)},
     {OUT("slow_s", "s"), OUT("fast_s", "s"), OUT("chip_k", "K")},
     chip_step},
    {"loss_of_flow",
     "RR-1 after its flow dies",
     "four-stage Runge-Kutta at 10 ms",
     {IN("liquid_w", "W", 115e3, 0, 1e12), IN("supply_degc", "degC", 35, -100, 200), IN("coast_s", "s", 0, 0, 1e9),
      IN("film_held", "1", 0, 0, 1), IN("limit_degc", "degC", 88, -100, 200), IN("time_s", "s", 5, 0, 599)},
     {OUT("time_to_limit_s", "s"), OUT("chip_degc", "degC"), OUT("ramp_k_s", "K/s")},
     loss_of_flow},
    {"rack_meter",
     "return temperature, drop and liquid share of a rack from its meters",
     "heat balance; defaults of the DSX exemplar row",
     {IN("power_w", "W", NEED, 1e-3, 1e12), IN("flow_lpm", "L/min", NEED, 1e-6, 1e9),
      IN("supply_degc", "degC", NEED, -100, 200), IN("liquid_fraction", "1", 0.963, 0, 1),
      IN("density_kg_m3", "kg/m3", 1017, 1, 2e4), IN("cp_j_kg_k", "J/kg/K", 3930, 1, 1e5),
      IN("k_kpa", "kPa/(L/min)2", 0.0312, 0, 1e9), IN("return_degc", "degC", 0, -100, 200)},
     {OUT("return_now_degc", "degC"), OUT("drop_kpa", "kPa"), OUT("share", "1")},
     rack_meter},
    {"air_rack",
     "air-cooled rack, steady, without leakage; defaults of four 8-GPU nodes",
     "closed form",
     {IN("power_w", "W", 40.8e3, 0, 1e12), IN("inlet_degc", "degC", 24, -100, 200), IN("fan", "1", 1, 0.01, 1),
      IN("chip_fraction", "1", 0.6, 0, 1), IN("peak_w", "W", 40.8e3, 1, 1e12), IN("rise_k", "K", 15, 0.1, 200),
      IN("chip_sink_w_k", "W/K", 1780, 1e-6, 1e12), IN("sink_w_k", "W/K", 1280, 1e-6, 1e12),
      IN("film_fraction", "1", 0.8, 0, 1)},
     {OUT("chip_degc", "degC"), OUT("sink_degc", "degC"), OUT("exhaust_degc", "degC")},
     air_rack},
    {"leakage",
     "a chip that leaks more when hot",
     "closed form",
     {IN("steady_w", "W", 1000, 1e-6, 1e9), IN("leakage_w", "W", 120, 1e-6, 1e9),
      IN("resistance_k_w", "K/W", 0.0275, 1e-9, 1e3), IN("coolant_degc", "degC", 40, -100, 200),
      IN("leakage_degc", "degC", 55, -100, 200), IN("scale_k", "K", 38, 0.1, 500)},
     {OUT("chip_degc", "degC"), OUT("power_w", "W"), OUT("gain", "1"), OUT("runaway_degc", "degC"),
      OUT("coolant_limit_degc", "degC")},
     leakage},
};
const int tw_components_racks_count = sizeof tw_components_racks / sizeof *tw_components_racks;
