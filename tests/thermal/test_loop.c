// A CDU's loop as a network against closed forms, and what racks, sensors and throttles do in a run of NET-1.
#include "models/thermal/faults.h"
#include "models/thermal/loop.h"
#include "models/thermal/net1.h"
#include "models/thermal/network.h"
#include "tests/check.h"

enum { RACKS = 8 };
static const TwCduRow row = {.pump_head_pa = 300e3,
                             .pump_count = 2,
                             .pump_shutoff_fraction = 1.3,
                             .filter_fraction = 0.15,
                             .exchanger_fraction = 0.15,
                             .header_fraction = 0.1,
                             .rack_valve_authority = 0.5};
static const double design[RACKS] = {1e-3, 2e-3, 3e-3, 2e-3, 2e-3, 1e-3, 2e-3, 3e-3};
static const double all_open[RACKS] = {1, 1, 1, 1, 1, 1, 1, 1};

static TwLoopFlow solve(const TwCduRow *r, const double *opening, int out, double clog, double *share)
{
    TwLoopFlow flow;
    TwError error = {0};
    TwLoopUnit unit = {.pumps_out = out, .clog = clog};
    CHECK(tw_loop_solve(r, 1, &unit, RACKS, design, opening, &flow, share, &error));
    return flow;
}

static void the_design_is_a_solution(void)
{
    double share[RACKS];
    TwLoopFlow f = solve(&row, all_open, 0, 0.0, share);
    CHECK_NEAR(f.flow, 1.0, 1e-9);
    CHECK_NEAR(f.pump, 1.0, 1e-9);
    CHECK_NEAR(f.header_pa, 0.7 * 300e3, 1e-9);
    for (int i = 0; i < RACKS; i++) CHECK_NEAR(share[i], 1.0, 1e-9);
}

// all quadratic, no mains: n racks of which one is shut, in closed form
static void an_isolated_rack_gives_its_flow_to_the_others(void)
{
    TwCduRow plain = row;
    plain.filter_fraction = plain.header_fraction = 0.0;
    double opening[RACKS], share[RACKS], total = 16e-3, left = 14e-3;
    memcpy(opening, all_open, sizeof opening);
    opening[1] = 0.0;
    TwLoopFlow f = solve(&plain, opening, 0, 0.0, share);
    // heads over design head at flow x of the loop: 1.3 - 0.3 x^2 = 0.15 x^2 + 0.85 (x total/left)^2
    double want = sqrt(1.3 / (0.45 + 0.85 * total * total / left / left));
    CHECK_NEAR(f.flow, want, 1e-8);
    CHECK(share[1] == 0.0);
    for (int i = 0; i < RACKS; i++)
        if (i != 1) CHECK_NEAR(share[i], want * total / left, 1e-8);
    // a valve at half opening: branch K from 1 to 0.5 + 0.5/0.25
    opening[1] = 0.5;
    solve(&plain, opening, 0, 0.0, share);
    CHECK_NEAR(share[1] / share[0], 1.0 / sqrt(2.5), 1e-9);
    // one pump of two: the specification's law
    TwLoopFlow one = solve(&plain, all_open, 1, 0.0, share);
    CHECK_NEAR(one.flow, tw_pumps_left(2, 1, 1.3, 0.0, 0.0), 1e-7);
    CHECK(solve(&plain, all_open, 2, 0.0, share).flow == 0.0);
}

// with mains the far racks gain most where all but the last are shut; a clogged filter takes from all alike
static void mains_and_filters_act(void)
{
    double opening[RACKS] = {0}, share[RACKS];
    opening[0] = 1.0;
    solve(&row, opening, 0, 0.0, share);
    double near = share[0];
    opening[0] = 0.0;
    opening[5] = 1.0;
    solve(&row, opening, 0, 0.0, share);
    CHECK(share[5] > near);    // the same design flow, but its branch is not throttled for the mains
    TwLoopFlow clean = solve(&row, all_open, 0, 0.0, share), clogged = solve(&row, all_open, 0, 5.0, share);
    CHECK(clogged.flow < clean.flow && clogged.flow > 0.7);
    for (int i = 1; i < RACKS; i++) CHECK_NEAR(share[i], share[0], 1e-6);
    CHECK(clogged.worst_index >= 0.0 && clogged.worst < 1.0);
}

// three CDUs side by side, one is lost: two pump groups on the old row, in closed form; speeding up restores the
// pressure
static void a_lost_cdu_leaves_its_row_to_the_others(void)
{
    TwCduRow plain = row;
    plain.filter_fraction = plain.header_fraction = 0.0;
    TwLoopUnit unit[3] = {{0}};
    TwLoopFlow flow;
    TwError error = {0};
    double share[RACKS];
    CHECK(tw_loop_solve(&plain, 3, unit, RACKS, design, all_open, &flow, share, &error));
    CHECK_NEAR(flow.flow, 1.0, 1e-9);
    for (int u = 0; u < 3; u++) CHECK_NEAR(unit[u].flow, 1.0, 1e-9);
    unit[1].shut = true;
    CHECK(tw_loop_solve(&plain, 3, unit, RACKS, design, all_open, &flow, share, &error));
    // at x of the loop each of the two carries 1.5 x: 1.3 - 0.3 (1.5 x)^2 = 0.15 (1.5 x)^2 + 0.85 x^2
    double want = sqrt(1.3 / (0.45 * 2.25 + 0.85));
    CHECK_NEAR(flow.flow, want, 1e-8);
    CHECK(unit[1].flow == 0.0 && unit[1].pump == 0.0 && flow.boost == 1.0);
    CHECK_NEAR(unit[0].flow, 1.5 * want, 1e-8);
    CHECK_NEAR(unit[0].pump + unit[2].pump, 1.0, 1e-12);
    for (int i = 0; i < RACKS; i++) CHECK_NEAR(share[i], want, 1e-8);
    plain.pump_speed_max_fraction = 1.5;
    CHECK(tw_loop_solve(&plain, 3, unit, RACKS, design, all_open, &flow, share, &error));
    CHECK_NEAR(flow.boost * flow.flow, 1.0, 1e-8);
    // one of two pumps of a CDU trips: it carries less, the others more
    unit[1].shut = false;
    unit[1].pumps_out = 1;
    CHECK(tw_loop_solve(&plain, 3, unit, RACKS, design, all_open, &flow, share, &error));
    CHECK(unit[1].flow < 0.9 && unit[0].flow > 1.0 && flow.flow > 0.9 && flow.flow < 1.0);
    CHECK_NEAR(unit[0].flow + unit[1].flow + unit[2].flow, 3.0 * flow.flow, 1e-9);
}

static Net1 *net(bool cvode, const char *throttle)
{
    Net1 *n = net1_rows(1);
    n->spec.cvode = cvode;
    n->lumps.throttle = throttle;
    n->lumps.throttle_release_k = 4.0;
    n->cdus[0].pump_count = 2;
    n->cdus[0].pump_shutoff_fraction = 1.3;
    n->cdus[0].exchanger_fraction = n->cdus[0].filter_fraction = 0.15;
    if (!net1_build(n)) exit(1);
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 132e3;
    TwError error = {0};
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
    return n;
}

// flow stops: on and off around the slowdown, both integrators at the same instants; heat in = heat out + stored
static void throttles_turn_with_hysteresis(void)
{
    enum { MOST = 64 };
    static TwThermalCrossing list[2][400];
    int count[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        Net1 *n = net(k == 1, "hysteresis");
        TwThermalCrossing now[MOST];
        TwError error = {0};
        tw_thermal_fail_pump(n->thermal, n->block, 0, true);
        double least = 1.0, most = 0.0;
        for (int w = 0; w < 100; w++) {
            if (w == 40) tw_thermal_fail_pump(n->thermal, n->block, 0, false);
            n->out.crossings = now;
            n->out.crossing_most = MOST;
            double stored = tw_thermal_stored_j(n->thermal, n->block);
            CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, w, w + 1.0, &n->out, &error));
            stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
            CHECK_NEAR(n->out.heat_in_j, n->out.heat_out_j + stored, 1e-11);
            for (int i = 0; i < n->out.crossing_count && count[k] < 400; i++) list[k][count[k]++] = now[i];
            least = fmin(least, n->clock[0]);
            if (w < 40) most = fmax(most, n->chip_degc[0]);
        }
        CHECK(least < 0.6 && most > 88.0);
        CHECK(n->clock[0] > 0.95);    // cool again: full clock
        net1_destroy(n);
    }
    CHECK(count[0] == count[1] && count[0] >= 2 * NET1_RACKS);
    for (int i = 0; i < count[0] && i < count[1]; i++) {
        CHECK(list[0][i].limit == list[1][i].limit);
        CHECK_WITHIN(list[0][i].time_s, list[1][i].time_s, 0.2);
    }
}

// one rack is shut: no coolant, the others have more; the loop conserves
static void a_leaking_rack_is_isolated(void)
{
    for (int k = 0; k < 2; k++) {
        Net1 *n = net(k == 1, "smooth");
        double flow[NET1_RACKS];
        TwError error = {0};
        n->out.rack_flow_fraction = flow;
        CHECK(tw_thermal_act(n->thermal, n->block, TW_ACT_RACK_VALVE, 3, 0.0, 0.0));
        CHECK(!tw_thermal_act(n->thermal, n->block, TW_ACT_RACK_VALVE, NET1_RACKS, 0.0, 0.0));
        n->rack_w[3] = 1.0;
        for (int w = 0; w < 30; w++) {
            double stored = tw_thermal_stored_j(n->thermal, n->block);
            CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 10.0 * w, 10.0 * w + 10.0, &n->out, &error));
            stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
            CHECK_NEAR(n->out.heat_in_j, n->out.heat_out_j + stored, 1e-11);
        }
        CHECK(flow[3] == 0.0 && flow[0] > 0.9 && n->out.worst_rack != 3);
        CHECK_NEAR(flow[0], flow[7], 1e-9);
        CHECK_WITHIN(n->cdu_supply_degc[0], 35.0, 0.1);
        net1_destroy(n);
    }
}

// a sensor that reads 2 K too much is held at the set point: the coolant is 2 K too cold
static void sensors_lie(void)
{
    Net1 *n = net(false, "smooth");
    TwError error = {0};
    CHECK(tw_thermal_act(n->thermal, n->block, TW_ACT_SENSOR_BIAS, 0, 2.0, 0.0));
    for (int w = 0; w < 120; w++)
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 10.0 * w, 10.0 * w + 10.0, &n->out, &error));
    CHECK_WITHIN(n->cdu_supply_degc[0], 33.0, 0.05);
    // frozen at 40: the valve opens for good
    CHECK(tw_thermal_act(n->thermal, n->block, TW_ACT_SENSOR_BIAS_END, 0, 0.0, 0.0));
    CHECK(tw_thermal_act(n->thermal, n->block, TW_ACT_SENSOR_FROZEN, 0, 40.0, 1200.0));
    for (int w = 120; w < 200; w++)
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 10.0 * w, 10.0 * w + 10.0, &n->out, &error));
    CHECK_NEAR(n->cdu_valve[0], 1.0, 1e-6);
    CHECK(n->cdu_supply_degc[0] < 34.0);
    net1_destroy(n);
}

// Two CDUs of a manifold against one of twice the size: the same temperatures. One is lost: the other carries its racks
// at a smaller flow and a larger approach, without a manifold they would throttle. Both integrators, heat closed.
static void neighbours_carry_the_racks_of_a_lost_cdu(void)
{
    for (int k = 0; k < 3; k++) {
        Net1 *n = net1_rows(2), *one = net1_rows(1);
        n->spec.cvode = k == 1;
        for (int c = 0; c < 2; c++) {
            n->cdus[c].manifold = k == 2 ? "" : "row";
            n->cdus[c].pump_count = 2;
            n->cdus[c].pump_head_pa = 3e5;
            n->cdus[c].pump_shutoff_fraction = 1.3;
            n->cdus[c].exchanger_fraction = n->cdus[c].filter_fraction = 0.15;
        }
        one->cdus[0] = n->cdus[0];
        CHECK(net1_build(n) && net1_build(one));
        CHECK(n->thermal->cdu_loop[1] == (k == 2 ? 1 : 0) && n->thermal->cdu_spare[0] == (k == 2 ? 0 : 1));
        TwError error = {0};
        for (int i = 0; i < 2 * NET1_RACKS; i++) n->rack_w[i] = 80e3;
        for (int i = 0; i < NET1_RACKS; i++) one->rack_w[i] = 80e3;
        CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
        CHECK(tw_thermal_start(one->thermal, one->block, &one->in, &error));
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 0.0, 5.0, &n->out, &error));
        CHECK(tw_thermal_advance(one->thermal, one->block, &one->in, 0.0, 5.0, &one->out, &error));
        CHECK_WITHIN(n->cdu_supply_degc[0], one->cdu_supply_degc[0], 1e-6);
        CHECK_WITHIN(n->chip_degc[0], one->chip_degc[0], 1e-5);
        CHECK_NEAR(n->load_w[0], one->load_w[0], 1e-9);
        double cool = n->chip_degc[0];
        CHECK(tw_thermal_fail_pump(n->thermal, n->block, 1, true));
        // alone, its racks would leave the bounds of a run after some minutes: nothing here shuts them down
        const int windows = k == 2 ? 20 : 120;
        const double back_s = 5.0 + 5.0 * windows;
        for (int w = 0; w < windows; w++) {
            double stored = tw_thermal_stored_j(n->thermal, n->block);
            CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 5.0 + 5.0 * w, 10.0 + 5.0 * w, &n->out, &error));
            stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
            CHECK_NEAR(n->out.heat_in_j, n->out.heat_out_j + stored, 1e-11);
        }
        CHECK(n->load_w[1] == 0.0 && n->load_w[0] > 0.0);
        if (k < 2) {
            CHECK(n->chip_degc[15] > cool + 0.5 && n->chip_degc[15] < 85.0 && n->clock[15] > 0.99);
            CHECK_NEAR(n->chip_degc[15], n->chip_degc[0], 1e-9);
            CHECK(n->cdu_valve[1] == 0.0 && n->cdu_heat_w[1] == 0.0 && n->cdu_heat_w[0] > 1.1e6);
        } else {
            CHECK(n->chip_degc[15] > 85.0 && n->clock[15] < 0.9);
        }
        CHECK(tw_thermal_fail_pump(n->thermal, n->block, 1, false));
        for (int w = 0; w < 120; w++)
            CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, back_s + 5.0 * w, back_s + 5.0 * w + 5.0, &n->out,
                                     &error));
        CHECK_WITHIN(n->chip_degc[15], cool, 0.05);
        net1_destroy(n);
        net1_destroy(one);
    }
}

// Nothing flows: all racks shut, all pumps of a loop or of all CDUs out, a filter that lets nothing through, a loop
// without head. Both integrators keep the books, and all comes back.
static void standing_water_conserves(void)
{
    static const char *const manifolds[] = {"", "row"};
    for (int k = 0; k < 4; k++) {
        Net1 *n = net1_rows(2);
        n->spec.cvode = k % 2 == 1;
        for (int c = 0; c < 2; c++) {
            n->cdus[c].manifold = manifolds[k / 2];
            n->cdus[c].pump_count = 2;
            n->cdus[c].pump_shutoff_fraction = 1.3;
            n->cdus[c].filter_fraction = 0.15;
            if (k / 2 == 1) n->cdus[c].pump_head_pa = 0.0;
        }
        CHECK(net1_build(n));
        TwError error = {0};
        for (int i = 0; i < 2 * NET1_RACKS; i++) n->rack_w[i] = 80e3;
        CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
        double cool = 0.0;
        for (int w = 0; w < 160; w++) {
            double at = 5.0 * w;
            for (int i = 0; w == 2 && i < 2 * NET1_RACKS; i++)
                tw_thermal_act(n->thermal, n->block, TW_ACT_RACK_VALVE, i, 0.0, at);
            for (int i = 0; w == 4 && i < 2 * NET1_RACKS; i++)
                tw_thermal_act(n->thermal, n->block, TW_ACT_RACK_VALVE_END, i, 0.0, at);
            for (int p = 0; (w == 6 || w == 8) && p < 4; p++)
                tw_thermal_act(n->thermal, n->block, w == 6 ? TW_ACT_PUMP_TRIP : TW_ACT_PUMP_TRIP_END, p % 2, 0.0, at);
            for (int c = 0; (w == 10 || w == 12) && c < 2; c++)
                tw_thermal_act(n->thermal, n->block, w == 10 ? TW_ACT_CLOG : TW_ACT_CLOG_END, c, 1e9, at);
            double stored = tw_thermal_stored_j(n->thermal, n->block);
            CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, at, at + 5.0, &n->out, &error));
            stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
            CHECK_NEAR(n->out.heat_in_j, n->out.heat_out_j + stored, 1e-10);
            if (w == 0) cool = n->chip_degc[0];
            if (w == 3 || w == 7 || w == 11) CHECK(n->chip_degc[0] > cool + 2.0);
        }
        CHECK_WITHIN(n->chip_degc[0], cool, 0.1);
        net1_destroy(n);
    }
}

int main(void)
{
    the_design_is_a_solution();
    an_isolated_rack_gives_its_flow_to_the_others();
    mains_and_filters_act();
    throttles_turn_with_hysteresis();
    a_leaking_rack_is_isolated();
    a_lost_cdu_leaves_its_row_to_the_others();
    sensors_lie();
    neighbours_carry_the_racks_of_a_lost_cdu();
    standing_water_conserves();
    return check_failures != 0;
}
