// Reference cases of the power model: shared/specs of the project, cases P, F and E, as far as a closed form, a second
// method or a published table gives the answer (docs/power.md).
#include "twin/validate_power.h"

#include "models/power/flow.h"
#include "models/power/power.h"
#include "sim/data.h"
#include "twin/machine.h"

#include <math.h>
#include <string.h>

static const char derived[] = "derived, two methods", raps[] = "ExaDigiT/RAPS @6c142bf";

static void exact(TwValidation *v, const char *id, const char *what, const char *unit, double ours, double expected,
                  double tolerance, const char *source)
{
    tw_validation_row(v, id, what, unit, ours, expected, TW_RELATIVE, tolerance, source);
}

// P1 to P3: the feeder of Baran and Wu, as shipped.
static bool feeder(TwValidation *v, const char *file, TwError *error)
{
    static const struct {
        const char *id, *closed;
        double loss_kw, loss_kvar, v_pu, slack_kw;
    } cases[] = {{"P1", "base", 202.6771265, 135.1409710, 0.913090479, 3917.6771},
                 {"P2", "reconf", 139.5513472, 102.3049783, 0.937819116, NAN},
                 {"P3", "all", 123.2908297, 87.9232117, 0.953279921, NAN}};
    char path[512];
    if (file)
        snprintf(path, sizeof path, "%s", file);
    else if (!tw_data_find("facilities/reference/case33bw.csv", path, sizeof path))
        return tw_fail(error, TW_IO, "facilities/reference/case33bw.csv is not there");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const TwFlowFile how = {12.66e3, 10e6, 1.0, cases[k].closed, 0};
        TwFlowCase *flow;
        if (!tw_flow_read(&flow, path, &how, error)) return false;
        double kw = flow->base_va * 1e-3;
        for (TwFlowMethod method = TW_FLOW_SWEEP; method <= TW_FLOW_NEWTON; method++) {
            TwFlowResult r;
            bool sweep = method == TW_FLOW_SWEEP;
            bool good = tw_flow_solve(flow, &(TwFlowOptions){.method = method}, &r);
            if (good) {
                exact(v, cases[k].id, sweep ? "33 buses, sweep: loss" : "33 buses, Newton: loss", "kW", r.loss_p * kw,
                      cases[k].loss_kw, 1e-6, derived);
                exact(v, cases[k].id, "same: reactive loss", "kvar", r.loss_q * kw, cases[k].loss_kvar, 1e-6, derived);
                tw_validation_row(v, cases[k].id, "same: lowest voltage", "pu", r.v[r.lowest], cases[k].v_pu,
                                  TW_ABSOLUTE, 1e-6, derived);
                if (isfinite(cases[k].slack_kw))
                    exact(v, cases[k].id, "same: power of the source", "kW", r.p_gen[0] * kw, cases[k].slack_kw, 1e-6,
                          derived);
            } else if (!sweep || k < 2) {
                tw_validation_row(v, cases[k].id, "33 buses: solution", "1", NAN, 1.0, TW_ABSOLUTE, 0.0, derived);
            }
            tw_flow_result_destroy(&r);
        }
        tw_flow_case_destroy(flow);
    }
    return true;
}

// P4, P5: one line and one load; V^2 solves a quadratic.
static void two_buses(TwValidation *v)
{
    TwFlowCase *flow = tw_flow_case_create(2, 1, 1);
    flow->base_va = 1e6;
    flow->buses[0] = (TwFlowBus){.id = 1, .kind = TW_BUS_SLACK, .v = 1.0};
    flow->buses[1] = (TwFlowBus){.id = 2, .kind = TW_BUS_PQ, .v = 1.0, .p = 1.0, .q = 0.5};
    flow->branches[0] = (TwFlowBranch){.id = 1, .from = 0, .to = 1, .r = 0.02, .x = 0.06, .ratio = 1.0, .closed = true};
    flow->gens[0] = (TwFlowGen){.bus = 0, .v = 1.0, .q_min = -INFINITY, .q_max = INFINITY, .on = true};
    for (TwFlowMethod method = TW_FLOW_SWEEP; method <= TW_FLOW_NEWTON; method++) {
        const char *name = method == TW_FLOW_SWEEP ? "two buses, sweep: V2" : "two buses, Newton: V2";
        TwFlowResult r;
        flow->branches[0].r = 0.02, flow->branches[0].x = 0.06;
        flow->buses[1].p = 1.0, flow->buses[1].q = 0.5;
        tw_flow_solve(flow, &(TwFlowOptions){.method = method, .tolerance = 1e-12}, &r);
        exact(v, "P4", name, "pu", r.v[1], 0.945732372749, 1e-9, derived);
        exact(v, "P4", "same: loss", "pu", r.loss_p, 0.027951395671, 1e-9, derived);
        tw_flow_result_destroy(&r);
        flow->branches[0].r = 0.0, flow->branches[0].x = 0.1;
        flow->buses[1].p = 4.99, flow->buses[1].q = 0.0;
        tw_flow_solve(flow, &(TwFlowOptions){.method = method}, &r);
        exact(v, "P5", "near the nose: V2", "pu", r.v[1], 0.729113819138, 1e-6, derived);
        tw_flow_result_destroy(&r);
        flow->buses[1].p = 5.01;
        bool solved = tw_flow_solve(flow, &(TwFlowOptions){.method = method}, &r);
        tw_validation_row(v, "P5", "beyond the nose: no solution is said", "1", !solved, 1.0, TW_ABSOLUTE, 0.0,
                          derived);
        tw_flow_result_destroy(&r);
    }
    tw_flow_case_destroy(flow);
}

static void laws(TwValidation *v)
{
    double a, b, c;
    // P10: the law of a dry type that is best, and at the legal minimum of 0.9914, at 35 %
    tw_loss_best(0.35, 0.9914, &a, &c);
    exact(v, "P10", "500 kVA dry type at 35 %", "kW", tw_loss_w(500.0, a, 0.0, c, 175.0), 1.5181, 1e-4,
          "10 CFR 431.196");
    static const double ruby_x[] = {0.05, 0.1, 0.2, 0.5, 1.0}, ruby[] = {0.90, 0.91, 0.95, 0.965, 0.92};
    double loss = tw_loss_table_w(5500.0, ruby_x, ruby, 5, 2750.0);
    exact(v, "P11", "Ruby supply of 5.5 kW at 50 %", "W", loss, 99.741, 1e-4, "80 PLUS Ruby");
    const double x[] = {0.25, 0.5, 1.0}, efficiency[] = {0.94, 0.96, 0.96};
    tw_loss_fit(x, efficiency, &a, &b, &c);
    tw_validation_row(v, "P12", "law through three points: a", "1", a, 0.0147754, TW_ABSOLUTE, 1e-7, derived);
    tw_validation_row(v, "P12", "b", "1", b, -0.0026596, TW_ABSOLUTE, 1e-7, derived);
    tw_validation_row(v, "P12", "c", "1", c, 0.0295508, TW_ABSOLUTE, 1e-7, derived);
    exact(v, "P12", "efficiency at 0.75", "1", 0.75 / (0.75 + tw_loss_w(1.0, a, b, c, 0.75)), 0.962275, 1e-6, derived);
    exact(v, "P12", "best load", "1", sqrt(a / c), 0.70711, 1e-5, derived);
    double out = tw_loss_out_w(2e6, 0.005, 0.01, 0.015, 1.5e6);
    exact(v, "P13", "inverse law: output", "W", out, 1459431.144, 1e-9, derived);
    exact(v, "P13", "its loss", "W", 1.5e6 - out, 40568.856, 1e-8, derived);
}

typedef struct Frontier {
    double nodes, cu, gu;
    bool staged, direct;
} Frontier;

static bool frontier(const Frontier *f, TwMachineRun *run, TwError *error)
{
    char path[512], sets[5][64];
    const char *list[5];
    if (!tw_data_find("facilities/reference/frontier.cfg", path, sizeof path))
        return tw_fail(error, TW_IO, "facilities/reference/frontier.cfg is not there");
    snprintf(sets[0], sizeof sets[0], "workload.nodes=%.0f", f->nodes);
    snprintf(sets[1], sizeof sets[1], "workload.cu=%.17g", f->cu);
    snprintf(sets[2], sizeof sets[2], "workload.gu=%.17g", f->gu);
    snprintf(sets[3], sizeof sets[3], f->direct ? "machine.rectifier.efficiency=0.993" : "run.for_s=60.0");
    snprintf(sets[4], sizeof sets[4],
             f->direct   ? "machine.rectifier.constant_w=0.0"
             : f->staged ? "machine.staged=true"
                         : "run.for_s=60.0");
    for (int i = 0; i < 5; i++) list[i] = sets[i];
    TwErrors *errors = tw_errors_create();
    TwMachinePlan *plan;
    bool good = tw_machine_plan_create(&plan, path, list, 5, errors);
    if (!good) {
        tw_errors_print(errors, 5, stderr);
        tw_fail(error, TW_BAD_INPUT, "%s cannot be read", path);
    }
    tw_errors_destroy(errors);
    good = good && tw_machine_run(plan, NULL, run, error);
    tw_machine_plan_destroy(plan);
    return good;
}

// A row of the table: W, 1e-9 or a thousandth of a watt, whichever is larger.
static void watts(TwValidation *v, const char *id, const char *what, double ours, double expected)
{
    tw_validation_row(v, id, what, "W", ours, expected, TW_ABSOLUTE, fmax(1e-3, 1e-9 * expected), raps);
}

static bool frontier_rows(TwValidation *v, TwError *error)
{
    static const struct {
        const char *id, *name;
        Frontier set;
        double it, node_loss, rectifier_loss, racks, total;
    } rows[] = {
        {"F1", "idle", {0, 0, 0, false, false}, 5931934.720, 246708.872, 324043.483, 7094687.075, 7306523.825},
        {"F2", "peak", {9472, 1, 4, false, false}, 25614750.720, 648398.994, 1160897.905, 28016047.619, 28227884.369},
        {"F3",
         "HPL",
         {9216, .33, 3.16, false, false},
         20255626.240,
         539029.107,
         933043.973,
         22319699.320,
         22531536.070},
    };
    static const double ratio[] = {0.919552, 0.935419, 0.934046};
    for (size_t k = 0; k < 3; k++) {
        TwMachineRun run;
        if (!frontier(&rows[k].set, &run, error)) return false;
        const TwMachinePower *p = &run.mean;
        char what[64];
        const struct {
            const char *name;
            double ours, expected;
        } cells[] = {{"nodes", p->node_w, rows[k].it},
                     {"node converters", p->node_loss_w, rows[k].node_loss},
                     {"rectifiers", p->rectifier_loss_w, rows[k].rectifier_loss},
                     {"racks", p->rack_w, rows[k].racks},
                     {"total", p->total_w, rows[k].total}};
        for (size_t i = 0; i < 5; i++) {
            snprintf(what, sizeof what, "Frontier %s: %s", rows[k].name, cells[i].name);
            watts(v, rows[k].id, what, cells[i].ours, cells[i].expected);
        }
        if (k < 2) watts(v, "F4", "one rack", run.rack_w[0], k ? 378595.238 : 95874.150);
        if (k == 0) watts(v, "F5", "group of three racks", run.group_w[0] - 8473.47, 287622.449);
        if (k == 0) watts(v, "F5", "the 14th, two racks", run.group_w[13] - 8473.47, 191748.299);
        if (k == 1) watts(v, "P15", "heat of a full group", 0.945 * (run.group_w[0] - 8473.47), 1073317.5);
        watts(v, "F6", "switches", p->switch_w, 592000.0);
        watts(v, "F6", "cooling units", p->group_w, 211836.75);
        if (k < 2) watts(v, "F7", "heat to liquid", p->liquid_w, k ? 26475165.000 : 6704479.286);
        tw_validation_row(v, "F8", "nodes and switches over racks", "1", (p->node_w + p->switch_w) / p->rack_w,
                          ratio[k], TW_ABSOLUTE, 1e-6, raps);
        tw_validation_row(v, "F11", "parts make the total: residual", "1", run.residual, 1e-12, TW_AT_MOST, 0.0, raps);
        tw_machine_run_free(&run);
    }
    static const struct {
        const char *id, *what;
        Frontier set;
        double total;
    } variants[] = {{"F9", "staged rectifiers, idle", {0, 0, 0, true, false}, 7275073.825},
                    {"F9", "staged rectifiers, peak", {9472, 1, 4, true, false}, 28227884.369},
                    {"F10", "direct current, idle", {0, 0, 0, false, true}, 7030208.947},
                    {"F10", "direct current, peak", {9472, 1, 4, false, true}, 27256297.691}};
    for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
        TwMachineRun run;
        if (!frontier(&variants[k].set, &run, error)) return false;
        watts(v, variants[k].id, variants[k].what, run.mean.total_w, variants[k].total);
        tw_machine_run_free(&run);
    }
    tw_validation_note(v, "Frontier rows repeat a published model, not a measurement: facility demand over a year was "
                          "8 to 30 MW (Sun et al., Sci. Data 11:1077, 2024).");
    return true;
}

bool tw_validate_power(TwValidation *v, const char *file, TwError *error)
{
    if (!feeder(v, file, error)) return false;
    two_buses(v);
    laws(v);
    return frontier_rows(v, error);
}
