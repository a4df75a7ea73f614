#include "models/thermal/component.h"

#include "models/thermal/adiabatic.h"
#include "models/thermal/air.h"
#include "models/thermal/chiller.h"
#include "models/thermal/controller.h"
#include "models/thermal/cooling_tower.h"
#include "models/thermal/dry_cooler.h"
#include "models/thermal/fluids.h"
#include "models/thermal/heat_export.h"
#include "models/thermal/hydraulics.h"
#include "models/thermal/net1.h"
#include "models/thermal/pipe.h"
#include "models/thermal/plate_hx.h"
#include "models/thermal/pump.h"
#include "models/thermal/valve.h"
#include "models/thermal/weather.h"
#include "sim/config.h"

#include <math.h>
#include <string.h>

static const double sea_level_pa = 101325.0;

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

static void pumps(const double *in, double *out)
{
    TwPump pump = {in[0], in[1]};
    TwPumpPoint p = tw_pump_point(&pump, (int)lround(in[3]), in[4], in[2]);
    out[0] = p.flow_m3_s, out[1] = p.head_pa, out[2] = p.hydraulic_w;
}

static void branches(const double *in, double *out)
{
    double k[2] = {in[0], in[1]}, sum = tw_hydraulics_parallel(2, k);
    out[0] = sum;
    out[1] = sum * in[2] * in[2];
    out[2] = sqrt(out[1] / k[0]), out[3] = sqrt(out[1] / k[1]);
}

static void bridge(const double *in, double *out)
{
    static const bool fixed[4] = {false, false, false, true};
    static const double head[4] = {0};
    TwLink links[5] = {
        {.from = 0, .to = 1}, {.from = 0, .to = 2}, {.from = 1, .to = 2}, {.from = 1, .to = 3}, {.from = 2, .to = 3}};
    for (int i = 0; i < 5; i++) links[i].k_pa = in[i], links[i].exponent = 2.0;
    double demand[4] = {-in[5], 0.0, 0.0, 0.0}, node[4] = {0};
    TwHydraulicNet net = {4, 5, links, fixed, head, demand, 1000.0, 1e-3};
    TwError error = {0};
    if (!tw_hydraulics_solve(&net, out, node, &error))
        for (int i = 0; i < 8; i++) out[i] = NAN;
    else
        for (int i = 0; i < 3; i++) out[5 + i] = node[i];
}

// three rungs between supply and return header, a pump and two mains: heads in metres of the fluid
static void ladder(const double *in, double *out)
{
    const double g = 9.81456, rho = 1000.0, rough = 45e-6;    // gravity as EPANET has it
    enum { RESERVOIR, PUMP_OUT, S1, S2, S3, R1, R2, R3, NODES };
    static const bool fixed[NODES] = {true};
    static const double head[NODES] = {0};
    TwLink links[10] = {{.from = RESERVOIR, .to = PUMP_OUT}};
    tw_hydraulics_pump_curve(&links[0], 40.0 * rho * g, 0.030, 30.0 * rho * g, 0.050, 10.0 * rho * g);
    links[0].speed_fraction = in[0];
    const struct {
        int from, to;
        TwPipe pipe;
    } pipes[9] = {{PUMP_OUT, S1, {50.0, 0.2, rough, 2.0}}, {S1, S2, {20.0, 0.2, rough, 0.0}},
                  {S2, S3, {20.0, 0.2, rough, 0.0}},       {S1, R1, {10.0, in[2], rough, 60.0}},
                  {S2, R2, {10.0, in[3], rough, 60.0}},    {S3, R3, {10.0, in[4], rough, 60.0}},
                  {R3, R2, {20.0, 0.2, rough, 0.0}},       {R2, R1, {20.0, 0.2, rough, 0.0}},
                  {R1, RESERVOIR, {50.0, 0.2, rough, 2.0}}};
    for (int i = 0; i < 9; i++) {
        links[i + 1].kind = TW_LINK_PIPE;
        links[i + 1].from = pipes[i].from;
        links[i + 1].to = pipes[i].to;
        links[i + 1].pipe = pipes[i].pipe;
    }
    double flow[10], node[NODES];
    TwHydraulicNet net = {NODES, 10, links, fixed, head, NULL, rho, in[1] * 1.02193e-3};
    TwError error = {0};
    if (!tw_hydraulics_solve(&net, flow, node, &error)) {
        for (int i = 0; i < 7; i++) out[i] = NAN;
        return;
    }
    out[0] = flow[0];
    for (int i = 0; i < 3; i++) out[1 + i] = flow[4 + i];
    out[4] = node[PUMP_OUT] / (rho * g), out[5] = node[S1] / (rho * g), out[6] = node[R1] / (rho * g);
}

static void valve(const double *in, double *out) { out[0] = tw_valve_flow(in[0], in[1], in[2]); }

static void pipe(const double *in, double *out)
{
    TwPipe p = {in[0], in[1], in[2], in[3]};
    double flow = in[4] / in[5];
    out[0] = tw_pipe_velocity_m_s(&p, flow);
    out[1] = tw_pipe_delay_s(&p, in[4], in[5]);
    out[2] = tw_pipe_reynolds(&p, flow, in[5], in[6]);
    out[3] = tw_pipe_friction(out[2], in[2] / in[1]);
    out[4] = tw_pipe_drop_pa(&p, flow, in[5], in[6]);
}

static void npsh(const double *in, double *out)
{
    out[0] = tw_hydraulics_npsh_m(in[0], in[1], tw_fluid_at(TW_WATER, in[1]).density_kg_m3);
}

static void york(const double *in, double *out) { out[0] = tw_york_approach_k(in[0], in[1], in[2]); }

static void york_cell(const double *in, double *out)
{
    int clamped;
    double rate = in[0] * 4180.0;
    TwYork cell = tw_york_design(rate, in[1], in[2], in[3]);
    out[1] = tw_york_heat(&cell, in[6] * rate, in[5], in[4], in[7], &clamped);
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
    out[1] = tw_cooling_tower_heat(&t, in[6] * t.water_w_k, in[5], in[7], in[8], sea_level_pa);
    out[2] = in[7] - out[1] / fmax(in[6] * t.water_w_k, 1.0);
    out[3] = tw_cooling_tower_evaporation_kg_s(&t, in[5], out[1], in[9], in[8], sea_level_pa);
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
    double e = tw_dry_cooler_heat(&c, water, in[6], in[5] + 1.0, in[5]);
    out[3] = in[5] + heat / e - heat / water;
    out[4] = in[9] * pow(in[6], 3.0);
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

static void effectiveness(const double *in, double *out)
{
    out[0] = (in[0] + in[1] + in[2] + in[3] + in[4]) / in[0];
    out[1] = in[5] / in[0];
    out[2] = (in[0] + in[1] + in[2] + in[3] + in[4] - in[6]) / in[0];
}

// PI with Ti equal to the lag it controls: first order with Ti/(K Kp)
static void pi_loop(const double *in, double *out)
{
    double kp = in[0], ti = in[1], lag = in[2], x = 0.0, integral = 0.0, slope, most = 0.0;
    const double h = 1e-3, set = 0.1;
    int steps = (int)(in[3] / h);
    for (int i = 0; i < steps; i++) {
        double e = set - x, u = kp * e + integral + 0.5, y = tw_saturate(u, 0.0, &slope);
        integral += h * (kp / ti * e - (u - y) / lag);
        x += h * ((y - 0.5) - x) / lag;
        most = fmax(most, x);
    }
    out[0] = x / set, out[1] = most / set;
}

static void ros2_linear(const double *in, double *out)
{
    const double gamma = 1.0 - 1.0 / sqrt(2.0);
    double z = in[0], d = 1.0 / (1.0 - gamma * z), k1 = z * d, k2 = (z * (1.0 + k1) - 2.0 * k1) * d;
    out[0] = 1.0 + 1.5 * k1 + 0.5 * k2;
}

static void ros2_square(const double *in, double *out)
{
    const double gamma = 1.0 - 1.0 / sqrt(2.0);
    int n = (int)lround(1.0 / in[0]);
    double y = 1.0, h = 1.0 / n;
    for (int i = 0; i < n; i++) {
        double j = in[1] > 1.5 ? 0.0 : in[1] > 0.5 ? -1.0 : -2.0 * y, d = 1.0 / (1.0 - gamma * h * j);
        double k1 = -y * y * d, p = y + h * k1, k2 = (-p * p - 2.0 * k1) * d;
        y += h * (1.5 * k1 + 0.5 * k2);
    }
    out[0] = y - 0.5;
}

static void design_day(const double *in, double *out)
{
    TwDesignDay day = {in[0], in[1], in[2], in[3]};
    TwAir a = tw_design_day_at(&day, in[4]);
    out[0] = a.dry_bulb_degc, out[1] = a.wet_bulb_degc, out[2] = a.dew_point_degc;
    out[3] = tw_air_humidity_wet_bulb(in[0], in[1], in[3]);
}

static void tank(const double *in, double *out)
{
    TwFluidState f = tw_fluid_at(TW_WATER, in[3]);
    out[0] = f.density_kg_m3 * in[0] * f.heat_j_kg_k * in[1] / in[2];
}

static void filter(const double *in, double *out) { out[0] = in[0] * pow(in[1], 1.76) * (1.0 + in[2]); }

#define NEED NAN
static const char *const jacobians[] = {"exact", "minus_one", "zero", NULL};
static const char *const records[] = {"trane_cvhe_1442kw_vsd",
                                      "york_yt_1459kw_vsd",
                                      "carrier_19xr_1407kw_vsd",
                                      "carrier_19xr_1410kw_vsd",
                                      "mcquay_pfh_4020kw_vanes",
                                      "york_yk_4396kw_vanes",
                                      NULL};

static const TwComponent components[] = {
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
    {"pumps",
     "alike pumps in parallel on a system curve",
     "affinity laws",
     {{"shutoff_pa", "Pa", 300e3, NULL},
      {"curve_pa_s2_m6", "Pa s2/m6", 2e8, NULL},
      {"system_pa_s2_m6", "Pa s2/m6", 4e8, NULL},
      {"running", "1", 2, NULL},
      {"speed_fraction", "1", 1, NULL}},
     {{"flow_m3_s", "m3/s", 0, NULL}, {"head_pa", "Pa", 0, NULL}, {"hydraulic_w", "W", 0, NULL}},
     pumps},
    {"branches",
     "two branches side by side",
     "closed form",
     {{"k1", "Pa s2/m6", NEED, NULL}, {"k2", "Pa s2/m6", NEED, NULL}, {"flow_m3_s", "m3/s", NEED, NULL}},
     {{"k", "Pa s2/m6", 0, NULL},
      {"drop_pa", "Pa", 0, NULL},
      {"flow1_m3_s", "m3/s", 0, NULL},
      {"flow2_m3_s", "m3/s", 0, NULL}},
     branches},
    {"bridge",
     "five quadratic links S-A, S-B, A-B, A-R, B-R",
     "global gradient method",
     {{"sa", "Pa s2/m6", 1e9, NULL},
      {"sb", "Pa s2/m6", 4e9, NULL},
      {"ab", "Pa s2/m6", 2e9, NULL},
      {"ar", "Pa s2/m6", 4e9, NULL},
      {"br", "Pa s2/m6", 1e9, NULL},
      {"flow_m3_s", "m3/s", 0.010, NULL}},
     {{"sa_m3_s", "m3/s", 0, NULL},
      {"sb_m3_s", "m3/s", 0, NULL},
      {"ab_m3_s", "m3/s", 0, NULL},
      {"ar_m3_s", "m3/s", 0, NULL},
      {"br_m3_s", "m3/s", 0, NULL},
      {"s_pa", "Pa", 0, NULL},
      {"a_pa", "Pa", 0, NULL},
      {"b_pa", "Pa", 0, NULL}},
     bridge},
    {"ladder",
     "a pump, two mains, three rungs",
     "global gradient method; EPANET 2.3.05",
     {{"speed_fraction", "1", 1, NULL},
      {"relative_viscosity", "1", 0.8, NULL},
      {"rung1_m", "m", 0.080, NULL},
      {"rung2_m", "m", 0.080, NULL},
      {"rung3_m", "m", 0.065, NULL}},
     {{"flow_m3_s", "m3/s", 0, NULL},
      {"rung1_m3_s", "m3/s", 0, NULL},
      {"rung2_m3_s", "m3/s", 0, NULL},
      {"rung3_m3_s", "m3/s", 0, NULL},
      {"pump_m", "m", 0, NULL},
      {"after_main_m", "m", 0, NULL},
      {"before_return_m", "m", 0, NULL}},
     ladder},
    {"valve",
     "equal percentage, installed",
     "closed form",
     {{"opening", "1", NEED, NULL}, {"rangeability", "1", 50, NULL}, {"authority", "1", 0.5, NULL}},
     {{"flow_fraction", "1", 0, NULL}},
     valve},
    {"pipe",
     "straight pipe",
     "Swamee and Jain 1976",
     {{"length_m", "m", NEED, NULL},
      {"diameter_m", "m", NEED, NULL},
      {"roughness_m", "m", 45e-6, NULL},
      {"minor", "1", 0, NULL},
      {"flow_kg_s", "kg/s", NEED, NULL},
      {"density_kg_m3", "kg/m3", 1000, NULL},
      {"viscosity_pa_s", "Pa s", 1e-3, NULL}},
     {{"velocity_m_s", "m/s", 0, NULL},
      {"delay_s", "s", 0, NULL},
      {"reynolds", "1", 0, NULL},
      {"friction", "1", 0, NULL},
      {"drop_pa", "Pa", 0, NULL}},
     pipe},
    {"npsh",
     "net positive suction head of water",
     "closed form",
     {{"inlet_absolute_pa", "Pa", NEED, NULL}, {"degc", "degC", NEED, NULL}},
     {{"npsh_m", "m", 0, NULL}},
     npsh},
    {"filter",
     "filter drop, clogging added",
     "LBL, exponent 1.76",
     {{"design_pa", "Pa", 65e3, NULL}, {"flow_fraction", "1", 1, NULL}, {"clog", "1", 0, NULL}},
     {{"drop_pa", "Pa", 0, NULL}},
     filter},
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
      {"wet_bulb_degc", "degC", NEED, NULL}},
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
      {"dry_bulb_degc", "degC", 30, NULL}},
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
      {"fan_w", "W", 117680, NULL}},
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
    {"pue",
     "PUE, WUE, ERE from energies",
     "The Green Grid",
     {{"it", "kWh", NEED, NULL},
      {"pumps", "kWh", 0, NULL},
      {"cdus", "kWh", 0, NULL},
      {"fans", "kWh", 0, NULL},
      {"losses", "kWh", 0, NULL},
      {"water", "L", 0, NULL},
      {"reused", "kWh", 0, NULL}},
     {{"pue", "1", 0, NULL}, {"wue_l_kwh", "L/kWh", 0, NULL}, {"ere", "1", 0, NULL}},
     effectiveness},
    {"pi",
     "PI control of a first-order lag",
     "closed form where Ti is the lag",
     {{"kp", "1", 2, NULL}, {"ti_s", "s", 20, NULL}, {"lag_s", "s", 20, NULL}, {"time_s", "s", 10, NULL}},
     {{"reached", "1", 0, NULL}, {"most", "1", 0, NULL}},
     pi_loop},
    {"ros2",
     "one step of ROS2 on y' = z y",
     "Verwer et al. 1999",
     {{"z", "1", NEED, NULL}},
     {{"y", "1", 0, NULL}},
     ros2_linear},
    {"ros2_square",
     "ROS2 on y' = -y^2 to t = 1",
     "Verwer et al. 1999",
     {{"step", "1", NEED, NULL}, {"jacobian", "", 0, jacobians}},
     {{"error", "1", 0, NULL}},
     ros2_square},
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
    {"tank",
     "ride-through of a buffer tank",
     "closed form",
     {{"volume_m3", "m3", NEED, NULL},
      {"rise_k", "K", NEED, NULL},
      {"heat_w", "W", NEED, NULL},
      {"degc", "degC", 30, NULL}},
     {{"time_s", "s", 0, NULL}},
     tank},
};
enum { COMPONENTS = sizeof components / sizeof *components };

int tw_component_count(void) { return COMPONENTS; }
const TwComponent *tw_component_at(int index) { return &components[index]; }

const TwComponent *tw_component_named(const char *name)
{
    for (int i = 0; i < COMPONENTS; i++)
        if (strcmp(components[i].name, name) == 0) return &components[i];
    return NULL;
}

static int length(const TwQuantity *list, int most)
{
    int n = 0;
    while (n < most && list[n].name) n++;
    return n;
}

int tw_component_inputs(const TwComponent *c) { return length(c->in, TW_COMPONENT_IN); }
int tw_component_outputs(const TwComponent *c) { return length(c->out, TW_COMPONENT_OUT); }

void tw_component_start(const TwComponent *c, double *in)
{
    for (int i = 0; i < TW_COMPONENT_IN; i++) in[i] = c->in[i].name ? c->in[i].standard : 0.0;
}

bool tw_component_set(const TwComponent *c, double *in, const char *text, TwError *error)
{
    const char *equals = strchr(text, '='), *known[TW_COMPONENT_IN];
    int n = tw_component_inputs(c);
    for (int i = 0; i < n; i++) known[i] = c->in[i].name;
    char name[64];
    size_t size = equals ? (size_t)(equals - text) : strlen(text);
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), text);
    if (!equals) return tw_fail(error, TW_BAD_INPUT, "%s: \"%s\", expected quantity=value", c->name, text);
    for (int i = 0; i < n; i++) {
        if (strcmp(known[i], name) != 0) continue;
        if (c->in[i].words) {
            int words = 0;
            for (; c->in[i].words[words]; words++)
                if (strcmp(c->in[i].words[words], equals + 1) == 0) {
                    in[i] = words;
                    return true;
                }
            const char *near = tw_nearest(equals + 1, c->in[i].words, words);
            return tw_fail(error, TW_BAD_INPUT, "%s: %s = \"%s\", expected %s%s", c->name, name, equals + 1,
                           near ? "nearest " : "one of its words, as ", near ? near : c->in[i].words[0]);
        }
        char *end;
        in[i] = strtod(equals + 1, &end);
        if (end == equals + 1 || *end != '\0' || !isfinite(in[i]))
            return tw_fail(error, TW_BAD_INPUT, "%s: %s = \"%s\", expected a number in %s", c->name, name, equals + 1,
                           c->in[i].unit);
        return true;
    }
    const char *near = tw_nearest(name, known, n);
    return tw_fail(error, TW_BAD_INPUT, "%s has no quantity \"%s\"%s%s", c->name, name, near ? "; nearest: " : "",
                   near ? near : "");
}

bool tw_component_complete(const TwComponent *c, const double *in, TwError *error)
{
    for (int i = 0; i < tw_component_inputs(c); i++)
        if (isnan(in[i]))
            return tw_fail(error, TW_BAD_INPUT, "%s needs %s in %s", c->name, c->in[i].name, c->in[i].unit);
    return true;
}
