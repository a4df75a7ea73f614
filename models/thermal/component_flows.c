// Components: pumps, branches, networks, valves, pipes, filters.
#include "models/thermal/component_list.h"

#include "models/thermal/fluids.h"
#include "models/thermal/hydraulics.h"
#include "models/thermal/mover.h"
#include "models/thermal/pipe.h"
#include "models/thermal/pump.h"
#include "models/thermal/valve.h"

#include <math.h>

static void pumps(const double *in, double *out)
{
    TwPump pump = {in[0], in[1]};
    TwPumpPoint p = tw_pump_point(&pump, (int)lround(in[3]), in[4], in[2]);
    out[0] = p.flow_m3_s, out[1] = p.head_pa, out[2] = p.hydraulic_w;
}

// two pumps that need not be alike on a system curve above a static head; check valves keep water from running back
static void pump_pair(const double *in, double *out)
{
    static const bool fixed[3] = {true, false, true};
    const double head[3] = {0.0, 0.0, in[7]};
    TwLink links[3] = {{.from = 0, .to = 1}, {.from = 0, .to = 1}, {.from = 1, .to = 2}};
    for (int i = 0; i < 2; i++) {
        links[i].kind = TW_LINK_PUMP, links[i].check = true, links[i].running = 1, links[i].curve_exponent = 2.0;
        links[i].shutoff_pa = in[3 * i], links[i].curve_pa = in[3 * i + 1], links[i].speed_fraction = in[3 * i + 2];
    }
    links[2].kind = TW_LINK_RESISTANCE, links[2].k_pa = in[6], links[2].exponent = 2.0, links[2].check = true;
    double flow[3], node[3] = {0};
    const TwHydraulicNet net = {3, 3, links, fixed, head, NULL, 1000.0, 1e-3};
    TwError error = {0};
    bool solved = tw_hydraulics_solve(&net, flow, node, &error);
    for (int i = 0; i < 3; i++) out[i] = solved ? fmax(flow[(i + 2) % 3], 0.0) : NAN;
    out[3] = solved ? node[1] : NAN;
    out[4] = out[3] * out[0];
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

static void filter(const double *in, double *out) { out[0] = in[0] * pow(in[1], 1.76) * (1.0 + in[2]); }

// a pump of which the design point is known, on a square resistance at a speed
static void mover(const double *in, double *out)
{
    TwMover m = tw_mover_design(in[0], in[1]);
    double most = tw_mover_flow(&m, in[3]), flow = in[2] * most;
    double head = in[2] * in[2] * tw_mover_head(&m, most);
    out[0] = flow * in[0], out[1] = head * in[1];
    out[2] = tw_mover_power_w(&m, flow, in[2]);
    out[3] = out[0] * out[1] / out[2];
}

const TwComponent tw_components_flows[] = {
    {"pumps",
     "alike pumps in parallel on a system curve",
     "affinity laws",
     {IN("shutoff_pa", "Pa", 300e3, 1, 1e9), IN("curve_pa_s2_m6", "Pa s2/m6", 2e8, 1, 1e15),
      IN("system_pa_s2_m6", "Pa s2/m6", 4e8, 1, 1e15), IN("running", "1", 2, 0, 1000),
      IN("speed_fraction", "1", 1, 0, 10)},
     {OUT("flow_m3_s", "m3/s"), OUT("head_pa", "Pa"), OUT("hydraulic_w", "W")},
     pumps},
    {"pump_pair",
     "two pumps, alike or not, in parallel on a system curve above a static head",
     "affinity laws; global gradient method",
     {IN("shutoff1_pa", "Pa", 300e3, 1, 1e9), IN("curve1_pa_s2_m6", "Pa s2/m6", 2e8, 1, 1e15),
      IN("speed1_fraction", "1", 1, 0, 10), IN("shutoff2_pa", "Pa", 250e3, 1, 1e9),
      IN("curve2_pa_s2_m6", "Pa s2/m6", 4e8, 1, 1e15), IN("speed2_fraction", "1", 1, 0, 10),
      IN("system_pa_s2_m6", "Pa s2/m6", 4e8, 1, 1e15), IN("static_pa", "Pa", 0, 0, 1e9)},
     {OUT("flow_m3_s", "m3/s"), OUT("flow1_m3_s", "m3/s"), OUT("flow2_m3_s", "m3/s"), OUT("head_pa", "Pa"),
      OUT("hydraulic_w", "W")},
     pump_pair},
    {"branches",
     "two branches side by side",
     "closed form",
     {IN("k1", "Pa s2/m6", NEED, 1, 1e15), IN("k2", "Pa s2/m6", NEED, 1, 1e15), IN("flow_m3_s", "m3/s", NEED, 0, 1e3)},
     {OUT("k", "Pa s2/m6"), OUT("drop_pa", "Pa"), OUT("flow1_m3_s", "m3/s"), OUT("flow2_m3_s", "m3/s")},
     branches},
    {"bridge",
     "five quadratic links S-A, S-B, A-B, A-R, B-R",
     "global gradient method",
     {IN("sa", "Pa s2/m6", 1e9, 1, 1e15), IN("sb", "Pa s2/m6", 4e9, 1, 1e15), IN("ab", "Pa s2/m6", 2e9, 1, 1e15),
      IN("ar", "Pa s2/m6", 4e9, 1, 1e15), IN("br", "Pa s2/m6", 1e9, 1, 1e15),
      IN("flow_m3_s", "m3/s", 0.010, 1e-6, 1e3)},
     {OUT("sa_m3_s", "m3/s"), OUT("sb_m3_s", "m3/s"), OUT("ab_m3_s", "m3/s"), OUT("ar_m3_s", "m3/s"),
      OUT("br_m3_s", "m3/s"), OUT("s_pa", "Pa"), OUT("a_pa", "Pa"), OUT("b_pa", "Pa")},
     bridge},
    {"ladder",
     "a pump, two mains, three rungs",
     "global gradient method; EPANET 2.3.05",
     {IN("speed_fraction", "1", 1, 1e-3, 10), IN("relative_viscosity", "1", 0.8, 1e-3, 1e3),
      IN("rung1_m", "m", 0.080, 1e-3, 1), IN("rung2_m", "m", 0.080, 1e-3, 1), IN("rung3_m", "m", 0.065, 1e-3, 1)},
     {OUT("flow_m3_s", "m3/s"), OUT("rung1_m3_s", "m3/s"), OUT("rung2_m3_s", "m3/s"), OUT("rung3_m3_s", "m3/s"),
      OUT("pump_m", "m"), OUT("after_main_m", "m"), OUT("before_return_m", "m")},
     ladder},
    {"valve",
     "equal percentage, installed",
     "closed form",
     {IN("opening", "1", NEED, 0, 1), IN("rangeability", "1", 50, 1.001, 1e6), IN("authority", "1", 0.5, 1e-6, 1)},
     {OUT("flow_fraction", "1")},
     valve},
    {"pipe",
     "straight pipe",
     "Swamee and Jain 1976",
     {IN("length_m", "m", NEED, 1e-6, 1e7), IN("diameter_m", "m", NEED, 1e-4, 100), IN("roughness_m", "m", 45e-6, 0, 1),
      IN("minor", "1", 0, 0, 1e6), IN("flow_kg_s", "kg/s", NEED, 1e-9, 1e6), IN("density_kg_m3", "kg/m3", 1000, 1, 2e4),
      IN("viscosity_pa_s", "Pa s", 1e-3, 1e-7, 1e3)},
     {OUT("velocity_m_s", "m/s"), OUT("delay_s", "s"), OUT("reynolds", "1"), OUT("friction", "1"),
      OUT("drop_pa", "Pa")},
     pipe},
    {"npsh",
     "net positive suction head of water",
     "closed form",
     {IN("inlet_absolute_pa", "Pa", NEED, 0, 1e9), IN("degc", "degC", NEED, -100, 200)},
     {OUT("npsh_m", "m")},
     npsh},
    {"filter",
     "filter drop, clogging added",
     "LBL, exponent 1.76",
     {IN("design_pa", "Pa", 65e3, 0, 1e9), IN("flow_fraction", "1", 1, 0, 100), IN("clog", "1", 0, 0, 1e6)},
     {OUT("drop_pa", "Pa")},
     filter},
    {"mover",
     "pump known by its design point, on a square resistance",
     "LBL preconfigured movers",
     {IN("flow_m3_s", "m3/s", NEED, 1e-9, 1e3), IN("head_pa", "Pa", NEED, 1, 1e9),
      IN("speed_fraction", "1", 1, 1e-3, 10), IN("resistance_fraction", "1", 1, 0, 1e6)},
     {OUT("flow_now_m3_s", "m3/s"), OUT("head_now_pa", "Pa"), OUT("power_w", "W"), OUT("efficiency", "1")},
     mover},
};
const int tw_components_flows_count = sizeof tw_components_flows / sizeof *tw_components_flows;
