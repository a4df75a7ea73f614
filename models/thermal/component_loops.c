// Components: a loop of CDUs with its racks, exchangers in series, a rack's trays side by side.
#include "models/thermal/component_list.h"

#include "models/thermal/fluids.h"
#include "models/thermal/hydraulics.h"
#include "models/thermal/loop.h"
#include "models/thermal/plate_hx.h"
#include "models/thermal/rack.h"

#include <math.h>

enum { MOST = 28 };

static int whole(double x, int least, int most) { return x < least ? least : x > most ? most : (int)lround(x); }

static void loop(const double *in, double *out)
{
    int racks = whole(in[0], 1, MOST), cdus = whole(in[1], 1, TW_LOOP_UNITS), lost = whole(in[2], 0, cdus);
    const TwCduRow row = {.pump_head_pa = in[6],
                          .pump_count = 2,
                          .pump_shutoff_fraction = in[7],
                          .filter_fraction = in[8],
                          .exchanger_fraction = 0.15,
                          .header_fraction = in[9],
                          .rack_valve_authority = 0.5,
                          .pump_speed_max_fraction = in[10]};
    TwLoopUnit unit[TW_LOOP_UNITS] = {{0}};
    for (int u = 0; u < lost; u++) unit[cdus - 1 - u].shut = true;
    unit[0].pumps_out = whole(in[3], 0, 2);
    unit[0].clog = in[4];
    double design[MOST], opening[MOST], share[MOST];
    for (int i = 0; i < racks; i++) design[i] = 2.68e-3, opening[i] = i < racks - whole(in[5], 0, racks) ? 1.0 : 0.0;
    TwLoopFlow flow;
    TwError error = {0};
    if (!tw_loop_solve(&row, cdus, unit, racks, design, opening, &flow, share, &error)) {
        for (int i = 0; i < 8; i++) out[i] = NAN;
        return;
    }
    double boost = flow.boost, square = boost * boost;
    TwFluidState coolant = tw_fluid_at(TW_PG25, 45.0);
    out[0] = flow.flow * boost, out[1] = boost;
    out[2] = flow.header_pa * square, out[3] = flow.head_pa * square;
    out[4] = share[0] * boost, out[5] = share[racks - 1] * boost;
    out[6] = flow.pump * square * boost;
    out[7] = tw_hydraulics_npsh_m(in[11], 45.0, coolant.density_kg_m3);
}

// a plate exchanger, a loop of constant flow, a cooler that takes so much per kelvin of its inlet over the air
static void series(const double *in, double *out)
{
    double e = tw_plate_hx_conductance(in[0], in[1], in[2]);
    double heat = (in[4] - in[5]) / (1.0 / e + 1.0 / in[3] - 1.0 / in[2]);
    out[0] = heat, out[1] = in[5] + heat / in[3], out[2] = in[4] - heat / in[1];
}

// Trays of a rack on one manifold: alike branches, so that those far from its inlet get less; power rises from the
// first to the last by the spread. Steady, leakage at each chip's own temperature.
static void trays(const double *in, double *out)
{
    int n = whole(in[1], 1, MOST);
    double share = in[4], mains = n > 1 ? share / (1.0 - share) : 0.0, squares = 0.0;
    for (int p = 1; p < n; p++) squares += pow((double)(n - p) / n, 2.0);
    double piece = squares > 0.0 ? 0.5 * mains / squares : 0.0;    // over the drop of a branch at its mean flow
    TwLink links[3 * MOST];
    int k = 0;
    for (int p = 0; p < n; p++) {
        links[k++] = (TwLink){.from = p, .to = n + p, .k_pa = (double)n * n * 1e5, .exponent = 2.0};
        if (p + 1 == n) break;
        links[k++] = (TwLink){.from = p, .to = p + 1, .k_pa = fmax(piece, 1e-9) * 1e5, .exponent = 2.0};
        links[k++] = (TwLink){.from = n + p + 1, .to = n + p, .k_pa = fmax(piece, 1e-9) * 1e5, .exponent = 2.0};
    }
    bool fixed[2 * MOST] = {false};
    double head[2 * MOST] = {0.0}, demand[2 * MOST] = {0.0}, node[2 * MOST], q[3 * MOST];
    fixed[n] = true;
    demand[0] = -1.0;
    const TwHydraulicNet net = {2 * n, k, links, fixed, head, demand, 1000.0, 1e-3};
    TwError error = {0};
    if (!tw_hydraulics_solve(&net, q, node, &error)) {
        for (int i = 0; i < 6; i++) out[i] = NAN;
        return;
    }
    const TwLumpsRow row = {.plate_coolant_w_k = in[7],
                            .plate_coolant_min_w_k = 0.0,
                            .film_fraction = 0.62,
                            .leakage_fraction = in[8],
                            .leakage_degc = 55.0,
                            .leakage_scale_k = 38.0};
    double cp = tw_fluid_at(TW_PG25, in[3]).heat_j_kg_k, hottest = -INFINITY, coldest = INFINITY, mean = 0.0;
    double least = INFINITY, most = 0.0, warmest = -INFINITY;
    for (int p = 0; p < n; p++) {
        double flow = q[3 * p] * n;    // over the mean
        double power = in[0] / n * (1.0 + in[5] * (n > 1 ? 2.0 * p / (n - 1) - 1.0 : 0.0)), m = in[2] / n * flow * cp;
        double film = tw_plate_conductance(&row, flow) / n;
        double resistance = n / in[6] + 1.0 / film + 0.5 / m;
        double chip = tw_leakage_balance(&row, power, resistance, in[3]);
        double heat = (chip - in[3]) / resistance;
        hottest = fmax(hottest, chip), coldest = fmin(coldest, chip), mean += chip / n;
        least = fmin(least, flow), most = fmax(most, flow), warmest = fmax(warmest, in[3] + heat / m);
    }
    out[0] = hottest, out[1] = coldest, out[2] = mean, out[3] = least, out[4] = most, out[5] = warmest;
}

const TwComponent tw_components_loops[] = {
    {"loop",
     "CDUs side by side with the racks of their row, parts of it lost",
     "global gradient method; closed forms",
     {IN("racks", "1", 8, 1, MOST), IN("cdus", "1", 1, 1, TW_LOOP_UNITS), IN("cdus_lost", "1", 0, 0, TW_LOOP_UNITS),
      IN("pumps_out", "1", 0, 0, 2), IN("clog", "1", 0, 0, 1e6), IN("racks_shut", "1", 0, 0, MOST),
      IN("head_pa", "Pa", 300e3, 1, 1e9), IN("shutoff_fraction", "1", 1.3, 1.001, 100),
      IN("filter_fraction", "1", 0.15, 0, 1), IN("header_fraction", "1", 0.1, 0, 1),
      IN("speed_max_fraction", "1", 1, 0.1, 10), IN("suction_pa", "Pa", 250e3, 0, 1e9)},
     {OUT("flow_fraction", "1"), OUT("speed_fraction", "1"), OUT("row_pa", "Pa"), OUT("pump_pa", "Pa"),
      OUT("first_rack_fraction", "1"), OUT("last_rack_fraction", "1"), OUT("pump_fraction", "1"), OUT("npsh_m", "m")},
     loop},
    {"series",
     "plate exchanger, a loop between, a cooler behind it",
     "resistances in series",
     {IN("ua_w_k", "W/K", 1e6, 1e-6, 1e12), IN("plant_w_k", "W/K", 5e5, 1e-6, 1e12),
      IN("between_w_k", "W/K", 5e5, 1e-6, 1e12), IN("cooler_w_k", "W/K", 3e5, 1e-6, 1e12),
      IN("inlet_degc", "degC", NEED, -100, 200), IN("air_degc", "degC", NEED, -100, 200)},
     {OUT("heat_w", "W"), OUT("between_degc", "degC"), OUT("leaving_degc", "degC")},
     series},
    {"trays",
     "trays of a rack side by side on one manifold",
     "global gradient method; RR-1's conductances",
     {IN("rack_w", "W", 115e3, 0, 1e12), IN("trays", "1", 18, 1, MOST), IN("flow_kg_s", "kg/s", 2.719, 1e-9, 1e6),
      IN("supply_degc", "degC", 35, -100, 200), IN("manifold_fraction", "1", 0.1, 0, 0.999),
      IN("spread_fraction", "1", 0, -1, 1), IN("chip_plate_w_k", "W/K", 6500, 1e-6, 1e12),
      IN("plate_coolant_w_k", "W/K", 11500, 1e-6, 1e12), IN("leakage_fraction", "1", 0, 0, 0.99)},
     {OUT("hottest_degc", "degC"), OUT("coldest_degc", "degC"), OUT("mean_degc", "degC"),
      OUT("least_flow_fraction", "1"), OUT("most_flow_fraction", "1"), OUT("warmest_outlet_degc", "degC")},
     trays},
};
const int tw_components_loops_count = sizeof tw_components_loops / sizeof *tw_components_loops;
