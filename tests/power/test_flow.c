// Power flow: closed forms, two engines that must agree, powers that must balance, and files that must be refused.
#include "models/power/flow.h"
#include "sim/data.h"
#include "tests/check.h"

#include <unistd.h>

static char folder[] = "/tmp/tw_flow_XXXXXX";

// A file of this text; the name is valid until the next call.
static const char *file_of(const char *name, const char *text)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0) exit(1);
    fclose(f);
    return path;
}

static TwFlowCase *read_text(const char *name, const char *text)
{
    TwFlowCase *flow = NULL;
    TwError error = {0};
    TwFlowFile how = {.base_v = 10e3, .base_va = 1e6, .slack_v = 1.0};
    const char *path = file_of(name, text);
    if (!tw_flow_read(&flow, path, &how, &error)) tw_error_print(&error, stderr);
    CHECK(flow != NULL);
    unlink(path);
    if (!flow) exit(1);
    return flow;
}

static void refused(const char *name, const char *text, int line, const char *part)
{
    TwFlowCase *flow = NULL;
    TwError error = {0};
    TwFlowFile how = {.base_v = 10e3, .base_va = 1e6, .slack_v = 1.0};
    const char *path = file_of(name, text);
    CHECK(!tw_flow_read(&flow, path, &how, &error));
    CHECK(error.status == TW_BAD_INPUT);
    if (error.line != line) fprintf(stderr, "line %d, expected %d: %s\n", error.line, line, error.text);
    CHECK(error.line == line);
    CHECK_HOLDS(error.text, part);
    unlink(path);
}

// Everything that enters leaves: at every bus and over the case.
static void balances(const TwFlowCase *flow, const TwFlowResult *r)
{
    double p = -r->loss_p - r->shunt_p, q = -r->loss_q + r->charging_q - r->shunt_q, size = 1e-3;
    for (int i = 0; i < flow->bus_count; i++) {
        p += r->p_gen[i] - r->p_load[i];
        q += r->q_gen[i] - r->q_load[i];
        size += fabs(r->p_gen[i]) + fabs(r->q_gen[i]);
    }
    CHECK_WITHIN(p, 0.0, 1e-9 * size);
    CHECK_WITHIN(q, 0.0, 1e-9 * size);
    CHECK(r->mismatch < 1e-7);
}

// P4, P5: V2^2 solves a quadratic.
static void two_buses_are_a_quadratic(void)
{
    TwFlowCase *flow = read_text("two.csv", "from_bus,to_bus,r_pu,x_pu,load_p_kw,load_q_kvar\n1,2,.02,.06,1000,500\n");
    for (TwFlowMethod method = TW_FLOW_AUTO; method <= TW_FLOW_NEWTON; method++) {
        TwFlowResult r;
        CHECK(tw_flow_solve(flow, &(TwFlowOptions){.method = method}, &r));
        CHECK_NEAR(r.v[1], 0.945732372749, 1e-11);
        CHECK_NEAR(r.loss_p, 0.027951395671, 1e-9);
        balances(flow, &r);
        tw_flow_result_destroy(&r);
    }
    tw_flow_case_destroy(flow);

    flow = read_text("nose.csv", "from_bus,to_bus,r_pu,x_pu,load_p_kw\n1,2,0,.1,4990\n");
    for (TwFlowMethod method = TW_FLOW_AUTO; method <= TW_FLOW_NEWTON; method++) {
        TwFlowResult r;
        flow->buses[1].p = 4.99;
        CHECK(tw_flow_solve(flow, &(TwFlowOptions){.method = method}, &r));
        CHECK_NEAR(r.v[1], 0.729113819138, method == TW_FLOW_NEWTON ? 1e-7 : 1e-8);
        tw_flow_result_destroy(&r);
        flow->buses[1].p = 5.01;
        CHECK(!tw_flow_solve(flow, &(TwFlowOptions){.method = method}, &r));
        CHECK(r.reason[0] && r.lowest == 1);
        tw_flow_result_destroy(&r);
    }
    tw_flow_case_destroy(flow);
}

static const char small[] = "function mpc = small\n"
                            "%% a ring with everything in it\n"
                            "mpc.version = '2'; mpc.baseMVA = 100;\n"
                            "mpc.bus = [\n"
                            "  10 3 0 0 0 0 1 1.02 5 110 1 1.1 .9;\n"
                            "  20 1 30 10 1 5 1 1 0 20 1 1.1 .9\n"
                            "  30 2 20 5 0 0 1 1 0 20 1 1.1 .9; % comment\n"
                            "  40 1 10 -5 0 0 1 1 0 20 1 1.1 .9;\n"
                            "  50 4 99 99 0 0 1 1 0 20 1 1.1 .9;\n"
                            "];\n"
                            "mpc.gen = [ 10 0 0 Inf -Inf 1.02 100 1 200 0; 30 15 0 10 -10 1.01 100 1 50 0;\n"
                            "  40 4 1 5 -5 1 100 1 9 0; 40 77 7 5 -5 1 100 0 99 0 ];\n"
                            "mpc.branch = [\n"
                            "  10 20 .005 .08 0 100 0 0 .98 0 1 -360 360;\n"
                            "  20 30 .02 .06 .03 50 0 0 0 0 1 -360 360;\n"
                            "  30 40 .03 .07 .02 50 0 0 0 0 1 -360 360;\n"
                            "  40 20 .01 .05 0 50 0 0 1.01 -3 1 -360 360;\n"
                            "  10 40 .01 .05 0 50 0 0 0 0 0 -360 360;\n"
                            "  20 30 .04 .12 .01 ...\n"
                            "    50 0 0 0 0 1 -360 360;\n"
                            "];\n"
                            "mpc.bus_name = { 'a'; 'b }'; 'c'; 'd'; 'e' };\n"
                            "[F_BUS, T_BUS, BR_R, BR_X] = idx_brch; PD = 3; QD = 4;\n"
                            "Z = 4^2 / mpc.baseMVA;\n"
                            "mpc.branch(2:end, [BR_R BR_X]) = mpc.branch(2:end, [BR_R, BR_X]) * (Z / 0.16);\n"
                            "mpc.bus(:, [PD QD]) = mpc.bus(:, [PD, QD]) / 1e0;\n";

// Complex admittances written down by hand against the two-port of taps, shifts, charging and shunts.
static void a_ring_obeys_kirchhoff(void)
{
    TwFlowCase *flow = read_text("small.m", small);
    CHECK_TEXT(flow->name, "small");
    CHECK(flow->bus_count == 5 && flow->branch_count == 6 && flow->gen_count == 4);
    CHECK(!tw_flow_is_radial(flow));
    CHECK_NEAR(flow->branches[5].x, 0.12, 1e-15);
    CHECK_NEAR(flow->buses[1].b, 0.05, 1e-15);
    TwFlowResult r;
    CHECK(tw_flow_solve(flow, &(TwFlowOptions){0}, &r));
    balances(flow, &r);
    CHECK(r.dead[4] && r.v[4] == 0.0);
    CHECK_NEAR(r.v[0], 1.02, 1e-15);
    CHECK_NEAR(r.v[2], 1.01, 1e-15);
    CHECK_NEAR(r.p_gen[3], 0.04, 1e-15);
    // a branch from its ends' voltages: the ratio stands at its from end
    const TwFlowBranch *b = &flow->branches[3];
    double v = r.v[b->from] / 1.01, a = r.angle[b->from] + 3.0 * 3.14159265358979323846 / 180.0;
    double d_re = v * cos(a) - r.v[b->to] * cos(r.angle[b->to]), d_im = v * sin(a) - r.v[b->to] * sin(r.angle[b->to]);
    double square = .01 * .01 + .05 * .05, i_re = (d_re * .01 + d_im * .05) / square,
           i_im = (d_im * .01 - d_re * .05) / square;
    CHECK_NEAR(r.p_from[3], v * (cos(a) * i_re + sin(a) * i_im), 1e-9);
    CHECK_NEAR(r.p_from[3] + r.p_to[3], .01 * (i_re * i_re + i_im * i_im), 1e-9);
    double free_v = r.v[2], free_q = r.q_gen[2];
    tw_flow_result_destroy(&r);

    // a tight limit: the bus gives what it may, and its voltage goes where that leads
    flow->gens[1].q_min = -10.0;
    flow->gens[1].q_max = free_q - 0.02;
    CHECK(tw_flow_solve(flow, &(TwFlowOptions){.q_limits = true}, &r));
    CHECK_NEAR(r.q_gen[2], free_q - 0.02, 1e-12);
    CHECK(r.q_limited[1] && r.v[2] < free_v - 1e-4);
    balances(flow, &r);
    tw_flow_result_destroy(&r);
    CHECK(tw_flow_solve(flow, &(TwFlowOptions){0}, &r));
    CHECK(r.q_beyond == 1);
    tw_flow_result_destroy(&r);
    tw_flow_case_destroy(flow);
}

// Opened to a tree without voltage control, both engines must give one answer, whatever way its branches point.
static void engines_agree_on_a_tree(void)
{
    TwFlowCase *flow = read_text("small.m", small);
    flow->branches[1].closed = flow->branches[2].closed = false;
    flow->buses[2].kind = TW_BUS_PQ;
    flow->gens[2].on = false;
    for (int zip = 0; zip < 3; zip++) {
        flow->share_i = zip == 1 ? 0.3 : 0.0;
        flow->share_z = zip * 0.25;
        flow->gens[1].on = zip == 0;
        TwFlowResult sweep, newton;
        CHECK(tw_flow_is_radial(flow));
        CHECK(tw_flow_solve(flow, &(TwFlowOptions){.method = TW_FLOW_SWEEP, .tolerance = 1e-13}, &sweep));
        CHECK(tw_flow_solve(flow, &(TwFlowOptions){.method = TW_FLOW_NEWTON, .tolerance = 1e-12}, &newton));
        CHECK(sweep.method == TW_FLOW_SWEEP && newton.method == TW_FLOW_NEWTON);
        for (int i = 0; i < flow->bus_count; i++) {
            CHECK_WITHIN(sweep.v[i], newton.v[i], 1e-12);
            CHECK_WITHIN(sweep.angle[i], newton.angle[i], 1e-12);
        }
        for (int k = 0; k < flow->branch_count; k++) {
            CHECK_WITHIN(sweep.p_from[k], newton.p_from[k], 1e-10);
            CHECK_WITHIN(sweep.q_to[k], newton.q_to[k], 1e-10);
        }
        balances(flow, &sweep);
        tw_flow_result_destroy(&sweep);
        tw_flow_result_destroy(&newton);
    }
    tw_flow_case_destroy(flow);
}

// P1 to P3 on the shipped feeder.
static void the_feeder_of_baran_and_wu(void)
{
    static const struct {
        const char *closed;
        double loss_kw, v, slack_kw;
        int bus;
    } known[] = {{"base", 202.6771265, 0.913090479, 3917.6771, 18},
                 {"reconf", 139.5513472, 0.937819116, 3854.551, 32},
                 {"all", 123.2908297, 0.953279921, 3838.291, 32}};
    char path[512];
    CHECK(tw_data_find("facilities/reference/case33bw.csv", path, sizeof path));
    for (size_t k = 0; k < 3; k++) {
        TwFlowFile how = {.base_v = 12.66e3, .base_va = 10e6, .slack_v = 1.0, .closed = known[k].closed};
        TwFlowCase *flow;
        TwError error = {0};
        CHECK(tw_flow_read(&flow, path, &how, &error));
        TwFlowResult r;
        for (TwFlowMethod method = TW_FLOW_AUTO; method <= TW_FLOW_NEWTON; method++) {
            bool can = tw_flow_solve(flow, &(TwFlowOptions){.method = method}, &r);
            CHECK(can == (k < 2 || method != TW_FLOW_SWEEP));
            if (can) {
                CHECK_NEAR(r.loss_p * 1e4, known[k].loss_kw, 1e-8);
                CHECK_WITHIN(r.v[r.lowest], known[k].v, 1e-9);
                CHECK(flow->buses[r.lowest].id == known[k].bus);
                CHECK_NEAR(r.p_gen[0] * 1e4, known[k].slack_kw, 1e-6);
                balances(flow, &r);
            }
            tw_flow_result_destroy(&r);
        }
        tw_flow_case_destroy(flow);
    }
}

// What no source reaches is dead, not an error; an island with a generator that holds a voltage stands alone.
static void islands(void)
{
    TwFlowCase *flow = read_text("island.csv", "from_bus,to_bus,r_pu,x_pu,closed,load_p_kw\n"
                                               "1,2,.01,.05,1,100\n2,3,.01,.05,0,100\n3,4,.01,.05,1,100\n");
    TwFlowResult r;
    CHECK(tw_flow_solve(flow, &(TwFlowOptions){0}, &r));
    CHECK(!r.dead[0] && !r.dead[1] && r.dead[2] && r.dead[3]);
    balances(flow, &r);
    tw_flow_result_destroy(&r);
    flow->buses[2].kind = TW_BUS_PV;
    CHECK(tw_flow_solve(flow, &(TwFlowOptions){0}, &r));
    CHECK(!r.dead[2] && !r.dead[3]);
    CHECK_NEAR(r.p_gen[2], 0.2 + .01 * 0.1 * 0.1 / (r.v[3] * r.v[3]), 1e-9);
    tw_flow_result_destroy(&r);
    tw_flow_case_destroy(flow);
}

static void bad_files_are_refused(void)
{
    refused("a.csv", "from_bus,to_bus,r_ohms,x_ohm,load_p_kw\n1,2,1,1,1\n", 1, "r_ohm");
    refused("b.csv", "from_bus,to_bus,r_ohm,x_ohm,load_p_kw\n1,2,1,1,1\n2,3,one,1,1\n", 3, "one");
    refused("c.csv", "from_bus,to_bus,r_ohm,x_ohm,load_p_kw\n1,2,1,1\n", 2, "4 fields");
    refused("e.csv", "from_bus,to_bus,r_ohm,x_ohm,load_p_kw\n1,1,1,1,1\n", 2, "itself");
    refused("f.csv", "from_bus,to_bus,r_ohm,x_ohm,load_p_kw,closed\n1,2,1,1,1,2\n", 2, "0 or 1");
    refused("g.csv", "from_bus,to_bus,r_ohm,x_ohm,load_p_kw\n1,2,-1,1,1\n", 2, "-1");
    refused("h.csv", "from_bus,to_bus,r_ohm,x_ohm,load_p_kw\n", 1, "no branches");
    refused("i.csv", "", 1, "header");
    refused("a.m", "function mpc = a\nmpc.baseMVA = 100;\n", 3, "bus");
    refused("b.m", "function mpc = b\nmpc.baseMVA = 100;\nmpc.bus = [ 1 3 0 0\n 2 1 ];\n", 4, "2 columns");
    refused("c.m", "mpc.baseMVA = 100\nif x\nend\n", 2, "if");
    refused("d.m",
            "mpc.baseMVA = 100;\nmpc.bus = [ 1 3 0 0 0 0 1 1 0 ];\nmpc.gen = [ 1 0 0 1 -1 1 ];\n"
            "mpc.branch = [\n 1 2 .1 .1 0\n];\n",
            5, "no such bus");
    refused("e.m",
            "mpc.baseMVA = 100;\nmpc.bus = [ 1 5 0 0 0 0 1 1 0 ];\nmpc.gen = [ 1 0 0 1 -1 1 ];\nmpc.branch = [];\n", 2,
            "type 5");
    refused("f.m",
            "mpc.baseMVA = 100;\nmpc.bus = [ 1 3 0 0 0 0 1 1 0\n 1 1 0 0 0 0 1 1 0];\nmpc.gen = [ 1 0 0 1 -1 1 ];\n"
            "mpc.branch = [ 1 1 .1 .1 0 ];\n",
            3, "twice");
    refused("g.m",
            "mpc.baseMVA = 100;\nmpc.bus = [ 1 1 0 0 0 0 1 1 0\n 2 1 0 0 0 0 1 1 0];\nmpc.gen = [ 1 0 0 1 -1 1 ];\n"
            "mpc.branch = [ 1 2 .1 .1 0 ];\n",
            2, "no source");
    refused("h.m", "mpc.bus = [ 1 3 0", 1, "without an end");
    refused("i.m", "mpc.bus = frobnicate(3);\n", 1, "frobnicate");
    refused("j.txt", "1 2 3\n", 0, ".csv");
}

// A closed switch has no impedance: the limit of a very short line, and what passes it balances both its ends.
static void switches_are_short_lines(void)
{
    static const char text[] = "function mpc = switches\nmpc.version = '2'; mpc.baseMVA = 100;\n"
                               "mpc.bus = [ 1 3 0 0 0 0 1 1 0 20 1 1.1 .9; 2 1 0 0 0 4 1 1 0 20 1 1.1 .9;\n"
                               "  3 1 30 10 0 0 1 1 0 20 1 1.1 .9; 4 2 5 1 0 0 1 1 0 20 1 1.1 .9;\n"
                               "  5 1 10 4 0 0 1 1 0 20 1 1.1 .9 ];\n"
                               "mpc.gen = [ 1 0 0 99 -99 1.01 100 1 99 0; 4 9 0 99 -99 1.0 100 1 99 0 ];\n"
                               "mpc.branch = [ 1 2 .01 .05 .02 0 0 0 0 0 1; 2 3 %s .001 0 0 0 0 0 1;\n"
                               "  3 4 %s 0 0 0 0 0 0 1; 1 5 .02 .06 0 0 0 0 .98 0 1; 5 4 .01 .04 0 0 0 0 0 0 1 ];\n";
    TwFlowResult r[2];
    TwFlowCase *flow[2];
    for (int k = 0; k < 2; k++) {
        char file[1200];
        snprintf(file, sizeof file, text, k ? "0 0" : "0 1e-5", k ? "0 0" : "0 1e-5");
        flow[k] = read_text("switches.m", file);
        CHECK(tw_flow_solve(flow[k], &(TwFlowOptions){0}, &r[k]));
        balances(flow[k], &r[k]);
    }
    for (int i = 0; i < 5; i++) {
        CHECK_WITHIN(r[1].v[i], r[0].v[i], 1e-5);
        CHECK_WITHIN(r[1].p_gen[i], r[0].p_gen[i], 1e-5);
        CHECK_WITHIN(r[1].q_gen[i], r[0].q_gen[i], 1e-4);
    }
    for (int k = 0; k < 5; k++) {
        CHECK_WITHIN(r[1].p_from[k], r[0].p_from[k], 1e-4);
        CHECK_WITHIN(r[1].q_to[k], r[0].q_to[k], 1e-4);
    }
    CHECK(r[1].v[1] == r[1].v[3] && fabs(r[1].p_from[2]) > 1e-3);
    for (int k = 0; k < 2; k++) {
        tw_flow_result_destroy(&r[k]);
        tw_flow_case_destroy(flow[k]);
    }
    // two switches side by side and a dead bus behind an open one
    flow[0] = read_text("tie.csv", "from_bus,to_bus,r_pu,x_pu,load_p_kw,closed\n"
                                   "1,2,.01,.02,0,1\n2,3,0,0,100,1\n2,3,0,0,,1\n3,4,0,0,50,0\n");
    CHECK(tw_flow_solve(flow[0], &(TwFlowOptions){0}, &r[0]));
    CHECK_NEAR(r[0].p_from[1] + r[0].p_from[2], 0.1, 1e-9);
    CHECK(r[0].dead[3] && r[0].v[3] == 0.0 && r[0].p_gen[0] > 0.1);
    balances(flow[0], &r[0]);
    tw_flow_result_destroy(&r[0]);
    tw_flow_case_destroy(flow[0]);
    refused("ideal.m",
            "mpc.baseMVA = 100;\nmpc.bus = [ 1 3 0 0 0 0 1 1 0; 2 1 1 0 0 0 1 1 0 ];\n"
            "mpc.gen = [ 1 0 0 9 -9 1 ];\nmpc.branch = [ 1 2 0 0 0 0 0 0 .95 0 1 ];\n",
            4, "ratio");
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    switches_are_short_lines();
    two_buses_are_a_quadratic();
    a_ring_obeys_kirchhoff();
    engines_agree_on_a_tree();
    the_feeder_of_baran_and_wu();
    islands();
    bad_files_are_refused();
    rmdir(folder);
    return check_failures != 0;
}
