// Pumps that trip, filters that clog, towers by York, plugs in mains, hydraulic networks, heat export.
#include "models/thermal/chiller.h"
#include "models/thermal/cooling_tower.h"
#include "models/thermal/faults.h"
#include "models/thermal/heat_export.h"
#include "models/thermal/hydraulics.h"
#include "models/thermal/pipe.h"
#include "tests/check.h"

// the specification's T19: two pumps with H0 300 kPa and a 2e8 on a system of 4e8; one trips
static void a_tripped_pump_leaves_most_of_the_flow(void)
{
    // at the common point 25.82 L/s: system 4e8 V^2 = 266.7 kPa; shutoff over it is 1.125
    CHECK_NEAR(tw_pumps_left(2, 1, 1.125, 0.1, 0.0), 22.3607 / 25.8199, 1e-5);
    CHECK(tw_pumps_left(2, 0, 1.3, 0.1, 0.0) == 1.0);
    CHECK(tw_pumps_left(2, 2, 1.3, 0.1, 0.0) == 0.0);
    CHECK(tw_pumps_left(2, 0, 1.3, 0.15, 3.0) < 0.9);
}

static void york_towers_return_their_design_point(void)
{
    int clamped;
    TwYork cell = tw_york_design(62.82 * 4180.0, 5.56, 3.89, 25.56);
    CHECK(cell.water_ratio > 0.9 && cell.water_ratio < 1.1);
    double heat = tw_york_heat(&cell, cell.water_w_k, 1.0, 1.0, 25.56 + 3.89 + 5.56, 25.56, &clamped);
    CHECK_NEAR(heat, cell.water_w_k * 5.56, 1e-6);
    CHECK(!clamped);
    CHECK(tw_york_heat(&cell, cell.water_w_k, 0.5, 1.0, 35.0, 25.56, &clamped) < heat);
    CHECK(tw_york_heat(&cell, cell.water_w_k, 1.0, 1.0, 20.0, 25.56, &clamped) == 0.0);
    tw_york_heat(&cell, cell.water_w_k, 1.0, 1.0, 40.0, 30.0, &clamped);
    CHECK(clamped);
    CHECK(tw_york_design(1e5, 5.56, 60.0, 25.56).water_ratio == 0.0);
}

// what goes in comes out after the pipe's own mass, and heat is conserved
static void plugs_are_late_and_lose_nothing(void)
{
    TwPlug plug;
    tw_plug_fill(&plug, 100.0, 20.0);
    double heat = tw_plug_heat_kg_k(&plug);
    for (int i = 0; i < 1000; i++) {
        double in = 20.0 + 10.0 * sin(0.1 * i), m = 1.0 + 0.5 * cos(0.3 * i), out = tw_plug_push(&plug, m, in);
        double now = tw_plug_heat_kg_k(&plug);
        CHECK_NEAR(now, heat + m * (in - out), 1e-11);
        heat = now;
        if (i < 50) CHECK_WITHIN(out, 20.0, 1e-9);
    }
    tw_plug_fill(&plug, 10.0, 20.0);
    CHECK_NEAR(tw_plug_push(&plug, 10.0, 50.0), 20.0, 1e-12);
    CHECK_NEAR(tw_plug_push(&plug, 10.0, 60.0), 50.0, 1e-12);
    CHECK_NEAR(tw_plug_push(&plug, 40.0, 30.0), (10.0 * 60.0 + 30.0 * 30.0) / 40.0, 1e-12);
}

static void networks_without_connection_are_refused(void)
{
    static const bool fixed[3] = {true, false, false};
    static const double head[3] = {1e5, 0.0, 0.0};
    TwLink link = {.kind = TW_LINK_RESISTANCE, .from = 0, .to = 1, .k_pa = 1e9, .exponent = 2.0};
    double demand[3] = {0.0, 0.01, 0.0}, flow[1], node[3];
    TwHydraulicNet net = {3, 1, &link, fixed, head, demand, 1000.0, 1e-3};
    TwError error = {0};
    CHECK(!tw_hydraulics_solve(&net, flow, node, &error));
    CHECK_HOLDS(error.text, "connection");
    net.node_count = 2;
    CHECK(tw_hydraulics_solve(&net, flow, node, &error));
    CHECK_NEAR(flow[0], 0.01, 1e-9);
    CHECK_NEAR(node[1], 1e5 - 1e9 * 1e-4, 1e-9);
}

// flow of a pump with a check valve at a pressure of its header
static double pump_at(const TwLink *l, double head_pa)
{
    return sqrt(fmax(l->speed_fraction * l->speed_fraction * l->shutoff_pa - head_pa, 0.0) / l->curve_pa);
}

static double drawn(uint64_t *seed, double least, double most)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return least + (most - least) * (double)(*seed >> 40) / (double)(1 << 24);
}

// two unlike pumps on a system above a static head, from nothing to cubic metres a second: as by halving on the header
static void unlike_pumps_share_one_header(void)
{
    static const bool fixed[3] = {true, false, true};
    uint64_t seed = 1;
    int shut = 0, held = 0;
    for (int k = 0; k < 3000; k++) {
        TwLink links[3] = {{.from = 0, .to = 1}, {.from = 0, .to = 1}, {.from = 1, .to = 2}};
        for (int i = 0; i < 2; i++) {
            links[i].kind = TW_LINK_PUMP, links[i].check = true, links[i].running = 1, links[i].curve_exponent = 2.0;
            links[i].shutoff_pa = pow(10.0, drawn(&seed, 3.0, 7.0));
            links[i].curve_pa = pow(10.0, drawn(&seed, 5.0, 12.0));
            links[i].speed_fraction = k % 7 == 0 && i == 0 ? 0.0 : drawn(&seed, 0.05, 1.5);
        }
        links[2].kind = TW_LINK_RESISTANCE, links[2].check = true, links[2].exponent = 2.0;
        links[2].k_pa = pow(10.0, drawn(&seed, 5.0, 12.0));
        double head[3] = {0.0, 0.0, k % 2 ? 0.0 : drawn(&seed, 0.0, 1.2) * links[0].shutoff_pa}, flow[3], node[3];
        const TwHydraulicNet net = {3, 3, links, fixed, head, NULL, 1000.0, 1e-3};
        TwError error = {0};
        CHECK(tw_hydraulics_solve(&net, flow, node, &error));
        double low = head[2], high = low + 3e7;
        for (int i = 0; i < 80; i++) {
            double at = 0.5 * (low + high), through = sqrt((at - head[2]) / links[2].k_pa);
            *(pump_at(&links[0], at) + pump_at(&links[1], at) > through ? &low : &high) = at;
        }
        double all = pump_at(&links[0], low) + pump_at(&links[1], low);
        for (int i = 0; i < 2; i++) CHECK_WITHIN(fmax(flow[i], 0.0), pump_at(&links[i], low), 1e-6 * all + 1e-9);
        shut += all < 1e-9;
        held += all >= 1e-9 && (pump_at(&links[0], low) == 0.0 || pump_at(&links[1], low) == 0.0);
    }
    CHECK(shut > 100 && held > 1000);
}

static void exported_heat_balances(void)
{
    TwHeatExport site = {5e5, 1e5, 45.0, 75.0, 3.0, 0.5, 2e6, 30.0};
    TwExported hot = tw_heat_export(&site, 1e5, 80.0), warm = tw_heat_export(&site, 1e5, 55.0);
    CHECK(hot.power_w == 0.0 && hot.plant_w == hot.delivered_w);
    CHECK_NEAR(warm.delivered_w, warm.plant_w + warm.power_w, 1e-12);
    CHECK(warm.power_w > 0.0 && warm.delivered_w / warm.power_w > 4.0);
    // colder than the network's return: a heat pump all the same, down to the least, from the mean of its own source
    TwExported cold = tw_heat_export(&site, 1e5, 40.0);
    CHECK_NEAR(cold.plant_w, 1e5 * 10.0, 1e-12);
    CHECK_NEAR(cold.delivered_w / cold.power_w, 0.5 * 348.15 / (75.0 - 35.0), 1e-9);
    // little is asked for: its source is hardly cooled, and what is delivered is what is asked for
    site.demand_w = 1e5;
    cold = tw_heat_export(&site, 1e5, 40.0);
    CHECK_NEAR(cold.delivered_w, 1e5, 1e-9);
    CHECK_NEAR(cold.delivered_w / cold.power_w, 0.5 * 348.15 / (35.0 + 0.5 * cold.plant_w / 1e5), 1e-9);
    CHECK(tw_heat_export(&site, 1e5, 30.0).delivered_w == 0.0 && tw_heat_export(&site, 1e5, 20.0).plant_w == 0.0);
}

static void chillers_hold_inside_their_records(void)
{
    const TwChillerCurves *c = tw_chiller_named("trane_cvhe_1442kw_vsd");
    CHECK(c && tw_chiller_holds(c, 5.56, 23.89) && !tw_chiller_holds(c, 18.0, 30.0));
    CHECK(!tw_chiller_named("trane"));
}

// The law of warm water against the catalogues of air-cooled machines, over all water and air that they state: its
// level is the least that ASHRAE 90.1 allows (COP 2.96, IPLV 4.10 at AHRI 550/590's points), its slope with the lift
// theirs.
static void warm_water_goes_on_from_catalogues(void)
{
    const double share = 0.53, above_k = 22.0;
    const char *const *name;
    double squares = 0.0;
    int points = 0, machines = 0;
    tw_chiller_names(&name);
    for (; *name; name++) {
        const TwChillerCurves *c = tw_chiller_named(*name);
        if (!strstr(*name, "_air")) continue;
        double rated = tw_chiller_capacity_w(c, 6.67, 35.0) / tw_chiller_power_w(c, 6.67, 35.0, 1.0);
        CHECK_WITHIN(rated, c->cop, 0.06);
        double level = rated / tw_carnot_cop(share, 6.67, 35.0 + above_k, 10.0, 15.0);
        for (int i = 0; i <= 4; i++)
            for (int j = 0; j <= 6; j++, points++) {
                double te = c->leaving_min_degc + i / 4.0 * (c->leaving_max_degc - c->leaving_min_degc);
                double ta = c->entering_min_degc + j / 6.0 * (c->entering_max_degc - c->entering_min_degc);
                double cop = tw_chiller_capacity_w(c, te, ta) / tw_chiller_power_w(c, te, ta, 1.0);
                double off = log(level * tw_carnot_cop(share, te, ta + above_k, 10.0, 15.0) / cop);
                squares += off * off;
            }
        machines++;
    }
    CHECK(machines == 6);
    CHECK(sqrt(squares / points) < 0.08);

    static const double weight[] = {0.01, 0.42, 0.45, 0.12}, air_degc[] = {35.0, 26.7, 18.3, 12.8};
    double iplv = 0.0;
    for (int k = 0; k < 4; k++) iplv += weight[k] * tw_carnot_cop(share, 6.67, air_degc[k] + above_k, 10.0, 15.0);
    CHECK_WITHIN(tw_carnot_cop(share, 6.67, 35.0 + above_k, 10.0, 15.0), 2.96, 0.03);
    CHECK_WITHIN(iplv, 4.10, 0.08);
}

int main(void)
{
    a_tripped_pump_leaves_most_of_the_flow();
    york_towers_return_their_design_point();
    plugs_are_late_and_lose_nothing();
    networks_without_connection_are_refused();
    unlike_pumps_share_one_header();
    exported_heat_balances();
    chillers_hold_inside_their_records();
    warm_water_goes_on_from_catalogues();
    return check_failures != 0;
}
